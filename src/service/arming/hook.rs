//! `state_hook`: the operator's program says how high the chain is, and nothing is signed up to there.

use serde::Deserialize;
use tracing::info;

use crate::config::{ChainConfig, StateHook};
use crate::consensus::Height;
use crate::gate::heights::plausible::Claim;
use crate::gate::word::floor::{Floor, FloorHeight, FloorSource};
use crate::os::files::strangers::{self, Exposed, Who};
use crate::os::process::run::{RunError, run};
use crate::text::excerpt::Excerpt;

/// Why a program did not say how high the chain is.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// Anybody could have put another program there.
    #[error("it is not run: {0}")]
    Exposed(Exposed),
    /// It gave no output.
    #[error(transparent)]
    Run(#[from] RunError),
    /// What it printed is something else.
    #[error("it printed {0}, which is not {{\"latest_block_height\": \"HEIGHT\"}}")]
    NoHeight(Excerpt),
    /// There can hardly be no block.
    #[error("it says that the chain has no block, and the watermark is at {0}")]
    NoBlock(Height),
    /// The chain can hardly be there.
    #[error("it says height {height}, which is too far above the watermark{}", at(.known))]
    Implausible {
        /// What it says.
        height: Height,
        /// The height of the watermark.
        known: Option<Height>,
    },
}

fn at(known: &Option<Height>) -> String {
    known.map_or_else(String::new, |known| format!(" at {known}"))
}

/// Asks the hook of a chain that is about to be armed, if it has one; the text is a warning. `known` is the height of the
/// watermark.
///
/// # Errors
/// Why the chain is not armed.
pub(super) fn heed(
    config: &ChainConfig,
    floor: &Floor,
    known: Option<Height>,
) -> Result<Option<String>, String> {
    let Some(hook) = &config.state_hook else {
        return Ok(None);
    };
    let id = &config.id;
    match ask(hook, known) {
        Ok(Some(height)) => {
            floor.raise(FloorHeight {
                height,
                source: FloorSource::StateHook,
            });
            info!(
                event = "floor",
                chain = %id,
                height = height.get(),
                "[{id}] `state_hook` says that the chain is at height {height}: up to there nothing is signed"
            );
            Ok(None)
        }
        Ok(None) => Ok(None),
        Err(why) => match hook.fail_closed {
            true => Err(failed(&why)),
            false => Ok(Some(format!(
                "{}; the chain is armed without its word, because `fail_closed` is not set",
                failed(&why)
            ))),
        },
    }
}

/// In words.
pub fn failed(why: &HookError) -> String {
    format!("`state_hook` does not say how high the chain is: {why}")
}

/// Runs the program and gives the height that it says, or none where the chain has no block yet. `known` is the height of the
/// watermark.
///
/// # Errors
/// See [`HookError`].
pub fn ask(hook: &StateHook, known: Option<Height>) -> Result<Option<Height>, HookError> {
    if let Some(file) = hook.file() {
        strangers::around(&file).map_err(HookError::Exposed)?;
        let found = file.metadata().ok();
        let exposed = found.and_then(|found| strangers::of_file(&file, &found));
        if let Some(exposed) = exposed.filter(|exposed| exposed.who == Who::Everyone) {
            return Err(HookError::Exposed(exposed));
        }
    }
    said(&run(&hook.command, hook.time)?, known)
}

/// The output of a program for the older tmkms.
#[derive(Deserialize)]
struct HookOutput {
    latest_block_height: Option<WrittenHeight>,
}

/// As CometBFT writes heights, or as a person would.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenHeight {
    Text(String),
    Number(i64),
}

fn said(printed: &[u8], known: Option<Height>) -> Result<Option<Height>, HookError> {
    let no_height = || HookError::NoHeight(Excerpt::of(printed.trim_ascii()));
    let output: HookOutput = serde_json::from_slice(printed).map_err(|_| no_height())?;
    let height = match output.latest_block_height {
        None => return none(known),
        Some(WrittenHeight::Number(height)) => height,
        Some(WrittenHeight::Text(text)) => text.parse().map_err(|_| no_height())?,
    };
    // Nodes say 0 of a chain without a block.
    let height = match height {
        0 => return none(known),
        height => Height::new(height).ok_or_else(no_height)?,
    };
    match Claim::of(height, known) {
        Claim::Plausible => Ok(Some(height)),
        Claim::Implausible { .. } | Claim::Final => Err(HookError::Implausible { height, known }),
    }
}

/// No block, which a program prints that had no answer, too.
fn none(known: Option<Height>) -> Result<Option<Height>, HookError> {
    known.map_or(Ok(None), |known| Err(HookError::NoBlock(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn height(height: i64) -> Option<Height> {
        Height::new(height)
    }

    #[test]
    fn what_it_prints_is_a_height_or_told_as_it_is() {
        for (printed, found) in [
            (r#"{"latest_block_height": "41"}"#, height(41)),
            ("{\"latest_block_height\": 41, \"x\": 1}\n", height(41)),
        ] {
            let said = said(printed.as_bytes(), height(40));
            assert_eq!(said.unwrap(), found, "{printed}");
        }
        for none in [
            r#"{"latest_block_height": null}"#,
            r#"{"latest_block_height": "0"}"#,
            "{}",
        ] {
            assert_eq!(said(none.as_bytes(), None).unwrap(), None, "{none}");
            let error = said(none.as_bytes(), height(40)).unwrap_err();
            assert!(matches!(error, HookError::NoBlock(_)), "{none}: {error}");
        }
        for bad in [
            "",
            "41",
            "<html>",
            r#"{"latest_block_height": "-1"}"#,
            r#"{"latest_block_height": 1.5}"#,
            r#"{"latest_block_height": "9223372036854775808"}"#,
            r#"{"latest_block_height": "41"} {}"#,
        ] {
            let error = said(bad.as_bytes(), height(40)).unwrap_err();
            assert!(matches!(error, HookError::NoHeight(_)), "{bad}: {error}");
        }
    }

    #[test]
    fn a_height_where_the_chain_can_hardly_be_silences_nobody() {
        let of = |text: i64, known| {
            let printed = format!("{{\"latest_block_height\": \"{text}\"}}");
            said(printed.as_bytes(), known)
        };
        let error = of(4_611_686_018_427_387_904, height(40)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it says height 4611686018427387904, which is too far above the watermark at 40"
        );
        assert!(of(i64::MAX, None).is_err());
        assert!(of(5_000_000, height(1_000_000)).is_err());
        assert_eq!(of(28_000_000, None).unwrap(), height(28_000_000));
        assert_eq!(of(1, height(40)).unwrap(), height(1));
    }
}
