//! Members of a shared key as their operators run them: the built program, once for each member, each with a node of its own.

mod faults;
mod lives;
mod support;
mod votes;
mod wrong;
