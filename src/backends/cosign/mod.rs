//! Shares of a key with which several hosts sign together: FROST (RFC 9591), in types that cannot be used twice.
//!
//! [`answer`] is what one member gives another one: a share goes out only with a [`Permit`](crate::gate::permit::Permit) of the
//! member's own gate, for bytes that it has read itself, and with a nonce that is gone afterwards (W18).

mod ask;
mod coordinate;
pub mod config;
mod cosigners;
mod deal;
mod frost;
mod member;
mod nonces;
pub mod peers;
mod serving;
mod signer;
pub mod sealed_share;
pub mod settings;
pub mod source;

pub use ask::{
    Answered, AskedShare, JointOnce, MadeSignature, MemberStanding, PeerAnswer, Peers, Serve,
    ServedAnswer, ShownNonce,
};
pub use coordinate::{Coordinator, JointCounts, JointTally, MemberCounts};
pub use cosigners::{Cosigners, CosignersError};
pub use deal::{DealError, deal, prove};
pub use frost::{Commitments, FrostError, Joint, OneNonce, Party, SignatureShare};
pub use member::{ShareAnswer, ShareRequest, answer};
pub use nonces::{NonceId, Nonces, ShownTo};
pub use serving::Serving;
pub use signer::CosignSigner;
