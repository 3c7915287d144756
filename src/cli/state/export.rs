//! `tmkms state export`: the way back to another signer.

use std::path::{Path, PathBuf};

use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, output, status};
use crate::config::Config;
use crate::consensus::ChainId;
use crate::gate::store::file::{OpenError, StateFile};
use crate::migrate::export::{self, ExportFormat, Exported};
use crate::remedy::Commands;
use crate::terminal::Terminal;
use clap::{Args, ValueEnum};

use super::chain::{WhichKey, unusable};
use super::shared::still_shared;

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
    #[command(flatten)]
    key: WhichKey,
    /// Whose format
    #[arg(long, value_enum)]
    format: To,
    /// The file to make; never overwritten. Standard output when left out
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Seal the state as handed over: this program signs no more for the chain. On a terminal it is asked for
    #[arg(long)]
    retire: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    /// CometBFT's own file signer, and cosmos/kms
    Cometbft,
    /// The older tmkms
    Tmkms,
    /// horcrux
    Horcrux,
}

impl To {
    fn as_str(self) -> &'static str {
        match self {
            To::Cometbft => "cometbft",
            To::Tmkms => "tmkms",
            To::Horcrux => "horcrux",
        }
    }

    fn format(self) -> ExportFormat {
        match self {
            To::Cometbft => ExportFormat::Cometbft,
            To::Tmkms => ExportFormat::Tmkms,
            To::Horcrux => ExportFormat::Horcrux,
        }
    }
}

impl Export {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let config = self.config.load()?;
        let (chain, place) = self.key.of(&config, &self.chain)?;
        let chain = &chain;
        self.not_onto_a_state(&config)?;
        self.not_of_one_member(&place)?;
        // Locked, so that no service signs above what is written here.
        let state = Exported::open(&place).map_err(|error| refused(&config, error))?;
        if state.store.seen().is_some() {
            return Err(still_shared(chain));
        }
        let text = export::text(state.store.used_up().watermark(), self.format.format());
        let sealed = state.sealed;
        let retire = !sealed && self.retires(terminal, &chain.id)?;
        if retire {
            // Before the other signer can begin.
            state.seal().map_err(Failure::new)?;
            let told = format!("chain {}: this program signs no more for it", chain.id);
            status("Sealed", told);
        } else {
            drop(state);
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
                    "chain {}: this program can still sign for it; before the other signer starts run `{}`; two signers \
                     with one key will double-sign",
                    chain.id,
                    chain.commands.line(words)
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
        match export::own_state(config, path) {
            Some(chain) => Err(Failure::new(format!(
                "nothing was written: {} is the state of chain {} that this program itself goes on from",
                path.display(),
                chain.id
            ))
            .hint("name another file with `-o`, where the other signer looks for its state; leave this one where it is")),
            None => Ok(()),
        }
    }

    /// Members that were not asked stand lower than the key: whoever goes on with the whole key goes on from the highest of all.
    /// horcrux goes on as members, each from its own.
    fn not_of_one_member(&self, place: &StateFile) -> Result<(), Failure> {
        let (Some(share), To::Cometbft | To::Tmkms) = (place.share, self.format) else {
            return Ok(());
        };
        // For the hosts of the others, and for a home that is not this one.
        let (chain, commands) = (&place.chain_id, Commands::of_any_config());
        Err(Failure::new(format!(
            "nothing was written: the state of chain {chain} here is that of share {share} of its key, and other members may have \
             signed more"
        ))
        .hint(format!(
            "stop all members for good, look at `{}` on each of them, and begin the state of the signer with the whole key at the \
             highest height, H; if that is this program, in a home of its own, with `{}`, where PATH is the tmkms.toml there",
            commands.line(["state", "show", chain.as_str()]),
            commands.init_height(chain)
        )))
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

/// Makes the file.
fn write_to(path: &Path, text: &str, sealed: bool) -> Result<(), Failure> {
    export::write(path, text).map_err(|error| {
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

/// Why the state cannot be written out.
fn refused(config: &Config, error: OpenError) -> Failure {
    match error.is_locked() {
        true => unusable(config, error).hint(
            "stop the service for good (with systemd: disable it, too) and repeat the command; do not start it again: the \
             other signer goes on from here",
        ),
        false => unusable(config, error),
    }
}
