//! The pure rule: last and next in, verdict out.
//!
//! Owns the decisions of W10, which are those of CometBFT's own file signer (`CheckHRS`, `signVote` and
//! `signProposal` in `privval/file.go`): lower is refused, the same bytes or bytes that differ only in the
//! timestamp are a replay, other bytes at the same position are a conflict, higher advances.

use std::cmp::Ordering;

use crate::consensus::{Hrs, Position, SignBytes, Signature};

/// What a validator has used up, for one chain id and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watermark {
    /// Nothing was ever signed; the operator said so.
    Never,
    /// Everything up to and including this position is used up, and nothing is known of what was signed.
    UpTo(Hrs),
    /// This message is the last; everything below it is used up.
    Message(Last),
}

/// The last message for which a signature was prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    bytes: SignBytes,
    position: Position,
    signature: Option<Signature>,
}

impl Last {
    /// A message with its signature, if that is known. `None` when the bytes are those of an extension.
    pub fn new(bytes: SignBytes, signature: Option<Signature>) -> Option<Self> {
        let position = bytes.position().ok()?;
        Some(Self {
            bytes,
            position,
            signature,
        })
    }

    /// The exact bytes.
    pub fn bytes(&self) -> &SignBytes {
        &self.bytes
    }

    /// What the bytes say.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The signature over them, if one was made or imported.
    pub fn signature(&self) -> Option<&Signature> {
        self.signature.as_ref()
    }

    /// The same message, now with its signature.
    pub fn signed(self, signature: Signature) -> Self {
        Self {
            signature: Some(signature),
            ..self
        }
    }
}

impl Watermark {
    /// The highest position that is used up; `None` before the first.
    pub fn hrs(&self) -> Option<Hrs> {
        match self {
            Watermark::Never => None,
            Watermark::UpTo(hrs) => Some(*hrs),
            Watermark::Message(last) => Some(last.position.hrs),
        }
    }

    /// The last height that is used up; 0 before the first.
    pub fn height(&self) -> i64 {
        self.hrs().map_or(0, |hrs| hrs.height.get())
    }
}

/// What the rule says of the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is above everything used up.
    Advance,
    /// It is the last message again, or differs from it only in its timestamp: the last one answers it.
    Replay,
    /// It must not be signed.
    Refuse(Why),
}

/// Why the rule says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A lower height than the last one.
    Height,
    /// A lower round at the last height.
    Round,
    /// A lower step at the last height and round.
    Step,
    /// The last position, of which the bytes are not known; nothing can be signed again there.
    UsedUp,
    /// The last position with other content: signing it would be a double sign.
    Conflict,
}

/// Judges the next message by the last one.
pub fn judge(last: &Watermark, next: &Position) -> Verdict {
    let Some(used) = last.hrs() else {
        return Verdict::Advance;
    };
    match next.hrs.cmp(&used) {
        Ordering::Greater => Verdict::Advance,
        Ordering::Less if next.hrs.height < used.height => Verdict::Refuse(Why::Height),
        Ordering::Less if next.hrs.round < used.round => Verdict::Refuse(Why::Round),
        Ordering::Less => Verdict::Refuse(Why::Step),
        Ordering::Equal => match last {
            Watermark::Message(last) if last.position.same_but_for_time(next) => Verdict::Replay,
            Watermark::Message(_) => Verdict::Refuse(Why::Conflict),
            Watermark::UpTo(_) | Watermark::Never => Verdict::Refuse(Why::UsedUp),
        },
    }
}
