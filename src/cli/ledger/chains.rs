//! The chains whose keys are on Ledgers.

use std::any::Any;

use crate::backends::ledger::LedgerSource;
use crate::cli::report::Failure;
use crate::config::{ChainConfig, Config};
use crate::remedy::CommandLine;

/// The chains of a configuration whose keys are on Ledgers.
pub(super) fn chains(config: &Config) -> Result<Vec<(&ChainConfig, &LedgerSource)>, Failure> {
    let found: Vec<_> = config
        .keys()
        .filter_map(|chain| {
            let key: &dyn Any = chain.key.as_ref();
            Some((chain, key.downcast_ref::<LedgerSource>()?))
        })
        .collect();
    match found.is_empty() {
        true => Err(
            Failure::usage(format!("{} has no [[providers.ledgertm]]", config.name)).hint(format!(
                "add one with `chain_ids` and the `public_key` that `{}` shows",
                CommandLine::without_config(["ledger", "pubkey"])
            )),
        ),
        false => Ok(found),
    }
}
