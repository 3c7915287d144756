//! What stands between the socket and the frames of privval: nothing, SecretConnection, or Noise.

use std::fmt;

use crate::codec::frame::Decoder;

use super::error::LinkError;
use super::identity::PeerId;
use super::noise::{Libp2pId, NoiseKeys};
use super::secret_connection::{Opener, SEALED, Sealer};

/// Who the other side of a link proved to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Of a SecretConnection.
    Node(PeerId),
    /// Of a noise link.
    Libp2p(Libp2pId),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => id.fmt(f),
            Self::Libp2p(id) => id.fmt(f),
        }
    }
}

/// Seals and opens what goes over one link.
pub(super) enum Cipher {
    /// A Unix socket's: bytes as they are.
    Plain,
    Secret {
        sealer: Sealer,
        opener: Opener,
        /// The bytes of a sealed frame that has begun.
        pending: Vec<u8>,
        peer: PeerId,
    },
    Noise(NoiseKeys),
}

impl Cipher {
    pub(super) fn secret(sealer: Sealer, opener: Opener, peer: PeerId) -> Self {
        Self::Secret {
            sealer,
            opener,
            pending: Vec::with_capacity(SEALED),
            peer,
        }
    }

    pub(super) fn peer(&self) -> Option<Peer> {
        match self {
            Self::Plain => None,
            Self::Secret { peer, .. } => Some(Peer::Node(*peer)),
            Self::Noise(keys) => Some(Peer::Libp2p(keys.peer)),
        }
    }

    /// Whether a sealed frame has begun and is not complete.
    pub(super) fn is_partial(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Secret { pending, .. } => !pending.is_empty(),
            Self::Noise(keys) => keys.opener.is_partial(),
        }
    }

    /// Appends to `out` what is to be sent for `bytes`.
    pub(super) fn seal(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), LinkError> {
        match self {
            Self::Plain => out.extend_from_slice(bytes),
            Self::Secret { sealer, .. } => sealer.seal(bytes, out)?,
            Self::Noise(keys) => keys.sealer.seal(bytes, out)?,
        }
        Ok(())
    }

    /// Opens what is complete and keeps the rest, which is less than one sealed frame.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        decoder: &mut Decoder,
    ) -> Result<(), LinkError> {
        match self {
            Self::Plain => decoder.push(bytes),
            Self::Noise(keys) => keys.opener.feed(bytes, |data| decoder.push(data))?,
            Self::Secret {
                opener, pending, ..
            } => {
                while !bytes.is_empty() {
                    let (now, later) = bytes.split_at(bytes.len().min(SEALED - pending.len()));
                    pending.extend_from_slice(now);
                    bytes = later;
                    if let Ok(frame) = <&mut [u8; SEALED]>::try_from(pending.as_mut_slice()) {
                        decoder.push(opener.open(frame)?);
                        pending.clear();
                    }
                }
            }
        }
        Ok(())
    }
}
