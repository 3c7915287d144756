//! The half of a link that sends: whole frames out, each within a time limit.

use std::sync::Arc;

use crate::link::error::LinkError;
use crate::link::timeouts::Timeouts;

use super::cipher::Sealing;
use super::stream::Stream;

/// Sends over a link, while its [`Receiving`](super::Receiving) half may be on another thread.
pub struct Sending {
    stream: Arc<Stream>,
    sealing: Sealing,
    times: Timeouts,
    sealed: Vec<u8>,
}

impl Sending {
    pub(super) fn new(
        stream: Arc<Stream>,
        sealing: Sealing,
        times: Timeouts,
    ) -> Result<Self, LinkError> {
        stream
            .set_write_timeout(times.write)
            .map_err(LinkError::Io)?;
        Ok(Self {
            stream,
            sealing,
            times,
            sealed: Vec::new(),
        })
    }

    /// Sends bytes that are whole frames with their lengths.
    ///
    /// # Errors
    /// The other side does not take them within the time for a write, or the link has ended. It cannot be used after that.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        self.prepare(bytes)?;
        self.send_prepared()
    }

    /// Seals what is to be sent next, so that nothing is left to do but to send it.
    pub(super) fn prepare(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        self.sealed.clear();
        self.sealed.shrink_to(64 * 1024);
        self.sealing.seal(bytes, &mut self.sealed)
    }

    /// Sends what was prepared.
    pub(super) fn send_prepared(&mut self) -> Result<(), LinkError> {
        self.stream.write_all(&self.sealed, self.times.write)
    }
}
