//! What a store keeps, and what a host remembers of a store that others share.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::gate::watermark::Watermark;

/// What a store keeps: the watermark, and when and why it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Grows with each write; a shared store's token for compare-and-swap.
    pub sequence: u64,
    /// The watermark.
    pub watermark: Watermark,
    /// Who raised the watermark to where it is.
    pub origin: Origin,
    /// Wall-clock time of the write, since 1970-01-01 UTC.
    pub written: Duration,
}

/// What a host has seen of a shared store. It is kept in the host's own file, so that a shared store that was set back,
/// or replaced by another, is known as such (W17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The cluster that holds it.
    pub cluster_id: u64,
    /// The revision that created the key; a key that was deleted and made again has another.
    pub create_revision: i64,
    /// The highest revision of the store that was seen.
    pub revision: i64,
    /// The sequence of the newest shared record that was seen.
    pub sequence: u64,
    /// This host's own number, by which it knows its own records.
    pub host_id: u64,
}

/// Who raised a watermark to where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The operator, by `state init`, or by `state import` or `adopt` where nothing was known: the first advance from
    /// here is free (W11).
    Begun,
    /// The operator, above what was known: the bucket decides how far the next height may be.
    Raised,
    /// A sign request.
    Request,
    /// The operator, by `state export --retire`: another signer goes on from here, and this program signs no more.
    HandedOver,
    /// The operator, by `state move out`: another host goes on from here, and this one signs no more.
    MovedOut,
}

impl Origin {
    /// Whether somebody else goes on from here, so that it is not armed.
    pub fn is_given_away(self) -> bool {
        matches!(self, Self::HandedOver | Self::MovedOut)
    }

    /// The word in a record.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Begun => "operator",
            Self::Raised => "raise",
            Self::Request => "request",
            Self::HandedOver => "handed-over",
            Self::MovedOut => "moved-out",
        }
    }

    /// The origin of a word; `None` for any other.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        let all = [
            Self::Begun,
            Self::Raised,
            Self::Request,
            Self::HandedOver,
            Self::MovedOut,
        ];
        all.into_iter().find(|origin| origin.word() == word)
    }
}
