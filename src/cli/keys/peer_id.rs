//! `tmkms keys peer-id`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::config_file::ConfigFile;
use crate::cli::identities::{self, PublicIdentity, laddr, noise_laddr, place};
use crate::cli::report::{Failure, output};
use crate::config::NodeConfig;
use crate::link::Address;
use crate::text::count::count;

/// Show by which ids nodes know this signer, and the line of each node's config.toml.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms keys peer-id -c tmkms.toml\n  tmkms keys peer-id 10.0.0.1:26659\n  tmkms keys peer-id --json | jq -r '.[0].libp2p_peer_id'"
)]
pub(in crate::cli) struct OfLinks {
    /// Only this node: its `addr`, or host and port of it, or the host alone; all of them without it
    #[arg(value_name = "NODE")]
    node: Option<String>,
    #[command(flatten)]
    config: ConfigFile,
    /// As JSON, one object a link
    #[arg(long)]
    json: bool,
}

impl OfLinks {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let nodes = config.chains.iter().flat_map(|chain| {
            let id = chain.id.as_str();
            chain.nodes.iter().map(move |node| (id, node))
        });
        let all: Vec<(&str, &NodeConfig)> = nodes.collect();
        let is_meant = |node: &NodeConfig| match &self.node {
            Some(name) => is_called(node, name.trim()),
            None => true,
        };
        let meant = all.iter().filter(|(_, node)| is_meant(node));
        let shown: Vec<Value> = meant.map(|(chain, node)| describe(chain, node)).collect();
        if let (Some(name), true) = (&self.node, shown.is_empty()) {
            let known: Vec<String> = all
                .iter()
                .map(|(_, node)| node.address.to_string())
                .collect();
            return Err(
                Failure::usage(format!("no [[validator]] has the address {name}"))
                    .hint(format!("the configuration has {}", known.join(", "))),
            );
        }
        match self.json {
            true => {
                let text = serde_json::to_string_pretty(&shown).map_err(|error| {
                    Failure::new(format!("the ids cannot be written as JSON: {error}"))
                })?;
                output(&format!("{text}\n"))?;
            }
            false => output(&shown.iter().map(lines).collect::<String>())?,
        }
        match shown
            .iter()
            .filter(|link| link.get("error").is_some())
            .count()
        {
            0 => Ok(()),
            some => Err(Failure::new(format!(
                "the identity of {} cannot be read; see above",
                count(some, "link")
            ))),
        }
    }
}

/// Whether an operator who writes `name` means this node.
fn is_called(node: &NodeConfig, name: &str) -> bool {
    let Ok(address) = node.address.known() else {
        return node.address.to_string() == name;
    };
    let is_address = name.parse().is_ok_and(|named: Address| named == *address);
    let is_place = address.host_and_port().is_some_and(|(host, port)| {
        let bare = host.eq_ignore_ascii_case(name) || format!("[{host}]") == name;
        bare || place(host, port).eq_ignore_ascii_case(name)
    });
    is_address || is_place || address.to_string() == name
}

fn describe(chain: &str, node: &NodeConfig) -> Value {
    let mut shown = json!({ "chain_id": chain, "node": node.address.to_string() });
    let identity = identities::of_nodes([node]).pop().map(|(_, found)| found);
    let fields = match identity {
        Some(Ok(identity)) => of_identity(node, &identity),
        Some(Err(error)) => vec![("error", error)],
        None => node
            .address
            .known()
            .ok()
            // Only a Unix socket has no identity.
            .map(|address| ("config_toml", laddr(address, "")))
            .into_iter()
            .collect(),
    };
    if let Some(shown) = shown.as_object_mut() {
        let fields = fields.into_iter();
        shown.extend(fields.map(|(name, value)| (name.to_owned(), Value::from(value))));
    }
    shown
}

fn of_identity(node: &NodeConfig, identity: &PublicIdentity) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("node_id", identity.peer_id.clone()),
        ("libp2p_peer_id", identity.libp2p_peer_id.clone()),
        ("public_key_hex", identity.public_key_hex.clone()),
        ("public_key", identity.public_key.clone()),
    ];
    let id = &identity.libp2p_peer_id;
    let address = node.address.known().ok();
    if let Some(address) = address {
        fields.push(("config_toml", laddr(address, id)));
    }
    if !matches!(address, Some(Address::Noise { .. })) {
        let place = address.and_then(Address::host_and_port);
        fields.push(("config_toml_noise", noise_laddr(id, place)));
    }
    fields
}

/// The fields in the order in which they are read.
fn lines(link: &Value) -> String {
    let mut text = String::new();
    let field = |name: &str| link.get(name).and_then(Value::as_str);
    let head = [field("node"), field("chain_id")].map(Option::unwrap_or_default);
    let [node, chain] = head;
    let _ = writeln!(text, "{node} of {chain}");
    for (name, title) in [
        ("node_id", "node id (tcp://)"),
        ("libp2p_peer_id", "libp2p peer id (noise://)"),
        ("public_key_hex", "public key, hex"),
        ("public_key", "public key, base64"),
        ("config_toml", "the node's config.toml"),
        ("config_toml_noise", "or, with CometBFT v0.40"),
        ("error", "error"),
    ] {
        if let Some(value) = field(name) {
            let _ = writeln!(text, "  {title}: {value}");
        }
    }
    text
}
