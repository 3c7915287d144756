//! What `state share`, `join` and `leave` have in common: the key in etcd, the local file, and the question.

use clap::Args;

use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, status};
use crate::config::{ChainConfig, Config};
use crate::consensus::PublicKey;
use crate::gate::store::Store;
use crate::gate::store::etcd::{
    KeyState, LatchMessage, Membership, MembershipError, PATIENCE, SharedKey, SharedKeyError,
    SharedValue, host_id, shared_value,
};
use crate::gate::store::file::{FileStore, OpenError, StateFile};
use crate::gate::watermark::Watermark;
use crate::migrate::watermarks::{higher, shown};
use crate::os::clock::{Clock, SystemClock};
use crate::os::host_name::host_name;
use crate::terminal::Terminal;

use super::chain::{WhichKey, unusable};
use super::height::{HeightSource, Sure};

/// The chain, and whether to ask.
#[derive(Args)]
pub(super) struct Target {
    #[command(flatten)]
    config: ConfigFile,
    /// The chain id
    chain: String,
    #[command(flatten)]
    key: WhichKey,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// A shared chain as it is before the command.
pub(super) struct Looked {
    pub chain: ChainConfig,
    pub place: StateFile,
    pub key: SharedKey,
    pub found: KeyState,
    pub value: Option<SharedValue>,
}

impl Target {
    pub fn load(&self) -> Result<Config, Failure> {
        self.config.load()
    }

    /// The chain with the key that is meant, and the place of its state.
    pub fn chain(&self, config: &Config) -> Result<(ChainConfig, StateFile), Failure> {
        self.key.of(config, &self.chain)
    }

    /// Reads the key. The chain must say `store = "etcd"`.
    pub fn look(&self, config: &Config) -> Result<Looked, Failure> {
        let (chain, place) = self.chain(config)?;
        let Some(settings) = &chain.etcd else {
            return Err(Failure::usage(format!(
                "chain {} keeps its watermark in its state file only",
                chain.id
            ))
            .hint(format!(
                "write `store = \"etcd\"` into its [[chain]] of {}, and an [etcd] section; docs/two-hosts.md has all steps",
                config.name
            )));
        };
        let mut key =
            SharedKey::connect(settings, &chain.id, &place.public_key).map_err(Failure::new)?;
        let found = key.read(PATIENCE).map_err(|error| match error {
            SharedKeyError::Latched(_) => failed(&chain, &key, error.into()),
            SharedKeyError::Undecided { .. } => Failure::new(error).hint(
                "nothing was changed: look at the members, and repeat the command once they answer",
            ),
        })?;
        let value =
            shared_value(&key, &found).map_err(|error| failed(&chain, &key, error.into()))?;
        Ok(Looked {
            chain,
            place,
            key,
            found,
            value,
        })
    }

    /// Asks, where there is somebody to ask.
    pub fn confirm(&self, terminal: &mut dyn Terminal, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !terminal.is_interactive() {
            return Err(
                Failure::new("nothing was changed: there is no terminal to ask on").hint(format!(
                    "the question is: {question} Repeat the command with `--yes` if the answer is yes"
                )),
            );
        }
        let sure = terminal
            .confirm(question)
            .map_err(|error| Failure::new(format!("the terminal cannot be read: {error}")))?;
        match sure {
            true => Ok(()),
            false => Err(Failure::new("nothing was changed")),
        }
    }
}

impl Looked {
    /// Opens the local file with its locks.
    pub fn open(&self, config: &Config) -> Result<FileStore, Failure> {
        FileStore::open(&self.place).map_err(|error| unusable(config, error))
    }

    /// As [`Looked::open`]; where there is no file, one that holds nothing more than the key does.
    pub fn open_or_create(&self, config: &Config) -> Result<FileStore, Failure> {
        // A file that was copied or restored is no worse here: etcd says what was signed since.
        match FileStore::open_copied(&self.place) {
            Err(OpenError::Missing { .. }) => {
                let watermark = self.shared_watermark().unwrap_or(&Watermark::Never);
                FileStore::create(&self.place, watermark, SystemClock.now().wall)
                    .map_err(|error| unusable(config, error))?;
                self.open(config)
            }
            // Somebody else goes on from it.
            Ok(file) if file.record().origin.is_given_away() => {
                drop(file);
                self.open(config)
            }
            other => other.map_err(|error| unusable(config, error)),
        }
    }

    /// The watermark that the key holds.
    pub fn shared_watermark(&self) -> Option<&Watermark> {
        self.value.as_ref().map(|value| &value.record.watermark)
    }

    /// The higher of what the key says and what this host knows.
    pub fn target(&self, file: &FileStore) -> Watermark {
        higher(self.shared_watermark(), file.used_up().watermark())
    }

    /// Whoever knows less takes over the height of who knows more, for good: it must be plausible.
    ///
    /// # Errors
    /// It is not, and nobody said that it is right.
    pub fn sure(
        &self,
        sure: Sure,
        local: Option<&Watermark>,
        terminal: &mut dyn Terminal,
    ) -> Result<(), Failure> {
        let Some(value) = &self.value else {
            return Ok(());
        };
        let height = |watermark: &Watermark| watermark.hrs().map(|hrs| hrs.height);
        let (here, there) = (local.and_then(height), height(&value.record.watermark));
        let (higher, source, lower) = match (here, there) {
            (Some(here), there) if there.is_none_or(|there| there < here) => {
                // What the key itself has signed is known.
                let key = &self.place.public_key;
                let signed = local.is_some_and(|local| local.is_signed_by(key));
                let known = if signed { Some(here) } else { there };
                (here, HeightSource::File(&self.place.path), known)
            }
            (here, Some(there)) if here.is_none_or(|here| here < there) => {
                let source = HeightSource::Etcd {
                    key: self.key.name(),
                    host: &value.host.name,
                };
                (there, source, here)
            }
            _ => return Ok(()),
        };
        sure.of(higher, source, lower, &self.chain.id, terminal)
    }

    /// Says what etcd and this host know.
    pub fn tell(&self, local: Option<&Watermark>) {
        let writer = self.value.as_ref().map_or_else(String::new, |value| {
            format!(", written last by host {}", value.host.name)
        });
        status(
            "etcd",
            format!(
                "cluster {:x}: {}{writer}",
                self.found.header.cluster_id,
                shown(self.shared_watermark())
            ),
        );
        status(
            "Here",
            format!("{}: {}", self.place.path.display(), shown(local)),
        );
    }

    /// Does it.
    pub fn change<T>(
        &mut self,
        file: &mut FileStore,
        change: impl FnOnce(&mut Membership<'_>, &KeyState) -> Result<T, MembershipError>,
    ) -> Result<T, Failure> {
        let id =
            host_id(file).map_err(|error| Failure::new(format!("no random numbers: {error}")))?;
        let mut membership = Membership {
            key: &mut self.key,
            file,
            host: crate::gate::store::etcd::Host {
                id,
                name: host_name(),
            },
            now: SystemClock.now().wall,
        };
        let changed = change(&mut membership, &self.found);
        // Without its mark a change of owner or mode needs `state join` again, and no more than that.
        let _ = file.close();
        changed.map_err(|error| failed(&self.chain, &self.key, error))
    }
}

/// A failure with what to do about it.
pub(super) fn failed(chain: &ChainConfig, key: &SharedKey, error: MembershipError) -> Failure {
    let line = |word: &str| {
        chain
            .commands
            .line(["state", word, chain.id.as_str()])
            .to_string()
    };
    match error {
        MembershipError::Key(SharedKeyError::Latched(latch)) => Failure::new(LatchMessage {
            latch: &latch,
            chain: &chain.id,
            key: key.name(),
            commands: &chain.commands,
        }),
        MembershipError::Key(error @ SharedKeyError::Undecided { .. }) => Failure::new(error).hint(
            "nobody knows whether it was done: look at the members, and repeat the command once they answer",
        ),
        MembershipError::File(error) => Failure::new(error),
        error @ MembershipError::AlreadyShared(_) => {
            Failure::new(error).hint(format!("to take part run `{}`", line("join")))
        }
        error @ MembershipError::NotShared => Failure::new(error).hint(format!(
            "on the host that signs for it now run `{}`",
            line("share")
        )),
        error @ MembershipError::Overtaken(_) => {
            Failure::new(error).hint("nothing was changed; repeat the command")
        }
    }
}

/// Why a shared chain is not taken over or handed over.
pub(in crate::cli) fn still_shared(chain: &ChainConfig) -> Failure {
    Failure::new(format!(
        "the watermark of chain {} is shared with other hosts, which go on signing",
        chain.id
    ))
    .hint(format!(
        "end the sharing with `{}`, then repeat the command",
        chain.commands.line(["state", "leave", chain.id.as_str()])
    ))
}

/// What the key says, for `state show`; or why it is not known.
pub(super) fn shown_in_etcd(chain: &ChainConfig, public_key: &PublicKey) -> Option<String> {
    let settings = chain.etcd.as_ref()?;
    let looked = SharedKey::connect(settings, &chain.id, public_key)
        .map_err(|error| error.to_string())
        .and_then(|mut key| {
            let found = key.read(PATIENCE).map_err(|error| error.to_string())?;
            let value = shared_value(&key, &found).map_err(|error| match error {
                SharedKeyError::Latched(latch) => LatchMessage {
                    latch: &latch,
                    chain: &chain.id,
                    key: key.name(),
                    commands: &chain.commands,
                }
                .to_string(),
                other => other.to_string(),
            })?;
            Ok((found, value))
        });
    Some(match looked {
        Err(why) => format!("not known: {why}"),
        Ok((_, None)) => format!(
            "not shared yet; `{}` does that",
            chain.commands.line(["state", "share", chain.id.as_str()])
        ),
        Ok((found, Some(value))) => {
            let age = SystemClock.now().wall.saturating_sub(value.record.written);
            let sealed = match value.sealed {
                true => "; that host ended the sharing",
                false => "",
            };
            format!(
                "{} (by host {}, {} s ago{sealed}), cluster {:x}, revision {}",
                shown(Some(&value.record.watermark)),
                value.host.name,
                age.as_secs(),
                found.header.cluster_id,
                found.header.revision
            )
        }
    })
}
