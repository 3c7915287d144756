//! A configuration of ours with the same meaning as another signer's.

use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, Yaml};

use crate::backends::Base;
use crate::cli::init;
use crate::cli::report::{Failure, status};
use crate::config::{Config, ConfigError};
use crate::remedy::Commands;

use super::source::Source;

/// The longest configuration of another signer that is read, in bytes.
const LONGEST: usize = 1024 * 1024;

/// A configuration of ours with the same meaning as another signer's.
#[derive(Debug)]
pub(super) struct Written {
    /// The file.
    pub text: String,
    /// Whether it says all that it must.
    pub complete: bool,
    /// The same with something in every gap, to look at keys and states before it is written.
    filled: String,
}

impl Written {
    /// Of the chains of another signer, which is named in the file. `None` where there are none.
    pub fn new(from: &str, chains: &[ChainText]) -> Option<Self> {
        if chains.is_empty() {
            return None;
        }
        let complete = chains.iter().all(|chain| chain.nodes_are_known);
        let filled: Vec<ChainText> = chains
            .iter()
            .enumerate()
            .map(|(at, chain)| ChainText {
                nodes: match chain.nodes_are_known {
                    true => chain.nodes.clone(),
                    false => vec![format!("unix:///not-known-yet-{at}")],
                },
                nodes_are_known: true,
                ..chain.clone()
            })
            .collect();
        Some(Self {
            text: configuration_text(from, chains),
            complete,
            filled: configuration_text(from, &filled),
        })
    }

    /// What it means once it lies at `path`.
    pub fn read(&self, path: &Path) -> Result<Config, ConfigError> {
        let folder = super::folder_of(path);
        let base = Base {
            folder: std::path::absolute(&folder).unwrap_or(folder),
            home: std::env::var_os("HOME").map(PathBuf::from),
            commands: Commands::with_config(path),
            ..Base::default()
        };
        Config::read(&self.filled, &path.display().to_string(), &base)
    }
}

/// One chain as the other signer has it.
#[derive(Clone)]
pub(super) struct ChainText {
    pub id: String,
    pub key: KeyText,
    /// Addresses.
    pub nodes: Vec<String>,
    /// Whether these are the nodes of this chain; otherwise the operator has to say of which chain each one is.
    pub nodes_are_known: bool,
}

/// Its key.
#[derive(Clone)]
pub(super) struct KeyText {
    pub path: PathBuf,
    /// `priv_validator_key.json`; otherwise base64.
    pub json: bool,
    /// secp256k1.
    pub account: bool,
}

/// Reads a YAML file and hands its first document on.
pub(super) fn document(
    file: &Path,
    read: impl FnOnce(&Yaml<'_>) -> Source,
) -> Result<Source, Failure> {
    let failed = |why: String| Failure::new(format!("{} cannot be read: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    if text.len() > LONGEST {
        return Err(failed("it is longer than any configuration".to_owned()));
    }
    let documents = Yaml::load_from_str(&text).map_err(|error| failed(error.to_string()))?;
    match documents.first() {
        Some(root) if root.is_mapping() => Ok(read(root)),
        _ => Err(failed("it holds no settings".to_owned())),
    }
}

/// The entries of a list, none where there is no such list.
pub(super) fn list<'a, 'b>(node: &'a Yaml<'b>, key: &str) -> Vec<&'a Yaml<'b>> {
    node.as_mapping_get(key)
        .and_then(|value| value.as_vec())
        .map(|values| values.iter().collect())
        .unwrap_or_default()
}

/// A text or a number, as text.
pub(super) fn text(node: &Yaml<'_>, key: &str) -> Option<String> {
    let value = node.as_mapping_get(key)?;
    value
        .as_str()
        .map(str::to_owned)
        .or_else(|| value.as_integer().map(|number| number.to_string()))
        .filter(|text| !text.is_empty())
}

/// The whole file.
fn configuration_text(from: &str, chains: &[ChainText]) -> String {
    let mut text = format!(
        "# tmkms: the configuration, written from that of {from}. Paths are relative to the folder of this file.\n\
         # tmkms.toml.example shows every setting with its default.\n"
    );
    for chain in chains {
        let id = quoted(&chain.id);
        text.push_str(&format!("\n[[chain]]\nid = {id}\n"));
        text.push_str(&init::key_format_line(&chain.id));
        let file = quoted(&format!("state/{}-consensus.json", chain.id));
        text.push_str(&format!("state_file = {file}\n"));
        for addr in &chain.nodes {
            let chain_id = match chain.nodes_are_known {
                true => id.clone(),
                false => quoted("WHICH CHAIN?"),
            };
            text.push_str(&format!(
                "\n[[validator]]\nchain_id = {chain_id}\naddr = {}\n",
                quoted(addr)
            ));
            if !addr.starts_with("unix://") {
                text.push_str("secret_key = \"secrets/kms-identity.key\"\n");
            }
        }
        text.push_str(&format!(
            "\n[[providers.softsign]]\nchain_ids = [{id}]\npath = {}\n",
            quoted(&chain.key.path.display().to_string())
        ));
        if chain.key.json {
            text.push_str("key_format = \"json\"\n");
        }
        if chain.key.account {
            text.push_str("key_type = \"account\"\n");
        }
    }
    text
}

/// Writes it where there is none yet, with the identity key and the folders that it names.
pub(super) fn configuration(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = super::folder_of(path);
    for sub in ["", "secrets", "state"] {
        init::make_folder(&folder.join(sub))?;
    }
    init::make_identity(&folder.join("secrets/kms-identity.key"))?;
    init::write_new(path, text)
        .map_err(|error| Failure::new(format!("{} cannot be made: {error}", path.display())))?;
    status("Created", path.display());
    Ok(())
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
