//! The status: the service's answer on its control socket, as JSON, for `tmkms status` and the status page.

mod chain;
mod device;
mod humanize;
mod link;
mod service;
mod shared;

pub use chain::{ChainStatus, History, StageLatency};
pub use device::DeviceStatus;
pub use humanize::humanize;
pub use link::{LastError, LastSigned, LinkPhase, LinkStatus};
pub use service::ServiceStatus;
pub use shared::{EndpointStatus, SharedStatus};
