//! `[[providers.softsign]]`.

use std::sync::Arc;

use crate::backends::configured::{ConfiguredKey, KeyTurn};
use crate::settings::{Base, Problem, TableReader, place_of};

use super::key::Purpose;
use super::key_file::{FileFormat, KeyFile};

/// Reads one section.
pub fn read(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Vec<ConfiguredKey> {
    let chain_ids = section.texts("chain_ids", problems);
    let purpose = section
        .text("key_type", problems)
        .map_or(Some(Purpose::default()), |found| match &*found.value {
            "consensus" => Some(Purpose::Consensus),
            "account" => Some(Purpose::Account),
            other => {
                problems.push(Problem::at(
                    found.span,
                    format!("`{other}` is not a key type"),
                    "expected \"consensus\" or \"account\"",
                    "consensus is Ed25519, account is secp256k1; most chains want consensus",
                ));
                None
            }
        });
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
    let (Some(chain_ids), Some(purpose), Some(format), Some(path), Some(turn)) =
        (chain_ids, purpose, format, path, turn)
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
    let key = Arc::new(KeyFile::new(source, format, purpose, base.commands.clone()));
    vec![ConfiguredKey {
        chain_ids,
        turn,
        source: name,
        device: None,
        key,
        replica: None,
    }]
}
