//! What is between the members, and what can go wrong there: links that are down or slow, members that lie, processes that are
//! killed between any two steps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use tmkms::backends::cosign::{
    Answered, AskedShare, MadeSignature, PeerAnswer, Peers, Serve, ServedAnswer, Serving,
    ShownNonce, ShownTo,
};
use tmkms::consensus::{Hrs, PublicKey, SignBytes, Signature};
use tmkms::gate::store::{Loaded, Origin, Record, Store, StoreError};
use tmkms::gate::watermark::Watermark;

/// What stands between two members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    #[default]
    Up,
    /// There is no link.
    Down,
    /// The link is there, and answers come after this time.
    Slow(Duration),
}

/// What a member does instead of what it should.
pub type Lie = Arc<dyn Fn(ServedAnswer, &AskedShare) -> ServedAnswer + Send + Sync>;
pub type ShowLie = Arc<dyn Fn(ShownNonce) -> ShownNonce + Send + Sync>;

/// One process of a member, until it is killed.
pub struct Life {
    pub boot: u64,
    alive: AtomicBool,
}

impl Life {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            boot: NEXT.fetch_add(1, Ordering::Relaxed),
            alive: AtomicBool::new(true),
        }
    }

    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::SeqCst)
    }
}

#[derive(Clone)]
pub struct Member {
    pub serving: Arc<Serving>,
    pub life: Arc<Life>,
}

/// Everything between the members.
pub struct Net {
    key: PublicKey,
    pub members: RwLock<BTreeMap<u16, Member>>,
    wires: Mutex<BTreeMap<(u16, u16), Wire>>,
    pub lies: Mutex<BTreeMap<u16, Lie>>,
    pub shows: Mutex<BTreeMap<u16, ShowLie>>,
    /// What a write takes.
    pub disks: Mutex<BTreeMap<u16, Duration>>,
    /// Each question that was served: by whom, from whom.
    pub served: Mutex<Vec<(u16, u16)>>,
    /// All that was signed, wherever it was seen.
    signed: Mutex<BTreeMap<Hrs, SignBytes>>,
    steps: AtomicU64,
    /// At this step this member is killed.
    pub kill_at: Mutex<Option<(u64, u16)>>,
}

impl Net {
    pub fn of(key: PublicKey) -> Self {
        Self {
            key,
            members: RwLock::default(),
            wires: Mutex::default(),
            lies: Mutex::default(),
            shows: Mutex::default(),
            disks: Mutex::default(),
            served: Mutex::default(),
            signed: Mutex::default(),
            steps: AtomicU64::new(0),
            kill_at: Mutex::default(),
        }
    }

    /// A signature of the whole key: it is right, and the only one of its position.
    pub fn is_signed(&self, bytes: &SignBytes, signature: &Signature) {
        assert!(
            self.key.verify(bytes.as_slice(), signature),
            "a wrong signature"
        );
        let hrs = bytes.position().unwrap().hrs;
        let mut signed = self.signed.lock();
        let first = signed.entry(hrs).or_insert_with(|| bytes.clone());
        assert_eq!(first, bytes, "two signatures at {hrs}");
    }

    /// So many positions have a signature.
    pub fn signed(&self) -> usize {
        self.signed.lock().len()
    }

    pub fn kill(&self, member: u16) {
        if let Some(gone) = self.members.write().remove(&member) {
            gone.life.alive.store(false, Ordering::SeqCst);
        }
    }

    pub fn set_wire(&self, one: u16, other: u16, wire: Wire) {
        let pair = (one.min(other), one.max(other));
        self.wires.lock().insert(pair, wire);
    }

    fn wire(&self, one: u16, other: u16) -> Wire {
        let pair = (one.min(other), one.max(other));
        self.wires.lock().get(&pair).copied().unwrap_or_default()
    }

    fn member(&self, member: u16) -> Option<Member> {
        self.members.read().get(&member).cloned()
    }

    /// So many steps were made.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::SeqCst)
    }

    fn step(&self) {
        let step = self.steps.fetch_add(1, Ordering::SeqCst);
        let victim = *self.kill_at.lock();
        if let Some((at, member)) = victim
            && at == step
        {
            self.kill(member);
        }
    }

    /// A question, as it is when it arrives. `None`: no answer comes back.
    fn serve(
        &self,
        from: ShownTo,
        asker: &Life,
        member: u16,
        asked: AskedShare,
    ) -> Option<ServedAnswer> {
        match self.wire(from.member, member) {
            Wire::Up => {}
            Wire::Down => return None,
            Wire::Slow(time) => std::thread::sleep(time),
        }
        self.step();
        let Member { serving, life } = self.member(member).filter(|_| asker.is_alive())?;
        self.served.lock().push((member, from.member));
        let mut answer = serving.serve(from, &asked);
        if let Some(lie) = self.lies.lock().get(&member).cloned() {
            answer = lie(answer, &asked);
        }
        self.step();
        (life.is_alive() && asker.is_alive()).then_some(answer)
    }
}

/// The links of one member.
pub struct Links {
    own: u16,
    life: Arc<Life>,
    net: Arc<Net>,
}

impl Links {
    pub fn new(own: u16, life: Arc<Life>, net: Arc<Net>) -> Self {
        Self { own, life, net }
    }

    fn shown_to(&self) -> ShownTo {
        ShownTo {
            member: self.own,
            boot: self.life.boot,
        }
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
        let shown = self.net.member(member)?.serving.show(self.shown_to())?;
        let lie = self.net.shows.lock().get(&member).cloned();
        Some(match lie {
            Some(lie) => lie(shown),
            None => shown,
        })
    }

    fn ask(&self, member: u16, attempt: u32, asked: AskedShare, to: &Sender<Answered>) {
        let (net, life, to, from) = (
            self.net.clone(),
            self.life.clone(),
            to.clone(),
            self.shown_to(),
        );
        std::thread::spawn(move || {
            let answer = match net.serve(from, &life, member, asked) {
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
                Some(ServedAnswer::NotYet(why)) => PeerAnswer::NotYet(why),
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
        // It exists, whoever hears of it.
        let (bytes, _) = SignBytes::from_record(made.bytes.clone()).unwrap();
        self.net.is_signed(&bytes, &made.signature);
        for member in self.reachable() {
            if let Some(told) = self.net.member(member).filter(|_| self.life.is_alive()) {
                told.serving.learn(made.clone());
            }
        }
    }
}

/// The disk of a process, which writes nothing once it was killed.
pub struct LivingStore {
    member: u16,
    inner: Box<dyn Store>,
    life: Arc<Life>,
    net: Arc<Net>,
}

impl LivingStore {
    pub fn boxed(
        member: u16,
        inner: Box<dyn Store>,
        life: Arc<Life>,
        net: Arc<Net>,
    ) -> Box<dyn Store> {
        Box::new(Self {
            member,
            inner,
            life,
            net,
        })
    }

    fn alive(&self) -> Result<(), StoreError> {
        self.net.step();
        match self.life.is_alive() {
            true => Ok(()),
            false => Err(StoreError::Failed("it was killed".to_owned())),
        }
    }
}

impl Store for LivingStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        self.inner.load()
    }

    fn persist(
        &mut self,
        expected: u64,
        next: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        self.alive()?;
        if let Some(time) = self.net.disks.lock().get(&self.member).copied() {
            std::thread::sleep(time);
        }
        let record = self.inner.persist(expected, next, origin, now)?;
        self.alive()?;
        Ok(record)
    }

    fn rebuild(
        &mut self,
        watermark: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        self.alive()?;
        self.inner.rebuild(watermark, origin, now)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.inner.close()
    }
}
