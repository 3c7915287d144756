//! `tmkms state import`: takes over what another signer, or this program elsewhere, has used up.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::gate::foreign::Format;
use crate::terminal::Terminal;

use super::takeover::{Current, higher, read_foreign, shown};
use super::{ConfigFile, Failure, find, place, status, unusable};

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
        let foreign = read_foreign(&self.file, named, &place).map_err(Failure::new)?;
        let current = Current::look(&place).map_err(|error| unusable(&config, error))?;
        let raised = higher(current.watermark.as_ref(), &foreign.watermark);
        let format = foreign
            .format
            .map_or("a format that its fields do not tell", Format::as_str);
        status(
            "Read",
            format!(
                "{} ({format}): {}",
                self.file.display(),
                shown(Some(&foreign.watermark))
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
                shown(current.watermark.as_ref())
            ),
        );
        status("Then", shown(Some(&raised)));
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
        if let Some(kept) = current.write(&place, &raised).map_err(Failure::new)? {
            status("Kept", format!("the old file as {}", kept.display()));
        }
        status(
            "Imported",
            format!("chain {} goes on above {}", chain.id, shown(Some(&raised))),
        );
        Ok(())
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
