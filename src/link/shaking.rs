//! Handshakes over a socket, with one time limit over all of their reads and writes.

use std::io;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::connection::{Stream, is_timeout};
use super::error::LinkError;
use super::identity::IdentityKey;
use super::noise::{
    HELLO_FRAME, Libp2pId, NoiseAnswered, NoiseDialled, NoiseError, NoiseKeys, NoiseMet, announced,
};
use super::secret_connection::{Established, HELLO, Handshake, HandshakeError, SEALED};

/// A handshake that is under way.
pub(super) struct Shaking<'a> {
    stream: &'a Stream,
    began: Instant,
    limit: Duration,
    /// Whether the other side sent anything at all.
    heard: bool,
}

impl<'a> Shaking<'a> {
    pub(super) fn begin(stream: &'a Stream, limit: Duration) -> Self {
        Self {
            stream,
            began: Instant::now(),
            limit,
            heard: false,
        }
    }

    /// Whether the other side sent nothing at all.
    pub(super) fn was_silent(&self) -> bool {
        !self.heard
    }

    /// Begins a SecretConnection, in either role.
    pub(super) fn hello(&mut self) -> Result<Handshake, LinkError> {
        let (handshake, hello) = Handshake::start(*random()?);
        self.write(&hello)?;
        Ok(handshake)
    }

    /// The rest of it.
    pub(super) fn secret_connection(
        &mut self,
        handshake: Handshake,
        identity: &IdentityKey,
    ) -> Result<Established, LinkError> {
        let mut theirs = [0; HELLO];
        self.read(&mut theirs, |so_far| match Handshake::may_begin(so_far) {
            true => Ok(()),
            false => Err(not_privval(so_far, HandshakeError::NotHello)),
        })?;
        let mut proof = Vec::new();
        let handshake = handshake.hello(&theirs, identity, &mut proof)?;
        self.write(&proof)?;
        let mut frame = [0; SEALED];
        self.read(&mut frame, |_| Ok(()))?;
        Ok(handshake.auth(&mut frame)?)
    }

    /// Begins as Noise's initiator.
    pub(super) fn noise_hello(&mut self) -> Result<NoiseDialled, LinkError> {
        let mut hello = Vec::with_capacity(HELLO_FRAME);
        let handshake = NoiseDialled::start([random()?, random()?], &mut hello)?;
        self.write(&hello)?;
        Ok(handshake)
    }

    /// The rest of it; the node has to be `expected` before it learns who we are.
    pub(super) fn noise_dialled(
        &mut self,
        handshake: NoiseDialled,
        identity: &IdentityKey,
        expected: Libp2pId,
    ) -> Result<NoiseKeys, LinkError> {
        let met = self.noise_met(handshake)?;
        if met.peer != expected {
            let found = met.peer;
            return Err(LinkError::WrongNode { expected, found });
        }
        let mut last = Vec::new();
        let keys = met.finish(identity, &mut last)?;
        self.write(&last)?;
        Ok(keys)
    }

    /// As far as to know who listens there, which tells the listener nothing of us.
    pub(super) fn noise_met(&mut self, handshake: NoiseDialled) -> Result<NoiseMet, LinkError> {
        let answer = self.noise_message()?;
        Ok(handshake.answered(&answer)?)
    }

    /// The node's side. `allowed` is the signer that its address names; any with none.
    pub(super) fn noise_accepted(
        &mut self,
        identity: &IdentityKey,
        allowed: Option<Libp2pId>,
    ) -> Result<NoiseKeys, LinkError> {
        let hello = self.noise_message()?;
        let mut answer = Vec::new();
        let random = [random()?, random()?];
        let handshake = NoiseAnswered::answer(&hello, random, identity, &mut answer)?;
        self.write(&answer)?;
        let keys = handshake.finish(&self.noise_message()?)?;
        match allowed {
            Some(expected) if expected != keys.peer => Err(LinkError::WrongNode {
                expected,
                found: keys.peer,
            }),
            _ => Ok(keys),
        }
    }

    /// One message of the handshake, without its length.
    fn noise_message(&mut self) -> Result<Vec<u8>, LinkError> {
        let mut length = [0; 2];
        self.read(&mut length, |_| Ok(()))?;
        let length = match announced(length) {
            Ok(length) => length,
            Err(error) => return Err(self.no_noise(length, error)),
        };
        let mut message = vec![0; length];
        self.read(&mut message, |_| Ok(()))?;
        Ok(message)
    }

    /// What it is that announces too long a message: what comes next says it, if something does.
    fn no_noise(&mut self, begun: [u8; 2], error: NoiseError) -> LinkError {
        let mut seen = begun.to_vec();
        let mut next = [0; HELLO];
        let found = self.read(&mut next, |so_far| {
            seen.truncate(begun.len());
            seen.extend_from_slice(so_far);
            match Handshake::may_begin(&seen) {
                true => Err(LinkError::SecretConnectionListener),
                false => Err(not_privval(&seen, error)),
            }
        });
        match found {
            Err(LinkError::HandshakeTimeout(_) | LinkError::HandshakeClosed) | Ok(()) => {
                LinkError::Noise(error)
            }
            Err(found) => found,
        }
    }

    fn left(&self) -> Result<Duration, LinkError> {
        let left = self.limit.saturating_sub(self.began.elapsed());
        match left.is_zero() {
            true => Err(LinkError::HandshakeTimeout(self.limit)),
            false => Ok(left),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        let left = self.left()?;
        self.stream.set_write_timeout(left).map_err(LinkError::Io)?;
        match self.stream.write_all(bytes, left) {
            Err(LinkError::NotTaken(_)) => Err(LinkError::HandshakeTimeout(self.limit)),
            Err(LinkError::Closed) => Err(LinkError::HandshakeClosed),
            other => other,
        }
    }

    fn read(
        &mut self,
        into: &mut [u8],
        mut look: impl FnMut(&[u8]) -> Result<(), LinkError>,
    ) -> Result<(), LinkError> {
        let mut have = 0;
        while have < into.len() {
            let left = self.left()?;
            self.stream.set_read_timeout(left).map_err(LinkError::Io)?;
            match self.stream.read(into.get_mut(have..).unwrap_or_default()) {
                Ok(0) => return Err(LinkError::HandshakeClosed),
                Ok(count) => have += count,
                Err(error) if is_timeout(&error) => {
                    return Err(LinkError::HandshakeTimeout(self.limit));
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(LinkError::HandshakeClosed);
                }
                Err(error) => return Err(LinkError::Io(error)),
            }
            self.heard = true;
            look(into.get(..have).unwrap_or_default())?;
        }
        Ok(())
    }
}

fn random() -> Result<Zeroizing<[u8; 32]>, LinkError> {
    let mut random = Zeroizing::new([0; 32]);
    getrandom::getrandom(&mut *random).map_err(|error| LinkError::Io(error.into()))?;
    Ok(random)
}

/// What the first bytes look like, if not like the handshake that was expected.
fn not_privval(bytes: &[u8], otherwise: impl Into<LinkError>) -> LinkError {
    let printable = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if bytes.iter().all(printable) {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        LinkError::NotPrivval(text.lines().next().unwrap_or_default().to_owned())
    } else {
        otherwise.into()
    }
}
