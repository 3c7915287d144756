//! What a chain signs, and how: with a whole key, or with the other hosts that have shares of it.

mod joint;
mod member;
mod outcome;
mod raw;
mod whole;
