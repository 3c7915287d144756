//! What each link has done recently, for `tmkms status`.
//!
//! A link counts for itself, after its reply has left; no two links share a lock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::consensus::{Height, Hrs};
use crate::events::{Event, Sink};
use crate::os::clock::{Clock, Moment, SystemClock};
use crate::reason::ReasonKind;
use crate::text::excerpt::brief;

use super::conflict::{Conflict, Conflicts};
use super::skew::NodeClock;

/// The longest text that is kept, in bytes.
const LONGEST_TEXT: usize = 1024;

/// The state of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Not made yet.
    Dialling,
    /// Up, and the peer where the link can tell.
    Up(Option<String>),
    /// Not made or ended: a stable word, and what happened.
    Down(&'static str, String),
}

/// What one link has done recently.
#[derive(Clone, Debug)]
pub struct LinkSnapshot {
    /// Its state.
    pub state: LinkState,
    /// Since when it is in that state.
    pub since: Instant,
    /// How often it came up.
    pub connects: u64,
    /// What the last connect and its handshake took.
    pub dialled_in: Option<Duration>,
    /// One round trip to the node when it came up last; none on Unix sockets.
    pub round_trip: Option<Duration>,
    /// How often it ended or could not be made, by a stable word; as many entries as there are words.
    pub failures: Vec<(&'static str, u64)>,
    /// Signatures made.
    pub signed: u64,
    /// Earlier signatures given again.
    pub replayed: u64,
    /// Signatures of raw bytes.
    pub raw_signed: u64,
    /// Requests refused.
    pub refused: u64,
    /// Of them, double signs.
    pub conflicts: u64,
    /// Requests that the key or device failed.
    pub failed: u64,
    /// The height that it asked for last, signed or not; a stranger's.
    pub asked: Option<Height>,
    /// What its votes say of its clock.
    pub clock: NodeClock,
    /// The last signature that left: position, when, how long it took.
    pub last_signed: Option<(Hrs, Instant, Duration)>,
    /// The last refusal or failure.
    pub last_refusal: Option<LastRefusal>,
    /// Refused double signs that nobody has acknowledged.
    pub unacknowledged: Option<Conflicts>,
}

/// The last refusal or failure of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRefusal {
    /// Why, without the details.
    pub reason: ReasonKind,
    /// What was asked, why it was refused, and what to do.
    pub message: String,
    /// When.
    pub at: Moment,
    /// Whether a signature has left since then.
    pub over: bool,
}

impl LinkSnapshot {
    /// Replies by what they were: a stable word, and how many.
    pub fn replies(&self) -> [(&'static str, u64); 5] {
        [
            ("signed", self.signed),
            ("replayed", self.replayed),
            ("raw", self.raw_signed),
            ("refused", self.refused),
            ("failed", self.failed),
        ]
    }

    /// Whether the link is up.
    pub fn is_up(&self) -> bool {
        matches!(self.state, LinkState::Up(_))
    }
}

/// What one link counts. Clones count together.
#[derive(Clone)]
pub struct LinkStats(Arc<Mutex<LinkSnapshot>>);

impl Default for LinkStats {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LinkSnapshot {
            state: LinkState::Dialling,
            since: Instant::now(),
            connects: 0,
            dialled_in: None,
            round_trip: None,
            failures: Vec::new(),
            signed: 0,
            replayed: 0,
            raw_signed: 0,
            refused: 0,
            conflicts: 0,
            failed: 0,
            asked: None,
            clock: NodeClock::default(),
            last_signed: None,
            last_refusal: None,
            unacknowledged: None,
        })))
    }
}

impl LinkStats {
    /// What is counted by now.
    pub fn snapshot(&self) -> LinkSnapshot {
        self.0.lock().clone()
    }

    /// Whether the link is up.
    pub fn is_up(&self) -> bool {
        self.0.lock().is_up()
    }

    /// Takes the refused double signs out of sight that are in it now, and gives them.
    pub fn acknowledge(&self, now: &Moment) -> Option<Conflicts> {
        self.0.lock().unacknowledged.take()?.in_sight(now)
    }
}

impl LinkSnapshot {
    /// The height of the node, where the chain's signatures reach up to `highest`, and how many below that it is. A stranger may
    /// ask for any height, which says nothing of the others.
    pub fn height(&self, highest: Option<Height>) -> Option<(Height, u64)> {
        let (asked, highest) = (self.asked?, highest?);
        let behind = highest.get().saturating_sub(asked.get());
        Some((asked.min(highest), u64::try_from(behind).unwrap_or(0)))
    }

    fn ask(&mut self, hrs: Option<Hrs>) {
        self.asked = hrs.map(|hrs| hrs.height).or(self.asked);
    }

    fn refuse(&mut self, reason: ReasonKind, message: String) {
        let at = SystemClock.now();
        self.last_refusal = Some(LastRefusal {
            reason,
            message,
            at,
            over: false,
        });
    }
}

impl Sink for LinkStats {
    fn emit(&self, event: &Event) {
        let mut snapshot = self.0.lock();
        let now = Instant::now();
        match event {
            Event::LinkUp {
                peer,
                took,
                round_trip,
            } => {
                snapshot.dialled_in = Some(*took);
                snapshot.round_trip = *round_trip;
                snapshot.state = LinkState::Up(peer.as_deref().map(kept));
                snapshot.since = now;
                snapshot.connects += 1;
            }
            // The text may come from outside, and the status keeps showing the last of each.
            Event::LinkDown { code, message, .. } => {
                // A link that stays down is tried again and again, and has been down all the while.
                if !matches!(snapshot.state, LinkState::Down(..)) {
                    snapshot.since = now;
                }
                snapshot.state = LinkState::Down(code, kept(message));
                match snapshot.failures.iter_mut().find(|(word, _)| word == code) {
                    Some((_, count)) => *count += 1,
                    None => snapshot.failures.push((code, 1)),
                }
            }
            Event::Signed {
                hrs,
                made,
                replayed,
                took,
                ..
            } => {
                snapshot.asked = Some(hrs.height);
                match replayed {
                    true => snapshot.replayed += 1,
                    false => snapshot.signed += 1,
                }
                if let Some(made) = made {
                    snapshot.clock.voted(made, now);
                }
                snapshot.last_signed = Some((*hrs, now, *took));
                if let Some(refusal) = &mut snapshot.last_refusal {
                    refusal.over = true;
                }
            }
            Event::Refused {
                reason,
                message,
                hrs,
                ..
            } => {
                snapshot.ask(hrs.filter(|_| *reason != ReasonKind::WrongChain));
                snapshot.refused += 1;
                snapshot.conflicts += u64::from(*reason == ReasonKind::Conflict);
                snapshot.refuse(*reason, kept(message));
                if let Some(hrs) = hrs.filter(|_| reason.is_double_sign()) {
                    let at = SystemClock.now();
                    let new = Conflict { hrs, at };
                    snapshot.unacknowledged = Some(Conflicts::and(snapshot.unacknowledged, new));
                }
            }
            Event::SignerFailed { message, hrs, .. } => {
                snapshot.ask(*hrs);
                snapshot.failed += 1;
                snapshot.refuse(ReasonKind::SignerFailed, kept(message));
            }
            Event::Late { hrs, .. } => {
                snapshot.ask(*hrs);
                snapshot.failed += 1;
                let what = hrs.map_or_else(
                    || "a message of raw bytes".to_owned(),
                    |hrs| hrs.to_string(),
                );
                snapshot.refuse(ReasonKind::Late, format!("{what} was signed too late"));
            }
            Event::RawSigned { .. } => snapshot.raw_signed += 1,
            Event::PublicKeyAsked | Event::Pinged => {}
        }
    }
}

fn kept(text: &str) -> String {
    brief(text, LONGEST_TEXT).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{Height, Round, Step};
    use crate::events::{RequestKind, Spent};

    #[test]
    fn a_board_shows_what_was_told() {
        let stats = LinkStats::default();
        assert_eq!(stats.snapshot().state, LinkState::Dialling);
        stats.emit(&Event::LinkUp {
            peer: None,
            took: Duration::from_millis(2),
            round_trip: Some(Duration::from_millis(1)),
        });
        let hrs = Hrs {
            height: Height::new(5).unwrap(),
            round: Round::new(0).unwrap(),
            step: Step::Prevote,
        };
        for replayed in [false, true, true] {
            stats.emit(&Event::Signed {
                hrs,
                block: None,
                made: None,
                replayed,
                took: Duration::from_millis(1),
                spent: Spent::default(),
            });
        }
        stats.emit(&Event::Refused {
            kind: RequestKind::Prevote,
            hrs: Some(hrs),
            reason: ReasonKind::Conflict,
            message: "no".to_owned(),
        });
        let snapshot = stats.snapshot();
        assert_eq!(
            (
                snapshot.connects,
                snapshot.signed,
                snapshot.replayed,
                snapshot.refused,
                snapshot.conflicts
            ),
            (1, 1, 2, 1, 1)
        );
        assert_eq!(snapshot.last_signed.unwrap().0, hrs);
        assert_eq!(snapshot.last_refusal.unwrap().reason, ReasonKind::Conflict);
        assert_eq!(snapshot.unacknowledged.unwrap().last.hrs, hrs);
        for _ in 0..2 {
            stats.emit(&Event::LinkDown {
                code: "closed",
                message: "gone".to_owned(),
                was_up: true,
            });
        }
        assert_eq!(stats.snapshot().failures, [("closed", 2)]);
        assert_eq!(
            stats.snapshot().state,
            LinkState::Down("closed", "gone".to_owned())
        );
    }

    fn refused(height: i64, reason: ReasonKind) -> Event {
        Event::Refused {
            kind: RequestKind::Prevote,
            hrs: Some(Hrs {
                height: Height::new(height).unwrap(),
                round: Round::FIRST,
                step: Step::Prevote,
            }),
            reason,
            message: String::new(),
        }
    }

    #[test]
    fn a_node_is_as_high_as_what_it_asks_for_and_no_higher_than_what_was_signed() {
        let stats = LinkStats::default();
        let at = |height| Height::new(height);
        let height = |highest: Option<Height>| {
            let found = stats.snapshot().height(highest);
            found.map(|(height, behind)| (height.get(), behind))
        };
        assert_eq!(height(at(7)), None, "it has asked for nothing yet");
        // It is behind, so all that it asks for is refused.
        stats.emit(&refused(3, ReasonKind::Regression));
        assert_eq!(height(at(7)), Some((3, 4)));
        assert_eq!(height(None), None, "nothing was signed yet");
        // Another chain's heights are none of this one.
        stats.emit(&refused(6, ReasonKind::WrongChain));
        assert_eq!(height(at(7)), Some((3, 4)));
        for stranger in [8, i64::MAX] {
            stats.emit(&refused(stranger, ReasonKind::TooFarAhead));
            assert_eq!(height(at(7)), Some((7, 0)));
        }
        // It was restored, and is behind again.
        stats.emit(&refused(1, ReasonKind::Paused));
        assert_eq!(height(at(i64::MAX)), Some((1, u64::MAX / 2 - 1)));
    }
}
