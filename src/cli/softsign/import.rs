//! `tmkms softsign import`: key and state together, because a key without its state is a double sign in waiting.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::backends::softsign::Purpose;
use crate::backends::softsign::key::{KeyError, SoftKey};
use crate::cli::ConfigFile;
use crate::cli::report::{Failure, output, shell_word, status};
use crate::cli::state::takeover::{Current, higher, read_foreign, shown};
use crate::cli::state::unusable;
use crate::config::{ChainConfig, Config};
use crate::consensus::{PublicKey, key_text};
use crate::gate::store::file::Place;
use crate::gate::watermark::Watermark;
use crate::secret_file::{self, SecretFileError};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms softsign import -c tmkms.toml --state ~/.gaia/data/priv_validator_state.json \\\n      \
                  ~/.gaia/config/priv_validator_key.json secrets/cosmoshub-4-consensus.key\n  \
                  tmkms softsign import -f base64 --never-signed old.key secrets/new.key\n\n\
                  A key moves together with what it has signed: without `--state` or `--never-signed` nothing is done."
)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    config: ConfigFile,
    /// The form of IN; told by its content when left out
    #[arg(short = 'f', long, value_enum)]
    format: Option<Form>,
    /// What the key is for: consensus is Ed25519, account is secp256k1; told by the configuration when left out
    #[arg(short = 't', long = "type", value_enum)]
    kind: Option<super::Kind>,
    /// The old signer's state file; it becomes the state of the chain
    #[arg(long, value_name = "FILE", conflicts_with = "never_signed")]
    state: Option<PathBuf>,
    /// This key has never signed on the chains that it is configured for
    #[arg(long)]
    never_signed: bool,
    /// The chain, where OUT is the key of several
    #[arg(long, value_name = "ID")]
    chain: Option<String>,
    /// The key file to read
    #[arg(value_name = "IN")]
    from: PathBuf,
    /// The key file to make; never overwritten
    #[arg(value_name = "OUT")]
    to: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// CometBFT's priv_validator_key.json
    Json,
    /// Base64
    Base64,
}

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.state.is_none() && !self.never_signed {
            return Err(self.neither());
        }
        let config = self.config.load()?;
        let chains = self.chains(&config)?;
        let key = self.read(chains.first().copied())?;
        let public = key.public_key();
        if std::fs::symlink_metadata(&self.to).is_ok() {
            return Err(Failure::new(SecretFileError::Exists(self.to.clone())));
        }
        // All that can be refused is refused before anything is made.
        let mut todo = Vec::new();
        for chain in chains {
            todo.push(self.state_of(&config, chain, public)?);
        }
        secret_file::create(&self.to, &key.to_base64()).map_err(Failure::new)?;
        for (place, current, watermark) in todo {
            let said = shown(Some(&watermark));
            if let Err(why) = current.write(&place, &watermark) {
                let _ = std::fs::remove_file(&self.to);
                return Err(Failure::new(format!(
                    "the state of chain {} could not be written, so {} was removed again: {why}",
                    place.chain_id,
                    self.to.display()
                )));
            }
            status(
                "Imported",
                format!(
                    "the state of chain {} into {}: {said}",
                    place.chain_id,
                    place.path.display()
                ),
            );
        }
        status(
            "Imported",
            format!("{} key into {}", public.key_type(), self.to.display()),
        );
        status(
            "Next",
            format!(
                "take {} away from the old signer, so that it can never sign again",
                self.from.display()
            ),
        );
        output(&format!(
            "public key: {}\naddress: {}\n",
            key_text::to_cosmos_json(&public),
            public.address()
        ))
    }

    /// The whole command line to type.
    fn neither(&self) -> Failure {
        let (from, to) = (shell_word(&self.from), shell_word(&self.to));
        let config = shell_word(&self.config.config);
        let form = match self.format {
            None => String::new(),
            Some(Form::Json) => " -f json".to_owned(),
            Some(Form::Base64) => " -f base64".to_owned(),
        };
        let beside = self
            .from
            .parent()
            .and_then(Path::parent)
            .map(|home| home.join("data/priv_validator_state.json"))
            .filter(|path| path.is_file());
        let state = beside.map_or_else(|| "STATE-FILE".to_owned(), |path| shell_word(&path));
        Failure::usage("nothing was imported: a key without what it has signed is a double sign in waiting")
            .hint(format!(
                "bring its state along:\n  tmkms softsign import{form} -c {config} --state {state} {from} {to}\n\
                 or, if this key has never signed:\n  tmkms softsign import{form} -c {config} --never-signed {from} {to}"
            ))
    }

    /// The chains of which OUT is the key.
    fn chains<'a>(&self, config: &'a Config) -> Result<Vec<&'a ChainConfig>, Failure> {
        let out = std::path::absolute(&self.to).unwrap_or_else(|_| self.to.clone());
        let of_out = |chain: &&ChainConfig| {
            chain.key.file().is_some_and(|file| {
                std::path::absolute(file.path).is_ok_and(|path| plain(&path) == plain(&out))
            })
        };
        let found: Vec<&ChainConfig> = config
            .chains
            .iter()
            .filter(of_out)
            .filter(|chain| {
                self.chain
                    .as_ref()
                    .is_none_or(|wanted| wanted == chain.id.as_str())
            })
            .collect();
        match found.as_slice() {
            [] => Err(Failure::usage(format!(
                "{} is not the key of {} in {}",
                self.to.display(),
                self.chain
                    .as_ref()
                    .map_or_else(|| "any chain".to_owned(), |id| format!("chain {id}")),
                config.name
            ))
            .hint(format!(
                "name it as `path` of a [[providers.softsign]] first; the paths there are:\n{}",
                paths(config)
            ))),
            [_, _, ..] if self.state.is_some() => Err(Failure::usage(format!(
                "{} is the key of {} chains, and a state file is that of one",
                self.to.display(),
                found.len()
            ))
            .hint("say which with `--chain ID`, and import the others' with `tmkms state import`")),
            _ => Ok(found),
        }
    }

    fn read(&self, chain: Option<&ChainConfig>) -> Result<SoftKey, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(format!(
                "the key in {} cannot be imported: {error}",
                self.from.display()
            ))
        };
        let file = chain.and_then(|chain| chain.key.file());
        if file.is_some_and(|file| file.json) {
            return Err(Failure::usage(format!(
                "{} is configured with `key_format = \"json\"`, and base64 would be written there",
                self.to.display()
            ))
            .hint("remove that line from its [[providers.softsign]], or copy the file yourself and import its state with `tmkms state import`"));
        }
        let secret = secret_file::read(&secret_file::SecretSource::File(self.from.clone()))
            .map_err(|error| failed(&error))?;
        if let Some(warning) = &secret.warning {
            status("Warning", warning);
        }
        let form = self.format.unwrap_or_else(|| {
            match secret.bytes.trim_ascii_start().starts_with(b"{") {
                true => Form::Json,
                false => Form::Base64,
            }
        });
        let purpose = match self.kind {
            Some(kind) => kind.purpose(),
            None if file.is_some_and(|file| file.account) => Purpose::Account,
            None => Purpose::Consensus,
        };
        let read: Result<SoftKey, KeyError> = match form {
            Form::Json => SoftKey::from_json(&secret.bytes, purpose),
            Form::Base64 => SoftKey::from_base64(&secret.bytes, purpose),
        };
        read.map_err(|error| failed(&error))
    }

    fn state_of(
        &self,
        config: &Config,
        chain: &ChainConfig,
        public_key: PublicKey,
    ) -> Result<(Place, Current, Watermark), Failure> {
        let place = chain.place(public_key);
        let current = Current::look(&place).map_err(|error| unusable(config, error))?;
        let watermark = match &self.state {
            Some(file) => {
                let foreign = read_foreign(file, None, &place).map_err(Failure::new)?;
                for note in &foreign.notes {
                    status("Note", note);
                }
                higher(current.watermark.as_ref(), &foreign.watermark)
            }
            None => match &current.watermark {
                None => Watermark::Never,
                Some(Watermark::Never) => Watermark::Never,
                Some(some) => {
                    return Err(Failure::new(format!(
                        "chain {} has used up {} with this key already, so it has signed; nothing was imported",
                        chain.id,
                        shown(Some(some))
                    ))
                    .hint("name its state with `--state FILE` instead of `--never-signed`"));
                }
            },
        };
        Ok((place, current, watermark))
    }
}

fn paths(config: &Config) -> String {
    config
        .chains
        .iter()
        .filter_map(|chain| {
            Some(format!(
                "  {} ({})\n",
                chain.key.file()?.path.display(),
                chain.id
            ))
        })
        .collect()
}

/// Without `.` components.
fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}
