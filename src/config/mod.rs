//! The configuration: what was written (`file`), all that is wrong with it at once (`check`), and what it means
//! ([`Config`]).

mod chain;
mod check;
mod error;
mod etcd;
mod file;
mod load;
mod log;
mod meaning;
mod metrics;
mod named_files;
mod node_address;
mod permissions;
mod report;

pub use error::{ConfigError, KeyNotOpened};
pub use load::{commands, is_place, providers, user_home};
pub use log::Log;
pub use meaning::{ChainConfig, Config, NodeConfig};
pub use metrics::Metrics;
pub use node_address::{AddressNotKnown, NodeAddress};
