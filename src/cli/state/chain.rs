//! The chain and the key that a command is about: section, place, and why its state cannot be used.

use clap::Args;

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

/// `--key`.
#[derive(Args)]
pub(super) struct WhichKey {
    /// The address of the key, where the chain has several (see `tmkms keys show`)
    #[arg(long, value_name = "ADDRESS")]
    key: Option<String>,
}

impl WhichKey {
    /// A chain with the key that is meant, and the place of that key's state. The commands of the chain name the key where
    /// there are several.
    ///
    /// # Errors
    /// There is no such chain or key, the key cannot be opened, or there are several and none was named.
    pub fn of(&self, config: &Config, chain: &str) -> Result<(ChainConfig, StateFile), Failure> {
        let chain = find(config, chain)?;
        match &self.key {
            None if chain.one_of_several => Err(none_was_named(chain)),
            None => place(chain).map(|place| with_commands(chain, place)),
            Some(address) => named(chain, address),
        }
    }
}

fn with_commands(key: &ChainConfig, place: StateFile) -> (ChainConfig, StateFile) {
    let commands = place.commands.clone();
    let key = ChainConfig {
        commands,
        ..key.clone()
    };
    (key, place)
}

fn named(chain: &ChainConfig, address: &str) -> Result<(ChainConfig, StateFile), Failure> {
    for key in chain.keys() {
        let Ok(place) = place(key) else {
            continue;
        };
        let found = place.public_key.address().to_string();
        if found.eq_ignore_ascii_case(address) {
            return Ok(with_commands(key, place));
        }
    }
    Err(Failure::usage(format!(
        "chain {} has no key with the address {address}",
        chain.id
    ))
    .hint(format!("configured are:\n{}", listed(chain))))
}

fn none_was_named(chain: &ChainConfig) -> Failure {
    Failure::usage(format!(
        "chain {} has several keys, each with its own state, and none was named; nothing was changed",
        chain.id
    ))
    .hint(format!(
        "say which is meant with `--key ADDRESS`:\n{}",
        listed(chain)
    ))
}

/// The keys of a chain, each in a line.
fn listed(chain: &ChainConfig) -> String {
    let lines = chain.keys().map(|key| {
        let location = &key.key.traits().location;
        let from = match key.activation_height {
            Some(height) => format!(", from height {height} on"),
            None => String::new(),
        };
        match place(key) {
            Ok(place) => format!("  {} ({location}{from})", place.public_key.address()),
            Err(_) => format!("  not known: the {location} cannot be opened{from}"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
