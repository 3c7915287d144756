//! The pure rule: last and next in, verdict out.
//!
//! Owns the decisions of W10, which are those of CometBFT's own file signer (`CheckHRS`, `signVote` and
//! `signProposal` in `privval/file.go`): lower is refused, the same bytes or bytes that differ only in the
//! timestamp are a replay, other bytes at the same position are a conflict, higher advances.

use std::cmp::Ordering;

use crate::consensus::{Hrs, Position, PublicKey, SignBytes, Signature};

/// The highest position that a validator has used, for one chain id and key, and what was signed there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watermark {
    /// Nothing was ever signed; the operator said so.
    Never,
    /// Everything up to and including this position counts as signed; what was signed is not known.
    UpTo(Hrs),
    /// This message is the last; everything below it counts as signed.
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
    /// The watermark's position; `None` before the first.
    pub fn hrs(&self) -> Option<Hrs> {
        match self {
            Watermark::Never => None,
            Watermark::UpTo(hrs) => Some(*hrs),
            Watermark::Message(last) => Some(last.position.hrs),
        }
    }

    /// Whether it is a message that is held with this key's own signature over it: then the chain has such a height.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        match self {
            Watermark::Message(last) => last
                .signature()
                .is_some_and(|signature| key.verify(last.bytes().as_slice(), signature)),
            Watermark::Never | Watermark::UpTo(_) => false,
        }
    }

    /// The watermark's height; 0 before the first.
    pub fn height(&self) -> i64 {
        self.hrs().map_or(0, |hrs| hrs.height.get())
    }
}

/// What the rule says of the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is above the watermark.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{Height, Prevote, Round, Step, Timestamp};

    fn hrs(height: i64, round: i32, step: Step) -> Hrs {
        Hrs {
            height: Height::new(height).unwrap(),
            round: Round::new(round).unwrap(),
            step,
        }
    }

    fn nil_prevote(height: i64, round: i32, seconds: i64) -> SignBytes {
        let at = hrs(height, round, Step::Prevote);
        let vote = Prevote {
            height: at.height,
            round: at.round,
            block: None,
            timestamp: Timestamp { seconds, nanos: 0 },
        };
        SignBytes::prevote(&"rule-1".parse().unwrap(), &vote)
    }

    fn message(height: i64, round: i32) -> Watermark {
        Watermark::Message(Last::new(nil_prevote(height, round, 1), None).unwrap())
    }

    fn at(hrs: Hrs) -> Position {
        let bytes = nil_prevote(1, 0, 1);
        Position {
            hrs,
            ..bytes.position().unwrap()
        }
    }

    #[test]
    fn what_is_lower_is_refused_for_the_first_of_the_three_that_is() {
        let lower = [
            (hrs(4, 9, Step::Precommit), Why::Height),
            (hrs(5, 1, Step::Precommit), Why::Round),
            (hrs(5, 2, Step::Propose), Why::Step),
        ];
        for last in [message(5, 2), Watermark::UpTo(hrs(5, 2, Step::Prevote))] {
            for (next, why) in lower {
                assert_eq!(judge(&last, &at(next)), Verdict::Refuse(why), "{next}");
            }
            for next in [
                hrs(5, 2, Step::Precommit),
                hrs(5, 3, Step::Propose),
                hrs(6, 0, Step::Propose),
            ] {
                assert_eq!(judge(&last, &at(next)), Verdict::Advance, "{next}");
            }
        }
        let lowest = hrs(1, 0, Step::Propose);
        assert_eq!(judge(&Watermark::Never, &at(lowest)), Verdict::Advance);
    }

    #[test]
    fn at_the_last_position_only_the_time_may_differ() {
        let last = message(5, 2);
        let again = nil_prevote(5, 2, 7).position().unwrap();
        assert_eq!(judge(&last, &again), Verdict::Replay);
        let other = Position {
            pol_round: Some(Round::FIRST),
            ..again.clone()
        };
        assert_eq!(judge(&last, &other), Verdict::Refuse(Why::Conflict));
        let unknown = Watermark::UpTo(again.hrs);
        assert_eq!(judge(&unknown, &again), Verdict::Refuse(Why::UsedUp));
    }

    #[test]
    fn it_says_what_it_holds() {
        assert_eq!(
            (Watermark::Never.hrs(), Watermark::Never.height()),
            (None, 0)
        );
        let up_to = hrs(5, 2, Step::Propose);
        assert_eq!(Watermark::UpTo(up_to).hrs(), Some(up_to));
        assert_eq!(message(5, 2).height(), 5);
        let bytes = nil_prevote(5, 2, 1);
        let last = Last::new(bytes.clone(), None).unwrap();
        assert_eq!(last.bytes(), &bytes);
        assert_eq!(last.position(), &bytes.position().unwrap());
        assert_eq!(last.signature(), None);
        let signature = Signature::from_bytes(vec![9; 64]);
        let signed = last.signed(signature.clone());
        assert_eq!(signed.signature(), Some(&signature));
        assert_eq!(signed.bytes(), &bytes);
        let raw = SignBytes::raw(b"no vote".to_vec()).unwrap();
        assert_eq!(Last::new(raw, None), None);
    }
}
