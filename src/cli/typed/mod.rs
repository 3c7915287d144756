//! What was typed, where it is not as the definition of the command line has it.

pub mod config_first;
pub mod elsewhere;
pub mod empty_variable;
pub mod key_word;
