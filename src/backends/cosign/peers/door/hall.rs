//! The listener as all threads see it: who is being looked at, what became of others, and whether it listens.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, poll};
use tracing::{info, warn};

use crate::backends::cosign::peers::sample::DoorSample;
use crate::link::{Closer, PeerId};
use crate::os::clock::{Clock, SystemClock};

use super::doorman::{DoorPlace, Doorman};

/// How often the same is logged again.
const REPEAT: Duration = Duration::from_secs(60);

/// The one inbound port.
pub(in crate::backends::cosign::peers) struct Door {
    /// `HOST:PORT`.
    pub listen: String,
    /// Of which key, for the log.
    key: String,
    doorman: Mutex<Doorman>,
    hall: Mutex<Hall>,
    /// The end of this wakes whoever waits for somebody.
    end: UnixStream,
    until: UnixStream,
}

#[derive(Default)]
struct Hall {
    sample: DoorSample,
    /// Ends handshakes that are under way.
    shaking: BTreeMap<u64, Closer>,
    next: u64,
    ended: bool,
    /// How many strangers there were when one was told of last, and when.
    told: Option<(u64, Instant)>,
    told_closed: Option<Instant>,
}

/// Somebody is being looked at.
pub(in crate::backends::cosign::peers) struct Pass {
    door: Arc<Door>,
    place: Option<DoorPlace>,
    number: u64,
}

impl Door {
    pub(in crate::backends::cosign::peers) fn new(listen: String, key: String) -> io::Result<Self> {
        let (end, until) = UnixStream::pair()?;
        Ok(Self {
            listen,
            key,
            doorman: Mutex::default(),
            hall: Mutex::default(),
            end,
            until,
        })
    }

    /// These are the addresses of members.
    pub(in crate::backends::cosign::peers) fn know(&self, members: Vec<IpAddr>) {
        self.doorman.lock().know(members);
    }

    /// Somebody comes from there; whether he is looked at.
    pub(in crate::backends::cosign::peers) fn enter(
        self: &Arc<Self>,
        from: IpAddr,
    ) -> Option<Pass> {
        let place = self.doorman.lock().enter(from, SystemClock.monotonic());
        let mut hall = self.hall.lock();
        if place.is_none() {
            hall.sample.crowded += 1;
            return None;
        }
        hall.next += 1;
        Some(Pass {
            door: self.clone(),
            place,
            number: hall.next,
        })
    }

    /// He is nobody who may come in, or did not get so far as to prove who he is.
    pub(in crate::backends::cosign::peers) fn turned_away(
        &self,
        from: SocketAddr,
        who: Option<&PeerId>,
        why: &str,
    ) {
        let mut hall = self.hall.lock();
        hall.sample.strangers += 1;
        let all = hall.sample.strangers + hall.sample.crowded;
        let before = hall.told;
        if hall.ended || before.is_some_and(|(_, at)| at.elapsed() < REPEAT) {
            return;
        }
        hall.told = Some((all, Instant::now()));
        drop(hall);
        let many = all - before.map_or(0, |(told, _)| told);
        warn!(
            event = "cosigner_stranger",
            key = %self.key,
            peer = who.map(ToString::to_string),
            count = many,
            "[{}] turned away at {} since this was last told: {many}, the last from {}: {why}",
            self.key,
            self.listen,
            from.ip().to_canonical()
        );
    }

    /// It listens.
    pub(in crate::backends::cosign::peers) fn opened(&self, at: Option<SocketAddr>) {
        let mut hall = self.hall.lock();
        (hall.sample.bound, hall.sample.why_not) = (at, None);
        hall.told_closed = None;
        drop(hall);
        info!(
            event = "cosigners_listening",
            key = %self.key,
            "[{}] members with higher ids are waited for at {}", self.key, self.listen
        );
    }

    /// It does not listen, or takes nobody.
    pub(in crate::backends::cosign::peers) fn closed(&self, is_bound: bool, why: &io::Error) {
        let why = format!(
            "{} does not listen for members: {why}; free the port or correct `listen` and reload tmkms; it is tried again",
            self.listen
        );
        let mut hall = self.hall.lock();
        if !is_bound {
            hall.sample.bound = None;
        }
        let news = hall.told_closed.is_none_or(|at| at.elapsed() >= REPEAT);
        if news {
            hall.told_closed = Some(Instant::now());
        }
        hall.sample.why_not = Some(why.clone());
        drop(hall);
        if news {
            warn!(
                event = "cosigners_not_listening",
                key = %self.key,
                "[{}] {why}. Members with higher ids cannot be asked and cannot ask meanwhile", self.key
            );
        }
    }

    /// Waits until somebody comes to this listener; `false` at the end.
    pub(in crate::backends::cosign::peers) fn wait(
        &self,
        listener: &std::net::TcpListener,
    ) -> bool {
        let mut both = [
            PollFd::new(listener, PollFlags::IN),
            PollFd::new(&self.until, PollFlags::IN),
        ];
        // An error of the wait itself is a signal at most: the listener is asked then, and does not block.
        let _ = poll(&mut both, None);
        !self.hall.lock().ended
    }

    /// Ends all handshakes, and the wait.
    pub(in crate::backends::cosign::peers) fn end(&self) {
        let mut hall = self.hall.lock();
        hall.ended = true;
        hall.shaking.values().for_each(Closer::close);
        drop(hall);
        let _ = self.end.shutdown(Shutdown::Both);
    }

    /// What can be seen of it.
    pub(in crate::backends::cosign::peers) fn sample(&self) -> DoorSample {
        self.hall.lock().sample.clone()
    }
}

impl Pass {
    /// What ends the handshake.
    pub(in crate::backends::cosign::peers) fn hold(&self, closer: Closer) {
        let mut hall = self.door.hall.lock();
        if hall.ended {
            closer.close();
        }
        hall.shaking.insert(self.number, closer);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.door.doorman.lock().leave(place);
        }
        self.door.hall.lock().shaking.remove(&self.number);
    }
}
