//! What to do with a file of another kind: a setting, a command that converts it, or where the key is.

use std::path::{Path, PathBuf};

use super::file_kind::{Armour, FileKind, KeyAlgorithm, PemLabel};
use crate::consensus::KeyType;
use crate::os::files::paths::absolute;
use crate::remedy::{self, quoted};
use crate::secret_file::source::SecretSource;

/// How a file was named, and with that how its form is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// `path` of a section of softsign, with `key_type` and this `key_format`.
    Setting(KeyFormatSetting),
    /// On the command line.
    Command {
        /// The option for its form.
        option: &'static str,
        /// Whether PEM is one of the forms.
        pem: bool,
    },
}

/// `key_format` of a section of softsign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFormatSetting {
    /// Also where nothing is written.
    Base64,
    /// Written.
    Json,
    /// Written, or meant by a `passphrase_file`.
    Pem,
}

impl KeyFormatSetting {
    /// The line that must not stay, if there is one.
    fn line(self) -> Option<&'static str> {
        match self {
            Self::Base64 => None,
            Self::Json => Some("`key_format = \"json\"`"),
            Self::Pem => Some("`key_format = \"pem\"`"),
        }
    }
}

/// What to do, as the second half of a sentence.
pub fn remedy(kind: &FileKind, source: &SecretSource, by: NamedBy) -> String {
    if let Some(advice) = kind.advice() {
        return advice.to_owned();
    }
    let also = match kind {
        FileKind::KeyJson(KeyAlgorithm::Known(kind))
        | FileKind::Openssl(_, KeyAlgorithm::Known(kind))
            if *kind != KeyType::Ed25519 =>
        {
            format!(" and `{}`", setting(*kind))
        }
        _ => String::new(),
    };
    match (kind, by) {
        (FileKind::KeyJson(_), NamedBy::Setting(_)) => {
            format!("set `key_format = \"json\"`{also}")
        }
        (FileKind::Openssl(Armour::Pem, _), NamedBy::Setting(_)) => {
            format!("set `key_format = \"pem\"`{also}")
        }
        (FileKind::Pem(PemLabel::Encrypted), NamedBy::Setting(format)) => match format.line() {
            Some(line) => format!(
                "remove {line}, and say with `passphrase_file = \"FILE\"` where its passphrase is"
            ),
            None => "say with `passphrase_file = \"FILE\"` where its passphrase is".to_owned(),
        },
        (FileKind::Base64, NamedBy::Setting(format)) => match format.line() {
            Some(line) => format!("remove {line}"),
            None => "correct it".to_owned(),
        },
        (FileKind::KeyJson(_), NamedBy::Command { option, .. }) => {
            format!("say so with `{option} json`")
        }
        (FileKind::Base64, NamedBy::Command { option, .. }) => {
            format!("say so with `{option} base64`")
        }
        (
            FileKind::Openssl(Armour::Pem, _) | FileKind::Pem(PemLabel::Encrypted),
            NamedBy::Command { option, pem: true },
        ) => format!("say so with `{option} pem`"),
        _ => match source {
            SecretSource::File(path) if *kind == FileKind::Pem(PemLabel::Encrypted) => {
                format!(
                    "decrypt it with `{}`, and name {} instead",
                    remedy::decrypt(path),
                    remedy::decrypted(path).display()
                )
            }
            SecretSource::File(path) => converted(kind, path, by),
            SecretSource::Environment(_) | SecretSource::Credential(_) => {
                "put the key there in base64 with padding, in one line".to_owned()
            }
        },
    }
}

/// How a file becomes a key file. Nothing of the old one is lost, and no other file is overwritten (`set -C`).
fn converted(kind: &FileKind, path: &Path, by: NamedBy) -> String {
    let path = absolute(path);
    let mut new = path.clone().into_os_string();
    let is_legacy = *kind == FileKind::Pem(PemLabel::Legacy);
    new.push(if is_legacy {
        ".encrypted.pem"
    } else {
        ".base64"
    });
    let (make, new) = (convert(kind, &path), PathBuf::from(new));
    let command = format!(
        "convert it with `(umask 077; set -C; {make} > {})`",
        quoted(new.as_os_str())
    );
    let shown = new.display();
    let NamedBy::Setting(format) = by else {
        return format!("{command}, and name {shown} instead");
    };
    let mut told = vec![command, format!("name {shown} as `path`")];
    if is_legacy {
        told.push("say with `passphrase_file = \"FILE\"` where its passphrase is".to_owned());
    }
    if let Some(line) = format.line() {
        told.push(format!("remove {line}"));
    }
    if matches!(
        kind,
        FileKind::Openssl(_, KeyAlgorithm::Known(KeyType::Secp256k1))
    ) {
        told.push(format!("set `{}`", setting(KeyType::Secp256k1)));
    }
    let last = told.pop().unwrap_or_default();
    format!("{}, and {last}", told.join(", "))
}

/// A pipe that ends in base64 of the key.
fn convert(kind: &FileKind, path: &Path) -> String {
    let file = quoted(path.as_os_str());
    match kind {
        FileKind::Hex { prefix, .. } => {
            // Without the `0x`.
            let from = if *prefix { 3 } else { 1 };
            format!(
                "tail -c +{from} {file} | tr -dc 0-9a-fA-F | tr a-f A-F | basenc --base16 -d | base64 -w 0"
            )
        }
        FileKind::OddBase64 { bytes, .. } => {
            let padding = "=".repeat((3 - bytes % 3) % 3);
            format!("(tr -- -_ +/ < {file} | tr -dc A-Za-z0-9+/; echo '{padding}')")
        }
        FileKind::Utf16 => format!("iconv -f UTF-16 -t UTF-8 {file}"),
        FileKind::Openssl(armour, kind) => {
            let tool = match kind {
                KeyAlgorithm::Known(KeyType::Secp256k1) => "ec",
                _ => "pkey",
            };
            let read = match armour {
                Armour::Pem => format!("openssl {tool} -in {file}"),
                Armour::Der => format!("openssl {tool} -inform DER -in {file}"),
                Armour::Base64 => format!("base64 -d {file} | openssl {tool} -inform DER"),
            };
            match kind {
                // SEC 1: seven bytes of header, then the scalar.
                KeyAlgorithm::Known(KeyType::Secp256k1) => {
                    format!("{read} -outform DER | tail -c +8 | head -c 32 | base64")
                }
                // PKCS#8: the seed stands at its end.
                _ => format!("{read} -outform DER | tail -c 32 | base64"),
            }
        }
        // It asks for the passphrase, and for a new one.
        FileKind::Pem(PemLabel::Legacy) => format!("openssl pkcs8 -topk8 -scrypt -in {file}"),
        // Raw bytes.
        _ => format!("base64 -w 0 {file}"),
    }
}

/// The setting of softsign that says the type.
fn setting(kind: KeyType) -> String {
    match kind {
        KeyType::Secp256k1 => "key_type = \"account\"".to_owned(),
        other => format!("algorithm = \"{other}\""),
    }
}
