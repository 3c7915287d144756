//! A private key of any type.

use base64ct::{Base64, Encoding};
use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

use crate::consensus::{KeyType, PublicKey, Signature};
use crate::secret_file::kind::{self, FileKind};

use super::bls12_381;
use super::ed25519;
use super::error::SoftKeyError;
use super::json::KeyJson;
use super::ml_dsa_65;
use super::secp256k1;
use super::secp256k1eth;
use super::secret::SigningSecret;

/// A private key, and its public half. Wiped when dropped.
pub struct SoftKey {
    secret: Box<dyn SigningSecret>,
    public: PublicKey,
}

impl SoftKey {
    /// A new key of 32 fresh random bytes; gives the text of its file, too.
    ///
    /// # Errors
    /// The system has no random numbers or no thread, or this build has no keys of this type.
    pub fn generate(kind: KeyType) -> Result<(Self, Zeroizing<Vec<u8>>), SoftKeyError> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        loop {
            let none = |error: getrandom::Error| SoftKeyError::NoRandom(error.to_string());
            getrandom::getrandom(&mut *seed).map_err(none)?;
            let bytes = match kind {
                KeyType::Ed25519 | KeyType::Secp256k1 => Zeroizing::new(seed.to_vec()),
                KeyType::Secp256k1Eth => secp256k1eth::of_seed(&seed)?,
                KeyType::Bls12381 => bls12_381::of_seed(&seed)?,
                KeyType::MlDsa65 => ml_dsa_65::of_seed(&seed)?,
            };
            match Self::from_bytes(&bytes, kind) {
                // One in 2^128 of random strings is not a secp256k1 scalar.
                Err(SoftKeyError::Invalid(_)) => continue,
                key => {
                    let key = key?;
                    let text = key.to_file()?;
                    return Ok((key, text));
                }
            }
        }
    }

    /// Reads base64, with or without a line end and a byte order mark.
    ///
    /// # Errors
    /// What else it is, or why it is no key of this type.
    pub fn from_base64(text: &[u8], kind: KeyType) -> Result<Self, SoftKeyError> {
        let bytes = crate::text::base64::decode(kind::text(text)).map(Zeroizing::new);
        let key = bytes
            .ok_or(SoftKeyError::NotBase64)
            .and_then(|bytes| Self::from_bytes(&bytes, kind));
        key.map_err(|error| match kind::look(text) {
            None | Some(FileKind::Base64) => error,
            Some(other) => SoftKeyError::OtherKind(other),
        })
    }

    /// Reads the bytes of a key.
    ///
    /// # Errors
    /// Why they are none of this type.
    pub fn from_bytes(bytes: &[u8], kind: KeyType) -> Result<Self, SoftKeyError> {
        if !kind.is_built() {
            return Err(SoftKeyError::NotBuilt(kind));
        }
        let secret = match kind {
            KeyType::Ed25519 => ed25519::read(bytes),
            KeyType::Secp256k1 => secp256k1::read(bytes),
            KeyType::Secp256k1Eth => secp256k1eth::read(bytes),
            KeyType::Bls12381 => bls12_381::read(bytes),
            KeyType::MlDsa65 => ml_dsa_65::read(bytes),
        }?;
        Ok(Self {
            public: secret.public_key(),
            secret,
        })
    }

    /// Reads CometBFT's `priv_validator_key.json` and checks that its three parts belong together.
    ///
    /// # Errors
    /// What else it is, or why it is no key of this type.
    pub fn from_json(text: &[u8], kind: KeyType) -> Result<Self, SoftKeyError> {
        let file = KeyJson::read(text, kind)?;
        let key = Self::from_bytes(&file.secret, kind)?;
        file.agrees(&key.public)?;
        Ok(key)
    }

    /// The text of a key file that holds this key: base64 of its shortest form, and a line end.
    pub fn to_base64(&self) -> Zeroizing<Vec<u8>> {
        let bytes = self.secret.to_bytes();
        // Of its full length from the start: a vector that grows leaves copies behind.
        let mut text = Zeroizing::new(vec![b'\n'; Base64::encoded_len(&bytes) + 1]);
        // The length is right, which is the one thing that could be wrong.
        let _ = Base64::encode(&bytes, &mut text);
        text
    }

    /// [`SoftKey::to_base64`], read again and compared before it is the only thing that holds the key.
    ///
    /// # Errors
    /// Another key was read, or none.
    pub fn to_file(&self) -> Result<Zeroizing<Vec<u8>>, SoftKeyError> {
        let text = self.to_base64();
        match Self::from_base64(&text, self.public.key_type()) {
            Ok(again) if again.public == self.public => Ok(text),
            Err(error @ SoftKeyError::NoThread(_)) => Err(error),
            Ok(_) | Err(_) => Err(SoftKeyError::NotReadAgain),
        }
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    /// The 32-byte seed of an Ed25519 key, where the file had it.
    pub fn seed(&self) -> Option<Zeroizing<[u8; 32]>> {
        self.secret.seed()
    }

    /// The scalar of an Ed25519 key, below the order of the group; a secret as the key itself is, and to be wiped.
    pub fn scalar(&self) -> Option<Scalar> {
        self.secret.scalar()
    }

    /// Signs, and looks at the signature before anybody has it (W13): one that a fault of memory or processor spoiled
    /// would give the key away, and count as no vote. Private to the backend: the program signs with permits only.
    pub(in crate::backends::softsign) fn sign_bytes(
        &self,
        bytes: &[u8],
    ) -> Result<Signature, SoftKeyError> {
        self.secret.sign(&self.public, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use subtle_encoding::{base64, hex};

    fn signs(key: &SoftKey) {
        let signature = key.sign_bytes(b"vote").unwrap();
        assert!(key.public_key().verify(b"vote", &signature));
        assert!(!key.public_key().verify(b"veto", &signature));
    }

    #[test]
    fn generated_keys_are_read_back() {
        for kind in KeyType::ALL {
            let (key, text) = SoftKey::generate(kind).unwrap();
            let again = SoftKey::from_base64(&text, kind).unwrap();
            assert_eq!(again.public_key(), key.public_key());
            signs(&again);
        }
    }

    #[test]
    fn common_mistakes_are_named() {
        let error = |bytes: &[u8]| SoftKey::from_base64(bytes, KeyType::Ed25519).err().unwrap();
        let digits = "ab".repeat(32);
        let hex = FileKind::Hex {
            bytes: 32,
            prefix: false,
        };
        assert_eq!(error(digits.as_bytes()), SoftKeyError::OtherKind(hex));
        assert_eq!(error(b"not base64!"), SoftKeyError::NotBase64);
        assert!(matches!(
            error(&base64::encode([1; 31])),
            SoftKeyError::Length { got: 31, .. }
        ));
        let seed_and_public = [[1_u8; 32], [255; 32]].concat();
        assert!(matches!(
            error(&base64::encode(seed_and_public)),
            SoftKeyError::Invalid(_)
        ));
        let zero = SoftKey::from_bytes(&[0; 32], KeyType::Secp256k1).err();
        assert!(matches!(zero, Some(SoftKeyError::Invalid(_))));
    }

    #[test]
    fn errors_quote_no_secret() {
        for text in [
            r#"{"address":"","pub_key":{"value":""},"priv_key":"c2VjcmV0"}"#,
            r#"{"address":"","pub_key":{"value":""},"priv_key":{"type":"c2VjcmV0/+=","value":""}}"#,
            r#"{"address":"","pub_key":{"value":""},"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"c2VjcmV0"}}"#,
            r#"{"priv_key":{"value":"c2VjcmV0"}"#,
        ] {
            let error = SoftKey::from_json(text.as_bytes(), KeyType::Ed25519);
            let error = error.err().unwrap();
            assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
            assert!(!format!("{error:?}").contains("c2VjcmV0"), "{error:?}");
        }
    }

    #[test]
    fn json_parts_must_belong_together() {
        let key = SoftKey::from_bytes(&[5; 32], KeyType::Ed25519).unwrap();
        let public = key.public_key();
        let b64 = |bytes: &[u8]| String::from_utf8(base64::encode(bytes)).unwrap();
        let json = |address: String, public_text: String, secret: Vec<u8>| {
            format!(
                r#"{{"address":"{address}","pub_key":{{"type":"tendermint/PubKeyEd25519","value":"{public_text}"}},
                "priv_key":{{"type":"tendermint/PrivKeyEd25519","value":"{}"}}}}"#,
                b64(&secret)
            )
        };
        let secret = [&[5; 32][..], public.as_bytes()].concat();
        let address = public.address().to_string();
        let good = json(address.clone(), b64(public.as_bytes()), secret.clone());
        signs(&SoftKey::from_json(good.as_bytes(), KeyType::Ed25519).unwrap());
        let account = SoftKey::from_json(good.as_bytes(), KeyType::Secp256k1).err();
        assert!(matches!(account, Some(SoftKeyError::Type { .. })));
        let other = json(address.clone(), b64(&[9; 32]), secret.clone());
        let error = SoftKey::from_json(other.as_bytes(), KeyType::Ed25519).err();
        assert_eq!(error, Some(SoftKeyError::Mismatch("pub_key")));
        let other = json("00".repeat(20), b64(public.as_bytes()), secret);
        let error = SoftKey::from_json(other.as_bytes(), KeyType::Ed25519).err();
        assert_eq!(error, Some(SoftKeyError::Mismatch("address")));
    }

    fn hex_of(value: &serde_json::Value, field: &str) -> Vec<u8> {
        let text = value[field].as_str().unwrap();
        hex::decode(text.to_ascii_lowercase()).unwrap()
    }

    fn vectors() -> Vec<serde_json::Value> {
        let text = std::fs::read("tests/keys/cometbft.json").unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Files, addresses and signatures of CometBFT itself (tests/keys/README.md).
    #[test]
    fn every_type_is_as_cometbft_has_it() {
        let mut seen = std::collections::BTreeMap::new();
        for vector in vectors() {
            let kind = KeyType::of_name(vector["type"].as_str().unwrap()).unwrap();
            *seen.entry(kind.as_str()).or_insert(0) += 1;
            let key = SoftKey::from_json(vector["file"].to_string().as_bytes(), kind).unwrap();
            let public = key.public_key();
            assert_eq!(public.key_type(), kind);
            assert_eq!(public.as_bytes(), hex_of(&vector, "public"));
            assert_eq!(public.address().as_bytes()[..], hex_of(&vector, "address"));
            let private = base64::encode(hex_of(&vector, "private"));
            let same = SoftKey::from_base64(&private, kind).unwrap();
            assert_eq!(same.public_key(), public);
            let file = SoftKey::from_base64(&key.to_base64(), kind).unwrap();
            assert_eq!(file.public_key(), public);
            for signed in vector["signed"].as_array().unwrap() {
                let (message, signature) = (hex_of(signed, "message"), hex_of(signed, "signature"));
                assert_eq!(signature.len(), kind.signature_length());
                let signature = Signature::from_bytes(signature);
                assert_eq!(key.sign_bytes(&message).unwrap(), signature, "{kind}");
                // Any bit that is another is another signature.
                for at in [0, 31, 40, kind.signature_length() - 1] {
                    let mut spoilt = signature.as_slice().to_vec();
                    spoilt[at] ^= 1;
                    assert!(
                        !public.verify(&message, &Signature::from_bytes(spoilt)),
                        "{kind}"
                    );
                }
                let longer = [signature.as_slice(), &[0]].concat();
                assert!(!public.verify(&message, &Signature::from_bytes(longer)));
                assert!(!public.verify(b"another", &signature));
            }
        }
        assert_eq!(seen.len(), KeyType::ALL.len(), "{seen:?}");
    }

    #[test]
    fn a_file_of_every_type_is_told_where_another_is_wanted() {
        for vector in vectors() {
            let found = KeyType::of_name(vector["type"].as_str().unwrap()).unwrap();
            let text = vector["file"].to_string();
            let packed = base64::encode(hex_of(&vector, "private"));
            for wanted in KeyType::ALL.into_iter().filter(|kind| *kind != found) {
                let error = SoftKey::from_json(text.as_bytes(), wanted).err();
                assert_eq!(error, Some(SoftKeyError::Type { found, wanted }));
                // Scalars and seeds of 32 bytes look alike; all else is told by its length.
                let lengths = [KeyType::Ed25519, KeyType::MlDsa65];
                if lengths.contains(&found) || wanted == KeyType::MlDsa65 {
                    let error = SoftKey::from_base64(&packed, wanted).err();
                    assert!(
                        matches!(error, Some(SoftKeyError::Length { .. })),
                        "{found} for {wanted}: {error:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_key_of_its_type_is_told() {
        let bytes = |kind: &str| {
            let vectors = vectors();
            let found = vectors.iter().find(|vector| vector["type"] == kind);
            hex_of(found.unwrap(), "private")
        };
        for kind in [KeyType::Secp256k1Eth, KeyType::Bls12381, KeyType::MlDsa65] {
            let good = bytes(kind.as_str());
            for cut in [0, 1, good.len() - 1] {
                let error = SoftKey::from_bytes(&good[..cut], kind).err();
                assert!(
                    matches!(error, Some(SoftKeyError::Length { .. })),
                    "{kind} {cut}"
                );
            }
        }
        // r of BLS12-381, r + 1, and all ones, as the number that is the scalar 0, 1, and more.
        let order = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";
        for text in [
            order,
            &order.replace("0001", "0002"),
            &"ff".repeat(32),
            &"00".repeat(32),
        ] {
            let scalar = hex::decode(text).unwrap();
            let error = SoftKey::from_bytes(&scalar, KeyType::Bls12381).err();
            assert!(matches!(error, Some(SoftKeyError::Invalid(_))), "{text}");
        }
        for text in ["00".repeat(32), "ff".repeat(32)] {
            let scalar = hex::decode(text).unwrap();
            let error = SoftKey::from_bytes(&scalar, KeyType::Secp256k1Eth).err();
            assert!(matches!(error, Some(SoftKeyError::Invalid(_))));
        }
        // rho, K, tr, s1 (a coefficient of 9 and one of another key), s2, t0: FIPS 204, algorithm 24.
        let good = bytes("ml_dsa_65");
        let spoilt = |at: usize, byte: u8| {
            let mut spoilt = good.clone();
            spoilt[at] = byte;
            SoftKey::from_bytes(&spoilt, KeyType::MlDsa65)
                .err()
                .unwrap()
        };
        assert!(matches!(spoilt(0, !good[0]), SoftKeyError::Mismatch(_)));
        assert!(matches!(spoilt(64, !good[64]), SoftKeyError::Mismatch(_)));
        assert!(matches!(spoilt(128, 0x99), SoftKeyError::Invalid(_)));
        assert!(matches!(
            spoilt(128, good[128] ^ 1),
            SoftKeyError::Mismatch(_)
        ));
        assert!(matches!(spoilt(128 + 640, 0x99), SoftKeyError::Invalid(_)));
        let t0 = 128 + 640 + 768;
        let mut spoilt = good.clone();
        spoilt[t0..].fill(0x5a);
        let error = SoftKey::from_bytes(&spoilt, KeyType::MlDsa65).err();
        assert!(matches!(error, Some(SoftKeyError::Mismatch(_))));
        // K is a secret of its own: with another one the signatures are others, and still this key's.
        let mut other = good.clone();
        other[32] ^= 1;
        let other = SoftKey::from_bytes(&other, KeyType::MlDsa65).unwrap();
        assert!(other.sign_bytes(b"vote").is_ok());
    }
}
