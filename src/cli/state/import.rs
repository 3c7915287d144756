//! `tmkms state import`: takes over the watermark of another signer, or of this program elsewhere.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, output, status};
use crate::cli::status::process_of;
use crate::cli::takeover::consent::Consent;
use crate::cli::takeover::settle::settle;
use crate::cli::takeover::{node_key, shown};
use crate::migrate::around::Around;
use crate::migrate::candidate::Candidate;
use crate::migrate::foreign::Format;
use crate::migrate::node_key::beside;
use crate::migrate::takeover::plan::{Plan, What};
use crate::migrate::takeover::quiet::Quiet;
use crate::migrate::takeover::take_over::TakeOver;
use crate::os::files::paths::same_file;
use crate::terminal::Terminal;

use super::chain::WhichKey;

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
    #[command(flatten)]
    key: WhichKey,
    /// The state file to take over
    file: PathBuf,
    /// Who wrote it, where its fields do not tell
    #[arg(long, value_enum)]
    from: Option<From>,
    #[command(flatten)]
    consent: Consent,
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
        let (_, place) = self.key.of(&config, &self.chain)?;
        let named = self.from.map(|from| match from {
            From::Tmkms => Format::Tmkms,
            From::Cometbft => Format::Cometbft,
            From::Horcrux => Format::Horcrux,
        });
        let service = process_of(&config);
        let (key, quiet) = (
            place.public_key.clone(),
            Quiet::of(service, [self.file.as_path()]),
        );
        let ours = same_file(&self.file, &place.path);
        let candidate = Candidate {
            chain: self.chain.clone(),
            states: vec![self.file.clone()],
            format: named,
            trouble: None,
        };
        let around = Around {
            keys: &[],
            node: None,
            others: &[],
            insist: &self.consent.insist,
            service,
            takes_back: false,
            command: &|place, found| place.commands.import(&place.chain_id, &found.path),
        };
        let plan = Plan::new(&config, candidate, Ok(place), &around);
        if let What::Impossible(why) = &plan.what {
            return Err(Failure::new(why));
        }
        for read in plan.old_states() {
            status("Read", read.told_with_format());
        }
        if ours && plan.old_states().is_empty() {
            let own = Format::Own.as_str();
            status(
                "Read",
                format!("{} ({own}): {}", self.file.display(), plan.now),
            );
        }
        let taking = TakeOver {
            plans: vec![plan],
            quiet,
        };
        output(&shown::table(&taking))?;
        shown::explain(&taking);
        if !taking.has_work() {
            status(
                "Nothing",
                format!("chain {} has taken this over already", self.chain),
            );
            return Ok(());
        }
        let settled = settle(taking, &self.consent, None, terminal)?;
        for done in settled.apply() {
            for warning in &done.warnings {
                status("Careful", warning);
            }
            match &done.result {
                Ok(shown) => status("Imported", format!("chain {}: {shown}", done.chain)),
                Err(why) => return Err(Failure::new(format!("nothing was changed: {why}"))),
            }
        }
        match beside(&self.file).filter(|_| !ours) {
            Some(path) => node_key::settle(&path, &key, &config, &self.consent, terminal),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// A person who gives one answer to each question, and does something meanwhile.
    struct Person<'a> {
        answer: bool,
        asked: Vec<String>,
        meanwhile: &'a mut dyn FnMut(),
    }

    impl Terminal for Person<'_> {
        fn is_interactive(&self) -> bool {
            true
        }

        fn say(&mut self, _: &str) -> std::io::Result<()> {
            Ok(())
        }

        fn confirm(&mut self, question: &str) -> std::io::Result<bool> {
            self.asked.push(question.to_owned());
            (self.meanwhile)();
            Ok(self.answer)
        }
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        import: Import,
    }

    const OLD: &str = r#"{"height":"5","round":"0","step":1,"block_id":null}"#;

    /// A home with a key and no state; a node's key and state lie in `node`.
    fn home() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (key, text) =
            crate::backends::softsign::key::SoftKey::generate(Default::default()).unwrap();
        crate::secret_file::create(&at("c.key"), &text).unwrap();
        std::fs::write(
            at("tmkms.toml"),
            "[[chain]]\nid = \"c-1\"\nallow_ephemeral_state = true\nstate_file = \"state.json\"\n\
             [[validator]]\nchain_id = \"c-1\"\naddr = \"unix:///x\"\n\
             [[providers.softsign]]\nchain_ids = [\"c-1\"]\npath = \"c.key\"\n",
        )
        .unwrap();
        for name in ["node/data", "node/config"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        std::fs::write(at("node/data/old.json"), OLD).unwrap();
        let public = subtle_encoding::base64::encode(key.public_key().as_bytes());
        let public = String::from_utf8(public).unwrap();
        std::fs::write(
            at("node/config/priv_validator_key.json"),
            format!(r#"{{"pub_key":{{"value":"{public}"}}}}"#),
        )
        .unwrap();
        folder
    }

    fn import(
        home: &std::path::Path,
        answer: bool,
        meanwhile: &mut dyn FnMut(),
    ) -> (bool, Vec<String>) {
        let mut person = Person {
            answer,
            asked: Vec::new(),
            meanwhile,
        };
        let (config, old) = (home.join("tmkms.toml"), home.join("node/data/old.json"));
        let line = [
            "import",
            "-c",
            config.to_str().unwrap(),
            "c-1",
            old.to_str().unwrap(),
        ];
        let result = Line::parse_from(line).import.run(&mut person);
        (result.is_ok(), person.asked)
    }

    #[test]
    fn a_no_changes_nothing_and_a_yes_imports() {
        let folder = home();
        let at = |name: &str| folder.path().join(name);
        let (done, asked) = import(folder.path(), false, &mut || {});
        assert!(!done && asked.len() == 1 && asked[0].contains("stopped for good"));
        assert!(!at("state.json").exists() && !at("state.json.taken-over").exists());
        assert_eq!(
            std::fs::read_to_string(at("node/data/old.json")).unwrap(),
            OLD
        );
        // The second question is for the node's own key.
        let (done, asked) = import(folder.path(), true, &mut || {});
        assert!(done && asked.len() == 2 && asked[1].contains("priv_validator_key.json aside"));
        assert!(at("state.json").exists());
        assert!(!at("node/config/priv_validator_key.json").exists());
    }

    #[test]
    fn the_question_names_a_remote_signer_where_there_was_one() {
        for (laddr, words) in [
            ("tcp://0.0.0.0:26659", "remote signer of this node"),
            ("", "old signer stopped for good"),
        ] {
            let folder = home();
            let config = folder.path().join("node/config/config.toml");
            std::fs::write(
                config,
                format!("priv_validator_laddr = \"{laddr}\"\n[p2p]\n"),
            )
            .unwrap();
            let (done, asked) = import(folder.path(), false, &mut || {});
            assert!(
                !done && asked.len() == 1 && asked[0].contains(words),
                "{asked:?}"
            );
        }
    }

    #[test]
    fn what_changes_while_the_question_is_open_is_noticed() {
        for rewrite in [
            OLD,
            r#"{"height":"6","round":"0","step":1,"block_id":null}"#,
        ] {
            let folder = home();
            let at = |name: &str| folder.path().join(name);
            let (done, asked) = import(folder.path(), true, &mut || {
                std::fs::write(at("new"), rewrite).unwrap();
                std::fs::rename(at("new"), at("node/data/old.json")).unwrap();
            });
            assert!(!done && asked.len() == 1);
            assert!(!at("state.json").exists());
            assert_eq!(
                std::fs::read_to_string(at("node/data/old.json")).unwrap(),
                rewrite
            );
        }
    }

    #[test]
    fn a_signer_that_starts_while_the_question_is_open_is_noticed() {
        let folder = home();
        let mut started = None;
        let (done, _) = import(folder.path(), true, &mut || {
            let mut command = std::process::Command::new("sleep");
            command
                .arg("60")
                .current_dir(folder.path().join("node/data"));
            started = Some(command.spawn().unwrap());
        });
        let mut started = started.unwrap();
        started.kill().unwrap();
        started.wait().unwrap();
        assert!(!done && !folder.path().join("state.json").exists());
    }
}
