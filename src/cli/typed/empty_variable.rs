//! A variable that is set to nothing counts as one that is not set, as service managers and compose files leave them.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::parser::ValueSource;
use clap::{Arg, Command, Error};

/// Reads what `parser` reads; a variable without a value is `unset`. On the command line nothing stays a mistake, such as a
/// script's variable that was forgotten.
#[derive(Clone)]
pub struct EmptyVariable<P, V> {
    /// Reads everything else.
    pub parser: P,
    /// The value of a variable without one.
    pub unset: V,
}

impl<P, V> TypedValueParser for EmptyVariable<P, V>
where
    P: TypedValueParser<Value = V>,
    V: Clone + Send + Sync + 'static,
{
    type Value = V;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<V, Error> {
        self.parser.parse_ref(command, argument, value)
    }

    fn parse_ref_(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<V, Error> {
        match source == ValueSource::EnvVariable && value.is_empty() {
            true => Ok(self.unset.clone()),
            false => self.parser.parse_ref(command, argument, value),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.parser.possible_values()
    }
}
