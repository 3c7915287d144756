//! The half of a link that receives: whole frames in, each within a time limit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::codec::frame::Decoder;
use crate::link::error::LinkError;
use crate::link::noise::Libp2pId;
use crate::link::timeouts::Timeouts;
use crate::os::clock::{Clock, Moment, SystemClock};

use super::cipher::Opening;
use super::stream::{Stream, broken, has_run_out};

/// A noise link that ends within this time, before the node asked for anything, is one that the node did not admit: it
/// looks at its list only when the handshake is done, and closes without a word.
const ADMISSION: Duration = Duration::from_secs(2);

/// One frame without its length.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The message.
    pub bytes: &'a [u8],
    /// When its last byte was read (W16).
    pub read_at: Moment,
}

/// Receives over a link, while its [`Sending`](super::Sending) half may be on another thread.
pub struct Receiving {
    stream: Arc<Stream>,
    opening: Opening,
    decoder: Decoder,
    times: Timeouts,
    /// The read time-out that the socket has.
    waiting: Option<Duration>,
    read_at: Moment,
    partial_since: Option<Instant>,
    buffer: Box<[u8; 4096]>,
    frames: u64,
    /// We, and since when we wait to be admitted; gone with the first byte.
    admission: Option<(Libp2pId, Instant)>,
}

impl Receiving {
    pub(super) fn new(stream: Arc<Stream>, opening: Opening, times: Timeouts) -> Self {
        Self {
            stream,
            opening,
            decoder: Decoder::default(),
            times,
            waiting: None,
            read_at: SystemClock.now(),
            partial_since: None,
            buffer: Box::new([0; 4096]),
            frames: 0,
            admission: None,
        }
    }

    /// We are `ours` to a node that has not looked at its list yet.
    pub(super) fn awaits_admission(&mut self, ours: Libp2pId) {
        self.admission = Some((ours, Instant::now()));
    }

    /// What it means that the node closed the link between two requests.
    fn closed(&self) -> LinkError {
        match &self.admission {
            Some((ours, since)) if since.elapsed() < ADMISSION => LinkError::NotAdmitted(*ours),
            _ => LinkError::Closed,
        }
    }

    /// How many frames came so far.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    /// None came in time, or none can come any more.
    pub fn receive(&mut self) -> Result<Frame<'_>, LinkError> {
        let mut idle_since = None;
        while !self.decoder.is_complete()? {
            self.read_more(&mut idle_since)?;
        }
        self.frames += 1;
        self.partial_since = None;
        let read_at = self.read_at;
        // Complete, so this is a frame.
        let bytes = self.decoder.next_frame()?.unwrap_or_default();
        Ok(Frame { bytes, read_at })
    }

    /// How long nothing may come. A node that serves another signer holds a link in reserve, and asks nothing before it needs it.
    fn silence(&self) -> Duration {
        match self.frames {
            0 => self.times.silence.max(self.times.standby),
            _ => self.times.silence,
        }
    }

    fn is_partial(&self) -> bool {
        self.decoder.is_partial() || self.opening.is_partial()
    }

    /// `idle_since` is when the wait for this frame began; empty sealed frames do not begin it again.
    fn read_more(&mut self, idle_since: &mut Option<Instant>) -> Result<(), LinkError> {
        let partial = self.is_partial();
        let silence = self.silence();
        let wait = if partial {
            let since = *self.partial_since.get_or_insert_with(Instant::now);
            let left = self.times.frame.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Err(LinkError::HalfFrame(self.times.frame));
            }
            left
        } else {
            match idle_since {
                None => {
                    *idle_since = Some(Instant::now());
                    silence
                }
                Some(since) => {
                    let left = silence.saturating_sub(since.elapsed());
                    if left.is_zero() {
                        return Err(LinkError::Silent(silence));
                    }
                    left
                }
            }
        };
        if self.waiting != Some(wait) {
            self.stream.set_read_timeout(wait).map_err(LinkError::Io)?;
            self.waiting = Some(wait);
        }
        let count = match self.stream.read(&mut *self.buffer) {
            Ok(0) if partial => return Err(LinkError::ClosedInFrame),
            Ok(0) => return Err(self.closed()),
            Ok(count) => count,
            Err(error) if has_run_out(&error) && partial => {
                return Err(LinkError::HalfFrame(self.times.frame));
            }
            Err(error) if has_run_out(&error) => {
                return Err(LinkError::Silent(silence));
            }
            Err(error) => {
                return Err(match broken(error) {
                    LinkError::Closed if !partial => self.closed(),
                    other => other,
                });
            }
        };
        self.read_at = SystemClock.now();
        self.admission = None;
        let bytes = self.buffer.get(..count).unwrap_or_default();
        self.opening.feed(bytes, &mut self.decoder)
    }
}
