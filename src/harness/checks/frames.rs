//! Requests that come in pieces, together, too long, and over a new link.

use std::time::{Duration, Instant};

use crate::harness::reply::{self, Reply};
use crate::harness::test_message::PREVOTE;

use super::basics::pong;
use super::subject::{flaw, unexpected};
use super::{CheckFailure, Judged, SignerUnderTest};

/// Between two bytes, so that the system does not put them together.
const PAUSE: Duration = Duration::from_micros(300);

pub(super) fn split(subject: &mut SignerUnderTest) -> Judged {
    let height = subject.fresh_height();
    let ballot = subject.ballot(PREVOTE, height, Some(1));
    let request = subject.request(&ballot);
    for byte in &request {
        subject.probe.send(&[*byte]).map_err(flaw)?;
        std::thread::sleep(PAUSE);
    }
    let reply = subject.probe.receive().map_err(flaw)?;
    subject.judge(&ballot, reply)?;
    Ok(format!("{} bytes, one by one", request.len()))
}

pub(super) fn together(subject: &mut SignerUnderTest) -> Judged {
    let height = subject.fresh_height();
    let ballot = subject.ballot(PREVOTE, height, Some(1));
    let mut all = reply::ping();
    all.extend(reply::public_key_request(&subject.settings().chain_id));
    all.extend(subject.request(&ballot));
    subject.probe.send(&all).map_err(flaw)?;
    match subject.probe.receive().map_err(flaw)? {
        Reply::Pong => {}
        other => return Err(unexpected("the answer to a ping", &other)),
    }
    match subject.probe.receive().map_err(flaw)? {
        Reply::PublicKey(_) => {}
        other => return Err(unexpected("the public key", &other)),
    }
    let vote = subject.probe.receive().map_err(flaw)?;
    subject.judge(&ballot, vote)?;
    Ok("a ping, a public key and a prevote".to_owned())
}

pub(super) fn redial(subject: &mut SignerUnderTest) -> Judged {
    // There must be a link before it can be made again.
    pong(subject)?;
    let signs = match subject.settings().may_sign {
        // Without a key there is nothing to sign with; that was told by another check.
        true => match subject.begin() {
            Err(CheckFailure::NotApplicable(_)) => false,
            begun => begun.map(|()| true)?,
        },
        false => false,
    };
    let height = subject.fresh_height();
    if signs {
        subject.signed(&subject.ballot(PREVOTE, height, Some(1)))?;
    }
    let before = subject.key().map(|key| key.bytes.clone());
    subject.probe.close();
    let began = Instant::now();
    subject.probe.connect().map_err(flaw)?;
    let back = began.elapsed().as_secs_f32();
    subject.ask_key()?;
    let now = subject.key().map(|key| key.bytes.clone());
    if before.is_some() && before != now {
        return Err(CheckFailure::Fail(
            "another public key on the new link".to_owned(),
        ));
    }
    if signs {
        let other = subject.ballot(PREVOTE, height, Some(2));
        subject.refused(&other, "over a new link, another block at the same place")?;
    }
    Ok(format!("back after {back:.2} s"))
}

pub(super) fn oversized(subject: &mut SignerUnderTest) -> Judged {
    // The varint of 2^30, and a little of what it announces.
    let mut bytes = vec![0x80, 0x80, 0x80, 0x80, 0x04];
    bytes.resize(4096, 0);
    subject.probe.send(&bytes).map_err(flaw)?;
    let how = match subject.probe.receive() {
        Ok(Reply::Refused { words, .. }) => format!("refused: {words}"),
        Ok(other) => return Err(unexpected("an end of the link", &other)),
        Err(trouble) => match flaw(trouble.clone()) {
            CheckFailure::Gone(words) => return Err(CheckFailure::Gone(words)),
            _ => trouble.to_string(),
        },
    };
    // Whatever it did, it must not have been ended by this.
    subject.probe.close();
    pong(subject)?;
    Ok(format!("{how}; it dialled again and answers"))
}
