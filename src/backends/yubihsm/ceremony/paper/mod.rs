//! How the mnemonic gets onto paper: shown on the private screen, printed on sheets, and asked for again. Words appear
//! nowhere else.

pub mod printout;
pub mod sheets;
mod typed;
pub mod words;
