//! What the chain itself says of our votes, where `rpc` says whom to ask.

use prometheus_client::metrics::MetricType;

use crate::consensus::Height;
use crate::rpc::{RpcSample, ValidatorStanding, VoteOutcome};

use crate::observe::metrics::family::{Family, SampleValue, Values};
use crate::observe::metrics::sample::ServiceSample;

/// The chains that are asked about.
fn asked(service: &ServiceSample) -> impl Iterator<Item = (&str, &RpcSample)> {
    let chains = service.chains.iter();
    chains.filter_map(|chain| Some((chain.id.as_str(), chain.rpc.as_ref()?)))
}

pub(in crate::observe::metrics) const FAMILIES: &[Family] = &[
    Family {
        name: "rpc_up",
        kind: MetricType::Gauge,
        help: "Whether the node's RPC answers and is used",
        values: Values::Labelled(&["chain_id", "endpoint"], |service, series| {
            for (chain, rpc) in asked(service) {
                for node in &rpc.endpoints {
                    series.put(&[chain, &node.name], node.up)?;
                }
            }
            Ok(())
        }),
    },
    Family {
        name: "rpc_height",
        kind: MetricType::Gauge,
        help: "The height of the newest block that the node has",
        values: Values::Labelled(&["chain_id", "endpoint"], |service, series| {
            for (chain, rpc) in asked(service) {
                for node in &rpc.endpoints {
                    if let Some(height) = node.height {
                        series.put(&[chain, &node.name], height)?;
                    }
                }
            }
            Ok(())
        }),
    },
    Family {
        name: "rpc_catching_up",
        kind: MetricType::Gauge,
        help: "Whether the node is still fetching blocks; it is not asked about votes then",
        values: Values::Labelled(&["chain_id", "endpoint"], |service, series| {
            for (chain, rpc) in asked(service) {
                for node in &rpc.endpoints {
                    series.put(&[chain, &node.name], node.catching_up)?;
                }
            }
            Ok(())
        }),
    },
    Family {
        name: "chain_height",
        kind: MetricType::Gauge,
        help: "The height of the chain's newest block, as most nodes say",
        values: Values::Chain(|chain| chain.rpc.as_ref()?.height.map(SampleValue::from)),
    },
    Family {
        name: "in_validator_set",
        kind: MetricType::Gauge,
        help: "Whether the validator is in the set that votes, as most nodes say",
        values: Values::Chain(|chain| {
            let standing = chain.rpc.as_ref()?.standing?;
            Some((standing != ValidatorStanding::Outside).into())
        }),
    },
    Family {
        name: "voting_power",
        kind: MetricType::Gauge,
        help: "The validator's voting power, 0 where it is not in the set",
        values: Values::Chain(|chain| match chain.rpc.as_ref()?.standing? {
            ValidatorStanding::Power(power) => Some(power.into()),
            ValidatorStanding::Outside => Some(0_i64.into()),
        }),
    },
    Family {
        name: "validator_tombstoned",
        kind: MetricType::Gauge,
        help: "Whether the validator, which is not in the set, is tombstoned, as most nodes say",
        values: Values::Chain(|chain| {
            let record = chain.rpc.as_ref()?.slashing?;
            Some(record.tombstoned.into())
        }),
    },
    Family {
        name: "validator_jailed_until_seconds",
        kind: MetricType::Gauge,
        help: "Until when the validator, which is not in the set, was jailed last (Unix time), as most nodes say; 0 where it never was",
        values: Values::Chain(|chain| {
            let record = chain.rpc.as_ref()?.slashing?;
            let until = record.jailed_until.map_or(0, |until| until.as_secs());
            Some(until.into())
        }),
    },
    Family {
        name: "commits",
        kind: MetricType::Counter,
        help: "Commits of the chain that were looked at, by what became of our vote",
        values: Values::Labelled(&["chain_id", "vote"], |service, series| {
            for (chain, rpc) in asked(service) {
                for outcome in VoteOutcome::ALL {
                    series.put(&[chain, outcome.word()], rpc.tally.total(outcome))?;
                }
            }
            Ok(())
        }),
    },
    Family {
        name: "commits_window",
        kind: MetricType::Gauge,
        help: "Of the last 100 heights: those whose commits are known, with the validator in the set",
        values: Values::Chain(|chain| Some(chain.rpc.as_ref()?.tally.window().0.into())),
    },
    Family {
        name: "commits_window_missed",
        kind: MetricType::Gauge,
        help: "Of these: those whose commits lack our vote",
        values: Values::Chain(|chain| Some(chain.rpc.as_ref()?.tally.window().1.into())),
    },
    Family {
        name: "commits_missed_in_a_row",
        kind: MetricType::Gauge,
        help: "Commits in a row that lack our vote, up to now",
        values: Values::Chain(|chain| Some(chain.rpc.as_ref()?.tally.in_a_row.into())),
    },
    Family {
        name: "committed_height",
        kind: MetricType::Gauge,
        help: "The latest height whose commit holds a signature of our key, as most nodes have shown",
        values: Values::Chain(|chain| {
            let signed = chain.rpc.as_ref()?.signed?;
            Some(signed.height.get().into())
        }),
    },
    Family {
        name: "second_signer_height",
        kind: MetricType::Gauge,
        help: "The last height whose commit holds a signature of our key that was not made here; 0 where there is none",
        values: Values::Chain(|chain| {
            let second = chain.rpc.as_ref()?.second;
            Some(second.map_or(0, Height::get).into())
        }),
    },
];
