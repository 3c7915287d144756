//! What a key is for, and its label, as they are typed.

use clap::ValueEnum;

use crate::backends::yubihsm::protocol::key_type::DeviceKeyType;
use crate::backends::yubihsm::session::objects::LABEL;

/// What a key is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum KeyName {
    /// Ed25519
    #[default]
    Consensus,
    /// secp256k1
    Account,
}

impl KeyName {
    pub(super) fn key_type(self) -> DeviceKeyType {
        match self {
            Self::Consensus => DeviceKeyType::Ed25519,
            Self::Account => DeviceKeyType::Secp256k1,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Consensus => "consensus",
            Self::Account => "account",
        }
    }
}

/// A label, bounded as the device bounds it.
pub(super) fn label(text: &str) -> Result<String, String> {
    match text.len() <= LABEL && !text.contains('\0') {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a label has {LABEL} bytes at most, and this has {}",
            text.len()
        )),
    }
}
