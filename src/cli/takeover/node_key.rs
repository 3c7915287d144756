//! The key that a node has itself, after its state was taken over: with it the node must never sign again.

use std::path::Path;

use crate::cli::report::{Failure, status};
use crate::config::Config;
use crate::consensus::PublicKey;
use crate::migrate::node_key::{AsideError, holds, is_ours, move_aside, move_by_hand};
use crate::terminal::Terminal;

use super::consent::Consent;

/// Deals with it: moves it aside where the operator agrees, and says what is to be done where not.
pub(in crate::cli) fn settle(
    path: &Path,
    key: &PublicKey,
    config: &Config,
    consent: &Consent,
    terminal: &mut dyn Terminal,
) -> Result<(), Failure> {
    if !holds(path, key) {
        return Ok(());
    }
    let shown = path.display();
    if is_ours(path, config) {
        status(
            "Next",
            format!(
                "{shown} stays, because {} signs with it: set the node's `priv_validator_key_file` to another name, so that \
                 the node can never sign with it",
                config.name
            ),
        );
        return Ok(());
    }
    let question = format!("Move {shown} aside, so that the node can never sign with it again?");
    if !consent.moves_key(terminal, &question)? {
        status(
            "Next",
            format!(
                "move {shown} away, so that the node can never sign with it (the node does not start until then): `{}`",
                move_by_hand(path)
            ),
        );
        return Ok(());
    }
    match move_aside(path) {
        Ok(kept) => {
            status(
                "Moved",
                format!(
                    "{shown} to {}; the node makes a key of its own at its next start, which signs nothing while \
                     `priv_validator_laddr` is set",
                    kept.display()
                ),
            );
            Ok(())
        }
        Err(AsideError::Failed(error)) => Err(Failure::new(format!(
            "{shown} cannot be moved aside: {error}"
        ))
        .hint("the chain was taken over; move the key away yourself before the node starts")),
        Err(error @ AsideError::Crowded) => Err(Failure::new(format!(
            "{shown} cannot be moved aside: {error}"
        ))),
    }
}
