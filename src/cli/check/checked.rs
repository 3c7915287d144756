//! What `check` found of each key, and the table of it.

use crate::cli::report::columns;
use crate::config::ChainConfig;
use crate::consensus::PublicKey;

/// What was found out about one key of a chain.
pub(super) struct CheckedKey<'a> {
    pub config: &'a ChainConfig,
    pub public_key: Option<PublicKey>,
    pub watermark: String,
    /// A process holds it: this configuration's service, or another one.
    pub held: Option<String>,
    pub problems: Vec<String>,
    pub warnings: Vec<String>,
    pub notes: Vec<String>,
    pub nodes: Vec<String>,
}

/// Of all keys.
pub(super) fn table(chains: &[CheckedKey<'_>]) -> String {
    let mut rows = vec![
        ["CHAIN", "READY", "KEY", "WATERMARK", "NODES"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for chain in chains {
        let ready = match (chain.problems.is_empty(), &chain.held) {
            (true, Some(_)) => "in service",
            (true, None) => "yes",
            (false, _) => "NO",
        };
        let mut key = match &chain.public_key {
            Some(key) => format!("{} {}", key.key_type(), key.address()),
            None => "none".to_owned(),
        };
        if let Some(height) = chain.config.activation_height {
            key.push_str(&format!(" from height {height}"));
        }
        // A key that takes over has the nodes of its chain.
        if chain.nodes.is_empty() {
            let id = chain.config.id.to_string();
            rows.push(vec![
                id,
                ready.to_owned(),
                key.clone(),
                chain.watermark.clone(),
                String::new(),
            ]);
        }
        for (at, node) in chain.nodes.iter().enumerate() {
            rows.push(match at {
                0 => vec![
                    chain.config.id.to_string(),
                    ready.to_owned(),
                    key.clone(),
                    chain.watermark.clone(),
                    node.clone(),
                ],
                _ => vec![
                    String::new(),
                    String::new(),
                    String::new(),
                    String::new(),
                    node.clone(),
                ],
            });
        }
    }
    columns(&rows)
}
