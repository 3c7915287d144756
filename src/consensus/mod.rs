//! The values that consensus is about, without any I/O.
//!
//! Everything here is valid once it exists: a [`ChainId`] has a legal length, a [`BlockId`] is complete, an
//! [`Hrs`] is ordered as the watermark needs it. Input from outside becomes one of these or a refusal (W10).

pub mod block_id;
pub mod canonical;
pub mod chain_id;
pub mod hrs;
pub mod key;
pub mod key_text;
pub mod proposal;
pub mod sign_bytes;
pub mod timestamp;
pub mod vote;

pub use block_id::{BlockId, PartSetHeader};
pub use chain_id::ChainId;
pub use hrs::{Height, Hrs, Round, Step};
pub use key::{KeyType, PublicKey, Signature, ValidatorAddress};
pub use proposal::Proposal;
pub use sign_bytes::{ExtensionPosition, Position, SignBytes};
pub use timestamp::Timestamp;
pub use vote::{Extension, Precommit, Prevote};
