//! The Tendermint Validator app on a Ledger Nano S.
//!
//! Bytes up: `frame` (HID packets), `apdu` (commands), `limits` (what the app cannot sign), `transport` (the cable).

pub mod apdu;
pub mod frame;
pub mod limits;
pub mod transport;
