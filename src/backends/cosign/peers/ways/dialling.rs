//! The thread that keeps this member linked to one with a lower id.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::backends::cosign::peers::pair::{LinkEnd, MemberSlot, talk};
use crate::backends::cosign::peers::shared::Shared;
use crate::link::redial::Redial;
use crate::link::{Address, Dialer};

/// A link that lived less long than this is not dialled again at once.
const LIVED: Duration = Duration::from_secs(1);

/// Dials, talks, and dials again, until the end.
pub(in crate::backends::cosign::peers) fn keep_dialled(shared: &Shared, slot: &MemberSlot) {
    let mut dialer = Dialer::new(&Address::Tcp {
        peer_id: Some(slot.place.peer_id),
        host: slot.place.host.clone(),
        port: slot.place.port,
    });
    let mut redial = Redial::default();
    while !shared.stop.wait(redial.delay(random())) {
        let once = AssertUnwindSafe(|| dial(shared, slot, &mut dialer));
        match catch_unwind(once) {
            Ok(Ok(lived)) if lived >= LIVED => redial.lived(),
            Ok(Ok(_)) => {}
            Ok(Err(why)) => slot.failed(&why),
            Err(_) => slot.failed(&LinkEnd::Bug),
        }
    }
}

/// How long the link lived, or why there was none.
fn dial(shared: &Shared, slot: &MemberSlot, dialer: &mut Dialer) -> Result<Duration, LinkEnd> {
    let talker = &shared.talker;
    let hold = |closer| shared.hold(slot.place.id, closer);
    let times = talker.times.of_links();
    let connection = dialer.dial(Some(&shared.identity), &times, hold);
    let greeted = connection
        .map_err(LinkEnd::from)
        .and_then(|connection| talker.greet(slot, connection));
    shared.shaking.lock().remove(&slot.place.id);
    let greeted = greeted?;
    let began = Instant::now();
    talk(greeted, slot, talker, &shared.stop);
    Ok(began.elapsed())
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness there is no jitter, and nothing else is lost.
    let _ = getrandom::getrandom(&mut bytes);
    u32::from_le_bytes(bytes)
}
