//! What OpenSSL and its like write: PEM, and the DER within.

use zeroize::Zeroizing;

use super::file_kind::{Armour, FileKind, KeyAlgorithm, PemLabel};
use crate::consensus::KeyType;
use crate::text::base64;

/// OIDs with the tag and length before them: id-Ed25519 (RFC 8410), id-ecPublicKey and rsaEncryption (RFC 5480, 3279),
/// and the curves secp256k1 and prime256v1 (SEC 2).
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
const SECP256K1: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a];
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const RSA: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
];
/// Versions 0 and 1 of PKCS#8, and 1 of an `ECPrivateKey`; a public key has none.
const VERSIONS: [&[u8]; 2] = [&[0x02, 0x01, 0x00], &[0x02, 0x01, 0x01]];

/// A text that begins with `-----BEGIN`.
pub(super) fn pem(text: &str) -> FileKind {
    let rest = text.strip_prefix("-----BEGIN ").unwrap_or(text);
    let label = rest.split("-----").next().unwrap_or_default();
    FileKind::Pem(match label {
        // `openssl ecparam -genkey` writes the parameters before the key.
        "PRIVATE KEY" | "EC PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PARAMETERS" => {
            return private(text, label);
        }
        "TMKMS ENCRYPTED SHARE" => return FileKind::OwnShare,
        "ENCRYPTED PRIVATE KEY" | "TMKMS ENCRYPTED KEY" => PemLabel::Encrypted,
        "OPENSSH PRIVATE KEY" => PemLabel::OpenSsh,
        "TENDERMINT PRIVATE KEY" => PemLabel::Keyring,
        "AGE ENCRYPTED FILE" => return FileKind::Encrypted("age"),
        "PGP MESSAGE" => return FileKind::Encrypted("GnuPG"),
        _ if label.ends_with("PUBLIC KEY") => PemLabel::Public,
        _ if label.starts_with("CERTIFICATE") => PemLabel::Certificate,
        _ => PemLabel::Other,
    })
}

fn private(text: &str, label: &str) -> FileKind {
    // The old form of encryption: headers within.
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return FileKind::Pem(PemLabel::Legacy);
    }
    if label == "RSA PRIVATE KEY" {
        return FileKind::Openssl(Armour::Pem, KeyAlgorithm::Other("RSA".to_owned()));
    }
    let body: Zeroizing<String> = Zeroizing::new(
        text.rsplit("-----BEGIN ")
            .next()
            .unwrap_or_default()
            .lines()
            .skip(1)
            .take_while(|line| !line.starts_with("-----"))
            .map(str::trim)
            .collect(),
    );
    let bytes = Zeroizing::new(base64::decode(body.as_bytes()).unwrap_or_default());
    match private_key(&bytes) {
        Some(kind) => FileKind::Openssl(Armour::Pem, kind),
        None => FileKind::Pem(PemLabel::Other),
    }
}

/// The type of the key in the bytes of a private key (PKCS#8 or SEC 1).
pub fn private_key(bytes: &[u8]) -> Option<KeyAlgorithm> {
    let inner = sequence(bytes)?;
    if !VERSIONS.iter().any(|version| inner.starts_with(version)) {
        return None;
    }
    let has = |oid: &[u8]| inner.windows(oid.len()).any(|part| part == oid);
    Some(if has(ED25519) {
        KeyAlgorithm::Known(KeyType::Ed25519)
    } else if has(SECP256K1) {
        KeyAlgorithm::Known(KeyType::Secp256k1)
    } else if has(P256) {
        KeyAlgorithm::Other("P-256".to_owned())
    } else if has(RSA) {
        KeyAlgorithm::Other("RSA".to_owned())
    } else {
        KeyAlgorithm::Other("unknown".to_owned())
    })
}

/// Whether the bytes are a `SubjectPublicKeyInfo`: a sequence that begins with one of an algorithm.
pub(super) fn is_public_key(bytes: &[u8]) -> bool {
    sequence(bytes).is_some_and(|inner| inner.first() == Some(&0x30) && inner.get(2) == Some(&0x06))
}

/// What is in a sequence that is as long as it says.
fn sequence(bytes: &[u8]) -> Option<&[u8]> {
    let (&[tag, length], rest) = bytes.split_first_chunk::<2>()?;
    let (length, inner) = match length {
        0x81 => {
            let (length, inner) = rest.split_first()?;
            (usize::from(*length), inner)
        }
        0x82 => {
            let (length, inner) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), inner)
        }
        short => (usize::from(short), rest),
    };
    (tag == 0x30 && inner.len() == length).then_some(inner)
}
