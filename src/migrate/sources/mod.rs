//! What another signer leaves behind: whose files lie at a path, its chains with their states, and its configuration in
//! our words.

mod cosmos_kms;
mod error;
mod find;
mod horcrux;
mod new_config;
mod node;
mod old_signer;
mod source;
mod yaml;

pub use error::SourceError;
pub use find::find;
pub use horcrux::horcrux_quorum;
pub use new_config::{NewConfig, ShareText};
pub use old_signer::OldSigner;
pub use source::Source;
