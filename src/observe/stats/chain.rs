//! What one chain has done since the start: totals, latencies, the last heights. Of a fixed size.
//!
//! Written only by the chain's links, each after its reply has left; no two chains share a lock. Readers copy it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::consensus::{Height, Hrs};
use crate::events::{Event, RequestKind, Sink, Spent};
use crate::reason::ReasonKind;
use crate::rpc::{GateVote, Sighting};

use super::heights::Heights;
use super::latency::{self, Latency};
use super::precommits::{OwnPrecommits, WhosePrecommit};
use super::skew::{self, Distances, Skew};
use super::votes::{VotedFor, Votes};

/// The stages of a request whose latencies are counted; the last is all of them together.
pub const STAGES: [&str; 6] = ["wait", "gate", "persist", "device", "reply", "whole"];

/// How many kinds of consensus messages there are: the first of [`RequestKind::ALL`].
pub const STEPS: usize = 3;

/// The last signature of a kind.
#[derive(Clone, Copy, Debug)]
pub struct LastSignature {
    /// Its position.
    pub hrs: Hrs,
    /// When it left.
    pub at: Instant,
}

/// What a chain has done.
#[derive(Clone, Copy, Debug)]
pub struct ChainSnapshot {
    /// Since when this is counted.
    pub since: Instant,
    /// Signatures made, by kind.
    pub signed: [u64; STEPS],
    /// Earlier signatures given again, by kind.
    pub replayed: [u64; STEPS],
    /// Requests without a signature, by kind and reason.
    pub refused: [[u64; ReasonKind::ALL.len()]; RequestKind::ALL.len()],
    /// The last signature, by kind.
    pub last: [Option<LastSignature>; STEPS],
    /// Signatures of raw bytes, and how many bytes those were.
    pub raw: (u64, u64),
    /// How often nodes asked for the public key.
    pub public_key: u64,
    /// What became of the last heights.
    pub heights: Heights,
    /// What the votes were for.
    pub votes: Votes,
    /// How far the clocks of its nodes were from this host's, vote by vote.
    pub distances: Distances,
    /// By stage, as in [`STAGES`].
    pub latency: [Latency; STAGES.len()],
}

/// What one chain's links count. Clones count together.
#[derive(Clone)]
pub struct ChainStats(Arc<Mutex<ChainSnapshot>>, Arc<Mutex<OwnPrecommits>>);

impl ChainStats {
    /// Nothing is counted yet. `last` is the last height asked for before the start, where that is known.
    pub fn new(last: Option<Height>) -> Self {
        let snapshot = ChainSnapshot {
            since: Instant::now(),
            signed: [0; STEPS],
            replayed: [0; STEPS],
            refused: [[0; ReasonKind::ALL.len()]; RequestKind::ALL.len()],
            last: [None; STEPS],
            raw: (0, 0),
            public_key: 0,
            heights: Heights::since(last),
            votes: Votes::default(),
            distances: Distances::new(&skew::BOUNDS),
            latency: [Latency::new(&latency::BOUNDS); STAGES.len()],
        };
        Self(Arc::new(Mutex::new(snapshot)), Arc::default())
    }

    /// For a chain that is armed after the start: see [`Heights::begin_after`].
    pub fn begin_after(&self, last: Option<Height>) {
        let mut snapshot = self.0.lock();
        snapshot.heights.begin_after(last);
    }

    /// What was signed at a height, as far as that is remembered.
    pub fn vote_at(&self, height: Height) -> GateVote {
        match self.0.lock().heights.decided(height) {
            true => GateVote::Block,
            false => GateVote::NotKnown,
        }
    }

    /// Whose a precommit in a commit is, which the key of the chain has signed.
    pub fn whose(&self, vote: &Sighting) -> WhosePrecommit {
        self.1.lock().whose(vote)
    }

    /// The commit of a block lacks the precommit that was signed for it.
    pub fn uncommitted(&self, height: Height) {
        self.0.lock().heights.uncommitted(height);
    }

    /// What is counted by now.
    pub fn snapshot(&self) -> ChainSnapshot {
        *self.0.lock()
    }
}

impl ChainSnapshot {
    /// How many requests of a kind had no signature for a reason.
    pub fn refused(&self, kind: RequestKind, reason: ReasonKind) -> u64 {
        let row = self.refused.get(kind.index());
        row.and_then(|row| row.get(reason.index()))
            .map_or(0, |count| *count)
    }

    /// How often a kind was asked for, whatever became of it. What another chain asks does not count.
    pub fn asked(&self, kind: RequestKind) -> u64 {
        let of = |counts: &[u64]| counts.get(kind.index()).copied().unwrap_or(0);
        let ours = ReasonKind::ALL.into_iter();
        let ours = ours.filter(|reason| *reason != ReasonKind::WrongChain);
        let refused = ours.map(|reason| self.refused(kind, reason)).sum::<u64>();
        of(&self.signed) + of(&self.replayed) + refused
    }

    /// Signatures that were ready too late and did not leave, and how many there were in all.
    pub fn late(&self) -> (u64, u64) {
        let kinds = RequestKind::ALL.into_iter();
        let late = kinds.map(|kind| self.refused(kind, ReasonKind::Late)).sum();
        let left: u64 = self.signed.iter().chain(&self.replayed).sum();
        (late, left + self.raw.0 + late)
    }

    /// The highest height that a signature left for since the start.
    pub fn highest(&self) -> Option<Height> {
        self.last.iter().flatten().map(|last| last.hrs.height).max()
    }

    /// The last signature of a kind.
    pub fn last(&self, kind: RequestKind) -> Option<LastSignature> {
        *self.last.get(kind.index())?
    }

    fn refuse(&mut self, kind: RequestKind, reason: ReasonKind) {
        let row = self.refused.get_mut(kind.index());
        if let Some(count) = row.and_then(|row| row.get_mut(reason.index())) {
            *count += 1;
        }
    }

    fn spend(&mut self, spent: &Spent, took: Duration) {
        let times = [
            Some(spent.wait),
            Some(spent.gate),
            spent.persist,
            spent.device,
            Some(spent.reply),
            Some(took.saturating_add(spent.reply)),
        ];
        for (latency, time) in self.latency.iter_mut().zip(times) {
            if let Some(time) = time {
                latency.record(time);
            }
        }
    }
}

impl Sink for ChainStats {
    fn emit(&self, event: &Event) {
        let mut snapshot = self.0.lock();
        match event {
            Event::Signed {
                hrs,
                block,
                made,
                replayed,
                took,
                spent,
            } => {
                let kind = RequestKind::of(hrs.step).index();
                let counts = match replayed {
                    true => &mut snapshot.replayed,
                    false => &mut snapshot.signed,
                };
                if let Some(count) = counts.get_mut(kind) {
                    *count += 1;
                }
                if let Some(last) = snapshot.last.get_mut(kind) {
                    *last = Some(LastSignature {
                        hrs: *hrs,
                        at: Instant::now(),
                    });
                }
                let voted_for = match block {
                    Some(_) => VotedFor::Block,
                    None => VotedFor::Nil,
                };
                if let Some(made) = made {
                    self.1.lock().signed(hrs, block.as_ref(), made.written);
                }
                snapshot.heights.signed(hrs, *replayed, voted_for);
                if !replayed {
                    snapshot.votes.signed(hrs, voted_for);
                    if let Some(skew) = made.as_ref().and_then(Skew::of) {
                        snapshot.distances.record(skew.distance());
                    }
                }
                snapshot.spend(spent, *took);
            }
            Event::Refused {
                kind, hrs, reason, ..
            } => {
                snapshot.refuse(*kind, *reason);
                // What another chain asks says nothing about this one's heights.
                if let Some(hrs) = hrs.filter(|_| *reason != ReasonKind::WrongChain) {
                    snapshot
                        .heights
                        .refused(hrs.height, reason.is_double_sign());
                }
            }
            Event::SignerFailed { kind, hrs, .. } => {
                snapshot.refuse(*kind, ReasonKind::SignerFailed);
                if let Some(hrs) = hrs {
                    snapshot.heights.refused(hrs.height, false);
                }
            }
            Event::Late { hrs, .. } => {
                let kind = hrs.map_or(RequestKind::Raw, |hrs| RequestKind::of(hrs.step));
                snapshot.refuse(kind, ReasonKind::Late);
                if let Some(hrs) = hrs {
                    snapshot.heights.refused(hrs.height, false);
                }
            }
            Event::RawSigned { bytes, .. } => {
                snapshot.raw.0 += 1;
                snapshot.raw.1 = snapshot
                    .raw
                    .1
                    .saturating_add(u64::try_from(*bytes).unwrap_or(0));
            }
            Event::PublicKeyAsked => snapshot.public_key += 1,
            Event::LinkUp { .. } | Event::LinkDown { .. } | Event::Pinged => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{Round, Step, Timestamp};
    use crate::events::VoteTime;

    fn hrs(height: i64) -> Hrs {
        Hrs {
            height: Height::new(height).unwrap(),
            round: Round::FIRST,
            step: Step::Prevote,
        }
    }

    fn signed(height: i64, replayed: bool) -> Event {
        Event::Signed {
            hrs: hrs(height),
            block: None,
            made: Some(VoteTime {
                written: Timestamp {
                    seconds: 1_000,
                    nanos: 0,
                },
                came: Duration::from_secs(1_003),
            }),
            replayed,
            took: Duration::from_millis(2),
            spent: Spent {
                persist: (!replayed).then_some(Duration::from_millis(1)),
                ..Spent::default()
            },
        }
    }

    #[test]
    fn every_event_is_counted_once() {
        let stats = ChainStats::new(None);
        stats.emit(&signed(1, false));
        stats.emit(&signed(1, true));
        let refused = |reason| Event::Refused {
            kind: RequestKind::Prevote,
            hrs: Some(hrs(1)),
            reason,
            message: String::new(),
        };
        for reason in ReasonKind::ALL {
            stats.emit(&refused(reason));
        }
        stats.emit(&Event::Late {
            hrs: None,
            took: Duration::ZERO,
        });
        stats.emit(&Event::RawSigned {
            bytes: 7,
            took: Duration::ZERO,
        });
        let snapshot = stats.snapshot();
        assert_eq!((snapshot.signed, snapshot.replayed), ([0, 1, 0], [0, 1, 0]));
        for reason in ReasonKind::ALL {
            assert_eq!(
                snapshot.refused(RequestKind::Prevote, reason),
                1,
                "{reason:?}"
            );
        }
        assert_eq!(snapshot.refused(RequestKind::Raw, ReasonKind::Late), 1);
        assert_eq!(snapshot.raw, (1, 7));
        // A vote that is given again says nothing new.
        assert_eq!(snapshot.votes.count(|_, _, _| true), 1);
        assert_eq!(snapshot.distances.count(), 1);
        assert_eq!(snapshot.distances.sum(), 3.0);
        let counts: Vec<u64> = snapshot.latency.iter().map(Latency::count).collect();
        assert_eq!(counts, [2, 2, 1, 0, 2, 2], "{STAGES:?}");
    }

    #[test]
    fn what_was_asked_for_counts_whatever_became_of_it() {
        let stats = ChainStats::new(None);
        assert_eq!(stats.snapshot().late(), (0, 0));
        assert_eq!(stats.snapshot().highest(), None);
        for _ in 0..2 {
            stats.emit(&signed(7, false));
        }
        stats.emit(&signed(7, true));
        for reason in [ReasonKind::Paused, ReasonKind::Late, ReasonKind::WrongChain] {
            stats.emit(&Event::Refused {
                kind: RequestKind::Prevote,
                hrs: Some(hrs(9)),
                reason,
                message: String::new(),
            });
        }
        let snapshot = stats.snapshot();
        assert_eq!(snapshot.asked(RequestKind::Prevote), 5);
        assert_eq!(snapshot.asked(RequestKind::Proposal), 0);
        assert_eq!(snapshot.late(), (1, 4));
        assert_eq!(snapshot.highest(), Height::new(7));
    }
}
