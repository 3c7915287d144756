//! cosmos/kms: `kms.yaml` in its home. Facts: `config/config.go` of github.com/cosmos/kms, 2026.

use std::path::{Path, PathBuf};

use saphyr::Yaml;

use crate::consensus::KeyType;
use crate::link::Address;
use crate::migrate::candidate::Candidate;
use crate::migrate::foreign::Format;
use crate::os::files::paths::{absolute, folder_of};
use crate::secret_file::kind;
use crate::text::excerpt::brief;

use super::error::SourceError;
use super::new_config::{ChainText, KeyText, NewConfig};
use super::source::Source;
use super::yaml::{document, list, text};

/// How much of what is no address is shown, in bytes.
const LONGEST_SHOWN: usize = 80;

/// Reads a home or its `kms.yaml`.
pub(super) fn find(path: &Path) -> Result<Source, SourceError> {
    let (file, home) = match path.is_dir() {
        true => (path.join("kms.yaml"), path.to_owned()),
        false => (path.to_owned(), folder_of(path).to_owned()),
    };
    document(&file, |root| read(root, &home))
}

fn read(root: &Yaml<'_>, home: &Path) -> Source {
    let home = absolute(home);
    let mut source = Source::default();
    let mut chains = Vec::new();
    let mut candidates = Vec::new();
    for chain in list(root, "chains") {
        let Some(id) = text(chain, "id") else {
            continue;
        };
        let state = match text(chain, "state_file") {
            Some(file) => home.join(file),
            None => home.join("state").join(format!("{id}.json")),
        };
        let (key, key_trouble) = key(root, &id, &home);
        let (nodes, node_trouble) = nodes(root, &id);
        let missing = (!state.is_file()).then(|| format!("{}: no such file", state.display()));
        let trouble = key_trouble.or(node_trouble).or(missing);
        if let Some(key) = key
            && !nodes.is_empty()
        {
            chains.push(ChainText {
                id: id.clone(),
                key,
                nodes,
                nodes_are_known: true,
            });
        }
        candidates.push(Candidate {
            chain: id,
            states: vec![state],
            format: Some(Format::Cometbft),
            trouble,
        });
    }
    if root.as_mapping_get("grpc").is_some() {
        source.notes.push(
            "its `grpc` section has no counterpart: a second signing interface would go around the watermark"
                .to_owned(),
        );
    }
    let mut nodes = chains.iter().flat_map(|chain| &chain.nodes);
    if nodes.any(|addr| addr.starts_with("noise://")) {
        source.notes.push(
            "a node with a noise:// link admits only the peer id in its priv_validator_laddr, which is that of cosmos/kms: the \
             new identity key has another one, to be written there before the node is restarted"
                .to_owned(),
        );
    }
    source.new_config = NewConfig::new("cosmos/kms", &chains);
    source.chains = Some(candidates);
    source
}

fn key(root: &Yaml<'_>, id: &str, home: &Path) -> (Option<KeyText>, Option<String>) {
    let named = |key: &&Yaml<'_>| {
        key.as_mapping_get("chain_ids")
            .and_then(|ids| ids.as_vec())
            .is_some_and(|ids| ids.iter().any(|found| found.as_str() == Some(id)))
    };
    let Some(key) = list(root, "keys").into_iter().find(named) else {
        return (None, Some("no key is configured for it there".to_owned()));
    };
    let backend = text(key, "backend").unwrap_or_else(|| "file".to_owned());
    let algorithm = text(key, "algorithm").unwrap_or_else(|| "ed25519".to_owned());
    let Some(key_type) = KeyType::of_name(&algorithm).filter(|_| backend == "file") else {
        let why = format!(
            "its key is of backend {backend} and algorithm {algorithm}, which this program does not have; keep cosmos/kms for it"
        );
        return (None, Some(why));
    };
    let Some(file) = text(key, "key_file") else {
        return (None, Some("its key has no `key_file`".to_owned()));
    };
    let path: PathBuf = home.join(file);
    let json = std::fs::read(&path)
        .is_ok_and(|bytes| kind::text(&zeroize::Zeroizing::new(bytes)).starts_with(b"{"));
    (
        Some(KeyText::File {
            path,
            json,
            key_type,
        }),
        None,
    )
}

fn nodes(root: &Yaml<'_>, id: &str) -> (Vec<String>, Option<String>) {
    let mut nodes = Vec::new();
    let mut trouble = None;
    for node in list(root, "validators") {
        if text(node, "chain_id").as_deref() != Some(id) {
            continue;
        }
        match text(node, "addr") {
            Some(addr) if addr.starts_with("noise://") => match addr.parse::<Address>() {
                Ok(_) => nodes.push(addr),
                Err(error) => {
                    trouble = Some(format!(
                        "the address of its node {} is wrong: {error}",
                        brief(&addr, LONGEST_SHOWN)
                    ));
                }
            },
            Some(addr) => nodes.push(addr),
            None => {}
        }
    }
    if nodes.is_empty() && trouble.is_none() {
        trouble = Some("no node is configured for it there".to_owned());
    }
    (nodes, trouble)
}
