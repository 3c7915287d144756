//! The kinds of files, in words.

use std::fmt;

use crate::consensus::KeyType;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// CometBFT's `priv_validator_key.json`, with a key of this type.
    KeyJson(KeyAlgorithm),
    /// The same without `priv_key`.
    WithoutPrivate,
    /// CometBFT's `node_key.json`.
    NodeKey,
    /// A state file: what was signed.
    State(&'static str),
    /// The bundle of a chain that moves to another host.
    Bundle,
    /// One of horcrux's shares of a key.
    Share,
    /// A share of a key in this program's own form.
    OwnShare,
    /// The keys of the links between horcrux's cosigners.
    CosignerLinks,
    /// A public key, in this form.
    PublicKey(&'static str),
    /// A genesis file.
    Genesis,
    /// An account of Ethereum, encrypted with a password.
    Keystore,
    /// A list of numbers in JSON.
    Numbers,
    /// JSON of something else.
    OtherJson,
    /// It begins as JSON does and breaks off, or is damaged, at this line and column.
    BrokenJson(usize, usize),
    /// Base64 of as many bytes as a key has.
    Base64,
    /// Base64 of a key's bytes, written so that it is not read.
    OddBase64 {
        /// How.
        how: OddBase64,
        /// How many bytes it is of.
        bytes: usize,
    },
    /// Hexadecimal digits of so many bytes.
    Hex {
        /// How many bytes they are.
        bytes: usize,
        /// Whether `0x` stands before them.
        prefix: bool,
    },
    /// So many bytes that are no text: as many as a key has.
    Raw(usize),
    /// ASN.1 as OpenSSL writes it, with a private key of this type.
    Openssl(Armour, KeyAlgorithm),
    /// A text between `-----BEGIN` and `-----END` that holds no private key which could be read, as this line says.
    Pem(PemLabel),
    /// A file that only its password or key opens.
    Encrypted(&'static str),
    /// An address, or another text in Bech32.
    Bech32,
    /// So many words of a mnemonic.
    Mnemonic(usize),
    /// A text of two bytes a character, as some editors of Windows write it.
    Utf16,
    /// A configuration.
    Configuration,
    /// A page of the web.
    Html,
    /// An archive or a program.
    Binary(&'static str),
}

/// How base64 can be written so that it is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddBase64 {
    /// Between quotes.
    Quoted,
    /// In several lines, or with blanks.
    Lines,
    /// Without the `=` at its end.
    Unpadded,
    /// With `-` and `_`.
    Urls,
}

/// How OpenSSL wrote a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armour {
    /// Text: `-----BEGIN PRIVATE KEY-----`.
    Pem,
    /// Bytes.
    Der,
    /// The text of a PEM file without its first and last line.
    Base64,
}

/// What stands after `-----BEGIN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PemLabel {
    /// `PUBLIC KEY` and the like.
    Public,
    /// A certificate, or a request for one.
    Certificate,
    /// `ENCRYPTED PRIVATE KEY`, and what this program encrypts besides.
    Encrypted,
    /// A key with the headers of OpenSSL's old form of encryption.
    Legacy,
    /// A key of OpenSSH.
    OpenSsh,
    /// The export of a keyring of the Cosmos SDK.
    Keyring,
    /// Anything else.
    Other,
}

/// The type of a key as a file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// One that this program signs with.
    Known(KeyType),
    /// One that this program does not sign with, by its name.
    Other(String),
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(kind) => kind.fmt(f),
            Self::Other(name) => f.write_str(name),
        }
    }
}

impl KeyAlgorithm {
    /// The type that CometBFT names in `priv_key`, as `tendermint/PrivKeyEd25519`.
    pub(super) fn of_json(name: &str) -> Self {
        let bare = name.rsplit(['/', '.']).next().unwrap_or(name);
        let known = KeyType::ALL.into_iter();
        let known = known.filter(|kind| kind.is_built());
        match name {
            _ if let Some(kind) = known.clone().find(|kind| kind.private_json_name() == name) => {
                Self::Known(kind)
            }
            _ if is_name(bare) => {
                let short = bare.strip_prefix("PrivKey").unwrap_or(bare);
                Self::Other(short.to_ascii_lowercase())
            }
            // Whatever stands there, it is shown to nobody.
            _ => Self::Other("unknown".to_owned()),
        }
    }
}

/// Whether a text is the name of a type and no secret by mistake.
fn is_name(text: &str) -> bool {
    (1..=24).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::KeyJson(KeyAlgorithm::Other(name)) => {
                return write!(
                    f,
                    "it is a priv_validator_key.json with a key of type {name}, and this program does not sign with such keys"
                );
            }
            Self::KeyJson(_) => "it is a priv_validator_key.json",
            Self::WithoutPrivate => {
                "it is a priv_validator_key.json without `priv_key`: the private half was taken out"
            }
            Self::NodeKey => {
                "it is a node_key.json: by it a node is known to its peers, and it signs no votes"
            }
            Self::State(whose) => {
                return write!(
                    f,
                    "it is a state file of {whose}: it holds what was signed, and no key"
                );
            }
            Self::Bundle => {
                "it is the bundle of a chain that moves to another host, and `state move in` takes it in"
            }
            Self::Share => "it is one cosigner's share of a key that horcrux split",
            Self::OwnShare => {
                "it is one member's share of a key, which signs with those of others only"
            }
            Self::CosignerLinks => {
                "it holds the keys of the links between horcrux's cosigners, which sign no votes"
            }
            Self::PublicKey(form) => {
                return write!(
                    f,
                    "it is a public key ({form}): the private half is not in it"
                );
            }
            Self::Genesis => "it is a genesis file",
            Self::Keystore => "it is an account of Ethereum, encrypted with a password",
            Self::Numbers => "it is a list of numbers, as Solana's tools write keys",
            Self::OtherJson => "it is JSON, and not that of a key: it has no `priv_key`",
            Self::BrokenJson(line, column) => {
                return write!(
                    f,
                    "it is not the JSON of a priv_validator_key.json: it is damaged or breaks off at line {line}, column \
                     {column}"
                );
            }
            Self::Base64 => "it is base64, as this program writes key files that are not encrypted",
            Self::OddBase64 { how, .. } => match how {
                OddBase64::Quoted => "it is base64 between quotes",
                OddBase64::Lines => "it is base64 in several lines, or with blanks in it",
                OddBase64::Unpadded => "it is base64 without the `=` at its end",
                OddBase64::Urls => "it is base64 in the alphabet of URLs, with `-` and `_`",
            },
            Self::Hex { bytes, .. } => {
                return write!(
                    f,
                    "it holds {} hexadecimal digits where base64 is expected",
                    2 * bytes
                );
            }
            Self::Raw(bytes) => {
                return write!(
                    f,
                    "it holds {bytes} raw bytes where their base64 is expected"
                );
            }
            Self::Openssl(armour, kind) => {
                let form = match armour {
                    Armour::Pem => "PEM",
                    Armour::Der => "DER",
                    Armour::Base64 => "base64 of DER",
                };
                return match kind {
                    KeyAlgorithm::Other(name) => write!(
                        f,
                        "it is a private key of type {name} in OpenSSL's form ({form}), and this program signs with ed25519 and \
                         secp256k1 only"
                    ),
                    kind => write!(
                        f,
                        "it is a private key of type {kind} in OpenSSL's form ({form})"
                    ),
                };
            }
            Self::Pem(label) => match label {
                PemLabel::Public => "it is a public key (PEM): the private half is not in it",
                PemLabel::Certificate => "it is a certificate, or a request for one (PEM)",
                PemLabel::Encrypted => "it is a private key that a passphrase encrypts (PEM)",
                PemLabel::Legacy => {
                    "it is a private key in OpenSSL's old form of encryption (PEM), which protects it badly"
                }
                PemLabel::OpenSsh => "it is a key of OpenSSH",
                PemLabel::Keyring => {
                    "it is an account's key, exported from a keyring and encrypted with a password; it signs transactions, \
                     and no votes"
                }
                PemLabel::Other => "it is PEM, and not that of a private key",
            },
            Self::Encrypted(by) => return write!(f, "it is a file that {by} encrypted"),
            Self::Bech32 => {
                "it is an address or a public key in Bech32: the private half is not in it"
            }
            Self::Mnemonic(words) => {
                return write!(f, "it holds a mnemonic of {words} words, and no key");
            }
            Self::Utf16 => {
                "it is text of two bytes a character (UTF-16), as some editors of Windows write it"
            }
            Self::Configuration => "it is a configuration",
            Self::Html => "it is a page of the web, and perhaps a download that failed",
            Self::Binary(what) => return write!(f, "it is {what}"),
        };
        f.write_str(what)
    }
}

impl FileKind {
    /// Where the key is, for somebody who has this file; none where a command converts it, or a setting reads it.
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::KeyJson(KeyAlgorithm::Other(_)) | Self::Openssl(_, KeyAlgorithm::Other(_)) => {
                "leave a key of this type with the node's own signer"
            }
            Self::WithoutPrivate => {
                "name the file or device that has the private half; a node that is signed for from elsewhere needs none"
            }
            Self::NodeKey => "the validator's key is in priv_validator_key.json beside it",
            Self::State(_) => {
                "the key is in another file; bring this one along with `--state`, or with `state import`"
            }
            Self::Bundle => "the key does not travel in it: bring it apart from the bundle",
            Self::Share => {
                "bring the whole key, from the backup that was made before it was split, or of enough shards with `tmkms cosign \
                 recover SHARD1 SHARD2 OUT`"
            }
            Self::OwnShare => {
                "bring the whole key, from the backup that was made before it was split, or of enough shares with `tmkms cosign \
                 recover SHARE1 SHARE2 OUT`"
            }
            Self::CosignerLinks => "the validator's key is another file",
            Self::PublicKey(_) | Self::Bech32 | Self::Pem(PemLabel::Public) => {
                "the private half is in the node's config/priv_validator_key.json, or where the signer before had it"
            }
            Self::Genesis
            | Self::OtherJson
            | Self::Configuration
            | Self::Html
            | Self::Binary(_)
            | Self::Pem(PemLabel::Certificate | PemLabel::Keyring | PemLabel::Other)
            | Self::Keystore => {
                "correct the path: a node has its validator's key in config/priv_validator_key.json"
            }
            Self::Numbers => {
                "a validator's key is not written like this; look for the priv_validator_key.json"
            }
            Self::BrokenJson(..) => "bring the file from its backup",
            Self::Pem(PemLabel::OpenSsh) => {
                "it is made for logins; make or bring a key of the validator's own"
            }
            Self::Encrypted(_) => "decrypt it into a private file first, and name that one",
            Self::Mnemonic(_) => {
                "the mnemonic of an account makes no validator's key; that of a YubiHSM is restored with its `setup`"
            }
            Self::Hex { bytes, .. } if !is_length(*bytes) => {
                "no private key has as many; look for one of 64, and convert that"
            }
            Self::KeyJson(_)
            | Self::Base64
            | Self::OddBase64 { .. }
            | Self::Hex { .. }
            | Self::Raw(_)
            | Self::Openssl(..)
            | Self::Pem(PemLabel::Encrypted | PemLabel::Legacy)
            | Self::Utf16 => return None,
        })
    }

    /// Whether it may be needed where it lies, under its name.
    pub fn is_of_another(&self) -> bool {
        !matches!(
            self,
            Self::Hex { .. } | Self::Raw(_) | Self::OddBase64 { .. } | Self::Utf16 | Self::Html
        )
    }
}

/// Whether a private key can have so many bytes.
pub(super) fn is_length(bytes: usize) -> bool {
    matches!(bytes, 32 | 64 | 96)
}
