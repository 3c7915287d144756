//! The service that runs, where it has the chain: it moves the chain itself, because it holds its key, state and locks.

use std::io;

use crate::cli::report::Failure;
use crate::cli::status::service_of;
use crate::config::{ChainConfig, Config};

/// Whether the service of this configuration runs and has the chain.
pub(super) fn has(config: &Config, chain: &ChainConfig) -> bool {
    service_of(config).is_some_and(|service| {
        let mut chains = service.chains.iter();
        chains.any(|served| served.id == chain.id.as_str())
    })
}

/// What the service said no to.
pub(super) fn refused(chain: &ChainConfig, why: &str) -> Failure {
    Failure::new(format!(
        "nothing was changed: chain {} in the running service: {why}",
        chain.id
    ))
}

/// The service did not say what became of it.
pub(super) fn silent(config: &Config, chain: &ChainConfig, error: &io::Error) -> Failure {
    Failure::new(format!(
        "the running service did not say what became of chain {}: {error}",
        chain.id
    ))
    .hint(format!(
        "`{}` says how the chain is; then repeat the command",
        config.commands.line(["status"])
    ))
}

/// It has another version than this command.
pub(super) fn other_version() -> io::Error {
    io::Error::other("it has another version than this command; restart it")
}
