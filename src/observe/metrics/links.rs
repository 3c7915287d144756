//! The links to the nodes.

use prometheus_client::metrics::MetricType;

use super::family::{Family, SampleValue, Values};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "link_up",
        kind: MetricType::Gauge,
        help: "Whether the link is up",
        values: Values::Link(|link| Some(link.is_up().into())),
    },
    Family {
        name: "link_state_age_seconds",
        kind: MetricType::Gauge,
        help: "Seconds since the link came up or went down",
        values: Values::Link(|link| Some(link.since.elapsed().into())),
    },
    Family {
        name: "link_connect_seconds",
        kind: MetricType::Gauge,
        help: "What the last connect and its handshake took",
        values: Values::Link(|link| link.dialled_in.map(SampleValue::from)),
    },
    Family {
        name: "link_round_trip_seconds",
        kind: MetricType::Gauge,
        help: "One round trip to the node: what the last TCP connect took",
        values: Values::Link(|link| link.round_trip.map(SampleValue::from)),
    },
    Family {
        name: "link_connects",
        kind: MetricType::Counter,
        help: "How often the link came up",
        values: Values::Link(|link| Some(link.connects.into())),
    },
    Family {
        name: "link_failures",
        kind: MetricType::Counter,
        help: "How often the link ended or could not be made",
        values: Values::Labelled(&["chain_id", "node", "reason"], |service, series| {
            for chain in &service.chains {
                for (node, link) in &chain.links {
                    for (reason, count) in &link.failures {
                        series.put(&[&chain.id, node, reason], *count)?;
                    }
                }
            }
            Ok(())
        }),
    },
    Family {
        name: "link_conflicts",
        kind: MetricType::Counter,
        help: "Double signs refused: other data at a position that is signed already",
        values: Values::Link(|link| Some(link.conflicts.into())),
    },
    Family {
        name: "link_replies",
        kind: MetricType::Counter,
        help: "Replies by what they were",
        values: Values::Labelled(&["chain_id", "node", "result"], |service, series| {
            for chain in &service.chains {
                for (node, link) in &chain.links {
                    for (result, count) in link.replies() {
                        series.put(&[&chain.id, node, result], count)?;
                    }
                }
            }
            Ok(())
        }),
    },
];
