//! What the chain's word means for signing: a floor, a watch for a second signer before the first signature, and one for it
//! afterwards. Pure: facts go in, acts come out.

use std::time::Duration;

use crate::consensus::Height;

use super::facts::{GuardAct, GuardFacts};
use super::hold::Wait;
use super::settings::{FloorMode, GuardSettings, SecondSigner};

/// How long an answer is waited for before it counts as none, where nothing has to wait for it.
const IN_TIME: Duration = Duration::from_secs(10);
/// How long a watch goes on without an answer, or without a new block.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many of the newest blocks may be without a word when the chain counts as heard: it may make some in a second.
const NEWEST: i64 = 3;
/// So far below our own watermark a node is behind the chain, and does not speak for it.
const LAG: i64 = 20;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The chain was not heard yet.
    Unheard {
        /// It was told.
        told: bool,
    },
    /// New blocks are watched.
    Watch {
        /// Up to here the commits had been looked at when the chain was heard.
        from: i64,
        /// The newest block then: those above it are new.
        base: i64,
        /// How many are left was told.
        left: u32,
        /// Up to here they have been by now, and since when.
        newest: (i64, Duration),
    },
    /// Signing goes on.
    Open {
        /// Up to here the commits had been looked at when it began; `None` where the chain was not heard then.
        from: Option<i64>,
    },
}

/// The guard of one chain.
#[derive(Debug)]
pub struct WordGuard {
    settings: GuardSettings,
    phase: Phase,
    /// The highest watermark that was seen: whoever signs with another key by now has signed with this one before.
    highest: Option<Height>,
    /// The highest vote of a second signer that was told.
    told: i64,
    /// The highest vote of our key that is known to be older than the watch for a second signer.
    past: i64,
    /// Whether a vote of our key was found that says whether the state was behind at the start. While there is none, an older one may come.
    compared: bool,
    /// The highest vote above the watermark that was told.
    behind: i64,
}

impl WordGuard {
    /// Of a chain that is about to be armed.
    pub fn new(settings: GuardSettings) -> Self {
        Self {
            settings,
            phase: Phase::Unheard { told: false },
            highest: None,
            told: 0,
            past: 0,
            compared: false,
            behind: 0,
        }
    }

    /// Of a chain that signs already.
    pub fn opened(settings: GuardSettings) -> Self {
        Self {
            phase: Phase::Open { from: None },
            ..Self::new(settings)
        }
    }

    /// Other settings. Who signs already goes on: what is watched before the first signature is watched at the next start.
    pub fn follow(&mut self, settings: GuardSettings) {
        let waited = self.waits().is_some();
        self.settings = settings;
        if !waited && self.waits().is_some() {
            self.phase = Phase::Open { from: None };
        }
    }

    /// What is waited for before anything is signed.
    pub fn waits(&self) -> Option<Wait> {
        let GuardSettings { floor, blocks, .. } = self.settings;
        match self.phase {
            Phase::Unheard { .. } if floor == FloorMode::Refuse || blocks > 0 => Some(Wait::Answer),
            Phase::Watch { left, .. } => Some(Wait::Blocks(left)),
            Phase::Unheard { .. } | Phase::Open { .. } => None,
        }
    }

    /// Whether votes of our key below the newest blocks are of any use, so that they are worth asking for.
    pub fn looks_back(&self) -> bool {
        self.settings.floor != FloorMode::Off && !self.compared
    }

    /// What follows from the facts.
    pub fn step(&mut self, facts: &GuardFacts) -> Vec<GuardAct> {
        self.highest = self.highest.max(facts.watermark);
        let mut acts = self.compare_later(facts);
        acts.extend(self.next(facts));
        acts
    }

    fn next(&mut self, facts: &GuardFacts) -> Vec<GuardAct> {
        match self.phase {
            Phase::Unheard { told } => self.unheard(told, facts),
            Phase::Watch {
                from,
                base,
                left,
                newest,
            } => self.watch((from, base), left, newest, facts),
            Phase::Open { from } => self.open(from, facts),
        }
    }

    fn unheard(&mut self, told: bool, facts: &GuardFacts) -> Vec<GuardAct> {
        let Some(from) = heard(facts) else {
            return self.not_heard(told, facts);
        };
        let mut acts = self.heard_at(from, facts);
        match self.settings.blocks {
            0 => {
                self.phase = Phase::Open { from: Some(from) };
                acts.push(GuardAct::Open);
            }
            blocks => {
                self.phase = Phase::Watch {
                    from,
                    base: facts.tip.unwrap_or(from),
                    left: blocks,
                    newest: (from, facts.armed),
                };
                acts.push(GuardAct::Watching(blocks));
            }
        }
        acts
    }

    fn not_heard(&mut self, told: bool, facts: &GuardFacts) -> Vec<GuardAct> {
        let refuse = self.settings.floor == FloorMode::Refuse;
        if self.settings.blocks > 0 && !refuse && facts.armed >= PATIENCE {
            self.phase = Phase::Open { from: None };
            return vec![GuardAct::OpenUnheard];
        }
        if told || facts.armed < IN_TIME || self.settings.floor == FloorMode::Off {
            return Vec::new();
        }
        self.phase = Phase::Unheard { told: true };
        vec![GuardAct::Unanswered]
    }

    /// The chain was heard: whatever our key has signed in it by now is older than the watch.
    fn heard_at(&mut self, from: i64, facts: &GuardFacts) -> Vec<GuardAct> {
        self.past = self.past.max(facts.sighted.map_or(0, Height::get));
        self.behind(from, facts)
    }

    /// Where the newest blocks had no vote of ours, those below are looked at while signing goes on.
    fn compare_later(&mut self, facts: &GuardFacts) -> Vec<GuardAct> {
        let (Phase::Watch { from, .. } | Phase::Open { from: Some(from) }) = self.phase else {
            return Vec::new();
        };
        // Should `from` fall, what was there before stays old.
        let old = facts.sighted.filter(|sighted| sighted.get() <= from);
        self.past = self.past.max(old.map_or(0, Height::get));
        self.behind(from, facts)
    }

    /// Whether the state was behind, by those votes of our key that are older than the watch: one above is a second signer's.
    fn behind(&mut self, from: i64, facts: &GuardFacts) -> Vec<GuardAct> {
        let upto = from.max(self.past);
        let old = |vote: Option<Height>| vote.filter(|vote| vote.get() <= upto);
        let at_start = self.behind_at_start(old(facts.before), facts);
        let now = self.behind_now(old(facts.signed), facts);
        at_start.into_iter().chain(now).collect()
    }

    /// The watermark of the start, and the latest vote below the first that was made here since. Compared once; before that first
    /// vote it is the same as the watermark of now.
    fn behind_at_start(&mut self, before: Option<Height>, facts: &GuardFacts) -> Option<GuardAct> {
        let signed = before.filter(|_| !self.compared)?;
        self.compared = true;
        let first = facts.first.filter(|_| self.compares(facts))?;
        let is_behind = facts.begun.is_none_or(|begun| signed > begun);
        is_behind.then_some(GuardAct::BehindAndSigned {
            begun: facts.begun,
            signed,
            first,
        })
    }

    /// The watermark of now, and the latest vote of all. Told again only of a later one.
    fn behind_now(&mut self, signed: Option<Height>, facts: &GuardFacts) -> Option<GuardAct> {
        let signed = signed.filter(|signed| self.compares(facts) && signed.get() > self.behind)?;
        if self.highest.is_some_and(|last| signed <= last) {
            return None;
        }
        self.behind = signed.get();
        Some(match self.settings.floor {
            FloorMode::Refuse => GuardAct::Floor { height: signed },
            FloorMode::Off | FloorMode::Warn => GuardAct::Behind { signed },
        })
    }

    /// Whether votes are compared with a watermark. Hosts that share one sign for each other as soon as they sign.
    fn compares(&self, facts: &GuardFacts) -> bool {
        let shared = self.settings.second == SecondSigner::Ignore && facts.first.is_some();
        self.settings.floor != FloorMode::Off && !shared
    }

    fn watch(
        &mut self,
        (from, base): (i64, i64),
        left: u32,
        newest: (i64, Duration),
        facts: &GuardFacts,
    ) -> Vec<GuardAct> {
        if let Some(height) = self.second(from, facts) {
            // Before the first signature there is nothing to lose by waiting.
            self.told = height.get();
            self.phase = Phase::Open { from: Some(from) };
            return vec![GuardAct::Second {
                height,
                pause: true,
            }];
        }
        let examined = facts.examined.unwrap_or(from).max(from);
        let newest = match examined > newest.0 {
            true => (examined, facts.armed),
            false => newest,
        };
        let seen = u32::try_from(examined.saturating_sub(base).max(0)).unwrap_or(u32::MAX);
        let now_left = self.settings.blocks.saturating_sub(seen);
        let quiet = facts.armed.saturating_sub(newest.1);
        let open = Phase::Open { from: Some(from) };
        if now_left == 0 {
            self.phase = open;
            return vec![GuardAct::Open];
        }
        if quiet >= PATIENCE {
            // Whether all that there is was looked at.
            let still = facts
                .tip
                .is_some_and(|tip| tip.saturating_sub(newest.0) <= NEWEST);
            if still {
                self.phase = open;
                return vec![GuardAct::OpenStill];
            }
            if self.settings.floor != FloorMode::Refuse {
                self.phase = open;
                return vec![GuardAct::OpenUnheard];
            }
        }
        self.phase = Phase::Watch {
            from,
            base,
            left: now_left,
            newest,
        };
        match now_left < left {
            true => vec![GuardAct::Watching(now_left)],
            false => Vec::new(),
        }
    }

    fn open(&mut self, from: Option<i64>, facts: &GuardFacts) -> Vec<GuardAct> {
        let Some(from) = from else {
            // Heard for the first time: what the chain has by now may be of this signer's past.
            let Some(from) = heard(facts) else {
                return Vec::new();
            };
            self.phase = Phase::Open { from: Some(from) };
            return self.heard_at(from, facts);
        };
        // A height that was never there, by one wrong word, must not blind it for good.
        let from = facts.tip.map_or(from, |tip| tip.min(from));
        self.phase = Phase::Open { from: Some(from) };
        let Some(height) = self
            .second(from, facts)
            .filter(|height| height.get() > self.told)
        else {
            return Vec::new();
        };
        self.told = height.get();
        vec![GuardAct::Second {
            height,
            pause: self.settings.second == SecondSigner::Pause,
        }]
    }

    /// A vote of our key that was not made here: in a block that was made since it was heard, which no watermark has known (whatever leaves this signer
    /// is in one before), or beside another one of ours.
    fn second(&self, from: i64, facts: &GuardFacts) -> Option<Height> {
        if self.settings.second == SecondSigner::Ignore {
            return None;
        }
        let old = from.max(self.past);
        let sighted = facts.sighted.filter(|height| height.get() > old);
        let unknown = sighted.filter(|height| self.highest.is_none_or(|last| *height > last));
        unknown.max(facts.foreign)
    }
}

/// The height up to which the commits were looked at for our votes, where that is all but the newest blocks. Whoever is far below our
/// own watermark has not heard the chain, nor has who was first of several to answer.
fn heard(facts: &GuardFacts) -> Option<i64> {
    let tip = facts
        .tip
        .filter(|_| facts.all_spoke || facts.armed >= IN_TIME)?;
    let examined = facts.examined?;
    let watermark = facts.watermark.map_or(0, Height::get);
    let lags = watermark.saturating_sub(tip) > LAG;
    (!lags && tip.saturating_sub(examined) <= NEWEST).then_some(examined.min(tip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn height(height: i64) -> Option<Height> {
        Height::new(height)
    }

    fn guard(floor: FloorMode, blocks: u32) -> WordGuard {
        WordGuard::new(GuardSettings {
            floor,
            blocks,
            second: SecondSigner::Pause,
        })
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// A chain at `tip` whose commits show our votes up to `signed`, and a watermark of 90.
    fn heard(after: u32, tip: i64, signed: i64) -> GuardFacts {
        GuardFacts {
            armed: after * SECOND,
            watermark: height(90),
            begun: height(90),
            first: None,
            signed: height(signed),
            before: height(signed),
            all_spoke: true,
            tip: Some(tip),
            examined: Some(tip - 1),
            sighted: height(signed),
            foreign: None,
        }
    }

    fn unheard(after: u32) -> GuardFacts {
        GuardFacts {
            armed: after * SECOND,
            watermark: height(90),
            begun: height(90),
            ..GuardFacts::default()
        }
    }

    #[test]
    fn a_state_that_is_behind_is_told_or_raised_and_one_that_is_not_is_neither() {
        let signed = height(99).unwrap();
        for (mode, act) in [
            (FloorMode::Off, None),
            (FloorMode::Warn, Some(GuardAct::Behind { signed })),
            (FloorMode::Refuse, Some(GuardAct::Floor { height: signed })),
        ] {
            let mut guard = guard(mode, 0);
            assert_eq!(guard.waits().is_some(), mode == FloorMode::Refuse);
            let acts: Vec<GuardAct> = act.into_iter().chain([GuardAct::Open]).collect();
            assert_eq!(guard.step(&heard(1, 101, 99)), acts, "{mode:?}");
            assert!(guard.waits().is_none());
        }
        let mut sound = guard(FloorMode::Refuse, 0);
        assert_eq!(sound.step(&heard(1, 91, 90)), [GuardAct::Open]);
        let mut never = guard(FloorMode::Refuse, 0);
        let facts = GuardFacts {
            signed: None,
            before: None,
            sighted: None,
            ..heard(1, 91, 90)
        };
        assert_eq!(never.step(&facts), [GuardAct::Open]);
        // However far behind the state is: no liar can make our key's signature.
        let mut typed_too_low = guard(FloorMode::Refuse, 0);
        let height = height((1 << 40) - 1).unwrap();
        let far = heard(1, 1 << 40, (1 << 40) - 1);
        let acts = [GuardAct::Floor { height }, GuardAct::Open];
        assert_eq!(typed_too_low.step(&far), acts);
    }

    #[test]
    fn what_was_signed_here_before_the_answer_came_is_no_state_that_is_behind() {
        let mut guard = guard(FloorMode::Warn, 0);
        assert_eq!(guard.step(&unheard(0)), []);
        let facts = GuardFacts {
            watermark: height(99),
            first: height(91),
            before: height(90),
            ..heard(2, 100, 99)
        };
        assert_eq!(guard.step(&facts), [GuardAct::Open]);
    }

    #[test]
    fn a_state_that_was_behind_is_told_although_signing_had_begun_by_then() {
        let facts = GuardFacts {
            watermark: height(101),
            first: height(100),
            before: height(99),
            ..heard(2, 102, 101)
        };
        let told = GuardAct::BehindAndSigned {
            begun: height(90),
            signed: height(99).unwrap(),
            first: height(100).unwrap(),
        };
        let mut warn = guard(FloorMode::Warn, 0);
        assert_eq!(warn.step(&unheard(0)), []);
        assert_eq!(warn.step(&facts), [told, GuardAct::Open]);
        assert_eq!(warn.step(&facts), []);
        let mut off = guard(FloorMode::Off, 0);
        assert_eq!(off.step(&facts), [GuardAct::Open]);
        // With etcd the other host may have signed meanwhile.
        let mut shared = WordGuard::new(GuardSettings {
            floor: FloorMode::Warn,
            blocks: 0,
            second: SecondSigner::Ignore,
        });
        assert_eq!(shared.step(&facts), [GuardAct::Open]);
    }

    #[test]
    fn votes_above_the_watermark_are_told_or_refused_whatever_was_signed_here_by_then() {
        let signed = height(120).unwrap();
        // What was signed here came after a state that was no longer the newest: the chain is further still.
        let facts = GuardFacts {
            watermark: height(109),
            first: height(91),
            before: height(90),
            ..heard(2, 121, 120)
        };
        for (mode, act) in [
            (FloorMode::Off, None),
            (FloorMode::Warn, Some(GuardAct::Behind { signed })),
            (FloorMode::Refuse, Some(GuardAct::Floor { height: signed })),
        ] {
            let acts: Vec<GuardAct> = act.into_iter().chain([GuardAct::Open]).collect();
            let mut guard = guard(mode, 0);
            assert_eq!(guard.step(&facts), acts, "{mode:?}");
            assert_eq!(guard.step(&facts), [], "{mode:?}");
        }
        let told = GuardAct::BehindAndSigned {
            begun: height(90),
            signed: height(99).unwrap(),
            first: height(100).unwrap(),
        };
        let both = GuardFacts {
            first: height(100),
            before: height(99),
            ..facts
        };
        let acts = [told, GuardAct::Behind { signed }, GuardAct::Open];
        assert_eq!(guard(FloorMode::Warn, 0).step(&both), acts);
        let mut shared = WordGuard::new(GuardSettings {
            floor: FloorMode::Refuse,
            blocks: 0,
            second: SecondSigner::Ignore,
        });
        assert_eq!(shared.step(&both), [GuardAct::Open]);
    }

    #[test]
    fn a_vote_far_below_is_compared_although_one_was_signed_here_meanwhile() {
        let mut guard = guard(FloorMode::Refuse, 0);
        let nothing = GuardFacts {
            watermark: height(109),
            first: height(91),
            signed: None,
            before: None,
            sighted: None,
            ..heard(1, 2_000, 0)
        };
        assert!(guard.looks_back());
        assert_eq!(guard.step(&nothing), [GuardAct::Open]);
        let found = GuardFacts {
            watermark: height(109),
            first: height(91),
            before: None,
            ..heard(60, 2_010, 1_500)
        };
        let height = height(1_500).unwrap();
        assert_eq!(guard.step(&found), [GuardAct::Floor { height }]);
        assert_eq!(guard.step(&found), []);
        // The one before the first may still come, and ends the search.
        assert!(guard.looks_back());
        let before = GuardFacts {
            before: Height::new(90),
            ..found
        };
        assert_eq!(guard.step(&before), []);
        assert!(!guard.looks_back());
        assert!(!self::guard(FloorMode::Off, 0).looks_back());
    }

    #[test]
    fn what_had_been_shown_before_is_no_second_signer_when_the_height_falls() {
        // The vote at 92 was shown by a node that was quicker than most.
        let mut guard = guard(FloorMode::Warn, 0);
        let quick = GuardFacts {
            sighted: height(92),
            ..heard(1, 93, 90)
        };
        let quick = GuardFacts {
            examined: Some(90),
            ..quick
        };
        assert_eq!(guard.step(&quick), [GuardAct::Open]);
        assert_eq!(guard.step(&quick), []);
        // By now most have shown it: the state was behind.
        let signed = height(92).unwrap();
        assert_eq!(guard.step(&heard(2, 94, 92)), [GuardAct::Behind { signed }]);
        let pause = true;
        let second = |at| GuardAct::Second {
            height: height(at).unwrap(),
            pause,
        };
        assert_eq!(guard.step(&heard(3, 95, 93)), [second(93)]);
        // One that lags is most of them for a while; then an old vote is found far below.
        let mut guard = self::guard(FloorMode::Warn, 0);
        let nothing = GuardFacts {
            signed: None,
            before: None,
            sighted: None,
            ..heard(1, 1_000, 0)
        };
        assert_eq!(guard.step(&nothing), [GuardAct::Open]);
        let signed = height(500).unwrap();
        assert_eq!(
            guard.step(&heard(9, 1_001, 500)),
            [GuardAct::Behind { signed }]
        );
        let lags = heard(10, 400, 500);
        assert_eq!(guard.step(&lags), []);
        assert_eq!(guard.step(&heard(11, 1_002, 500)), []);
        assert_eq!(guard.step(&heard(12, 1_003, 501)), [second(501)]);
    }

    #[test]
    fn no_height_that_is_claimed_stops_the_watch() {
        let mut guard = guard(FloorMode::Warn, 3);
        let empty = GuardFacts {
            watermark: None,
            signed: None,
            before: None,
            sighted: None,
            tip: Some(0),
            examined: Some(-1),
            ..heard(1, 0, 0)
        };
        assert_eq!(guard.step(&empty), [GuardAct::Watching(3)]);
        let claimed = GuardFacts {
            armed: 70 * SECOND,
            tip: Some(i64::MAX),
            ..empty
        };
        assert_eq!(guard.step(&claimed), [GuardAct::OpenUnheard]);
    }

    #[test]
    fn a_vote_that_is_found_far_below_is_compared_when_it_is_found() {
        for (mode, act) in [
            (
                FloorMode::Warn,
                GuardAct::Behind {
                    signed: height(95).unwrap(),
                },
            ),
            (
                FloorMode::Refuse,
                GuardAct::Floor {
                    height: height(95).unwrap(),
                },
            ),
        ] {
            let mut guard = guard(mode, 0);
            let nothing = GuardFacts {
                signed: None,
                before: None,
                sighted: None,
                ..heard(1, 400, 0)
            };
            assert_eq!(guard.step(&nothing), [GuardAct::Open]);
            assert_eq!(guard.step(&heard(60, 410, 95)), [act]);
            assert_eq!(guard.step(&heard(61, 410, 95)), []);
        }
        // One that is made after the chain was heard is a second signer's.
        let mut guard = guard(FloorMode::Warn, 0);
        let nothing = GuardFacts {
            signed: None,
            before: None,
            sighted: None,
            ..heard(1, 400, 0)
        };
        guard.step(&nothing);
        let height = height(401).unwrap();
        let pause = true;
        assert_eq!(
            guard.step(&heard(9, 402, 401)),
            [GuardAct::Second { height, pause }]
        );
    }

    #[test]
    fn the_quickest_of_several_does_not_speak_for_all() {
        let mut refuse = guard(FloorMode::Refuse, 0);
        // It leaves our votes out.
        let quick = GuardFacts {
            signed: None,
            before: None,
            sighted: None,
            all_spoke: false,
            ..heard(1, 101, 0)
        };
        assert_eq!(refuse.step(&quick), []);
        assert!(refuse.waits().is_some());
        let height = height(99).unwrap();
        let acts = [GuardAct::Floor { height }, GuardAct::Open];
        assert_eq!(refuse.step(&heard(3, 101, 99)), acts);
        // One that hangs is not waited for without end.
        let mut refuse = guard_that_refuses();
        let hangs = GuardFacts {
            all_spoke: false,
            ..heard(10, 101, 90)
        };
        assert_eq!(refuse.step(&hangs), [GuardAct::Open]);
    }

    fn guard_that_refuses() -> WordGuard {
        guard(FloorMode::Refuse, 0)
    }

    #[test]
    fn half_of_an_answer_is_none() {
        let mut guard = guard(FloorMode::Refuse, 0);
        let half = GuardFacts {
            examined: Some(97),
            ..heard(1, 101, 50)
        };
        assert_eq!(guard.step(&half), []);
        assert!(guard.waits().is_some());
    }

    #[test]
    fn without_an_answer_it_is_told_and_only_refuse_waits() {
        let mut warn = guard(FloorMode::Warn, 0);
        assert!(warn.waits().is_none());
        assert_eq!(warn.step(&unheard(9)), []);
        assert_eq!(warn.step(&unheard(10)), [GuardAct::Unanswered]);
        assert_eq!(warn.step(&unheard(11)), []);
        // Heard at last: told all the same.
        assert_eq!(warn.step(&heard(99, 91, 90)), [GuardAct::Open]);
        let mut refuse = guard(FloorMode::Refuse, 0);
        assert_eq!(refuse.step(&unheard(3_600)), [GuardAct::Unanswered]);
        assert!(refuse.waits().is_some());
        let mut off = guard(FloorMode::Off, 0);
        assert_eq!(off.step(&unheard(3_600)), []);
        assert!(off.waits().is_none());
    }

    #[test]
    fn new_blocks_are_watched_before_the_first_signature() {
        let mut guard = guard(FloorMode::Warn, 3);
        assert!(guard.waits().is_some());
        assert_eq!(guard.step(&heard(1, 91, 90)), [GuardAct::Watching(3)]);
        assert_eq!(guard.step(&heard(2, 91, 90)), []);
        assert_eq!(guard.step(&heard(8, 93, 90)), [GuardAct::Watching(2)]);
        assert_eq!(guard.step(&heard(14, 94, 90)), [GuardAct::Watching(1)]);
        assert!(guard.waits().is_some());
        assert_eq!(guard.step(&heard(20, 95, 90)), [GuardAct::Open]);
        assert!(guard.waits().is_none());
    }

    #[test]
    fn a_second_signer_in_one_of_them_pauses_the_chain_before_the_first_signature() {
        let mut guard = WordGuard::new(GuardSettings {
            floor: FloorMode::Warn,
            blocks: 3,
            second: SecondSigner::Warn,
        });
        guard.step(&heard(1, 91, 90));
        let height = height(92).unwrap();
        let pause = true;
        let second = GuardAct::Second { height, pause };
        assert_eq!(guard.step(&heard(8, 93, 92)), [second]);
        // Told once; a later vote again.
        assert_eq!(guard.step(&heard(9, 93, 92)), []);
    }

    #[test]
    fn a_second_signer_that_begins_later_is_noticed_and_our_own_votes_are_not() {
        for (second, pause) in [(SecondSigner::Pause, true), (SecondSigner::Warn, false)] {
            let mut guard = WordGuard::new(GuardSettings {
                floor: FloorMode::Off,
                blocks: 0,
                second,
            });
            guard.step(&heard(1, 91, 90));
            let ours = GuardFacts {
                watermark: height(95),
                ..heard(30, 96, 95)
            };
            assert_eq!(guard.step(&ours), []);
            let theirs = GuardFacts {
                watermark: height(95),
                ..heard(36, 97, 96)
            };
            let height = height(96).unwrap();
            assert_eq!(guard.step(&theirs), [GuardAct::Second { height, pause }]);
            assert_eq!(guard.step(&theirs), []);
        }
    }

    #[test]
    fn what_was_signed_before_it_was_armed_is_no_second_signer() {
        let mut guard = guard(FloorMode::Warn, 0);
        let signed = height(99).unwrap();
        let acts = [GuardAct::Behind { signed }, GuardAct::Open];
        assert_eq!(guard.step(&heard(1, 101, 99)), acts);
        assert_eq!(guard.step(&heard(2, 101, 99)), []);
        // Unheard at first: the past is what there is when it is heard.
        let mut late = WordGuard::new(GuardSettings {
            floor: FloorMode::Warn,
            blocks: 2,
            second: SecondSigner::Pause,
        });
        assert_eq!(late.step(&unheard(10)), [GuardAct::Unanswered]);
        assert_eq!(late.step(&unheard(60)), [GuardAct::OpenUnheard]);
        assert_eq!(
            late.step(&heard(70, 101, 99)),
            [GuardAct::Behind { signed }]
        );
        assert_eq!(late.step(&heard(71, 101, 99)), []);
    }

    #[test]
    fn a_watch_ends_where_the_chain_stands_still_or_nobody_answers() {
        let mut still = guard(FloorMode::Refuse, 3);
        still.step(&heard(1, 91, 90));
        assert_eq!(still.step(&heard(60, 91, 90)), []);
        assert_eq!(still.step(&heard(61, 91, 90)), [GuardAct::OpenStill]);
        let mut quiet = guard(FloorMode::Warn, 3);
        quiet.step(&heard(1, 91, 90));
        assert_eq!(quiet.step(&unheard(61)), [GuardAct::OpenUnheard]);
        let mut refuse = guard(FloorMode::Refuse, 3);
        refuse.step(&heard(1, 91, 90));
        assert_eq!(refuse.step(&unheard(3_600)), []);
        assert!(refuse.waits().is_some());
    }

    #[test]
    fn a_node_that_lags_far_behind_is_not_the_chain() {
        let mut refuse = guard(FloorMode::Refuse, 0);
        assert_eq!(refuse.step(&heard(1, 69, 60)), []);
        assert!(refuse.waits().is_some());
        assert_eq!(refuse.step(&heard(2, 70, 60)), [GuardAct::Open]);
        // Whoever only watches does not wait for ever.
        let mut watch = guard(FloorMode::Warn, 3);
        assert_eq!(watch.step(&heard(60, 60, 60)), [GuardAct::OpenUnheard]);
    }

    #[test]
    fn a_chain_that_signs_is_not_stopped_by_other_settings() {
        let mut guard = guard(FloorMode::Warn, 0);
        assert_eq!(guard.step(&unheard(10)), [GuardAct::Unanswered]);
        let refuse = GuardSettings {
            floor: FloorMode::Refuse,
            blocks: 3,
            second: SecondSigner::Pause,
        };
        guard.follow(refuse);
        assert_eq!(guard.waits(), None);
        // Half an answer is none; then the floor is there all the same.
        let half = GuardFacts {
            examined: Some(60),
            ..heard(11, 101, 50)
        };
        assert_eq!(guard.step(&half), []);
        let height = height(99).unwrap();
        assert_eq!(
            guard.step(&heard(12, 101, 99)),
            [GuardAct::Floor { height }]
        );
        // One that waits follows at once.
        let mut waits = WordGuard::new(refuse);
        waits.follow(GuardSettings::default());
        assert_eq!(waits.waits(), None);
    }

    #[test]
    fn a_vote_in_the_very_block_at_which_it_was_heard_is_looked_for_too() {
        let mut guard = guard(FloorMode::Warn, 0);
        guard.step(&heard(1, 91, 90));
        let height = height(91).unwrap();
        let pause = true;
        let second = GuardAct::Second { height, pause };
        assert_eq!(guard.step(&heard(2, 92, 91)), [second]);
    }

    #[test]
    fn one_wrong_height_blinds_it_for_no_longer_than_it_is_said() {
        let mut guard = guard(FloorMode::Warn, 0);
        guard.step(&heard(1, 1 << 40, 90));
        assert_eq!(guard.step(&heard(2, 95, 90)), []);
        let height = height(96).unwrap();
        let pause = true;
        let second = GuardAct::Second { height, pause };
        assert_eq!(guard.step(&heard(3, 97, 96)), [second]);
    }

    #[test]
    fn a_second_signer_in_step_with_this_one_is_known_by_another_vote_at_the_same_height() {
        let mut guard = guard(FloorMode::Warn, 0);
        guard.step(&heard(1, 91, 90));
        let facts = GuardFacts {
            watermark: height(96),
            foreign: height(95),
            ..heard(30, 96, 95)
        };
        let height = height(95).unwrap();
        let pause = true;
        let second = GuardAct::Second { height, pause };
        assert_eq!(guard.step(&facts), [second]);
        assert_eq!(guard.step(&facts), []);
    }

    #[test]
    fn what_another_key_of_the_chain_had_reached_is_no_second_signer() {
        let mut guard = guard(FloorMode::Warn, 0);
        guard.step(&heard(1, 91, 90));
        let ours = GuardFacts {
            watermark: height(120),
            ..heard(2, 121, 120)
        };
        assert_eq!(guard.step(&ours), []);
        // The height at which the key changes was moved up.
        assert_eq!(guard.step(&heard(3, 122, 120)), []);
    }
}
