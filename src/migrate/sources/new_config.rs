//! A configuration of ours with the same meaning as another signer's.

use std::path::{Path, PathBuf};

use crate::config::member_section::{MemberText, NO_PEER_ID, SectionText, file_names};
use crate::config::{Config, ConfigError};
use crate::consensus::KeyType;
use crate::networks;
use crate::shares::Quorum;

/// A configuration of ours with the same meaning as another signer's.
#[derive(Debug)]
pub struct NewConfig {
    /// The file.
    pub text: String,
    /// Whether it says all that it must.
    pub complete: bool,
    /// The same with something in every gap, to look at keys and states before it is written.
    filled: String,
    /// The shares that it names, which are made when it is written. Who the other members are nobody knows here, so it is completed
    /// by hand then, and no chain is taken over before.
    pub shares: Vec<ShareText>,
}

impl NewConfig {
    /// Of the chains of another signer, which is named in the file. `None` where there are none.
    pub(super) fn new(from: &str, chains: &[ChainText]) -> Option<Self> {
        if chains.is_empty() {
            return None;
        }
        // Of the other members nobody knows here who they are.
        let is_share = |chain: &ChainText| matches!(chain.key, KeyText::Share(_));
        let complete = chains
            .iter()
            .all(|chain| chain.nodes_are_known && !is_share(chain));
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
            shares: chains
                .iter()
                .filter_map(|chain| chain.key.share())
                .collect(),
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
pub(super) enum KeyText {
    /// A key in a file.
    File {
        path: PathBuf,
        /// `priv_validator_key.json`; otherwise base64.
        json: bool,
        key_type: KeyType,
    },
    /// A share of one.
    Share(ShareText),
}

/// A share that this host is to have, as a member among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareText {
    /// Of which chain.
    pub chain: String,
    /// The shard of the other program.
    pub shard: PathBuf,
    /// How many of how many sign.
    pub quorum: Quorum,
    /// Whose it is.
    pub own: u16,
    /// The public half of it.
    pub public_share: [u8; 32],
    /// Where each member is, with its id.
    pub places: Vec<(u16, String, u16)>,
}

impl ShareText {
    /// A share that will lie where `cosign import` puts it.
    pub(super) fn new(
        chain: &str,
        shard: PathBuf,
        quorum: Quorum,
        own: (u16, [u8; 32]),
        places: Vec<(u16, String, u16)>,
    ) -> Self {
        Self {
            chain: chain.to_owned(),
            shard,
            quorum,
            own: own.0,
            public_share: own.1,
            places,
        }
    }

    /// Where the share and the identity of this member are to lie, below the folder of the configuration.
    pub fn files(&self) -> (String, String) {
        file_names(Some(&self.chain))
    }

    fn section(&self) -> String {
        let members: Vec<MemberText> = self.places.iter().map(|place| self.member(place)).collect();
        let (share, identity) = self.files();
        SectionText {
            chain: Some(&self.chain),
            share: &share,
            identity: &identity,
            own: self.own,
            members: &members,
        }
        .text()
    }

    /// What the other hosts have of this member, which is known there by this peer id.
    pub fn own_lines(&self, peer_id: &str) -> String {
        let own = self.places.iter().find(|(id, ..)| *id == self.own);
        own.map_or_else(String::new, |own| {
            MemberText {
                peer_id: Some(peer_id.to_owned()),
                ..self.member(own)
            }
            .text()
        })
    }

    /// The configuration's text with the peer id of this member in its own line.
    pub fn with_identity(&self, text: &str, peer_id: &str) -> String {
        let lines = |peer_id: &str| self.own_lines(peer_id);
        text.replace(&lines(NO_PEER_ID), &lines(peer_id))
    }

    fn member(&self, (id, host, port): &(u16, String, u16)) -> MemberText {
        MemberText {
            id: *id,
            peer_id: None,
            place: Some((host.clone(), *port)),
            public_share: Some(self.public_share).filter(|_| *id == self.own),
        }
    }
}

impl KeyText {
    fn share(&self) -> Option<ShareText> {
        match self {
            Self::File { .. } => None,
            Self::Share(share) => Some(share.clone()),
        }
    }

    fn text(&self, id: &str) -> String {
        let (path, json, key_type) = match self {
            Self::Share(share) => return format!("\n{}", share.section()),
            Self::File {
                path,
                json,
                key_type,
            } => (path, *json, *key_type),
        };
        let path = quoted(&path.display().to_string());
        let mut text = format!("\n[[providers.softsign]]\nchain_ids = [{id}]\npath = {path}\n");
        if json {
            text.push_str("key_format = \"json\"\n");
        }
        match key_type {
            KeyType::Ed25519 => {}
            KeyType::Secp256k1 => text.push_str("key_type = \"account\"\n"),
            other => text.push_str(&format!("algorithm = \"{other}\"\n")),
        }
        text
    }
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
        text.push_str(&chain.key.text(&id));
    }
    text
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
