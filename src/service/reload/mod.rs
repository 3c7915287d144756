//! Reads the configuration again and follows what is different, while the rest goes on (`SIGHUP`, `tmkms reload`).
//!
//! On a thread of its own, one reload at a time. What can be known before anything is touched is looked at first: then
//! nothing is changed at all. A chain that nothing was changed of keeps its gate, key, lock and links.

mod apply;
mod change;
mod closing;
mod key_swap;
mod keys;
mod plan;
mod refused;
mod states;
mod too_early;

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tracing::{error, info, warn};

use crate::config::{Config, Log};
use crate::observe::log::Dropped;
use crate::threads::{ReloadAnswer, ReloadInbox, Reloads, spawn_vital};

use super::error::ServiceError;
use super::parts::Service;
use change::Change;
pub(super) use closing::{Closed, close_each};
use refused::Refused;
use states::ServedChain;

/// How often it is looked whether everybody is asked to stop.
const LOOK: Duration = Duration::from_millis(200);
/// The longest rest after a reload.
const LONGEST_REST: Duration = Duration::from_millis(500);

/// How long no other one begins after a reload that took so long: sixty times that, 0.5 s at most. Reloads that come one upon the
/// other would keep one processor busy, and votes would wait for it.
fn rest(took: Duration) -> Duration {
    took.saturating_mul(60).min(LONGEST_REST)
}

/// Whether the command line or a variable says what a key of `[log]` does, and counts more.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogOverruled {
    /// `level`.
    pub level: bool,
    /// `format`.
    pub format: bool,
}

/// How a configuration is read again, and whom that concerns outside of the service.
pub struct Again {
    /// How many lines of the log were dropped.
    pub dropped: Dropped,
    /// Where a reload is asked for.
    pub reloads: Reloads,
    /// Who asked.
    pub inbox: ReloadInbox,
    /// Reads the configuration as it is now; the text says what is wrong with it.
    pub read: Box<dyn Fn() -> Result<Config, String> + Send>,
    /// What `[log]` says in vain.
    pub overruled: LogOverruled,
    /// Lets the log follow.
    pub log: Box<dyn Fn(&Log) + Send>,
}

impl Again {
    /// For a service whose configuration lies in no file.
    pub fn never() -> Self {
        let (reloads, inbox) = Reloads::channel();
        Self {
            dropped: Dropped::default(),
            reloads,
            inbox,
            read: Box::new(|| Err("this configuration lies in no file".to_owned())),
            overruled: LogOverruled::default(),
            log: Box::new(|_| {}),
        }
    }
}

/// Begins to wait for those who ask.
pub(super) fn keep(service: &Service, config: Config, again: Again) -> io::Result<()> {
    let stop = service.stop.clone();
    let mut reloader = Reloader {
        service: service.clone(),
        config: without_chains(config),
        again,
    };
    spawn_vital("reload", &service.stop, move || {
        let (mut asked, mut not_before) = (Vec::new(), Instant::now());
        while !stop.is_set() {
            let left = not_before.saturating_duration_since(Instant::now());
            if asked.is_empty() || !left.is_zero() {
                let time = if asked.is_empty() {
                    LOOK
                } else {
                    left.min(LOOK)
                };
                reloader.again.inbox.gather(&mut asked, time);
                continue;
            }
            let began = Instant::now();
            let answer = reloader.turn();
            for request in asked.drain(..) {
                request.answer(&answer);
            }
            not_before = Instant::now() + rest(began.elapsed());
        }
    })
}

struct Reloader {
    service: Service,
    /// What is followed, without the chains, which the roster has.
    config: Config,
    again: Again,
}

/// A configuration whose keys nobody else holds any more: a device is given back with the last one who has its key.
fn without_chains(mut config: Config) -> Config {
    config.chains.clear();
    config
}

/// What became of a reload.
struct Followed {
    changes: Vec<Change>,
    /// What does not work yet.
    troubles: Vec<String>,
}

impl Reloader {
    /// One reload, from the news to systemd and the log to the answer.
    fn turn(&mut self) -> ReloadAnswer {
        let mut begins = vec![NotifyState::Reloading];
        begins.extend(NotifyState::monotonic_usec_now().ok());
        // Without systemd this does nothing.
        let _ = sd_notify::notify(&begins);
        let answer = match self.reload() {
            Ok(Followed { changes, troubles }) => {
                let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
                let told = match changes.is_empty() {
                    true => "nothing is different".to_owned(),
                    false => changes.join("; "),
                };
                info!(
                    event = "reloaded",
                    "the configuration was read again: {told}"
                );
                for trouble in &troubles {
                    warn!(event = "reloaded", "after the reload: {trouble}");
                }
                self.service.registry.reloaded(None);
                ReloadAnswer::Done { changes, troubles }
            }
            Err(refused) => {
                let why = refused.to_string();
                error!(
                    event = "not_reloaded",
                    "the configuration was not followed, and nothing was changed: {why}"
                );
                self.service.registry.reloaded(Some(&why));
                ReloadAnswer::Refused(why)
            }
        };
        let _ = sd_notify::notify(&[NotifyState::Ready]);
        answer
    }

    fn reload(&mut self) -> Result<Followed, Refused> {
        let now = (self.again.read)().map_err(Refused::Configuration)?;
        let served = self.service.roster.all();
        let configs: Vec<_> = served
            .iter()
            .map(|served| ServedChain {
                config: &served.config,
                keys: served.keys().map(|key| key.chain.public_key()).collect(),
            })
            .collect();
        let identities = &self.service.wiring.identities;
        let exchanged = identities.exchanged();
        let plan = plan::plan(&configs, &self.config, &now, &exchanged)?;
        keys::check_keys(&served, &plan)?;
        too_early::check_turns(&served, &plan)?;
        let listener = apply::listen_first(&self.service, &self.config.metrics, &now.metrics)?;
        drop(served);
        for warning in &now.warning_lines {
            if !self.config.warning_lines.contains(warning) {
                warn!(event = "configuration", "{warning}");
            }
        }
        let mut changes = plan.changes;
        let at = listener.as_ref().and_then(|here| here.local_addr().ok());
        changes.iter_mut().for_each(|change| change.found_at(at));
        let (old, LogOverruled { level, format }) = (&self.config.log, self.again.overruled);
        if level && old.level != now.log.level {
            changes.push(Change::LogOverruled("level"));
        }
        if format && old.format != now.log.format {
            changes.push(Change::LogOverruled("format"));
        }
        identities.retain(|source| !exchanged.contains(source));
        let mut troubles = apply::follow(&self.service, plan.chains);
        let metrics = (&self.config.metrics, &now.metrics);
        if let Err(error) = self
            .service
            .observers
            .follow(metrics, listener, &self.service.registry)
        {
            troubles.push(format!("metrics: {}", ServiceError::Thread(error)));
        }
        let used = now.chains.iter().flat_map(|chain| &chain.nodes);
        let used: BTreeSet<_> = used
            .filter_map(|node| Some(node.identity.as_ref()?.to_string()))
            .collect();
        identities.retain(|source| used.contains(source));
        (self.again.log)(&now.log);
        self.config = without_chains(now);
        Ok(Followed { changes, troubles })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reloads_are_rare_however_often_they_are_asked_for() {
        let ms = Duration::from_millis;
        assert_eq!(rest(ms(0)), ms(0));
        assert_eq!(rest(ms(2)), ms(120));
        assert_eq!(rest(ms(9)), ms(500));
        assert_eq!(rest(Duration::MAX), ms(500));
    }
}
