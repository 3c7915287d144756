//! One signature of the members, from the first question to the last share.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::backends::cosign::ask::{Answered, MadeSignature};
use crate::backends::cosign::frost::FrostError;
use crate::backends::cosign::member::ShareAnswer;
use crate::consensus::{ChainId, SignBytes};
use crate::cosigner::{AskedJointly, JointSignature, NotJoint};
use crate::os::clock::{Clock, SystemClock};

use super::attempt::Attempt;
use super::means::Means;
use super::own::OwnShare;
use super::plan::{AGAIN, KnownMembers};

/// So many sets are tried for one signature: as many as a member keeps nonces for another one.
const MOST: u32 = 8;

/// One signature in the making.
pub(super) struct JointRun<'a> {
    pub(super) with: &'a Means,
    pub(super) chain_id: &'a ChainId,
    pub(super) own: OwnShare<'a>,
    pub(super) asked: SignBytes,
    pub(super) known: KnownMembers,
    pub(super) attempts: Vec<Attempt>,
    begun: u32,
    /// This member gave a share, so its gate is locked.
    gave: bool,
    to: Sender<Answered>,
    answers: Receiver<Answered>,
}

/// A signature, or none yet.
pub(super) type JointStep = Result<Option<JointSignature>, NotJoint>;

impl<'a> JointRun<'a> {
    pub fn new(
        with: &'a Means,
        chain_id: &'a ChainId,
        own: OwnShare<'a>,
        asked: AskedJointly,
    ) -> Self {
        let (to, answers) = channel();
        let party = &with.party;
        let mut known = KnownMembers::nothing(party.id(), party.quorum().threshold());
        if asked.is_locked {
            known.is_locked(party.id(), asked.bytes.clone());
        }
        Self {
            with,
            chain_id,
            own,
            asked: asked.bytes,
            known,
            attempts: Vec::new(),
            begun: 0,
            gave: false,
            to,
            answers,
        }
    }

    /// Until there is a signature, or `until` by the monotonic clock.
    pub fn run(mut self, until: Duration) -> Result<JointSignature, NotJoint> {
        let began = SystemClock.monotonic();
        let made = self.until_made(until);
        let (peers, tally) = (&*self.with.peers, &self.with.tally);
        self.attempts.iter().for_each(|left| left.spare(peers));
        match &made {
            Ok(joint) => {
                tally.signed();
                self.with
                    .pace
                    .took(SystemClock.monotonic().saturating_sub(began));
                if let OwnShare::Gate(_) = self.own {
                    peers.tell(&MadeSignature {
                        chain_id: self.chain_id.clone(),
                        bytes: joint.bytes.as_slice().to_vec(),
                        signature: joint.signature.clone(),
                    });
                }
            }
            Err(_) if self.gave => tally.unsigned(),
            Err(_) => {}
        }
        made
    }

    fn until_made(&mut self, until: Duration) -> Result<JointSignature, NotJoint> {
        let beside = self.beside();
        loop {
            // What came while this host's disk worked is not late.
            while let Ok(answered) = self.answers.try_recv() {
                if let Some(joint) = self.hear(answered)? {
                    return Ok(joint);
                }
            }
            let now = SystemClock.monotonic();
            if now >= until {
                return Err(self.too_few());
            }
            self.note_late(now);
            self.known.forget_what_passed(now);
            let may_begin = self.attempts.iter().all(|attempt| attempt.is_late);
            if may_begin
                && self.attempts.len() < beside
                && let Some(joint) = self.begin(now)?
            {
                return Ok(joint);
            }
            let wait = match self
                .attempts
                .iter()
                .filter(|one| !one.is_late)
                .map(|one| one.since)
                .min()
            {
                Some(since) => (since + self.with.pace.patience()).saturating_sub(now),
                None => AGAIN,
            };
            match self
                .answers
                .recv_timeout(wait.min(until.saturating_sub(now)))
            {
                Ok(answered) => {
                    if let Some(joint) = self.hear(answered)? {
                        return Ok(joint);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // This holds a sender.
                Err(RecvTimeoutError::Disconnected) => return Err(self.too_few()),
            }
        }
    }

    /// So many sets wait for answers at once: however many members do not answer, of those that may be missing, the last set has
    /// others.
    fn beside(&self) -> usize {
        let quorum = self.with.party.quorum();
        usize::from(quorum.members() - quorum.threshold()) + 1
    }

    /// Notes who has not answered in the time that is usual.
    fn note_late(&mut self, now: Duration) {
        let patience = self.with.pace.patience();
        for attempt in &mut self.attempts {
            if attempt.is_late || now.saturating_sub(attempt.since) < patience {
                continue;
            }
            attempt.is_late = true;
            for member in attempt.missing() {
                self.known.is_late(member);
                self.with.pace.is_late(member, now);
                self.with.tally.late(member);
            }
        }
    }

    /// Asks the next set of members, where there is one.
    fn begin(&mut self, now: Duration) -> JointStep {
        if self.begun >= MOST {
            return self.none_left();
        }
        let party = &self.with.party;
        let slow = self.with.pace.slow(now);
        let (mut plan, shown) = loop {
            let mut can = self.with.peers.reachable();
            can.push(party.id());
            let Some(plan) = self.known.plan(&self.asked, &can, &slow) else {
                return self.none_left();
            };
            // It answers in turn, and would give no answer sooner.
            let mut waiting = self.attempts.iter();
            if waiting.any(|attempt| attempt.waits_for_one_of(&plan.members)) {
                return Ok(None);
            }
            let others = plan.members.iter().filter(|member| **member != party.id());
            let shown: Vec<_> = others
                .map(|member| (*member, self.with.peers.take_shown(*member)))
                .collect();
            if shown.iter().all(|(_, shown)| shown.is_some()) {
                break (plan, shown);
            }
            for (member, shown) in shown {
                match shown {
                    Some(shown) => self.with.peers.give_back(member, shown.nonce),
                    None => {
                        let why = "has shown no nonce that could be used";
                        self.known.is_out_now(member, why, now);
                    }
                }
            }
        };
        if !self.own.locks() {
            // There is nothing that two who ask could split the members about.
            plan.first = None;
        }
        let mut attempt = Attempt::of(self.begun, plan, shown, party, now);
        if self.begun > 0 {
            self.with.tally.one_more_set();
        }
        self.begun += 1;
        match attempt.first {
            Some(first) => {
                self.ask(&mut attempt, first);
                attempt.prepare(party).map_err(internal)?;
                self.attempts.push(attempt);
                Ok(None)
            }
            None => self.collect(attempt),
        }
    }

    /// No further set can be asked. Fails where none waits for answers and none may be asked in a moment.
    fn none_left(&self) -> JointStep {
        let all = 1..=self.with.party.quorum().members();
        match self.attempts.is_empty()
            && (self.begun >= MOST || !self.known.may_be_enough(&self.asked, all))
        {
            true => Err(self.too_few()),
            false => Ok(None),
        }
    }

    fn ask(&self, attempt: &mut Attempt, member: u16) {
        if let Some(question) = attempt.question(member, self.chain_id) {
            self.with
                .peers
                .ask(member, attempt.number, question, &self.to);
        }
    }

    /// Asks all of a set that were not asked, and gives this member's own share meanwhile.
    pub(super) fn collect(&mut self, mut attempt: Attempt) -> JointStep {
        attempt.first = None;
        attempt.since = SystemClock.monotonic();
        let party = &self.with.party;
        let all: Vec<u16> = attempt.unasked.keys().copied().collect();
        // The others are asked while this host's disk works.
        let own = attempt.own_nonce.take().map(|nonce| {
            let (target, commitments) = (attempt.target.clone(), attempt.commitments.clone());
            let joint = std::mem::take(&mut attempt.joint);
            let work = || party.joint(target.as_slice(), &commitments);
            let mut ahead = || {
                all.iter()
                    .for_each(|member| self.ask(&mut attempt, *member));
                // What is wrong is told when it is needed.
                let _ = joint.get(work);
            };
            let own = self.own.share(&target, nonce, &mut ahead, |nonce, permit| {
                nonce.share_of(party, permit, joint.get(work)?)
            });
            attempt.joint = joint;
            own
        });
        if !matches!(own, None | Some(ShareAnswer::Share(_))) {
            attempt.spare(&*self.with.peers);
        }
        match own {
            None => {}
            Some(ShareAnswer::Share(share)) => {
                self.gave = true;
                if self.own.locks() {
                    self.known.is_locked(party.id(), attempt.target.clone());
                }
                attempt.shares.insert(party.id(), share.map_err(internal)?);
            }
            Some(ShareAnswer::Locked(on)) => {
                // Somebody else was quicker; the next set knows.
                self.known.is_locked(party.id(), on);
                return Ok(None);
            }
            Some(ShareAnswer::Signed {
                signature,
                timestamp,
            }) => {
                return self.known_whole(&attempt.target, signature, timestamp);
            }
            Some(ShareAnswer::Refused(refusal)) => return Err(NotJoint::Refused(refusal)),
            Some(ShareAnswer::NoNonce) => {
                return Err(NotJoint::TooFew(
                    "this member's own nonce was gone".to_owned(),
                ));
            }
        }
        all.iter()
            .for_each(|member| self.ask(&mut attempt, *member));
        self.keep_or_finish(attempt)
    }

    /// Puts the shares together once all are there.
    pub(super) fn keep_or_finish(&mut self, attempt: Attempt) -> JointStep {
        let party = &self.with.party;
        if !attempt.is_complete() {
            attempt.prepare(party).map_err(internal)?;
            self.attempts.push(attempt);
            return Ok(None);
        }
        match attempt.aggregate(party) {
            Ok(signature) => Ok(Some(JointSignature {
                bytes: attempt.target,
                signature,
            })),
            Err(FrostError::Culprits(culprits)) if !culprits.contains(&party.id()) => {
                culprits
                    .into_iter()
                    .for_each(|member| self.lies(member, "sent a wrong share"));
                Ok(None)
            }
            Err(error) => Err(internal(error)),
        }
    }

    fn too_few(&self) -> NotJoint {
        let quorum = self.with.party.quorum();
        let told = self.known.told(
            &self.asked,
            1..=quorum.members(),
            &self.with.peers.reachable(),
        );
        let why = match told.is_empty() {
            true => "the time was up".to_owned(),
            false => told.join("; "),
        };
        NotJoint::TooFew(format!(
            "{} of {} members have to sign together, and too few did: {why}",
            quorum.threshold(),
            quorum.members()
        ))
    }
}

fn internal(error: FrostError) -> NotJoint {
    NotJoint::TooFew(format!("the shares could not be put together: {error}"))
}
