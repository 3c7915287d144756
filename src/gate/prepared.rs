//! A request with the bytes that a signature of it covers.

use crate::consensus::{ChainId, Position, Round, SignBytes};
use crate::request::{InvalidInput, SignRequest};

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

    /// Takes the bytes of a vote or proposal that another host asks for (W18), after the checks of a node's request (W10).
    /// No extension goes with them.
    ///
    /// # Errors
    /// A refusal of bytes that are not exactly those of a message that a node can ask for.
    pub fn of_bytes(bytes: Vec<u8>) -> Result<Self, Refusal> {
        let invalid = |problem: InvalidInput| Refusal::of(Reason::Invalid(problem));
        let (bytes, position) =
            SignBytes::from_record(bytes).map_err(|error| invalid(error.into()))?;
        let (round, time) = (position.hrs.round.get(), position.timestamp);
        if round > Round::MAX_REQUESTED {
            return Err(invalid(InvalidInput::Round(round.into())));
        }
        if !time.is_of_a_node() {
            return Err(invalid(InvalidInput::Time {
                seconds: time.seconds,
                nanos: time.nanos.into(),
            }));
        }
        let message = Last::new(bytes, None)
            .ok_or_else(|| Refusal::of(Reason::RawBytes(RawRefused::NotAllowed)))?;
        Ok(Self {
            message,
            extension: None,
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
