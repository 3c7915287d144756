//! Texts: read strictly, written for people, and cut short where a stranger wrote them.

pub mod base64;
pub mod count;
pub mod date;
pub mod excerpt;
pub mod masked;
