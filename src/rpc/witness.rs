//! What all endpoints of one chain said, and what follows: each height is judged once.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::consensus::Height;

use super::agreement::{Word, agreed, agreed_standing, majority};
use super::answers::NodeStatus;
use super::report::EndpointReport;
use super::sample::{EndpointSample, RpcSample, SignedHeight};
use super::standing::{SlashingRecord, ValidatorStanding};
use super::tally::{GateVote, Tally, VoteOutcome, WINDOW};
use super::trouble::RpcTrouble;
use super::vote::Sighting;

/// How long a height waits for those endpoints that have not spoken yet.
const GRACE: Duration = Duration::from_secs(5);

/// A height that was judged just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgedHeight {
    /// The height.
    pub height: Height,
    /// What became of our vote.
    pub outcome: VoteOutcome,
}

/// What the endpoints of one chain said. Held only while one of them is written down or somebody looks; never by what signs.
#[derive(Debug)]
pub struct Witness(Mutex<AllReports>);

#[derive(Debug, Default)]
struct AllReports {
    reports: Vec<EndpointReport>,
    /// Heights that were asked about and are not judged.
    pending: BTreeMap<i64, PendingHeight>,
    /// The highest height that was judged, or given up.
    judged: i64,
    tally: Tally,
    /// The last height at which a second signer was noticed.
    second: Option<Height>,
}

#[derive(Debug)]
struct PendingHeight {
    since: Instant,
    /// What each endpoint said, in their order; the inner `None` says that it cannot say.
    words: Vec<Option<Option<Word>>>,
}

impl Witness {
    /// Nobody was asked yet.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let reports = names.into_iter().map(EndpointReport::named);
        Self(Mutex::new(AllReports {
            reports: reports.collect(),
            ..AllReports::default()
        }))
    }

    /// An endpoint cannot be used. `true` where that is news.
    pub(super) fn failed(&self, index: usize, trouble: RpcTrouble) -> bool {
        let mut seen = self.0.lock();
        let Some(report) = seen.reports.get_mut(index) else {
            return false;
        };
        if report.has_forged() {
            return false;
        }
        let before = report.trouble.as_ref().map(discriminant);
        let news = before != Some(discriminant(&trouble));
        let forged = matches!(trouble, RpcTrouble::Forged(_));
        report.failed(trouble);
        if forged {
            // What it said of other heights was no better.
            for pending in seen.pending.values_mut() {
                if let Some(word) = pending.words.get_mut(index) {
                    *word = Some(None);
                }
            }
        }
        news
    }

    /// The first height that was signed here since the chain was armed: votes below are kept apart.
    pub(super) fn first_signed(&self, index: usize, first: Option<Height>) {
        if let Some(report) = self.0.lock().reports.get_mut(index) {
            report.first = first;
        }
    }

    /// An endpoint says how it is.
    pub(super) fn answered(&self, index: usize, status: NodeStatus, now: Instant) {
        if let Some(report) = self.0.lock().reports.get_mut(index) {
            report.answered(status, now);
        }
    }

    /// An endpoint has answered all questions of a turn. `true` where it had failed before.
    pub(super) fn works(&self, index: usize) -> bool {
        let mut seen = self.0.lock();
        let report = seen.reports.get_mut(index);
        let report = report.filter(|report| !report.has_forged());
        report.is_some_and(|report| report.trouble.take().is_some())
    }

    /// The heights whose commits this endpoint is to be asked for now, the lowest first.
    pub(super) fn wanted(&self, index: usize, now: Instant) -> Vec<i64> {
        let mut seen = self.0.lock();
        let Some(tip) = seen.tip(now) else {
            return Vec::new();
        };
        seen.begin_at(tip);
        let report = seen.reports.get(index);
        report.map_or_else(Vec::new, |report| report.wanted(tip, now))
    }

    /// What an endpoint says of a height; `None` where it cannot say.
    pub(super) fn said(&self, index: usize, height: Height, word: Option<Word>, now: Instant) {
        let mut seen = self.0.lock();
        let endpoints = seen.reports.len();
        let Some(report) = seen.reports.get_mut(index) else {
            return;
        };
        report.was_asked(height);
        if word.is_some() {
            report.examined = report.examined.max(height.get());
        }
        if let Some(Word::Signed(sighting)) = &word {
            report.note_signed(sighting);
        }
        if height.get() <= seen.judged {
            return;
        }
        let pending = seen.pending.entry(height.get());
        let pending = pending.or_insert_with(|| PendingHeight {
            since: now,
            words: vec![None; endpoints],
        });
        if let Some(place) = pending.words.get_mut(index) {
            *place = Some(word);
        }
        while seen.pending.len() > 2 * WINDOW {
            seen.pending.pop_last();
        }
    }

    /// Our place in the set of validators, as an endpoint says, and what the application knows where we are not in it.
    pub(super) fn stands(
        &self,
        index: usize,
        standing: ValidatorStanding,
        slashing: Option<SlashingRecord>,
    ) {
        if let Some(report) = self.0.lock().reports.get_mut(index) {
            report.standing = Some(standing);
            report.slashing = slashing;
        }
    }

    /// Judges what can be judged by now. `gate` says what this process signed.
    pub fn judge(&self, now: Instant, gate: impl Fn(Height) -> GateVote) -> Vec<JudgedHeight> {
        self.0.lock().judge(now, gate)
    }

    /// The latest committed height at which our key verifiably signed, as more than half of the endpoints that answer at the
    /// moment have shown it: one of them cannot raise it, and with three one that lags cannot lower it. `None` where nobody
    /// answers, or most have shown no vote of ours. They are asked for the last [`WINDOW`] heights and those to come.
    pub fn latest_signed(&self, now: Instant) -> Option<SignedHeight> {
        self.0.lock().latest_signed(now)
    }

    /// The same of the heights below `bound` only.
    pub fn latest_signed_below(&self, bound: Height, now: Instant) -> Option<Height> {
        let seen = self.0.lock();
        let heights = seen.speakers(now);
        let heights = heights.map(|report| report.signed_below(bound));
        majority(heights.collect()).and_then(Height::new)
    }

    /// The heights below all that were asked for whose commits this endpoint is to be asked for now, from the highest down: while it
    /// has shown no vote of ours below the first height that was signed here, and down to the watermark with which the chain was armed.
    pub(super) fn deeper(&self, index: usize, begun: Option<Height>, now: Instant) -> Vec<i64> {
        let seen = self.0.lock();
        let Some(tip) = seen.tip(now) else {
            return Vec::new();
        };
        let report = seen.reports.get(index);
        let known = begun.map_or(0, Height::get);
        report.map_or_else(Vec::new, |report| report.deeper(tip, known, now))
    }

    /// An endpoint was asked for such a height, and has shown this vote of ours, or none.
    pub(super) fn said_below(&self, index: usize, height: Height, vote: Option<&Sighting>) {
        if let Some(report) = self.0.lock().reports.get_mut(index) {
            report.was_asked_below(height);
            if let Some(vote) = vote {
                report.note_signed(vote);
            }
        }
    }

    /// Up to which height most of the endpoints that answer have been asked for our votes; `None` where none answers.
    pub fn examined(&self, now: Instant) -> Option<i64> {
        let seen = self.0.lock();
        let followed = seen.followed(now).into_iter();
        majority(followed.filter_map(|report| report.examined(now)).collect())
    }

    /// Whether each of them has answered once, or failed.
    pub fn all_spoke(&self) -> bool {
        let seen = self.0.lock();
        let mut reports = seen.reports.iter();
        reports.all(|report| report.status.is_some() || report.trouble.is_some())
    }

    /// The height of the newest block, as most of them say; `None` where none answers.
    pub fn tip(&self, now: Instant) -> Option<i64> {
        self.0.lock().tip(now)
    }

    /// The newest vote of our key that each endpoint has shown: its signature proves it.
    pub fn sightings(&self) -> Vec<Sighting> {
        let seen = self.0.lock();
        seen.reports
            .iter()
            .filter_map(|report| report.signed.clone())
            .collect()
    }

    /// A second signer with our key was noticed at this height.
    pub fn second_signer(&self, height: Height) {
        self.0.lock().second = Some(height);
    }

    /// Somebody has seen that there was a second signer; gives the last height at which it was noticed. It is told again with a later
    /// vote.
    pub fn acknowledge(&self) -> Option<Height> {
        self.0.lock().second.take()
    }

    /// What there is to see.
    pub fn sample(&self, now: Instant) -> RpcSample {
        let seen = self.0.lock();
        let tip = seen.tip(now);
        let moving = seen.current(now).any(|report| report.moves(now));
        let endpoints = seen.reports.iter().map(|report| EndpointSample {
            name: report.name.clone(),
            up: report.trouble.is_none() && report.answered.is_some(),
            trouble: report.trouble.as_ref().map(RpcTrouble::to_string),
            height: report.status.as_ref().map(|status| status.latest),
            catching_up: report
                .status
                .as_ref()
                .is_some_and(|status| status.catching_up),
            stands: report.stands(now),
            left_behind: moving && report.stands(now).is_some(),
        });
        RpcSample {
            endpoints: endpoints.collect(),
            height: tip,
            standing: seen.standing(now),
            slashing: seen.slashing(now),
            signed: seen.latest_signed(now),
            tally: seen.tally.clone(),
            second: seen.second,
        }
    }
}

impl AllReports {
    fn current<'a>(&'a self, now: Instant) -> impl Iterator<Item = &'a EndpointReport> + 'a {
        let reports = self.reports.iter();
        reports.filter(move |report| report.current(now).is_some())
    }

    /// The height that most endpoints have reached, of those that are followed.
    fn tip(&self, now: Instant) -> Option<i64> {
        let followed = self.followed(now).into_iter();
        let height = |report: &EndpointReport| report.current(now).map(|status| status.latest);
        majority(followed.filter_map(height).collect())
    }

    /// Those whose height rises, where they are no fewer than those that stand still: on a chain that has halted one alone that says it
    /// rises is not followed. Otherwise all that answer.
    fn followed(&self, now: Instant) -> Vec<&EndpointReport> {
        let moving: Vec<_> = self
            .current(now)
            .filter(|report| report.moves(now))
            .collect();
        match 2 * moving.len() >= self.current(now).count() {
            true => moving,
            false => self.current(now).collect(),
        }
    }

    /// The totals begin where the chain is when it is seen first. What was judged of heights that were not there, because an
    /// endpoint lied while no other answered, is no reason to judge nothing any more.
    fn begin_at(&mut self, tip: i64) {
        // One that lies may have been the first to answer.
        let beyond = tip.saturating_add(WINDOW as i64);
        if self.tally.first == 0 || self.tally.first > beyond {
            self.tally.first = tip.max(1);
        }
        if self.judged > tip.saturating_add(WINDOW as i64) {
            self.judged = tip.saturating_sub(1);
            self.tally.back_to(tip);
            self.pending.clear();
        }
    }

    fn judge(&mut self, now: Instant, gate: impl Fn(Height) -> GateVote) -> Vec<JudgedHeight> {
        let mut found = Vec::new();
        // Nobody has a block above it but one that lies, or that alone is so far.
        let Some(tip) = self.tip(now) else {
            return found;
        };
        self.pending.retain(|height, _| *height < tip);
        while let Some((height, pending)) = self.pending.first_key_value() {
            let height = *height;
            let mut waits = self.reports.iter().zip(&pending.words);
            let waits = waits.any(|(report, word)| word.is_none() && report.has(height, now));
            if waits && now.saturating_duration_since(pending.since) < GRACE {
                break;
            }
            let words: Vec<Word> = pending.words.iter().flatten().flatten().cloned().collect();
            self.pending.pop_first();
            self.judged = height;
            let (Some(word), Some(height)) = (agreed(&words), Height::new(height)) else {
                continue;
            };
            let outcome = match word {
                Word::Signed(sighting) if sighting.block.is_some() => VoteOutcome::Committed,
                Word::Signed(_) => VoteOutcome::Nil,
                Word::Outside => VoteOutcome::Outside,
                Word::Absent if gate(height) == GateVote::Block => VoteOutcome::Uncommitted,
                Word::Absent => VoteOutcome::Absent,
            };
            self.tally.note(height, outcome);
            found.push(JudgedHeight { height, outcome });
        }
        found
    }

    /// Those that say something of our votes: who has no word on any height does not.
    fn speakers(&self, now: Instant) -> impl Iterator<Item = &EndpointReport> {
        let followed = self.followed(now).into_iter();
        followed.filter(|report| report.examined > 0)
    }

    fn latest_signed(&self, now: Instant) -> Option<SignedHeight> {
        let of =
            |report: &EndpointReport| report.signed.as_ref().map_or(0, |vote| vote.height.get());
        let heights: Vec<i64> = self.speakers(now).map(of).collect();
        let answering = heights.len();
        let height = majority(heights.clone()).and_then(Height::new)?;
        let shown = heights.iter().filter(|shown| **shown >= height.get());
        Some(SignedHeight {
            height,
            shown_by: shown.count(),
            answering,
        })
    }

    /// What more than half of those say that know something, where most say that we are not in the set.
    fn slashing(&self, now: Instant) -> Option<SlashingRecord> {
        if self.standing(now) != Some(ValidatorStanding::Outside) {
            return None;
        }
        let all: Vec<SlashingRecord> = self
            .current(now)
            .filter_map(|report| report.slashing)
            .collect();
        let says = |one: &SlashingRecord| all.iter().filter(|other| *other == one).count();
        all.iter().find(|one| 2 * says(one) > all.len()).copied()
    }

    fn standing(&self, now: Instant) -> Option<ValidatorStanding> {
        let all = self.current(now).filter_map(|report| report.standing);
        agreed_standing(&all.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{BlockId, Round, Timestamp};

    fn vote(height: i64, for_block: bool) -> Word {
        Word::Signed(Sighting {
            height: Height::new(height).unwrap(),
            round: Round::FIRST,
            block: BlockId::from_parts(&[1; 32], 1, &[2; 32])
                .unwrap()
                .filter(|_| for_block),
            timestamp: Timestamp::default(),
        })
    }

    fn at(latest: i64) -> NodeStatus {
        NodeStatus {
            latest,
            earliest: 1,
            catching_up: false,
        }
    }

    fn of(endpoints: usize) -> Witness {
        Witness::new((0..endpoints).map(|index| format!("http://{index}")))
    }

    /// The endpoint is at this height, and says of each height that it is asked for what `word` gives.
    fn turn(
        witness: &Witness,
        index: usize,
        latest: i64,
        now: Instant,
        word: impl Fn(i64) -> Option<Word>,
    ) {
        witness.answered(index, at(latest), now);
        for height in witness.wanted(index, now) {
            witness.said(index, Height::new(height).unwrap(), word(height), now);
        }
        witness.works(index);
    }

    fn judged(witness: &Witness, now: Instant, signed: &[i64]) -> Vec<(i64, VoteOutcome)> {
        let gate = |height: Height| match signed.contains(&height.get()) {
            true => GateVote::Block,
            false => GateVote::NotKnown,
        };
        let judged = witness.judge(now, gate).into_iter();
        judged.map(|one| (one.height.get(), one.outcome)).collect()
    }

    #[test]
    fn a_liar_that_answers_first_does_not_say_where_the_totals_begin() {
        let (witness, now) = (of(3), Instant::now());
        turn(&witness, 0, 1 << 62, now, |_| None);
        for index in [1, 2] {
            turn(&witness, index, 7, now, |height| Some(vote(height, true)));
        }
        witness.wanted(1, now);
        assert_eq!(witness.sample(now).tally.first, 7);
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_height_is_judged_once_by_what_its_commit_holds_and_what_was_signed() {
        let (witness, now) = (of(1), Instant::now());
        let says = |height| {
            Some(match height {
                2 | 3 => Word::Absent,
                4 => vote(4, false),
                5 => Word::Outside,
                _ => vote(height, true),
            })
        };
        turn(&witness, 0, 3, now, says);
        let (absent, lost) = (VoteOutcome::Absent, VoteOutcome::Uncommitted);
        assert_eq!(
            judged(&witness, now, &[3]),
            [(1, VoteOutcome::Committed), (2, absent)]
        );
        turn(&witness, 0, 7, now, says);
        let found = judged(&witness, now, &[3]);
        let wanted = [
            (3, lost),
            (4, VoteOutcome::Nil),
            (5, VoteOutcome::Outside),
            (6, VoteOutcome::Committed),
        ];
        assert_eq!(found, wanted);
        turn(&witness, 0, 7, now, says);
        assert_eq!(judged(&witness, now, &[3]), []);
        let sample = witness.sample(now);
        // What was before the first look is in the window only.
        assert_eq!((sample.tally.first, sample.tally.newest), (3, 6));
        assert_eq!(
            VoteOutcome::ALL.map(|outcome| sample.tally.total(outcome)),
            [1, 1, 1, 0, 1]
        );
        assert_eq!(sample.tally.window(), (5, 2));
        assert_eq!(sample.signed.unwrap().height.get(), 6);
    }

    #[test]
    fn an_endpoint_that_hangs_lags_or_cannot_say_holds_up_nothing_for_long() {
        let (witness, mut now) = (of(3), Instant::now());
        // The third has never answered; the second is twenty blocks behind.
        for latest in 30..40 {
            now += SECOND;
            turn(&witness, 0, latest, now, |height| Some(vote(height, true)));
            turn(&witness, 1, latest - 20, now, |height| {
                Some(vote(height, true))
            });
            judged(&witness, now, &[]);
        }
        // Two of which one lags: what both have is judged, and most are where the lower one is.
        assert_eq!(witness.sample(now).height, Some(19));
        turn(&witness, 2, 40, now, |_| None);
        turn(&witness, 0, 41, now, |height| Some(vote(height, true)));
        assert_eq!(witness.sample(now).height, Some(40));
        judged(&witness, now, &[]);
        turn(&witness, 2, 41, now + 6 * SECOND, |_| None);
        judged(&witness, now + 6 * SECOND, &[]);
        let tally = witness.sample(now + 6 * SECOND).tally;
        assert!(tally.newest >= 38, "{tally:?}");
        assert_eq!(tally.window().1, 0);
        // The first one falls silent: what is left is one that cannot say, and one that lags.
        let later = now + 11 * SECOND;
        assert_eq!(witness.latest_signed(later), None);
    }

    #[test]
    fn a_liar_raises_nothing_beside_an_honest_node_and_leaves_nothing_behind_when_it_was_alone() {
        let (witness, now) = (of(2), Instant::now());
        turn(&witness, 0, 1 << 62, now, |_| Some(Word::Absent));
        let alone = judged(&witness, now + 6 * SECOND, &[]);
        assert!(
            alone
                .iter()
                .all(|(_, outcome)| *outcome == VoteOutcome::Absent)
        );
        // The honest one answers from now on.
        let mut now = now;
        for latest in 100..105 {
            now += SECOND;
            turn(&witness, 0, (1 << 62) + latest, now, |_| Some(Word::Absent));
            turn(&witness, 1, latest, now, |height| Some(vote(height, true)));
            judged(&witness, now, &[]);
        }
        now += 6 * SECOND;
        turn(&witness, 1, 105, now, |height| Some(vote(height, true)));
        judged(&witness, now, &[]);
        let sample = witness.sample(now);
        assert_eq!(sample.height, Some(105));
        assert!(
            sample.tally.newest > 99 && sample.tally.newest < 105,
            "{:?}",
            sample.tally
        );
    }

    #[test]
    fn the_latest_signed_height_is_what_most_have_shown() {
        let (witness, now) = (of(3), Instant::now());
        turn(&witness, 0, 50, now, |height| Some(vote(height, true)));
        assert_eq!(witness.latest_signed(now).unwrap().height.get(), 25);
        for _ in 0..3 {
            for index in [0, 1] {
                let upto = if index == 0 { 49 } else { 30 };
                turn(&witness, index, 50, now, |height| {
                    Some(if height <= upto {
                        vote(height, true)
                    } else {
                        Word::Absent
                    })
                });
            }
        }
        let signed = witness.latest_signed(now).unwrap();
        assert_eq!(
            (signed.height.get(), signed.shown_by, signed.answering),
            (30, 2, 2)
        );
        // A third that shows nothing of ours: two of three have shown 30.
        turn(&witness, 2, 50, now, |_| Some(Word::Absent));
        let signed = witness.latest_signed(now).unwrap();
        assert_eq!((signed.height.get(), signed.answering), (30, 3));
        // One of another chain is no witness, at once.
        let chain: crate::consensus::ChainId = "a-1".parse().unwrap();
        let other = || RpcTrouble::OtherChain {
            found: "b-1".to_owned(),
            wanted: chain.clone(),
        };
        assert!(witness.failed(0, other()));
        assert!(!witness.failed(0, other()));
        assert_eq!(witness.latest_signed(now), None);
        assert!(witness.works(0));
    }

    #[test]
    fn a_node_that_catches_up_or_stands_still_is_not_followed() {
        let (witness, mut now) = (of(2), Instant::now());
        let behind = NodeStatus {
            catching_up: true,
            ..at(10)
        };
        witness.answered(0, behind, now);
        assert!(witness.wanted(0, now).is_empty());
        turn(&witness, 1, 900, now, |height| Some(vote(height, true)));
        assert_eq!(witness.sample(now).height, Some(900));
        // It is done, and then it halts.
        for second in 0..70 {
            now += SECOND;
            turn(&witness, 0, 880, now, |height| Some(vote(height, true)));
            turn(&witness, 1, 901 + second, now, |height| {
                Some(vote(height, true))
            });
            judged(&witness, now, &[]);
        }
        let sample = witness.sample(now);
        assert_eq!(sample.height, Some(970));
        let [still, moving] = sample.endpoints.as_slice() else {
            panic!()
        };
        assert_eq!((still.stands, still.left_behind), (Some(69 * SECOND), true));
        assert_eq!((moving.stands, moving.left_behind), (None, false));
        // A chain that has halted leaves nobody behind.
        for _ in 0..70 {
            now += SECOND;
            witness.answered(0, at(880), now);
            witness.answered(1, at(970), now);
        }
        let halted = witness.sample(now).endpoints;
        assert!(
            halted
                .iter()
                .all(|node| node.stands.is_some() && !node.left_behind),
            "{halted:?}"
        );
    }

    #[test]
    fn what_most_know_of_a_validator_outside_is_told() {
        let (witness, now) = (of(3), Instant::now());
        let jailed = SlashingRecord {
            tombstoned: false,
            jailed_until: Some(SECOND),
        };
        let tombstoned = SlashingRecord {
            tombstoned: true,
            jailed_until: None,
        };
        (0..3).for_each(|index| witness.answered(index, at(9), now));
        let (power, outside) = (ValidatorStanding::Power(5), ValidatorStanding::Outside);
        let says = |all: [(ValidatorStanding, Option<SlashingRecord>); 3]| {
            for (index, (standing, record)) in all.into_iter().enumerate() {
                witness.stands(index, standing, record);
            }
            witness.sample(now).slashing
        };
        assert_eq!(says([(outside, Some(jailed)); 3]), Some(jailed));
        // One lies, one knows nothing.
        let (lies, knows) = ((outside, Some(tombstoned)), (outside, Some(jailed)));
        assert_eq!(says([lies, knows, knows]), Some(jailed));
        assert_eq!(says([lies, knows, (outside, None)]), None);
        assert_eq!(
            says([knows, (outside, None), (outside, None)]),
            Some(jailed)
        );
        // In the set nothing of it is said.
        assert_eq!(says([lies, (power, None), (power, None)]), None);
        assert_eq!(witness.acknowledge(), None);
        witness.second_signer(Height::FIRST);
        assert_eq!(witness.acknowledge(), Some(Height::FIRST));
        assert_eq!(witness.sample(now).second, None);
    }

    #[test]
    fn votes_below_a_height_are_known_apart_from_newer_ones() {
        let (witness, now) = (of(3), Instant::now());
        for (index, ours) in [(0, 30), (1, 28), (2, 0)] {
            turn(&witness, index, 41, now, |height| {
                Some(match height <= ours || height == 40 {
                    true => vote(height, true),
                    false => Word::Absent,
                })
            });
            turn(&witness, index, 41, now, |height| {
                Some(match height <= ours || height == 40 {
                    true => vote(height, true),
                    false => Word::Absent,
                })
            });
        }
        let below = |bound| witness.latest_signed_below(Height::new(bound).unwrap(), now);
        assert_eq!(witness.latest_signed(now).unwrap().height.get(), 40);
        // Two of three have shown 28.
        assert_eq!(below(40), Height::new(28));
        assert_eq!(below(41), Height::new(40));
        assert_eq!(below(1), None);
    }

    /// Asks an endpoint below the window once; it has votes of ours at these heights.
    fn asked_below(witness: &Witness, begun: i64, now: Instant, votes: &[i64]) -> Vec<i64> {
        let heights = witness.deeper(0, Height::new(begun), now);
        for height in &heights {
            let found = votes.contains(height).then(|| vote(*height, true));
            let Some(Word::Signed(sighting)) = found else {
                witness.said_below(0, Height::new(*height).unwrap(), None);
                continue;
            };
            witness.said_below(0, sighting.height, Some(&sighting));
            break;
        }
        heights
    }

    #[test]
    fn who_has_not_signed_for_long_is_looked_for_below_and_not_below_the_watermark() {
        let (witness, now) = (of(1), Instant::now());
        let deeper = |watermark| witness.deeper(0, Height::new(watermark), now);
        witness.answered(0, at(2_000), now);
        assert!(deeper(0).is_empty(), "the newest first");
        for _ in 0..5 {
            turn(&witness, 0, 2_000, now, |_| Some(Word::Absent));
        }
        let five = [1_899, 1_898, 1_897, 1_896, 1_895];
        assert_eq!(deeper(0), five);
        // What was not answered is asked for again.
        assert_eq!(asked_below(&witness, 0, now, &[]), five);
        assert_eq!(deeper(1_892), [1_894, 1_893]);
        // A thousand below the newest at most.
        let mut last = 0;
        while let Some(height) = asked_below(&witness, 0, now, &[]).last() {
            last = *height;
        }
        assert_eq!(last, 1_000);
        let (witness, now) = (of(1), Instant::now());
        for _ in 0..5 {
            turn(&witness, 0, 2_000, now, |_| Some(Word::Absent));
        }
        asked_below(&witness, 0, now, &[1_897]);
        assert_eq!(witness.latest_signed(now).unwrap().height.get(), 1_897);
        assert!(witness.deeper(0, None, now).is_empty());
    }

    #[test]
    fn what_was_found_below_is_kept_whatever_is_signed_since() {
        let (witness, mut now) = (of(1), Instant::now());
        for _ in 0..5 {
            turn(&witness, 0, 2_000, now, |_| Some(Word::Absent));
        }
        let first = Height::new(2_001);
        witness.first_signed(0, first);
        asked_below(&witness, 0, now, &[]);
        // Votes of now do not begin it anew, and end it not.
        for latest in 2_001..2_300 {
            now += SECOND;
            turn(&witness, 0, latest, now, |height| {
                Some(match height > 2_000 {
                    true => vote(height, true),
                    false => Word::Absent,
                })
            });
            if latest == 2_150 {
                asked_below(&witness, 0, now, &[1_893]);
            }
        }
        let below = witness.latest_signed_below(first.unwrap(), now);
        assert_eq!(below, Height::new(1_893));
        assert!(witness.deeper(0, None, now).is_empty());
        assert_eq!(witness.latest_signed(now).unwrap().height.get(), 2_298);
        let reports = &witness.0.lock().reports;
        assert!(reports.iter().all(|report| report.size() <= WINDOW + 1));
    }

    #[test]
    fn what_lies_between_the_first_vote_and_those_of_now_is_not_asked_for() {
        let (witness, now) = (of(1), Instant::now());
        let signs = |height| Some(vote(height, true));
        witness.first_signed(0, Height::new(1_500));
        for _ in 0..5 {
            turn(&witness, 0, 2_000, now, signs);
        }
        assert_eq!(asked_below(&witness, 0, now, &[])[0], 1_499);
        // Without a vote of now, one above the first says where the chain's last is, and the search goes on below the first.
        let (witness, now) = (of(1), Instant::now());
        witness.first_signed(0, Height::new(1_500));
        for _ in 0..5 {
            turn(&witness, 0, 2_000, now, |_| Some(Word::Absent));
        }
        assert_eq!(asked_below(&witness, 0, now, &[1_897])[0], 1_899);
        assert_eq!(witness.latest_signed(now).unwrap().height.get(), 1_897);
        assert_eq!(asked_below(&witness, 0, now, &[1_498])[0], 1_499);
        let below = |bound| witness.latest_signed_below(Height::new(bound).unwrap(), now);
        assert_eq!(below(1_500), Height::new(1_498));
        assert!(witness.deeper(0, None, now).is_empty());
    }

    #[test]
    fn a_height_that_was_never_there_does_not_end_the_search_below() {
        for lie in [1 << 62, 150] {
            let (witness, mut now) = (of(1), Instant::now());
            for _ in 0..6 {
                turn(&witness, 0, lie, now, |_| Some(Word::Absent));
            }
            for _ in 0..20 {
                asked_below(&witness, 0, now, &[]);
            }
            now += SECOND;
            for _ in 0..5 {
                turn(&witness, 0, 2_000, now, |_| Some(Word::Absent));
            }
            assert_eq!(witness.deeper(0, None, now).first(), Some(&1_899), "{lie}");
        }
    }

    #[test]
    fn who_can_say_nothing_of_our_votes_holds_up_nobody_who_can() {
        let (witness, now) = (of(2), Instant::now());
        let signs = |height| Some(vote(height, true));
        turn(&witness, 0, 20, now, signs);
        // It has answered, and was not asked yet.
        witness.answered(1, at(20), now);
        assert_eq!(witness.examined(now), Some(0));
        turn(&witness, 1, 20, now, |_| None);
        assert_eq!(witness.examined(now), Some(19));
        assert_eq!(witness.latest_signed(now).unwrap().height.get(), 19);
        // One that has thrown all other blocks away was asked for nothing; neither was one that has the chain's first block only.
        let only = NodeStatus {
            earliest: 20,
            ..at(20)
        };
        let alone = of(1);
        alone.answered(0, only, now);
        assert_eq!(alone.examined(now), None);
        let witness = of(1);
        witness.answered(0, at(1), now);
        assert_eq!(witness.examined(now), Some(0));
    }

    #[test]
    fn who_goes_back_and_forth_does_not_rise_and_who_lied_once_does_again() {
        let (witness, mut now) = (of(3), Instant::now());
        let mut moves = Vec::new();
        for second in 0..200 {
            now += SECOND;
            witness.answered(0, at(900 - second % 2), now);
            let lie = if second == 50 {
                1 << 62
            } else {
                1_000 + second
            };
            witness.answered(1, at(lie), now);
            witness.answered(2, at(1_000 + second), now);
            let seen = witness.0.lock();
            moves.push([0, 1, 2].map(|index| seen.reports[index].moves(now)));
        }
        assert_eq!(moves[30], [true, true, true]);
        assert!(moves[70..].iter().all(|[still, _, rises]| !still && *rises));
        assert!(moves[112..].iter().all(|[_, lied, _]| *lied));
        assert_eq!(witness.tip(now), Some(1_199));
    }

    #[test]
    fn on_a_chain_that_has_halted_one_of_three_that_says_it_rises_is_not_followed() {
        let (witness, mut now) = (of(3), Instant::now());
        let signs = |height| Some(vote(height, true));
        assert!(!witness.all_spoke());
        for second in 0..80 {
            now += SECOND;
            turn(&witness, 0, 40 + second, now, |_| Some(Word::Absent));
            turn(&witness, 1, 30, now, signs);
            turn(&witness, 2, 30, now, signs);
        }
        assert!(witness.all_spoke());
        assert_eq!(
            (witness.tip(now), witness.examined(now)),
            (Some(30), Some(29))
        );
        assert_eq!(witness.latest_signed(now).unwrap().height.get(), 29);
    }

    #[test]
    fn what_was_said_of_heights_that_were_never_there_says_nothing_of_those_that_are() {
        let (witness, now) = (of(1), Instant::now());
        for _ in 0..5 {
            turn(&witness, 0, 1 << 40, now, |_| Some(Word::Absent));
        }
        witness.answered(0, at(2_000), now);
        let first = witness.wanted(0, now)[0];
        witness.said(0, Height::new(first).unwrap(), Some(Word::Absent), now);
        assert_eq!(witness.examined(now), Some(first));
    }

    #[test]
    fn what_a_forger_said_of_other_heights_counts_for_nothing() {
        let (witness, now) = (of(2), Instant::now());
        witness.answered(1, at(9), now);
        turn(&witness, 0, 9, now, |_| Some(vote(1, true)));
        assert!(witness.failed(0, RpcTrouble::Forged(9)));
        turn(&witness, 1, 9, now, |_| Some(Word::Absent));
        let found = judged(&witness, now, &[]);
        assert_eq!(found.len(), 8);
        assert!(
            found
                .iter()
                .all(|(_, outcome)| *outcome == VoteOutcome::Absent)
        );
    }
}
