//! The listener's thread, and one for each connection that it lets in.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::backends::cosign::peers::door::Pass;
use crate::backends::cosign::peers::pair::{MemberSlot, talk};
use crate::backends::cosign::peers::shared::Shared;
use crate::link::{LinkError, PeerId, accept_allowed};
use crate::threads::{LARGE_STACK, spawn};

/// Before the port is tried for the second time. Just after a reload the links before these may have it for a moment.
const SOON: Duration = Duration::from_millis(100);
/// So often in vain is told.
const IN_VAIN: u32 = 3;
/// Before the next try where the host has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(250);

/// Listens, and lets in whom it knows, until the end. A port that cannot be had is tried again and again: the links that this
/// member dials do without it.
pub(in crate::backends::cosign::peers) fn keep_open(shared: &Arc<Shared>) {
    let (mut again, mut in_vain) = (SOON, 0);
    loop {
        match listen(&shared.door.listen) {
            Ok(listener) => {
                shared.door.opened(listener.local_addr().ok());
                return accept_all(shared, &listener);
            }
            Err(error) if in_vain >= IN_VAIN => shared.door.closed(false, &error),
            Err(_) => in_vain += 1,
        }
        let wait = again.min(shared.talker.times.listen_again);
        again = again.saturating_mul(2);
        if shared.stop.wait(wait) {
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
    let name = format!("cosign-in-{}", shared.talker.hello.id);
    // What is read of a question is worked out there, too.
    let _ = spawn(&name, LARGE_STACK, move || {
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
                LinkError::UnknownPeer(peer) => Some(peer),
                _ => None,
            };
            return shared.door.turned_away(from, who, &of_stranger(&error));
        }
    };
    let greeted = talker.greet(slot, connection);
    drop(pass);
    match greeted {
        Ok(greeted) => talk(greeted, slot, talker, &shared.stop),
        Err(why) => slot.failed(&why),
    }
}

/// What became of somebody who came, in words.
fn of_stranger(error: &LinkError) -> String {
    match error {
        LinkError::UnknownPeer(peer) => format!(
            "{peer} is no member that dials this one. If it should be one, correct `id` and `addr` of its [[providers.cosign.members]] \
             and reload tmkms; if not, let a firewall keep everybody but the members away from this port"
        ),
        LinkError::HandshakeTimeout(time) => format!(
            "nothing of a member came within {} s. Let a firewall keep everybody but the members away from this port",
            time.as_secs_f32()
        ),
        _ => "what came was no handshake of a member. Let a firewall keep everybody but the members away from this port".to_owned(),
    }
}
