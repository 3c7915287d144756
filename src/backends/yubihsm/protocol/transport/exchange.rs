//! One frame there, one frame back.

use std::time::{Duration, Instant};

use crate::backends::yubihsm::protocol::error::ErrorKind;

/// Carries frames. The name is the one that YubiHSM tools use; a Ledger's is `ApduTransport`.
pub trait Transport: Send {
    /// Sends a frame and waits for its reply until `until` at the latest.
    fn exchange(&mut self, frame: &[u8], until: Instant) -> Result<Vec<u8>, ErrorKind>;

    /// Drops the connection: what may still come on it belongs to nobody. The next exchange makes a new one.
    fn forget(&mut self);
}

/// The time left, unless there is none.
pub(super) fn left(until: Instant) -> Result<Duration, ErrorKind> {
    let left = until.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(ErrorKind::Late),
        false => Ok(left),
    }
}
