//! What is known of a chain of the configuration and of its links.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::backends::{Backup, DeviceSample, KeySource, all_down};
use crate::chain::{Chain, ChainSeen};
use crate::config::ChainConfig;
use crate::consensus::PublicKey;
use crate::consensus::key_text::KeyFormat;
use crate::gate::pause::PauseFile;
use crate::observe::metrics::ChainSample;
use crate::observe::stats::chain::ChainStats;
use crate::observe::stats::link::{LinkSnapshot, LinkStats};
use crate::observe::status::{
    ChainStatus, ChainVerdict, ConflictStatus, DeviceStatus, Facts, LinkStatus, PauseStatus,
    humanize,
};
use crate::os::clock::Moment;
use crate::remedy::Commands;
use crate::session::InFlight;
use crate::text::excerpt::brief;

/// A request that has had no answer for so long marks its chain stuck: nodes wait 5 s.
pub(crate) const STUCK: Duration = Duration::from_secs(5);

/// The longest text about one chain or device that is shown, in bytes.
const LONGEST_TEXT: usize = 2048;

/// One chain of the configuration.
pub(crate) struct ChainEntry {
    pub id: String,
    pub key: String,
    /// Weak, because a device ends its session when the last owner of its source goes.
    pub source: Weak<dyn KeySource>,
    key_format: KeyFormat,
    pub state_file: String,
    pub pause_file: PauseFile,
    pub chain: Arc<Chain>,
    pub stats: ChainStats,
    pub links: Vec<LinkEntry>,
    /// Free bytes of the state's file system; `u64::MAX` while not known.
    pub free: AtomicU64,
    /// When the key's backup was proven, where that is remembered. Held briefly.
    backup: Mutex<Option<Backup>>,
    commands: Commands,
}

/// A chain at one moment.
struct Look<'a> {
    chain: ChainSeen,
    /// How long the oldest request in hand has had no answer, where that is too long.
    stuck: Option<Duration>,
    devices: Vec<DeviceSample>,
    /// The pause that the operator asked for.
    paused: Option<PauseStatus>,
    /// Each with the address of its node.
    links: Vec<(&'a str, LinkSnapshot)>,
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
        chain: Arc<Chain>,
        stats: ChainStats,
        links: Vec<LinkEntry>,
    ) -> Self {
        Self {
            id: config.id.to_string(),
            key: config.key.traits().location.clone(),
            source: Arc::downgrade(&config.key),
            key_format: config.key_format.clone(),
            state_file: config.state_file.display().to_string(),
            pause_file: config.pause_file(),
            stats,
            chain,
            links,
            free: AtomicU64::new(u64::MAX),
            backup: Mutex::new(None),
            commands: config.commands.clone(),
        }
    }

    /// What disks said of `before`, the entry of the same chain until now, so that it need not be asked again at once.
    pub fn remembering(self, before: &Self) -> Self {
        let free = before.free.load(Ordering::Relaxed);
        self.free.store(free, Ordering::Relaxed);
        *self.backup.lock() = before.backup();
        self
    }

    /// The pause that the operator asked for.
    pub fn paused(&self, now: &Moment) -> Option<PauseStatus> {
        let (active, in_effect) = self.chain.paused()?;
        let unsaved = active.unsaved.as_deref();
        Some(PauseStatus::of(&active.pause, in_effect, unsaved, now))
    }

    /// Finds out when the key's backup was proven. May wait for a disk.
    pub fn look_at_backup(&self) {
        let source = self.source.upgrade().zip(self.public_key());
        let found = source.and_then(|(source, key)| {
            let devices = source.devices();
            devices.iter().find_map(|device| device.backup(&key))
        });
        *self.backup.lock() = found;
    }

    fn backup(&self) -> Option<Backup> {
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
        self.judge(&self.look(now))
    }

    /// All that is told of it, looked at once: what is told twice is the same both times.
    fn look(&self, now: &Moment) -> Look<'_> {
        let chain = self.chain.seen();
        let links = self.links.iter();
        Look {
            devices: self.devices(&chain),
            stuck: self.stuck(now),
            paused: self.paused(now),
            links: links
                .map(|link| (link.addr.as_str(), link.stats.snapshot()))
                .collect(),
            chain,
        }
    }

    fn judge(&self, look: &Look<'_>) -> ChainVerdict {
        let chain = &look.chain;
        let stuck = look.stuck.map(|time| {
            format!(
                "stuck: a request has had no answer for {} s; look at the disk of {} and at the {}",
                time.as_secs(),
                self.state_file,
                self.key
            )
        });
        let broken = chain.gate.as_ref().and_then(|gate| gate.broken.as_ref());
        // A device, a connector or a file may have had a word in any of these.
        let kept = |why: String| brief(&why, LONGEST_TEXT).into_owned();
        ChainVerdict::of(Facts {
            unarmed: chain.why_unarmed.clone().map(kept),
            stuck: stuck.map(kept),
            broken: broken.map(|why| kept(why.to_string())),
            key: chain.key_trouble.clone().map(kept),
            devices: all_down(&look.devices).map(kept),
            linked: look.links.iter().any(|(_, link)| link.is_up()),
            paused: look
                .paused
                .as_ref()
                .filter(|paused| paused.in_effect)
                .map(PauseStatus::line),
        })
    }

    /// What to do about its refused double signs.
    fn when_refused(&self) -> String {
        let acknowledge = self.commands.line(["acknowledge", &self.id]);
        format!("nothing was signed; find out why that node asked, then `{acknowledge}`")
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

    /// Its status at `now`.
    pub fn status(&self, now: &Moment) -> ChainStatus {
        let look = self.look(now);
        let verdict = self.judge(&look);
        let Look {
            chain,
            stuck,
            devices,
            paused,
            links,
        } = look;
        let last = chain.gate.and_then(|gate| gate.last);
        let remedy = self.when_refused();
        let conflicts = links.iter().filter_map(|(addr, link)| {
            let conflicts = link.unacknowledged?.in_sight(now)?;
            Some(ConflictStatus::of(addr, &conflicts, now, remedy.clone()))
        });
        let links = links.iter();
        let snapshot = self.stats.snapshot();
        let status = ChainStatus {
            id: self.id.clone(),
            held: chain.why_unarmed.is_none(),
            paused,
            conflicts: conflicts.collect(),
            stuck_seconds: stuck.map(|time| time.as_secs()),
            key: self.key.clone(),
            public_key: chain.public_key.map(|key| self.key_format.show(&key)),
            address: chain.public_key.map(|key| key.address().to_string()),
            watermark: last.map(|hrs| hrs.to_string()),
            height: last.map_or(0, |hrs| hrs.height.get()),
            state_file: self.state_file.clone(),
            links: links
                .map(|(addr, link)| LinkStatus::of((*addr).to_owned(), link, now))
                .collect(),
            devices: devices.into_iter().map(DeviceStatus::from).collect(),
            backup: self
                .backup()
                .map(|backup| backup_in_words(backup, now, &self.commands)),
            shared: chain.shared.map(|shared| shared.stats.sample().into()),
            history: (&snapshot).into(),
            ..ChainStatus::default()
        };
        status.with(verdict)
    }

    /// The devices of its key, where this process has asked them for it.
    fn devices(&self, chain: &ChainSeen) -> Vec<DeviceSample> {
        if !chain.asks_devices {
            return Vec::new();
        }
        let Some(source) = self.source.upgrade() else {
            return Vec::new();
        };
        let works = chain.public_key.is_some() && chain.key_trouble.is_none();
        let devices = source.devices().into_iter();
        let mut devices: Vec<DeviceSample> = devices.map(|device| device.status()).collect();
        for device in &mut devices {
            device.up &= works;
            if let Some(trouble) = &mut device.trouble {
                *trouble = brief(trouble, LONGEST_TEXT).into_owned();
            }
        }
        devices
    }

    /// Its sample for the metrics at `now`.
    pub fn sample(&self, now: &Moment) -> ChainSample {
        let look = self.look(now);
        let verdict = self.judge(&look);
        let Look {
            chain,
            stuck,
            devices,
            paused,
            links,
        } = look;
        let free = self.free.load(Ordering::Relaxed);
        let gate = chain.gate.as_ref();
        let links = links.into_iter();
        ChainSample {
            id: self.id.clone(),
            key: self.key.clone(),
            address: chain.public_key.map(|key| key.address().to_string()),
            armed: verdict.not_armed.is_none(),
            ready: verdict.not_ready.is_none(),
            stuck: stuck.is_some(),
            paused: paused.map(|paused| (paused.in_effect, paused.from)),
            durable: gate.is_some_and(|gate| gate.broken.is_none()),
            watermark: gate.and_then(|gate| gate.last),
            watermark_age: gate.map(|gate| now.wall.saturating_sub(gate.written)),
            tokens: gate.map(|gate| {
                let level = gate.rate.level(gate.tokens, gate.counted, now.boot);
                (level, gate.rate.max_gap)
            }),
            free: (free != u64::MAX).then_some(free),
            devices,
            backup: self.backup().map(|backup| match backup {
                Backup::NeverProven => None,
                Backup::Proven(at) => Some(now.wall.saturating_sub(at)),
            }),
            shared: chain.shared.map(|shared| shared.stats.sample()),
            snapshot: self.stats.snapshot(),
            links: links.map(|(addr, link)| (addr.to_owned(), link)).collect(),
        }
    }
}

fn backup_in_words(backup: Backup, now: &Moment, commands: &Commands) -> String {
    match backup {
        Backup::NeverProven => {
            let prove = commands.line(["yubihsm", "keys", "verify-backup", "FILE"]);
            format!("never proven; `{prove}` does that")
        }
        Backup::Proven(at) => {
            let age = now.wall.saturating_sub(at).as_secs();
            format!("proven {} ago", humanize(age))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::{Device, KeyTraits, OpenKeyError, Opened};
    use crate::os::clock::{Clock, SystemClock};
    use std::sync::atomic::Ordering;

    struct NoKey(KeyTraits, AtomicU64);

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

    fn chain(id: &str) -> ChainEntry {
        let id: crate::consensus::ChainId = id.parse().unwrap();
        let chain = Chain::unarmed(id.clone(), None, "no key".to_owned());
        ChainEntry {
            id: id.to_string(),
            key: "key".to_owned(),
            source: Weak::<NoKey>::new(),
            key_format: KeyFormat::default(),
            state_file: "state.json".to_owned(),
            pause_file: PauseFile::beside("state.json".as_ref(), &id, &Commands::default()),
            chain: Arc::new(chain),
            stats: ChainStats::new(None),
            links: vec![LinkEntry {
                addr: "unix:///a".to_owned(),
                stats: LinkStats::default(),
                in_flight: Arc::new(InFlight::default()),
            }],
            free: AtomicU64::new(u64::MAX),
            backup: Mutex::new(None),
            commands: Commands::default(),
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

    #[test]
    fn a_device_is_called_down_only_where_this_process_has_asked_it() {
        let source = Arc::new(NoKey(KeyTraits::of("key"), AtomicU64::new(0)));
        let source: Arc<dyn KeySource> = source;
        let now = SystemClock.now();
        let mut known = chain("one");
        known.source = Arc::downgrade(&source);
        assert_eq!(known.sample(&now).devices.len(), 1);
        let id = || known.chain.id().clone();
        let opening = Chain::opening(id());
        let (why, elsewhere) = (opening.why_unarmed(), "in use".to_owned());
        let elsewhere = (
            Some(elsewhere.clone()),
            Chain::elsewhere(id(), None, elsewhere),
        );
        for (why, chain) in [(why, opening), elsewhere] {
            known.chain = Arc::new(chain);
            assert!(known.sample(&now).devices.is_empty(), "{why:?}");
            let status = known.status(&now);
            assert!(status.devices.is_empty(), "{why:?}");
            assert_eq!(status.not_ready, why);
        }
    }

    #[test]
    fn what_is_told_together_was_looked_at_once() {
        let source = Arc::new(NoKey(KeyTraits::of("key"), AtomicU64::new(0)));
        let shared: Arc<dyn KeySource> = source.clone();
        let now = SystemClock.now();
        let mut known = chain("one");
        known.source = Arc::downgrade(&shared);
        let _ = known.status(&now);
        assert_eq!(source.1.swap(0, Ordering::Relaxed), 1);
        let _ = known.sample(&now);
        assert_eq!(source.1.swap(0, Ordering::Relaxed), 1);
        let _ = known.verdict(&now);
        assert_eq!(source.1.swap(0, Ordering::Relaxed), 1);
    }
}
