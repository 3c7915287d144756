//! What only some operating systems have, each piece with its stated fallback.

pub mod clock;
