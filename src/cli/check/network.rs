//! What the table of networks knows of a chain, against what is configured. The operator's word counts more, so none of it
//! is a problem.

use crate::config::ChainConfig;
use crate::consensus::{KeyType, PublicKey};
use crate::networks::{Network, of_chain};

/// Warnings, where what is known is not so here.
pub(super) fn compare(config: &ChainConfig, key: &PublicKey) -> Vec<String> {
    of_chain(config.id.as_str()).map_or_else(Vec::new, |network| {
        warnings(&network, key.key_type(), config.raw.is_some())
    })
}

fn warnings(network: &Network, key: KeyType, signs_raw_bytes: bool) -> Vec<String> {
    let (needs, title) = (network.needs(), network.title);
    let mut warnings = Vec::new();
    match needs.key_type {
        Some(wanted) if wanted != key => warnings.push(format!(
            "the key is {key}, and validators of {title} have keys of type {wanted}: is it this chain's key, and is its type set?"
        )),
        // What is said of nearly all is no more than likely of this one.
        None if key != KeyType::Ed25519 => warnings.push(format!(
            "the key is {key}, and validators of nearly all networks have keys of type ed25519; of {title} nothing else is known \
             here: is it the key of the consensus and not an account's, and is its type right?"
        )),
        _ => {}
    }
    if let Some(setting) = needs.raw_bytes_setting().filter(|_| !signs_raw_bytes) {
        warnings.push(format!(
            "nodes of {title} have raw bytes signed for {}, which is not allowed here: a validator that takes part in that \
             needs `{setting}` in its [[chain]]",
            needs.raw_bytes.join(", ")
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_type_are_judged_by_what_is_known_of_the_network() {
        for (chain_id, right) in [
            ("cosmoshub-4", KeyType::Ed25519),
            ("celestia", KeyType::Ed25519),
            ("laozi-mainnet", KeyType::Secp256k1),
            ("mainnet-beacon-80094", KeyType::Bls12381),
        ] {
            let network = of_chain(chain_id).unwrap();
            for key in KeyType::ALL {
                let told = warnings(&network, key, true);
                assert_eq!(told.is_empty(), key == right, "{chain_id} {key}: {told:?}");
            }
        }
        // Least is known of most.
        let hub = of_chain("cosmoshub-4").unwrap();
        let told = warnings(&hub, KeyType::Secp256k1, false).concat();
        assert!(
            told.contains("nearly all networks") && told.contains("account"),
            "{told}"
        );
        let celestia = of_chain("mocha-4").unwrap();
        let told = warnings(&celestia, KeyType::Ed25519, false).concat();
        assert!(told.contains("ids = [\"fibre\"]"), "{told}");
    }
}
