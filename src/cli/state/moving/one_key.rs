//! A chain whose key changes at a height is not moved by a bundle.

use crate::cli::report::Failure;
use crate::config::ChainConfig;
use crate::migrate::moving::terms::several_keys;

pub(super) fn has_one_key(chain: &ChainConfig) -> Result<(), Failure> {
    match chain.one_of_several {
        false => Ok(()),
        true => Err(Failure::usage(several_keys(chain))),
    }
}
