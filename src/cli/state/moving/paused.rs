//! A pause stays on its host when the chain moves (W22).

use crate::cli::status::service_of;
use crate::config::{ChainConfig, Config};
use crate::text::date::Date;

/// The pause of a chain on this host, in words, as the service that runs or its file has it.
pub(super) fn paused(config: &Config, chain: &ChainConfig) -> Option<String> {
    let mut served = service_of(config)
        .into_iter()
        .flat_map(|service| service.chains);
    match served.find(|served| served.id == chain.id.as_str()) {
        // It may be one that could not be written.
        Some(served) => served.paused.map(|pause| pause.line()),
        None => {
            // What cannot be understood keeps the chain from being armed, and is told then.
            let pause = chain.pause_file().read().ok().flatten()?;
            let asked = Date::of(pause.asked);
            Some(format!("paused {pause}, as asked for at {asked}"))
        }
    }
}
