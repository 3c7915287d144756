//! Members of one process, and one that does as it likes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use tmkms::backends::cosign::deal;
use tmkms::backends::cosign::peers::{
    PeerHello, PeerLinks, PeerMessage, PeerPlace, PeerSample, PeerTimes, PeersSettings,
};
use tmkms::backends::cosign::{
    Answered, AskedShare, MadeSignature, MemberStanding, PeerAnswer, Peers, Serve, ServedAnswer,
    ShownNonce,
};
use tmkms::backends::cosign::{Commitments, FrostError, Party};
use tmkms::backends::cosign::{NonceId, ShownTo};
use tmkms::backends::softsign::key::SoftKey;
use tmkms::codec::frame::Decoder;
use tmkms::consensus::{Height, Hrs, KeyType, Signature};
use tmkms::link::{Address, IdentityKey, LinkError, Receiving, Sending, Timeouts, dial};
use tmkms::shares::{KeyShare, Quorum};

pub const PATIENCE: Duration = Duration::from_secs(20);

/// Seven of twelve shares of a key.
pub static SHARES: LazyLock<Vec<KeyShare>> = LazyLock::new(|| {
    let key = SoftKey::from_bytes(&[3; 32], KeyType::Ed25519).unwrap();
    let quorum = Quorum::new(7, 12).unwrap();
    deal(&key.scalar().unwrap(), &key.public_key(), quorum).unwrap()
});

static COMMITMENTS: LazyLock<Commitments> =
    LazyLock::new(|| Party::new(&SHARES[0]).unwrap().commit().1);

/// A nonce of this number, all with the same commitments.
pub fn shown(number: u64) -> ShownNonce {
    ShownNonce {
        nonce: NonceId { pool: 1, number },
        commitments: COMMITMENTS.clone(),
    }
}

/// A question for these bytes.
pub fn asked(bytes: &[u8]) -> AskedShare {
    AskedShare {
        chain_id: "c-1".parse().unwrap(),
        bytes: bytes.to_vec(),
        nonce: shown(0).nonce,
        commitments: BTreeMap::from([(1, COMMITMENTS.clone())]),
        joint: Default::default(),
    }
}

/// Short, where nothing is compared with a busy machine.
pub fn times() -> PeerTimes {
    PeerTimes {
        ping: Duration::from_millis(50),
        show: Duration::from_millis(200),
        certain: Duration::ZERO,
        listen_again: Duration::from_millis(20),
        ..PeerTimes::default()
    }
}

pub fn identity(id: u16) -> IdentityKey {
    IdentityKey::from_seed(&[u8::try_from(id).unwrap(); 32])
}

pub fn place(id: u16, port: u16) -> PeerPlace {
    PeerPlace {
        id,
        peer_id: identity(id).peer_id(),
        host: "127.0.0.1".to_owned(),
        port,
        public_share: SHARES[usize::from(id) - 1].shard().public_share(),
    }
}

/// Member `own` with others of which these ports are known; it listens at any.
pub fn settings(own: u16, others: &[(u16, u16)]) -> PeersSettings {
    let others = others.iter().map(|(id, port)| place(*id, *port));
    PeersSettings {
        own,
        identity: Arc::new(identity(own)),
        listen: "127.0.0.1:0".to_owned(),
        members: others.chain([place(own, 1)]).collect(),
        public_key: SHARES[0].public_key().clone(),
        quorum: SHARES[0].quorum(),
        times: times(),
    }
}

type Script = dyn Fn(ShownTo, AskedShare) -> ServedAnswer + Send + Sync;

/// Answers as it is told to, and counts the nonces that it shows.
pub struct Scripted {
    script: Box<Script>,
    prepare: fn(&AskedShare) -> Result<(), FrostError>,
    number: AtomicU64,
    learn: Sender<MadeSignature>,
    standings: Mutex<Vec<MemberStanding>>,
}

impl Serve for Scripted {
    fn serve(&self, from: ShownTo, asked: &AskedShare) -> ServedAnswer {
        (self.script)(from, asked.clone())
    }

    fn prepare(&self, _: ShownTo, asked: &AskedShare) -> Result<(), FrostError> {
        (self.prepare)(asked)
    }

    fn show(&self, _: ShownTo) -> Option<ShownNonce> {
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        Some(shown(number))
    }

    fn learn(&self, told: MadeSignature) {
        let _ = self.learn.send(told);
    }

    fn standings(&self) -> Vec<MemberStanding> {
        self.standings.lock().clone()
    }
}

pub fn scripted(
    script: impl Fn(ShownTo, AskedShare) -> ServedAnswer + Send + Sync + 'static,
) -> Arc<dyn Serve> {
    learning(script).0
}

/// The same, and what it is told.
pub fn learning(
    script: impl Fn(ShownTo, AskedShare) -> ServedAnswer + Send + Sync + 'static,
) -> (Arc<dyn Serve>, Receiver<MadeSignature>) {
    let (learn, learned) = channel();
    let serve = Arc::new(Scripted {
        script: Box::new(script),
        prepare: looked,
        number: AtomicU64::new(0),
        learn,
        standings: Mutex::default(),
    });
    (serve, learned)
}

fn looked(asked: &AskedShare) -> Result<(), FrostError> {
    asked.commitments.values().try_for_each(Commitments::look)
}

/// One that does this while it answers.
pub fn preparing(prepare: fn(&AskedShare) -> Result<(), FrostError>) -> Arc<dyn Serve> {
    Arc::new(Scripted {
        script: Box::new(|_, _| {
            thread::sleep(Duration::from_millis(50));
            ServedAnswer::NoNonce
        }),
        prepare,
        number: AtomicU64::new(0),
        learn: channel().0,
        standings: Mutex::default(),
    })
}

/// One that says that it stands there.
pub fn stands(all: Vec<MemberStanding>) -> Arc<dyn Serve> {
    let (learn, _) = channel();
    Arc::new(Scripted {
        script: Box::new(|_, _| ServedAnswer::Busy),
        prepare: looked,
        number: AtomicU64::new(0),
        learn,
        standings: Mutex::new(all),
    })
}

/// A signature of these bytes, which is none.
pub fn made(bytes: &[u8]) -> MadeSignature {
    MadeSignature {
        chain_id: "c-1".parse().unwrap(),
        bytes: bytes.to_vec(),
        signature: Signature::from_bytes(vec![7; 64]),
    }
}

/// Where a member stands, with a signature of these bytes that is none.
pub fn standing(height: i64, bytes: &[u8]) -> MemberStanding {
    MemberStanding {
        chain_id: "c-1".parse().unwrap(),
        began: None,
        at: Some(Hrs::end_of(Height::new(height).unwrap())),
        made: Some(made(bytes)),
        refuses: None,
    }
}

/// Answers with what was asked for.
pub fn echo() -> Arc<dyn Serve> {
    scripted(|_, asked| ServedAnswer::Locked(asked.bytes))
}

pub fn start(settings: PeersSettings, serve: &Arc<dyn Serve>) -> PeerLinks {
    PeerLinks::start(settings, serve).unwrap()
}

pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not so in time");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn port(links: &PeerLinks) -> u16 {
    until("it listens", || links.door().bound.is_some());
    links.door().bound.unwrap().port()
}

pub fn sample(links: &PeerLinks, id: u16) -> PeerSample {
    let samples = links.samples();
    samples.into_iter().find(|it| it.id == id).unwrap()
}

/// Why there is no link, as soon as there is none.
pub fn until_down(links: &PeerLinks, id: u16) -> String {
    let mut found = None;
    until("it is down", || {
        let sample = sample(links, id);
        found = sample.why_down.filter(|_| !sample.up);
        found.is_some()
    });
    found.unwrap()
}

pub fn until_reachable(links: &PeerLinks, others: &[u16]) {
    until("reachable", || links.reachable() == others);
}

/// Member 1 that listens and member 2 that dials it, linked.
pub fn pair(first: &Arc<dyn Serve>, second: &Arc<dyn Serve>) -> (PeerLinks, PeerLinks) {
    let one = start(settings(1, &[(2, 1)]), first);
    let two = start(settings(2, &[(1, port(&one))]), second);
    until_reachable(&one, &[2]);
    until_reachable(&two, &[1]);
    (one, two)
}

/// Asks, and gives what comes.
pub fn ask(links: &PeerLinks, member: u16, attempt: u32, bytes: &[u8]) -> Receiver<Answered> {
    let (to, answers) = channel();
    links.ask(member, attempt, asked(bytes), &to);
    answers
}

pub fn answer(answers: &Receiver<Answered>) -> PeerAnswer {
    answers.recv_timeout(PATIENCE).unwrap().answer
}

/// A member that does as it likes, on a link that it has dialled.
pub struct Fake {
    receiving: Receiving,
    pub sending: Sending,
}

pub fn hello(id: u16, boot: u64) -> PeerHello {
    PeerHello {
        version: PeerHello::VERSION,
        id,
        boot,
        public_key: SHARES[0].public_key().as_bytes().try_into().unwrap(),
        threshold: 7,
        members: 12,
        public_share: place(id, 1).public_share,
    }
}

impl Fake {
    /// With this identity, before anything is said.
    pub fn dial(identity: &IdentityKey, listener: SocketAddr) -> Result<Self, LinkError> {
        let address = Address::Tcp {
            peer_id: None,
            host: listener.ip().to_string(),
            port: listener.port(),
        };
        let link = dial(&address, Some(identity), &Timeouts::default(), |_| ())?;
        let (receiving, sending) = link.split();
        Ok(Self { receiving, sending })
    }

    /// Member `id` that has said who it is, and where it stands.
    pub fn greeted(id: u16, boot: u64, links: &PeerLinks) -> Self {
        let mut fake = Self::named(id, boot, links);
        fake.send(PeerMessage::Stands(Vec::new()));
        fake
    }

    /// Member `id` that has said who it is and nothing else.
    pub fn named(id: u16, boot: u64, links: &PeerLinks) -> Self {
        port(links);
        let mut fake = Self::dial(&identity(id), links.door().bound.unwrap()).unwrap();
        fake.send(PeerMessage::Hello(hello(id, boot)));
        assert!(matches!(fake.read(), Ok(PeerMessage::Hello(_))));
        fake
    }

    pub fn send(&mut self, message: PeerMessage) {
        self.sending.send(&message.encode().unwrap()).unwrap();
    }

    pub fn read(&mut self) -> Result<PeerMessage, LinkError> {
        let frame = self.receiving.receive()?;
        Ok(PeerMessage::read(frame.bytes).unwrap())
    }

    /// The next message that is no ping, which are answered, and does not say where the other side stands.
    pub fn next(&mut self) -> Result<PeerMessage, LinkError> {
        loop {
            match self.read()? {
                PeerMessage::Ping(number) => {
                    let pong = PeerMessage::Pong(number).encode().unwrap();
                    self.sending.send(&pong)?;
                }
                PeerMessage::Stands(_) => {}
                other => return Ok(other),
            }
        }
    }

    /// Reads on until the link ends.
    pub fn end(&mut self) -> LinkError {
        loop {
            if let Err(error) = self.read() {
                return error;
            }
        }
    }
}

/// The bytes of a frame as a decoder would see them, for a length that is only announced.
pub fn announced(length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encode_length_delimiter(length, &mut bytes).unwrap();
    let mut decoder = Decoder::default();
    decoder.push(&bytes);
    assert!(decoder.next_frame().is_err());
    bytes
}
