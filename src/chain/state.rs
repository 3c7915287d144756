//! How a chain stands: it is being opened, it signs, it only answers, or it is another process's (W7).

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, RwLock};

use crate::consensus::{ChainId, PublicKey};

use crate::gate::refusal::Reason;

use super::armed::{Armed, KeySettings};
use super::rotation::Lasting;
use super::seen::ChainSeen;

/// What is said of a chain that is being opened.
const OPENING: &str =
    "the key and the state of this chain are being opened; it signs as soon as they are there";

/// What is said of a chain that was taken out of the configuration while a link was still up.
const RETIRED: &str = "the chain was taken out of this signer's configuration";

/// One chain of the configuration.
pub struct Chain {
    id: ChainId,
    /// Held only while somebody looks, never while something is signed.
    state: RwLock<ChainState>,
    news: News,
    /// What the operator has set since it was made, if anything. Held briefly.
    pub(super) wanted: Mutex<Option<KeySettings>>,
    /// Shared with its other keys, and with those that were there before under its id.
    lasting: Lasting,
}

/// A chain is armed once and stays so, until it is taken out or handed over to another host.
enum ChainState {
    /// The first try to arm it is under way.
    Opening {
        /// No other process holds its state, as far as was seen.
        free: bool,
    },
    Armed(Arc<Armed>),
    /// It only answers.
    Unarmed {
        /// What is known of the key.
        public_key: Option<PublicKey>,
        why: String,
        whose: Whose,
    },
    /// It was taken out of a service that goes on.
    Retired {
        public_key: Option<PublicKey>,
    },
}

/// Who signs for a chain that does not sign here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Nobody else, as far as is known.
    Ours,
    /// Another process of this host.
    OtherProcess,
    /// Another host: it was handed over (W21).
    OtherHost,
}

/// Why nothing signs.
pub(super) struct NotSigning {
    why: String,
    whose: Whose,
}

impl NotSigning {
    /// The reason that a request is refused for.
    pub fn reason(self) -> Reason {
        match self.whose {
            Whose::OtherHost => Reason::MovedOut(self.why),
            Whose::Ours | Whose::OtherProcess => Reason::NotArmed(self.why),
        }
    }
}

/// Rings when a chain's state has changed.
#[derive(Default)]
struct News {
    look: Mutex<()>,
    condvar: Condvar,
}

impl Chain {
    fn with(id: ChainId, state: ChainState) -> Self {
        Self {
            id,
            state: RwLock::new(state),
            news: News::default(),
            wanted: Mutex::default(),
            lasting: Lasting::default(),
        }
    }

    /// A chain whose key and state are being opened: see [`Chain::replace_state`].
    pub fn opening(id: ChainId) -> Self {
        Self::with(id, ChainState::Opening { free: false })
    }

    /// A chain that signs.
    pub fn armed(id: ChainId, armed: Armed) -> Self {
        Self::with(id, ChainState::Armed(Arc::new(armed)))
    }

    /// A chain that only answers, and why.
    pub fn unarmed(id: ChainId, public_key: Option<PublicKey>, why: String) -> Self {
        Self::without_gate(id, public_key, why, Whose::Ours)
    }

    /// A chain that was handed over to another host: it answers its nodes why it does not sign (W21).
    pub fn moved_out(id: ChainId, public_key: PublicKey, why: String) -> Self {
        Self::without_gate(id, Some(public_key), why, Whose::OtherHost)
    }

    /// A chain that another process signs for: its nodes are that one's, and none is to be dialled (W7).
    pub fn elsewhere(id: ChainId, public_key: Option<PublicKey>, why: String) -> Self {
        Self::without_gate(id, public_key, why, Whose::OtherProcess)
    }

    fn without_gate(id: ChainId, public_key: Option<PublicKey>, why: String, whose: Whose) -> Self {
        let state = ChainState::Unarmed {
            public_key,
            why,
            whose,
        };
        Self::with(id, state)
    }

    /// Takes the state of `other`, a later try to arm this chain. An armed chain keeps its gate whatever comes.
    pub fn replace_state(&self, other: Chain) {
        let other = other.state.into_inner();
        let mut state = self.state.write();
        if !matches!(&*state, ChainState::Armed(_) | ChainState::Retired { .. }) {
            *state = other;
        }
        drop(state);
        self.tell_news();
    }

    /// The same chain with what is shared by all keys of its id.
    pub fn sharing(self, lasting: Lasting) -> Self {
        Self { lasting, ..self }
    }

    /// What it shares with its other keys.
    pub fn lasting(&self) -> &Lasting {
        &self.lasting
    }

    /// For a chain that is being opened: no other process holds its state.
    pub fn found_free(&self) {
        let mut state = self.state.write();
        if let ChainState::Opening { free } = &mut *state {
            *free = true;
        }
    }

    /// From now on it only answers, and never signs again. Its locks are given back when the last request that is at the
    /// gate has left.
    pub(super) fn take_out(&self) {
        let public_key = self.public_key();
        let before =
            std::mem::replace(&mut *self.state.write(), ChainState::Retired { public_key });
        // Outside of the lock: the end of a gate may wait for a disk, that of a key for its device.
        drop(before);
        self.tell_news();
    }

    /// Whether it was taken out of a service that goes on.
    pub fn is_taken_out(&self) -> bool {
        self.look(|state| matches!(state, ChainState::Retired { .. }))
    }

    /// Takes `armed` for what signs, if the chain is armed.
    pub(super) fn replace_armed(&self, armed: Armed) {
        let mut state = self.state.write();
        if let ChainState::Armed(before) = &mut *state {
            *before = Arc::new(armed);
        }
    }

    fn tell_news(&self) {
        // A thread that looked before the change is waiting by now, or has not begun to look.
        drop(self.news.look.lock());
        self.news.condvar.notify_all();
    }

    /// Whether it is still being opened after a wait of at most `time`.
    pub fn is_opening_after(&self, time: Duration) -> bool {
        let mut look = self.news.look.lock();
        self.news
            .condvar
            .wait_while_for(&mut look, |()| self.is_opening(), time);
        drop(look);
        self.is_opening()
    }

    /// Whether the first try to arm it is under way.
    pub fn is_opening(&self) -> bool {
        self.look(|state| matches!(state, ChainState::Opening { .. }))
    }

    /// Whether no other process signs for it, as far as was seen.
    pub fn is_free(&self) -> bool {
        self.look(|state| match state {
            ChainState::Opening { free } => *free,
            ChainState::Armed(_) => true,
            ChainState::Unarmed { whose, .. } => *whose != Whose::OtherProcess,
            ChainState::Retired { .. } => false,
        })
    }

    fn look<T>(&self, look: impl FnOnce(&ChainState) -> T) -> T {
        look(&self.state.read())
    }

    /// What signs, or why nothing does.
    pub(super) fn signing(&self) -> Result<Arc<Armed>, NotSigning> {
        self.look(|state| match state {
            ChainState::Opening { .. } => Err(NotSigning {
                why: OPENING.to_owned(),
                whose: Whose::Ours,
            }),
            ChainState::Armed(armed) => Ok(armed.clone()),
            ChainState::Unarmed { why, whose, .. } => Err(NotSigning {
                why: why.clone(),
                whose: *whose,
            }),
            ChainState::Retired { .. } => Err(NotSigning {
                why: RETIRED.to_owned(),
                whose: Whose::Ours,
            }),
        })
    }

    /// What signs, or what there is to see of a chain where nothing does.
    pub(super) fn signing_or_seen(&self) -> Result<Arc<Armed>, ChainSeen> {
        self.look(|state| match state {
            ChainState::Opening { .. } => Err(ChainSeen::unarmed(None, OPENING.to_owned(), false)),
            ChainState::Armed(armed) => Ok(armed.clone()),
            ChainState::Unarmed {
                public_key,
                why,
                whose,
            } => Err(ChainSeen::unarmed(
                public_key.clone(),
                why.clone(),
                *whose != Whose::OtherProcess,
            )),
            ChainState::Retired { public_key } => Err(ChainSeen::unarmed(
                public_key.clone(),
                RETIRED.to_owned(),
                false,
            )),
        })
    }

    /// From now on another host signs for it, if it was armed.
    pub(super) fn give_away(&self, public_key: PublicKey, why: String) {
        let mut state = self.state.write();
        let before = match &*state {
            ChainState::Armed(_) => {
                let away = ChainState::Unarmed {
                    public_key: Some(public_key),
                    why,
                    whose: Whose::OtherHost,
                };
                std::mem::replace(&mut *state, away)
            }
            _ => return,
        };
        drop(state);
        // Outside of the lock: the end of a gate may wait for a disk, that of a key for its device.
        drop(before);
        self.tell_news();
    }

    /// The chain id.
    pub fn id(&self) -> &ChainId {
        &self.id
    }

    /// The public key, where it is known.
    pub fn public_key(&self) -> Option<PublicKey> {
        self.look(|state| match state {
            ChainState::Opening { .. } => None,
            ChainState::Armed(armed) => Some(armed.signer.public_key()),
            ChainState::Unarmed { public_key, .. } | ChainState::Retired { public_key } => {
                public_key.clone()
            }
        })
    }

    /// Why it does not sign, if so.
    pub fn why_unarmed(&self) -> Option<String> {
        self.signing().err().map(|not| not.why)
    }

    /// Whether another process signs for it.
    pub fn is_elsewhere(&self) -> bool {
        self.look(|state| {
            matches!(
                state,
                ChainState::Unarmed {
                    whose: Whose::OtherProcess,
                    ..
                }
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::clock::SystemClock;

    /// A thread that began to arm a chain before it was taken out may end after that.
    #[test]
    fn a_chain_that_was_taken_out_never_comes_back() {
        let id: ChainId = "test-1".parse().unwrap();
        let chain = Chain::opening(id.clone());
        chain
            .retire(Duration::ZERO, &SystemClock)
            .expect("there is no store to tell");
        assert_eq!(chain.why_unarmed().as_deref(), Some(RETIRED));
        chain.replace_state(Chain::unarmed(id, None, "another state".to_owned()));
        assert_eq!(chain.why_unarmed().as_deref(), Some(RETIRED));
        assert!(!chain.is_opening() && !chain.is_elsewhere());
    }
}
