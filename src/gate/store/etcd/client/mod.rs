//! One request to etcd's JSON gateway, through whichever member answers, and what its answer says for certain.

pub mod api;
pub mod members;
pub mod outcome;
