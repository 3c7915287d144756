//! One chain of the configuration with its links: what it consists of, and what is asked of it in single matters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::backends::{Backup, KeySource};
use crate::chain::{Chain, ChainKeys};
use crate::config::{ChainConfig, StatePath};
use crate::consensus::key_text::KeyFormat;
use crate::consensus::{Height, PublicKey};
use crate::gate::pause::PauseFile;
use crate::observe::stats::chain::ChainStats;
use crate::observe::stats::link::LinkStats;
use crate::observe::status::{ChainVerdict, ConflictStatus, PauseStatus};
use crate::os::clock::Moment;
use crate::remedy::Commands;
use crate::rpc::Witness;
use crate::session::InFlight;

/// A request that has had no answer for so long marks its chain stuck: nodes wait 5 s.
pub(crate) const STUCK: Duration = Duration::from_secs(5);

/// One chain of the configuration.
pub(crate) struct ChainEntry {
    pub id: String,
    /// Its keys, in the order in which they sign.
    pub(super) keys: Vec<RegisteredKey>,
    pub(super) key_format: KeyFormat,
    pub pause_file: PauseFile,
    pub chain: Arc<ChainKeys>,
    pub stats: ChainStats,
    pub links: Vec<LinkEntry>,
    /// Free bytes of the state's file system; `u64::MAX` while not known.
    pub free: AtomicU64,
    /// When the key's backup was proven, where that is remembered. Held briefly.
    backup: Mutex<Option<Backup>>,
    pub(super) commands: Commands,
    /// What the chain itself said of our votes, where it is asked.
    pub(super) rpc: Option<Arc<Witness>>,
}

/// One key of a chain.
pub(crate) struct RegisteredKey {
    /// The height from which on it signs; `None` for the first one.
    pub(super) from: Option<Height>,
    pub(super) chain: Arc<Chain>,
    /// Where it is.
    pub(super) location: String,
    /// Weak, because a device ends its session when the last owner of its source goes.
    pub(super) source: Weak<dyn KeySource>,
    state: StatePath,
}

impl RegisteredKey {
    /// What is seen of a key.
    pub fn new(config: &ChainConfig, chain: Arc<Chain>) -> Self {
        Self {
            from: config.activation_height,
            chain,
            location: config.key.traits().location.clone(),
            source: Arc::downgrade(&config.key),
            state: config.state_file.clone(),
        }
    }

    /// The state file; with the word ADDRESS in its name while the key that it is named after is not known.
    pub fn state_file(&self) -> String {
        self.state.shown(self.chain.public_key().as_ref())
    }
}

/// One link of a chain.
#[derive(Clone)]
pub(crate) struct LinkEntry {
    pub addr: String,
    pub stats: LinkStats,
    pub in_flight: Arc<InFlight>,
}

impl ChainEntry {
    /// What is seen of a chain and its links. `stats` may have counted before.
    pub fn new(
        config: &ChainConfig,
        chain: Arc<ChainKeys>,
        keys: Vec<RegisteredKey>,
        stats: ChainStats,
        links: Vec<LinkEntry>,
    ) -> Self {
        Self {
            id: config.id.to_string(),
            keys,
            key_format: config.key_format.clone(),
            pause_file: config.pause_file(),
            stats,
            chain,
            links,
            free: AtomicU64::new(u64::MAX),
            backup: Mutex::new(None),
            commands: config.commands.clone(),
            rpc: None,
        }
    }

    /// The chain itself is asked, and says so much.
    pub fn asking(self, rpc: Option<Arc<Witness>>) -> Self {
        Self { rpc, ..self }
    }

    /// What disks said of `before`, the entry of the same chain until now, so that it need not be asked again at once.
    pub fn remembering(self, before: &Self) -> Self {
        let free = before.free.load(Ordering::Relaxed);
        self.free.store(free, Ordering::Relaxed);
        *self.backup.lock() = before.backup();
        self
    }

    /// The key of the next height.
    pub(super) fn active(&self) -> Option<&RegisteredKey> {
        let active = self.chain.active();
        let mut keys = self.keys.iter();
        let found = keys.find(|key| Arc::ptr_eq(&key.chain, &active));
        // A reload changes which keys there are, one after the other.
        found.or(self.keys.first())
    }

    /// Where the key of the next height is.
    pub fn key(&self) -> String {
        self.active()
            .map_or_else(String::new, |key| key.location.clone())
    }

    /// The state file of the key of the next height.
    pub fn state_file(&self) -> String {
        self.active()
            .map_or_else(String::new, RegisteredKey::state_file)
    }

    /// The pause that the operator asked for.
    pub fn paused(&self, now: &Moment) -> Option<PauseStatus> {
        let (active, in_effect) = self.chain.paused()?;
        let unsaved = active.unsaved.as_deref();
        Some(PauseStatus::of(&active.pause, in_effect, unsaved, now))
    }

    /// Finds out when the key's backup was proven. May wait for a disk.
    pub fn look_at_backup(&self) {
        let active = self.active().and_then(|key| key.source.upgrade());
        let source = active.zip(self.public_key());
        let found = source.and_then(|(source, key)| {
            let devices = source.devices();
            devices.iter().find_map(|device| device.backup(&key))
        });
        *self.backup.lock() = found;
    }

    pub(super) fn backup(&self) -> Option<Backup> {
        *self.backup.lock()
    }

    /// Whether the chain's key was opened.
    pub fn has_key(&self) -> bool {
        self.public_key().is_some()
    }

    fn public_key(&self) -> Option<PublicKey> {
        self.chain.public_key()
    }

    /// How long the oldest request in hand has had no answer, where that is too long.
    pub fn stuck(&self, now: &Moment) -> Option<Duration> {
        let waiting = self.links.iter();
        waiting
            .filter_map(|link| link.in_flight.waiting(now.monotonic))
            .filter(|time| *time > STUCK)
            .max()
    }

    /// Whether it is armed and ready at `now`, and why not.
    pub fn verdict(&self, now: &Moment) -> ChainVerdict {
        self.look(now).verdict
    }

    /// What to do about its refused double signs.
    pub(super) fn when_refused(&self) -> String {
        let acknowledge = self.when_seen();
        format!("nothing was signed; find out why that node asked, then `{acknowledge}`")
    }

    /// The command for what somebody has seen and mended.
    pub(super) fn when_seen(&self) -> String {
        self.commands.line(["acknowledge", &self.id]).to_string()
    }

    /// Takes the second signer out of sight that was noticed, and gives the height.
    pub fn acknowledge_second(&self) -> Option<i64> {
        self.rpc.as_ref()?.acknowledge().map(Height::get)
    }

    /// Takes its refused double signs out of sight, and gives them.
    pub fn acknowledge(&self, now: &Moment) -> Vec<ConflictStatus> {
        let remedy = self.when_refused();
        let taken = |link: &LinkEntry| {
            let conflicts = link.stats.acknowledge(now)?;
            Some(ConflictStatus::of(
                &link.addr,
                &conflicts,
                now,
                remedy.clone(),
            ))
        };
        self.links.iter().filter_map(taken).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::backends::{Device, DeviceSample, KeyTraits, OpenKeyError, Opened};
    use crate::os::clock::{Clock, SystemClock};

    /// A key that does not open, with one device; counts how often the device was looked for.
    pub(in super::super) struct NoKey(pub KeyTraits, pub AtomicU64);

    impl KeySource for NoKey {
        fn is_same(&self, _: &dyn KeySource) -> bool {
            true
        }

        fn traits(&self) -> &KeyTraits {
            &self.0
        }

        fn devices(&self) -> Vec<&dyn Device> {
            self.1.fetch_add(1, Ordering::Relaxed);
            vec![self]
        }

        fn open(&self) -> Result<Opened, OpenKeyError> {
            Err(OpenKeyError("no key".to_owned()))
        }
    }

    impl Device for NoKey {
        fn status(&self) -> DeviceSample {
            DeviceSample::default()
        }

        fn needs_repair(&self) -> bool {
            false
        }

        fn repair(&self) {}

        fn backup(&self, _: &PublicKey) -> Option<Backup> {
            None
        }
    }

    /// A chain that is not armed, with one link and no device.
    pub(in super::super) fn chain(id: &str) -> ChainEntry {
        let id: crate::consensus::ChainId = id.parse().unwrap();
        let chain = Arc::new(Chain::unarmed(id.clone(), None, "no key".to_owned()));
        ChainEntry {
            id: id.to_string(),
            keys: vec![RegisteredKey {
                from: None,
                chain: chain.clone(),
                location: "key".to_owned(),
                source: Weak::<NoKey>::new(),
                state: StatePath::At("state.json".into()),
            }],
            key_format: KeyFormat::default(),
            pause_file: PauseFile::beside("state.json".as_ref(), &id, &Commands::default()),
            chain: Arc::new(ChainKeys::of(chain)),
            stats: ChainStats::new(None),
            links: vec![LinkEntry {
                addr: "unix:///a".to_owned(),
                stats: LinkStats::default(),
                in_flight: Arc::new(InFlight::default()),
            }],
            free: AtomicU64::new(u64::MAX),
            backup: Mutex::new(None),
            commands: Commands::default(),
            rpc: None,
        }
    }

    #[test]
    fn a_request_without_an_answer_marks_its_chain_and_no_other() {
        let (one, two) = (chain("one"), chain("two"));
        let now = SystemClock.now();
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap();
        one.links[0]
            .in_flight
            .since
            .store(nanos(now.monotonic), Ordering::Relaxed);
        let later = |seconds| Moment {
            monotonic: now.monotonic + Duration::from_secs(seconds),
            ..now
        };
        assert_eq!(one.stuck(&later(5)), None);
        assert_eq!(one.stuck(&later(6)), Some(Duration::from_secs(6)));
        assert_eq!(two.stuck(&later(6)), None);
        one.links[0].in_flight.since.store(0, Ordering::Relaxed);
        assert_eq!(one.stuck(&later(60)), None);
    }
}
