//! Who this signer is to its nodes.

use serde::{Deserialize, Serialize};

/// An identity key of links over TCP. It signs no votes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityStatus {
    /// Where it is written.
    pub source: String,
    /// The id by which nodes know it, in 40 hexadecimal digits.
    pub peer_id: Option<String>,
    /// The id by which nodes know it on noise links; none in the status of an older service.
    #[serde(default)]
    pub libp2p_peer_id: Option<String>,
    /// Its public key (Ed25519) in base64.
    pub public_key: Option<String>,
    /// Why it cannot be read.
    pub trouble: Option<String>,
}

impl IdentityStatus {
    /// In one line, for people.
    pub fn line(&self) -> String {
        match (&self.peer_id, &self.public_key, &self.trouble) {
            (Some(id), Some(key), _) => {
                let libp2p = self.libp2p_peer_id.as_ref();
                let libp2p = libp2p.map_or(String::new(), |id| format!(", libp2p peer id {id}"));
                format!("peer id {id}, public key {key}{libp2p} ({})", self.source)
            }
            (_, _, Some(why)) => format!("not known: {why}"),
            _ => format!("not known ({})", self.source),
        }
    }
}
