//! The identity keys of links, each once: by them nodes know this signer; and the line with which a node listens for it.

use std::fmt;
use std::net::IpAddr;

use subtle_encoding::{base64, hex};

use crate::config::NodeConfig;
use crate::consensus::{KeyType, PublicKey, key_text};
use crate::link::{Address, IdentityKey, Libp2pId};
use crate::secret_file::SecretSource;
use crate::service::identity_of;

/// The public half of an identity key, in the forms that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicIdentity {
    /// As nodes and their operators write it on `tcp://` links: 40 hexadecimal digits.
    pub peer_id: String,
    /// The same on `noise://` links.
    pub libp2p_peer_id: String,
    /// The Ed25519 public key, in base64.
    pub public_key: String,
    /// The same in hexadecimal digits.
    pub public_key_hex: String,
}

impl PublicIdentity {
    /// That of a key.
    pub(super) fn of(key: &IdentityKey) -> Self {
        Self {
            peer_id: key.peer_id().to_string(),
            libp2p_peer_id: Libp2pId::of(key).to_string(),
            public_key_hex: String::from_utf8_lossy(&hex::encode(key.public_key())).into_owned(),
            public_key: String::from_utf8_lossy(&base64::encode(key.public_key())).into_owned(),
        }
    }

    /// Whether this is the key that a validator signs with.
    pub(super) fn is_of(&self, key: &PublicKey) -> bool {
        key.key_type() == KeyType::Ed25519 && key_text::to_base64(key) == self.public_key
    }
}

impl fmt::Display for PublicIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            peer_id,
            libp2p_peer_id,
            public_key,
            public_key_hex: _,
        } = self;
        write!(
            f,
            "peer id {peer_id}, public key {public_key}, libp2p peer id {libp2p_peer_id}"
        )
    }
}

/// The identities of these nodes in their order, each once, or why one cannot be read.
pub(super) fn of_nodes<'a>(
    nodes: impl IntoIterator<Item = &'a NodeConfig>,
) -> Vec<(&'a SecretSource, Result<PublicIdentity, String>)> {
    let mut found: Vec<(&SecretSource, _)> = Vec::new();
    for source in nodes.into_iter().filter_map(|node| node.identity.as_ref()) {
        if !found.iter().any(|(known, _)| *known == source) {
            let read = identity_of(source);
            found.push((source, read.map(|(key, _)| PublicIdentity::of(&key))));
        }
    }
    found
}

/// Host and port as they stand in an address.
pub(super) fn place(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// Where a node listens for a link, as a line of its `config.toml`; `signer` is the libp2p peer id of ours.
pub(super) fn laddr(address: &Address, signer: &str) -> String {
    match address {
        Address::Tcp { host, port, .. } => line(&format!("tcp://{}", place(host, *port))),
        Address::Noise { host, port, .. } => noise_laddr(signer, Some((host, *port))),
        Address::Unix(_) => line(&address.to_string()),
    }
}

/// The same for a noise link to a node that is dialled at `place`. Noise wants an IP address there, and a name may have any.
pub(super) fn noise_laddr(signer: &str, place: Option<(&str, u16)>) -> String {
    let at = match place {
        Some((host, port)) if host.parse::<IpAddr>().is_ok() => self::place(host, port),
        Some((_, port)) => self::place("0.0.0.0", port),
        None => "IP:PORT".to_owned(),
    };
    line(&format!("noise://{signer}@{at}"))
}

fn line(address: &str) -> String {
    format!("priv_validator_laddr = \"{address}\"")
}
