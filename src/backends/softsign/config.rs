//! `[[providers.softsign]]`.

use std::sync::Arc;

use crate::backends::configured::{ConfiguredKey, KeyTurn};
use crate::consensus::KeyType;
use crate::settings::{Base, Problem, TableReader, place_of};

use super::key_file::{FileFormat, KeyFile};

/// Reads one section.
pub fn read(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Vec<ConfiguredKey> {
    let chain_ids = section.texts("chain_ids", problems);
    let kind = algorithm(section, problems);
    let format = section.text("key_format", problems).map_or(Some(FileFormat::default()), |found| {
        match &*found.value {
            "base64" => Some(FileFormat::Base64),
            "json" => Some(FileFormat::Json),
            other => {
                problems.push(Problem::at(
                    found.span,
                    format!("`{other}` is not a key file format"),
                    "expected \"base64\" or \"json\"",
                    "json is CometBFT's priv_validator_key.json; base64 is a key file of this program",
                ));
                None
            }
        }
    });
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
        span: path.span,
    };
    let key = Arc::new(KeyFile::new(source, format, kind, base.commands.clone()));
    vec![ConfiguredKey {
        chain_ids,
        turn,
        source: name,
        device: None,
        key,
        replica: None,
    }]
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
