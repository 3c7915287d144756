//! The text of a key in PEM (RFC 7468): the block with the key, and what stands before it.
//!
//! Text before a block is explanatory, and OpenSSL passes over it. In files of this program a line of it states the public key:
//! the encryption has no checksum, so after decryption it tells whether the key is still the one that was encrypted.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::secret_file::kind::text as trimmed;
use crate::text::base64;

/// How the line begins that states the public key.
const PUBLIC_KEY: &str = "public key: ";
/// Characters of a line of the block (RFC 7468, section 2).
const WIDTH: usize = 64;

/// What a block holds, by its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLabel {
    /// PKCS#8 (RFC 5958).
    Pkcs8,
    /// `ECPrivateKey` (SEC 1, RFC 5915).
    Sec1,
    /// PKCS#8, encrypted.
    Encrypted,
    /// Encrypted in the same way: a key of this program for which there is no form in PKCS#8.
    OwnEncrypted,
    /// Encrypted in the same way: a share of a key, which is no key.
    EncryptedShare,
}

impl KeyLabel {
    const ALL: [Self; 5] = [
        Self::Pkcs8,
        Self::Sec1,
        Self::Encrypted,
        Self::OwnEncrypted,
        Self::EncryptedShare,
    ];

    /// What stands after `-----BEGIN`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pkcs8 => "PRIVATE KEY",
            Self::Sec1 => "EC PRIVATE KEY",
            Self::Encrypted => "ENCRYPTED PRIVATE KEY",
            Self::OwnEncrypted => "TMKMS ENCRYPTED KEY",
            Self::EncryptedShare => "TMKMS ENCRYPTED SHARE",
        }
    }

    /// Whether it is a key that a passphrase opens.
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Encrypted | Self::OwnEncrypted)
    }

    fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.as_str() == text)
    }
}

/// The one key of a PEM file.
pub struct KeyBlock {
    /// What it is.
    pub label: KeyLabel,
    /// The bytes between the lines; wiped when dropped.
    pub der: Zeroizing<Vec<u8>>,
    /// The public key as the text before the block states it.
    pub public_key: Option<String>,
}

/// Why a text has not one key in PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOneKey {
    /// No block of a private key.
    #[error("it has no private key in PEM")]
    None,
    /// Several.
    #[error(
        "it has several private keys, and which one is meant cannot be known; keep one in a file"
    )]
    Several,
    /// OpenSSL's own form of encryption, from before PKCS#8: one round of MD5 makes its key.
    #[error("it is encrypted in OpenSSL's old form, in which a passphrase protects it badly")]
    Legacy,
    /// A block without its end, or with other characters than base64.
    #[error("its PEM is damaged or breaks off")]
    Damaged,
}

impl KeyBlock {
    /// The key in a text. Blocks of other things are passed over: `openssl ecparam` writes the curve before the key.
    pub fn read(bytes: &[u8]) -> Result<Self, NotOneKey> {
        let text = str::from_utf8(trimmed(bytes)).map_err(|_| NotOneKey::None)?;
        let mut found = None;
        let mut public_key = None;
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if let Some(stated) = line.strip_prefix(PUBLIC_KEY) {
                public_key = Some(stated.to_owned());
            }
            let begins = line.strip_prefix("-----BEGIN ");
            let Some(label) = begins.and_then(|rest| KeyLabel::of(rest.strip_suffix("-----")?))
            else {
                continue;
            };
            if found.is_some() {
                return Err(NotOneKey::Several);
            }
            found = Some((label, body(label, &mut lines)?));
        }
        let (label, der) = found.ok_or(NotOneKey::None)?;
        Ok(Self {
            label,
            der,
            public_key,
        })
    }

    /// The text of a file with an encrypted key. `about` is a line for whoever opens it in an editor.
    pub fn text(label: KeyLabel, about: &str, public_key: &str, encrypted: &[u8]) -> String {
        let label = label.as_str();
        let body = Base64::encode_string(encrypted);
        let mut text = format!("{about}\n{PUBLIC_KEY}{public_key}\n-----BEGIN {label}-----\n");
        let mut rest = &*body;
        while let Some((line, more)) = rest.split_at_checked(WIDTH) {
            text.push_str(line);
            text.push('\n');
            rest = more;
        }
        if !rest.is_empty() {
            text.push_str(rest);
            text.push('\n');
        }
        text.push_str(&format!("-----END {label}-----\n"));
        text
    }
}

fn body<'a>(
    label: KeyLabel,
    lines: &mut impl Iterator<Item = &'a str>,
) -> Result<Zeroizing<Vec<u8>>, NotOneKey> {
    let end = format!("-----END {}-----", label.as_str());
    let mut all: Vec<&str> = Vec::new();
    loop {
        match lines.next() {
            Some(line) if line == end => break,
            Some(line) if line.starts_with("Proc-Type: 4,ENCRYPTED") => {
                return Err(NotOneKey::Legacy);
            }
            Some(line) if !line.starts_with("-----") => all.push(line),
            Some(_) | None => return Err(NotOneKey::Damaged),
        }
    }
    let joined = Zeroizing::new(all.concat());
    base64::decode(joined.as_bytes())
        .map(Zeroizing::new)
        .filter(|bytes| !bytes.is_empty())
        .ok_or(NotOneKey::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &str) -> Option<NotOneKey> {
        KeyBlock::read(text.as_bytes()).err()
    }

    #[test]
    fn the_one_key_of_a_text_is_found() {
        let text = "about\npublic key: k\n-----BEGIN EC PARAMETERS-----\nBgUrgQQACg==\n-----END EC PARAMETERS-----\n\
                    -----BEGIN EC PRIVATE KEY-----\r\nAAEC\r\nAwQF\n-----END EC PRIVATE KEY-----";
        let read = KeyBlock::read(text.as_bytes()).unwrap();
        assert_eq!(read.label, KeyLabel::Sec1);
        assert_eq!(**read.der, [0, 1, 2, 3, 4, 5]);
        assert_eq!(read.public_key.as_deref(), Some("k"));
    }

    #[test]
    fn what_is_no_key_or_more_than_one_is_told() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAEC\n-----END PRIVATE KEY-----\n";
        assert_eq!(error(&key.repeat(2)), Some(NotOneKey::Several));
        assert_eq!(error("AAEC"), Some(NotOneKey::None));
        assert_eq!(error(&key[..40]), Some(NotOneKey::Damaged));
        assert_eq!(
            error(&key.replace("AAEC", "AA*C")),
            Some(NotOneKey::Damaged)
        );
        assert_eq!(error(&key.replace("AAEC\n", "")), Some(NotOneKey::Damaged));
        let old = key.replace(
            "AAEC",
            "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAEC",
        );
        assert_eq!(error(&old), Some(NotOneKey::Legacy));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes in prop::collection::vec(any::<u8>(), 1..400)) {
            let text = KeyBlock::text(KeyLabel::Encrypted, "about", "k", &bytes);
            prop_assert!(text.lines().skip(2).all(|line| line.len() <= WIDTH));
            let read = KeyBlock::read(text.as_bytes()).unwrap();
            prop_assert_eq!(&**read.der, &bytes[..]);
            prop_assert_eq!(read.label, KeyLabel::Encrypted);
        }

        #[test]
        fn any_text_is_no_panic(text in "(public key: |-----(BEGIN|END) (EC )?PRIVATE KEY-----|[A-Z=\n ]){0,12}") {
            let _ = KeyBlock::read(text.as_bytes());
        }
    }
}
