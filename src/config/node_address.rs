//! Where a node listens, as far as it is known here: an address may stand in a variable that only the service has.

use std::fmt;

use crate::link::Address;

/// What `addr` of a `[[validator]]` says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeAddress {
    /// It stands in the file, or in the variable that the file names.
    Known(Address),
    /// The environment variable that holds none here. Only what dials needs it.
    Variable(String),
}

/// A node cannot be dialled from here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {0} does not hold the node's address here")]
pub struct AddressNotKnown(String);

impl NodeAddress {
    /// What is to be dialled.
    ///
    /// # Errors
    /// The variable does not hold an address. [`crate::config::Config::for_dialling`] tells all of them with their places.
    pub fn known(&self) -> Result<&Address, AddressNotKnown> {
        match self {
            Self::Known(address) => Ok(address),
            Self::Variable(name) => Err(AddressNotKnown(name.clone())),
        }
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(address) => address.fmt(f),
            Self::Variable(name) => write!(f, "env:{name}"),
        }
    }
}
