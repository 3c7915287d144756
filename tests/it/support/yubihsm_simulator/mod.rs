//! A simulated YubiHSM 2 behind a connector's HTTP, for tests and for trying things out. NOT an HSM: its keys lie in
//! ordinary memory. It is not a part of the program.
//!
//! Sessions, permissions, wrapped objects, the audit log and the firmware's differences follow Yubico's user guide;
//! `interop/yubihsm` has Yubico's own client judge it, `tests/it/yubihsm_simulator.rs` the `yubihsm` crate's.

#![allow(dead_code, unused_imports, reason = "each user takes a part of this")]

mod attest;
mod audit;
mod commands;
mod device;
mod faults;
mod http;
mod object;
mod options;
mod wrap;

pub use device::{Device, Profile};
pub use faults::{Moment, PowerLoss};
pub use http::Simulator;
pub use object::{Body, Object};
