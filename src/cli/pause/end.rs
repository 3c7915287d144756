//! `tmkms resume`: ends a pause. Where another host may have gone on from its height, that is asked for.

use clap::Args;

use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, status};
use crate::cli::state::chain::find;
use crate::cli::status::other_service;
use crate::config::{ChainConfig, Config};
use crate::consensus::ChainId;
use crate::gate::pause::Pause;
use crate::observe::serve::control::{self, ResumeAnswer, Resumed, ask_to_resume};
use crate::observe::status::PauseStatus;
use crate::os::clock::{Clock, SystemClock};
use crate::terminal::Terminal;

use super::offline::{is_free, is_nobody_there, last_of, no_answer, why_not_changed};

/// Sign for a paused chain again.
#[derive(Args)]
#[command(after_help = "Examples:\n  tmkms resume cosmoshub-4 -c tmkms.toml\n\n\
                  After a pause at a height, where another host may sign for the chain by now, the chain id is asked for; without a terminal \
                  say `--nobody-else-signs`. Two signers for one key are a double sign, and that is punished with 5 % of all stake.")]
pub(in crate::cli) struct ResumeChain {
    #[command(flatten)]
    config: ConfigFile,
    /// The chain
    chain: String,
    /// No other host signs for this chain: it was not handed over, or was stopped for good there
    #[arg(long)]
    nobody_else_signs: bool,
}

impl ResumeChain {
    pub(in crate::cli) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let config = self.config.load()?;
        let chain = find(&config, &self.chain)?;
        if !self.nobody_else_signs
            && let Some(risk) = risk(&config, chain)
        {
            ask(&chain.id, &risk, terminal)?;
        }
        match ask_to_resume(&self.chain, &config.control) {
            Ok(answer) => told(&config, chain, answer),
            Err(error) if is_nobody_there(&error) => {
                is_free(&config, chain)?;
                let resumed = remove(chain)?;
                told(&config, chain, ResumeAnswer::Resumed(resumed))?;
                // A service that was started meanwhile may have read the file before it was removed.
                match is_free(&config, chain) {
                    Ok(()) => Ok(()),
                    Err(_) => match ask_to_resume(&self.chain, &config.control) {
                        Ok(ResumeAnswer::Resumed(_)) => Ok(()),
                        Ok(error) => told(&config, chain, error),
                        Err(error) => Err(no_answer(&config, chain, &error)),
                    },
                }
            }
            Err(error) => Err(no_answer(&config, chain, &error)),
        }
    }
}

/// Why another host may sign for the chain by now, if so.
fn risk(config: &Config, chain: &ChainConfig) -> Option<String> {
    let service = control::ask(&config.control).ok();
    let told = service.and_then(|service| {
        let mut chains = service.chains.into_iter();
        chains.find(|found| found.id == chain.id.as_str())?.paused
    });
    let paused = match told {
        Some(paused) => paused,
        None => match chain.pause_file().read() {
            Ok(pause) => in_file(chain, &pause?),
            Err(error) => return Some(error.to_string()),
        },
    };
    (paused.in_effect && paused.from.is_some()).then(|| format!("it is {}", paused.line()))
}

/// A pause that no service was asked about.
fn in_file(chain: &ChainConfig, pause: &Pause) -> PauseStatus {
    let last = last_of(chain).map(|last| last.height);
    let in_effect = pause.leaves_nothing_after(last);
    PauseStatus::of(pause, in_effect, None, &SystemClock.now())
}

fn ask(id: &ChainId, risk: &str, terminal: &mut dyn Terminal) -> Result<(), Failure> {
    let danger = "a host that has gone on from there and this one would both sign, and that is punished with 5 % of all stake";
    if !terminal.is_interactive() {
        return Err(
            Failure::new(format!("chain {id}: nothing was changed: {risk}; {danger}")).hint(
                "if no other host signs for it, repeat the command with `--nobody-else-signs`",
            ),
        );
    }
    status("Danger", format!("chain {id}: {risk}; {danger}"));
    let typed = terminal
        .ask("If no other host signs for it, type its chain id:")
        .map_err(|error| Failure::new(format!("the terminal cannot be read: {error}")))?;
    match typed.is_some_and(|typed| typed.trim() == id.as_str()) {
        true => Ok(()),
        false => Err(Failure::new(
            "that is not the chain id; nothing was changed",
        )),
    }
}

/// The same as the service does, for the next one.
fn remove(chain: &ChainConfig) -> Result<Resumed, Failure> {
    let file = chain.pause_file();
    let before = file.read().ok().flatten();
    let before = before.map(|pause| in_file(chain, &pause));
    let removed = file.remove().map_err(|error| {
        Failure::new(format!(
            "chain {}: it is paused as before: {error}",
            chain.id
        ))
        .hint(why_not_changed(&file))
    })?;
    Ok(Resumed { before, removed })
}

fn told(config: &Config, chain: &ChainConfig, answer: ResumeAnswer) -> Result<(), Failure> {
    let id = &chain.id;
    match answer {
        ResumeAnswer::Resumed(Resumed {
            before: Some(before),
            ..
        }) => status("Resumed", format!("chain {id}: it was {}", before.line())),
        ResumeAnswer::Resumed(Resumed { removed: true, .. }) => status(
            "Resumed",
            format!(
                "chain {id}: {} was removed, and said nothing that could be understood",
                chain.pause_file().path().display()
            ),
        ),
        ResumeAnswer::Resumed(_) => {
            status(
                "Note",
                format!("chain {id} is not paused; nothing was changed"),
            );
        }
        ResumeAnswer::Error(why) => {
            return Err(
                Failure::new(format!("chain {id}: nothing was changed: {why}"))
                    .hint(other_service(config)),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    /// A person who types one line, or nobody.
    struct Person(Option<&'static str>);

    impl Terminal for Person {
        fn is_interactive(&self) -> bool {
            self.0.is_some()
        }

        fn say(&mut self, _: &str) -> std::io::Result<()> {
            Ok(())
        }

        fn confirm(&mut self, _: &str) -> std::io::Result<bool> {
            panic!("a yes is typed too easily");
        }

        fn ask(&mut self, question: &str) -> std::io::Result<Option<Zeroizing<String>>> {
            assert_eq!(
                question,
                "If no other host signs for it, type its chain id:"
            );
            Ok(self.0.map(|line| Zeroizing::new(line.to_owned())))
        }
    }

    #[test]
    fn where_another_host_may_sign_a_yes_is_not_enough() {
        for (line, passes) in [
            (Some("c-1"), true),
            (Some(" c-1 "), true),
            (Some("c-2"), false),
            (Some("yes"), false),
            (Some(""), false),
            (None, false),
        ] {
            let id = "c-1".parse().unwrap();
            let asked = ask(&id, "it is paused", &mut Person(line));
            assert_eq!(asked.is_ok(), passes, "{line:?}");
        }
    }
}
