//! Who a node is on noise links: libp2p's peer id, which for keys of these two types holds the public key itself.
//!
//! Source: `github.com/libp2p/specs`, `peer-ids/peer-ids.md`; read as `peer.Decode` of go-libp2p v0.47.0 reads it.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::VerifyingKey;
use k256::ecdsa::signature::Verifier;

use super::multibase::{Multibase, to_base58};
use crate::link::identity::{self, IdentityKey};
use crate::text::excerpt;

/// Longer than any spelling of an id here (a secp256k1 key's as hexadecimal CID has 83 characters), in bytes.
const LONGEST: usize = 128;
/// How much of an id that is none is shown, in bytes.
const LONGEST_SHOWN: usize = 80;

/// Codes of `github.com/multiformats/multicodec`.
const IDENTITY: u8 = 0x00;
const SHA2_256: u8 = 0x12;
const CID_V1: u8 = 0x01;
const LIBP2P_KEY: u8 = 0x72;

/// `KeyType` of `libp2p/core/crypto/pb/crypto.proto`.
const ED25519: u8 = 1;
const SECP256K1: u8 = 2;

/// A libp2p peer id: an Ed25519 or secp256k1 public key, the types that CometBFT v0.40 takes for a node's key
/// (`lp2p.PrivateKeyFromCosmosKey`). Shown in base 58.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Libp2pId(IdKey);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum IdKey {
    Ed25519([u8; 32]),
    /// Compressed (SEC 1, 2.3.3).
    Secp256k1([u8; 33]),
}

/// Why something is no libp2p peer id that a node can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALibp2pId {
    /// The id of `tcp://` links.
    #[error(
        "`{0}` is the node's id on tcp:// links; a noise:// address takes its libp2p peer id, which \
         `cometbft show-node-id --libp2p` prints on the node"
    )]
    NodeId(String),
    /// Longer than any.
    #[error("a libp2p peer id has 52 to 83 characters, and this one has {0}")]
    TooLong(usize),
    /// It begins like none.
    #[error(
        "`{0}` is not a libp2p peer id: those of nodes begin with 12D3Koo or 16Uiu2H, or with `b` or `k` as a CID"
    )]
    Kind(String),
    /// A character that its base does not have.
    #[error("`{text}` is not a libp2p peer id: {digit:?} is none of its digits")]
    Digit {
        /// What was read.
        text: String,
        /// The character.
        digit: char,
    },
    /// Something was cut off it, or added to it.
    #[error("`{0}` is not a libp2p peer id: it was cut, or something was added to it")]
    Cut(String),
    /// A CID of something else.
    #[error("`{0}` is the CID of something else than a libp2p key")]
    Codec(String),
    /// A hash of a key.
    #[error(
        "`{0}` is the hash of a longer key, such as RSA; the key of a node is Ed25519 or secp256k1, and its id begins with \
         12D3Koo or 16Uiu2H"
    )]
    Hashed(String),
    /// Another multihash.
    #[error("`{text}` is not a libp2p peer id: its multihash has the code {code:#04x}")]
    Hash {
        /// What was read.
        text: String,
        /// The code.
        code: u8,
    },
    /// The key in it is none of a node's.
    #[error("the key in it is wrong: {0}")]
    Key(#[from] NotALibp2pKey),
}

/// Why bytes are not the public key of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALibp2pKey {
    /// Not type and data, in this order and nothing else.
    #[error("it is not an encoded public key")]
    Encoding,
    /// RSA, ECDSA, or unknown.
    #[error("its type is {0}, and nodes have Ed25519 (1) or secp256k1 (2)")]
    Type(u8),
    /// Another length than keys of its type have.
    #[error("it has {0} bytes; an Ed25519 key has 32, a compressed secp256k1 key 33")]
    Length(usize),
    /// No point of the curve.
    #[error("it is not a point of its curve")]
    Point,
}

impl Libp2pId {
    /// By which nodes know this key on noise links.
    pub fn of(identity: &IdentityKey) -> Self {
        Self(IdKey::Ed25519(identity.public_key()))
    }

    /// Reads `PublicKey{Type, Data}` in the one encoding that ids are made of.
    pub(super) fn from_encoded_key(bytes: &[u8]) -> Result<Self, NotALibp2pKey> {
        let [0x08, kind, 0x12, length, data @ ..] = bytes else {
            return Err(NotALibp2pKey::Encoding);
        };
        if *kind != ED25519 && *kind != SECP256K1 {
            return Err(NotALibp2pKey::Type(*kind));
        }
        if usize::from(*length) != data.len() {
            return Err(NotALibp2pKey::Encoding);
        }
        let wrong = |_| NotALibp2pKey::Length(data.len());
        let key = match *kind == ED25519 {
            true => IdKey::Ed25519(data.try_into().map_err(wrong)?),
            false => IdKey::Secp256k1(data.try_into().map_err(wrong)?),
        };
        let on_its_curve = match &key {
            IdKey::Ed25519(key) => VerifyingKey::from_bytes(key).is_ok(),
            IdKey::Secp256k1(key) => k256::ecdsa::VerifyingKey::from_sec1_bytes(key).is_ok(),
        };
        match on_its_curve {
            true => Ok(Self(key)),
            false => Err(NotALibp2pKey::Point),
        }
    }

    /// `PublicKey{Type, Data}`.
    pub(super) fn encoded_key(&self) -> Vec<u8> {
        let (kind, data): (u8, &[u8]) = match &self.0 {
            IdKey::Ed25519(key) => (ED25519, key),
            IdKey::Secp256k1(key) => (SECP256K1, key),
        };
        let mut bytes = vec![0x08, kind, 0x12, u8::try_from(data.len()).unwrap_or(0)];
        bytes.extend_from_slice(data);
        bytes
    }

    /// Whether this key made the signature: Ed25519 strictly, secp256k1 as ECDSA in DER over SHA-256.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            IdKey::Ed25519(key) => signature
                .try_into()
                .is_ok_and(|signature| identity::verify(key, message, signature)),
            IdKey::Secp256k1(key) => {
                let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(key);
                let signature = k256::ecdsa::Signature::from_der(signature);
                let (Ok(key), Ok(signature)) = (key, signature) else {
                    return false;
                };
                // go-libp2p takes either half; k256 the lower one.
                let signature = signature.normalize_s().unwrap_or(signature);
                key.verify(message, &signature).is_ok()
            }
        }
    }

    fn from_multihash(bytes: &[u8], text: &str) -> Result<Self, NotALibp2pId> {
        match bytes {
            [IDENTITY, length, key @ ..] if usize::from(*length) == key.len() => {
                Ok(Self::from_encoded_key(key)?)
            }
            [SHA2_256, 32, hash @ ..] if hash.len() == 32 => {
                Err(NotALibp2pId::Hashed(text.to_owned()))
            }
            [] | [IDENTITY | SHA2_256, ..] => Err(NotALibp2pId::Cut(text.to_owned())),
            [code, ..] => Err(NotALibp2pId::Hash {
                text: text.to_owned(),
                code: *code,
            }),
        }
    }
}

impl FromStr for Libp2pId {
    type Err = NotALibp2pId;

    /// Base 58 as nodes show it, and CIDv1 in the bases 16, 32, 36 and 58.
    fn from_str(text: &str) -> Result<Self, NotALibp2pId> {
        let shown = excerpt::brief(text, LONGEST_SHOWN);
        if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotALibp2pId::NodeId(shown.into_owned()));
        }
        if text.len() > LONGEST {
            return Err(NotALibp2pId::TooLong(text.len()));
        }
        let decode = |base: Multibase, digits: &str| {
            base.decode(digits).map_err(|digit| match digit {
                Some(digit) => NotALibp2pId::Digit {
                    text: shown.clone().into_owned(),
                    digit,
                },
                None => NotALibp2pId::Cut(shown.clone().into_owned()),
            })
        };
        if text.starts_with('1') || text.starts_with("Qm") {
            return Self::from_multihash(&decode(Multibase::Base58, text)?, &shown);
        }
        let base = text.chars().next().and_then(Multibase::of_prefix);
        let Some((base, digits)) = base.zip(text.get(1..)) else {
            return Err(NotALibp2pId::Kind(shown.into_owned()));
        };
        match decode(base, digits)?.as_slice() {
            [CID_V1, LIBP2P_KEY, multihash @ ..] => Self::from_multihash(multihash, &shown),
            [CID_V1, ..] => Err(NotALibp2pId::Codec(shown.into_owned())),
            _ => Err(NotALibp2pId::Kind(shown.into_owned())),
        }
    }
}

impl fmt::Display for Libp2pId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.encoded_key();
        let mut bytes = vec![IDENTITY, u8::try_from(key.len()).unwrap_or(0)];
        bytes.extend_from_slice(&key);
        f.write_str(&to_base58(&bytes))
    }
}

impl fmt::Debug for Libp2pId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by go-libp2p v0.47.0 for the Ed25519 seed `[7; 32]`: base 58, then CIDs in base 32, 36, 58, 16, and capitals.
    const ED25519_IDS: [&str; 6] = [
        "12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7",
        "bafzaajaiaejcb2sknrr6fhcsbk7pkud3cmxml6mvi53k5pv6pojeehxknekenurm",
        "k51qzi5uqu5dm0t4vbwri4lkg76q03b4x9tsvekgvbu4zli6454ff7w8wdosa4",
        "z5AanNVJCxnWbxUUgsbS2LxZqkEnxF7spkR1PZABv6BLDf7szTeSsBh",
        "f0172002408011220ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c",
        "BAFZAAJAIAEJCB2SKNRR6FHCSBK7PKUD3CMXML6MVI53K5PV6POJEEHXKNEKENURM",
    ];
    /// The same for the secp256k1 key `[3; 32]`.
    const SECP256K1_IDS: [&str; 5] = [
        "16Uiu2HAm12A2heuphsgWqFjE3jcHVXNBfte9HU1fuQYRSKh6JSpN",
        "bafzaajiiaijccastd7tanajuka6soiytgit4qz5mr6tmqpctp2nejq6fxw64wh7dg4",
        "kzwfwjn5ji4pulqsqqobegnob3x0r1grl1jkzy7knrrvl3equku4nzbjlzql54n",
        "zKPJ7QRXxW7m9WwYd9D1zwyzmj7DTs1DXmcUmxfcn3rLkeK8SGh6TsxS",
        "f017200250802122102531fe6068134503d2723133227c867ac8fa6c83c537e9a44c3c5bdbdcb1fe337",
    ];

    #[test]
    fn every_spelling_is_the_same_id() {
        let ours = Libp2pId::of(&IdentityKey::from_seed(&[7; 32]));
        assert_eq!(ours.to_string(), ED25519_IDS[0]);
        for text in ED25519_IDS {
            assert_eq!(text.parse::<Libp2pId>().unwrap(), ours, "{text}");
        }
        for text in SECP256K1_IDS {
            let id: Libp2pId = text.parse().unwrap();
            assert_eq!(id.to_string(), SECP256K1_IDS[0], "{text}");
        }
    }

    /// By go-libp2p v0.47.0 with the key `[3; 32]` over `hello`.
    #[test]
    fn a_signature_of_go_libp2p_is_verified() {
        let id: Libp2pId = SECP256K1_IDS[0].parse().unwrap();
        let signature = subtle_encoding::hex::decode(
            "3045022100a8181e2ffeb3a2524680c8c26a6134260c1525ea45d15a801cac4a9fad29f4f502204b90a243ddf7f2c54415\
             259483399d90141bad004bd03c34865aaaab7877eadc",
        );
        let signature = signature.unwrap();
        assert!(id.verify(b"hello", &signature));
        assert!(!id.verify(b"hallo", &signature));
        assert!(!id.verify(b"hello", &[signature, vec![0]].concat()));
    }

    #[test]
    fn what_is_no_id_is_told_apart() {
        use NotALibp2pId as E;
        let error = |text: &str| text.parse::<Libp2pId>().unwrap_err();
        let own = |text: &str| text.to_owned();
        let node = "f88883b673fc69d7869cab098de3bafc2ff76eb8";
        assert_eq!(error(node), E::NodeId(own(node)));
        assert_eq!(error(&"1".repeat(129)), E::TooLong(129));
        for text in ["", "x", "12", "ü", "0x12", "@"] {
            let kind = matches!(error(text), E::Kind(_) | E::Hash { .. } | E::Cut(_));
            assert!(kind, "{text}");
        }
        // RSA: the hash of the key, in base 58 and as CID.
        for text in [
            "QmS8EjvW9Sk1QaiCAzZxUQs1ABwacmvq5MsspeRVuQ6BnS",
            "bafzbeibyicwtbpyjdkbyhyfjzstfzyhqee7bhtr2oeq35rjvl3mpj56pnm",
        ] {
            assert_eq!(error(text), E::Hashed(own(text)));
        }
        let [id, cid, ..] = ED25519_IDS;
        for at in 1..id.len() {
            assert!(id[..at].parse::<Libp2pId>().is_err(), "{}", &id[..at]);
        }
        for at in 1..cid.len() {
            assert!(cid[..at].parse::<Libp2pId>().is_err(), "{}", &cid[..at]);
        }
        assert!(matches!(error(&format!("{id}1")), E::Cut(_)));
        let zero = id.replace('o', "0");
        let digit = E::Digit {
            text: zero.clone(),
            digit: '0',
        };
        assert_eq!(error(&zero), digit);
        // A CID of a file (dag-pb), and a multihash of BLAKE2b-256.
        let file = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
        assert_eq!(error(file), E::Codec(own(file)));
        let blake = to_base58(&[&[0xa0, 0xe4, 2, 32][..], &[7; 32]].concat());
        assert!(matches!(error(&format!("1{blake}")), E::Cut(_)));
        assert!(matches!(error("12SD"), E::Cut(_) | E::Hash { .. }));
        // No point of the curve; another type; another length.
        for (key, why) in [
            (
                [&[8, 1, 18, 32][..], &[2; 32]].concat(),
                NotALibp2pKey::Point,
            ),
            (
                [&[8, 3, 18, 32][..], &[2; 32]].concat(),
                NotALibp2pKey::Type(3),
            ),
            (
                [&[8, 1, 18, 31][..], &[2; 31]].concat(),
                NotALibp2pKey::Length(31),
            ),
            (
                [&[8, 1, 18, 30][..], &[2; 31]].concat(),
                NotALibp2pKey::Encoding,
            ),
        ] {
            let length = u8::try_from(key.len()).unwrap();
            let text = to_base58(&[&[0, length][..], &key].concat());
            assert_eq!(error(&text), E::Key(why));
        }
    }

    #[test]
    fn however_long_what_is_no_id_is_its_message_is_short() {
        for text in [
            "x".repeat(3000),
            "1".repeat(128),
            format!("b{}", "ü".repeat(60)),
        ] {
            let told = text.parse::<Libp2pId>().unwrap_err().to_string();
            assert!(told.len() < 300, "{told}");
        }
    }
}
