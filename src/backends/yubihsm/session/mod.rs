//! Sessions with a device: opened when one is needed, opened again when one was lost, and closed. A session sends any
//! command except those that sign, which need a permit of the gate; `objects` has one function for each command.

pub mod client;
pub mod login;
pub mod objects;
mod pins;
