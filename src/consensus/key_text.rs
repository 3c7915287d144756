//! How a public key is shown: in the forms that chains and their tools use.

use sha2::{Digest, Sha256};
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
        /// For keys of all other types.
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

/// The key as the JSON that its chains print and take: that of the Cosmos SDK, as `tendermint show-validator` prints it, or
/// CometBFT's, as in a genesis file, for a type that the SDK has not (secp256k1eth).
pub fn to_json(key: &PublicKey) -> String {
    let package = match key.key_type() {
        KeyType::Ed25519 => "ed25519",
        KeyType::Secp256k1 => "secp256k1",
        KeyType::Bls12381 => "bls12_381",
        KeyType::MlDsa65 => "mldsa65",
        KeyType::Secp256k1Eth => return to_comet_json(key),
    };
    format!(
        r#"{{"@type":"/cosmos.crypto.{package}.PubKey","key":"{}"}}"#,
        to_base64(key)
    )
}

/// The key of this type of which [`to_json`] makes this text.
pub fn of_json(json: &str, kind: KeyType) -> Option<PublicKey> {
    // The value is the last text in it.
    let value = json.rsplit('"').nth(1)?;
    let bytes = base64::decode(value).ok()?;
    let key = PublicKey::of_type(kind, &bytes).ok()?;
    (to_json(&key) == json).then_some(key)
}

/// The key as the JSON of CometBFT, as in a genesis file.
pub fn to_comet_json(key: &PublicKey) -> String {
    format!(
        r#"{{"type":"{}","value":"{}"}}"#,
        key.key_type().public_json_name(),
        to_base64(key)
    )
}

/// The key as Bech32 of its Amino encoding.
pub fn to_bech32(key: &PublicKey, prefix: &str) -> String {
    let mut bytes = amino_prefix(key.key_type().public_json_name()).to_vec();
    // Amino writes the length in groups of seven bits, the lowest first.
    let mut length = key.as_bytes().len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push((length & 0x7f) as u8);
    bytes.extend_from_slice(key.as_bytes());
    Bech32::lower_case().encode(prefix, bytes)
}

/// What Amino puts before a value of a registered type: of the SHA-256 of its name without zeros at the beginning, what follows
/// the first three bytes, again without zeros at the beginning
/// (<https://github.com/tendermint/go-amino/blob/v0.16.0/codec.go>, `nameToDisfix`).
fn amino_prefix(name: &str) -> [u8; 4] {
    let hash = Sha256::digest(name);
    let mut rest = hash
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .skip(3)
        .skip_while(|byte| *byte == 0);
    std::array::from_fn(|_| rest.next().unwrap_or_default())
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
                KeyType::Secp256k1 => to_bech32(key, account),
                _ => to_bech32(key, consensus),
            },
            Self::CosmosJson => to_json(key),
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
            to_json(&key),
            r#"{"@type":"/cosmos.crypto.ed25519.PubKey","key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#
        );
        assert_eq!(of_json(&to_json(&key), KeyType::Ed25519), Some(key.clone()));
        assert_eq!(of_json(&to_json(&key), KeyType::Secp256k1), None);
        assert_eq!(of_json(&to_comet_json(&key), KeyType::Ed25519), None);
        for text in ["", "\"", "{}", "AAAA", "\"AAAA\""] {
            assert_eq!(of_json(text, KeyType::Ed25519), None);
        }
        assert_eq!(
            amino_prefix("tendermint/PubKeyEd25519"),
            [0x16, 0x24, 0xde, 0x64]
        );
        assert_eq!(
            amino_prefix("tendermint/PubKeySecp256k1"),
            [0xeb, 0x5a, 0xe9, 0x87]
        );
        let bech32 = to_bech32(&key, "cosmosvalconspub");
        // The prefix that every Ed25519 consensus key of a Cosmos chain begins with.
        assert!(bech32.starts_with("cosmosvalconspub1zcjduepq"), "{bech32}");
    }
}
