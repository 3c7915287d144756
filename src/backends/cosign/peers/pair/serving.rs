//! The thread that answers one member's questions, in turn, and shows it fresh nonces.
//!
//! It belongs to the member and not to a link: however often the member comes again while a question waits for a disk, there is one
//! such thread. Answers to our own questions do not pass through it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::backends::cosign::ask::{AskedShare, Serve};
use crate::backends::cosign::peers::wire::PeerMessage;
use crate::threads::Shutdown;

use super::end::LinkEnd;
use super::job::Job;
use super::pair_link::PairLink;
use super::slot::MemberSlot;

/// So many nonces are shown at once: with two showings at hand the other side never has fewer that are young.
const FRESH: usize = 4;

/// Does all jobs until the end.
pub(in crate::backends::cosign::peers) fn work(
    slot: &MemberSlot,
    serve: &dyn Serve,
    every: Duration,
    stop: &Shutdown,
    jobs: &Receiver<Job>,
) {
    let mut shown = Instant::now();
    while !stop.is_set() {
        let wait = match slot.has_told() {
            true => Duration::ZERO,
            false => every.saturating_sub(shown.elapsed()),
        };
        let (mut is_new, mut says) = (false, false);
        match jobs.recv_timeout(wait) {
            Ok(Job::Ask {
                link,
                number,
                asked,
            }) => guarded(&link, || answer(slot, serve, &link, number, &asked)),
            Ok(Job::Up) => is_new = true,
            Ok(Job::Say) => says = true,
            Ok(Job::Learn) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
        let due = shown.elapsed() >= every;
        if due {
            shown = Instant::now();
        }
        if is_new || due || says {
            slot.settle();
            if let Some(link) = slot.up() {
                guarded(&link, || {
                    // Asked each time: it is the first time once.
                    if link.says_first() || says || due {
                        link.send(PeerMessage::Stands(serve.standings()));
                    }
                    bring_up_to_date(slot, serve, &link, due);
                });
            }
        }
        // One at a time: questions that came meanwhile go first.
        if let Some((link, made)) = slot.next_told() {
            guarded(&link, || serve.learn(made));
        }
    }
}

/// The answer leaves first.
fn answer(slot: &MemberSlot, serve: &dyn Serve, link: &PairLink, number: u64, asked: &AskedShare) {
    // Nobody would hear it, and a share that nobody hears is a lock for nothing.
    if link.has_ended() {
        return;
    }
    let answer = serve.serve(link.to, asked);
    slot.served.lock().count_served(&answer);
    link.answer(number, answer);
    if link.was_shown() {
        show(serve, link, 1);
    }
}

/// Both sides say where they stand, and what the other one knows is learned before it is shown nonces: a member whose state was set
/// back gives no share before it knows what the others know. `due` when it is time to show nonces again.
fn bring_up_to_date(slot: &MemberSlot, serve: &dyn Serve, link: &PairLink, due: bool) {
    let Some(stands) = link.take_stands() else {
        return;
    };
    // What was taken before is empty, and says nothing.
    if !stands.is_empty() {
        slot.says(&stands);
    }
    for standing in stands {
        slot.stands(link, &standing);
        standing.made.into_iter().for_each(|made| serve.learn(made));
    }
    if link.shows_first() || due {
        show(serve, link, FRESH);
    }
}

fn show(serve: &dyn Serve, link: &PairLink, many: usize) {
    let nonces: Vec<_> = (0..many).map_while(|_| serve.show(link.to)).collect();
    if !nonces.is_empty() {
        link.send(PeerMessage::Shown(nonces));
    }
}

/// A bug that one question meets ends its link alone.
fn guarded(link: &PairLink, work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        link.end(LinkEnd::Bug);
    }
}
