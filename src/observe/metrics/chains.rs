//! The state of each chain.

use prometheus_client::metrics::MetricType;

use super::family::{Family, SampleValue, Values};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "chain_info",
        kind: MetricType::Gauge,
        help: "The chain's key",
        values: Values::Labelled(&["chain_id", "key", "address"], |service, series| {
            for chain in &service.chains {
                let address = chain.address.as_deref().unwrap_or("");
                series.put(&[&chain.id, &chain.key, address], true)?;
            }
            Ok(())
        }),
    },
    Family {
        name: "chain_armed",
        kind: MetricType::Gauge,
        help: "Whether the chain has its key and its state",
        values: Values::Chain(|chain| Some(chain.armed.into())),
    },
    Family {
        name: "chain_ready",
        kind: MetricType::Gauge,
        help: "Whether the chain can answer a node: armed, durable, not stuck, and a node is linked, or it is paused",
        values: Values::Chain(|chain| Some(chain.ready.into())),
    },
    Family {
        name: "chain_stuck",
        kind: MetricType::Gauge,
        help: "Whether a request has had no answer for more than 5 s",
        values: Values::Chain(|chain| Some(chain.stuck.into())),
    },
    Family {
        name: "chain_paused",
        kind: MetricType::Gauge,
        help: "Whether the operator has paused the chain: nothing is signed",
        values: Values::Chain(|chain| {
            let in_effect = chain.paused.is_some_and(|(in_effect, _)| in_effect);
            Some(in_effect.into())
        }),
    },
    Family {
        name: "chain_pause_height",
        kind: MetricType::Gauge,
        help: "The height from which on the operator lets nothing be signed",
        values: Values::Chain(|chain| chain.paused?.1.map(SampleValue::from)),
    },
    Family {
        name: "chain_durable",
        kind: MetricType::Gauge,
        help: "Whether the chain's watermark can be written",
        values: Values::Chain(|chain| Some(chain.durable.into())),
    },
    Family {
        name: "state_free_bytes",
        kind: MetricType::Gauge,
        help: "Free bytes of the file system of the state file",
        values: Values::Chain(|chain| chain.free.map(SampleValue::from)),
    },
    Family {
        name: "watermark_height",
        kind: MetricType::Gauge,
        help: "The height of the watermark",
        values: Values::Chain(|chain| chain.watermark.map(|hrs| hrs.height.get().into())),
    },
    Family {
        name: "watermark_round",
        kind: MetricType::Gauge,
        help: "The round of the watermark",
        values: Values::Chain(|chain| chain.watermark.map(|hrs| i64::from(hrs.round.get()).into())),
    },
    Family {
        name: "watermark_step",
        kind: MetricType::Gauge,
        help: "The step of the watermark: 1 proposal, 2 prevote, 3 precommit",
        values: Values::Chain(|chain| {
            chain
                .watermark
                .map(|hrs| i64::from(hrs.step.number()).into())
        }),
    },
    Family {
        name: "watermark_age_seconds",
        kind: MetricType::Gauge,
        help: "Seconds since the watermark was written",
        values: Values::Chain(|chain| chain.watermark_age.map(SampleValue::from)),
    },
    Family {
        name: "height_tokens",
        kind: MetricType::Gauge,
        help: "How many heights the chain may advance at once now",
        values: Values::Chain(|chain| Some(chain.tokens?.0.into())),
    },
    Family {
        name: "height_tokens_limit",
        kind: MetricType::Gauge,
        help: "What the tokens are topped up to: max_gap",
        values: Values::Chain(|chain| Some(chain.tokens?.1.into())),
    },
    Family {
        name: "key_active",
        kind: MetricType::Gauge,
        help: "Of a chain with several keys: whether this is the key of the next height",
        values: Values::Key(|key| Some(key.active.into())),
    },
    Family {
        name: "key_armed",
        kind: MetricType::Gauge,
        help: "Of a chain with several keys: whether this key has its state",
        values: Values::Key(|key| Some(key.armed.into())),
    },
    Family {
        name: "key_activation_height",
        kind: MetricType::Gauge,
        help: "The height from which on this key signs",
        values: Values::Key(|key| key.activation_height.map(SampleValue::from)),
    },
    Family {
        name: "key_watermark_height",
        kind: MetricType::Gauge,
        help: "Of a chain with several keys: the height of the watermark of this key",
        values: Values::Key(|key| key.watermark.map(|hrs| hrs.height.get().into())),
    },
];
