//! What is known of one endpoint.

use std::time::{Duration, Instant};

use super::answers::NodeStatus;
use super::standing::ValidatorStanding;
use super::tally::WINDOW;
use super::trouble::RpcTrouble;
use super::vote::Sighting;

/// An answer that is older says nothing about now.
pub(super) const CURRENT: Duration = Duration::from_secs(10);
/// A node whose height stands still for so long, while another's rises, is not followed.
const STANDS_STILL: Duration = Duration::from_secs(60);
/// How many commits are asked for in one turn.
const EACH_TURN: i64 = 25;

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
    pub standing: Option<ValidatorStanding>,
}

impl EndpointReport {
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
