//! `tmkms pause`: nothing is signed for a chain, at all or from a height on, until `tmkms resume`.

use clap::Args;

use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, status};
use crate::cli::state::chain::find;
use crate::cli::status::other_service;
use crate::config::{ChainConfig, Config};
use crate::consensus::Height;
use crate::gate::heights::plausible::Claim;
use crate::gate::pause::{Pause, PauseWhy};
use crate::observe::serve::control::{PauseAnswer, PauseAsked, PauseDone, ask_to_pause};
use crate::observe::status::PauseStatus;
use crate::os::clock::{Clock, SystemClock};

use super::offline::{is_free, is_nobody_there, last_of, no_answer, why_not_changed};

/// Sign nothing for a chain, at all or from a height on, until `tmkms resume`. The public key is told, and the links stay.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms pause cosmoshub-4 -c tmkms.toml --why 'moving to another host'\n  \
                  tmkms pause cosmoshub-4 --at 21000000      (20999999 is the last height that is signed)\n\n\
                  A pause is kept over restarts, and is begun by this command even where the service does not run. Once it is confirmed, \
                  nothing that it forbids is signed here, whatever the number of nodes. Paused again, the chain has the new height and reason."
)]
pub(in crate::cli) struct PauseChain {
    #[command(flatten)]
    config: ConfigFile,
    /// The chain
    chain: String,
    /// The lowest height that is not signed any more; without it nothing is
    #[arg(long, value_name = "HEIGHT", value_parser = height, allow_hyphen_values = true)]
    at: Option<Height>,
    /// Why, in at most 400 bytes: shown in the log, to the nodes, in `tmkms status` and on the status page
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

fn height(text: &str) -> Result<Height, String> {
    let height = text.parse().ok().and_then(Height::new);
    height.ok_or_else(|| format!("a height is a whole number from 1 to {}", i64::MAX))
}

impl PauseChain {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let why = self.why.as_deref().map(PauseWhy::new).transpose();
        let why = why.map_err(|error| Failure::usage(format!("`--why`: {error}")))?;
        let config = self.config.load()?;
        let chain = find(&config, &self.chain)?;
        let asked = PauseAsked {
            chain: self.chain,
            from: self.at.map(Height::get),
            why: why.as_ref().map(ToString::to_string),
        };
        match ask_to_pause(asked.clone(), &config.control) {
            Ok(answer) => told(&config, chain, answer, Acts::Now),
            Err(error) if is_nobody_there(&error) => {
                is_free(&config, chain)?;
                let at = SystemClock.now().wall;
                let pause = Pause {
                    from: self.at,
                    why,
                    asked: at,
                };
                let done = write(chain, &pause)?;
                if is_free(&config, chain).is_ok() {
                    return told(
                        &config,
                        chain,
                        PauseAnswer::Paused(Box::new(done)),
                        Acts::AtTheStart,
                    );
                }
                // A service was started meanwhile, and may have looked for the file before.
                match ask_to_pause(asked, &config.control) {
                    Ok(answer) => told(&config, chain, answer, Acts::Now),
                    Err(error) => Err(no_answer(&config, chain, &error)),
                }
            }
            Err(error) => Err(no_answer(&config, chain, &error)),
        }
    }
}

/// When it takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acts {
    Now,
    AtTheStart,
}

/// The same as the service does, for the next one.
fn write(chain: &ChainConfig, pause: &Pause) -> Result<PauseDone, Failure> {
    let (file, now) = (chain.pause_file(), SystemClock.now());
    let last = last_of(chain);
    let in_effect = |pause: &Pause| pause.leaves_nothing_after(last.map(|last| last.height));
    let shown = |pause: &Pause| PauseStatus::of(pause, in_effect(pause), None, &now);
    // One that nobody understands is replaced; that is the remedy for it.
    let before = file.read().ok().flatten().map(|before| shown(&before));
    file.write(pause).map_err(|error| {
        Failure::new(format!("chain {}: nothing was changed: {error}", chain.id))
            .hint(why_not_changed(&file))
    })?;
    Ok(PauseDone {
        before,
        now: shown(pause),
        last: last.map(|last| last.to_string()),
        height: last.map_or(0, |last| last.height.get()),
        in_hand: false,
    })
}

fn told(
    config: &Config,
    chain: &ChainConfig,
    answer: PauseAnswer,
    acts: Acts,
) -> Result<(), Failure> {
    let id = &chain.id;
    let done = match answer {
        PauseAnswer::Paused(done) => done,
        PauseAnswer::Error(why) => {
            return Err(
                Failure::new(format!("chain {id}: nothing was paused: {why}"))
                    .hint(other_service(config)),
            );
        }
    };
    status("Paused", format!("chain {id}: {}", extent(&done)));
    if let Some(before) = &done.before {
        status("Before", format!("chain {id} was {}", before.line()));
    }
    if let Some(careful) = far(&done) {
        status("Careful", careful);
    }
    if acts == Acts::AtTheStart {
        status("Note", "no service runs for it; the next one obeys");
    }
    if chain.etcd.is_some() {
        status(
            "Note",
            "other hosts that share its watermark sign on: pause it there, too",
        );
    }
    let resume = config.commands.line(["resume", id.as_str()]);
    status("Note", format!("`{resume}` ends that"));
    if done.in_hand {
        return Err(Failure::new(format!(
            "chain {id}: a request from before has had no answer for seconds and may still be signed, because a disk or \
             device hangs"
        ))
        .hint("do not sign for it elsewhere before the service was stopped"));
    }
    match &done.now.unsaved {
        None => Ok(()),
        Some(why) => Err(Failure::new(format!(
            "chain {id}: the pause ends with this process, because it cannot be written: {why}"
        ))
        .hint("make room or mend that, and repeat the command")),
    }
}

/// What is signed from now on.
fn extent(done: &PauseDone) -> String {
    let last = match &done.last {
        Some(last) => format!("the watermark is at {last}"),
        None => "no watermark is known".to_owned(),
    };
    let Some(from) = done.now.from else {
        return format!("nothing is signed from now on; {last}");
    };
    match (done.now.in_effect, from - 1) {
        (false, left) => format!("{left} is the last height that is signed; {last}"),
        (true, left) if left >= done.height => {
            format!(
                "nothing is signed from now on, because only heights from {from} on are left; {last}"
            )
        }
        (true, _) => {
            format!(
                "nothing is signed from now on, because height {from} is not above the last one; {last}"
            )
        }
    }
}

/// A word about a height that the chain may never reach.
fn far(done: &PauseDone) -> Option<String> {
    let from = Height::new(done.now.from?)?;
    let known = Height::new(done.height);
    if Claim::of(from, known) == Claim::Plausible {
        return None;
    }
    let above = match known {
        Some(known) => format!("{} heights above the watermark", from.above(known)),
        None => "more than nearly all chains have reached".to_owned(),
    };
    Some(format!(
        "height {from} is {above}, and everything below it is signed; if it has a digit too many, repeat the command"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(from: Option<i64>, height: i64, in_effect: bool) -> PauseDone {
        PauseDone {
            now: PauseStatus {
                from,
                in_effect,
                ..PauseStatus::default()
            },
            last: Height::new(height).map(|height| format!("{height}/0/precommit")),
            height,
            ..PauseDone::default()
        }
    }

    #[test]
    fn what_is_still_signed_is_said() {
        for (from, height, in_effect, said) in [
            (
                None,
                0,
                true,
                "nothing is signed from now on; no watermark is known",
            ),
            (
                None,
                5,
                true,
                "nothing is signed from now on; the watermark is at 5/0/precommit",
            ),
            (
                Some(8),
                5,
                false,
                "7 is the last height that is signed; the watermark is at 5/0/precommit",
            ),
            (Some(6), 5, true, "because only heights from 6 on are left"),
            (
                Some(5),
                5,
                true,
                "because height 5 is not above the last one",
            ),
            (Some(1), 0, true, "because only heights from 1 on are left"),
        ] {
            let extent = extent(&done(from, height, in_effect));
            assert!(extent.contains(said), "{extent}");
        }
    }

    #[test]
    fn a_digit_too_many_is_told_how_far_it_is() {
        let far = |from, height| far(&done(Some(from), height, false));
        assert_eq!(far(28_000_100, 28_000_000), None);
        let told = far(280_000_100, 28_000_000).unwrap();
        assert!(told.contains("252000100 heights above"), "{told}");
        assert!(far(i64::MAX, 28_000_000).is_some() && far(i64::MAX, 0).is_some());
        assert_eq!(far(28_000_000, 0), None);
    }

    #[test]
    fn a_height_is_one_of_consensus() {
        for bad in ["0", "-1", "9223372036854775808", "", "1.5", "1e3", " 7"] {
            assert!(height(bad).is_err(), "{bad}");
        }
        assert_eq!(height("9223372036854775807").unwrap().get(), i64::MAX);
    }
}
