//! Writing a state file: in place, in turn; completely to a new one; and where there was none.

mod fresh;
mod install;
mod record;
mod store;
