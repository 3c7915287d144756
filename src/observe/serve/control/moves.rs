//! The questions `move-out` and `move-in`: a chain goes to another host, or comes from one (W21).

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::client::answer_to;
use super::question::ControlQuestion;

/// What became of a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveAnswer {
    /// The chain is sealed, and signs no more.
    HandedOver {
        /// The bundle's text.
        bundle: String,
        /// It had been handed over before, to this very bundle.
        again: bool,
    },
    /// The bundle was taken in.
    TakenIn {
        /// The watermark, in words.
        watermark: String,
        /// Why the chain does not sign yet, if so.
        trouble: Option<String>,
    },
    /// Why nothing was changed.
    Error(String),
}

/// What the service does about moves. Both may take seconds.
pub trait Mover: Send + Sync {
    /// Hands the chain with this id over.
    fn move_out(&self, chain: &str) -> MoveAnswer;
    /// Takes a bundle with this text in.
    fn move_in(&self, bundle: &str) -> MoveAnswer;
}

/// Tells the service at this socket to hand a chain over.
///
/// # Errors
/// No service answers there, or it answers what this program does not understand.
pub fn tell_move_out(chain: &str, path: &Path) -> io::Result<MoveAnswer> {
    ask(&ControlQuestion::MoveOut(chain.to_owned()), path)
}

/// Tells the service at this socket to take a bundle in. Its text has one line.
///
/// # Errors
/// As [`tell_move_out`].
pub fn tell_move_in(bundle: &str, path: &Path) -> io::Result<MoveAnswer> {
    ask(&ControlQuestion::MoveIn(bundle.trim_end().to_owned()), path)
}

fn ask(question: &ControlQuestion, path: &Path) -> io::Result<MoveAnswer> {
    answer_to(question, path)
}
