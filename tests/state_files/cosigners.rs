//! Members that sign together in one process: real gates, chains, shares and coordinators; only the links are played.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::support::{SharedDisk, chain_id, maker};
use tmkms::backends::cosign::{
    Answered, AskedShare, Coordinator, CosignSigner, MadeSignature, Party, PeerAnswer, Peers,
    Serve, ServedAnswer, Serving, ShownNonce, ShownTo, deal,
};
use tmkms::backends::softsign::key::SoftKey;
use tmkms::chain::{Armed, Asker, Chain, Respond};
use tmkms::consensus::{KeyType, PublicKey};
use tmkms::gate::{Gate, Settings};
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::reply::{Reply, Signed};
use tmkms::request::{Request, SignRequest};
use tmkms::shares::Quorum;

/// What stands between two members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(dead_code)]
pub enum Wire {
    #[default]
    Up,
    /// There is no link.
    Down,
    /// Questions are answered after this time.
    Slow(Duration),
}

/// What a member does instead of what it should.
pub type Lie = Arc<dyn Fn(ServedAnswer) -> ServedAnswer + Send + Sync>;

#[derive(Default)]
struct Net {
    members: RwLock<BTreeMap<u16, Arc<Serving>>>,
    wires: Mutex<BTreeMap<(u16, u16), Wire>>,
    lies: Mutex<BTreeMap<u16, Lie>>,
}

/// The links of one member.
struct Links {
    own: u16,
    net: Arc<Net>,
}

impl Net {
    fn wire(&self, one: u16, other: u16) -> Wire {
        let pair = (one.min(other), one.max(other));
        self.wires.lock().get(&pair).copied().unwrap_or_default()
    }

    fn serving(&self, member: u16) -> Option<Arc<Serving>> {
        self.members.read().get(&member).cloned()
    }
}

impl Peers for Links {
    fn reachable(&self) -> Vec<u16> {
        let all: Vec<u16> = self.net.members.read().keys().copied().collect();
        let is_up =
            |other: &u16| *other != self.own && self.net.wire(self.own, *other) != Wire::Down;
        all.into_iter().filter(is_up).collect()
    }

    fn take_shown(&self, member: u16) -> Option<ShownNonce> {
        let to = ShownTo {
            member: self.own,
            boot: 1,
        };
        self.net.serving(member)?.show(to)
    }

    fn ask(&self, member: u16, attempt: u32, asked: AskedShare, to: &Sender<Answered>) {
        let (net, to, own) = (self.net.clone(), to.clone(), self.own);
        std::thread::spawn(move || {
            let wire = net.wire(own, member);
            if let Wire::Slow(time) = wire {
                std::thread::sleep(time);
            }
            let from = ShownTo {
                member: own,
                boot: 1,
            };
            let serving = net.serving(member).filter(|_| wire != Wire::Down);
            let mut served = serving.map(|serving| serving.serve(from, asked));
            if let Some(lie) = net.lies.lock().get(&member) {
                served = served.map(|answer| lie(answer));
            }
            let answer = match served {
                None => PeerAnswer::Lost,
                Some(ServedAnswer::Share(share)) => PeerAnswer::Share(share),
                Some(ServedAnswer::Locked(on)) => PeerAnswer::Locked(on),
                Some(ServedAnswer::Signed {
                    signature,
                    timestamp,
                }) => PeerAnswer::Signed {
                    signature,
                    timestamp,
                },
                Some(ServedAnswer::NoNonce) => PeerAnswer::NoNonce,
                Some(ServedAnswer::Refused(why)) => PeerAnswer::Refused(why),
                Some(ServedAnswer::Busy) => PeerAnswer::Busy,
            };
            let _ = to.send(Answered {
                attempt,
                member,
                answer,
                took: Duration::ZERO,
            });
        });
    }

    fn tell(&self, made: &MadeSignature) {
        for member in self.reachable() {
            if let Some(serving) = self.net.serving(member) {
                serving.learn(made.clone());
            }
        }
    }
}

/// One member.
#[allow(dead_code)]
pub struct Host {
    pub disk: SharedDisk,
    pub chain: Arc<Chain>,
    pub coordinator: Arc<Coordinator>,
    pub party: Arc<Party>,
}

/// All of them.
#[allow(dead_code)]
pub struct Hosts {
    net: Arc<Net>,
    pub all: Vec<Host>,
    pub key: PublicKey,
}

#[allow(dead_code)]
impl Hosts {
    pub fn of(threshold: u16, members: u16) -> Self {
        Self::with(threshold, members, Settings::default())
    }

    pub fn with(threshold: u16, members: u16, settings: Settings) -> Self {
        let key = SoftKey::from_bytes(&[7; 32], KeyType::Ed25519).unwrap();
        let quorum = Quorum::new(threshold, members).unwrap();
        let shares = deal(&key.scalar().unwrap(), &key.public_key(), quorum).unwrap();
        let net = Arc::new(Net::default());
        let begun = |share| {
            let party = Arc::new(Party::new(&share).unwrap());
            begin(&net, party, SharedDisk::new(), settings)
        };
        let all = shares.into_iter().map(begun).collect();
        Self {
            net,
            all,
            key: key.public_key(),
        }
    }

    /// A member's process ends, and another one begins with what is on its disk.
    pub fn restart(&mut self, member: u16) {
        let at = usize::from(member) - 1;
        let (party, disk) = (self.all[at].party.clone(), self.all[at].disk.clone());
        self.all[at] = begin(&self.net, party, disk, Settings::default());
    }

    /// A member is gone.
    pub fn kill(&self, member: u16) {
        self.net.members.write().remove(&member);
    }

    pub fn wire(&self, one: u16, other: u16, wire: Wire) {
        let pair = (one.min(other), one.max(other));
        self.net.wires.lock().insert(pair, wire);
    }

    pub fn lie(
        &self,
        member: u16,
        lie: impl Fn(ServedAnswer) -> ServedAnswer + Send + Sync + 'static,
    ) {
        self.net.lies.lock().insert(member, Arc::new(lie));
    }

    /// What a node of this member is answered.
    pub fn ask(&self, member: u16, request: SignRequest) -> Reply {
        let chain = &self.all[usize::from(member) - 1].chain;
        let now = SystemClock.now();
        let request = Request::Sign(request);
        chain
            .answer(request, &now, &Asker::default(), &SystemClock)
            .reply
    }

    /// A signature, which is right.
    pub fn signed(&self, member: u16, request: SignRequest) -> Signed {
        let signed = match self.ask(member, request) {
            Reply::Signed(signed) => *signed,
            other => panic!("{other:?}"),
        };
        let bytes = signed
            .request
            .sign_bytes()
            .at_time(signed.timestamp)
            .unwrap();
        assert!(self.key.verify(bytes.as_slice(), &signed.signature));
        signed
    }
}

fn begin(net: &Arc<Net>, party: Arc<Party>, disk: SharedDisk, settings: Settings) -> Host {
    let id = party.id();
    let serving = Arc::new(Serving::new(party.clone(), rand_boot()));
    let links = Links {
        own: id,
        net: net.clone(),
    };
    let coordinator = Arc::new(Coordinator::new(party.clone(), Arc::new(links)));
    let signer = CosignSigner::new(party.clone(), serving.clone(), coordinator.clone());
    let gate = Gate::arm(chain_id(), settings, disk.store(), &SystemClock.now()).unwrap();
    let armed = Chain::armed(chain_id(), Armed::new(gate, Arc::new(signer)));
    let chain = Arc::new(armed);
    chain.have_cosigners_ask(&chain);
    net.members.write().insert(id, serving);
    Host {
        disk,
        chain,
        coordinator,
        party,
    }
}

fn rand_boot() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[test]
fn whoever_is_asked_has_the_others_sign_with_it() {
    for (threshold, members) in [(2, 2), (2, 3), (3, 5)] {
        let hosts = Hosts::of(threshold, members);
        let maker = maker();
        for member in 1..=members {
            let height = i64::from(member);
            hosts.signed(member, maker.proposal(height, 0, 1, 1));
            hosts.signed(member, maker.prevote(height, 0, Some(1), 1));
            hosts.signed(member, maker.precommit(height, 0, Some(1), 1, b""));
        }
    }
}

#[test]
fn two_nodes_of_one_vote_have_one_signature_of_one_time() {
    let hosts = Hosts::of(2, 3);
    let maker = maker();
    for height in 1..30 {
        let replies: Vec<Signed> = std::thread::scope(|scope| {
            let threads: Vec<_> = (1..=3)
                .map(|member| {
                    let request = maker.prevote(height, 0, Some(1), 10 + i64::from(member));
                    let hosts = &hosts;
                    scope.spawn(move || hosts.signed(member, request))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let times: Vec<_> = replies.iter().map(|signed| signed.timestamp).collect();
        assert!(times.iter().all(|time| *time == times[0]), "{times:?}");
    }
}
