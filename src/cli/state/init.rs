//! `tmkms state init`: begins a watermark where there is none, or none that can be used.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, status};
use crate::cli::status::process_of;
use crate::cli::takeover::nearby::not_against_evidence;
use crate::cli::takeover::quiet;
use crate::config::{ChainConfig, Config};
use crate::consensus::{Height, Hrs};
use crate::gate::store::file::{FileStore, OpenError, StateFile, inspect};
use crate::gate::watermark::Watermark;
use crate::migrate::foreign::{self, ForeignError, LONGEST};
use crate::migrate::takeover::quiet::Quiet;
use crate::os::clock::{Clock, SystemClock};
use crate::os::files::bounded;
use crate::terminal::Terminal;

use super::chain::{WhichKey, unusable};
use super::height::{HeightSource, Sure};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state init -c tmkms.toml mychain-1 --never-signed\n  \
                        tmkms state init -c tmkms.toml cosmoshub-4 --height 21000000   (21000001 is the first to be signed)"
)]
pub(in crate::cli) struct Init {
    #[command(flatten)]
    config: ConfigFile,
    /// The chain id
    chain: String,
    #[command(flatten)]
    key: WhichKey,
    #[command(flatten)]
    from: InitFrom,
    /// Believe it although a state file nearby says more: the chain id again
    #[arg(long, value_name = "CHAIN")]
    insist: Option<String>,
    #[command(flatten)]
    sure: Sure,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct InitFrom {
    /// This key has never signed on this chain
    #[arg(long)]
    never_signed: bool,
    /// Nothing at or below this height will be signed; a state file that cannot be used is kept aside
    #[arg(long, value_name = "H", value_parser = clap::value_parser!(i64).range(1..))]
    height: Option<i64>,
}

/// What lies where the state is to begin.
enum Found {
    /// Nothing.
    Nothing,
    /// A file that `start` would not use, and the watermark in it, if there is one.
    Unusable(Option<Hrs>),
}

impl Init {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let config = self.config.load()?;
        let (chain, place) = self.key.of(&config, &self.chain)?;
        let chain = &chain;
        let height = self.from.height.and_then(Height::new);
        if height.is_none() && self.sure.yes_this_height {
            return Err(Failure::usage(
                "`--yes-this-height` is about the height of `--height`",
            ));
        }
        let found = look(&config, chain, &place, height)?;
        if let Some(height) = height {
            let known = found.known();
            if let Some(known) = known.filter(|known| *known > Hrs::end_of(height)) {
                return Err(Failure::new(format!(
                    "the state file {} has its watermark at {known}, which is above height {height}; nothing was changed",
                    place.path.display()
                ))
                .hint("a watermark is never lowered: look up the last height that this key signed, and say that"));
            }
            let known = known.map(|known| known.height);
            self.sure
                .of(height, HeightSource::Typed, known, &chain.id, terminal)?;
        }
        let watermark = match height {
            Some(height) => Watermark::UpTo(Hrs::end_of(height)),
            None => chain.unsigned(),
        };
        not_against_evidence(&config, chain, &place, &watermark, self.insist.as_deref())?;
        let own = Quiet::own(&config, chain, process_of(&config));
        quiet::tell_unseen(&own);
        quiet::check(&own)?;
        let now = SystemClock.now().wall;
        match found {
            Found::Nothing => FileStore::create(&place, &watermark, now),
            Found::Unusable(_) => {
                FileStore::pair_is_free(&place).map_err(|error| unusable(&config, error))?;
                let kept = keep_aside(&place.path).map_err(Failure::new)?;
                status("Kept", format!("the old file as {}", kept.display()));
                FileStore::replace_foreign(&place, &watermark, now)
            }
        }
        .map_err(|error| unusable(&config, error))?;
        let first = match height {
            Some(height) => format!("nothing at or below height {height} will be signed"),
            None => match chain.activation_height {
                Some(from) => format!(
                    "nothing below height {from} will be signed, from which on this key signs; be sure that it never signed on \
                     this chain"
                ),
                None => "the watermark is empty; be sure that this key never signed on this chain"
                    .to_owned(),
            },
        };
        status(
            "Created",
            format!("{} for chain {}: {first}", place.path.display(), chain.id),
        );
        if chain.etcd.is_some() {
            let share = chain.commands.line(["state", "share", chain.id.as_str()]);
            status("Next", format!("`{share}` puts it into etcd"));
        }
        Ok(())
    }
}

impl Found {
    fn known(&self) -> Option<Hrs> {
        match self {
            Self::Nothing => None,
            Self::Unusable(known) => *known,
        }
    }
}

/// A state that can be used is never begun again, and one that cannot be used is no proof that nothing was signed.
fn look(
    config: &Config,
    chain: &ChainConfig,
    place: &StateFile,
    height: Option<Height>,
) -> Result<Found, Failure> {
    let Err(error) = inspect(place) else {
        let id = chain.id.as_str();
        return Err(Failure::new(format!(
            "chain {id} has a state file {} already, and it is never overwritten",
            place.path.display()
        ))
        .hint(format!(
            "look at it with `{}`; use up more with `{}`",
            chain.commands.line(["state", "show", id]),
            chain.commands.line(["state", "raise", id, "--height", "H"])
        )));
    };
    let aside = |found| {
        match height {
        Some(_) => Ok(Found::Unusable(found)),
        None => Err(Failure::new(&error).hint(
            "`--never-signed` is not believed beside a state file: it says that something was signed, or may have",
        )),
    }
    };
    match &error {
        OpenError::Missing { .. } => Ok(Found::Nothing),
        OpenError::Copied { .. } => {
            let store = FileStore::open_copied(place).map_err(|error| unusable(config, error))?;
            aside(store.used_up().watermark().hrs())
        }
        OpenError::Foreign { .. } => {
            let bytes = bounded::read(&place.path, LONGEST).map_err(Failure::new)?;
            match foreign::read(&bytes, None, &place.chain_id, &place.public_key) {
                // Its signer says so, too.
                Err(ForeignError::NothingSigned) => Ok(Found::Unusable(None)),
                Err(
                    ForeignError::Empty
                    | ForeignError::NotJson(_)
                    | ForeignError::OtherKind(_)
                    | ForeignError::Field(_),
                ) => aside(None),
                // It says something, to somebody.
                Ok(_) | Err(_) => Err(Failure::new(&error)),
            }
        }
        _ if error.says_nothing() => aside(None),
        _ => Err(unusable(config, error)),
    }
}

/// Gives a file a second name beside it, which stays when the first one is taken.
fn keep_aside(path: &Path) -> Result<PathBuf, String> {
    let failed = |error| format!("{} cannot be kept aside: {error}", path.display());
    for number in 0..1_000 {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(match number {
            0 => ".before-init".to_owned(),
            _ => format!(".before-init-{number}"),
        });
        let kept = path.with_file_name(name);
        match std::fs::hard_link(path, &kept) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
            Ok(()) => return Ok(kept),
        }
    }
    Err(format!(
        "{} has a thousand files beside it that were kept aside; remove some",
        path.display()
    ))
}
