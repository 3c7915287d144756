//! A Ledger that runs the Tendermint Validator app 0.9.1, as far as a host can tell: `app` is the app with its parser,
//! its memory and its screen, `device` what is around it (system, buttons, cable, faults), `hid` its USB side, `tcp` the
//! wire of the emulator. Judged by recorded exchanges with the real app (`tests/it/ledger_golden.rs`).
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "each user takes a part of it, and a test may end so"
)]

pub mod app;
pub mod device;
pub mod hid;
pub mod tcp;

pub use device::{Device, Fault, Finger, Open};
