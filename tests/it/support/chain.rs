//! What a test writes into `tmkms.toml`: one chain with its nodes and its key.

use std::fmt::{self, Display};

/// The sections of one chain. Its state may lie on a file system of any kind, because tests run in `/tmp`.
#[derive(Clone, Debug)]
pub struct Chain {
    id: String,
    settings: String,
    nodes: String,
    provider: String,
}

impl Chain {
    /// With its state in `state.json`.
    pub fn new(id: &str) -> Self {
        Self::with_state(id, "state.json")
    }

    /// With its state in this file.
    pub fn with_state(id: &str, state_file: &str) -> Self {
        let mut chain = Self::with_default_state(id);
        let file = format!("state_file = \"{state_file}\"\n");
        chain.settings.insert_str(0, &file);
        chain
    }

    /// With its state where it lies when nothing is said.
    pub fn with_default_state(id: &str) -> Self {
        let chain = Self {
            id: id.to_owned(),
            settings: String::new(),
            nodes: String::new(),
            provider: String::new(),
        };
        chain.set("allow_ephemeral_state = true")
    }

    /// A line of its `[[chain]]`.
    #[must_use]
    pub fn set(mut self, line: &str) -> Self {
        self.settings.push_str(line);
        self.settings.push('\n');
        self
    }

    /// A node at this address.
    #[must_use]
    pub fn node(mut self, address: impl Display) -> Self {
        let id = &self.id;
        let section = format!("[[validator]]\nchain_id = \"{id}\"\naddr = \"{address}\"\n");
        self.nodes.push_str(&section);
        self
    }

    /// A node at this address, to which this program proves itself with `identity.key`.
    #[must_use]
    pub fn node_with_identity(mut self, address: impl Display) -> Self {
        self = self.node(address);
        self.nodes.push_str("secret_key = \"identity.key\"\n");
        self
    }

    /// Its key in this file.
    #[must_use]
    pub fn key(self, path: &str) -> Self {
        let chain_ids = self.id.clone();
        self.provider(
            "softsign",
            &format!("chain_ids = [\"{chain_ids}\"]\npath = \"{path}\""),
        )
    }

    /// Its key with another provider, whose lines are these.
    #[must_use]
    pub fn provider(mut self, name: &str, lines: &str) -> Self {
        self.provider = format!("[[providers.{name}]]\n{lines}\n");
        self
    }
}

impl Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            settings,
            nodes,
            provider,
        } = self;
        write!(f, "[[chain]]\nid = \"{id}\"\n{settings}{nodes}{provider}")
    }
}
