//! A device in service: what signs. One thread owns the session with a device, all chains ask that thread, and another
//! takes over from one that hangs.

mod health;
pub mod key;
pub mod provider;
mod state;
pub mod thread;
mod worker;

pub use worker::KeyOnDevice;
