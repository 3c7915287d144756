//! Keys in YubiHSM 2 devices, reached over USB or through a connector's HTTP.

pub mod codes;
pub mod frame;
pub mod scp03;
