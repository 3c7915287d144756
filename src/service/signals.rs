//! What each signal does to the service. `docs/operations.md` has the table for operators.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use signal_hook::consts as known;
use tracing::{error, warn};

use crate::os::process::signals::{Number, Signals};
use crate::threads::{Reloads, Shutdown, ShutdownCause, spawn_vital};

use super::error::ServiceError;

/// The same signal is logged again after so long.
const REPEAT: Duration = Duration::from_secs(10);
/// How long the log may take for its last line before an abort.
const LAST_LINE: Duration = Duration::from_millis(200);
/// `SIGPWR`, which signal-hook does not name: a power failure, or LXC that asks its container to halt.
const SIGPWR: i32 = 30;

/// What a signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// The orderly end, exit code 0.
    Stop,
    /// The orderly end, exit code 1: a service manager starts it again.
    Fail,
    /// The end at once, by this signal: the process does not work any more.
    Abort,
    /// The configuration is read again.
    Reload,
    /// Nothing, and the log says why.
    Ignore(&'static str),
    /// Nothing, and the log says what is wrong with this host or unit.
    Warn(&'static str),
}

fn effect(signal: Number) -> Effect {
    match signal.0 {
        known::SIGTERM | known::SIGINT => Effect::Stop,
        SIGPWR if cfg!(target_os = "linux") => Effect::Stop,
        known::SIGQUIT => Effect::Fail,
        known::SIGABRT => Effect::Abort,
        known::SIGHUP => Effect::Reload,
        known::SIGTSTP | known::SIGTTIN | known::SIGTTOU => {
            Effect::Ignore("a stopped signer signs nothing; SIGTERM or Ctrl-C ends it")
        }
        known::SIGXFSZ => Effect::Warn(
            "a file reached the limit of its size; raise the limit (`LimitFSIZE=infinity` in the systemd unit, `ulimit -f` \
             in a shell)",
        ),
        known::SIGXCPU => Effect::Warn(
            "this process reached its limit of CPU time, and the kernel kills it at the hard limit; raise the limit \
             (`LimitCPU=infinity` in the systemd unit, `ulimit -t` in a shell)",
        ),
        known::SIGUSR1 | known::SIGUSR2 => Effect::Ignore(
            "tmkms has no use for it: its log goes to standard error and needs no sign of a rotation",
        ),
        _ => Effect::Ignore("tmkms has no use for it"),
    }
}

/// Begins to act on signals.
pub(super) fn watch(
    signals: Signals,
    stop: &Arc<Shutdown>,
    reloads: Reloads,
) -> Result<(), ServiceError> {
    let inner = stop.clone();
    spawn_vital("signals", stop, move || act(signals, &inner, &reloads))
        .map_err(ServiceError::Thread)
}

fn act(mut signals: Signals, stop: &Shutdown, reloads: &Reloads) {
    let mut told = SignalLog::default();
    loop {
        let arrived = match signals.wait() {
            Ok(arrived) => arrived,
            Err(error) => {
                error!(
                    event = "no_signals",
                    "signals cannot be read any more: {error}; only SIGKILL ends this process"
                );
                return;
            }
        };
        let effect = effect(arrived.signal);
        if let Effect::Stop = effect {
            stop.trigger_for(ShutdownCause::Signal(arrived));
        }
        if let Effect::Fail = effect {
            stop.trigger_for(ShutdownCause::Emergency(arrived));
        }
        if let Effect::Abort = effect {
            let signal = arrived.signal.to_string();
            error!(event = "ended", signal, "ended by {arrived}");
            std::thread::sleep(LAST_LINE);
            std::process::abort();
        }
        if let Effect::Reload = effect {
            reloads.ask_and_go();
        }
        if let Effect::Ignore(why) | Effect::Warn(why) = effect
            && let Some(more) = told.admit(arrived.signal, Instant::now())
        {
            let more = match more {
                0 => String::new(),
                more => format!(" ({more} more since the last such line)"),
            };
            let signal = arrived.signal.to_string();
            match effect {
                Effect::Warn(_) => error!(event = "signal", signal, "{arrived}: {why}{more}"),
                _ => warn!(
                    event = "signal",
                    signal, "{arrived} is ignored: {why}{more}"
                ),
            }
        }
    }
}

/// Which signals were logged recently, and how many were left out.
#[derive(Default)]
struct SignalLog(HashMap<Number, (Instant, u64)>);

impl SignalLog {
    /// How many of the kind were left out since the last line, when a line may be written now.
    fn admit(&mut self, signal: Number, now: Instant) -> Option<u64> {
        match self.0.get_mut(&signal) {
            Some((at, left_out)) if now.saturating_duration_since(*at) < REPEAT => {
                *left_out += 1;
                None
            }
            other => {
                let left_out = other.map_or(0, |(_, left_out)| *left_out);
                self.0.insert(signal, (now, 0));
                Some(left_out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_signals_end_it_and_each_other_one_says_why_not() {
        let ending: Vec<i32> = (1..=64)
            .filter(|signal| {
                !matches!(
                    effect(Number(*signal)),
                    Effect::Reload | Effect::Ignore(_) | Effect::Warn(_)
                )
            })
            .collect();
        let mut expected = [
            known::SIGINT,
            known::SIGQUIT,
            known::SIGABRT,
            known::SIGTERM,
            SIGPWR,
        ];
        expected.sort_unstable();
        assert_eq!(ending, expected);
    }

    #[test]
    fn a_flood_of_one_signal_is_a_line_now_and_then() {
        let mut told = SignalLog::default();
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(told.admit(Number(1), at(0)), Some(0));
        assert_eq!(told.admit(Number(1), at(1)), None);
        assert_eq!(told.admit(Number(1), at(9)), None);
        assert_eq!(told.admit(Number(10), at(9)), Some(0), "another signal");
        assert_eq!(told.admit(Number(1), at(10)), Some(2));
        assert_eq!(told.admit(Number(1), at(25)), Some(0));
    }
}
