//! What a device holds before it is set up.

use crate::backends::yubihsm::protocol::auth_key::Credentials;
use crate::backends::yubihsm::protocol::info::DeviceInfo;

/// A key that signs, as it is found before a device is erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Its id.
    pub id: u16,
    /// Its label.
    pub label: String,
}

/// What was found on a device.
pub enum FoundDevice {
    /// A setup by this mnemonic is under way, or done: it is completed, and nothing is erased.
    Ours(DeviceInfo),
    /// Anything else: it is erased.
    Other(ForeignDevice),
}

/// A device that is to be erased.
pub struct ForeignDevice {
    /// The login that may erase it.
    pub credentials: Credentials,
    /// What it says of itself.
    pub info: DeviceInfo,
    /// The keys on it that sign.
    pub keys: Vec<SigningKey>,
    /// All objects that were seen.
    pub objects: usize,
    /// Whether the login is in all domains, so that no object was hidden from it.
    pub sees_all: bool,
}
