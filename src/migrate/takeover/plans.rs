//! What taking over all chains of another signer would change.

use std::path::PathBuf;

use crate::config::{ChainConfig, Config};
use crate::gate::store::file::StateFile;
use crate::migrate::around::Around;
use crate::migrate::candidate::Candidate;
use crate::migrate::fence::is_tombstone_at;
use crate::migrate::sources::Source;
use crate::os::files::paths::same_file;

use super::plan::Plan;

/// Of every chain of the configuration, and of every one that only the old signer knows.
pub fn candidates(config: &Config, source: &Source) -> Vec<Candidate> {
    match &source.chains {
        Some(chains) => chains.clone(),
        None => config
            .chains
            .iter()
            .map(|chain| Candidate {
                chain: chain.id.to_string(),
                states: states_of(chain),
                format: source.format,
                trouble: None,
            })
            .collect(),
    }
}

fn states_of(chain: &ChainConfig) -> Vec<PathBuf> {
    let mut states = chain.state_file.candidates();
    states.extend(chain.older_state_files.iter().cloned());
    states.retain(|path| path.is_file() && !is_tombstone_at(path));
    // The older program resolved the same words against its working directory.
    let mut once: Vec<PathBuf> = Vec::new();
    for path in states {
        if !once.iter().any(|other| same_file(other, &path)) {
            once.push(path);
        }
    }
    once
}

/// A plan for each candidate. `insist` are the chains for which the operator does, `service` the process that serves this
/// configuration.
pub fn plans(
    config: &Config,
    candidates: &[Candidate],
    source: &Source,
    insist: &[String],
    service: Option<u32>,
) -> Vec<Plan> {
    let keys: Vec<_> = source.node_key.iter().map(PathBuf::as_path).collect();
    candidates
        .iter()
        .map(|candidate| {
            let others: Vec<PathBuf> = candidates
                .iter()
                .filter(|other| other.chain != candidate.chain)
                .flat_map(|other| other.states.clone())
                .collect();
            let around = Around {
                keys: &keys,
                node: source.node_home.as_deref(),
                others: &others,
                insist,
                service,
                takes_back: true,
                command: &|place, found| place.commands.import(&place.chain_id, &found.path),
            };
            let place = place(config, &candidate.chain);
            Plan::new(config, candidate.clone(), place, &around)
        })
        .collect()
}

/// Whose state a chain's is, and where it lies.
fn place(config: &Config, id: &str) -> Result<StateFile, String> {
    let chain = config.chains.iter().find(|chain| chain.id.as_str() == id);
    let chain = chain.ok_or_else(|| {
        format!(
            "{} has no [[chain]] {id}; add it with its key and node, and repeat the command",
            config.name
        )
    })?;
    if chain.one_of_several {
        let import = ["state", "import", id, "FILE", "--key", "ADDRESS"];
        return Err(format!(
            "chain {id} has several keys, and a state belongs to one of them; take it over with `{}`",
            chain.commands.line(import)
        ));
    }
    chain.place_of_key().map_err(|error| error.to_string())
}
