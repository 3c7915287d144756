//! What to do with a file of another kind: a setting, a command that converts it, or where the key is.

use std::path::{Path, PathBuf};

use super::file_kind::{Armour, FileKind, KeyAlgorithm};
use crate::consensus::KeyType;
use crate::os::files::paths::absolute;
use crate::remedy::quoted;
use crate::secret_file::source::SecretSource;

/// How a file was named, and with that how its form is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// `path` of a section of softsign, with `key_type` and `key_format`.
    Setting {
        /// `key_format = "json"`.
        json: bool,
    },
    /// On the command line, with this option for its form.
    Command(&'static str),
}

/// What to do, as the second half of a sentence.
pub fn remedy(kind: &FileKind, source: &SecretSource, by: NamedBy) -> String {
    if let Some(advice) = kind.advice() {
        return advice.to_owned();
    }
    match (kind, by) {
        (FileKind::KeyJson(KeyAlgorithm::Known(kind)), NamedBy::Setting { .. })
            if *kind != KeyType::Ed25519 =>
        {
            format!("set `key_format = \"json\"` and `{}`", setting(*kind))
        }
        (FileKind::KeyJson(_), NamedBy::Setting { .. }) => "set `key_format = \"json\"`".to_owned(),
        (FileKind::Base64, NamedBy::Setting { .. }) => "remove `key_format = \"json\"`".to_owned(),
        (FileKind::KeyJson(_), NamedBy::Command(option)) => format!("say so with `{option} json`"),
        (FileKind::Base64, NamedBy::Command(option)) => format!("say so with `{option} base64`"),
        _ => match source {
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
    new.push(".base64");
    let (make, new) = (convert(kind, &path), PathBuf::from(new));
    let command = format!(
        "convert it with `(umask 077; set -C; {make} > {})`",
        quoted(new.as_os_str())
    );
    let shown = new.display();
    let NamedBy::Setting { json } = by else {
        return format!("{command}, and name {shown} instead");
    };
    let mut told = vec![command, format!("name {shown} as `path`")];
    if json {
        told.push("remove `key_format = \"json\"`".to_owned());
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
