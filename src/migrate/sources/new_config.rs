//! A configuration of ours with the same meaning as another signer's.

use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError};
use crate::consensus::KeyType;
use crate::networks;

/// A configuration of ours with the same meaning as another signer's.
#[derive(Debug)]
pub struct NewConfig {
    /// The file.
    pub text: String,
    /// Whether it says all that it must.
    pub complete: bool,
    /// The same with something in every gap, to look at keys and states before it is written.
    filled: String,
}

impl NewConfig {
    /// Of the chains of another signer, which is named in the file. `None` where there are none.
    pub(super) fn new(from: &str, chains: &[ChainText]) -> Option<Self> {
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
        Config::read_for(&self.filled, path)
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
    /// Its type.
    pub key_type: KeyType,
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
        if let Some(network) = networks::of_chain(&chain.id) {
            text.push_str(&networks::key_format_line(network.prefix));
            if let Some(setting) = network.needs().raw_bytes_setting() {
                text.push_str(&format!("{setting}\n"));
            }
        }
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
        match chain.key.key_type {
            KeyType::Ed25519 => {}
            KeyType::Secp256k1 => text.push_str("key_type = \"account\"\n"),
            other => text.push_str(&format!("algorithm = \"{other}\"\n")),
        }
    }
    text
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
