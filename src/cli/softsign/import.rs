//! `tmkms softsign import`: key and state together, because a key without its state is a double sign in waiting.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::Args;

use super::key_files::{paths, plain};
use super::new_file;
use super::public_half::show;
use super::source_key::{Form, SourceKey};
use super::there;
use super::todo::{self, Todo};
use super::typed_passphrase::{PassphraseFrom, of_source_to_encrypt, quietly_harden};
use crate::backends::softsign::key::SoftKey;
use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, status};
use crate::cli::state::chain::unusable;
use crate::cli::state::height::HeightSource;
use crate::cli::status::process_of;
use crate::cli::takeover::consent::Consent;
use crate::cli::takeover::settle::settle;
use crate::cli::takeover::shown::refused;
use crate::cli::takeover::{node_key, quiet};
use crate::cli::typed::key_word::KeyWord;
use crate::config::{self, ChainConfig, Config};
use crate::consensus::{Height, Hrs, PublicKey};
use crate::gate::store::file::{StateFile, inspect};
use crate::gate::watermark::Watermark;
use crate::migrate::around::Around;
use crate::migrate::evidence::{Evidence, Nearby};
use crate::migrate::node_key::holds;
use crate::migrate::takeover::current::Current;
use crate::migrate::takeover::quiet::Quiet;
use crate::migrate::watermarks::shown;
use crate::os::files::paths::{absolute, same_file};
use crate::remedy::{CommandLine, Commands};
use crate::secret_file;
use crate::terminal::Terminal;

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
    /// The type of the key; told by the configuration when left out
    #[arg(short = 't', long = "type", value_enum)]
    kind: Option<KeyWord>,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// The old signer's state file; it becomes the state of the chain
    #[arg(long, value_name = "FILE", conflicts_with = "never_signed")]
    state: Option<PathBuf>,
    /// This key has never signed on the chains that it is configured for
    #[arg(long)]
    never_signed: bool,
    /// Nothing at or below this height will be signed; where there is no state file
    #[arg(long, value_name = "H", conflicts_with_all = ["state", "never_signed"], value_parser = clap::value_parser!(i64).range(1..))]
    height: Option<i64>,
    /// The chain, where OUT is the key of several
    #[arg(long, value_name = "ID")]
    chain: Option<String>,
    #[command(flatten)]
    consent: Consent,
    /// The key file to read
    #[arg(value_name = "IN")]
    from: PathBuf,
    /// The key file to make; never overwritten, and kept where it holds this very key already
    #[arg(value_name = "OUT")]
    to: PathBuf,
}

impl Import {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let Some(from) = self.source() else {
            return Err(self.neither());
        };
        quietly_harden();
        let config = self.config.load()?;
        let chains = self.chains(&config)?;
        let chain = chains.first().copied();
        let key = self.read(chain, terminal)?;
        let public = key.public_key();
        let passphrase =
            chain.and_then(|chain| chain.key.traits().file.as_ref()?.passphrase.as_ref());
        let passphrase = passphrase.map(of_source_to_encrypt).transpose()?;
        let there = there::is_in(&self.to, &public, public.key_type(), passphrase.as_ref())?;
        // All that can be refused is refused before anything is made.
        let homes = [Some(self.from.as_path()), self.state.as_deref()];
        let service = process_of(&config);
        let homes = Quiet::of(service, homes.into_iter().flatten());
        let todo = match from {
            From::State(file) => {
                let around = Around {
                    keys: &[&self.from],
                    node: None,
                    others: &[],
                    insist: &self.consent.insist,
                    service,
                    takes_back: false,
                    command: &|place, found| self.instead(place, found),
                };
                let taking =
                    todo::take_over(&config, &chains, public.clone(), (file, &around), homes)?;
                if taking.has_work() {
                    Todo::TakeOver(settle(taking, &self.consent, None, terminal)?)
                } else {
                    quiet::check(&taking.quiet)?;
                    Todo::Nothing
                }
            }
            From::Said(watermark) => {
                // A key that takes over at a height is of one chain.
                let watermark = match (watermark, chains.as_slice()) {
                    (Watermark::Never, [only]) => only.unsigned(),
                    (said, _) => said,
                };
                quiet::tell_unseen(&homes);
                quiet::check(&homes)?;
                let mut fresh = Vec::new();
                for chain in &chains {
                    let begun =
                        self.begin(&config, chain, public.clone(), &watermark, there, terminal)?;
                    fresh.extend(begun);
                }
                Todo::Begin(fresh, watermark)
            }
        };
        let to = self.to.display();
        if !there {
            let text = match &passphrase {
                Some(passphrase) => new_file::encrypted(&key, passphrase)?,
                None => key.to_file().map_err(Failure::new)?,
            };
            secret_file::create(&self.to, &text).map_err(Failure::new)?;
        }
        if let Err((chain, why)) = todo.carry_out() {
            if there {
                return Err(Failure::new(format!(
                    "the state of chain {chain} could not be written: {why}"
                )));
            }
            let _ = std::fs::remove_file(&self.to);
            return Err(Failure::new(format!(
                "the state of chain {chain} could not be written, so {to} was removed again: {why}"
            )));
        }
        match there {
            true => status("Kept", format!("{to}, which holds this very key already")),
            false => status("Imported", format!("{} key into {to}", public.key_type())),
        }
        show(&public)?;
        match holds(&self.from, &public) {
            true => node_key::settle(&self.from, &public, &config, &self.consent, terminal),
            // It is not to be taken away from itself.
            false if same_file(&self.from, &self.to) => Ok(()),
            false => {
                status(
                    "Next",
                    format!(
                        "take {} away from the old signer, so that it can never sign again",
                        self.from.display()
                    ),
                );
                Ok(())
            }
        }
    }

    fn source(&self) -> Option<From<'_>> {
        match &self.state {
            Some(file) => Some(From::State(file)),
            None => match self.height.and_then(Height::new) {
                Some(height) => Some(From::Said(Watermark::UpTo(Hrs::end_of(height)))),
                None => self.never_signed.then_some(From::Said(Watermark::Never)),
            },
        }
    }

    /// The whole command line to type.
    fn neither(&self) -> Failure {
        let shown = |path: &Path| absolute(path).to_string_lossy().into_owned();
        let beside = self
            .from
            .parent()
            .and_then(Path::parent)
            .map(|home| home.join("data/priv_validator_state.json"))
            .filter(|path| path.is_file());
        let state = beside.map_or_else(|| "STATE".to_owned(), |path| shown(&path));
        let commands = config::commands(&self.config.config);
        let command = |how: &[&str]| {
            let mut words = vec!["softsign", "import"];
            if let Some(form) = self.format {
                words.extend(["-f", form.name()]);
            }
            words.extend(how);
            let (from, to) = (shown(&self.from), shown(&self.to));
            words.extend([&*from, &*to]);
            commands.line(words)
        };
        Failure::usage(
            "nothing was imported: a key without what it has signed is a double sign in waiting",
        )
        .hint(format!(
            "bring its state along with `{}`, or, if this key has never signed, use `{}`",
            command(&["--state", &state]),
            command(&["--never-signed"])
        ))
    }

    /// The command that imports this key with what was found nearby.
    fn instead(&self, place: &StateFile, found: &Evidence) -> CommandLine {
        let height = found.said.height.to_string();
        let how: [&OsStr; 2] = match found.in_key {
            true => [OsStr::new("--height"), OsStr::new(&height)],
            false => [OsStr::new("--state"), found.path.as_os_str()],
        };
        let [from, to] = [&self.from, &self.to].map(|path| absolute(path));
        let words = [OsStr::new("softsign"), OsStr::new("import")];
        let files = [from.as_os_str(), to.as_os_str()];
        place
            .commands
            .line(words.into_iter().chain(how).chain(files))
    }

    /// The chains of which OUT is the key.
    fn chains<'a>(&self, config: &'a Config) -> Result<Vec<&'a ChainConfig>, Failure> {
        let out = absolute(&self.to);
        let of_out = |chain: &&ChainConfig| {
            chain.key.traits().file.as_ref().is_some_and(|file| {
                // A share is no place for a key.
                !file.share
                    && std::path::absolute(&file.path).is_ok_and(|path| plain(&path) == plain(&out))
            })
        };
        let found: Vec<&ChainConfig> = config
            .keys()
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
            .hint(format!(
                "say which with `--chain ID`, and import the others' with `{}`",
                config.commands.import("CHAIN", Path::new("FILE"))
            ))),
            _ => Ok(found),
        }
    }

    fn read(
        &self,
        chain: Option<&ChainConfig>,
        terminal: &mut dyn Terminal,
    ) -> Result<SoftKey, Failure> {
        let file = chain.and_then(|chain| chain.key.traits().file.as_ref());
        let other = file.and_then(|file| match (file.json, file.pem) {
            (true, _) => Some("json"),
            (_, true) => Some("pem"),
            _ => None,
        });
        if let Some(other) = other {
            return Err(Failure::usage(format!(
                "{} is configured with `key_format = \"{other}\"`, and base64 would be written there",
                self.to.display()
            ))
            .hint(format!(
                "remove that line from its [[providers.softsign]], or copy the file yourself and import its state with `{}`",
                chain.map_or_else(
                    || Commands::of_any_config().import("CHAIN", Path::new("FILE")),
                    |chain| chain.commands.import(&chain.id, Path::new("FILE"))
                )
            )));
        }
        let configured = file.map(|file| file.key_type);
        let source = SourceKey {
            path: &self.from,
            form: self.format,
            kind: self.kind.map(KeyWord::key_type).or(configured),
            verb: "imported",
        };
        let bytes = source.bytes()?.bytes;
        source.read(&bytes, &self.passphrase, terminal)
    }

    /// A chain whose watermark the operator says. `None` where key and state are there already, and say as much or more.
    fn begin(
        &self,
        config: &Config,
        chain: &ChainConfig,
        public_key: PublicKey,
        watermark: &Watermark,
        there: bool,
        terminal: &mut dyn Terminal,
    ) -> Result<Option<(StateFile, Current)>, Failure> {
        let place = chain.place(public_key);
        if there && let Some(at) = said_already(&place, watermark) {
            let path = place.path.display();
            status("Kept", format!("{path} of chain {}: {at}", chain.id));
            return Ok(None);
        }
        let current = Current::look_to_begin(&place).map_err(|error| unusable(config, error))?;
        if let Some(hrs) = watermark.hrs() {
            let sure = self.consent.sure;
            sure.of(hrs.height, HeightSource::Typed, None, &chain.id, terminal)?;
        }
        if let some @ (Some(Watermark::UpTo(_)) | Some(Watermark::Message(_))) = current.watermark()
        {
            return Err(Failure::new(format!(
                "the watermark of chain {} with this key is already at {}, so it has signed; nothing was imported",
                chain.id,
                shown(some)
            ))
            .hint("name its state with `--state FILE` instead of `--never-signed`"));
        }
        let insisted = self
            .consent
            .insist
            .iter()
            .any(|chain_id| chain_id == chain.id.as_str());
        let nearby = Nearby {
            chain,
            place: &place,
            keys: &[&self.from],
            taken: &[],
            config,
            others: &[],
        };
        if let Some(found) = nearby.against(Some(watermark))
            && !insisted
        {
            return Err(refused(&found, &place, &self.instead(&place, &found)));
        }
        Ok(Some((place, current)))
    }
}

/// What the state of this chain and key says, where it is sound and at `watermark` or above. Takes no lock: the service may
/// hold it.
fn said_already(place: &StateFile, watermark: &Watermark) -> Option<String> {
    let found = inspect(place).ok()?;
    let used_up = found.used_up();
    let there = used_up.watermark();
    (found.damage.is_none() && there.hrs() >= watermark.hrs()).then(|| shown(Some(there)))
}

/// Where the new state comes from.
enum From<'a> {
    State(&'a Path),
    Said(Watermark),
}
