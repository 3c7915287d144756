//! What was signed, what was not, and how long it took.

use prometheus_client::metrics::MetricType;

use crate::events::RequestKind;
use crate::observe::stats::chain::{STAGES, STEPS};
use crate::reason::ReasonKind;

use super::family::{Family, Values};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "signed",
        kind: MetricType::Counter,
        help: "Signatures made",
        values: Values::Type(|chain, kind| Some((*chain.signed.get(kind.index())?).into())),
    },
    Family {
        name: "replayed",
        kind: MetricType::Counter,
        help: "Earlier signatures given again",
        values: Values::Type(|chain, kind| Some((*chain.replayed.get(kind.index())?).into())),
    },
    Family {
        name: "refused",
        kind: MetricType::Counter,
        help: "Requests without a signature",
        values: Values::Labelled(&["chain_id", "type", "reason"], |service, series| {
            for chain in &service.chains {
                for kind in RequestKind::ALL {
                    for reason in ReasonKind::ALL {
                        let count = chain.snapshot.refused(kind, reason);
                        if count > 0 || kind.index() < STEPS {
                            series.put(&[&chain.id, kind.word(), reason.label()], count)?;
                        }
                    }
                }
            }
            Ok(())
        }),
    },
    Family {
        name: "last_signed_height",
        kind: MetricType::Gauge,
        help: "The height of the last signature since the start",
        values: Values::Type(|chain, kind| Some(chain.last(kind)?.hrs.height.get().into())),
    },
    Family {
        name: "last_signed_round",
        kind: MetricType::Gauge,
        help: "The round of the last signature since the start",
        values: Values::Type(|chain, kind| {
            Some(i64::from(chain.last(kind)?.hrs.round.get()).into())
        }),
    },
    Family {
        name: "last_signature_age_seconds",
        kind: MetricType::Gauge,
        help: "Seconds since the last signature, or since the start where there was none",
        values: Values::Type(|chain, kind| {
            let since = chain.last(kind).map_or(chain.since, |last| last.at);
            Some(since.elapsed().into())
        }),
    },
    Family {
        name: "public_key_requests",
        kind: MetricType::Counter,
        help: "How often nodes asked for the public key",
        values: Values::Chain(|chain| Some(chain.snapshot.public_key.into())),
    },
    Family {
        name: "raw_signed",
        kind: MetricType::Counter,
        help: "Signatures of raw bytes",
        values: Values::Chain(|chain| Some(chain.snapshot.raw.0.into())),
    },
    Family {
        name: "raw_signed_bytes",
        kind: MetricType::Counter,
        help: "Raw bytes that were signed",
        values: Values::Chain(|chain| Some(chain.snapshot.raw.1.into())),
    },
    Family {
        name: "missed_heights",
        kind: MetricType::Counter,
        help: "Heights between two signed ones at which nothing was signed",
        values: Values::Chain(|chain| Some(chain.snapshot.heights.missed().heights.into())),
    },
    Family {
        name: "missed_votes",
        kind: MetricType::Counter,
        help: "Heights that went by without a signed vote of this type",
        values: Values::Type(|chain, kind| match kind {
            RequestKind::Prevote => Some(chain.heights.missed().prevotes.into()),
            RequestKind::Precommit => Some(chain.heights.missed().precommits.into()),
            _ => None,
        }),
    },
    Family {
        name: "missed_votes_in_a_row",
        kind: MetricType::Gauge,
        help: "Heights in a row, up to the last one signed at, without a signed vote of this type",
        values: Values::Type(|chain, kind| match kind {
            RequestKind::Prevote => Some(chain.heights.missed().prevotes_in_a_row.into()),
            RequestKind::Precommit => Some(chain.heights.missed().precommits_in_a_row.into()),
            _ => None,
        }),
    },
    Family {
        name: "latency_seconds",
        kind: MetricType::Histogram,
        help: "Where the time of signatures goes, from the last byte of the request on",
        values: Values::Labelled(&["chain_id", "stage"], |service, series| {
            for chain in &service.chains {
                for (stage, latency) in STAGES.iter().zip(&chain.snapshot.latency) {
                    series.put_histogram(&[&chain.id, stage], latency)?;
                }
            }
            Ok(())
        }),
    },
];
