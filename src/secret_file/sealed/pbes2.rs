//! PKCS#8's encryption with a passphrase (PBES2 of RFC 8018, scrypt of RFC 7914), within bounds: a file says itself what opening
//! it costs, and a passphrase is tried again and again by whoever has the file.

use pkcs8::EncryptedPrivateKeyInfo;
use pkcs8::der::{Encode, ErrorKind};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{EncryptionScheme as Cipher, Kdf, Parameters, ScryptParams};
use zeroize::Zeroizing;

/// The most rounds of PBKDF2 that are computed: some seconds.
const MOST_ROUNDS: u32 = 10_000_000;
/// Fewer are few: OpenSSL's own number is 2048, OWASP's 600,000.
const FEW_ROUNDS: u32 = 100_000;
/// The most memory that scrypt may take, in bytes.
const MOST_MEMORY: u64 = 128 << 20;
/// The most that scrypt may compute, as the product of its three parameters: some seconds.
const MOST_WORK: u64 = 1 << 22;

/// N of scrypt, as this program writes it: 16 MiB. OpenSSL reads no file that takes 32 MiB or more (`SCRYPT_MAX_MEM` of its
/// `crypto/evp/pbe_scrypt.c`).
const COST: u64 = 1 << 14;
/// r of scrypt.
const BLOCK: u16 = 8;
/// p of scrypt: with 16 MiB each, as strong as 128 MiB once (OWASP, Password Storage Cheat Sheet).
const PASSES: u16 = 5;

/// Why an encrypted key does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// No `EncryptedPrivateKeyInfo`.
    #[error("it is damaged: it is no encrypted key in PKCS#8")]
    Damaged,
    /// PBES1, 3DES, SHA-1 and what nobody knows.
    #[error(
        "it is encrypted in a way that this program does not read: it reads PBES2 with AES, and scrypt or PBKDF2 with SHA-2"
    )]
    Scheme,
    /// More than is computed.
    #[error("opening it would take {0}, and that is refused")]
    Costly(Cost),
    /// The passphrase of another file, or a file with other bytes than were written.
    #[error("the passphrase is wrong, or the file is damaged")]
    Passphrase,
}

/// What is refused because nobody meant it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// So many rounds of PBKDF2.
    Rounds(u32),
    /// These parameters of scrypt.
    Scrypt(u64, u16, u16),
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rounds(rounds) => write!(f, "{rounds} rounds of PBKDF2"),
            Self::Scrypt(n, r, p) => write!(f, "scrypt with N={n}, r={r}, p={p}"),
        }
    }
}

/// What was encrypted.
pub struct Unsealed {
    /// Wiped when dropped.
    pub plain: Zeroizing<Vec<u8>>,
    /// Whether whoever gets the file tries passphrases quickly.
    pub weak: bool,
}

/// Opens an `EncryptedPrivateKeyInfo`. Takes up to some seconds and 128 MiB; never belongs on the way of a request.
pub fn open(der: &[u8], passphrase: &[u8]) -> Result<Unsealed, NotOpened> {
    let (sealed, parameters) = read(der)?;
    let weak = is_weak(&parameters.kdf)?;
    let plain = parameters.decrypt(passphrase, sealed.encrypted_data);
    let plain = plain.map(Zeroizing::new).map_err(|error| match error {
        pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. } => NotOpened::Scheme,
        pkcs8::pkcs5::Error::AlgorithmParametersInvalid { .. } => NotOpened::Damaged,
        _ => NotOpened::Passphrase,
    })?;
    Ok(Unsealed { plain, weak })
}

/// Whether a file of this form could be opened, as far as that is known without the cost of it.
pub fn judge(der: &[u8]) -> Result<(), NotOpened> {
    is_weak(&read(der)?.1.kdf).map(drop)
}

fn read(der: &[u8]) -> Result<(EncryptedPrivateKeyInfo<'_>, Parameters<'_>), NotOpened> {
    let sealed = EncryptedPrivateKeyInfo::try_from(der).map_err(|error| match error {
        pkcs8::Error::Asn1(error) if matches!(error.kind(), ErrorKind::OidUnknown { .. }) => {
            NotOpened::Scheme
        }
        _ => NotOpened::Damaged,
    })?;
    match &sealed.encryption_algorithm {
        EncryptionScheme::Pbes2(parameters) => {
            let parameters = parameters.clone();
            Ok((sealed, parameters))
        }
        _ => Err(NotOpened::Scheme),
    }
}

/// Within bounds, and whether near the lower one.
fn is_weak(kdf: &Kdf<'_>) -> Result<bool, NotOpened> {
    match kdf {
        Kdf::Pbkdf2(parameters) => match parameters.iteration_count {
            0 => Err(NotOpened::Damaged),
            rounds if rounds > MOST_ROUNDS => Err(NotOpened::Costly(Cost::Rounds(rounds))),
            rounds => Ok(rounds < FEW_ROUNDS),
        },
        Kdf::Scrypt(parameters) => {
            let (n, r, p) = (
                parameters.cost_parameter,
                parameters.block_size,
                parameters.parallelization,
            );
            if !n.is_power_of_two() || n < 2 || r == 0 || p == 0 {
                return Err(NotOpened::Damaged);
            }
            let once = n.saturating_mul(r.into());
            // Its V of N blocks and its B of p (RFC 7914).
            let blocks = n.saturating_add(p.into()).saturating_mul(r.into());
            let memory = blocks.saturating_mul(128);
            let work = once.saturating_mul(p.into());
            if memory > MOST_MEMORY || work > MOST_WORK {
                return Err(NotOpened::Costly(Cost::Scrypt(n, r, p)));
            }
            Ok(once < COST * u64::from(BLOCK))
        }
        _ => Err(NotOpened::Scheme),
    }
}

/// Why nothing could be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSealed {
    /// The system has none.
    #[error("no random numbers")]
    Random,
    /// It is longer than any key.
    #[error("the key could not be encrypted")]
    Encrypt,
}

/// An `EncryptedPrivateKeyInfo` of these bytes: scrypt, and AES-256 in CBC, which OpenSSL reads since 1.1.0.
pub fn seal(plain: &[u8], passphrase: &[u8]) -> Result<Vec<u8>, NotSealed> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    getrandom::getrandom(&mut salt).map_err(|_| NotSealed::Random)?;
    getrandom::getrandom(&mut iv).map_err(|_| NotSealed::Random)?;
    let parameters = Parameters {
        kdf: Kdf::Scrypt(ScryptParams {
            salt: &salt,
            cost_parameter: COST,
            block_size: BLOCK,
            parallelization: PASSES,
            key_length: None,
        }),
        encryption: Cipher::Aes256Cbc { iv: &iv },
    };
    let encrypted = parameters.encrypt(passphrase, plain);
    let encrypted = encrypted.map_err(|_| NotSealed::Encrypt)?;
    let sealed = EncryptedPrivateKeyInfo {
        encryption_algorithm: parameters.into(),
        encrypted_data: &encrypted,
    };
    sealed.to_der().map_err(|_| NotSealed::Encrypt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pkcs8::pkcs5::pbes2::{Pbkdf2Params, Pbkdf2Prf};
    use proptest::prelude::*;

    fn der(kdf: Kdf<'_>) -> Vec<u8> {
        let parameters = Parameters {
            kdf,
            encryption: Cipher::Aes256Cbc { iv: &[3; 16] },
        };
        let sealed = EncryptedPrivateKeyInfo {
            encryption_algorithm: parameters.into(),
            encrypted_data: &[7; 32],
        };
        sealed.to_der().unwrap()
    }

    fn pbkdf2(rounds: u32, prf: Pbkdf2Prf) -> Vec<u8> {
        der(Kdf::Pbkdf2(Pbkdf2Params {
            salt: b"salt",
            iteration_count: rounds,
            key_length: None,
            prf,
        }))
    }

    fn scrypt(n: u64, r: u16, p: u16) -> Vec<u8> {
        der(Kdf::Scrypt(ScryptParams {
            salt: b"salt",
            cost_parameter: n,
            block_size: r,
            parallelization: p,
            key_length: None,
        }))
    }

    fn error(der: &[u8]) -> Option<NotOpened> {
        open(der, b"passphrase").err()
    }

    #[test]
    fn what_is_sealed_opens_with_its_passphrase_only() {
        let sealed = seal(b"a key", b"passphrase").unwrap();
        let opened = open(&sealed, b"passphrase").unwrap();
        assert_eq!(**opened.plain, *b"a key");
        assert!(!opened.weak);
        let other = open(&sealed, b"Passphrase");
        // One in 256 looks padded; what is in it is not what was sealed.
        assert!(other.is_err() || other.is_ok_and(|other| **other.plain != *b"a key"));
        assert_ne!(seal(b"a key", b"passphrase").unwrap(), sealed);
    }

    /// Without the bounds this test takes minutes, or the memory of the machine.
    #[test]
    fn what_would_cost_too_much_is_not_computed() {
        let rounds = 1_000_000_000;
        assert_eq!(
            error(&pbkdf2(rounds, Pbkdf2Prf::HmacWithSha256)),
            Some(NotOpened::Costly(Cost::Rounds(rounds)))
        );
        for (n, r, p) in [
            (1 << 18, 8, 1),
            (1 << 40, 8, 1),
            (1 << 14, 8, 600),
            (2, u16::MAX, u16::MAX),
            (2, 64, 32768),
            (1 << 63, u16::MAX, u16::MAX),
        ] {
            let cost = Cost::Scrypt(n, r, p);
            assert_eq!(
                error(&scrypt(n, r, p)),
                Some(NotOpened::Costly(cost)),
                "{cost}"
            );
        }
    }

    #[test]
    fn what_is_not_read_is_told_from_a_wrong_passphrase() {
        assert_eq!(
            error(&pbkdf2(1, Pbkdf2Prf::HmacWithSha1)),
            Some(NotOpened::Scheme)
        );
        for damaged in [
            scrypt(3, 8, 1),
            scrypt(0, 8, 1),
            scrypt(16, 0, 1),
            pbkdf2(0, Pbkdf2Prf::HmacWithSha256),
            b"0\x03\x02\x01\x00".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(error(&damaged), Some(NotOpened::Damaged), "{damaged:02x?}");
        }
        // The cipher of 3DES in place of AES.
        let aes = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];
        let mut other = pbkdf2(1, Pbkdf2Prf::HmacWithSha256);
        let at = other.windows(9).position(|part| part == aes).unwrap();
        other[at + 8] = 0x7f;
        assert_eq!(error(&other), Some(NotOpened::Scheme));
        assert!(matches!(
            error(&pbkdf2(1, Pbkdf2Prf::HmacWithSha256)),
            None | Some(NotOpened::Passphrase)
        ));
    }

    #[test]
    fn few_rounds_are_weak() {
        let kdf = |rounds| {
            is_weak(&Kdf::Pbkdf2(Pbkdf2Params {
                salt: b"",
                iteration_count: rounds,
                key_length: None,
                prf: Pbkdf2Prf::HmacWithSha256,
            }))
        };
        assert_eq!((kdf(2048), kdf(600_000)), (Ok(true), Ok(false)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = open(&bytes, b"passphrase");
        }
    }
}
