//! Which of a chain's nodes is served.

mod one_node;

pub use one_node::{OneNode, OtherNode};
