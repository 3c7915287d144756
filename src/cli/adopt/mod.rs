//! `tmkms adopt`: takes over all chains of another signer at once. The higher position counts; each old state file is
//! kept beside and made unusable for the old signer.

mod shares;
mod write;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::config::Config;
use crate::migrate::sources::{self, NewConfig, OldSigner, Source, SourceError};
use crate::migrate::takeover::plans::{candidates, plans};
use crate::migrate::takeover::quiet::Quiet;
use crate::migrate::takeover::take::Applied;
use crate::migrate::takeover::take_over::TakeOver;
use crate::os::files::paths::folder_of;
use crate::terminal::{Console, Terminal};
use crate::text::count::count;

use super::config_file::{ConfigFile, wrong};
use super::report::{Failure, output, status};
use super::status::process_of;
use super::takeover::consent::Consent;
use super::takeover::settle::settle;
use super::takeover::{node_key, shown};

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
    #[command(flatten)]
    consent: Consent,
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

impl From {
    fn signer(self) -> OldSigner {
        match self {
            Self::Tmkms => OldSigner::Tmkms,
            Self::Cometbft => OldSigner::Cometbft,
            Self::Horcrux => OldSigner::Horcrux,
            Self::CosmosKms => OldSigner::CosmosKms,
        }
    }
}

impl Adopt {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.run_on(&mut Console)
    }

    fn run_on(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let ours = self.config.config.clone();
        let path = self
            .path
            .clone()
            .unwrap_or_else(|| folder_of(&ours).to_owned());
        let from = self.from.map(From::signer);
        let source = sources::find(from, &path, &ours, self.chain.as_deref()).map_err(unusable)?;
        let config_path = source.config.clone().unwrap_or_else(|| ours.clone());
        // What is written from the old signer's configuration is read before it is written.
        let written = source.new_config.as_ref().filter(|_| !config_path.exists());
        if written.is_none()
            && !config_path.exists()
            && let Some(left) = nothing_usable(&source)
        {
            return finish(&[], left);
        }
        if let Some(written) = written.filter(|written| !written.shares.is_empty()) {
            return self.become_member(&source, written, &config_path);
        }
        let config = match written {
            Some(written) => written.read(&config_path).map_err(wrong)?,
            None => ConfigFile {
                config: config_path.clone(),
            }
            .load()?,
        };
        let taking = self.plan(&config, &source, &path)?;
        for note in &source.notes {
            status("Note", note);
        }
        if self.dry_run {
            return show(&taking, written, &config_path);
        }
        output(&shown::table(&taking))?;
        let left = shown::explain(&taking);
        let incomplete = written.is_some_and(|written| !written.complete);
        if !taking.has_work() && !incomplete {
            return finish(&[], left);
        }
        let keys = taking.keys();
        let settled = settle(taking, &self.consent, source.question.as_deref(), terminal)?;
        if let Some(written) = written {
            write::configuration(&config_path, &written.text)?;
            if incomplete {
                return Err(Failure::usage(format!(
                    "{} was written, and no chain was taken over yet",
                    config_path.display()
                ))
                .hint(
                    "fill in the `chain_id` of each [[validator]] there, and repeat the command",
                ));
            }
        }
        let done = settled.apply();
        let result = finish(&done, left);
        for (chain, key) in keys {
            let taken = done
                .iter()
                .any(|one| one.chain == chain && one.result.is_ok());
            if let Some(path) = source.node_key.as_ref().filter(|_| taken) {
                node_key::settle(path, &key, &config, &self.consent, terminal)?;
            }
        }
        result
    }

    /// Makes what this host needs to be a member. Nothing signs with it before the chains are taken over, so whoever signs now goes on.
    fn become_member(
        &self,
        source: &Source,
        written: &NewConfig,
        config: &Path,
    ) -> Result<(), Failure> {
        for note in &source.notes {
            status("Note", note);
        }
        if self.dry_run {
            status("Would write", config.display());
            output(&written.text)?;
            status("Dry run", "nothing was changed");
            return Ok(());
        }
        let text = shares::make(&written.shares, folder_of(config), &written.text)?;
        write::configuration(config, &text)?;
        status(
            "Next",
            format!(
                "run the same on the host of each other cosigner; write what it prints of that member into {}, as on all hosts, and fill \
                 in whatever else stands in capitals; stop all cosigners for good, and repeat the command: it takes the chains over",
                config.display()
            ),
        );
        Ok(())
    }

    fn plan(&self, config: &Config, source: &Source, path: &Path) -> Result<TakeOver, Failure> {
        let candidates = candidates(config, source);
        let homes: Vec<PathBuf> = std::iter::once(path.to_owned())
            .chain(candidates.iter().flat_map(|one| one.states.clone()))
            .collect();
        let service = process_of(config);
        let plans = plans(config, &candidates, source, &self.consent.insist, service);
        if plans.is_empty() {
            return Err(Failure::new(format!(
                "{} holds no state that belongs to a chain of {}",
                path.display(),
                config.name
            ))
            .hint("name the old signer's home, its configuration or a state file; `--from` says whose it is"));
        }
        let quiet = Quiet::of(service, homes.iter().map(PathBuf::as_path));
        Ok(TakeOver { plans, quiet })
    }
}

/// Standard output is a configuration where one would be written: what else there is to see is a comment in it.
fn show(taking: &TakeOver, written: Option<&NewConfig>, path: &Path) -> Result<(), Failure> {
    match written {
        Some(written) => {
            let mut text = written.text.clone();
            for line in shown::table(taking).lines() {
                text.push_str(&format!("# {line}\n"));
            }
            status("Would write", path.display());
            output(&text)?;
        }
        None => output(&shown::table(taking))?,
    }
    let left = shown::explain(taking);
    status("Dry run", "nothing was changed");
    finish(&[], left)
}

/// Says why, and of how many, where no chain of the old signer can be taken over at all.
fn nothing_usable(source: &Source) -> Option<usize> {
    let chains = source.chains.as_ref()?;
    if chains.iter().any(|one| one.trouble.is_none()) {
        return None;
    }
    for (one, why) in chains
        .iter()
        .filter_map(|one| Some((one, one.trouble.as_ref()?)))
    {
        status("Problem", format!("[{}] {why}", one.chain));
    }
    Some(chains.len())
}

fn finish(done: &[Applied], mut left: usize) -> Result<(), Failure> {
    for applied in done {
        for warning in &applied.warnings {
            status("Careful", format!("[{}] {warning}", applied.chain));
        }
        match &applied.result {
            Ok(shown) => status("Adopted", format!("chain {}: {shown}", applied.chain)),
            Err(why) => {
                left += 1;
                status(
                    "Problem",
                    format!("[{}] this chain was left as it was: {why}", applied.chain),
                );
            }
        }
    }
    match left {
        0 => Ok(()),
        _ => Err(Failure::new(format!(
            "not taken over: {}; see above",
            count(left, "chain")
        ))),
    }
}

fn unusable(error: SourceError) -> Failure {
    let failure = match &error {
        SourceError::OwnConfig(_) => Failure::usage(&error),
        _ => Failure::new(&error),
    };
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
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
