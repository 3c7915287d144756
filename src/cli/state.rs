//! `tmkms state`: the watermark of a chain, shown, begun and taken over. Nothing here ever lowers it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::config::{ChainConfig, Config};
use crate::consensus::{Height, Hrs};
use crate::gate::foreign::{self, Foreign, Format};
use crate::gate::store::file::{FileStore, Newest, OpenError, Place, newest};
use crate::gate::store::{Origin, Store};
use crate::gate::watermark::Watermark;
use crate::os::clock::{Clock, SystemClock};
use crate::terminal::{Console, Terminal};

use super::ConfigFile;
use super::report::{Failure, output, status};

/// The double-sign watermark.
#[derive(Subcommand)]
pub(super) enum State {
    /// Show what each chain has used up; safe beside a running service
    Show(Show),
    /// Begin the watermark of a chain that has none
    Init(Init),
    /// Take over the state file of another signer, or one of this program that was copied
    Import(Import),
}

#[derive(Args)]
pub(super) struct Show {
    #[command(flatten)]
    config: ConfigFile,
    /// Only this chain
    chain: Option<String>,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state init -c tmkms.toml mychain-1 --never-signed\n  \
                        tmkms state init -c tmkms.toml cosmoshub-4 --height 21000000   (21000001 is the first to be signed)"
)]
pub(super) struct Init {
    #[command(flatten)]
    config: ConfigFile,
    /// The chain id
    chain: String,
    #[command(flatten)]
    from: InitFrom,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct InitFrom {
    /// This key has never signed on this chain
    #[arg(long)]
    never_signed: bool,
    /// Everything up to and including this height is used up
    #[arg(long, value_name = "H", value_parser = clap::value_parser!(i64).range(1..))]
    height: Option<i64>,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state import -c tmkms.toml cosmoshub-4 old/priv_validator_state.json\n  \
                        tmkms state import -c tmkms.toml cosmoshub-4 state.json --from horcrux --yes"
)]
pub(super) struct Import {
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

impl State {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Show(command) => command.run(),
            Self::Init(command) => command.run(),
            Self::Import(command) => command.run(&mut Console),
        }
    }
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        if let Some(chain) = &self.chain {
            find(&config, chain)?;
        }
        let mut text = String::new();
        let mut unreadable = 0;
        for chain in &config.chains {
            if self
                .chain
                .as_ref()
                .is_some_and(|wanted| wanted != chain.id.as_str())
            {
                continue;
            }
            match describe(chain) {
                Ok(lines) => text.push_str(&lines),
                Err(why) => {
                    unreadable += 1;
                    text.push_str(&format!("{}: {why}\n", chain.id));
                }
            }
        }
        output(&text)?;
        match unreadable {
            0 => Ok(()),
            _ => Err(Failure::new(format!(
                "{unreadable} state file(s) cannot be read; see above"
            ))),
        }
    }
}

/// Reads without locks. A write that happens meanwhile shows as one bad half, so such a read is tried again.
fn describe(chain: &ChainConfig) -> Result<String, String> {
    let path = &chain.state_file;
    let mut found = None;
    for _ in 0..5 {
        let bytes = read_bounded(path)?;
        match newest(&bytes) {
            Newest::Good(entry, None) => {
                found = Some((entry, None));
                break;
            }
            Newest::Good(entry, damage) => found = Some((entry, damage)),
            Newest::Unreadable(..) | Newest::NotNeighbours(..) => {}
        }
    }
    let Some((entry, damage)) = found else {
        return Err(format!(
            "{} is no readable state file of this program; another signer's is taken over with \
             `tmkms state import {} {}`",
            path.display(),
            chain.id,
            path.display()
        ));
    };
    let record = &entry.record;
    let last = match &record.watermark {
        Watermark::Never => "nothing signed yet".to_owned(),
        Watermark::UpTo(hrs) => format!("used up to {hrs}"),
        Watermark::Message(last) => {
            let block = last
                .position()
                .block
                .map_or_else(|| "nil".to_owned(), |block| block.to_string());
            format!("last {} for {block}", last.position().hrs)
        }
    };
    let age = SystemClock
        .now()
        .wall
        .saturating_sub(record.written)
        .as_secs();
    let by = match record.origin {
        Origin::Operator => "set by hand",
        Origin::Request => "by a request",
    };
    let mut text = format!(
        "{}: {last} ({by}, {age} s ago)\n  file {}, key {:?} (address {})\n",
        entry.chain_id,
        path.display(),
        entry.public_key,
        entry.public_key.address()
    );
    if let Some(damage) = damage {
        text.push_str(&format!("  damaged: {damage}\n"));
    }
    Ok(text)
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(format!("{} is not a regular file", path.display()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(foreign::LONGEST)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

impl Init {
    fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let chain = find(&config, &self.chain)?;
        let place = place(chain)?;
        let watermark = match self.from.height.and_then(Height::new) {
            Some(height) => Watermark::UpTo(Hrs::end_of(height)),
            None => Watermark::Never,
        };
        if std::fs::symlink_metadata(&place.path).is_ok() {
            return Err(Failure::new(format!(
                "chain {} has a state file {} already, and it is never overwritten",
                chain.id,
                place.path.display()
            ))
            .hint(format!(
                "look at it with `tmkms state show {}`; if it is another signer's take it over with `tmkms state import {} {}`",
                chain.id, chain.id, place.path.display()
            )));
        }
        FileStore::create(&place, &watermark, SystemClock.now().wall).map_err(Failure::new)?;
        let first = match self.from.height {
            Some(height) => format!("height {height} and all below are used up"),
            None => {
                "nothing is used up; be sure that this key never signed on this chain".to_owned()
            }
        };
        status(
            "Created",
            format!("{} for chain {}: {first}", place.path.display(), chain.id),
        );
        Ok(())
    }
}

impl Import {
    fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
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

fn find<'a>(config: &'a Config, chain: &str) -> Result<&'a ChainConfig, Failure> {
    config
        .chains
        .iter()
        .find(|known| known.id.as_str() == chain)
        .ok_or_else(|| {
            let known: Vec<&str> = config
                .chains
                .iter()
                .map(|chain| chain.id.as_str())
                .collect();
            Failure::usage(format!(
                "there is no [[chain]] {chain} in the configuration"
            ))
            .hint(format!("configured are: {}", known.join(", ")))
        })
}

/// The state belongs to chain and key, so the key is opened for its public half.
fn place(chain: &ChainConfig) -> Result<Place, Failure> {
    let (signer, _) = chain.key.open().map_err(|error| {
        Failure::new(format!(
            "the key of chain {} cannot be opened: {error}",
            chain.id
        ))
    })?;
    Ok(Place {
        chain_id: chain.id.clone(),
        public_key: signer.public_key(),
        path: chain.state_file.clone(),
        allow_ephemeral: chain.allow_ephemeral_state,
    })
}
