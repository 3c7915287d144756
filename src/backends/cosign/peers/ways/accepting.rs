//! The listener's thread, and one for each connection that it lets in.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::backends::cosign::peers::door::Pass;
use crate::backends::cosign::peers::pair::{LinkEnd, MemberSlot, talk};
use crate::backends::cosign::peers::shared::Shared;
use crate::link::{LinkError, PeerId, accept_allowed};
use crate::threads::{STACK, spawn};

/// Before the next try where the host has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(250);

/// Listens, and lets in whom it knows, until the end. A port that cannot be had is tried again and again: the links that this
/// member dials do without it.
pub(in crate::backends::cosign::peers) fn keep_open(shared: &Arc<Shared>) {
    loop {
        match listen(&shared.door.listen) {
            Ok(listener) => {
                shared.door.opened(listener.local_addr().ok());
                return accept_all(shared, &listener);
            }
            Err(error) => shared.door.closed(false, &error),
        }
        if shared.stop.wait(shared.talker.times.listen_again) {
            return;
        }
    }
}

fn listen(address: &str) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn accept_all(shared: &Arc<Shared>, listener: &TcpListener) {
    while shared.door.wait(listener) {
        match listener.accept() {
            Ok((stream, from)) => let_in(shared, stream, from),
            // Whoever came is gone again.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::Interrupted
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                shared.door.closed(true, &error);
                shared.stop.wait(NO_ROOM);
            }
        }
    }
}

fn let_in(shared: &Arc<Shared>, stream: TcpStream, from: SocketAddr) {
    let Some(pass) = shared.door.enter(from.ip()) else {
        return;
    };
    // Elsewhere than on Linux it takes after the listener.
    if stream.set_nonblocking(false).is_err() {
        return;
    }
    let inner = shared.clone();
    // Without a thread the connection is closed, and whoever it is comes again.
    let _ = spawn("cosign-greet", STACK, move || {
        let once = AssertUnwindSafe(|| look_at(&inner, stream, from, pass));
        // Its link has ended with it, and the log says where the bug is.
        let _ = catch_unwind(once);
    });
}

fn look_at(shared: &Shared, stream: TcpStream, from: SocketAddr, pass: Pass) {
    let may_dial = |peer: &PeerId| {
        let slot = shared.by_identity(peer);
        slot.is_some_and(|slot| !slot.is_dialled)
    };
    let talker = &shared.talker;
    let times = talker.times.of_links();
    let hold = |closer| pass.hold(closer);
    let accepted = accept_allowed(stream, &shared.identity, may_dial, &times, hold);
    let known = accepted.map(|(connection, peer)| (connection, shared.by_identity(&peer)));
    let (connection, slot): (_, &MemberSlot) = match known {
        Ok((connection, Some(slot))) => (connection, slot),
        Ok((_, None)) => return,
        Err(error) => {
            let who = match &error {
                LinkError::UnknownPeer(peer) => Some(*peer),
                _ => None,
            };
            let why = LinkEnd::from(error);
            return shared.door.turned_away(from, who.as_ref(), &why);
        }
    };
    let greeted = talker.greet(slot, connection);
    drop(pass);
    match greeted {
        Ok(greeted) => talk(greeted, slot, &talker.times, &shared.stop),
        Err(why) => slot.failed(&why),
    }
}
