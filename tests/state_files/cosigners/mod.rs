//! Members that sign together in one process: real gates, chains, shares and coordinators; only the links and the disks are
//! played, and both can fail in every way. Whatever a test does, no two signatures of one position may come of it.

mod beside;
mod dead;
mod learn;
mod liars;
mod net;
mod operator;
mod restarts;
mod two_nodes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;

use crate::support::{SharedDisk, chain_id, maker};
use net::{Life, Links, LivingStore, Member, Net, ShowLie, Wire};
use tmkms::backends::cosign::{
    AskedShare, Coordinator, CosignSigner, Party, ServedAnswer, Serving, deal,
};
use tmkms::backends::softsign::key::SoftKey;
use tmkms::chain::{Armed, Asker, Chain, DEADLINE, Lasting, Respond};
use tmkms::consensus::{Hrs, KeyType, PublicKey, SignBytes, Timestamp};
use tmkms::gate::pause::Operator;
use tmkms::gate::raw::RawPolicy;
use tmkms::gate::store::Origin;
use tmkms::gate::watermark::{Last, Watermark};
use tmkms::gate::{Gate, Settings};
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::reply::{RemoteError, Reply, Signed};
use tmkms::request::{RawRequest, Request, SignRequest};
use tmkms::shares::Quorum;

/// What the operator of one member has set.
#[derive(Clone, Default)]
pub struct HostSettings {
    pub gate: Settings,
    pub raw: Option<RawPolicy>,
}

/// One life of one member.
pub struct Host {
    pub disk: SharedDisk,
    pub chain: Arc<Chain>,
    pub coordinator: Arc<Coordinator>,
    pub party: Arc<Party>,
    pub lasting: Lasting,
    life: Arc<Life>,
    settings: HostSettings,
}

/// All of them.
pub struct Hosts {
    pub net: Arc<Net>,
    all: RwLock<BTreeMap<u16, Arc<Host>>>,
    pub key: PublicKey,
}

impl Hosts {
    pub fn of(threshold: u16, members: u16) -> Self {
        Self::with(threshold, members, |_| HostSettings::default())
    }

    pub fn with(threshold: u16, members: u16, settings: impl Fn(u16) -> HostSettings) -> Self {
        let key = SoftKey::from_bytes(&[7; 32], KeyType::Ed25519).unwrap();
        let quorum = Quorum::new(threshold, members).unwrap();
        let shares = deal(&key.scalar().unwrap(), &key.public_key(), quorum).unwrap();
        let net = Arc::new(Net::of(key.public_key()));
        let begun = |share| {
            let party = Arc::new(Party::new(&share).unwrap());
            let id = party.id();
            let disk = SharedDisk::new();
            // No absence has earned heights.
            disk.0.lock().unwrap().record.written = SystemClock.now().wall;
            let host = begin(&net, party, disk, settings(id));
            (id, Arc::new(host))
        };
        let all = RwLock::new(shares.into_iter().map(begun).collect());
        Self {
            net,
            all,
            key: key.public_key(),
        }
    }

    pub fn host(&self, member: u16) -> Arc<Host> {
        self.all.read()[&member].clone()
    }

    /// A member's process is killed: from now on nothing of it has any effect.
    pub fn kill(&self, member: u16) {
        self.net.kill(member);
    }

    /// Another process begins with what is on the member's disk. One that was there is killed first.
    pub fn restart(&self, member: u16) {
        self.kill(member);
        let before = self.host(member);
        let host = begin(
            &self.net,
            before.party.clone(),
            before.disk.clone(),
            before.settings.clone(),
        );
        self.all.write().insert(member, Arc::new(host));
    }

    pub fn wire(&self, one: u16, other: u16, wire: Wire) {
        self.net.set_wire(one, other, wire);
    }

    /// What a member answers instead of what it should.
    pub fn lie(
        &self,
        member: u16,
        lie: impl Fn(ServedAnswer, &AskedShare) -> ServedAnswer + Send + Sync + 'static,
    ) {
        self.net.lies.lock().insert(member, Arc::new(lie));
    }

    /// What a member shows of its nonces instead of what it should.
    pub fn lie_of_nonces(&self, member: u16, lie: ShowLie) {
        self.net.shows.lock().insert(member, lie);
    }

    /// What a node of this member is answered; `None` where the member was killed meanwhile. Always in time.
    pub fn try_ask(&self, member: u16, request: Request) -> Option<Reply> {
        let host = self.host(member);
        let (now, began) = (SystemClock.now(), Instant::now());
        let answer = host
            .chain
            .answer(request, &now, &Asker::default(), &SystemClock);
        assert!(began.elapsed() < DEADLINE, "{:?}", began.elapsed());
        if !host.life.is_alive() {
            return None;
        }
        if let Reply::Signed(signed) = &answer.reply {
            let bytes = signed.request.sign_bytes().at_time(signed.timestamp);
            self.net.is_signed(&bytes.unwrap(), &signed.signature);
        }
        Some(answer.reply)
    }

    pub fn ask(&self, member: u16, request: SignRequest) -> Reply {
        self.try_ask(member, Request::Sign(request)).unwrap()
    }

    /// A signature, which is right.
    pub fn signed(&self, member: u16, request: SignRequest) -> Signed {
        match self.ask(member, request) {
            Reply::Signed(signed) => *signed,
            other => panic!("{other:?}"),
        }
    }

    /// None, in-band, and why.
    pub fn refused(&self, member: u16, request: SignRequest) -> RemoteError {
        match self.ask(member, request) {
            Reply::Refused { error, .. } => error,
            other => panic!("{other:?}"),
        }
    }

    pub fn raw(&self, member: u16, request: RawRequest) -> Reply {
        self.try_ask(member, Request::SignRaw(request)).unwrap()
    }

    /// Where a member stands.
    pub fn last(&self, member: u16) -> Option<Hrs> {
        self.host(member).disk.watermark().hrs()
    }

    /// A member is locked on these bytes, of which nobody made a signature, when it begins again.
    pub fn lock(&self, member: u16, bytes: SignBytes) {
        {
            let host = self.host(member);
            let mut disk = host.disk.0.lock().unwrap();
            disk.record.sequence += 1;
            disk.record.watermark = Watermark::Message(Last::new(bytes, None).unwrap());
            disk.record.origin = Origin::Request;
        }
        self.restart(member);
    }

    /// A member that gives no share, however long it is waited for.
    pub fn refuses(&self, member: u16) {
        self.lie(member, |_, _| {
            ServedAnswer::Refused("its operator is away".to_owned())
        });
    }

    /// Of a member, as another one counted it.
    pub fn counted_bad(&self, by: u16, member: u16) -> u64 {
        self.host(by).coordinator.tally().member(member).bad
    }
}

fn begin(net: &Arc<Net>, party: Arc<Party>, disk: SharedDisk, settings: HostSettings) -> Host {
    let id = party.id();
    let life = Arc::new(Life::new());
    let serving = Arc::new(Serving::new(party.clone(), life.boot));
    let links = Links::new(id, life.clone(), net.clone());
    let coordinator = Arc::new(Coordinator::new(party.clone(), Arc::new(links)));
    let signer = CosignSigner::new(party.clone(), serving.clone(), coordinator.clone());
    let store = LivingStore::boxed(id, disk.store(), life.clone(), net.clone());
    let lasting = Lasting::default();
    let operator = Operator {
        paused: lasting.pause.clone(),
        ..Operator::default()
    };
    let gate = Gate::arm(chain_id(), settings.gate, store, &SystemClock.now()).unwrap();
    let armed = Armed::new(gate.obeying(operator), Arc::new(signer));
    let armed = armed.signing_raw(settings.raw.clone());
    let chain = Chain::armed(chain_id(), armed).sharing(lasting.clone());
    let chain = Arc::new(chain);
    chain.have_cosigners_ask(&chain);
    let member = Member {
        serving,
        life: life.clone(),
    };
    net.members.write().insert(id, member);
    Host {
        disk,
        chain,
        coordinator,
        party,
        lasting,
        life,
        settings,
    }
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

/// Long enough that who waits for it is late, and short enough for a test.
pub const SLOW: Wire = Wire::Slow(Duration::from_millis(300));

#[test]
fn whoever_is_asked_has_the_others_sign_with_it() {
    for (threshold, members) in [(2, 2), (2, 3), (3, 4), (3, 5)] {
        let hosts = Hosts::of(threshold, members);
        let maker = maker();
        for member in 1..=members {
            let height = i64::from(member);
            hosts.signed(member, maker.proposal(height, 0, 1, 1));
            hosts.signed(member, maker.prevote(height, 0, Some(1), 1));
            hosts.signed(member, maker.precommit(height, 0, Some(1), 1, b""));
            let counts = hosts.host(member).coordinator.tally().counts();
            assert_eq!((counts.signed, counts.unsigned), (4, 0));
        }
    }
}
