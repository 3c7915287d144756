//! What lies nearby speaks against a watermark that is about to be taken (W20).

use std::path::Path;

use crate::cli::report::Failure;
use crate::config::{ChainConfig, Config};
use crate::gate::store::file::StateFile;
use crate::gate::watermark::Watermark;
use crate::migrate::evidence::Nearby;

use super::shown::refused;

/// Refuses a watermark where what lies nearby says more, with the command that takes that over. `insist` is the chain id where
/// the operator typed it again, because the watermark is right all the same.
pub(in crate::cli) fn not_against_evidence(
    config: &Config,
    chain: &ChainConfig,
    place: &StateFile,
    watermark: &Watermark,
    insist: Option<&str>,
) -> Result<(), Failure> {
    let key = chain.key.traits().file.as_ref().map(|file| &*file.path);
    let keys: Vec<&Path> = key.into_iter().collect();
    let nearby = Nearby {
        chain,
        place,
        keys: &keys,
        taken: &[],
        config,
        others: &[],
    };
    match nearby.against(Some(watermark)) {
        Some(found) if insist != Some(chain.id.as_str()) => {
            let command = match found.in_key {
                true => {
                    let height = found.said.height.to_string();
                    let words = ["state", "init", chain.id.as_str(), "--height", &height];
                    place.commands.line(words)
                }
                false => place.commands.import(&chain.id, &found.path),
            };
            Err(refused(&found, place, &command))
        }
        _ => Ok(()),
    }
}
