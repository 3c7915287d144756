//! The configuration: what was written (`file`), all that is wrong with it at once (`check`), and what it means
//! ([`Config`]).

mod check;
mod error;
mod file;
mod load;
mod meaning;
pub mod member_section;
mod named_files;
mod node_address;
mod permissions;
mod report;
mod sections;
mod state_path;

pub use error::{ConfigError, KeyNotOpened};
pub use load::{commands, is_place, providers, user_home};
pub use meaning::{ChainConfig, Config, NodeConfig};
pub use node_address::{AddressNotKnown, NodeAddress};
pub use sections::log::Log;
pub use sections::metrics::Metrics;
pub use sections::state_hook::StateHook;
pub use state_path::StatePath;
