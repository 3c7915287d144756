//! What the flow tells whoever listens: plain values, and a trait to take them.
//!
//! A [`Sink`] is made per link, with all that it needs resolved, so that telling takes no lock that chains share.

use std::time::Duration;

use crate::consensus::{BlockId, Hrs};

/// One thing that happened on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The link is up.
    LinkUp {
        /// Who listens, where the link can tell.
        peer: Option<String>,
    },
    /// The link could not be made, or ended.
    LinkDown {
        /// A stable word.
        code: &'static str,
        /// What happened and what to do.
        message: String,
        /// Whether the link had been up.
        was_up: bool,
    },
    /// A signature left.
    Signed {
        /// The position.
        hrs: Hrs,
        /// The block; `None` is a nil vote.
        block: Option<BlockId>,
        /// Whether it is the earlier signature of the same message.
        replayed: bool,
        /// From the last byte of the request to the reply.
        took: Duration,
    },
    /// A request was refused in-band.
    Refused {
        /// A stable word.
        code: &'static str,
        /// Whether signing would have been a double sign.
        double_sign: bool,
        /// What was asked, what was last, why, and what to do.
        message: String,
    },
    /// The key or device gave no signature.
    SignerFailed {
        /// What happened and what to do.
        message: String,
    },
    /// A signature was ready too late and did not leave (W16).
    Late {
        /// The position; `None` for raw bytes.
        hrs: Option<Hrs>,
        /// How long it took.
        took: Duration,
    },
    /// A signature of raw bytes left.
    RawSigned {
        /// How many bytes were signed for, as the node sent them.
        bytes: usize,
        /// From the last byte of the request to the reply.
        took: Duration,
    },
    /// The node asked for the public key.
    PublicKeyAsked,
    /// The node pinged.
    Pinged,
}

/// Takes events.
pub trait Sink: Send + Sync {
    /// Called after the reply has left, on the link's thread; must not wait.
    fn emit(&self, event: &Event);
}
