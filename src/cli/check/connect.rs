//! One node, dialled for a moment: it gets the public key and pings answered, and nothing signed.

use std::time::Duration;

use parking_lot::Mutex;

use crate::chain::Chain;
use crate::config::NodeConfig;
use crate::consensus::{ChainId, PublicKey};
use crate::events::{Event, Sink};
use crate::link::{Closer, LinkError, dial};
use crate::os::clock::SystemClock;
use crate::reason::ReasonKind;
use crate::session::{End, InFlight, NodeTerms, serve};

/// A node asks for the public key at once or pings within 3.3 s.
const SILENCE: Duration = Duration::from_secs(6);

/// Ends the link after the first thing that the node asks.
struct First {
    closer: Mutex<Option<Closer>>,
    asked: Mutex<Option<Event>>,
}

impl Sink for First {
    fn emit(&self, event: &Event) {
        self.asked.lock().get_or_insert(event.clone());
        if let Some(closer) = &*self.closer.lock() {
            closer.close();
        }
    }
}

/// What the node did, or why it cannot be reached.
pub(super) fn try_node(
    id: ChainId,
    key: Option<PublicKey>,
    node: &NodeConfig,
) -> Result<String, String> {
    let identity = super::identity::identity(node.identity.as_ref())?;
    let first = First {
        closer: Mutex::new(None),
        asked: Mutex::new(None),
    };
    let mut times = node.timeouts;
    times.silence = SILENCE;
    let hold = |closer| *first.closer.lock() = Some(closer);
    let address = node.address.known().map_err(|error| error.to_string())?;
    let mut link =
        dial(address, identity.as_ref(), &times, hold).map_err(|error| error.to_string())?;
    let peer = link.peer().map(|peer| peer.to_string());
    let why = "only `tmkms check` is connected for a moment".to_owned();
    let chain = Chain::unarmed(id, key, why);
    let hand = InFlight::default();
    let end = serve(
        &mut link,
        &chain,
        &NodeTerms::default(),
        &hand,
        &SystemClock,
        &first,
    );
    link.close();
    if let End::Link(error @ (LinkError::PeerPort | LinkError::NotAdmitted(_))) = end {
        return Err(error.to_string());
    }
    let asked = first.asked.lock().take();
    let with = peer.map_or_else(String::new, |peer| format!(" {peer}"));
    match asked {
        Some(Event::PublicKeyAsked) => Ok(format!("reached{with}, took the public key")),
        Some(Event::Pinged) => Ok(format!("reached{with}, pings")),
        Some(Event::Refused {
            reason, message, ..
        }) => match reason {
            // The node wants to sign right now; that is the strongest yes.
            ReasonKind::NotArmed => Ok(format!("reached{with}, asks for signatures")),
            _ => Err(message),
        },
        Some(_) => Ok(format!("reached{with}")),
        None => Err(format!(
            "it took the connection and asked for nothing ({end}); is this the node's priv_validator_laddr?"
        )),
    }
}
