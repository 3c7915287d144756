//! What is known of the service while it runs, for `tmkms status`, the status page, the metrics and systemd.
//!
//! Looking costs the signing path nothing: no gate is entered and no lock is taken that two chains share.

mod chain;
mod closing;
mod identities;
mod kept;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::config::Config;
use crate::os::clock::{Clock, SystemClock};
use crate::os::files::paths::absolute;
use crate::os::host_name::host_name;
use crate::os::process::usage::ProcessUsage;
use crate::text::date::Date;

use super::log::Dropped;
use super::metrics::ServiceSample;
use super::status::ServiceStatus;

pub(crate) use chain::{ChainEntry, LinkEntry, RegisteredKey};
pub(crate) use closing::{ClosingChain, ClosingChains};
pub(crate) use identities::KnownIdentities;

/// Which configuration is followed.
struct FollowedConfig {
    /// When it was read.
    since: SystemTime,
    /// Why one that was read later is not followed.
    refused: Option<String>,
}

/// The service.
pub(crate) struct Registry {
    pub config: String,
    /// The same, from any folder.
    pub config_place: PathBuf,
    pub started: Instant,
    pub started_wall: SystemTime,
    /// The chains that are served at the moment. Held briefly.
    chains: Mutex<Arc<Vec<Arc<ChainEntry>>>>,
    pub identities: KnownIdentities,
    pub dropped: Dropped,
    /// Milliseconds from the start to the supervisor's last turn.
    pub turned: AtomicU64,
    /// How often the supervisor found the host to have been stopped or suspended.
    pub pauses: AtomicU64,
    /// How often the wall clock was set.
    pub clock_steps: AtomicU64,
    /// Why the metrics cannot be read, where they are wanted. Held briefly.
    not_listening: Mutex<Option<String>>,
    /// Chains that a reload took out and that are not closed yet.
    pub closing: ClosingChains,
    /// What became of the last reload. Held briefly.
    followed: Mutex<FollowedConfig>,
}

impl Registry {
    pub fn new(
        config: &Config,
        chains: Vec<Arc<ChainEntry>>,
        identities: KnownIdentities,
        dropped: Dropped,
    ) -> Self {
        Self {
            config: config.name.clone(),
            config_place: absolute(Path::new(&config.name)),
            started: Instant::now(),
            started_wall: SystemTime::now(),
            chains: Mutex::new(Arc::new(chains)),
            identities,
            dropped,
            turned: AtomicU64::new(0),
            pauses: AtomicU64::new(0),
            clock_steps: AtomicU64::new(0),
            not_listening: Mutex::new(None),
            closing: ClosingChains::default(),
            followed: Mutex::new(FollowedConfig {
                since: SystemTime::now(),
                refused: None,
            }),
        }
    }

    /// The chains that are served at the moment, in the order of the configuration.
    pub fn chains(&self) -> Arc<Vec<Arc<ChainEntry>>> {
        self.chains.lock().clone()
    }

    /// Others from now on.
    pub fn replace_chains(&self, chains: Vec<Arc<ChainEntry>>) {
        *self.chains.lock() = Arc::new(chains);
    }

    /// Whether metrics can be read, and why not.
    pub fn listening(&self, trouble: Option<String>) {
        *self.not_listening.lock() = trouble;
    }

    /// What became of a reload: the configuration is followed, or why it is not. Of that the first line is kept.
    pub fn reloaded(&self, refused: Option<&str>) {
        let mut followed = self.followed.lock();
        match refused.and_then(|why| why.lines().next()) {
            None => {
                *followed = FollowedConfig {
                    since: SystemTime::now(),
                    refused: None,
                };
            }
            Some(why) => followed.refused = Some(kept::kept(why)),
        }
    }

    /// What is wrong with the service itself.
    fn trouble(&self) -> Option<String> {
        let not_followed = self.followed.lock().refused.as_ref().map(|why| {
            format!(
                "the configuration was read again and is not followed: {why}; correct that, and reload once more"
            )
        });
        let not_listening = self.not_listening.lock().clone();
        let all = [not_followed, not_listening];
        let mut all: Vec<String> = all.into_iter().flatten().collect();
        all.extend(self.closing.troubles());
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// How long ago the supervisor took its last turn; it takes one each second.
    pub fn since_turn(&self) -> Duration {
        let turned = Duration::from_millis(self.turned.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(turned)
    }

    pub fn status(&self) -> ServiceStatus {
        let now = SystemClock.now();
        ServiceStatus {
            version: crate::VERSION.to_owned(),
            commit: crate::COMMIT.to_owned(),
            pid: std::process::id(),
            host: host_name(),
            time: Date::of(now.wall).to_string(),
            uptime_seconds: self.started.elapsed().as_secs(),
            config: self.config.clone(),
            trouble: self.trouble(),
            identities: self.identities.all(),
            chains: self
                .chains()
                .iter()
                .map(|chain| chain.status(&now))
                .collect(),
        }
    }

    pub fn sample(&self) -> ServiceSample {
        let now = SystemClock.now();
        let (followed, followed_since) = {
            let last = self.followed.lock();
            (last.refused.is_none(), last.since)
        };
        ServiceSample {
            started: self.started_wall,
            usage: ProcessUsage::now(),
            dropped_lines: self.dropped.lines(),
            since_turn: self.since_turn(),
            pauses: self.pauses.load(Ordering::Relaxed),
            clock_steps: self.clock_steps.load(Ordering::Relaxed),
            followed,
            followed_since,
            chains: self
                .chains()
                .iter()
                .map(|chain| chain.sample(&now))
                .collect(),
        }
    }
}
