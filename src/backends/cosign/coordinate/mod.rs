//! The side of the one that asks: which members, for which bytes, and what their shares give.

mod attempt;
mod coordinator;
mod hear;
mod means;
mod own;
mod pace;
mod plan;
mod run;
mod tally;

pub use coordinator::Coordinator;
pub use tally::{JointCounts, JointTally, MemberCounts};
