//! `[[providers.softsign]]`.

use std::sync::Arc;

use crate::backends::configured::{ConfiguredKey, KeyTurn};
use crate::consensus::KeyType;
use crate::settings::{Base, Problem, TableReader, place_of};

use super::kdf_turn::KdfTurn;
use super::key_file::{FileFormat, KeyFile};

/// Reads one section.
pub fn read(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Vec<ConfiguredKey> {
    let chain_ids = section.texts("chain_ids", problems);
    let kind = algorithm(section, problems);
    let format = format(section, base, problems);
    if let Some(span) = section.place_of_refused("id") {
        problems.push(Problem::at(
            span,
            "softsign keys have no `id`",
            "not known to softsign",
            "remove the line; the key is named by its `path`",
        ));
    }
    let path = section.required("path", "\"secrets/consensus.key\"", problems);
    if chain_ids.is_none() && section.place_of("chain_ids").is_none() {
        problems.push(Problem::at(
            section.span.clone(),
            "`chain_ids` is missing",
            "this key signs for no chain",
            "add a line such as `chain_ids = [\"cosmoshub-4\"]`",
        ));
    }
    let turn = KeyTurn::read(section, chain_ids.as_deref().unwrap_or_default(), problems);
    let (Some(chain_ids), Some(kind), Some(format), Some(path), Some(turn)) =
        (chain_ids, kind, format, path, turn)
    else {
        return Vec::new();
    };
    let Some(source) = base.secret(&path, problems) else {
        return Vec::new();
    };
    let name = crate::settings::Spanned {
        value: place_of(&source),
        span: path.span.clone(),
    };
    if matches!(&format, FileFormat::Encrypted(passphrase) if *passphrase == source) {
        problems.push(Problem::at(
            path.span,
            "the key and its passphrase are in one place",
            "`passphrase_file` names this, too",
            "name the file that holds the passphrase, and nothing else, as `passphrase_file`",
        ));
        return Vec::new();
    }
    // Those of a configuration that is read again wait for those of the one before.
    let kdf = base.devices.known_or(KdfTurn::default(), |_, _| true);
    let key = Arc::new(KeyFile::new(
        source,
        format,
        kind,
        base.commands.clone(),
        kdf,
    ));
    vec![ConfiguredKey {
        chain_ids,
        turn,
        source: name,
        device: None,
        listen: None,
        key,
        replica: None,
    }]
}

/// How the file is written: `passphrase_file` goes with an encrypted one, `key_format` with all others.
fn format(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Option<FileFormat> {
    let written = section.text("key_format", problems);
    let place = section.place_of("passphrase_file");
    let passphrase = section.text("passphrase_file", problems);
    if let Some(span) = section.place_of_refused("passphrase") {
        problems.push(Problem::at(
            span,
            "a passphrase stands in the configuration",
            "whoever reads this file opens the key",
            "write `passphrase_file = \"PATH\"` (a file of mode 0600, env:NAME or credential:NAME), and no `passphrase`",
        ));
        return None;
    }
    let format = match written.as_ref().map(|found| &*found.value) {
        None | Some("base64") => FileFormat::Base64,
        Some("json") => FileFormat::Json,
        Some("pem") => FileFormat::Pem,
        Some(other) => {
            problems.push(Problem::at(
                written.as_ref()?.span.clone(),
                format!("`{other}` is not a key file format"),
                "expected \"base64\", \"json\" or \"pem\"",
                "json is CometBFT's priv_validator_key.json; base64 is a key file of this program; pem is what OpenSSL writes",
            ));
            return None;
        }
    };
    match (place, written) {
        (None, _) => Some(format),
        (Some(_), Some(written)) if format != FileFormat::Pem => {
            problems.push(Problem::at(
                written.span,
                "only PEM is encrypted with a passphrase",
                "and there is a `passphrase_file`",
                "remove this line if the file is one that `softsign encrypt` or OpenSSL encrypted; otherwise remove \
                 `passphrase_file`",
            ));
            None
        }
        (Some(_), _) => Some(FileFormat::Encrypted(base.secret(&passphrase?, problems)?)),
    }
}

/// The type of the key: `algorithm` by its name, or `key_type` by what such keys were used for when there were two types.
fn algorithm(section: &mut TableReader<'_>, problems: &mut Vec<Problem>) -> Option<KeyType> {
    let key_type = section.text("key_type", problems);
    let algorithm = section.text("algorithm", problems);
    match (key_type, algorithm) {
        (None, None) => Some(KeyType::default()),
        (Some(old), Some(new)) => {
            problems.push(Problem::at(
                old.span,
                format!("`key_type` stands beside `algorithm = \"{}\"`", new.value),
                "said a second time",
                "remove this line: `algorithm` says more",
            ));
            None
        }
        (Some(found), None) => match &*found.value {
            "consensus" => Some(KeyType::Ed25519),
            "account" => Some(KeyType::Secp256k1),
            other => {
                let help = match KeyType::of_name(other) {
                    Some(_) => format!("write `algorithm = \"{other}\"` instead of it"),
                    None => "consensus is Ed25519, account is secp256k1; most chains want consensus. `algorithm` names \
                             other types"
                        .to_owned(),
                };
                problems.push(Problem::at(
                    found.span,
                    format!("`{other}` is not a key type"),
                    "expected \"consensus\" or \"account\"",
                    help,
                ));
                None
            }
        },
        (None, Some(found)) => match KeyType::of_name(&found.value) {
            Some(kind) if kind.is_built() => Some(kind),
            Some(kind) => {
                problems.push(Problem::at(
                    found.span,
                    format!("this tmkms was built without keys of type {kind}"),
                    "not in this build",
                    format!("use a build with the feature {kind}"),
                ));
                None
            }
            None => {
                problems.push(Problem::at(
                    found.span,
                    format!("`{}` is not an algorithm", found.value),
                    format!("expected one of {}", KeyType::names()),
                    "write the type of the validator's key, as its priv_validator_key.json or genesis file names it; most \
                     chains want ed25519",
                ));
                None
            }
        },
    }
}
