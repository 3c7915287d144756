//! What the chain itself says, as far as it decides what is signed: by the RPC of its nodes, and by `state_hook`.

pub mod facts;
pub mod floor;
pub mod guard;
pub mod hold;
pub mod settings;
