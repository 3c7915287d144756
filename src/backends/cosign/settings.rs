//! What a `[[providers.cosign]]` says: this member's share, who it is to the others, where it is asked by them, and all members.

use std::fmt;
use std::net::SocketAddr;

use crate::link::{Address, PeerId};
use crate::remedy::Commands;
use crate::secret_file::SecretSource;

/// One section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignSettings {
    /// Where this member's share is.
    pub share: SecretSource,
    /// Where the passphrase of the share is, where it is encrypted.
    pub passphrase: Option<SecretSource>,
    /// Where the identity key is by which the other members know this one.
    pub identity: SecretSource,
    /// Where those members listen for it that have higher ids.
    pub listen: SocketAddr,
    /// All members, this one included, by rising ids. No two have one id, peer id, address or public share, and no id up to the
    /// highest is left out.
    pub members: Vec<MemberSettings>,
    /// The commands of this program for the file, as messages print them.
    pub commands: Commands,
}

/// One member, as every member's file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSettings {
    /// That of its share: 1 to [`MOST`](crate::shares::MOST).
    pub id: u16,
    /// Who it is: the id of its identity key.
    pub peer_id: PeerId,
    /// Where it listens: a name or an IP address, an IPv6 one without its brackets.
    pub host: String,
    /// The port there, at least 1.
    pub port: u16,
    /// The public half of its share, where it stands here and not in the share's file alone.
    pub public_share: Option<[u8; 32]>,
}

impl CosignSettings {
    /// The member with this id.
    pub fn member(&self, id: u16) -> Option<&MemberSettings> {
        self.members.iter().find(|member| member.id == id)
    }
}

impl MemberSettings {
    /// How it is dialled: with its peer id pinned.
    pub fn address(&self) -> Address {
        Address::Tcp {
            peer_id: Some(self.peer_id),
            host: self.host.clone(),
            port: self.port,
        }
    }
}

/// Members in words, by their ids: `member 3`, or `members 1, 2`.
pub struct Members<'a>(pub &'a [u16]);

impl fmt::Display for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u16::to_string).collect();
        match numbers.as_slice() {
            [one] => write!(f, "member {one}"),
            several => write!(f, "members {}", several.join(", ")),
        }
    }
}
