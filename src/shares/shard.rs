//! One shard, read from horcrux's `CHAIN_shard.json`.

use curve25519_dalek::Scalar;
use curve25519_dalek::edwards::EdwardsPoint;
use ed25519_dalek::VerifyingKey;
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

use crate::consensus::PublicKey;
use crate::text::base64;

/// What stands before the 32 bytes of the key: protobuf's field 1, and amino's name of the type in older files.
const BEFORE_THE_KEY: [&[u8]; 2] = [&[0x0a, 0x20], &[0x16, 0x24, 0xde, 0x64, 0x20]];

/// A share of a key, and which one it is. Wiped when dropped.
pub struct Shard {
    /// Where the polynomial has this value: 1 and up.
    pub id: u32,
    /// The public key of the whole.
    pub public_key: PublicKey,
    pub(super) value: Scalar,
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

/// Why a file is no shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// The JSON is another, or none.
    #[error(
        "it is not the JSON of a horcrux shard (`pubKey`, `privateShard` and `id`; line {line}, column {column})"
    )]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// `pubKey` is damaged.
    #[error("its `pubKey` is not an Ed25519 public key in base64, as horcrux writes it")]
    PublicKey,
    /// `privateShard` is damaged.
    #[error("its `privateShard` is not a number below the order of Ed25519 in 32 bytes of base64")]
    Value,
    /// Ids count from 1.
    #[error("its `id` is 0; shards are counted from 1")]
    Id,
}

fn is_strong(public_key: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(public_key).is_ok_and(|key| !key.is_weak())
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "pubKey")]
    public_key: String,
    #[serde(rename = "privateShard")]
    value: Zeroizing<String>,
    id: u32,
}

impl Shard {
    /// Reads `CHAIN_shard.json` (`CosignEd25519Key` in `signer/cosigner_key.go` of
    /// github.com/strangelove-ventures/horcrux at fb49be9).
    ///
    /// # Errors
    /// It is something else, or damaged. No value of the file is shown.
    pub fn from_json(text: &[u8]) -> Result<Self, ShardError> {
        let written: Written = serde_json::from_slice(text).map_err(|error| ShardError::Json {
            line: error.line(),
            column: error.column(),
        })?;
        let public = base64::decode(written.public_key.as_bytes()).ok_or(ShardError::PublicKey)?;
        let public = BEFORE_THE_KEY
            .iter()
            .find_map(|before| <[u8; 32]>::try_from(public.strip_prefix(*before)?).ok())
            .filter(is_strong)
            .ok_or(ShardError::PublicKey)?;
        let bytes = base64::decode(written.value.as_bytes()).map(Zeroizing::new);
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        let bytes = Zeroizing::new(bytes.ok_or(ShardError::Value)?);
        Self::new(written.id, public, &bytes)
    }

    /// A share of the key with this public half: a number, little-endian.
    ///
    /// # Errors
    /// The id is 0, the key is none, or the number is not below the order of the group.
    pub fn new(id: u32, public_key: [u8; 32], value: &[u8; 32]) -> Result<Self, ShardError> {
        if !is_strong(&public_key) {
            return Err(ShardError::PublicKey);
        }
        let value = Option::from(Scalar::from_canonical_bytes(*value)).ok_or(ShardError::Value)?;
        match id {
            0 => Err(ShardError::Id),
            id => Ok(Self {
                id,
                public_key: PublicKey::Ed25519(public_key),
                value,
            }),
        }
    }

    /// The number, little-endian.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.value.to_bytes())
    }

    /// Its public half: the number times the base point.
    pub fn public_share(&self) -> [u8; 32] {
        EdwardsPoint::mul_base(&self.value).compress().to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that horcrux 3.3.2 dealt.
    const DEALT: &str = include_str!("../../tests/horcrux/2-3/1_shard.json");

    fn edited(from: &str, to: &str) -> Result<(), ShardError> {
        assert!(DEALT.contains(from), "{from}");
        Shard::from_json(DEALT.replace(from, to).as_bytes()).map(drop)
    }

    #[test]
    fn one_of_horcrux_is_read_in_both_forms_of_the_public_key() {
        let shard = Shard::from_json(DEALT.as_bytes()).unwrap();
        assert_eq!(shard.id, 1);
        let written: serde_json::Value = serde_json::from_str(DEALT).unwrap();
        let modern = written["pubKey"].as_str().unwrap();
        let mut amino = vec![0x16, 0x24, 0xde, 0x64, 0x20];
        amino.extend_from_slice(shard.public_key.as_bytes());
        let amino = String::from_utf8(subtle_encoding::base64::encode(amino)).unwrap();
        let old = DEALT.replace(modern, &amino);
        assert_eq!(
            Shard::from_json(old.as_bytes()).unwrap().public_key,
            shard.public_key
        );
    }

    #[test]
    fn what_is_damaged_is_named_and_not_shown() {
        let written: serde_json::Value = serde_json::from_str(DEALT).unwrap();
        let (public, value) = (
            written["pubKey"].as_str().unwrap(),
            written["privateShard"].as_str().unwrap(),
        );
        let encoded =
            |bytes: &[u8]| String::from_utf8(subtle_encoding::base64::encode(bytes)).unwrap();
        for (to, error) in [
            (encoded(&[0xff; 32]), ShardError::Value),
            (encoded(&[1; 31]), ShardError::Value),
            (encoded(&[1; 33]), ShardError::Value),
            (String::new(), ShardError::Value),
            ("*".to_owned(), ShardError::Value),
        ] {
            assert_eq!(edited(value, &to), Err(error), "{to}");
        }
        let small_order = [&[0x0a, 0x20][..], &[1], &[0; 31]].concat();
        for to in [
            encoded(&[1; 32]),
            encoded(&small_order),
            encoded(&[0x0a, 0x20]),
            "*".to_owned(),
        ] {
            assert_eq!(edited(public, &to), Err(ShardError::PublicKey), "{to}");
        }
        assert_eq!(edited("\"id\":1", "\"id\":0"), Err(ShardError::Id));
        for to in ["\"id\":-1", "\"id\":\"1\"", "\"id\":4294967296", "\"no\":1"] {
            assert!(matches!(
                edited("\"id\":1", to),
                Err(ShardError::Json { .. })
            ));
        }
        for text in ["", "{", "[]", "{}"] {
            let error = Shard::from_json(text.as_bytes()).map(drop).unwrap_err();
            assert!(matches!(error, ShardError::Json { .. }), "{text}");
        }
    }
}
