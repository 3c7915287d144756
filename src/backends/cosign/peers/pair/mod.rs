//! One link between two members.

mod end;
mod held;
mod job;
mod pair_link;
mod pings;
mod serving;
mod slot;
mod suspicion;
mod talk;
mod waiting;

pub(super) use end::LinkEnd;
pub(super) use job::Job;
pub(super) use serving::work;
pub(super) use slot::MemberSlot;
pub(super) use talk::{Talker, talk};
pub(super) use waiting::OpenQuestion;
