//! What is written besides the key that is imported: another signer's state, or the beginning of one.

use std::path::Path;

use crate::cli::report::{Failure, output, status};
use crate::cli::takeover::shown::{explain, table};
use crate::config::{ChainConfig, Config};
use crate::consensus::PublicKey;
use crate::gate::store::file::StateFile;
use crate::gate::watermark::Watermark;
use crate::migrate::around::Around;
use crate::migrate::candidate::Candidate;
use crate::migrate::takeover::current::Current;
use crate::migrate::takeover::plan::{Plan, What};
use crate::migrate::takeover::quiet::Quiet;
use crate::migrate::takeover::take_over::{Settled, TakeOver};
use crate::migrate::watermarks::shown;

/// What is to be written besides the key.
pub(super) enum Todo {
    /// The state of another signer is taken over.
    TakeOver(Settled),
    /// It was taken over before.
    Nothing,
    /// The operator says where the watermark is.
    Begin(Vec<(StateFile, Current)>, Watermark),
}

impl Todo {
    /// Writes it. The error says for which chain that failed, and why.
    pub(super) fn carry_out(self) -> Result<(), (String, String)> {
        match self {
            Self::Nothing => {}
            Self::TakeOver(settled) => {
                for done in settled.apply() {
                    for warning in &done.warnings {
                        status("Careful", warning);
                    }
                    let shown = done.result.map_err(|why| (done.chain.clone(), why))?;
                    status(
                        "Imported",
                        format!("the state of chain {}: {shown}", done.chain),
                    );
                }
            }
            Self::Begin(fresh, watermark) => {
                for (place, current) in fresh {
                    let chain = place.chain_id.to_string();
                    current
                        .write(&place, &watermark)
                        .map_err(|why| (chain.clone(), why))?;
                    status(
                        "Created",
                        format!(
                            "{} for chain {chain}: {}",
                            place.path.display(),
                            shown(Some(&watermark))
                        ),
                    );
                }
            }
        }
        Ok(())
    }
}

/// Looks at the state that comes with the key.
///
/// # Errors
/// Why it cannot be taken over.
pub(super) fn take_over(
    config: &Config,
    chains: &[&ChainConfig],
    public_key: PublicKey,
    (file, around): (&Path, &Around<'_>),
    quiet: Quiet,
) -> Result<TakeOver, Failure> {
    let mut plans = Vec::new();
    for chain in chains {
        let candidate = Candidate {
            chain: chain.id.to_string(),
            states: vec![file.to_owned()],
            format: None,
            trouble: None,
        };
        let plan = Plan::new(
            config,
            candidate,
            Ok(chain.place(public_key.clone())),
            around,
        );
        if let What::Impossible(why) = &plan.what {
            return Err(Failure::new(why));
        }
        for read in plan.old_states() {
            status("Read", read.told_with_format());
        }
        plans.push(plan);
    }
    let taking = TakeOver { plans, quiet };
    output(&table(&taking))?;
    explain(&taking);
    Ok(taking)
}
