//! `tmkms keys show`.

use clap::Args;
use serde_json::{Value, json};

use crate::config::ChainConfig;
use crate::consensus::PublicKey;
use crate::consensus::key_text::{self, KeyFormat};
use crate::text::count::count;

use crate::cli::config_file::ConfigFile;
use crate::cli::identities;
use crate::cli::report::{Failure, output};

/// Show the public half of every configured key, and of the identity keys of its links.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms keys show -c tmkms.toml\n  tmkms keys show --json | jq -r '.[0].address'"
)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    config: ConfigFile,
    /// As JSON, one object a key
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let shown: Vec<Value> = config.keys().map(describe).collect();
        if self.json {
            let text = serde_json::to_string_pretty(&shown).map_err(|error| {
                Failure::new(format!("the keys cannot be written as JSON: {error}"))
            })?;
            output(&format!("{text}\n"))?;
        } else {
            output(&shown.iter().map(lines).collect::<String>())?;
        }
        match shown.iter().map(unreadable).sum::<usize>() {
            0 => Ok(()),
            some => Err(Failure::new(format!(
                "{} cannot be opened; see above",
                count(some, "key")
            ))),
        }
    }
}

/// How many of a chain's keys, and of the identities of its links, cannot be read.
fn unreadable(chain: &Value) -> usize {
    let identities = chain.get(IDENTITIES).and_then(Value::as_array);
    let all = identities.into_iter().flatten().chain([chain]);
    all.filter(|key| key.get("error").is_some()).count()
}

/// The field of the identity keys.
const IDENTITIES: &str = "identities";

fn describe(chain: &ChainConfig) -> Value {
    let mut shown = describe_key(chain);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert(IDENTITIES.to_owned(), Value::from(identities_of(chain)));
    }
    shown
}

/// The identity keys of a chain's links: none where all of them are unix://.
fn identities_of(chain: &ChainConfig) -> Vec<Value> {
    let found = identities::of_nodes(&chain.nodes).into_iter();
    found
        .map(|(source, found)| match found {
            Ok(identity) => json!({
                "identity": source.to_string(),
                "peer_id": identity.peer_id,
                "libp2p_peer_id": identity.libp2p_peer_id,
                "public_key": identity.public_key,
            }),
            Err(error) => json!({ "identity": source.to_string(), "error": error }),
        })
        .collect()
}

fn describe_key(chain: &ChainConfig) -> Value {
    let (id, source) = (chain.id.as_str(), &chain.key.traits().location);
    let mut shown = match chain.key.inspect() {
        Ok(seen) => of_public_key(chain, &seen.public_key),
        Err(error) => json!({ "error": error.to_string() }),
    };
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("chain_id".to_owned(), Value::from(id));
        fields.insert("key".to_owned(), Value::from(source.as_str()));
        if let Some(height) = chain.activation_height {
            fields.insert("activation_height".to_owned(), Value::from(height.get()));
        }
    }
    shown
}

fn of_public_key(chain: &ChainConfig, key: &PublicKey) -> Value {
    let mut shown = json!({
        "type": key.key_type().as_str(),
        "base64": key_text::to_base64(key),
        "address": key.address().to_string(),
        "cosmos_json": key_text::to_json(key),
        "comet_json": key_text::to_comet_json(key),
    });
    if let (KeyFormat::Bech32 { .. }, Some(fields)) = (&chain.key_format, shown.as_object_mut()) {
        fields.insert("bech32".to_owned(), Value::from(chain.key_format.show(key)));
    }
    shown
}

fn lines(key: &Value) -> String {
    let mut text = String::new();
    let names = [
        "chain_id",
        "key",
        "activation_height",
        "type",
        "base64",
        "address",
        "cosmos_json",
        "bech32",
        "error",
    ];
    text.push_str(&fields(key, &names));
    let identities = key.get(IDENTITIES).and_then(Value::as_array);
    for identity in identities.into_iter().flatten() {
        let names = [
            "identity",
            "peer_id",
            "libp2p_peer_id",
            "public_key",
            "error",
        ];
        text.push_str(&fields(identity, &names));
    }
    text
}

/// Those fields that are there, one a line; what belongs to a chain is indented below its id.
fn fields(of: &Value, names: &[&str]) -> String {
    let mut text = String::new();
    for name in names {
        let value = match of.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => continue,
        };
        let indent = if *name == "chain_id" { "" } else { "  " };
        text.push_str(&format!("{indent}{name}: {value}\n"));
    }
    text
}
