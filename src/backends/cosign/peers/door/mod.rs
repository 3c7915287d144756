//! Who comes in.

mod doorman;
mod hall;

pub(super) use hall::{Door, Pass};
