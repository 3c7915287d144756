//! A request with the bytes that a signature of it covers.

use crate::consensus::{ChainId, Position, SignBytes};
use crate::request::SignRequest;

use super::raw::RawRefused;
use super::refusal::{Reason, Refusal};
use super::settings::SignExtensions;
use super::watermark::Last;

/// A request that is ready to be judged: its sign bytes, what these say, and the bytes of the extension that is signed
/// with it.
///
/// [`super::Gate::judge`] takes it and gives it back in nothing but a permit, so the bytes of a request are built and
/// read once, and what is judged is what is signed (W5).
#[derive(Debug)]
pub struct Prepared {
    message: Last,
    extension: Option<SignBytes>,
}

impl Prepared {
    /// Builds the bytes of a request for a chain.
    ///
    /// # Errors
    /// A refusal of bytes that are not a vote or proposal; none of a [`SignRequest`] are.
    pub(super) fn new(
        request: &SignRequest,
        chain_id: &ChainId,
        sign_extensions: SignExtensions,
    ) -> Result<Self, Refusal> {
        // W5: from here on only what the very bytes say counts.
        let message = Last::new(request.sign_bytes(), None)
            .ok_or_else(|| Refusal::of(Reason::RawBytes(RawRefused::NotAllowed)))?;
        Ok(Self {
            message,
            extension: extension(request, chain_id, sign_extensions),
        })
    }

    /// The message, as it is remembered once it is admitted.
    pub(super) fn message(&self) -> &Last {
        &self.message
    }

    /// The bytes of the vote or proposal.
    pub fn bytes(&self) -> &SignBytes {
        self.message.bytes()
    }

    /// What they say.
    pub fn position(&self) -> &Position {
        self.message.position()
    }

    /// The bytes of the vote extension, where one is signed with the request (W12).
    pub fn extension(&self) -> Option<&SignBytes> {
        self.extension.as_ref()
    }

    /// The length of the longest message that the key has to sign for it, in bytes.
    pub fn longest(&self) -> usize {
        let extension = self.extension().map_or(0, |bytes| bytes.as_slice().len());
        self.bytes().as_slice().len().max(extension)
    }

    /// As [`Prepared::extension`].
    pub(super) fn into_extension(self) -> Option<SignBytes> {
        self.extension
    }
}

fn extension(
    request: &SignRequest,
    chain_id: &ChainId,
    sign_extensions: SignExtensions,
) -> Option<SignBytes> {
    let (height, round, extension) = request.extension()?;
    let wanted = match sign_extensions {
        SignExtensions::Auto => !extension.skip,
        SignExtensions::Always => true,
        SignExtensions::Never => false,
    };
    wanted.then(|| SignBytes::extension(chain_id, height, round, &extension.data))
}
