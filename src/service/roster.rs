//! The chains that are served at the moment. A reload replaces the list; whoever looks takes a copy of it.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::chain::{Chain, ChainKeys, KeySchedule, KeySettings};
use crate::config::ChainConfig;
use crate::observe::registry::ChainEntry;
use crate::observe::stats::chain::ChainStats;
use crate::os::clock::SystemClock;
use crate::threads::Shutdown;

use super::arming::{SquattedName, Work};
use super::links::RunningLink;
use super::watchers::rpc::RpcWatch;

/// A chain with all that runs for it. Never changed: a reload makes another one of it.
#[derive(Clone)]
pub(super) struct Served {
    /// What its links ask.
    pub router: Arc<ChainKeys>,
    /// The key that signs from the first height on.
    pub first: Arc<ServedKey>,
    /// Those that take over, by rising heights.
    pub later: Vec<Arc<ServedKey>>,
    pub config: ChainConfig,
    pub stats: ChainStats,
    pub links: Vec<Arc<RunningLink>>,
    /// What is seen of it.
    pub entry: Arc<ChainEntry>,
    /// What is asked of the chain itself.
    pub rpc: Arc<RpcWatch>,
    /// Tells what looks at this chain alone to end.
    pub stop: Arc<Shutdown>,
}

impl Served {
    /// Its keys, in the order in which they sign.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<ServedKey>> {
        std::iter::once(&self.first).chain(&self.later)
    }
}

/// One key of a chain, with its gate and state.
#[derive(Clone)]
pub(super) struct ServedKey {
    pub chain: Arc<Chain>,
    /// That of the chain, with this key.
    pub config: ChainConfig,
    pub stats: ChainStats,
    pub name: SquattedName,
    /// The thread that arms or mends it.
    pub work: Work,
    /// Tells what looks at this key alone to end.
    pub stop: Arc<Shutdown>,
}

impl ServedKey {
    /// Lets an armed key follow its configuration. `false` while its gate is busy.
    pub fn follow(&self) -> bool {
        let config = &self.config;
        let wanted = KeySettings {
            settings: config.gate,
            raw: config.raw.clone(),
            // A command names the key where the chain has several by now.
            commands: match self.chain.public_key() {
                Some(key) => config.place(key).commands,
                None => config.commands.clone(),
            },
        };
        self.chain.follow(wanted, &SystemClock)
    }
}

/// What a chain's links ask of these keys.
pub(super) fn schedule(first: &ServedKey, later: &[Arc<ServedKey>]) -> KeySchedule<Arc<Chain>> {
    let later = later.iter().filter_map(|key| {
        let from = key.config.activation_height?;
        Some((from, key.chain.clone()))
    });
    KeySchedule::new(first.chain.clone(), later.collect())
}

/// The chains, in the order of the configuration.
#[derive(Default)]
pub(super) struct Roster(Mutex<Arc<Vec<Arc<Served>>>>);

impl Roster {
    /// Those at this moment.
    pub fn all(&self) -> Arc<Vec<Arc<Served>>> {
        self.0.lock().clone()
    }

    /// Others from now on.
    pub fn replace(&self, chains: Vec<Arc<Served>>) {
        *self.0.lock() = Arc::new(chains);
    }

    /// Does something with every link.
    pub fn each_link(&self, act: impl Fn(&RunningLink)) {
        let all = self.all();
        all.iter()
            .flat_map(|served| &served.links)
            .for_each(|link| act(link));
    }

    /// Every key of every chain.
    pub fn keys(&self) -> Vec<Arc<ServedKey>> {
        let all = self.all();
        all.iter()
            .flat_map(|served| served.keys())
            .cloned()
            .collect()
    }

    /// Whether a link is so.
    pub fn any_link(&self, so: impl Fn(&RunningLink) -> bool) -> bool {
        let all = self.all();
        all.iter()
            .flat_map(|served| &served.links)
            .any(|link| so(link))
    }

    /// Whether there are chains, and all their links ended for good by themselves. A link that was told to end is a reload's,
    /// which puts another chain or link in its place in a moment.
    pub fn nobody_dials(&self) -> bool {
        !self.all().is_empty() && !self.any_link(|link| !link.has_ended_by_itself())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::config::Config;
    use crate::observe::registry::KnownIdentities;
    use crate::service::wiring::Wiring;
    use crate::settings::Base;

    /// A chain that is not armed, with one node that is not there and is dialled once.
    fn roster() -> Roster {
        let text = "[[chain]]\nid = \"test-1\"\n\
                    [[validator]]\nchain_id = \"test-1\"\naddr = \"unix:///nowhere/node.sock\"\nreconnect = false\n\
                    [[providers.softsign]]\nchain_ids = [\"test-1\"]\npath = \"test.key\"\n";
        let config = Config::read(text, "tmkms.toml", &Base::default()).unwrap();
        let wiring = Wiring::telling(KnownIdentities::default());
        let chains = config.chains.into_iter();
        let chains = chains.map(|chain| Arc::new(wiring.begin(chain, None).unwrap()));
        let roster = Roster::default();
        roster.replace(chains.collect());
        roster
    }

    fn wait_for_the_end(roster: &Roster) {
        let began = Instant::now();
        while roster.any_link(|link| !link.has_ended()) {
            assert!(began.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn nobody_dials_when_all_links_ended_and_not_while_a_reload_ends_them() {
        let ended = roster();
        assert!(!ended.nobody_dials());
        let chain = &ended.keys()[0].chain;
        let why = "no key".to_owned();
        chain.replace_state(Chain::unarmed(chain.id().clone(), None, why));
        wait_for_the_end(&ended);
        assert!(ended.nobody_dials());
        let reloaded = roster();
        reloaded.each_link(RunningLink::end);
        wait_for_the_end(&reloaded);
        assert!(!reloaded.nobody_dials());
    }
}
