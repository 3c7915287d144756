//! What a key in a file is for, as it is typed.

use clap::ValueEnum;

use crate::backends::softsign::Purpose;

/// The purpose.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum KeyPurpose {
    Consensus,
    Account,
}

impl KeyPurpose {
    pub(super) fn purpose(self) -> Purpose {
        match self {
            KeyPurpose::Consensus => Purpose::Consensus,
            KeyPurpose::Account => Purpose::Account,
        }
    }
}
