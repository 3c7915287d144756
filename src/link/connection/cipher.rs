//! What stands between the socket and the frames of privval: nothing, SecretConnection, or Noise. What seals and what opens share
//! nothing.

use std::fmt;

use crate::codec::frame::Decoder;
use crate::link::error::LinkError;
use crate::link::identity::PeerId;
use crate::link::noise::{Libp2pId, NoiseKeys, NoiseOpener, NoiseSealer};
use crate::link::secret_connection::{Opener, SEALED, Sealer};

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

/// Both halves for one link, and who the other side is where that is known.
pub(in crate::link) struct Cipher {
    pub(super) sealing: Sealing,
    pub(super) opening: Opening,
    pub(super) peer: Option<Peer>,
}

/// Seals what goes out.
pub(super) enum Sealing {
    /// A Unix socket's: bytes as they are.
    Plain,
    Secret(Sealer),
    Noise(NoiseSealer),
}

/// Opens what comes in.
pub(super) enum Opening {
    Plain,
    Secret {
        opener: Opener,
        /// The bytes of a sealed frame that has begun.
        pending: Vec<u8>,
    },
    Noise(NoiseOpener),
}

impl Cipher {
    pub(in crate::link) fn plain() -> Self {
        Self {
            sealing: Sealing::Plain,
            opening: Opening::Plain,
            peer: None,
        }
    }

    pub(in crate::link) fn secret(sealer: Sealer, opener: Opener, peer: PeerId) -> Self {
        let pending = Vec::with_capacity(SEALED);
        Self {
            sealing: Sealing::Secret(sealer),
            opening: Opening::Secret { opener, pending },
            peer: Some(Peer::Node(peer)),
        }
    }

    pub(in crate::link) fn noise(keys: NoiseKeys) -> Self {
        Self {
            sealing: Sealing::Noise(keys.sealer),
            opening: Opening::Noise(keys.opener),
            peer: Some(Peer::Libp2p(keys.peer)),
        }
    }
}

impl Sealing {
    /// Appends to `out` what is to be sent for `bytes`.
    pub(super) fn seal(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), LinkError> {
        match self {
            Self::Plain => out.extend_from_slice(bytes),
            Self::Secret(sealer) => sealer.seal(bytes, out)?,
            Self::Noise(sealer) => sealer.seal(bytes, out)?,
        }
        Ok(())
    }
}

impl Opening {
    /// Whether a sealed frame has begun and is not complete.
    pub(super) fn is_partial(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Secret { pending, .. } => !pending.is_empty(),
            Self::Noise(opener) => opener.is_partial(),
        }
    }

    /// Opens what is complete and keeps the rest, which is less than one sealed frame.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        decoder: &mut Decoder,
    ) -> Result<(), LinkError> {
        match self {
            Self::Plain => decoder.push(bytes),
            Self::Noise(opener) => opener.feed(bytes, |data| decoder.push(data))?,
            Self::Secret { opener, pending } => {
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
