//! `tmkms adopt`: takes over all chains of another signer at once. The higher position counts; each old state file is
//! kept beside and made unusable for the old signer.

mod cosmos_kms;
mod horcrux;
mod plan;
mod running;
mod source;
mod write;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::config::Config;
use crate::terminal::{Console, Terminal};

use super::ConfigFile;
use super::report::{Failure, columns, output, status};
use plan::{Plan, What};
use source::{Candidate, Source, same_file};

/// Take over every chain of another signer.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms adopt                                   (an older tmkms: its tmkms.toml lies here)\n  \
                  tmkms adopt /etc/tmkms/tmkms.toml --dry-run\n  \
                  tmkms adopt ~/.gaia -c tmkms.toml             (a node's own key and state)\n  \
                  tmkms adopt ~/.horcrux -c tmkms.toml          (writes tmkms.toml, too)\n  \
                  tmkms adopt ~/.kms --from cosmos-kms\n\n\
                  Exit code 0: every chain was taken over, or had nothing to take over. 1: one was not, or nothing was changed."
)]
pub(super) struct Adopt {
    #[command(flatten)]
    config: ConfigFile,
    /// Whose home, configuration or state file it is, where that cannot be told
    #[arg(long, value_enum)]
    from: Option<From>,
    /// The old signer's home, its configuration, or one state file; the folder of the configuration when left out
    path: Option<PathBuf>,
    /// The chain of a single state file that does not say it
    #[arg(long, value_name = "ID")]
    chain: Option<String>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Whose files they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum From {
    /// The older tmkms, or this one after a move; never a backup
    Tmkms,
    /// A node's own key
    Cometbft,
    /// horcrux
    Horcrux,
    /// cosmos/kms
    CosmosKms,
}

impl Adopt {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.run_on(&mut Console)
    }

    fn run_on(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let ours = self.config.config.clone();
        let path = self.path.clone().unwrap_or_else(|| folder_of(&ours));
        let source = source::find(self.from, &path, &ours, self.chain.as_deref())?;
        for note in &source.notes {
            status("Note", note);
        }
        let config_path = source.config.clone().unwrap_or_else(|| ours.clone());
        if let Some(text) = &source.written
            && !config_path.exists()
        {
            if self.dry_run {
                status("Would write", config_path.display());
                return output(text);
            }
            write::configuration(&config_path, text)?;
        }
        let config = ConfigFile {
            config: config_path,
        }
        .load()?;
        self.adopt(&config, &source, &path, terminal)
    }

    fn adopt(
        &self,
        config: &Config,
        source: &Source,
        path: &Path,
        terminal: &mut dyn Terminal,
    ) -> Result<(), Failure> {
        let plans: Vec<Plan> = candidates(config, source)
            .into_iter()
            .map(|candidate| plan::plan(config, candidate))
            .collect();
        if plans.is_empty() {
            return Err(Failure::new(format!(
                "{} holds no state that belongs to a chain of {}",
                path.display(),
                config.name
            ))
            .hint("name the old signer's home, its configuration or a state file; `--from` says whose it is"));
        }
        output(&table(&plans))?;
        let impossible: Vec<&Plan> = plans
            .iter()
            .filter(|plan| matches!(plan.what, What::Impossible(_)))
            .collect();
        for plan in &impossible {
            if let What::Impossible(why) = &plan.what {
                status("Problem", format!("[{}] {why}", plan.chain));
            }
        }
        let left = impossible.len();
        let todo: Vec<Plan> = plans
            .into_iter()
            .filter(|plan| matches!(plan.what, What::Take(_)))
            .collect();
        if !todo.is_empty() && !self.dry_run {
            self.ask(path, terminal)?;
            return finish(todo.into_iter().map(plan::Plan::apply).collect(), left);
        }
        if self.dry_run {
            status("Dry run", "nothing was changed");
        }
        finish(Vec::new(), left)
    }

    fn ask(&self, path: &Path, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let running = running::old_signers();
        for process in &running {
            status(
                "Running",
                format!("process {}: {}", process.pid, process.arguments.join(" ")),
            );
        }
        if running.iter().any(|process| running::is_of(process, path)) {
            return Err(Failure::new(
                "nothing was changed: a signer of this home still runs; two signers for one key are a double sign in waiting",
            )
            .hint("stop it, see that nothing starts it again, and repeat the command"));
        }
        if self.yes {
            return Ok(());
        }
        if !terminal.is_interactive() {
            return Err(
                Failure::new("nothing was changed: there is no terminal to ask on").hint(
                    "repeat the command with `--yes`, once you are sure that the old signer is stopped",
                ),
            );
        }
        let question = "Is the old signer stopped for good, here and on every other host?";
        match terminal.confirm(question) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::new("nothing was changed")),
            Err(error) => Err(Failure::new(format!(
                "the terminal cannot be read: {error}"
            ))),
        }
    }
}

fn finish(done: Vec<plan::Applied>, mut left: usize) -> Result<(), Failure> {
    for applied in &done {
        match &applied.result {
            Ok(()) => status(
                "Adopted",
                format!("chain {}: {}", applied.chain, applied.shown),
            ),
            Err(why) => {
                left += 1;
                status("Problem", format!("[{}] {why}", applied.chain));
            }
        }
    }
    match left {
        0 => Ok(()),
        _ => Err(Failure::new(format!(
            "{left} chain(s) were not taken over; see above"
        ))),
    }
}

/// Of every chain of the configuration, and of every one that only the old signer knows.
fn candidates(config: &Config, source: &Source) -> Vec<Candidate> {
    match &source.chains {
        Some(chains) => chains.clone(),
        None => config
            .chains
            .iter()
            .map(|chain| {
                let mut states = vec![chain.state_file.clone()];
                states.extend(chain.older_state_files.iter().cloned());
                states.retain(|path| path.is_file());
                // The older program resolved the same words against its working directory.
                let mut once: Vec<PathBuf> = Vec::new();
                for path in states {
                    if !once.iter().any(|other| same_file(other, &path)) {
                        once.push(path);
                    }
                }
                Candidate {
                    chain: chain.id.to_string(),
                    states: once,
                    format: source.format,
                    trouble: None,
                }
            })
            .collect(),
    }
}

fn table(plans: &[Plan]) -> String {
    let mut rows = vec![
        ["CHAIN", "KEY", "OLD", "NOW", "THEN", "WHAT CHANGES"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(plans.iter().map(Plan::row));
    columns(&rows)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// A person who gives one answer; `None` is the end of input.
    struct Person(Option<bool>);

    impl Terminal for Person {
        fn is_interactive(&self) -> bool {
            true
        }

        fn say(&mut self, _: &str) -> std::io::Result<()> {
            Ok(())
        }

        fn confirm(&mut self, question: &str) -> std::io::Result<bool> {
            assert!(question.contains("stopped for good"));
            Ok(self.0.unwrap_or(false))
        }
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        adopt: Adopt,
    }

    #[test]
    fn only_a_yes_changes_anything() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (_, key) =
            crate::backends::softsign::key::SoftKey::generate(Default::default()).unwrap();
        crate::secret_file::create(&at("c.key"), &key).unwrap();
        std::fs::write(
            at("tmkms.toml"),
            "[[chain]]\nid = \"c-1\"\nallow_ephemeral_state = true\nstate_file = \"s.json\"\n\
             [[validator]]\nchain_id = \"c-1\"\naddr = \"unix:///x\"\n\
             [[providers.softsign]]\nchain_ids = [\"c-1\"]\npath = \"c.key\"\n",
        )
        .unwrap();
        let old = r#"{"height":"5","round":"0","step":1,"block_id":null}"#;
        std::fs::write(at("s.json"), old).unwrap();
        let adopt = |answer| {
            let config = at("tmkms.toml");
            let line = Line::parse_from(["adopt", config.to_str().unwrap()]);
            line.adopt.run_on(&mut Person(answer)).is_ok()
        };
        for answer in [None, Some(false)] {
            assert!(!adopt(answer));
            assert_eq!(std::fs::read_to_string(at("s.json")).unwrap(), old);
        }
        assert!(adopt(Some(true)));
        assert!(std::fs::read_to_string(at("s.json")).is_ok_and(|text| text != old));
    }
}
