//! Tests that open and close state files in their own process. A process of its own, in which no test starts a program: a
//! child has every lock of its parent until it is the program that it is to be, and a file just closed could not be opened.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may end so"
)]

#[path = "../it/support/mod.rs"]
mod support;

#[cfg(feature = "cosign")]
mod cosign_model;
#[cfg(feature = "cosign")]
mod cosigners;
mod cut;
mod gate_crash;
mod gate_model;
mod gate_moved;
mod gate_race;
#[cfg(feature = "cosign")]
mod lying_coordinators;
mod share_state;
mod shared_store;
