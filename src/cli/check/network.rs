//! What the table of networks knows of a chain, against what is configured. The operator's word counts more, so none of it
//! is a problem.

use crate::config::ChainConfig;
use crate::consensus::PublicKey;
use crate::networks::of_chain;

/// Warnings, where what is known is not so here.
pub(super) fn compare(config: &ChainConfig, key: &PublicKey) -> Vec<String> {
    let Some(network) = of_chain(config.id.as_str()) else {
        return Vec::new();
    };
    let (needs, title) = (network.needs(), network.title);
    let mut warnings = Vec::new();
    if let Some(wanted) = needs.key_type.filter(|wanted| *wanted != key.key_type()) {
        warnings.push(format!(
            "the key is {}, and validators of {title} have keys of type {wanted}: is it this chain's key, and is its type set?",
            key.key_type()
        ));
    }
    if let Some(setting) = needs.raw_bytes_setting().filter(|_| config.raw.is_none()) {
        warnings.push(format!(
            "nodes of {title} have raw bytes signed for {}, which is not allowed here: a validator that takes part in that \
             needs `{setting}` in its [[chain]]",
            needs.raw_bytes.join(", ")
        ));
    }
    warnings
}
