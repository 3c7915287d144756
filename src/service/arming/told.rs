//! What the log says of a chain that was armed.

use tracing::warn;

use crate::config::ChainConfig;
use crate::consensus::Height;
use crate::gate::pause::ActivePause;
use crate::text::date::Date;

/// A pause of before is easily forgotten.
pub(super) fn tell_paused(config: &ChainConfig, active: &ActivePause) {
    let (id, pause, resume) = (&config.id, &active.pause, &active.resume);
    warn!(
        event = "chain_paused",
        chain = %id,
        from = pause.from.map(Height::get),
        "[{id}] paused {pause}, as asked for at {}; `{resume}` ends that",
        Date::of(pause.asked)
    );
}
