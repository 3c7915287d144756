//! Watermarks that several hosts share in etcd.

use prometheus_client::metrics::MetricType;

use crate::observe::metrics::family::{Family, SampleValue, Values};

pub(in crate::observe::metrics) const FAMILIES: &[Family] = &[
    Family {
        name: "etcd_endpoint_up",
        kind: MetricType::Gauge,
        help: "Whether the etcd member answered when it was last asked; one is asked each second",
        values: Values::Labelled(&["chain_id", "endpoint"], |service, series| {
            for chain in &service.chains {
                for (name, trouble) in chain.shared.iter().flat_map(|shared| &shared.endpoints) {
                    series.put(&[&chain.id, name], trouble.is_none())?;
                }
            }
            Ok(())
        }),
    },
    Family {
        name: "etcd_transactions",
        kind: MetricType::Counter,
        help: "Transactions for votes that etcd decided",
        values: Values::Etcd(|shared| Some(shared.transactions.into())),
    },
    Family {
        name: "etcd_transaction_seconds",
        kind: MetricType::Counter,
        help: "What these transactions took in all",
        values: Values::Etcd(|shared| Some(shared.took.into())),
    },
    Family {
        name: "etcd_ambiguous",
        kind: MetricType::Counter,
        help: "Transactions that may or may not have been applied: no answer came in time",
        values: Values::Etcd(|shared| Some(shared.ambiguous.into())),
    },
    Family {
        name: "etcd_superseded",
        kind: MetricType::Counter,
        help: "Transactions that came after another host's",
        values: Values::Etcd(|shared| Some(shared.superseded.into())),
    },
    Family {
        name: "etcd_revision",
        kind: MetricType::Gauge,
        help: "The highest revision of etcd that was seen",
        values: Values::Etcd(|shared| Some(shared.revision.into())),
    },
    Family {
        name: "etcd_database_bytes",
        kind: MetricType::Gauge,
        help: "The size of etcd's database",
        values: Values::Etcd(|shared| Some(shared.database?.0.into())),
    },
    Family {
        name: "etcd_database_bytes_limit",
        kind: MetricType::Gauge,
        help: "The size at which etcd refuses to write",
        values: Values::Etcd(|shared| Some(shared.database?.1.into())),
    },
    Family {
        name: "etcd_certificate_end_seconds",
        kind: MetricType::Gauge,
        help: "When the first of our certificates for etcd ends, in seconds since 1970",
        values: Values::Etcd(|shared| shared.certificate_ends.map(SampleValue::from)),
    },
    Family {
        name: "etcd_writer_info",
        kind: MetricType::Gauge,
        help: "The host that wrote the shared watermark last",
        values: Values::Labelled(&["chain_id", "host"], |service, series| {
            for chain in &service.chains {
                if let Some(writer) = chain
                    .shared
                    .as_ref()
                    .and_then(|shared| shared.writer.as_ref())
                {
                    series.put(&[&chain.id, writer], true)?;
                }
            }
            Ok(())
        }),
    },
];
