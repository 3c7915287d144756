//! Files: written whole or not at all, swapped, judged by what they lie on and by who may change them.

pub mod bounded;
pub mod filesystem;
pub mod folders;
pub mod owner;
pub mod paths;
pub mod rename;
pub mod replace;
pub mod strangers;
