//! Every interleaving of two coordinators and three members over a small universe, with crashes (W18): one coordinator that
//! follows the protocol, and one that lies as it likes.
//!
//! What a member answers is decided by the program's own code, `answer` on a gate that was armed from a record, once for each
//! record and question; what is explored is who asks whom for what, and when.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::support::{SharedDisk, chain_id, maker, moment};
use tmkms::backends::cosign::{Nonces, ShareAnswer, ShareRequest, ShownTo, answer};
use tmkms::backends::softsign::key::SoftKey;
use tmkms::chain::{Armed, Chain};
use tmkms::consensus::{Hrs, KeyType, SignBytes, Signature};
use tmkms::gate::store::Origin;
use tmkms::gate::watermark::{Last, Watermark};
use tmkms::gate::{Gate, Settings};
use tmkms::os::clock::{Clock, SystemClock};

const MEMBERS: usize = 3;
/// So often it may begin again.
const ATTEMPTS: u8 = 1;
/// So many are in the universe.
const MESSAGES: u8 = 4;
const PEER: ShownTo = ShownTo { member: 1, boot: 5 };

/// A vote, the same at another time, one for another block, and what follows in the round.
fn universe() -> Vec<SignBytes> {
    let maker = maker();
    let requests = [
        maker.prevote(1, 0, Some(1), 1),
        maker.prevote(1, 0, Some(1), 2),
        maker.prevote(1, 0, Some(2), 1),
        maker.precommit(1, 0, Some(1), 1, b""),
    ];
    requests.map(|request| request.sign_bytes()).into()
}

/// The bytes of the universe that a member is locked on.
type Lock = Option<u8>;

fn disk(universe: &[SignBytes], lock: Lock) -> SharedDisk {
    let disk = SharedDisk::new();
    if let Some(lock) = lock {
        let last = Last::new(universe[usize::from(lock)].clone(), None).unwrap();
        let mut inner = disk.0.lock().unwrap();
        inner.record.watermark = Watermark::Message(last);
        inner.record.origin = Origin::Request;
    }
    disk
}

fn lock_of(universe: &[SignBytes], disk: &SharedDisk) -> Lock {
    match disk.watermark() {
        Watermark::Message(last) => Some(place(universe, last.bytes())),
        Watermark::Never => None,
        Watermark::UpTo(_) => panic!("nobody raised it"),
    }
}

fn place(universe: &[SignBytes], bytes: &SignBytes) -> u8 {
    let place = universe.iter().position(|one| one == bytes);
    place.unwrap().try_into().unwrap()
}

fn arm(disk: &SharedDisk) -> Gate {
    let now = SystemClock.now();
    Gate::arm(chain_id(), Settings::default(), disk.store(), &now).unwrap()
}

/// A chain as the service has it, whose key nobody asks.
fn chain(gate: Gate) -> Chain {
    let (key, _) = SoftKey::generate(KeyType::Ed25519).unwrap();
    Chain::armed(chain_id(), Armed::new(gate, Arc::new(key)))
}

/// What a member says, without what it says it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// A share of these bytes.
    Share(u8),
    Locked(u8),
    NoNonce,
    Refused,
}

/// One question to the program: the nonce is asked for twice, as if the request was replayed.
fn ask(universe: &[SignBytes], lock: Lock, bytes: u8) -> (Told, Told, Lock) {
    let disk = disk(universe, lock);
    let chain = chain(arm(&disk));
    let nonces = Mutex::new(Nonces::new(9));
    let nonce = nonces.lock().keep(PEER, (), &moment(0));
    let once = || {
        let asked = ShareRequest {
            from: PEER,
            nonce,
            bytes: universe[usize::from(bytes)].as_slice().to_vec(),
        };
        let told = answer(&chain, &nonces, asked, &moment(1), |(), permit| {
            // What a share is given of is on the disk, and a crash afterwards changes nothing (W3).
            let lock = lock_of(universe, &disk).unwrap();
            assert_eq!(universe[usize::from(lock)].as_slice(), permit.bytes());
            lock
        });
        match told {
            ShareAnswer::Share(of) => Told::Share(of),
            ShareAnswer::Locked(on) => Told::Locked(place(universe, &on)),
            ShareAnswer::NoNonce => Told::NoNonce,
            ShareAnswer::Refused(_) => Told::Refused,
            ShareAnswer::Signed { .. } => panic!("nobody has the whole signature"),
        }
    };
    let (first, again) = (once(), once());
    (first, again, lock_of(universe, &disk))
}

/// What members are made of: the program, or one of two mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Members {
    AsTheyAre,
    /// A nonce stays where it is when it is used.
    NonceStays,
    /// The lock is that of a whole signer: the same vote at another time is signed, too.
    NotStrict,
}

/// First answer, answer to the same nonce again, and the lock afterwards.
type Table = BTreeMap<(Lock, u8), (Told, Told, Lock)>;

fn table(universe: &[SignBytes], members: Members) -> Table {
    let locks = std::iter::once(None).chain((0..MESSAGES).map(Some));
    let mut table = Table::new();
    for lock in locks {
        for bytes in 0..MESSAGES {
            let (mut first, mut again, after) = ask(universe, lock, bytes);
            match members {
                Members::AsTheyAre => {}
                Members::NonceStays => again = first,
                Members::NotStrict if matches!(first, Told::Locked(_)) => {
                    first = Told::Share(bytes);
                }
                Members::NotStrict => {}
            }
            table.insert((lock, bytes), (first, again, after));
        }
    }
    table
}

/// A nonce that a member showed to a coordinator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Shown {
    #[default]
    None,
    Waits,
    Used,
    /// The member was started again.
    Erased,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Coordinator {
    wants: u8,
    attempts: u8,
    shown: [Shown; MEMBERS],
}

/// Everything at one moment. Whether an answer arrives makes no difference to it: whoever listens has every share that left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct World {
    locks: [Option<u8>; MEMBERS],
    /// The one that follows the protocol. The liar has nothing to remember: it asks anybody for anything at any time, as often as it
    /// likes, with fresh nonces and with used ones.
    honest: Coordinator,
    /// All shares that ever left: for each member a bit for each message.
    given: [u8; MEMBERS],
}

/// What cannot be after all.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Broken {
    /// Shares of as many members as are needed, for two messages of one position.
    Conflict(u8, u8),
    /// Two shares with one nonce.
    NonceTwice(usize),
}

struct Search {
    /// The position of each message.
    hrs: Vec<Hrs>,
    table: Table,
    threshold: usize,
    seen: HashSet<World>,
    signed: BTreeSet<u8>,
    /// Worlds in which members are locked on three different messages, so that nothing is ever signed there.
    split: usize,
}

impl Search {
    fn of(members: Members, threshold: usize) -> Self {
        let universe = universe();
        Self {
            table: table(&universe, members),
            hrs: universe
                .iter()
                .map(|bytes| bytes.position().unwrap().hrs)
                .collect(),
            threshold,
            seen: HashSet::new(),
            signed: BTreeSet::new(),
            split: 0,
        }
    }

    fn run(&mut self) -> Result<(), Broken> {
        let mut open = Vec::new();
        // The one that follows the protocol wants one or the other vote.
        for wants in [0, 2] {
            let mut world = World::default();
            world.honest.wants = wants;
            open.push(world);
        }
        while let Some(world) = open.pop() {
            if !self.seen.insert(world) {
                continue;
            }
            self.look(&world)?;
            self.after(&world, &mut open)?;
        }
        Ok(())
    }

    /// The rule.
    fn look(&mut self, world: &World) -> Result<(), Broken> {
        let mut at: BTreeMap<Hrs, u8> = BTreeMap::new();
        for bytes in 0..MESSAGES {
            let members = world
                .given
                .iter()
                .filter(|given| *given & (1 << bytes) != 0);
            if members.count() < self.threshold {
                continue;
            }
            self.signed.insert(bytes);
            let hrs = self.hrs[usize::from(bytes)];
            if let Some(other) = at.insert(hrs, bytes) {
                return Err(Broken::Conflict(other, bytes));
            }
        }
        let all: BTreeSet<Lock> = world.locks.into_iter().collect();
        let first = self.hrs[0];
        let is_first = |lock: &Lock| lock.is_some_and(|lock| self.hrs[usize::from(lock)] == first);
        self.split += usize::from(all.len() == MEMBERS && all.iter().all(is_first));
        Ok(())
    }

    /// All that may happen next.
    fn after(&self, world: &World, open: &mut Vec<World>) -> Result<(), Broken> {
        for member in 0..MEMBERS {
            // It is killed and started again: its nonces are gone, its lock is not.
            let mut crashed = *world;
            let shown = &mut crashed.honest.shown[member];
            if *shown == Shown::Waits {
                *shown = Shown::Erased;
            }
            open.push(crashed);
            self.lie(world, member, open)?;
            self.exchange(world, member, open)?;
        }
        // The honest one begins again, with fresh nonces of everybody.
        let mut again = *world;
        if again.honest.attempts < ATTEMPTS {
            again.honest.attempts += 1;
            again.honest.shown = Default::default();
            open.push(again);
        }
        Ok(())
    }

    fn lie(&self, world: &World, member: usize, open: &mut Vec<World>) -> Result<(), Broken> {
        for bytes in 0..MESSAGES {
            let (told, again, lock) = self.table[&(world.locks[member], bytes)];
            if let (Told::Share(_), Told::Share(_)) = (told, again) {
                return Err(Broken::NonceTwice(member));
            }
            let mut next = *world;
            next.locks[member] = lock;
            if let Told::Share(of) = told {
                next.given[member] |= 1 << of;
            }
            open.push(next);
        }
        Ok(())
    }

    fn exchange(&self, world: &World, member: usize, open: &mut Vec<World>) -> Result<(), Broken> {
        let Coordinator {
            wants,
            attempts,
            shown,
        } = world.honest;
        let mut next = *world;
        let (told, again, lock) = self.table[&(world.locks[member], wants)];
        match shown[member] {
            Shown::None => next.honest.shown[member] = Shown::Waits,
            // The same request again, on its way for a while.
            Shown::Used if matches!(again, Told::Share(_)) => {
                return Err(Broken::NonceTwice(member));
            }
            Shown::Used | Shown::Erased => return Ok(()),
            Shown::Waits => {
                next.locks[member] = lock;
                next.honest.shown[member] = Shown::Used;
                if let Told::Share(of) = told {
                    next.given[member] |= 1 << of;
                }
            }
        }
        open.push(next);
        // It takes over what the member is locked on, where that is the same vote at another time.
        if let (Shown::Waits, Told::Locked(on)) = (shown[member], told)
            && attempts < ATTEMPTS
        {
            next.honest = Coordinator {
                wants: on,
                attempts: attempts + 1,
                shown: Default::default(),
            };
            open.push(next);
        }
        Ok(())
    }
}

#[test]
fn two_coordinators_and_three_members_never_sign_two_messages_at_one_position() {
    let mut search = Search::of(Members::AsTheyAre, 2);
    assert_eq!(search.run(), Ok(()));
    // It is not so because nothing happens: each message is signed in some world.
    assert_eq!(search.signed.len(), 4);
    assert!(search.split > 0, "no world in which the vote is lost");
    assert!(search.seen.len() > 10_000, "{}", search.seen.len());
}

/// The search finds what it is for.
#[test]
fn each_rule_is_needed() {
    let broken = Search::of(Members::NonceStays, 2).run();
    assert!(matches!(broken, Err(Broken::NonceTwice(_))), "{broken:?}");
    let broken = Search::of(Members::NotStrict, 2).run();
    assert_eq!(
        broken.map_err(|broken| matches!(broken, Broken::Conflict(..))),
        Err(true)
    );
    // One of three is no majority.
    let broken = Search::of(Members::AsTheyAre, 1).run();
    assert_eq!(
        broken.map_err(|broken| matches!(broken, Broken::Conflict(..))),
        Err(true)
    );
}

/// Where there is a lock, it is what every other question meets, with and without a signature.
#[test]
fn a_lock_remains() {
    let universe = universe();
    let (vote, later, other, next) = (0_u8, 1, 2, 3);
    for (bytes, told) in [
        (vote, Told::Share(vote)),
        (later, Told::Locked(vote)),
        (other, Told::Refused),
    ] {
        assert_eq!(
            ask(&universe, Some(vote), bytes),
            (told, Told::NoNonce, Some(vote))
        );
    }
    assert_eq!(
        ask(&universe, Some(vote), next),
        (Told::Share(next), Told::NoNonce, Some(next))
    );
    assert_eq!(
        ask(&universe, Some(next), vote),
        (Told::Refused, Told::NoNonce, Some(next))
    );
    // The whole signature, once it is known, answers for the share.
    let disk = disk(&universe, None);
    let mut gate = arm(&disk);
    let prepared = gate.prepare(&maker().prevote(1, 0, Some(1), 1)).unwrap();
    let admitted = gate
        .judge(prepared, &moment(0))
        .unwrap()
        .admit(Duration::MAX)
        .unwrap();
    let tmkms::gate::Admission::Sign { permit, .. } = admitted else {
        panic!("{admitted:?}")
    };
    gate.complete(permit, &Signature::from_bytes(vec![1]));
    let chain = chain(gate);
    let nonces = Mutex::new(Nonces::new(9));
    let nonce = nonces.lock().keep(PEER, (), &moment(0));
    let asked = ShareRequest {
        from: PEER,
        nonce,
        bytes: universe[usize::from(later)].as_slice().to_vec(),
    };
    let told = answer(&chain, &nonces, asked, &moment(1), |(), _| ());
    assert!(matches!(told, ShareAnswer::Signed { timestamp, .. } if timestamp.seconds == 1));
}

/// What no node can ask for, no member gives a share of, and its lock does not move (W10, W11).
#[test]
fn bytes_that_no_node_sends_are_refused() {
    let maker = maker();
    let bytes = |request: tmkms::request::SignRequest| request.sign_bytes().as_slice().to_vec();
    let sound = bytes(maker.prevote(1, 0, Some(1), 1));
    let mut cut = sound.clone();
    cut.pop();
    let other_chain = tmkms::harness::messages::Maker::new("test-2".parse().unwrap());
    let extension = SignBytes::extension(
        &chain_id(),
        tmkms::consensus::Height::new(1).unwrap(),
        tmkms::consensus::Round::FIRST,
        b"x",
    );
    for wrong in [
        Vec::new(),
        b"raw".to_vec(),
        cut,
        [&sound[..], &[0]].concat(),
        extension.as_slice().to_vec(),
        bytes(maker.prevote(1, 10_001, Some(1), 1)),
        bytes(maker.prevote(1, 0, Some(1), i64::MAX)),
        bytes(maker.prevote(1 << 62, 0, Some(1), 1)),
        bytes(other_chain.prevote(1, 0, Some(1), 1)),
    ] {
        let disk = SharedDisk::new();
        let chain = chain(arm(&disk));
        let nonces = Mutex::new(Nonces::new(9));
        let nonce = nonces.lock().keep(PEER, (), &moment(0));
        let asked = ShareRequest {
            from: PEER,
            nonce,
            bytes: wrong.clone(),
        };
        let told = answer(&chain, &nonces, asked, &moment(1), |(), _| ());
        assert!(
            matches!(told, ShareAnswer::Refused(_)),
            "{wrong:?}: {told:?}"
        );
        assert_eq!(disk.watermark(), Watermark::Never, "{wrong:?}");
        assert_eq!(nonces.lock().waiting(), 0);
    }
}
