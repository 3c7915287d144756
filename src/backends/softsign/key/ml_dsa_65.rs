//! ML-DSA-65 keys (FIPS 204), in their packed form of 4032 bytes.

use std::sync::Arc;

use fips204::ml_dsa_65::{KG, PrivateKey, PublicKey as Verifier65};
use fips204::traits::{KeyGen, SerDes, Signer, Verifier};
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use zeroize::{Zeroize, Zeroizing};

use crate::consensus::{PublicKey, Signature};
use crate::threads::{OWN_STACK, on_own_stack};

use super::error::SoftKeyError;
use super::secret::{SigningSecret, looked_at};

/// The length of a packed private key in bytes (FIPS 204, table 2).
const PACKED: usize = 4032;
/// The length of a signature in bytes.
const SIGNATURE: usize = 3309;
/// Where the hash of the public key lies in it (algorithm 24): after rho and K.
const TR: std::ops::Range<usize> = 64..128;
/// Where s1 and s2 lie: eleven polynomials of 256 coefficients, two in a byte.
const SHORT: std::ops::Range<usize> = 128..1536;
/// The most that half a byte of those may be: from 4 - 8 to 4 - 0 (algorithm 25, with eta of 4).
const MOST: u8 = 8;

struct Packed {
    key: Box<PrivateKey>,
    /// What looks at signatures.
    verifier: Box<Verifier65>,
    public: PublicKey,
    /// As they were read.
    bytes: Zeroizing<Vec<u8>>,
    /// On which it computes, in bytes.
    stack: usize,
}

impl Packed {
    /// Signs and looks at the signature, on the stack of the caller.
    fn sign_here(&self, bytes: &[u8]) -> Result<Signature, SoftKeyError> {
        looked_at(self.make(bytes), |signature| {
            let signature = <&[u8; SIGNATURE]>::try_from(signature.as_slice());
            signature.is_ok_and(|signature| self.verifier.verify(bytes, signature, &[]))
        })
    }
}

impl SigningSecret for Packed {
    fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    /// In the deterministic variant: `rnd` is zero (FIPS 204, 3.4), and without a context, as in CometBFT. Only for a stack of
    /// [`OWN_STACK`].
    fn make(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let signature = self.key.try_sign_with_seed(&[0; 32], bytes, &[]).ok()?;
        Some(signature.to_vec())
    }

    fn sign(&self, _: &PublicKey, bytes: &[u8]) -> Result<Signature, SoftKeyError> {
        on_stack(self.stack, || self.sign_here(bytes))?
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.bytes.clone()
    }
}

/// Does it where there is room.
fn on_stack<T: Send>(stack: usize, work: impl FnOnce() -> T + Send) -> Result<T, SoftKeyError> {
    let none = |error: std::io::Error| SoftKeyError::NoThread(error.to_string());
    on_own_stack("ml_dsa_65", stack, work).map_err(none)
}

/// Reads a packed key, whose parts must belong together: what it says of its public key, and that it signs for it.
pub(super) fn read(bytes: &[u8]) -> Result<Box<dyn SigningSecret>, SoftKeyError> {
    Ok(Box::new(on_stack(OWN_STACK, || whole(bytes))??))
}

fn whole(bytes: &[u8]) -> Result<Packed, SoftKeyError> {
    let mut packed = Zeroizing::new([0; PACKED]);
    if bytes.len() != PACKED {
        return Err(SoftKeyError::Length {
            got: bytes.len(),
            wanted: "an ML-DSA-65 key has 4032, packed",
        });
    }
    packed.copy_from_slice(bytes);
    // The library takes such values. All of them are looked at, wherever the first one is.
    let short = packed.get(SHORT).unwrap_or_default().iter();
    let out = SoftKeyError::Invalid("a coefficient of s1 or s2 is out of its range (FIPS 204)");
    if short.fold(false, |out, two| {
        out | (two & 0xf > MOST) | (two >> 4 > MOST)
    }) {
        return Err(out);
    }
    let key = PrivateKey::try_from_bytes(*packed).map_err(|_| out)?;
    let verifier = key.get_public_key();
    let public = verifier.clone().into_bytes();
    if bytes.get(TR) != Some(&hash(&public)[..]) {
        return Err(SoftKeyError::Mismatch("hash of the public key (tr)"));
    }
    let key = Packed {
        key: Box::new(key),
        verifier: Box::new(verifier),
        public: PublicKey::MlDsa65(Arc::new(public)),
        bytes: Zeroizing::new(packed.to_vec()),
        stack: OWN_STACK,
    };
    // The lower half of t stands in no public key: only a signature shows that it is not quite another one. Where few of its
    // bits are wrong, some signatures are none, and each is looked at before it leaves.
    match key.sign_here(TRIAL) {
        Ok(_) => Ok(key),
        Err(_) => Err(SoftKeyError::Mismatch("lower half of t (t0)")),
    }
}

/// Signed when a key is read, and given to nobody. No consensus message has these bytes.
const TRIAL: &[u8] = b"tmkms looks whether this key signs";

/// The packed key of a seed (FIPS 204, algorithm 6).
pub(super) fn of_seed(seed: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, SoftKeyError> {
    on_stack(OWN_STACK, || {
        let (_, key) = KG::keygen_from_seed(seed);
        let mut packed = key.into_bytes();
        let bytes = Zeroizing::new(packed.to_vec());
        packed.zeroize();
        bytes
    })
}

/// H of FIPS 204, 64 bytes of it.
fn hash(public: &[u8]) -> [u8; 64] {
    let mut hash = Shake256::default();
    hash.update(public);
    let mut out = [0; 64];
    hash.finalize_xof().read(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use fips204::ml_dsa_65::PublicKey as Fips204Key;
    #[expect(
        deprecated,
        reason = "these vectors are of the functions without a context"
    )]
    use fips204::ml_dsa_65::{_internal_sign, _internal_verify};
    use subtle_encoding::hex;

    /// A host without room for a thread says nothing of the key, nor of its memory.
    #[test]
    fn without_a_thread_it_is_told_as_that() {
        let packed = of_seed(&[7; 32]).unwrap();
        let mut key = on_stack(OWN_STACK, || whole(&packed)).unwrap().unwrap();
        let public = key.public_key();
        let signed = key.sign(&public, b"vote").unwrap();
        assert!(public.verify(b"vote", &signed));
        // No system has so much.
        key.stack = usize::MAX / 4;
        let error = key.sign(&public, b"vote").err().unwrap();
        assert!(matches!(error, SoftKeyError::NoThread(_)), "{error}");
        assert_eq!(*key.to_bytes(), *packed, "its file needs none");
    }

    /// NIST's own (tests/keys/README.md).
    #[test]
    #[expect(deprecated, reason = "as above")]
    fn nist_has_the_same_answers() {
        let text = std::fs::read("tests/keys/nist-ml-dsa-65.json").unwrap();
        let vectors: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
        assert_eq!(vectors.len(), 19);
        for vector in vectors {
            let bytes = |field: &str| {
                let text = vector[field].as_str().unwrap();
                hex::decode(text.to_ascii_lowercase()).unwrap()
            };
            let secret = || PrivateKey::try_from_bytes(bytes("sk").try_into().unwrap()).unwrap();
            match vector["test"].as_str().unwrap() {
                "keyGen" => {
                    let seed = bytes("seed").try_into().unwrap();
                    let packed = of_seed(&seed).unwrap();
                    assert_eq!(*packed, bytes("sk"));
                    assert_eq!(read(&packed).unwrap().public_key().as_bytes(), bytes("pk"));
                    assert_eq!(*read(&packed).unwrap().to_bytes(), *packed);
                }
                "sigGen" => {
                    let made = _internal_sign(&secret(), &bytes("message"), &[], [0; 32]).unwrap();
                    assert_eq!(made[..], bytes("signature"));
                }
                _ => {
                    let key = Fips204Key::try_from_bytes(bytes("pk").try_into().unwrap()).unwrap();
                    let signature = bytes("signature").try_into().unwrap();
                    let valid = _internal_verify(&key, &bytes("message"), &signature, &[]);
                    assert_eq!(Some(valid), vector["valid"].as_bool());
                }
            }
        }
    }
}
