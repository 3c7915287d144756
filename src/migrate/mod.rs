//! Moving a chain between signers: other signers' state and configuration read and taken over, and the way back.
//!
//! Nothing here asks or prints: what the operator sees and answers is the command line's.

pub mod around;
pub mod candidate;
pub mod elsewhere;
pub mod evidence;
pub mod export;
pub mod fence;
pub mod foreign;
pub mod kept;
pub mod moving;
pub mod node_key;
pub mod sources;
pub mod takeover;
pub mod watermarks;
