//! The table of known chains: 223 mainnets and 160 testnets of the Cosmos chain registry (CC-BY 4.0), as of
//! August 2026, and a few that it does not have. Chain ids change with upgrades; an operator's own word always counts more than this table.

mod needs;

use crate::settings::nearest;

pub use needs::Needs;

const TABLES: [&str; 2] = [include_str!("networks.csv"), include_str!("more.csv")];

/// When and where the table was taken.
pub const SOURCE: &str =
    "Cosmos chain registry (CC-BY 4.0), August 2026; Berachain: its genesis files";

/// One network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name in the registry, as `cosmoshub`.
    pub name: &'static str,
    /// Its chain id, as `cosmoshub-4`.
    pub chain_id: &'static str,
    /// The prefix of its addresses, as `cosmos`; empty where they are not written in Bech32.
    pub prefix: &'static str,
    /// The series of its nodes where the registry says it, as `0.38`.
    pub series: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Whether real stake is at risk.
    pub mainnet: bool,
}

/// What a word can mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// One network.
    One(Network),
    /// Several; the operator has to say which.
    Several(Vec<Network>),
    /// None; the nearest names.
    None(Vec<&'static str>),
}

/// All networks.
pub fn all() -> impl Iterator<Item = Network> {
    let lines = TABLES.iter().flat_map(|table| table.lines().skip(2));
    lines.filter_map(|line| {
        let mut fields = line.split(',');
        let mut next = || fields.next();
        let (name, chain_id, prefix) = (next()?, next()?, next()?);
        let (_engine, _version, series) = (next()?, next()?, next()?);
        let (title, kind) = (next()?, next()?);
        Some(Network {
            name,
            chain_id,
            prefix,
            series,
            title,
            mainnet: kind == "mainnet",
        })
    })
}

/// The network of a chain id, if it is known.
pub fn of_chain(chain_id: &str) -> Option<Network> {
    all().find(|network| network.chain_id == chain_id)
}

/// The line of a configuration that says how the keys of a chain with this prefix are shown.
pub fn key_format_line(prefix: &str) -> String {
    let (account, consensus) = key_prefixes(prefix);
    format!(
        "key_format = {{ type = \"bech32\", account_key_prefix = \"{account}\", consensus_key_prefix = \"{consensus}\" }}\n"
    )
}

/// The Bech32 prefixes of account and consensus public keys, of the prefix of addresses.
pub fn key_prefixes(prefix: &str) -> (String, String) {
    match prefix {
        // Only IRISnet has its own.
        "iaa" => ("iap".to_owned(), "icp".to_owned()),
        prefix => (format!("{prefix}pub"), format!("{prefix}valconspub")),
    }
}

/// What a word means: a name, a chain id, or a chain id without its number, in any case.
pub fn find(word: &str) -> Meaning {
    let found: Vec<Network> = all().filter(|network| network.is_meant_by(word)).collect();
    match found.as_slice() {
        [one] => Meaning::One(one.clone()),
        [] => {
            let names: Vec<&'static str> = all()
                .flat_map(|network| [network.name, network.chain_id])
                .collect();
            let word = word.to_ascii_lowercase();
            let mut near: Vec<&'static str> = nearest(&word, &names).into_iter().collect();
            near.extend(
                names
                    .iter()
                    .filter(|name| word.len() >= 4 && name.contains(&*word)),
            );
            near.dedup();
            near.truncate(5);
            Meaning::None(near)
        }
        several => {
            // A mainnet beats testnets, whichever of their names the word is.
            let mut mainnets = several.iter().filter(|network| network.mainnet);
            match (mainnets.next(), mainnets.next()) {
                (Some(mainnet), None) => Meaning::One(mainnet.clone()),
                _ => Meaning::Several(found),
            }
        }
    }
}

impl Network {
    fn is_meant_by(&self, word: &str) -> bool {
        self.name.eq_ignore_ascii_case(word)
            || self.chain_id.eq_ignore_ascii_case(word)
            || self
                .base()
                .is_some_and(|base| base.eq_ignore_ascii_case(word))
    }

    /// The chain id without its number: `cosmoshub` of `cosmoshub-4`.
    fn base(&self) -> Option<&'static str> {
        let (base, number) = self.chain_id.rsplit_once('-')?;
        (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(base)
    }

    /// What its validators need beyond what all do.
    pub fn needs(&self) -> Needs {
        Needs::of(self.name)
    }

    /// Whether nodes of this network can have vote extensions; `None` where the registry does not tell the series.
    pub fn has_extensions(&self) -> Option<bool> {
        match self.series {
            "" | "0.3" => None,
            "0.34" | "0.37" => Some(false),
            _ => Some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::KeyType;

    fn one(word: &str) -> &'static str {
        match find(word) {
            Meaning::One(network) => network.chain_id,
            other => panic!("{word}: {other:?}"),
        }
    }

    #[test]
    fn the_table_is_whole() {
        assert_eq!(all().filter(|network| network.mainnet).count(), 224);
        assert_eq!(all().filter(|network| !network.mainnet).count(), 161);
        for network in all() {
            assert!(
                network
                    .chain_id
                    .parse::<crate::consensus::ChainId>()
                    .is_ok(),
                "{network:?}"
            );
            let is_more = network.name.starts_with("berachain");
            assert_eq!(network.prefix.is_empty(), is_more, "{network:?}");
        }
    }

    #[test]
    fn words_as_people_type_them() {
        for (word, chain_id) in [
            ("cosmoshub", "cosmoshub-4"),
            ("CosmosHub-4", "cosmoshub-4"),
            ("columbus", "columbus-5"),
            ("irishub", "irishub-1"),
            ("core", "core-1"),
            ("sentinelhub", "sentinelhub-2"),
            ("osmosis", "osmosis-1"),
            // Testnets have these as their chain ids, with and without a number.
            ("arkeo", "arkeo-main-v1"),
            ("injective", "injective-1"),
            ("injective-888", "injective-888"),
            ("arkeonetworktestnet", "arkeo"),
        ] {
            assert_eq!(one(word), chain_id, "{word}");
        }
    }

    #[test]
    fn words_with_several_meanings_are_told() {
        for word in ["titan", "mainnet", "sandbox"] {
            let Meaning::Several(found) = find(word) else {
                panic!("{word}")
            };
            assert!(found.len() >= 2);
        }
    }

    #[test]
    fn unknown_words_get_the_nearest() {
        let Meaning::None(near) = find("cosmoshab") else {
            panic!()
        };
        assert_eq!(near.first(), Some(&"cosmoshub"));
        assert_eq!(find("xyzzyxyzzy"), Meaning::None(Vec::new()));
    }

    #[test]
    fn what_few_networks_need_is_known_of_those_only() {
        let needs = |chain_id| of_chain(chain_id).unwrap().needs();
        for (chain_id, wanted) in [
            ("laozi-mainnet", KeyType::Secp256k1),
            ("mainnet-beacon-80094", KeyType::Bls12381),
            ("testnet-beacon-80069", KeyType::Bls12381),
        ] {
            assert_eq!(needs(chain_id).unusual_key_type(), Some(wanted));
        }
        for chain_id in ["celestia", "mocha-4", "arabica-11"] {
            let setting = "raw_bytes = { dialect = \"celestia\", ids = [\"fibre\"] }";
            assert_eq!(
                needs(chain_id).raw_bytes_setting().as_deref(),
                Some(setting)
            );
            assert_eq!(needs(chain_id).unusual_key_type(), None);
        }
        assert_eq!(needs("cosmoshub-4"), Needs::default());
        let known = all().filter(|network| network.needs() != Needs::default());
        assert_eq!(known.count(), 6);
    }

    #[test]
    fn prefixes_of_keys() {
        let prefixes = |word| match find(word) {
            Meaning::One(network) => key_prefixes(network.prefix),
            other => panic!("{other:?}"),
        };
        assert_eq!(prefixes("cosmoshub").1, "cosmosvalconspub");
        assert_eq!(prefixes("irishub"), ("iap".to_owned(), "icp".to_owned()));
    }
}
