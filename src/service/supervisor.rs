//! The supervisor's turn, once a second: is a chain stuck, was the host stopped, what does systemd want to know.
//!
//! Only this thread notifies systemd, so that its watchdog notices when the supervisor hangs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::{error, info, warn};

use crate::observe::registry::Registry;
use crate::os::clock::{Clock, Moment, SystemClock};
use crate::text::count::count as things;

/// A turn that comes so much too late, or a wall clock that is so far off, is worth telling.
const LEAP: Duration = Duration::from_secs(3);

pub(super) struct Supervisor {
    registry: Arc<Registry>,
    before: Moment,
    stuck: BTreeSet<String>,
    told: String,
    watchdog: bool,
}

impl Supervisor {
    /// Says that the service is ready to answer.
    pub fn begin(registry: Arc<Registry>) -> Self {
        let mut supervisor = Self {
            registry,
            before: SystemClock.now(),
            stuck: BTreeSet::new(),
            told: String::new(),
            watchdog: sd_notify::watchdog_enabled().is_some(),
        };
        notify(&[NotifyState::Ready]);
        supervisor.tell_status();
        supervisor
    }

    /// One turn.
    pub fn turn(&mut self) {
        let now = SystemClock.now();
        let since_start = self.registry.started.elapsed().as_millis();
        self.registry.turned.store(
            u64::try_from(since_start).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
        self.look_at_clocks(&now);
        self.look_for_stuck(&now);
        self.tell_status();
        if self.watchdog {
            notify(&[NotifyState::Watchdog]);
        }
    }

    /// Says that the service ends.
    pub fn end(&self) {
        notify(&[NotifyState::Stopping]);
    }

    fn look_at_clocks(&mut self, now: &Moment) {
        match leap(&self.before, now) {
            Some(Leap::Paused(time)) => {
                count(&self.registry.pauses);
                warn!(
                    event = "paused",
                    seconds = time.as_secs(),
                    "this host or process was stopped for about {} s; requests that waited are not signed, and the links are dialled again",
                    time.as_secs()
                );
            }
            Some(Leap::ClockSet(time)) => {
                count(&self.registry.clock_steps);
                warn!(
                    event = "clock_set",
                    seconds = time.as_secs(),
                    "the wall clock was set, or a virtual machine was paused: {} s off; look at this host's time service",
                    time.as_secs()
                );
            }
            None => {}
        }
        self.before = *now;
    }

    fn look_for_stuck(&mut self, now: &Moment) {
        for chain in self.registry.chains().iter() {
            match chain.stuck(now) {
                Some(time) if !self.stuck.contains(&chain.id) => {
                    error!(
                        event = "stuck",
                        chain = chain.id,
                        "[{}] stuck: a request has had no answer for {} s; look at the disk of {} and at the {}; \
                         other chains go on",
                        chain.id,
                        time.as_secs(),
                        chain.state_file(),
                        chain.key()
                    );
                    self.stuck.insert(chain.id.clone());
                }
                None if self.stuck.remove(&chain.id) => {
                    info!(
                        event = "unstuck",
                        chain = chain.id,
                        "[{}] answers again",
                        chain.id
                    );
                }
                _ => {}
            }
        }
    }

    fn tell_status(&mut self) {
        let now = SystemClock.now();
        let chains = self.registry.chains();
        let failing: Vec<&str> = chains
            .iter()
            .filter(|chain| chain.verdict(&now).not_ready.is_some())
            .map(|chain| chain.id.as_str())
            .collect();
        let (all, bad) = (chains.len(), failing.len());
        let mut text = format!(
            "{} of {} ready",
            all.saturating_sub(bad),
            things(all, "chain")
        );
        if bad > 0 {
            text.push_str("; not ready: ");
            text.push_str(&failing.join(", "));
        }
        if text != self.told {
            notify(&[NotifyState::Status(&text)]);
            self.told = text;
        }
    }
}

/// Without systemd this does nothing.
fn notify(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(state);
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[derive(Debug, PartialEq, Eq)]
enum Leap {
    /// The process or host was stopped for so long.
    Paused(Duration),
    /// The wall clock went its own way by so much.
    ClockSet(Duration),
}

/// What is odd between two turns that lie a second apart.
fn leap(before: &Moment, now: &Moment) -> Option<Leap> {
    let boot = now.boot.saturating_sub(before.boot);
    if boot > LEAP {
        return Some(Leap::Paused(boot));
    }
    let off = (before.wall + boot).abs_diff(now.wall);
    (off > LEAP).then_some(Leap::ClockSet(off))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_and_a_clock_that_was_set_are_told_apart() {
        let at = |boot: u64, wall: u64| Moment {
            monotonic: Duration::from_secs(boot),
            boot: Duration::from_secs(boot),
            wall: Duration::from_secs(wall),
        };
        assert_eq!(leap(&at(1, 100), &at(2, 101)), None);
        let time = Duration::from_secs;
        assert_eq!(leap(&at(1, 100), &at(9, 108)), Some(Leap::Paused(time(8))));
        assert_eq!(
            leap(&at(1, 100), &at(2, 200)),
            Some(Leap::ClockSet(time(99)))
        );
        assert_eq!(
            leap(&at(1, 100), &at(2, 50)),
            Some(Leap::ClockSet(time(51)))
        );
    }
}
