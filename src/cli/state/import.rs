//! `tmkms state import`: takes over what another signer, or this program elsewhere, has used up.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::consensus::{Height, Hrs};
use crate::gate::foreign::{self, Foreign, Format};
use crate::gate::store::file::{FileStore, OpenError, Place};
use crate::gate::store::{Origin, Store};
use crate::gate::watermark::Watermark;
use crate::os::clock::{Clock, SystemClock};
use crate::terminal::Terminal;

use super::{ConfigFile, Failure, find, place, read_bounded, status};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state import -c tmkms.toml cosmoshub-4 old/priv_validator_state.json\n  \
                        tmkms state import -c tmkms.toml cosmoshub-4 state.json --from horcrux --yes"
)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    config: ConfigFile,
    /// The chain id
    chain: String,
    /// The state file to take over
    file: PathBuf,
    /// Who wrote it, where its fields do not tell
    #[arg(long, value_enum)]
    from: Option<From>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum From {
    Tmkms,
    Cometbft,
    Horcrux,
}

impl Import {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let config = self.config.load()?;
        let chain = find(&config, &self.chain)?;
        let place = place(chain)?;
        let named = self.from.map(|from| match from {
            From::Tmkms => Format::Tmkms,
            From::Cometbft => Format::Cometbft,
            From::Horcrux => Format::Horcrux,
        });
        let foreign = read_foreign(&self.file, named, &place)?;
        let current = Current::look(&place)?;
        let raised = higher(&current.watermark, &foreign.watermark);
        let show = |watermark: Option<&Watermark>| match watermark.map(Watermark::hrs) {
            None => "no state".to_owned(),
            Some(None) => "nothing signed yet".to_owned(),
            Some(Some(hrs)) => hrs.to_string(),
        };
        let format = foreign
            .format
            .map_or("a format that its fields do not tell", Format::as_str);
        status(
            "Read",
            format!(
                "{} ({format}): {}",
                self.file.display(),
                show(Some(&foreign.watermark))
            ),
        );
        for note in &foreign.notes {
            status("Note", note);
        }
        status(
            "Now",
            format!(
                "{} of chain {}: {}",
                place.path.display(),
                chain.id,
                show(current.watermark.as_ref())
            ),
        );
        status("Then", show(Some(&raised)));
        if !self.yes {
            if !terminal.is_interactive() {
                return Err(Failure::new("nothing was changed: there is no terminal to ask on")
                    .hint("repeat the command with `--yes`, once you are sure that the old signer is stopped"));
            }
            let sure = terminal
                .confirm("Is the old signer stopped for good, and is this its newest state?")
                .map_err(|error| Failure::new(format!("the terminal cannot be read: {error}")))?;
            if !sure {
                return Err(Failure::new("nothing was changed"));
            }
        }
        current.write(&place, &raised)?;
        status(
            "Imported",
            format!("chain {} goes on above {}", chain.id, show(Some(&raised))),
        );
        Ok(())
    }
}

/// What stands at the chain's own path before an import.
struct Current {
    watermark: Option<Watermark>,
    store: Option<FileStore>,
    /// Another signer's file lies there and must be kept aside.
    foreign: bool,
}

impl Current {
    fn look(place: &Place) -> Result<Self, Failure> {
        match FileStore::open_copied(place) {
            Ok(store) => {
                let mut watermark = store.record().watermark.clone();
                if store.damage().is_some()
                    && let Some(height) = Height::new(watermark.height().saturating_add(1))
                {
                    watermark = Watermark::UpTo(Hrs::end_of(height));
                }
                Ok(Self {
                    watermark: Some(watermark),
                    store: Some(store),
                    foreign: false,
                })
            }
            Err(OpenError::Missing { .. }) => Ok(Self {
                watermark: None,
                store: None,
                foreign: false,
            }),
            Err(OpenError::Foreign { .. }) => {
                // It counts, too: the higher of the two is taken.
                let found = read_foreign(&place.path, None, place)?;
                Ok(Self {
                    watermark: Some(found.watermark),
                    store: None,
                    foreign: true,
                })
            }
            Err(error) => Err(Failure::new(error)),
        }
    }

    fn write(self, place: &Place, watermark: &Watermark) -> Result<(), Failure> {
        let now = SystemClock.now().wall;
        match self.store {
            Some(mut store) => store
                .rebuild(watermark, Origin::Operator, now)
                .map(drop)
                .map_err(Failure::new),
            None if self.foreign => {
                let kept = keep_aside(&place.path)?;
                status("Kept", format!("the old file as {}", kept.display()));
                FileStore::replace_foreign(place, watermark, now).map_err(Failure::new)
            }
            None => FileStore::create(place, watermark, now).map_err(Failure::new),
        }
    }
}

/// Copies a foreign file to a new name beside it.
fn keep_aside(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |error| {
        Failure::new(format!(
            "{} cannot be copied aside: {error}",
            path.display()
        ))
    };
    for number in 0..1_000 {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(match number {
            0 => ".before-import".to_owned(),
            _ => format!(".before-import-{number}"),
        });
        let kept = path.with_file_name(name);
        match std::fs::hard_link(path, &kept) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
            Ok(()) => return Ok(kept),
        }
    }
    Err(Failure::new(format!(
        "{} has a thousand copies aside already; remove some",
        path.display()
    )))
}

fn read_foreign(path: &Path, named: Option<Format>, place: &Place) -> Result<Foreign, Failure> {
    let bytes = read_bounded(path).map_err(Failure::new)?;
    foreign::read(&bytes, named, &place.chain_id, &place.public_key)
        .map_err(|error| Failure::new(format!("{} cannot be imported: {error}", path.display())))
}

/// The higher of the two. At equal positions the bytes are kept only if both know the same ones.
fn higher(current: &Option<Watermark>, other: &Watermark) -> Watermark {
    let Some(current) = current else {
        return other.clone();
    };
    match current.hrs().cmp(&other.hrs()) {
        std::cmp::Ordering::Less => other.clone(),
        std::cmp::Ordering::Greater => current.clone(),
        std::cmp::Ordering::Equal => match (current, other) {
            (Watermark::Message(one), Watermark::Message(two)) if one.bytes() != two.bytes() => {
                Watermark::UpTo(one.position().hrs)
            }
            (Watermark::Message(one), Watermark::Message(two)) if one.signature().is_none() => {
                Watermark::Message(two.clone())
            }
            (Watermark::Message(one), Watermark::Message(_)) => Watermark::Message(one.clone()),
            // What was signed there is not known to one of them, so nothing is signed there again.
            (Watermark::Message(last), _) | (_, Watermark::Message(last)) => {
                Watermark::UpTo(last.position().hrs)
            }
            _ => current.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// A person who gives one answer.
    struct Person {
        answer: &'static str,
        asked: usize,
    }

    impl Terminal for Person {
        fn is_interactive(&self) -> bool {
            true
        }

        fn say(&mut self, _: &str) -> std::io::Result<()> {
            Ok(())
        }

        fn confirm(&mut self, _: &str) -> std::io::Result<bool> {
            self.asked += 1;
            Ok(self.answer == "y")
        }
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        import: Import,
    }

    #[test]
    fn a_no_changes_nothing_and_a_yes_imports() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (_, key) =
            crate::backends::softsign::key::SoftKey::generate(Default::default()).unwrap();
        crate::secret_file::create(&at("c.key"), &key).unwrap();
        std::fs::write(
            at("tmkms.toml"),
            "[[chain]]\nid = \"c-1\"\nallow_ephemeral_state = true\nstate_file = \"state.json\"\n\
             [[validator]]\nchain_id = \"c-1\"\naddr = \"unix:///x\"\n\
             [[providers.softsign]]\nchain_ids = [\"c-1\"]\npath = \"c.key\"\n",
        )
        .unwrap();
        std::fs::write(
            at("old.json"),
            r#"{"height":"5","round":"0","step":1,"block_id":null}"#,
        )
        .unwrap();
        let import = |answer| {
            let mut person = Person { answer, asked: 0 };
            let (config, old) = (at("tmkms.toml"), at("old.json"));
            let line = [
                "import",
                "-c",
                config.to_str().unwrap(),
                "c-1",
                old.to_str().unwrap(),
            ];
            let result = Line::parse_from(line).import.run(&mut person);
            assert_eq!(person.asked, 1);
            result.is_ok()
        };
        assert!(!import("n"));
        assert!(!at("state.json").exists());
        assert!(import("y"));
        assert!(at("state.json").exists());
    }
}
