//! What can be asked of any signer, that of a live chain too: link, public key, ping.

use std::time::Duration;

use crate::harness::reply::{self, Reply};

use super::subject::{flaw, unexpected};
use super::{CheckFailure, Judged, SignerUnderTest};

/// A node pings after 3.3 s of silence: two thirds of its read limit of 5 s (`privval/signer_listener_endpoint.go`).
const PING: Duration = Duration::from_millis(3_300);

pub(super) fn link(subject: &mut SignerUnderTest) -> Judged {
    subject.probe.connect().map_err(flaw)?;
    Ok(match subject.probe.peer() {
        Some(peer) => format!("its identity is {peer}"),
        None => "it is there; on a Unix socket only the file permissions say who".to_owned(),
    })
}

pub(super) fn public_key(subject: &mut SignerUnderTest) -> Judged {
    let reply = subject.ask_key()?;
    let readers = match (&reply.old, &reply.new) {
        (Some(_), Some(_)) => "nodes of v0.34 to v1.0",
        (Some(_), None) => "nodes up to v0.40, not v1.0",
        _ => "only nodes of v1.0",
    };
    let key = subject
        .key()
        .ok_or_else(|| CheckFailure::Fail("no key".to_owned()))?;
    let address = match key.address() {
        Some(address) => format!("{}, address {address}", key.kind),
        None => format!(
            "{}, whose signatures this program cannot verify: only their presence is checked",
            key.kind
        ),
    };
    Ok(format!("{address}; read by {readers}"))
}

pub(super) fn ping(subject: &mut SignerUnderTest) -> Judged {
    let mut left = subject.settings().keep_alive;
    let mut pings = 1_u32;
    pong(subject)?;
    let links = subject.probe.links();
    while !left.is_zero() {
        let nap = left.min(PING);
        std::thread::sleep(nap);
        left = left.saturating_sub(nap);
        pong(subject)?;
        pings = pings.saturating_add(1);
        if subject.probe.links() != links {
            return Err(CheckFailure::Fail(format!(
                "the link did not live through {} s with nothing but pings",
                nap.as_secs_f32()
            )));
        }
    }
    let time = subject.settings().keep_alive.as_secs_f32();
    Ok(format!("{pings} answered over {time} s on one link"))
}

pub(super) fn pong(subject: &mut SignerUnderTest) -> Result<(), CheckFailure> {
    match subject.probe.ask(&reply::ping()).map_err(flaw)? {
        Reply::Pong => Ok(()),
        other => Err(unexpected("the answer to a ping", &other)),
    }
}

pub(super) fn same_key(subject: &mut SignerUnderTest) -> Judged {
    let before = subject.key().map(|key| key.bytes.clone());
    for _ in 0..3 {
        subject.ask_key()?;
        let now = subject.key().map(|key| key.bytes.clone());
        if before.is_some() && before != now {
            return Err(CheckFailure::Fail(
                "the public key changed from one request to the next".to_owned(),
            ));
        }
    }
    Ok("asked three times more".to_owned())
}
