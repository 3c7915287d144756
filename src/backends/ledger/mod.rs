//! The Tendermint Validator app on a Ledger Nano S.
//!
//! Bytes up: `frame` (HID packets), `apdu` (commands), `limits` (what the app cannot sign), `transport` (the cable),
//! `app` (one conversation), `find` (which device), `device` (the thread that owns it), `health` (what others see of both),
//! `key` and `source` (the key as the rest of the program knows it). `docs/backends/ledger.md` begins with what none of it
//! can do.

pub mod apdu;
pub mod app;
pub mod health;
pub mod config;
pub mod device;
pub mod error;
pub mod find;
pub mod frame;
pub mod key;
pub mod limits;
pub mod transport;
pub mod source;

pub use source::LedgerSource;
