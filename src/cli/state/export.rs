//! `tmkms state export`: the way back to another signer.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use subtle_encoding::hex;

use crate::cli::init::write_new;
use crate::consensus::BlockId;
use crate::gate::store::file::FileStore;
use crate::gate::watermark::Watermark;

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

impl Export {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let chain = find(&config, &self.chain)?;
        // Locked, so that no service signs above what is written here.
        let store = FileStore::open(&place(chain)?).map_err(|error| unusable(&config, error))?;
        let text = format!("{:#}\n", write(store.used_up().watermark(), self.format));
        match &self.output {
            None => output(&text)?,
            Some(path) => {
                write_new(path, &text).map_err(|error| {
                    Failure::new(format!("{} cannot be made: {error}", path.display())).hint(
                        "an old file there is never overwritten: move it away, if it is not above this one",
                    )
                })?;
                status("Wrote", path.display());
            }
        }
        status(
            "Careful",
            format!(
                "chain {}: stop this program for good before the other signer starts; two signers for one key are a \
                 double sign in waiting",
                chain.id
            ),
        );
        Ok(())
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
