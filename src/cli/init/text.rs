//! The configuration as `init` writes it.

use crate::backends::{is_here, usual};
use crate::link::Address;
use crate::networks::{Needs, Network, key_format_line};

/// The port of the first network's node; each further one is ten above.
const PORT: u16 = 26_659;

/// A chain to write sections for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewChain {
    /// The chain id.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// The prefix of its addresses; without one keys are shown as JSON.
    pub prefix: Option<String>,
    /// Whether its nodes can have vote extensions, where that is known.
    pub extensions: Option<bool>,
    /// What its validators need.
    pub needs: Needs,
    /// Where its node listens, where the operator said it.
    pub node: Option<Address>,
}

impl NewChain {
    /// One of which only the chain id is known.
    pub(super) fn unknown(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: id.to_owned(),
            prefix: None,
            extensions: None,
            needs: Needs::default(),
            node: None,
        }
    }
}

impl From<Network> for NewChain {
    fn from(network: Network) -> Self {
        Self {
            id: network.chain_id.to_owned(),
            title: network.title.to_owned(),
            prefix: (!network.prefix.is_empty()).then(|| network.prefix.to_owned()),
            extensions: network.has_extensions(),
            needs: network.needs(),
            node: None,
        }
    }
}

/// The name of a chain's key file below `secrets/`.
pub(super) fn key_name(chain_id: &str) -> String {
    format!("{}-consensus.key", chain_id.replace('/', "-"))
}

/// A whole new file.
pub(super) fn configuration(chains: &[NewChain]) -> String {
    let mut text = String::from(
        "# tmkms: the configuration. Paths are relative to the folder of this file.\n\
         # tmkms.toml.example shows every setting with its default.\n\n\
         # In a container: a folder of the host, mounted into every container that may sign, so that two of them with copies\n\
         # of a key refuse each other.\n\
         # lock_dir = \"/run/tmkms\"\n",
    );
    if chains.is_empty() {
        let example = NewChain {
            title: "Take the leading `# ` away and set your chain's values".to_owned(),
            prefix: Some("cosmos".to_owned()),
            ..NewChain::unknown("mychain-1")
        };
        for line in section(&example, PORT).lines() {
            text.push_str(if line.is_empty() { "\n" } else { "# " });
            if !line.is_empty() {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text.push_str(&sections(chains, &[]));
    text.push_str(ETCD);
    text
}

/// The sections of chains, each with a port that no other one has.
pub(super) fn sections(chains: &[NewChain], taken: &[u16]) -> String {
    let free = (PORT..=u16::MAX)
        .step_by(10)
        .filter(|port| !taken.contains(port));
    let chains = chains.iter().zip(free);
    chains.map(|(chain, port)| section(chain, port)).collect()
}

/// For several hosts with one key; nothing of it is on.
const ETCD: &str = "\n# Several hosts with one key share the watermark in etcd: take the leading `# ` away, and add `store = \"etcd\"` to the\n\
     # [[chain]]. All steps are in docs/two-hosts.md.\n\
     # [etcd]\n\
     # endpoints = [\"https://etcd-1:2379\", \"https://etcd-2:2379\", \"https://etcd-3:2379\"]\n\
     # ca_file = \"etcd/ca.crt\"\n\
     # cert_file = \"etcd/signer.crt\"\n\
     # key_file = \"etcd/signer.key\"\n\
     # username = \"tmkms\"\n\
     # password_file = \"secrets/etcd-password\"\n";

fn section(chain: &NewChain, port: u16) -> String {
    let id = &chain.id;
    let extensions = match chain.extensions {
        Some(true) => {
            "# Nodes of this network can have vote extensions; they are signed where the node wants them.\nsign_extensions = \"auto\"\n"
        }
        Some(false) => {
            "# Nodes of this network have no vote extensions yet; with \"auto\" nothing changes when they get them.\nsign_extensions = \"auto\"\n"
        }
        None => {
            "# Vote extensions are signed where the node wants them.\nsign_extensions = \"auto\"\n"
        }
    };
    let raw_bytes = chain.needs.raw_bytes_setting().map_or_else(String::new, |setting| {
        format!(
            "# Nodes of this network have bytes of these purposes signed, behind a prefix that no vote has. Remove it where\n\
             # the validator takes no part in that.\n{setting}\n"
        )
    });
    format!(
        "\n# {title}\n[[chain]]\nid = \"{id}\"\n\
         {key_format}\
         # The double-sign watermark. Never restore it from a backup, never copy it to a second host: for two hosts with\n\
         # one key see docs/two-hosts.md.\n\
         state_file = \"state/{file}-consensus.json\"\n{extensions}{raw_bytes}\n\
         # The node: its priv_validator_laddr. Another node of this chain is another [[validator]].\n\
         [[validator]]\nchain_id = \"{id}\"\n{node}\n{key}",
        title = chain.title,
        file = id.replace('/', "-"),
        key_format = chain
            .prefix
            .as_deref()
            .map_or_else(String::new, key_format_line),
        node = node_lines(chain.node.as_ref(), port),
        key = key_section(chain),
    )
}

/// The node's address, and the key by which it knows this signer.
fn node_lines(node: Option<&Address>, port: u16) -> String {
    let identity = "secret_key = \"secrets/kms-identity.key\"\n";
    match node {
        Some(node) => {
            let identity = match node {
                Address::Unix(_) => "",
                Address::Tcp { .. } | Address::Noise { .. } => identity,
            };
            format!("addr = {}\n{identity}", toml::Value::from(node.to_string()))
        }
        None => format!(
            "addr = \"tcp://127.0.0.1:{port}\"\n\
             # On another host, with CometBFT v0.40 or later: the id is what `cometbft show-node-id --libp2p` prints on the node, and\n\
             # `keys peer-id` of this program prints the line for its config.toml.\n\
             # addr = \"noise://PEER_ID@IP:PORT\"\n{identity}"
        ),
    }
}

fn key_section(chain: &NewChain) -> String {
    let id = &chain.id;
    let unusual = chain.needs.unusual_key_type();
    match is_here("softsign") {
        true => {
            let kind = unusual.map_or_else(String::new, |kind| {
                format!("# Keys of this network are {kind}.\nalgorithm = \"{kind}\"\n")
            });
            format!(
                "# The validator's key. For a node's own priv_validator_key.json add `key_format = \"json\"`.\n\
                 [[providers.softsign]]\nchain_ids = [\"{id}\"]\n{kind}path = \"secrets/{}\"\n",
                key_name(id)
            )
        }
        // What a device's section needs only the operator knows.
        false => {
            let kind = unusual.map_or_else(String::new, |kind| {
                format!(" Keys of this network are {kind}.")
            });
            format!(
                "# The validator's key: a [[providers.{}]] section; tmkms.toml.example shows what stands in it.{kind}\n",
                usual()
            )
        }
    }
}
