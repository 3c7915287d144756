//! How far a height may be above what is known: for a request (W11), and for a watermark that somebody types.

pub mod bucket;
pub mod plausible;
pub mod toll;
