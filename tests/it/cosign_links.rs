//! Links between members of a shared key, in one process, over loopback.

mod asking;
mod coming_in;
mod lives;
mod nonces;
mod support;
