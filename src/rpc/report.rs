//! What is known of one endpoint.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::consensus::Height;

use super::answers::NodeStatus;
use super::standing::{SlashingRecord, ValidatorStanding};
use super::tally::WINDOW;
use super::trouble::RpcTrouble;
use super::vote::Sighting;

/// An answer that is older says nothing about now.
pub(super) const CURRENT: Duration = Duration::from_secs(10);
/// A node whose height stands still for so long, while another's rises, is not followed.
const STANDS_STILL: Duration = Duration::from_secs(60);
/// How many commits are asked for in one turn.
const EACH_TURN: i64 = 25;
/// How far below the newest block our last vote is looked for, in blocks.
const DEEPEST: i64 = 1_000;
/// How many commits are asked for in one turn below those of the window.
const EACH_DEEP_TURN: usize = 5;

/// What is known of one endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct EndpointReport {
    pub name: String,
    /// Why it is not used at the moment.
    pub trouble: Option<RpcTrouble>,
    pub status: Option<NodeStatus>,
    pub answered: Option<Instant>,
    /// The highest height that it has named, and when it was there last.
    highest: Option<(i64, Instant)>,
    /// When its height rose last: above all that it had named before.
    pub rose: Option<Instant>,
    /// The first height whose commit it was not asked for.
    pub next: i64,
    /// The highest height of which it could say whether our vote is in the commit.
    pub examined: i64,
    /// The newest of our votes that it has shown.
    pub signed: Option<Sighting>,
    /// The heights of the newest [`WINDOW`] of our votes that it has shown, and the highest below `first`.
    shown: BTreeSet<i64>,
    /// The first height that was signed here since the chain was armed.
    pub first: Option<Height>,
    /// The next height below those of the window that it is asked for.
    deep: Option<i64>,
    pub standing: Option<ValidatorStanding>,
    /// What the application knows of a validator that is not in the set.
    pub slashing: Option<SlashingRecord>,
}

impl EndpointReport {
    /// Nothing is known of it yet.
    pub fn named(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    pub fn answered(&mut self, status: NodeStatus, now: Instant) {
        self.note_height(status.latest, now);
        // One that showed a forged signature is believed in nothing any more.
        self.answered = (!self.has_forged()).then_some(now);
        self.status = Some(status);
    }

    /// One that goes back and forth does not rise. One that was lower for long has named a height that was never there, and begins anew.
    fn note_height(&mut self, latest: i64, now: Instant) {
        let rises = self.highest.is_none_or(|(highest, _)| latest > highest);
        let is_old = |(_, at): (i64, Instant)| now.saturating_duration_since(at) >= STANDS_STILL;
        let is_there = self.highest.is_none_or(|(highest, _)| latest >= highest);
        if is_there || self.highest.is_some_and(is_old) {
            self.highest = Some((latest, now));
        }
        if rises {
            self.rose = Some(now);
        }
    }

    /// It is not used. One that did not answer once may be used for as long as its last answer is new.
    pub fn failed(&mut self, trouble: RpcTrouble) {
        if matches!(
            trouble,
            RpcTrouble::OtherChain { .. } | RpcTrouble::Forged(_)
        ) {
            self.answered = None;
        }
        self.trouble = Some(trouble);
    }

    /// Whether it showed a signature under our address that is not ours.
    pub fn has_forged(&self) -> bool {
        matches!(self.trouble, Some(RpcTrouble::Forged(_)))
    }

    /// What it says of itself, where it is to be believed at `now`.
    pub fn current(&self, now: Instant) -> Option<&NodeStatus> {
        let is_new = |at: Instant| now.saturating_duration_since(at) < CURRENT;
        let usable = self.answered.is_some_and(is_new);
        let status = self.status.as_ref().filter(|_| usable);
        status.filter(|status| !status.catching_up)
    }

    /// Up to which height it has said whether our votes are in the commits, at `now`; all of a chain's first block, which has no commit
    /// to be asked for yet. `None` where it was asked for all that it has, and could say nothing of any, or has
    /// no block but the newest.
    pub fn examined(&self, now: Instant) -> Option<i64> {
        let status = self.current(now)?;
        let last = status.latest.saturating_sub(1);
        match last < 1 {
            true => Some(last),
            false if last < status.earliest || self.is_mute(last) => None,
            false => Some(self.examined.min(status.latest)),
        }
    }

    /// Whether it was asked for all up to `last`, or nearly, as the chain goes on meanwhile, and could say nothing.
    fn is_mute(&self, last: i64) -> bool {
        let asked = self.next > 0 && self.next.saturating_add(EACH_TURN) > last;
        asked && self.examined == 0
    }

    /// Whether its height rises.
    pub fn moves(&self, now: Instant) -> bool {
        let is_new = |at: Instant| now.saturating_duration_since(at) < STANDS_STILL;
        self.rose.is_some_and(is_new)
    }

    /// For how long its height has stood still, where that is long, and it answers and fetches no blocks.
    pub fn stands(&self, now: Instant) -> Option<Duration> {
        self.current(now)?;
        let still = now.saturating_duration_since(self.rose?);
        (still >= STANDS_STILL).then_some(still)
    }

    /// It has shown our vote at this height.
    pub fn note_signed(&mut self, vote: &Sighting) {
        let newer = |known: &Sighting| known.height > vote.height;
        if !self.signed.as_ref().is_some_and(newer) {
            self.signed = Some(vote.clone());
        }
        self.shown.insert(vote.height.get());
        while self.shown.len() > WINDOW + 1 {
            let before = self.shown.range(..self.bound()).last().copied();
            let mut others = self.shown.iter().filter(|height| Some(**height) != before);
            let Some(lowest) = others.next().copied() else {
                break;
            };
            self.shown.remove(&lowest);
        }
    }

    /// How many of our votes are remembered.
    #[cfg(test)]
    pub fn size(&self) -> usize {
        self.shown.len()
    }

    /// What was shown below was not made here since the chain was armed.
    fn bound(&self) -> i64 {
        self.first.map_or(i64::MAX, Height::get)
    }

    /// It was asked for this height; what it says of those above it that were asked for before is known.
    pub fn was_asked(&mut self, height: Height) {
        if self.next > height.get() {
            // Those above were never there.
            self.examined = 0;
        }
        if self.next != height.get() {
            // Those in between were not asked for.
            self.deep = None;
        }
        self.next = height.get().saturating_add(1);
    }

    /// It was asked for this height below the window.
    pub fn was_asked_below(&mut self, height: Height) {
        self.deep = Some(height.get().saturating_sub(1));
    }

    /// The latest height below `bound` at which it has shown our vote; 0 where there is none.
    pub fn signed_below(&self, bound: Height) -> i64 {
        let below = self.shown.range(..bound.get());
        below.last().copied().unwrap_or(0)
    }

    /// The heights below the window that are asked for next, from the highest down to the one above `known`: while nothing of ours was
    /// shown below the first that was signed here, and once the window was looked at. What is our own of now is passed over.
    pub fn deeper(&self, tip: i64, known: i64, now: Instant) -> Vec<i64> {
        let (window, wanted) = (tip.saturating_sub(WINDOW as i64), self.wanted(tip, now));
        let Some(status) = self.current(now).filter(|_| wanted.is_empty()) else {
            return Vec::new();
        };
        let bound = self.bound();
        if self.shown.range(..bound).next().is_some() || self.examined == 0 {
            return Vec::new();
        }
        let lowest = known.max(tip.saturating_sub(DEEPEST).saturating_sub(1));
        let lowest = lowest.max(status.earliest.saturating_sub(1)).max(0);
        let from = self.deep.unwrap_or(i64::MAX).min(window.saturating_sub(1));
        let from = match self.shown.range(bound..).next() {
            Some(_) => from.min(bound.saturating_sub(1)),
            None => from,
        };
        let heights = (lowest.saturating_add(1)..=from).rev();
        heights.take(EACH_DEEP_TURN).collect()
    }

    /// Whether it can say what the commit of this height is: its canonical one is in the block after it.
    pub fn has(&self, height: i64, now: Instant) -> bool {
        let range = |status: &NodeStatus| status.earliest <= height && height < status.latest;
        self.current(now).is_some_and(range)
    }

    /// The heights whose commits it is to be asked for, where most endpoints are at `tip`.
    pub fn wanted(&self, tip: i64, now: Instant) -> Vec<i64> {
        let Some(status) = self.current(now) else {
            return Vec::new();
        };
        // The canonical commit of a block is in the one after it.
        let last = tip.min(status.latest).saturating_sub(1);
        let oldest = tip.saturating_sub(WINDOW as i64);
        // One that was asked for heights that are not there goes back to where the others are.
        let next = if self.next > tip.saturating_add(1) {
            0
        } else {
            self.next
        };
        let first = next.max(oldest).max(status.earliest).max(1);
        (first..=last.min(first.saturating_add(EACH_TURN - 1))).collect()
    }
}
