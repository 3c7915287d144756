//! The threads of a link: one reads, one sends.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, TrySendError};
use std::time::{Duration, Instant};

use crate::backends::cosign::ask::{Serve, ServedAnswer};
use crate::backends::cosign::frost::FrostError;
use crate::backends::cosign::nonces::ShownTo;
use crate::backends::cosign::peers::settings::PeerTimes;
use crate::backends::cosign::peers::wire::{PeerHello, PeerMessage, PeerMessageError};
use crate::consensus::PublicKey;
use crate::link::{Connection, LinkError, Receiving, Sending};
use crate::shares::Quorum;
use crate::threads::{STACK, Shutdown, spawn};

use super::end::LinkEnd;
use super::job::Job;
use super::pair_link::{PairLink, ToSend};
use super::slot::MemberSlot;

/// More messages than these within a second are no conversation. One of a validator with a block each second has some ten.
const MOST: u32 = 2000;

/// What this member says of itself, and how it looks at the others.
pub(in crate::backends::cosign::peers) struct Talker {
    /// What is said first.
    pub hello: PeerHello,
    /// What it answers.
    pub serve: Arc<dyn Serve>,
    /// The key of the whole.
    pub public_key: PublicKey,
    /// How many of how many sign.
    pub quorum: Quorum,
    /// How long is waited for what.
    pub times: PeerTimes,
}

/// A member that said who it is, and is the one that the configuration names.
pub(in crate::backends::cosign::peers) struct Greeted {
    receiving: Receiving,
    sending: Sending,
    link: Arc<PairLink>,
    to_send: ToSend,
    round_trip: Option<Duration>,
}

impl Talker {
    /// Both sides say who they are; nothing else is said before that.
    pub(in crate::backends::cosign::peers) fn greet(
        &self,
        slot: &MemberSlot,
        connection: Connection,
    ) -> Result<Greeted, LinkEnd> {
        let closer = connection.closer().map_err(LinkError::Io)?;
        let round_trip = connection.round_trip();
        let (mut receiving, mut sending) = connection.split();
        sending.send(&PeerMessage::Hello(self.hello.clone()).encode()?)?;
        let first = receiving.receive().map_err(|error| match error {
            LinkError::Closed => LinkEnd::Unheard,
            other => other.into(),
        })?;
        let theirs = match PeerMessage::read(first.bytes)? {
            PeerMessage::Hello(hello) => hello,
            PeerMessage::Bye(why) => return Err(LinkEnd::Told(why)),
            _ => return Err(LinkEnd::OutOfTurn),
        };
        let place = &slot.place;
        let judged = theirs
            .judge(place.id, &place.public_share, &self.public_key, self.quorum)
            .map_err(LinkEnd::from)
            .and_then(|()| slot.examine(closer.peer_address(), &self.times));
        if let Err(why) = judged {
            // Whoever looks after the other host is told, too. It may be gone already.
            if let Ok(bye) = PeerMessage::Bye(why.to_string()).encode() {
                let _ = sending.send(&bye);
            }
            return Err(why);
        }
        let to = ShownTo {
            member: place.id,
            boot: theirs.boot,
        };
        let (link, to_send) = PairLink::new(to, closer);
        Ok(Greeted {
            receiving,
            sending,
            link,
            to_send,
            round_trip,
        })
    }
}

/// Puts the link into its place and reads from it until it ends.
pub(in crate::backends::cosign::peers) fn talk(
    greeted: Greeted,
    slot: &MemberSlot,
    talker: &Talker,
    stop: &Shutdown,
) {
    let Greeted {
        receiving,
        sending,
        link,
        to_send,
        round_trip,
    } = greeted;
    let (sender, ping) = (link.clone(), talker.times.ping);
    let name = format!("cosign-send-{}", slot.place.id);
    let body = move || keep_sending(&sender, sending, ping, &to_send);
    let sending = match spawn(&name, STACK, body) {
        Ok(thread) => thread,
        Err(error) => return slot.failed(&LinkEnd::Thread(error)),
    };
    slot.put(&link, round_trip);
    // Whoever ends all links sees this one, or has said so before.
    if stop.is_set() {
        link.end(LinkEnd::Stopped);
    }
    // Where so much is asked already, the next turn shows them.
    let _ = slot.jobs.try_send(Job::Up);
    let ending = EndsLink(&link);
    let found = keep_reading(&link, slot, &*talker.serve, receiving);
    let why = link.take_why().unwrap_or(found);
    drop(ending);
    // It ends with the socket. A panic of it stands in the log.
    let _ = sending.join();
    slot.down(&link, &why);
}

/// Ends the link also where one of its threads panics.
struct EndsLink<'a>(&'a PairLink);

impl Drop for EndsLink<'_> {
    fn drop(&mut self) {
        self.0.end(LinkEnd::Bug);
    }
}

fn keep_reading(
    link: &Arc<PairLink>,
    slot: &MemberSlot,
    serve: &dyn Serve,
    mut receiving: Receiving,
) -> LinkEnd {
    let mut pace = (Instant::now(), 0);
    loop {
        let message = match receiving.receive() {
            Ok(frame) => PeerMessage::read(frame.bytes),
            Err(error) => return error.into(),
        };
        if pace.0.elapsed() >= Duration::from_secs(1) {
            pace = (Instant::now(), 0);
        }
        pace.1 += 1;
        if pace.1 > MOST {
            return LinkEnd::Flood(MOST);
        }
        match message {
            Ok(PeerMessage::Shown(nonces)) => link.hold(nonces),
            Ok(PeerMessage::Ask { number, asked }) => {
                slot.served.lock().questions += 1;
                let asked = Arc::new(asked);
                let (from, question) = (link.to, asked.clone());
                let link = link.clone();
                let job = Job::Ask {
                    link,
                    number,
                    asked,
                };
                match slot.jobs.try_send(job) {
                    // The gate is asked meanwhile, and its disk works. What else is wrong is answered.
                    Ok(()) => {
                        if let Err(FrostError::Bytes) = serve.prepare(from, &question) {
                            return PeerMessageError::Field("commitments").into();
                        }
                    }
                    Err(TrySendError::Full(Job::Ask { link, number, .. })) => {
                        let busy = ServedAnswer::Busy;
                        slot.served.lock().count_served(&busy);
                        link.answer(number, busy);
                    }
                    Err(_) => return LinkEnd::Stopped,
                }
            }
            Ok(PeerMessage::Answer { number, answer }) => {
                if let Some((chain, at)) = link.answered(number, answer) {
                    slot.gave(link, chain, at);
                }
            }
            Ok(PeerMessage::Made(made)) => slot.tell(link, made),
            Ok(PeerMessage::Stands(all)) => {
                link.stands(all);
                let _ = slot.jobs.try_send(Job::Up);
            }
            Ok(PeerMessage::Ping(number)) => link.send(PeerMessage::Pong(number)),
            Ok(PeerMessage::Pong(number)) => link.ponged(number),
            Ok(PeerMessage::Bye(why)) => return LinkEnd::Told(why),
            Ok(PeerMessage::Hello(_)) => return LinkEnd::OutOfTurn,
            Err(error) => return error.into(),
        }
    }
}

/// Sends what is handed to it, and pings.
fn keep_sending(link: &PairLink, mut sending: Sending, every: Duration, to_send: &ToSend) {
    let _ending = EndsLink(link);
    let mut pinged: Option<Instant> = None;
    loop {
        let left = pinged.and_then(|at| every.checked_sub(at.elapsed()));
        let frame = match left.map(|left| to_send.next(left)) {
            Some(Ok(frame)) => Ok(frame),
            // Also where there is always something to send.
            None | Some(Err(RecvTimeoutError::Timeout)) => {
                pinged = Some(Instant::now());
                link.next_ping().encode()
            }
            Some(Err(RecvTimeoutError::Disconnected)) => return,
        };
        let sent = frame.map_err(LinkEnd::from);
        let sent = sent.and_then(|frame| Ok(sending.send(&frame)?));
        if let Err(why) = sent {
            return link.end(why);
        }
    }
}
