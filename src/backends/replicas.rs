//! One key on several devices: a device lost in the middle of a vote costs no vote.
//!
//! Every member gets the same bytes and a share of the time, so that the last one can still answer within the
//! deadline. A member with another public key never signs. Members that were away at the start join when they are there.

use std::any::Any;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tracing::{error, info, warn};

use crate::consensus::{PublicKey, Signature};
use crate::gate::Prepared;
use crate::gate::permit::Permit;
use crate::os::clock::{Clock, SystemClock};
use crate::signer::{Signer, SignerError};
use crate::threads::{STACK, spawn, spawn_scoped};

use super::device::Device;
use super::key_source::{KeySource, KeyTraits, OpenKeyError, Opened};

/// Between two tries to reach a member that was not there at the start.
const JOIN: Duration = Duration::from_secs(2);
/// So many members are opened at a time.
const AT_ONCE: usize = 8;
/// The least time that a member gets.
const LEAST: Duration = Duration::from_millis(250);

/// Which member signs first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The first of the configuration that is up.
    #[default]
    Failover,
    /// The one with the fewest requests waiting.
    LeastBusy,
}

/// A signer that can be one of several.
pub trait Replica: Signer {
    /// Signs, or says why not before `until` (a reading of the monotonic clock).
    fn sign_by(&self, permit: &Permit, until: Duration) -> Result<Signature, SignerError>;
    /// Whether its last exchange worked.
    fn is_up(&self) -> bool;
    /// Requests that it has not answered yet.
    fn waiting(&self) -> usize;
}

/// A key on a device, not open yet.
pub trait ReplicaSource: KeySource {
    /// Opens it as one of several.
    fn open_replica(&self) -> Result<Opened<dyn Replica>, OpenKeyError>;
}

/// The configured members of a set.
pub struct ReplicaSetSource {
    sources: Vec<Arc<dyn ReplicaSource>>,
    policy: Policy,
    traits: KeyTraits,
}

impl ReplicaSetSource {
    /// These, in the order of the configuration.
    pub fn new(sources: Vec<Arc<dyn ReplicaSource>>, policy: Policy) -> Self {
        let all = || sources.iter().map(|source| source.traits());
        let names: Vec<&str> = all().map(|one| one.location.as_str()).collect();
        let traits = KeyTraits {
            location: names.join(" and "),
            file: None,
            device_keys: all().flat_map(|one| one.device_keys.clone()).collect(),
            signs_extensions: all().all(|one| one.signs_extensions),
            is_share: false,
        };
        Self {
            sources,
            policy,
            traits,
        }
    }
}

impl KeySource for ReplicaSetSource {
    fn is_same(&self, other: &dyn KeySource) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            let mut pairs = self.sources.iter().zip(&other.sources);
            self.policy == other.policy
                && self.sources.len() == other.sources.len()
                && pairs.all(|(ours, theirs)| ours.is_same(theirs.as_ref()))
        })
    }

    fn is_at_hand(&self) -> bool {
        self.sources.iter().all(|source| source.is_at_hand())
    }

    fn traits(&self) -> &KeyTraits {
        &self.traits
    }

    fn devices(&self) -> Vec<&dyn Device> {
        let sources = self.sources.iter();
        sources.flat_map(|source| source.devices()).collect()
    }

    fn open(&self) -> Result<Opened, OpenKeyError> {
        let mut warnings = Vec::new();
        let mut public_key = None;
        let mut slots = Vec::new();
        for (source, opened) in self.sources.iter().zip(open_all(&self.sources)) {
            let (name, source) = (source.traits().location.clone(), source.clone());
            let state = match opened {
                Err(why) => {
                    warnings.push(format!("replica not there yet: {why}"));
                    ReplicaState::Away(why)
                }
                Ok(Opened {
                    signer: member,
                    warnings: more,
                }) => {
                    // Several devices may say the same of the one key.
                    let new = more.into_iter().filter(|one| !warnings.contains(one));
                    warnings.extend(new.collect::<Vec<_>>());
                    let wanted = public_key.get_or_insert(member.public_key()).clone();
                    place(&name, member, &wanted)
                }
            };
            slots.push(Slot {
                name,
                source,
                place: RwLock::new(state),
            });
        }
        let Some(public_key) = public_key else {
            return Err(OpenKeyError(warnings.join("; ")));
        };
        let slots = Arc::new(slots);
        join_later(&slots, public_key.clone())
            .map_err(|error| OpenKeyError(format!("no thread for replicas: {error}")))?;
        let set = ReplicaSet {
            public_key,
            slots,
            policy: self.policy,
            log: Mutex::new(None),
        };
        Ok(Opened {
            signer: Arc::new(set),
            warnings,
        })
    }
}

/// Opens members beside each other, because one that is absent takes seconds to say so. What comes of it is in their order,
/// however long each takes.
fn open_all(sources: &[Arc<dyn ReplicaSource>]) -> Vec<Result<Opened<dyn Replica>, OpenKeyError>> {
    let mut opened = Vec::with_capacity(sources.len());
    for some in sources.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let threads: Vec<_> = some
                .iter()
                .map(|source| spawn_scoped(scope, "replica", STACK, || source.open_replica()))
                .collect();
            opened.extend(some.iter().zip(threads).map(|(source, thread)| {
                match thread {
                    Ok(thread) => thread.join().unwrap_or_else(|_| {
                        let name = &source.traits().location;
                        Err(OpenKeyError(format!(
                            "{name}: a bug ended its opening; it is tried again"
                        )))
                    }),
                    // A host that cannot start another thread has this one.
                    Err(_) => source.open_replica(),
                }
            }));
        });
    }
    opened
}

/// Several signers with one key.
pub struct ReplicaSet {
    public_key: PublicKey,
    slots: Arc<Vec<Slot>>,
    policy: Policy,
    /// The member that signed last, to tell when it changes.
    log: Mutex<Option<usize>>,
}

struct Slot {
    name: String,
    source: Arc<dyn ReplicaSource>,
    place: RwLock<ReplicaState>,
}

enum ReplicaState {
    Away(OpenKeyError),
    There(Arc<dyn Replica>),
    Foreign,
}

impl Slot {
    fn member(&self) -> Option<Arc<dyn Replica>> {
        match &*self.place.read() {
            ReplicaState::There(member) => Some(member.clone()),
            _ => None,
        }
    }

    fn why_not(&self) -> Option<String> {
        match &*self.place.read() {
            ReplicaState::There(_) => None,
            ReplicaState::Away(why) => Some(why.to_string()),
            ReplicaState::Foreign => Some(format!("{}: holds another key", self.name)),
        }
    }
}

/// A member with another key never joins.
fn place(name: &str, member: Arc<dyn Replica>, wanted: &PublicKey) -> ReplicaState {
    match member.public_key() == *wanted {
        true => ReplicaState::There(member),
        false => {
            error!(
                event = "replica_foreign",
                device = name,
                "{name}: holds another key than the other replicas, so it never signs; correct `key`, or import the \
                 right key there, and restart tmkms"
            );
            ReplicaState::Foreign
        }
    }
}

/// Opens members that were away, until all are there or the set is gone.
fn join_later(slots: &Arc<Vec<Slot>>, wanted: PublicKey) -> std::io::Result<()> {
    let away = |slot: &Slot| matches!(&*slot.place.read(), ReplicaState::Away(_));
    if !slots.iter().any(away) {
        return Ok(());
    }
    let weak: Weak<Vec<Slot>> = Arc::downgrade(slots);
    let body = move || {
        loop {
            thread::sleep(JOIN);
            let Some(slots) = weak.upgrade() else { return };
            let missing: Vec<&Slot> = slots.iter().filter(|slot| away(slot)).collect();
            let sources: Vec<_> = missing.iter().map(|slot| slot.source.clone()).collect();
            for (slot, opened) in missing.into_iter().zip(open_all(&sources)) {
                let Ok(Opened { signer, warnings }) = opened else {
                    continue;
                };
                for warning in warnings {
                    warn!(event = "key_warning", device = slot.name, "{warning}");
                }
                let state = place(&slot.name, signer, &wanted);
                if matches!(state, ReplicaState::There(_)) {
                    info!(
                        event = "replica_joined",
                        device = slot.name,
                        "{}: joined the replicas",
                        slot.name
                    );
                }
                *slot.place.write() = state;
            }
            if !slots.iter().any(away) {
                return;
            }
        }
    };
    spawn("replicas", STACK, body).map(drop)
}

impl ReplicaSet {
    /// The members that can sign, the one to try first at the front.
    fn order(&self) -> Vec<(usize, Arc<dyn Replica>)> {
        let members = self.slots.iter().enumerate();
        let mut members: Vec<(usize, Arc<dyn Replica>)> = members
            .filter_map(|(index, slot)| Some((index, slot.member()?)))
            .collect();
        members.sort_by_key(|(index, member)| {
            let waiting = match self.policy {
                Policy::Failover => 0,
                Policy::LeastBusy => member.waiting(),
            };
            (!member.is_up(), waiting, *index)
        });
        members
    }

    fn tell(&self, index: usize) {
        let mut last = self.log.lock();
        if self.policy == Policy::Failover && *last != Some(index) {
            let name = self.slots.get(index).map_or("", |slot| slot.name.as_str());
            info!(event = "replica_signs", device = name, "{name} signs now");
        }
        *last = Some(index);
    }
}

impl Signer for ReplicaSet {
    fn public_key(&self) -> PublicKey {
        self.public_key.clone()
    }

    /// Any member may have to sign it, so every one must be able to; the strictest says why not.
    fn accepts(&self, prepared: &Prepared) -> Result<(), SignerError> {
        let members = self.slots.iter().filter_map(Slot::member);
        let refusals = members.filter_map(|member| member.accepts(prepared).err());
        let strictest = refusals.min_by_key(|error| match error {
            SignerError::TooLong { longest, .. } => *longest,
            _ => 0,
        });
        strictest.map_or(Ok(()), Err)
    }

    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError> {
        let order = self.order();
        let mut troubles: Vec<String> = self.slots.iter().filter_map(Slot::why_not).collect();
        let mut late = false;
        for (tried, (index, member)) in order.iter().enumerate() {
            let now = SystemClock.now().monotonic;
            let left = permit.until().saturating_sub(now);
            let others = u32::try_from(order.len() - tried).unwrap_or(u32::MAX);
            let share = (left / others.max(1)).max(LEAST).min(left);
            match member.sign_by(permit, now.saturating_add(share)) {
                Ok(signature) => {
                    self.tell(*index);
                    return Ok(signature);
                }
                Err(error) => {
                    late |= matches!(error, SignerError::Late(_));
                    troubles.push(error.to_string());
                }
            }
        }
        let text = format!("no replica signed: {}", troubles.join("; "));
        Err(match late {
            true => SignerError::Late(text),
            false => SignerError::Failed(text),
        })
    }
}
