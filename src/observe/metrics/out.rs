//! Families and samples, on top of the encoder.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::observe::stats::latency::Latency;

/// The value of a sample.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Whole(u64::try_from(value).unwrap_or(0))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Whole(u64::from(value))
    }
}

/// In seconds.
impl From<Duration> for Value {
    fn from(value: Duration) -> Self {
        Self::Real(value.as_secs_f64())
    }
}

/// Where families go.
pub(super) struct Out<'a>(pub DescriptorEncoder<'a>);

impl Out<'_> {
    pub fn gauge(
        &mut self,
        name: &str,
        help: &str,
        fill: impl FnOnce(&mut Samples<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, fill)
    }

    /// The encoder appends `_total` to the name.
    pub fn counter(
        &mut self,
        name: &str,
        help: &str,
        fill: impl FnOnce(&mut Samples<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Counter, fill)
    }

    pub fn family(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        fill: impl FnOnce(&mut Samples<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let encoder = self.0.encode_descriptor(name, help, None, kind)?;
        fill(&mut Samples { encoder, kind })
    }
}

/// The samples of one family.
pub(super) struct Samples<'a> {
    encoder: MetricEncoder<'a>,
    kind: MetricType,
}

impl Samples<'_> {
    /// A sample without labels.
    pub fn put_plain(&mut self, value: impl Into<Value>) -> fmt::Result {
        write(&mut self.encoder, self.kind, value.into())
    }

    /// A sample with labels.
    pub fn put(&mut self, labels: &[(&str, &str)], value: impl Into<Value>) -> fmt::Result {
        let mut encoder = self.encoder.encode_family(&labels)?;
        write(&mut encoder, self.kind, value.into())
    }

    /// A histogram.
    pub fn put_latency(&mut self, labels: &[(&str, &str)], latency: &Latency) -> fmt::Result {
        self.encoder
            .encode_family(&labels)?
            .encode_histogram::<NoLabelSet>(
                latency.sum(),
                latency.count(),
                &latency.buckets(),
                None,
            )
    }
}

fn write(encoder: &mut MetricEncoder<'_>, kind: MetricType, value: Value) -> fmt::Result {
    match (kind, value) {
        (MetricType::Counter, Value::Whole(value)) => {
            encoder.encode_counter::<NoLabelSet, u64, f64>(&value, None)
        }
        (MetricType::Counter, Value::Real(value)) => {
            encoder.encode_counter::<NoLabelSet, f64, f64>(&value, None)
        }
        (_, Value::Whole(value)) => encoder.encode_gauge(&value),
        (_, Value::Real(value)) => encoder.encode_gauge(&value),
    }
}
