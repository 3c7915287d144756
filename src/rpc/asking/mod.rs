//! Asking a node: one request, our place in the set of validators page by page, and the turns.

mod client;
mod endpoint;
mod place;

pub use endpoint::{Endpoint, OurKeys, Turn};
