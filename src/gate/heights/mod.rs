//! How far a height may be above what is known: for a request (W11), and for a watermark that somebody types; and how far the
//! chain is at least.

pub mod bucket;
pub mod floor;
pub mod plausible;
pub(super) mod toll;
