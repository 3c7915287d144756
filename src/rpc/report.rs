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
    /// When its height rose last.
    pub rose: Option<Instant>,
    /// The first height whose commit it was not asked for.
    pub next: i64,
    /// The highest height of which it could say whether our vote is in the commit.
    pub examined: i64,
    /// The newest of our votes that it has shown.
    pub signed: Option<Sighting>,
    /// The heights of the newest [`WINDOW`] of our votes that it has shown.
    shown: BTreeSet<i64>,
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
        let before = self.status.as_ref().map_or(-1, |status| status.latest);
        if status.latest != before {
            self.rose = Some(now);
        }
        // One that showed a forged signature is believed in nothing any more.
        self.answered = (!self.has_forged()).then_some(now);
        self.status = Some(status);
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
    /// to be asked for yet.
    pub fn examined(&self, now: Instant) -> Option<i64> {
        let status = self.current(now)?;
        let last = status.latest.saturating_sub(1);
        match last < status.earliest.max(1) {
            true => Some(last),
            false => Some(self.examined.min(status.latest)),
        }
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
    pub fn note_signed(&mut self, height: Height) {
        self.shown.insert(height.get());
        while self.shown.len() > WINDOW {
            self.shown.pop_first();
        }
    }

    /// The latest height below `bound` at which it has shown our vote; 0 where there is none.
    pub fn signed_below(&self, bound: Height) -> i64 {
        let below = self.shown.range(..bound.get());
        below.last().copied().unwrap_or(0)
    }

    /// The heights below the window that are asked for next, from the highest down to the one above the first of `between`:
    /// while nothing of ours was shown below the second, and once the window was looked at.
    pub fn deeper(&mut self, tip: i64, between: (i64, i64), now: Instant) -> Vec<i64> {
        let (known, first) = between;
        let (window, wanted) = (tip.saturating_sub(WINDOW as i64), self.wanted(tip, now));
        let Some(status) = self.current(now).filter(|_| wanted.is_empty()) else {
            return Vec::new();
        };
        let lowest = known.max(tip.saturating_sub(DEEPEST).saturating_sub(1));
        let lowest = lowest.max(status.earliest.saturating_sub(1)).max(0);
        if self.shown.range(..first).next().is_some() || self.examined == 0 {
            return Vec::new();
        }
        let from = self.deep.unwrap_or(window.saturating_sub(1));
        let heights = (lowest.saturating_add(1)..=from).rev();
        let heights: Vec<i64> = heights.take(EACH_DEEP_TURN).collect();
        self.deep = heights.last().map_or(self.deep, |last| Some(last - 1));
        heights
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
