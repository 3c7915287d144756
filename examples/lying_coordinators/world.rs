//! The members: the program's own, with a clock and disks that are played.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use tmkms::backends::cosign::{Answered, AskedShare};
use tmkms::backends::cosign::{
    Coordinator, CosignSigner, MadeSignature, Party, Peers, Serve, Serving, ShownNonce, deal,
};
use tmkms::backends::softsign::key::SoftKey;
use tmkms::chain::{Armed, Chain};
use tmkms::consensus::{ChainId, KeyType};
use tmkms::gate::heights::bucket::Rate;
use tmkms::gate::raw::{Dialect, RawPolicy};
use tmkms::gate::store::{Loaded, Origin, Record, Store, StoreError};
use tmkms::gate::watermark::Watermark;
use tmkms::gate::{Gate, Settings};
use tmkms::os::clock::{Clock, Moment, SystemClock};
use tmkms::shares::{KeyShare, Quorum};

use super::loose::{LooseMember, Members};

pub fn chain_id() -> ChainId {
    "siege-1".parse().unwrap()
}

/// A clock that is ahead of the host's by as much as was passed.
#[derive(Clone, Default)]
pub struct PlayedClock(Arc<Mutex<Duration>>);

impl PlayedClock {
    pub fn pass(&self, time: Duration) {
        *self.0.lock() += time;
    }
}

impl Clock for PlayedClock {
    fn now(&self) -> Moment {
        let (now, ahead) = (SystemClock.now(), *self.0.lock());
        Moment {
            monotonic: now.monotonic + ahead,
            boot: now.boot + ahead,
            wall: now.wall + ahead,
        }
    }
}

/// What the next writes do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Fine,
    /// They fail, and nothing was written.
    Lost,
    /// They fail, and were done all the same.
    Written,
    /// They are said to be done, and are not: a mistake.
    Forgotten,
}

pub struct Disk {
    pub record: Record,
    pub mood: Mood,
}

#[derive(Clone)]
pub struct SharedDisk(pub Arc<Mutex<Disk>>);

impl SharedDisk {
    fn empty() -> Self {
        let record = Record {
            sequence: 1,
            watermark: Watermark::Never,
            origin: Origin::Begun,
            written: SystemClock.now().wall,
        };
        let mood = Mood::Fine;
        Self(Arc::new(Mutex::new(Disk { record, mood })))
    }

    pub fn watermark(&self) -> Watermark {
        self.0.lock().record.watermark.clone()
    }
}

struct MemoryStore {
    disk: SharedDisk,
    failed: bool,
}

impl MemoryStore {
    fn write(
        &mut self,
        sequence: u64,
        watermark: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        let mut disk = self.disk.0.lock();
        let record = Record {
            sequence: sequence + 1,
            watermark: watermark.clone(),
            origin,
            written: now,
        };
        if matches!(disk.mood, Mood::Fine | Mood::Written) {
            disk.record = record.clone();
        }
        self.failed = matches!(disk.mood, Mood::Lost | Mood::Written);
        match self.failed {
            true => Err(StoreError::Failed("the disk is sick".to_owned())),
            false => Ok(record),
        }
    }
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        let record = self.disk.0.lock().record.clone();
        let (damage, notice) = (None, None);
        Ok(Loaded {
            record,
            damage,
            notice,
        })
    }

    fn persist(
        &mut self,
        expected: u64,
        next: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        if self.failed {
            return Err(StoreError::Failed("the store failed before".to_owned()));
        }
        let found = self.disk.0.lock().record.clone();
        if found.sequence > expected {
            return Err(StoreError::Superseded(Box::new(found)));
        }
        self.write(expected, next, origin, now)
    }

    fn rebuild(
        &mut self,
        watermark: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        let sequence = self.disk.0.lock().record.sequence;
        self.write(sequence, watermark, origin, now)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Nobody: these members are asked, and ask nobody.
struct NoPeers;

impl Peers for NoPeers {
    fn reachable(&self) -> Vec<u16> {
        Vec::new()
    }
    fn take_shown(&self, _: u16) -> Option<ShownNonce> {
        None
    }
    fn ask(&self, _: u16, _: u32, _: AskedShare, _: &std::sync::mpsc::Sender<Answered>) {}
    fn tell(&self, _: &MadeSignature) {}
}

/// One member, and what is left of it when its process ends.
pub struct Member {
    share: Arc<KeyShare>,
    party: Arc<Party>,
    pub disk: SharedDisk,
    members: Members,
    clock: PlayedClock,
    boots: u64,
    pub serve: Box<dyn Serve>,
    /// What answers asks it.
    _chain: Arc<Chain>,
}

impl Member {
    fn of(share: KeyShare, members: Members, clock: &PlayedClock) -> Self {
        let party = Arc::new(Party::new(&share).unwrap());
        let (share, disk) = (Arc::new(share), SharedDisk::empty());
        if members == Members::NotDurable {
            disk.0.lock().mood = Mood::Forgotten;
        }
        let boots = u64::from(share.id()) << 32;
        let (serve, chain) = begin(&share, &party, &disk, members, clock, boots);
        Self {
            share,
            party,
            disk,
            members,
            clock: clock.clone(),
            boots,
            serve,
            _chain: chain,
        }
    }

    pub fn id(&self) -> u16 {
        self.party.id()
    }

    /// A nonce of its own, which it shows to nobody.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// Its process ends, and another one begins with what is on its disk.
    pub fn restart(&mut self) {
        self.boots += 1;
        let again = begin(
            &self.share,
            &self.party,
            &self.disk,
            self.members,
            &self.clock,
            self.boots,
        );
        (self.serve, self._chain) = again;
    }
}

fn begin(
    share: &Arc<KeyShare>,
    party: &Arc<Party>,
    disk: &SharedDisk,
    members: Members,
    clock: &PlayedClock,
    boot: u64,
) -> (Box<dyn Serve>, Arc<Chain>) {
    let serving = Arc::new(Serving::new(party.clone(), boot).by_clock(Arc::new(clock.clone())));
    let coordinator = Arc::new(Coordinator::new(party.clone(), Arc::new(NoPeers)));
    let signer = CosignSigner::new(party.clone(), serving.clone(), coordinator);
    let store = Box::new(MemoryStore {
        disk: disk.clone(),
        failed: false,
    });
    let settings = Settings {
        rate: Rate {
            max_gap: 1_000_000,
            max_blocks_per_second: 1_000,
        },
        ..Settings::default()
    };
    let gate = Gate::arm(chain_id(), settings, store, &SystemClock.now()).unwrap();
    let raw = RawPolicy {
        dialect: Dialect::CometbftV1,
        max_bytes: 500,
    };
    let armed = Armed::new(gate, Arc::new(signer)).signing_raw(Some(raw));
    let chain = Arc::new(Chain::armed(chain_id(), armed));
    chain.have_cosigners_ask(&chain);
    let serve: Box<dyn Serve> = match members {
        Members::AsTheyAre | Members::NotDurable => Box::new(Shared(serving)),
        mistake => Box::new(LooseMember::new(share, chain.clone(), boot, mistake)),
    };
    (serve, chain)
}

struct Shared(Arc<Serving>);

impl Serve for Shared {
    fn serve(
        &self,
        from: tmkms::backends::cosign::ShownTo,
        asked: &AskedShare,
    ) -> tmkms::backends::cosign::ServedAnswer {
        self.0.serve(from, asked)
    }
    fn show(&self, to: tmkms::backends::cosign::ShownTo) -> Option<ShownNonce> {
        self.0.show(to)
    }
    fn learn(&self, told: MadeSignature) {
        self.0.learn(told);
    }
    fn standings(&self) -> Vec<tmkms::backends::cosign::MemberStanding> {
        self.0.standings()
    }
}

/// All of them, in the order of their ids, and one share, for its public halves.
pub fn members(threshold: u16, members: u16, kind: Members, clock: &PlayedClock) -> Vec<Member> {
    let key = SoftKey::from_bytes(&[7; 32], KeyType::Ed25519).unwrap();
    let quorum = Quorum::new(threshold, members).unwrap();
    let shares = deal(&key.scalar().unwrap(), &key.public_key(), quorum).unwrap();
    let shares = shares.into_iter();
    shares.map(|share| Member::of(share, kind, clock)).collect()
}

impl Member {
    pub fn share(&self) -> &KeyShare {
        &self.share
    }
}
