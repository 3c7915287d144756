//! How a public key is shown: in the forms that chains and their tools use.

use subtle_encoding::bech32::Bech32;
use subtle_encoding::{base64, hex};

use super::key::{KeyType, PublicKey};

/// The `key_format` of a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeyFormat {
    /// Bech32 with these prefixes, as `cosmospub` and `cosmosvalconspub`.
    Bech32 {
        /// For keys of type account (secp256k1).
        account: String,
        /// For keys of type consensus (Ed25519).
        consensus: String,
    },
    /// The JSON of the Cosmos SDK.
    #[default]
    CosmosJson,
    /// Upper-case hexadecimal digits.
    Hex,
}

/// The key as base64, as in a genesis file.
pub fn to_base64(key: &PublicKey) -> String {
    text(base64::encode(key.as_bytes()))
}

/// The key as upper-case hexadecimal digits.
pub fn to_hex(key: &PublicKey) -> String {
    text(hex::encode_upper(key.as_bytes()))
}

/// The key as the JSON that `tendermint show-validator` of Cosmos SDK chains prints.
pub fn to_cosmos_json(key: &PublicKey) -> String {
    format!(
        r#"{{"@type":"/cosmos.crypto.{}.PubKey","key":"{}"}}"#,
        key.key_type(),
        to_base64(key)
    )
}

/// The key as Bech32 of its Amino encoding.
pub fn to_bech32(key: &PublicKey, prefix: &str) -> String {
    // Amino's prefixes for the two types: four bytes of hash, and the length of the key.
    let start: [u8; 5] = match key.key_type() {
        KeyType::Ed25519 => [0x16, 0x24, 0xde, 0x64, 0x20],
        KeyType::Secp256k1 => [0xeb, 0x5a, 0xe9, 0x87, 0x21],
    };
    let bytes = [&start[..], key.as_bytes()].concat();
    Bech32::lower_case().encode(prefix, bytes)
}

/// Whether a text can stand before the `1` of a Bech32 text (BIP 173, without its capitals).
pub fn is_prefix(text: &str) -> bool {
    (1..=83).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
}

impl KeyFormat {
    /// The key in this format.
    pub fn show(&self, key: &PublicKey) -> String {
        match self {
            Self::Bech32 { account, consensus } => match key.key_type() {
                KeyType::Ed25519 => to_bech32(key, consensus),
                KeyType::Secp256k1 => to_bech32(key, account),
            },
            Self::CosmosJson => to_cosmos_json(key),
            Self::Hex => to_hex(key),
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_one_key() {
        let key = PublicKey::Ed25519([0; 32]);
        assert_eq!(to_hex(&key), "00".repeat(32));
        assert_eq!(
            to_cosmos_json(&key),
            r#"{"@type":"/cosmos.crypto.ed25519.PubKey","key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#
        );
        let bech32 = to_bech32(&key, "cosmosvalconspub");
        // The prefix that every Ed25519 consensus key of a Cosmos chain begins with.
        assert!(bech32.starts_with("cosmosvalconspub1zcjduepq"), "{bech32}");
    }
}
