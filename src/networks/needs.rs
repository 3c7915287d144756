//! What a network's validators need beyond what all do. Sources: the genesis file of Band's laozi-mainnet
//! (`consensus_params.validator.pub_key_types`), those of Berachain (`consensus.params.validator.pub_key_types`,
//! github.com/berachain/beacon-kit at ba255950), and celestia-core's `SignRawBytesRequest` with its purpose `fibre`.

use crate::consensus::KeyType;

/// What the validators of a network need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The type of their keys, where it is known.
    pub key_type: Option<KeyType>,
    /// The purposes for which nodes have raw bytes signed in Celestia's dialect; none for nearly all networks.
    pub raw_bytes: &'static [&'static str],
}

impl Needs {
    /// Of a network by its name in the table.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "bandchain" => Self {
                key_type: Some(KeyType::Secp256k1),
                ..Self::default()
            },
            "berachain" | "berachaintestnet" => Self {
                key_type: Some(KeyType::Bls12381),
                ..Self::default()
            },
            "celestia" | "celestiatestnet2" | "celestiatestnet3" => Self {
                key_type: Some(KeyType::Ed25519),
                raw_bytes: &["fibre"],
            },
            _ => Self::default(),
        }
    }

    /// The setting of a `[[chain]]` that allows the raw bytes, without a line end.
    pub fn raw_bytes_setting(&self) -> Option<String> {
        let ids: Vec<String> = self
            .raw_bytes
            .iter()
            .map(|id| format!("\"{id}\""))
            .collect();
        (!ids.is_empty()).then(|| {
            format!(
                "raw_bytes = {{ dialect = \"celestia\", ids = [{}] }}",
                ids.join(", ")
            )
        })
    }

    /// The type of keys, where it is not the Ed25519 of nearly all networks.
    pub fn unusual_key_type(&self) -> Option<KeyType> {
        self.key_type.filter(|kind| *kind != KeyType::Ed25519)
    }
}
