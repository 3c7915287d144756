//! What may be signed, remembered before it is signed.

pub mod store;
pub mod watermark;
