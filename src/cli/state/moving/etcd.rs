//! A chain that several hosts share has no bundle.

use crate::cli::report::Failure;
use crate::config::{ChainConfig, Config};

/// A shared chain is moved by joining and leaving.
pub(super) fn not_in_etcd(config: &Config, chain: &ChainConfig) -> Result<(), Failure> {
    if chain.etcd.is_none() {
        return Ok(());
    }
    let (id, commands) = (chain.id.as_str(), &config.commands);
    Err(Failure::usage(format!(
        "chain {} keeps its watermark in etcd, and a bundle is for a chain of one host; nothing was changed",
        chain.id
    ))
    .hint(format!(
        "the new host takes part with `{}`, and this one ends its part with `{}`",
        commands.line(["state", "join", id]),
        commands.line(["state", "leave", id, "--abandon"])
    )))
}
