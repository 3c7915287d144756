//! The status: the service's answer on its control socket, as JSON, for `tmkms status` and the status page.

mod chain;
mod conflict;
mod device;
mod humanize;
mod identity;
mod judgement;
mod key;
mod link;
mod outside;
mod pause;
mod service;
mod votes;

pub use chain::{ChainStatus, History, StageLatency};
pub use conflict::{ConflictStatus, RefusedAt};
pub use device::DeviceStatus;
pub use humanize::humanize;
pub use identity::IdentityStatus;
pub use judgement::concern::Concern;
pub use judgement::condition::Condition;
pub use judgement::probe::{Expected, HealthQuestion, No, NothingAsked, probe};
pub use judgement::verdict::{ChainVerdict, Facts};
pub use key::KeyStatus;
pub use link::{LastError, LastSigned, LinkPhase, LinkStatus, ServedNode};
pub use outside::cosigner::CosignerStatus;
pub use outside::cosigners::CosignersStatus;
pub use outside::rpc::{RpcEndpointStatus, RpcStatus};
pub use outside::shared::{EndpointStatus, SharedStatus};
pub use pause::PauseStatus;
pub use service::ServiceStatus;
pub use votes::{VoteCount, VotesStatus};
