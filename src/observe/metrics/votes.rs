//! What the votes say of the node and of the chain: what they were for, in which round, by which clock.

use std::time::Instant;

use prometheus_client::metrics::MetricType;

use crate::events::RequestKind;

use super::family::{Family, SampleValue, Values};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "votes",
        kind: MetricType::Counter,
        help: "Signed votes, by what they are for and by round",
        values: Values::Labelled(&["chain_id", "type", "vote", "round"], |service, series| {
            for chain in &service.chains {
                for (kind, voted_for, band, count) in chain.snapshot.votes.all() {
                    let labels = [&*chain.id, kind.word(), voted_for.word(), band.word()];
                    series.put(&labels, count)?;
                }
            }
            Ok(())
        }),
    },
    Family {
        name: "proposal_requests",
        kind: MetricType::Counter,
        help: "How often nodes asked for a proposal",
        values: Values::Chain(|chain| Some(chain.snapshot.asked(RequestKind::Proposal).into())),
    },
    Family {
        name: "clock_distance_seconds",
        kind: MetricType::Histogram,
        help: "How far the time of a vote was from this host's clock, whichever was ahead",
        values: Values::Labelled(&["chain_id"], |service, series| {
            for chain in &service.chains {
                series.put_histogram(&[&chain.id], &chain.snapshot.distances)?;
            }
            Ok(())
        }),
    },
    Family {
        name: "clock_skew_seconds",
        kind: MetricType::Gauge,
        help: "The time of the node's last vote less this host's clock",
        values: Values::Link(|link| {
            let skew = link.clock.skew(Instant::now());
            skew.map(|skew| SampleValue::Real(skew.seconds()))
        }),
    },
    Family {
        name: "clock_unreadable",
        kind: MetricType::Counter,
        help: "Votes whose time is more than a day away from this host's clock",
        values: Values::Link(|link| Some(link.clock.unreadable.into())),
    },
    Family {
        name: "link_height",
        kind: MetricType::Gauge,
        help: "The height that the node asked for last, as far as the chain's signatures reach",
        values: Values::Labelled(&["chain_id", "node"], |service, series| {
            for chain in &service.chains {
                let highest = chain.snapshot.highest();
                for (node, link) in &chain.links {
                    if let Some((height, _)) = link.height(highest) {
                        series.put(&[&chain.id, node], height.get())?;
                    }
                }
            }
            Ok(())
        }),
    },
    Family {
        name: "link_heights_behind",
        kind: MetricType::Gauge,
        help: "How far that is below the highest height that was signed for the chain since the start",
        values: Values::Labelled(&["chain_id", "node"], |service, series| {
            for chain in &service.chains {
                let highest = chain.snapshot.highest();
                for (node, link) in &chain.links {
                    if let Some((_, behind)) = link.height(highest) {
                        series.put(&[&chain.id, node], behind)?;
                    }
                }
            }
            Ok(())
        }),
    },
];
