//! The chain that a command is about: its section, its place, and why its state cannot be used.

use crate::cli::report::Failure;
use crate::cli::status::process_of;
use crate::config::{ChainConfig, Config};
use crate::gate::store::file::StateFile;
use crate::migrate::takeover::current::LookError;

/// Why a state file cannot be used, and who holds it if that is the reason.
pub(in crate::cli) fn unusable(config: &Config, error: impl Into<LookError>) -> Failure {
    let error = error.into();
    let service = match error.is_locked() {
        true => process_of(config),
        false => None,
    };
    let failure = Failure::new(error.told(config, service));
    match service {
        Some(_) => {
            failure.hint("stop the service, repeat the command, and start the service again")
        }
        None => failure,
    }
}

pub(in crate::cli) fn find<'a>(
    config: &'a Config,
    chain: &str,
) -> Result<&'a ChainConfig, Failure> {
    config
        .chains
        .iter()
        .find(|known| known.id.as_str() == chain)
        .ok_or_else(|| {
            let known: Vec<&str> = config
                .chains
                .iter()
                .map(|chain| chain.id.as_str())
                .collect();
            Failure::usage(format!(
                "there is no [[chain]] {chain} in the configuration"
            ))
            .hint(format!("configured are: {}", known.join(", ")))
        })
}

/// The state belongs to chain and key, so the key is opened for its public half.
pub(super) fn place(chain: &ChainConfig) -> Result<StateFile, Failure> {
    chain.place_of_key().map_err(Failure::new)
}
