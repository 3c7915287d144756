//! The settings of a chain that decide what is signed: they travel with it, are compared where it arrives, and told.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::config::ChainConfig;
use crate::gate::raw::{Dialect, RawPolicy};
use crate::gate::{self, SignExtensions};

/// The settings of one host for a chain, by their names in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    sign_extensions: Extensions,
    max_gap: u64,
    max_blocks_per_second: u32,
    raw_bytes: Option<RawTerms>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Extensions {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTerms {
    dialect: String,
    ids: BTreeSet<String>,
    max_bytes: u64,
}

/// Why a chain whose key changes at a height does not move, with the remedy: a bundle has one state.
pub fn several_keys(chain: &ChainConfig) -> String {
    let heights = chain.later.iter().filter_map(|key| key.activation_height);
    let heights: Vec<String> = heights.map(|height| height.to_string()).collect();
    format!(
        "chain {} has several keys (its key changes at height {}), and a bundle holds the state of one; end the rotation \
         first: once that height has passed remove the key before it, or remove the key that waits for it",
        chain.id,
        heights.join(", ")
    )
}

impl Terms {
    /// Those of a chain.
    pub fn of(chain: &ChainConfig) -> Self {
        Self::new(&chain.gate, chain.raw.as_ref())
    }

    /// These.
    pub fn new(gate: &gate::Settings, raw: Option<&RawPolicy>) -> Self {
        Self {
            sign_extensions: match gate.sign_extensions {
                SignExtensions::Auto => Extensions::Auto,
                SignExtensions::Always => Extensions::Always,
                SignExtensions::Never => Extensions::Never,
            },
            max_gap: gate.rate.max_gap,
            max_blocks_per_second: gate.rate.max_blocks_per_second,
            raw_bytes: raw.map(RawTerms::of),
        }
    }

    /// What differs from those of the host `there`, a line each, as the configuration says it.
    pub fn differences(&self, there: &Self) -> Vec<String> {
        let lines = self.lines().into_iter().zip(there.lines());
        lines
            .filter(|(here, there)| here != there)
            .map(|((name, here), (_, there))| format!("`{name}` is {here} here and was {there}"))
            .collect()
    }

    fn lines(&self) -> [(&'static str, String); 4] {
        let extensions = match self.sign_extensions {
            Extensions::Auto => "\"auto\"",
            Extensions::Always => "true",
            Extensions::Never => "false",
        };
        let raw = self.raw_bytes.as_ref();
        [
            ("sign_extensions", extensions.to_owned()),
            ("max_gap", self.max_gap.to_string()),
            (
                "max_blocks_per_second",
                self.max_blocks_per_second.to_string(),
            ),
            (
                "raw_bytes",
                raw.map_or_else(|| "not there".to_owned(), RawTerms::in_words),
            ),
        ]
    }
}

impl RawTerms {
    fn of(policy: &RawPolicy) -> Self {
        let (dialect, ids) = match &policy.dialect {
            Dialect::CometbftV1 => ("cometbft-v1", BTreeSet::new()),
            Dialect::Celestia { ids } => ("celestia", ids.clone()),
        };
        Self {
            dialect: dialect.to_owned(),
            ids,
            max_bytes: u64::try_from(policy.max_bytes).unwrap_or(u64::MAX),
        }
    }

    fn in_words(&self) -> String {
        let Self {
            dialect,
            ids,
            max_bytes,
        } = self;
        let ids: Vec<&String> = ids.iter().collect();
        format!("{{ dialect = {dialect:?}, ids = {ids:?}, max_bytes = {max_bytes} }}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_by_its_name_in_the_configuration() {
        let there = Terms {
            sign_extensions: Extensions::Auto,
            max_gap: 1_000,
            max_blocks_per_second: 20,
            raw_bytes: None,
        };
        assert!(there.differences(&there).is_empty());
        let here = Terms {
            sign_extensions: Extensions::Never,
            max_gap: 10,
            raw_bytes: Some(RawTerms {
                dialect: "celestia".to_owned(),
                ids: BTreeSet::from(["fibre".to_owned()]),
                max_bytes: 5,
            }),
            ..there.clone()
        };
        assert_eq!(
            here.differences(&there),
            [
                "`sign_extensions` is false here and was \"auto\"",
                "`max_gap` is 10 here and was 1000",
                "`raw_bytes` is { dialect = \"celestia\", ids = [\"fibre\"], max_bytes = 5 } here and was not there",
            ]
        );
    }
}
