//! Two coordinators that ask whatever may bring a second signature: at random, and by what they have so far.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use tmkms::backends::cosign::{
    AskedShare, Commitments, MadeSignature, NonceId, ServedAnswer, ShownTo,
};
use tmkms::consensus::{ChainId, Height, Hrs, Round, SignBytes, Signature, Step};
use tmkms::harness::messages::Maker;

use super::judge::{Broken, Judge};
use super::loose::Members;
use super::random::Random;
use super::world::{Member, Mood, PlayedClock, chain_id, members};

/// So many questions are remembered, to be sent again.
const REMEMBERED: usize = 200;

/// A set of members that is to sign one message, as far as it was asked.
struct Plan {
    bytes: Vec<u8>,
    commitments: BTreeMap<u16, Commitments>,
    left: Vec<(u16, NonceId)>,
}

struct Liar {
    is: ShownTo,
    plan: Option<Plan>,
    asked: VecDeque<(u16, AskedShare)>,
}

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub requests: u64,
    pub shares: u64,
    pub locked: u64,
    pub known: u64,
    pub no_nonce: u64,
    pub refused: u64,
    pub restarts: u64,
    pub signed: usize,
    pub lost: usize,
}

impl Seen {
    /// Enough of everything, for a run of some length.
    pub fn is_worth_it(&self) -> bool {
        let each = [self.shares, self.locked, self.no_nonce, self.refused];
        let positions = [self.signed, self.lost].map(|count| u64::try_from(count).unwrap());
        each.into_iter().all(|count| count > self.requests / 100)
            && positions
                .into_iter()
                .all(|count| count > self.requests / 1_000)
            && self.restarts > 0
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests, {} shares, {} times locked, {} times signed already, {} without a nonce, {} refused, {} restarts; \
             {} positions with a signature, {} with shares and none",
            self.requests,
            self.shares,
            self.locked,
            self.known,
            self.no_nonce,
            self.refused,
            self.restarts,
            self.signed,
            self.lost
        )
    }
}

/// Members, two liars, and the judge.
pub struct Siege {
    members: Vec<Member>,
    threshold: usize,
    kind: Members,
    clock: PlayedClock,
    judge: Judge,
    liars: [Liar; 2],
    random: Random,
    maker: Maker,
    at: Hrs,
    sick: Option<usize>,
    seen: Seen,
}

impl Siege {
    pub fn of(threshold: u16, many: u16, kind: Members, seed: u64) -> Self {
        let clock = PlayedClock::default();
        let members = members(threshold, many, kind, &clock);
        let mut judge = Judge::of(members[0].share());
        // A member whose lock is not strict gives shares beside its disk: the judge is to find the conflict.
        judge.looks_at_disks = kind != Members::NotStrict;
        let liar = |member| Liar {
            is: ShownTo { member, boot: 1 },
            plan: None,
            asked: VecDeque::new(),
        };
        Self {
            members,
            threshold: threshold.into(),
            kind,
            clock,
            judge,
            liars: [liar(1), liar(2)],
            random: Random::new(seed),
            maker: Maker::new(chain_id()),
            at: Hrs {
                height: Height::FIRST,
                round: Round::FIRST,
                step: Step::Propose,
            },
            sick: None,
            seen: Seen::default(),
        }
    }

    /// The judge sees no disk: what is wrong there has to be found by what comes of it.
    pub fn without_disks(mut self) -> Self {
        self.judge.looks_at_disks = false;
        self
    }

    pub fn seen(&self) -> Seen {
        let (signed, lost) = (self.judge.signed.len(), self.judge.lost());
        Seen {
            signed,
            lost,
            ..self.seen
        }
    }

    /// So many questions.
    ///
    /// # Errors
    /// What must not be, as soon as it is.
    pub fn run(&mut self, requests: u64) -> Result<(), Broken> {
        for _ in 0..requests {
            self.weather();
            self.seen.requests += 1;
            let liar = self.random.below(2);
            let (member, asked) = self.question(liar);
            self.ask(liar, member, asked)?;
        }
        Ok(())
    }

    /// What happens besides.
    fn weather(&mut self) {
        if self.random.one_in(30) {
            self.advance();
        }
        let victim = self.random.below(self.members.len());
        if self.random.one_in(60) {
            self.members[victim].restart();
            self.seen.restarts += 1;
        }
        if self.random.one_in(500) {
            let seconds = self.random.below(20);
            self.clock
                .pass(Duration::from_secs(u64::try_from(seconds).unwrap()));
        }
        if self.random.one_in(300) {
            let liar = self.random.below(2);
            self.liars[liar].is.boot += 1;
        }
        // A disk is sick for a while, until its member begins again.
        match self.sick {
            Some(sick) if self.random.one_in(10) => {
                self.sick = None;
                self.members[sick].disk.0.lock().mood = Mood::Fine;
                self.members[sick].restart();
                self.seen.restarts += 1;
            }
            None if self.kind != Members::NotDurable && self.random.one_in(200) => {
                self.sick = Some(victim);
                let mood = [Mood::Lost, Mood::Written][self.random.below(2)];
                self.members[victim].disk.0.lock().mood = mood;
            }
            _ => {}
        }
        if self.random.one_in(50) {
            self.tell(victim);
        }
    }

    /// A signature that was made, or a forged one.
    fn tell(&mut self, member: usize) {
        let made = &self.judge.signatures;
        let told = match self.random.one_in(2) {
            true => made.last(),
            false => self.random.pick(made),
        };
        let Some((bytes, signature)) = told.cloned() else {
            return;
        };
        let (bytes, signature) = match self.random.below(4) {
            0 => (self.message(), signature),
            1 => (
                bytes.as_slice().to_vec(),
                Signature::from_bytes(vec![1; 64]),
            ),
            _ => (bytes.as_slice().to_vec(), signature),
        };
        self.members[member].serve.learn(MadeSignature {
            chain_id: chain_id(),
            bytes,
            signature,
        });
    }

    /// To a position where nothing was asked for.
    fn advance(&mut self) {
        let last = self
            .members
            .iter()
            .filter_map(|member| member.disk.watermark().hrs());
        let last = last.max().map_or(self.at, |last| last.max(self.at));
        let height = |more: i64| Height::new(last.height.get() + more).unwrap();
        self.at = match (self.random.below(5), last.step) {
            (0 | 1, Step::Propose) => Hrs {
                step: Step::Prevote,
                ..last
            },
            (0 | 1, Step::Prevote) => Hrs {
                step: Step::Precommit,
                ..last
            },
            (0..=2, _) => Hrs {
                round: Round::new((last.round.get() + 1).min(9_000)).unwrap(),
                step: Step::Prevote,
                height: if last.round.get() >= 9_000 {
                    height(1)
                } else {
                    last.height
                },
            },
            (more, _) => Hrs {
                height: height(if more == 3 { 1 } else { 7 }),
                round: Round::FIRST,
                step: if self.random.one_in(2) {
                    Step::Propose
                } else {
                    Step::Precommit
                },
            },
        };
        self.judge.forget_sets();
        for liar in &mut self.liars {
            liar.plan = None;
        }
    }

    /// One of the messages at the position that is fought for: blocks and times.
    fn message(&mut self) -> Vec<u8> {
        let seconds = [5, 5, 5, 6, 1_000_000][self.random.below(5)];
        let block = [Some(1), Some(1), Some(1), Some(2), None][self.random.below(5)];
        self.message_at(self.at, block, seconds)
    }

    fn message_at(&self, at: Hrs, block: Option<u8>, seconds: i64) -> Vec<u8> {
        let (height, round) = (at.height.get(), at.round.get());
        let request = match at.step {
            Step::Propose => self
                .maker
                .proposal(height, round, block.unwrap_or(3), seconds),
            Step::Prevote => self.maker.prevote(height, round, block, seconds),
            Step::Precommit => self.maker.precommit(height, round, block, seconds, b""),
        };
        request.sign_bytes().as_slice().to_vec()
    }

    /// Anything that may be asked for.
    fn bytes(&mut self) -> Vec<u8> {
        let Hrs {
            height,
            round,
            step,
        } = self.at;
        let elsewhere: ChainId = "siege-2".parse().unwrap();
        let block = self.random.one_in(2).then_some(1);
        let moved = |by: i64| Hrs {
            height: Height::new((height.get() + by).max(1)).unwrap(),
            round,
            step,
        };
        match self.random.below(14) {
            0 => self.message_at(moved(-1), block, 5),
            1 => self.message_at(moved(1), block, 5),
            2 => self.message_at(moved(1 << 62), block, 5),
            3 => self.message_at(moved(3_000_000), block, 5),
            4 => {
                let request = Maker::new(elsewhere).prevote(height.get(), round.get(), block, 5);
                request.sign_bytes().as_slice().to_vec()
            }
            5 => SignBytes::extension(&chain_id(), height, round, b"x")
                .as_slice()
                .to_vec(),
            6 => {
                let more = Round::new(round.get() + 1).unwrap();
                SignBytes::extension(&chain_id(), height, more, b"x")
                    .as_slice()
                    .to_vec()
            }
            7 => SignBytes::extension(&elsewhere, height, round, b"x")
                .as_slice()
                .to_vec(),
            8 => format!("raw {}", self.random.next()).into_bytes(),
            9 => {
                let mut bytes = self.message();
                let at = self.random.below(bytes.len());
                bytes[at] ^= 1 << self.random.below(8);
                bytes
            }
            10 => {
                let mut bytes = self.message();
                bytes.truncate(self.random.below(bytes.len()));
                bytes
            }
            11 => {
                let length = self.random.below(100);
                (0..length)
                    .map(|_| self.random.next().to_le_bytes()[0])
                    .collect()
            }
            12 => self.message_at(self.at, block, i64::MAX),
            _ => [self.message(), vec![0]].concat(),
        }
    }

    fn question(&mut self, liar: usize) -> (u16, AskedShare) {
        match self.random.below(20) {
            // A question that was asked before, by this one or by the other, of the same member or of another one.
            0..=2 => {
                let whose = self.random.below(2);
                let place = self.random.below(self.liars[whose].asked.len());
                if let Some((member, asked)) = self.liars[whose].asked.get(place).cloned() {
                    let other = self.any_member();
                    return (if self.random.one_in(4) { other } else { member }, asked);
                }
                self.planned(liar)
            }
            // Anything, with a nonce that is right.
            3 | 4 => {
                let (member, mut asked) = self.planned(liar);
                asked.bytes = self.bytes();
                if self.random.one_in(8) {
                    asked.chain_id = "siege-2".parse().unwrap();
                }
                (member, asked)
            }
            // Another message with the nonce that was shown for this one.
            5 | 6 => {
                let (member, mut asked) = self.planned(liar);
                asked.bytes = self.message();
                (member, asked)
            }
            // A nonce that is not this one's, or none.
            7 => {
                let (member, mut asked) = self.planned(liar);
                asked.nonce.number = asked.nonce.number.wrapping_add(self.random.next() % 3);
                asked.nonce.pool ^= u64::from(self.random.one_in(2));
                (member, asked)
            }
            // Commitments of others than of those that sign.
            8 => {
                let (member, mut asked) = self.planned(liar);
                let foreign = self.members[0].party().commit().1;
                match self.random.below(3) {
                    0 => drop(asked.commitments.pop_first()),
                    1 => drop(asked.commitments.insert(self.any_member(), foreign)),
                    _ => asked
                        .commitments
                        .values_mut()
                        .for_each(|shown| *shown = foreign.clone()),
                }
                (member, asked)
            }
            _ => self.planned(liar),
        }
    }

    fn any_member(&mut self) -> u16 {
        let place = self.random.below(self.members.len());
        self.members[place].id()
    }

    /// The next question of a set that is to sign one message; a set is begun where there is none.
    fn planned(&mut self, liar: usize) -> (u16, AskedShare) {
        loop {
            if let Some(plan) = &mut self.liars[liar].plan
                && let Some((member, nonce)) = plan.left.pop()
            {
                let asked = AskedShare {
                    joint: Default::default(),
                    chain_id: chain_id(),
                    bytes: plan.bytes.clone(),
                    nonce,
                    commitments: plan.commitments.clone(),
                };
                return (member, asked);
            }
            self.liars[liar].plan = Some(self.begin(liar));
        }
    }

    /// The message is the one that is nearest to a second signature, or any; the members are those that gave no share of it yet.
    fn begin(&mut self, liar: usize) -> Plan {
        let mut bytes = self.message();
        for _ in 0..3 {
            let other = self.message();
            let [here, there] = [&bytes, &other].map(|one| self.judge.shares_of(one).len());
            if there > here && there < self.threshold {
                bytes = other;
            }
        }
        let have = self.judge.shares_of(&bytes);
        let mut all: Vec<(bool, u64, usize)> = (0..self.members.len())
            .map(|place| {
                (
                    have.contains(&self.members[place].id()),
                    self.random.next(),
                    place,
                )
            })
            .collect();
        all.sort();
        let mut plan = Plan {
            bytes,
            commitments: BTreeMap::new(),
            left: Vec::new(),
        };
        for (_, _, place) in all.into_iter().take(self.threshold) {
            let member = &self.members[place];
            if let Some(shown) = member.serve.show(self.liars[liar].is) {
                plan.commitments.insert(member.id(), shown.commitments);
                plan.left.push((member.id(), shown.nonce));
            }
        }
        plan
    }

    fn ask(&mut self, liar: usize, member: u16, asked: AskedShare) -> Result<(), Broken> {
        let from = self.liars[liar].is;
        let host = &self.members[usize::from(member) - 1];
        match host.serve.serve(from, &asked) {
            ServedAnswer::Share(share) => {
                self.seen.shares += 1;
                let disk = host.disk.watermark();
                self.judge.share(member, &asked, share, &disk)?;
            }
            ServedAnswer::Locked(_) => self.seen.locked += 1,
            ServedAnswer::Signed { .. } => self.seen.known += 1,
            ServedAnswer::NoNonce => self.seen.no_nonce += 1,
            ServedAnswer::Refused(_) | ServedAnswer::NotYet(_) | ServedAnswer::Busy => {
                self.seen.refused += 1;
            }
        }
        let remembered = &mut self.liars[liar].asked;
        remembered.push_back((member, asked));
        if remembered.len() > REMEMBERED {
            remembered.pop_front();
        }
        Ok(())
    }
}
