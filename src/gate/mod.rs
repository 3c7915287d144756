//! What may be signed, remembered before it is signed.

pub mod permit;
pub mod store;
pub mod watermark;
