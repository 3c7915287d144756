//! `tmkms networks`.

use clap::Args;

use crate::networks::{self, Network};

use super::report::{Failure, output, status};

/// List the known networks.
#[derive(Args)]
#[command(after_help = "Examples:\n  tmkms networks\n  tmkms networks osmo")]
pub(super) struct Networks {
    /// Only those whose name, chain id or title contains this
    filter: Option<String>,
}

impl Networks {
    pub(super) fn run(self) -> Result<(), Failure> {
        let filter = self.filter.unwrap_or_default().to_lowercase();
        let found: Vec<Network> = networks::all()
            .filter(|network| {
                [network.name, network.chain_id, network.title]
                    .iter()
                    .any(|text| text.to_lowercase().contains(&filter))
            })
            .collect();
        if found.is_empty() {
            return Err(
                Failure::new(format!("no known network is called {filter:?}")).hint(
                    "any chain can be written into tmkms.toml by hand; see tmkms.toml.example",
                ),
            );
        }
        status("Source", networks::SOURCE);
        output(&table(&found))
    }
}

/// Name, chain id, series and kind in columns.
pub(super) fn table(networks: &[Network]) -> String {
    let mut text = format!(
        "{:<28} {:<28} {:<8} {:<8} {}\n",
        "NAME", "CHAIN ID", "SERIES", "KIND", "TITLE"
    );
    for network in networks {
        let kind = if network.mainnet {
            "mainnet"
        } else {
            "testnet"
        };
        let series = if network.series.is_empty() {
            "?"
        } else {
            network.series
        };
        text.push_str(&format!(
            "{:<28} {:<28} {series:<8} {kind:<8} {}\n",
            network.name, network.chain_id, network.title
        ));
    }
    text
}
