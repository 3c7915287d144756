//! Moves of chains while the service runs: one is sealed in mid-work, and one is armed without a restart (W21).

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::info;

use crate::chain::{Chain, DEADLINE, NotHandedOver};
use crate::gate::store::file::StateFile;
use crate::migrate::moving::bundle::Bundle;
use crate::migrate::moving::out::{self, HandedOver};
use crate::migrate::moving::take_in::take_in;
use crate::migrate::moving::terms::{Terms, several_keys};
use crate::observe::serve::control::{MoveAnswer, Mover};
use crate::os::clock::{Clock, SystemClock};

use super::arming::arm_now;
use super::parts::LEAVE;
use super::roster::{Roster, Served, ServedKey};

/// How long another thread may work on the chain before a move gives up.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether votes in hand have left.
const LOOK: Duration = Duration::from_millis(5);

/// Moves the chains of a service.
pub(super) struct ServiceMover {
    roster: Arc<Roster>,
}

impl ServiceMover {
    pub fn of(roster: Arc<Roster>) -> Self {
        Self { roster }
    }

    /// Works on a chain while nobody else arms or mends it.
    fn alone(
        &self,
        id: &str,
        act: impl FnOnce(&Served, &ServedKey) -> Result<MoveAnswer, String> + Send + 'static,
    ) -> Result<MoveAnswer, String> {
        let all = self.roster.all();
        let served = all.iter().find(|served| served.config.id.as_str() == id);
        let served = served.ok_or("the service does not have this chain; reload it")?;
        if served.config.etcd.is_some() {
            return Err("its watermark is in etcd".to_owned());
        }
        if !served.later.is_empty() {
            return Err(several_keys(&served.config));
        }
        let key = &served.first;
        let (inner, its_key) = (served.clone(), key.clone());
        let done = key
            .work
            .alone("move", PATIENCE, move || act(&inner, &its_key))
            .map_err(|error: io::Error| format!("the host has no room for a thread: {error}"))?;
        done.unwrap_or_else(|| Err("its key or state is being opened; try again".to_owned()))
    }
}

impl Mover for ServiceMover {
    fn move_out(&self, chain: &str) -> MoveAnswer {
        self.alone(chain, move_out)
            .unwrap_or_else(MoveAnswer::Error)
    }

    fn move_in(&self, bundle: &str) -> MoveAnswer {
        let bundle = match Bundle::parse(bundle.as_bytes()) {
            Ok(bundle) => bundle,
            Err(why) => return MoveAnswer::Error(why.to_string()),
        };
        let id = bundle.chain_id.to_string();
        self.alone(&id, move |_, key| move_in(key, &bundle))
            .unwrap_or_else(MoveAnswer::Error)
    }
}

fn move_out(served: &Served, key: &ServedKey) -> Result<MoveAnswer, String> {
    let (chain, id) = (&key.chain, key.chain.id());
    let place = place_of(key)?;
    let terms = Terms::of(&served.config);
    let now = SystemClock.now().wall;
    let sealed = chain.hand_over(DEADLINE, &SystemClock, |watermark, written, store| {
        let handed = out::seal(&place, terms.clone(), watermark, written, store, now)?;
        let why = place.moved_out(handed.bundle.moved).to_string();
        Ok::<_, out::MoveOutError>((handed, why))
    });
    let handed = match sealed {
        Ok(handed) => handed,
        // Nothing of this process has its state: the same as without a service.
        Err(NotHandedOver::NotArmed) => {
            let handed = out::move_out(&place, terms, now).map_err(|error| error.to_string())?;
            let why = place.moved_out(handed.bundle.moved).to_string();
            chain.replace_state(Chain::moved_out(id.clone(), place.public_key, why));
            handed
        }
        Err(error) => return Err(error.to_string()),
    };
    // What was signed before is in the bundle, so it may leave; nothing does any more once this is answered.
    let end = Instant::now() + LEAVE;
    while served.links.iter().any(|link| link.is_busy()) && Instant::now() < end {
        std::thread::sleep(LOOK);
    }
    let HandedOver {
        bundle,
        text,
        again,
    } = handed;
    info!(
        event = "moved_out",
        chain = %id,
        bundle = %bundle.moved.bundle,
        "[{id}] handed over to bundle {}: this host signs no more for it",
        bundle.moved.bundle
    );
    Ok(MoveAnswer::HandedOver {
        bundle: text,
        again,
    })
}

fn move_in(served: &ServedKey, bundle: &Bundle) -> Result<MoveAnswer, String> {
    let (chain, id) = (&served.chain, served.chain.id());
    if chain.why_unarmed().is_none() {
        return Err(
            "it is armed here and signs; a bundle is for a host that does not: stop the service first, if it is to go on \
             from both"
                .to_owned(),
        );
    }
    let place = place_of(served)?;
    let arrival =
        take_in(&place, bundle, SystemClock.now().wall).map_err(|error| error.to_string())?;
    info!(
        event = "moved_in",
        chain = %id,
        bundle = %bundle.moved.bundle,
        "[{id}] taken in from bundle {} of host {}: goes on above {}",
        bundle.moved.bundle,
        bundle.host,
        arrival.shown()
    );
    arm_now(served);
    Ok(MoveAnswer::TakenIn {
        watermark: arrival.shown(),
        trouble: chain.why_unarmed(),
    })
}

fn place_of(served: &ServedKey) -> Result<StateFile, String> {
    match served.chain.public_key() {
        Some(key) => Ok(served.config.place(key)),
        None => served
            .config
            .place_of_key()
            .map_err(|error| error.to_string()),
    }
}
