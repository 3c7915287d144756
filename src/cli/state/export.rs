//! `tmkms state export`: the way back to another signer.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use subtle_encoding::hex;

use crate::cli::init::write_new;
use crate::config::{ChainConfig, Config};
use crate::consensus::{BlockId, ChainId};
use crate::gate::store::Origin;
use crate::gate::store::file::{FileStore, OpenError, StateFile};
use crate::gate::watermark::Watermark;
use crate::os::clock::{Clock, SystemClock};
use crate::os::files::replace::{Flush, Readers, replace};
use crate::terminal::Terminal;

use super::shared::still_shared;
use super::takeover::plan::is_tombstone;
use super::takeover::same_file;
use super::{ConfigFile, Failure, find, output, place, status, unusable};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state export cosmoshub-4 --format cometbft -o ~/.gaia/data/priv_validator_state.json\n  \
                  tmkms state export cosmoshub-4 --format tmkms > old-state.json"
)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    config: ConfigFile,
    /// The chain id
    chain: String,
    /// Whose format
    #[arg(long, value_enum)]
    format: As,
    /// The file to make; never overwritten. Standard output when left out
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Seal the state as handed over: this program signs no more for the chain. On a terminal it is asked for
    #[arg(long)]
    retire: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum As {
    /// CometBFT's own file signer, and cosmos/kms
    Cometbft,
    /// The older tmkms
    Tmkms,
    /// horcrux
    Horcrux,
}

impl As {
    fn as_str(self) -> &'static str {
        match self {
            As::Cometbft => "cometbft",
            As::Tmkms => "tmkms",
            As::Horcrux => "horcrux",
        }
    }
}

impl Export {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let config = self.config.load()?;
        let chain = find(&config, &self.chain)?;
        self.not_onto_a_state(&config)?;
        // Locked, so that no service signs above what is written here.
        let (store, sealed) = open(&config, &place(chain)?)?;
        if store.seen().is_some() {
            return Err(still_shared(chain));
        }
        let used_up = store.used_up();
        let text = format!("{:#}\n", write(used_up.watermark(), self.format));
        let retire = !sealed && self.retires(terminal, &chain.id)?;
        if retire {
            // Before the other signer can begin.
            let now = SystemClock.now().wall;
            store
                .set(used_up.watermark(), Origin::HandedOver, now)
                .map_err(Failure::new)?;
            let told = format!("chain {}: this program signs no more for it", chain.id);
            status("Sealed", told);
        } else {
            drop(store);
        }
        match &self.output {
            None => output(&text)?,
            Some(path) => {
                write_to(path, &text, sealed || retire)?;
                status("Wrote", path.display());
            }
        }
        if !sealed && !retire {
            let words = [
                "state",
                "export",
                chain.id.as_str(),
                "--format",
                self.format.as_str(),
                "--retire",
            ];
            status(
                "Careful",
                format!(
                    "chain {}: this program can still sign for it; before the other signer starts run `{}`; two signers for \
                     one key are a double sign in waiting",
                    chain.id,
                    config.commands.line(words)
                ),
            );
        }
        Ok(())
    }

    /// Nobody is to be told to move one of our own states away.
    fn not_onto_a_state(&self, config: &Config) -> Result<(), Failure> {
        let Some(path) = &self.output else {
            return Ok(());
        };
        let is_there = |chain: &&ChainConfig| same_file(path, &chain.state_file);
        match config.chains.iter().find(is_there) {
            Some(chain) => Err(Failure::new(format!(
                "nothing was written: {} is the state of chain {} that this program itself goes on from",
                path.display(),
                chain.id
            ))
            .hint("name another file with `-o`, where the other signer looks for its state; leave this one where it is")),
            None => Ok(()),
        }
    }

    fn retires(&self, terminal: &mut dyn Terminal, chain: &ChainId) -> Result<bool, Failure> {
        if self.retire || !terminal.is_interactive() {
            return Ok(self.retire);
        }
        let question = format!(
            "Seal the state of chain {chain}, so that this program signs no more for it? [Y/n]"
        );
        let answer = terminal
            .ask(&question)
            .map_err(|error| Failure::new(format!("the terminal cannot be read: {error}")))?;
        let answer = answer.map(|answer| answer.trim().to_ascii_lowercase());
        match answer.as_deref() {
            None => Err(Failure::new("nothing was changed")),
            Some("n" | "no") => Ok(false),
            Some(_) => Ok(true),
        }
    }
}

/// Makes the file. What a take-over left in the place of the other signer's state is replaced, nothing else.
fn write_to(path: &Path, text: &str, sealed: bool) -> Result<(), Failure> {
    let done = match is_tombstone(path) {
        true => replace(path, text.as_bytes(), Readers::Owner, Flush::Durable),
        false => write_new(path, text),
    };
    done.map_err(|error| {
        let so_far = match sealed {
            true => "; the chain is sealed as handed over, and the command can be repeated",
            false => "",
        };
        Failure::new(format!(
            "{} cannot be made: {error}{so_far}",
            path.display()
        ))
        .hint("an old file there is never overwritten: move it away, if it is not above this one")
    })
}

/// The state, and whether it was handed over before: then it can be written out again.
fn open(config: &Config, place: &StateFile) -> Result<(FileStore, bool), Failure> {
    match FileStore::open(place) {
        Ok(store) => Ok((store, false)),
        Err(OpenError::HandedOver { .. }) => FileStore::open_copied(place)
            .map(|store| (store, true))
            .map_err(|error| unusable(config, error)),
        Err(error) if error.is_locked() => Err(unusable(config, error).hint(
            "stop the service for good (with systemd: disable it, too) and repeat the command; do not start it again: the \
             other signer goes on from here",
        )),
        Err(error) => Err(unusable(config, error)),
    }
}

/// The position alone. The signature of the last message is in no file of this program, and bytes without it end
/// CometBFT's signer with a panic; without both it refuses that position, which is what is wanted.
fn write(watermark: &Watermark, format: As) -> Value {
    let (height, round, step) = watermark.hrs().map_or((0, 0, 0), |hrs| {
        (hrs.height.get(), hrs.round.get(), hrs.step.number())
    });
    match format {
        As::Cometbft => json!({
            "height": height.to_string(),
            "round": round,
            "step": step,
        }),
        As::Horcrux => json!({
            "height": height.to_string(),
            "round": round.to_string(),
            "step": step,
            "nonce_public": null,
            "signature": null,
        }),
        As::Tmkms => json!({
            "height": height.to_string(),
            "round": round.to_string(),
            // Counted from 0 there.
            "step": step.saturating_sub(1),
            "block_id": match watermark {
                Watermark::Message(last) => last.position().block.as_ref().map_or(Value::Null, block),
                Watermark::Never | Watermark::UpTo(_) => Value::Null,
            },
        }),
    }
}

fn block(id: &BlockId) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(hex::encode_upper(bytes)).unwrap_or_default();
    json!({
        "hash": text(&id.hash),
        "parts": { "total": id.parts.total, "hash": text(&id.parts.hash) },
    })
}
