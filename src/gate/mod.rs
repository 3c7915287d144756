//! What may be signed, remembered before it is signed.
//!
//! One [`Gate`] per chain id and public key. [`Gate::prepare`] makes a request's bytes, [`Gate::judge`] judges them,
//! [`JudgedRequest::admit`] makes the new watermark durable and only then gives a [`Permit`](permit::Permit); [`Gate::complete`] remembers the
//! signature. A gate is used by one thread at a time, which makes check, write, signature and memory one critical section
//! (W4).
//!
//! Owns W1 to W3, W5, W8, W11, W21, W22 and the extension part of W12.

mod admission;
mod durable;
pub mod heights;
mod judging;
pub mod nodes;
pub mod pause;
pub mod permit;
pub mod prepared;
pub mod raw;
pub mod refusal;
pub mod settings;
mod share;
pub mod snapshot;
pub mod store;
pub mod used_up;
pub mod watermark;
pub mod word;

pub use admission::Admission;
pub use durable::{RECOVERY_INTERVAL, REMOTE_RECOVERY};
pub use judging::{DEVICE_RESERVE, Gate, JudgedRequest};
pub use prepared::Prepared;
pub use settings::{Settings, SignExtensions};
pub use share::{Learned, ShareAdmission};
