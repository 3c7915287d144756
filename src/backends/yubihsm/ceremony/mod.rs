//! Setting a device up from a mnemonic of 24 words, and proving at any time that it still is what was planned. `plan` says
//! what a device holds afterwards, `steps` puts it there, `setup` talks to the person, and `paper` prints the words.

mod consent;
pub mod derive;
pub mod error;
pub mod found;
pub mod mnemonic;
pub mod paper;
pub mod plan;
pub mod report;
pub mod setup;
pub mod steps;
pub mod target;
pub mod verify;
