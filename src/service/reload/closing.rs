//! The end of chains, which is waited for and no longer than that: a disk that hangs for good must not keep those that go on.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::observe::registry::ClosingChain;
use crate::threads::{STACK, spawn};

use crate::service::roster::ServedKey;

/// Between two looks at what is waited for.
const TICK: Duration = Duration::from_millis(5);

/// Whether chains go with all of their keys, or only some keys of chains that go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) enum Closed {
    Chains,
    Keys,
}

/// Ends keys beside each other, and gives those whose end has not come within `patience`.
pub(in crate::service) fn close_each(
    keys: &[Arc<ServedKey>],
    closed: Closed,
    patience: Duration,
    close: fn(&ServedKey),
) -> Vec<ClosingChain> {
    let began = Instant::now();
    let mut under_way = Vec::new();
    for served in keys {
        let location = || served.config.key.traits().location.clone();
        let key = (closed == Closed::Keys).then(location);
        let (closing, token) = ClosingChain::begin(served.config.id.clone(), key);
        let theirs = served.clone();
        let thread = spawn("close", STACK, move || {
            close(&theirs);
            // With its key and its locks, if nobody else has them.
            drop(theirs);
            drop(token);
        });
        match thread {
            Ok(_) => under_way.push(closing),
            // A host that cannot start another thread has this one.
            Err(_) => close(served),
        }
    }
    loop {
        under_way.retain(|closing| !closing.is_over());
        if under_way.is_empty() || began.elapsed() >= patience {
            return under_way;
        }
        sleep(TICK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::observe::registry::KnownIdentities;
    use crate::service::wiring::Wiring;
    use crate::settings::Base;

    fn chains() -> Vec<Arc<ServedKey>> {
        let chain = |id: &str| {
            format!(
                "[[chain]]\nid = \"{id}\"\nstate_file = \"{id}\"\n[[validator]]\nchain_id = \"{id}\"\n\
                 addr = \"unix:///nowhere/{id}.sock\"\n[[providers.softsign]]\nchain_ids = [\"{id}\"]\npath = \"{id}.key\"\n"
            )
        };
        let text = chain("hangs-1") + &chain("test-1");
        let config = Config::read(&text, "tmkms.toml", &Base::default()).unwrap();
        let wiring = Wiring::telling(KnownIdentities::default());
        let chains = config.chains.into_iter();
        let chains = chains.map(|chain| wiring.begin(chain, None).unwrap());
        let keys = chains.map(|served| {
            served.links.iter().for_each(|link| link.end());
            served.first.clone()
        });
        keys.collect()
    }

    /// As a disk that hangs until somebody mends it.
    fn hangs(served: &ServedKey) {
        if served.config.id.as_str() == "hangs-1" {
            while !served.stop.is_set() {
                sleep(TICK);
            }
        }
    }

    #[test]
    fn one_that_hangs_is_told_and_keeps_nobody() {
        let chains = chains();
        let began = Instant::now();
        let left = close_each(&chains, Closed::Chains, Duration::from_millis(50), hangs);
        assert!(began.elapsed() < Duration::from_secs(5));
        let told: Vec<_> = left.iter().map(ClosingChain::trouble).collect();
        assert!(
            told.len() == 1 && told[0].starts_with("hangs-1: still being closed after 0 s"),
            "{told:?}"
        );
        assert!(!left[0].is_over());
        chains.iter().for_each(|served| served.stop.trigger());
        let left = close_each(&chains, Closed::Chains, Duration::from_secs(10), hangs);
        assert!(left.is_empty());
    }
}
