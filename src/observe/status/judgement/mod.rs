//! How a chain is: what follows from the facts, in one place for all who tell it.

pub mod concern;
pub mod condition;
pub mod probe;
pub mod verdict;
