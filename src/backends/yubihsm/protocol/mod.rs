//! What goes over the wire to a YubiHSM: codes and frames, the encrypted channel (SCP03), and the transports over USB and
//! HTTP. Here is also what every wing tells the operator: errors, and the commands that messages print.

pub mod auth_key;
pub mod codes;
pub mod commands;
pub mod error;
pub mod frame;
pub mod identity;
pub mod info;
pub mod key_type;
pub mod password;
pub mod rights;
pub mod scp03;
pub mod transport;
