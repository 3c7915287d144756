//! The `[[providers.cosign]]` of a member, as a text to paste into its configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use base64ct::{Base64, Encoding};

use crate::link::Address;
use crate::link::address::AddressError;

/// Where a member listens, where nothing was said: not where a node on the same host waits for its signer (26659).
const PORT: u16 = 26_669;
/// What stands for a peer id that is not known.
pub const NO_PEER_ID: &str = "PEER_ID";
/// What stands for a chain id that was not said.
const NO_CHAIN: &str = "CHAIN";

/// One member's section.
pub struct SectionText<'a> {
    /// The chain, if that was said.
    pub chain: Option<&'a str>,
    /// The path of the share, as it is to stand there.
    pub share: &'a str,
    /// The path of the identity key.
    pub identity: &'a str,
    /// Whose section it is.
    pub own: u16,
    /// All members, by rising ids.
    pub members: &'a [MemberText],
}

/// What is known of a member.
pub struct MemberText {
    /// From 1.
    pub id: u16,
    /// That of its identity key.
    pub peer_id: Option<String>,
    /// Host and port.
    pub place: Option<(String, u16)>,
    /// The public half of its share.
    pub public_share: Option<[u8; 32]>,
}

impl SectionText<'_> {
    /// The section. What is not known is in capitals or ends with `.example`.
    pub fn text(&self) -> String {
        let chain = self.chain.unwrap_or(NO_CHAIN);
        let mut text = format!("[[providers.cosign]]\nchain_ids = [\"{chain}\"]");
        if self.chain.is_none() {
            text.push_str("   # the chain id, as it stands in the genesis file");
        }
        text.push_str(&format!(
            "\nshare = \"{}\"\nsecret_key = \"{}\"\nlisten = \"{}\"\n",
            self.share,
            self.identity,
            self.listen()
        ));
        for member in self.members {
            text.push_str(&member.text());
        }
        text
    }

    /// Where this member listens, so that it is reached at its address.
    fn listen(&self) -> SocketAddr {
        let own = self.members.iter().find(|member| member.id == self.own);
        let place = own.and_then(|member| member.place.as_ref());
        let (host, port) = place.map_or(("", PORT), |(host, port)| (host, *port));
        let ip = match host.parse::<IpAddr>() {
            Ok(ip) if ip.is_loopback() => ip,
            Ok(IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
            _ => Ipv4Addr::UNSPECIFIED.into(),
        };
        SocketAddr::new(ip, port)
    }
}

impl MemberText {
    /// Its part of the section.
    pub fn text(&self) -> String {
        let peer_id = self.peer_id.as_deref().unwrap_or(NO_PEER_ID);
        let at = match &self.place {
            Some((host, port)) if host.contains(':') => format!("[{host}]:{port}"),
            Some((host, port)) => format!("{host}:{port}"),
            None => format!("member-{}.example:{PORT}", self.id),
        };
        let mut text = format!(
            "\n[[providers.cosign.members]]\nid = {}\naddr = \"tcp://{peer_id}@{at}\"",
            self.id
        );
        if self.place.is_none() {
            text.push_str("   # where the others reach it");
        }
        let share = match &self.public_share {
            Some(share) => Base64::encode_string(share),
            None => "PUBLIC_SHARE".to_owned(),
        };
        text.push_str(&format!("\npublic_share = \"{share}\"\n"));
        text
    }
}

/// Reads `HOST:PORT`, with or without `tcp://`.
///
/// # Errors
/// It is something else.
pub fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let bare = text.strip_prefix("tcp://").unwrap_or(text);
    match format!("tcp://{bare}").parse() {
        Ok(Address::Tcp {
            peer_id: None,
            host,
            port,
        }) => Ok((host, port)),
        Ok(_) => Err("write HOST:PORT without a peer id: that is made here".to_owned()),
        // That of a member, and not of a node.
        Err(AddressError::NoPort) => Err(format!(
            "the port is missing, as in {bare}:{PORT}, at which members listen by default"
        )),
        Err(error) => Err(error.to_string()),
    }
}

/// The name of a chain's share and of the identity that goes with it, below `secrets/`.
pub fn file_names(chain: Option<&str>) -> (String, String) {
    let stem = chain.unwrap_or(NO_CHAIN).replace('/', "-");
    (
        format!("secrets/{stem}.share"),
        format!("secrets/{stem}-cosign.key"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_listens_where_it_is_reached() {
        for (place, listen) in [
            (None, "0.0.0.0:26669"),
            (Some("10.0.0.2:1000"), "0.0.0.0:1000"),
            (Some("kms.example.com:1000"), "0.0.0.0:1000"),
            (Some("127.0.0.1:1000"), "127.0.0.1:1000"),
            (Some("[::1]:1000"), "[::1]:1000"),
            (Some("[2001:db8::1]:1000"), "[::]:1000"),
        ] {
            let members = [MemberText {
                id: 1,
                peer_id: None,
                place: place.map(|place| host_and_port(place).unwrap()),
                public_share: None,
            }];
            let section = SectionText {
                chain: None,
                share: "s",
                identity: "i",
                own: 1,
                members: &members,
            };
            assert_eq!(section.listen().to_string(), listen);
        }
        for wrong in ["a", "a:0", ":1", "unix:///a", "x@a:1", "noise://a:1"] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
    }
}
