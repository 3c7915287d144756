//! Keys in YubiHSM 2 devices, reached over USB or through a connector's HTTP.
//!
//! Five wings; each imports only from those before it: `protocol`, `session`, `backup`, and then `device`, which signs, and
//! `ceremony`, which sets devices up. Those two do not know each other.

pub mod backup;
pub mod ceremony;
pub mod config;
pub mod device;
pub mod protocol;
pub mod session;
