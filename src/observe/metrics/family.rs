//! One metric: a row of a table.

use std::borrow::Cow;
use std::fmt;
use std::iter::zip;
use std::time::Duration;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::backends::DeviceSample;
use crate::cosigner::{CosignerSample, CosignersSample};
use crate::events::RequestKind;
use crate::gate::store::etcd::SharedSample;
use crate::observe::stats::chain::{ChainSnapshot, STEPS};
use crate::observe::stats::histogram::Histogram;
use crate::observe::stats::link::LinkSnapshot;

use super::sample::{ChainSample, KeySample, ServiceSample};

/// What the names of this program's own metrics begin with.
pub(super) const PREFIX: &str = "tmkms";

/// The value of a sample.
#[derive(Clone, Copy, Debug)]
pub(super) enum SampleValue {
    Whole(u64),
    Real(f64),
}

impl From<u64> for SampleValue {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<i64> for SampleValue {
    fn from(value: i64) -> Self {
        Self::Whole(u64::try_from(value).unwrap_or(0))
    }
}

impl From<bool> for SampleValue {
    fn from(value: bool) -> Self {
        Self::Whole(u64::from(value))
    }
}

/// In seconds.
impl From<Duration> for SampleValue {
    fn from(value: Duration) -> Self {
        Self::Real(value.as_secs_f64())
    }
}

/// A metric with all its series.
pub(super) struct Family {
    /// Without [`PREFIX`], and without the `_total` that the encoder appends to counters.
    pub name: &'static str,
    pub kind: MetricType,
    pub help: &'static str,
    pub values: Values,
}

/// Where the values come from, which decides about the labels. A series without a value is not served.
pub(super) enum Values {
    /// One of the service.
    Service(fn(&ServiceSample) -> SampleValue),
    /// One of the process, under the name that every program has it.
    Process(fn(&ServiceSample) -> Option<SampleValue>),
    /// One a chain.
    Chain(fn(&ChainSample) -> Option<SampleValue>),
    /// One a chain and type of consensus message.
    Type(fn(&ChainSnapshot, RequestKind) -> Option<SampleValue>),
    /// One a key, of chains that have several.
    Key(fn(&KeySample) -> Option<SampleValue>),
    /// One a device.
    Device(fn(&DeviceSample) -> Option<SampleValue>),
    /// One a chain that is shared in etcd.
    Etcd(fn(&SharedSample) -> Option<SampleValue>),
    /// One a chain of whose key this host has a share.
    Cosign(fn(&CosignersSample) -> Option<SampleValue>),
    /// One a chain and other member of its key.
    Cosigner(fn(&CosignerSample) -> Option<SampleValue>),
    /// One a link.
    Link(fn(&LinkSnapshot) -> Option<SampleValue>),
    /// Any others: their labels, and what puts the values.
    Labelled(
        &'static [&'static str],
        fn(&ServiceSample, &mut FamilyWriter<'_>) -> fmt::Result,
    ),
}

impl Family {
    pub const fn labels(&self) -> &'static [&'static str] {
        match self.values {
            Values::Service(_) | Values::Process(_) => &[],
            Values::Chain(_) | Values::Etcd(_) | Values::Cosign(_) => &["chain_id"],
            Values::Cosigner(_) => &["chain_id", "member"],
            Values::Type(_) => &["chain_id", "type"],
            Values::Key(_) => &["chain_id", "key", "address"],
            Values::Device(_) => &["chain_id", "device"],
            Values::Link(_) => &["chain_id", "node"],
            Values::Labelled(labels, _) => labels,
        }
    }

    /// As it is served, but for the `_total`.
    pub fn full_name(&self) -> Cow<'static, str> {
        match self.values {
            Values::Process(_) => self.name.into(),
            _ => format!("{PREFIX}_{}", self.name).into(),
        }
    }

    pub fn encode(&self, encoder: &mut DescriptorEncoder<'_>, from: &ServiceSample) -> fmt::Result {
        let name = self.full_name();
        let encoder = encoder.encode_descriptor(&name, self.help, None, self.kind)?;
        let mut series = FamilyWriter {
            encoder,
            kind: self.kind,
            labels: self.labels(),
        };
        self.put_all(&mut series, from)
    }

    fn put_all(&self, series: &mut FamilyWriter<'_>, from: &ServiceSample) -> fmt::Result {
        match self.values {
            Values::Service(read) => series.put(&[], read(from))?,
            Values::Process(read) => series.put_some(&[], read(from))?,
            Values::Labelled(_, put) => put(from, series)?,
            Values::Chain(read) => {
                for chain in &from.chains {
                    series.put_some(&[&chain.id], read(chain))?;
                }
            }
            Values::Type(read) => {
                for chain in &from.chains {
                    for kind in RequestKind::ALL.into_iter().take(STEPS) {
                        let value = read(&chain.snapshot, kind);
                        series.put_some(&[&chain.id, kind.word()], value)?;
                    }
                }
            }
            Values::Key(read) => {
                for chain in &from.chains {
                    for key in &chain.keys {
                        let address = key.address.as_deref().unwrap_or_default();
                        series.put_some(&[&chain.id, &key.key, address], read(key))?;
                    }
                }
            }
            Values::Device(read) => {
                for chain in &from.chains {
                    for device in &chain.devices {
                        series.put_some(&[&chain.id, &device.name], read(device))?;
                    }
                }
            }
            Values::Etcd(read) => {
                for chain in &from.chains {
                    series.put_some(&[&chain.id], chain.shared.as_ref().and_then(read))?;
                }
            }
            Values::Cosign(read) => {
                for chain in &from.chains {
                    series.put_some(&[&chain.id], chain.cosigners.as_ref().and_then(read))?;
                }
            }
            Values::Cosigner(read) => {
                for (chain, other) in from.chains.iter().flat_map(ChainSample::other_members) {
                    series.put_some(&[&chain.id, &other.id.to_string()], read(other))?;
                }
            }
            Values::Link(read) => {
                for chain in &from.chains {
                    for (node, link) in &chain.links {
                        series.put_some(&[&chain.id, node], read(link))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The series of one family.
pub(super) struct FamilyWriter<'a> {
    encoder: MetricEncoder<'a>,
    kind: MetricType,
    labels: &'static [&'static str],
}

impl FamilyWriter<'_> {
    fn put_some(&mut self, values: &[&str], value: Option<SampleValue>) -> fmt::Result {
        value.map_or(Ok(()), |value| self.put(values, value))
    }

    /// The labels of the family with their values; one too few or too many is a mistake in its table.
    fn labels_with<'a>(&self, values: &[&'a str]) -> Vec<(&'static str, &'a str)> {
        debug_assert_eq!(self.labels.len(), values.len(), "{:?}", self.labels);
        zip(self.labels.iter().copied(), values.iter().copied()).collect()
    }

    /// The series with these values of the family's labels, in their order.
    pub fn put(&mut self, values: &[&str], value: impl Into<SampleValue>) -> fmt::Result {
        if values.is_empty() {
            return write(&mut self.encoder, self.kind, value.into());
        }
        let labels = self.labels_with(values);
        let labels = labels.as_slice();
        let mut encoder = self.encoder.encode_family(&labels)?;
        write(&mut encoder, self.kind, value.into())
    }

    /// A histogram.
    pub fn put_histogram<const N: usize>(
        &mut self,
        values: &[&str],
        histogram: &Histogram<N>,
    ) -> fmt::Result {
        let labels = self.labels_with(values);
        self.encoder
            .encode_family(&labels.as_slice())?
            .encode_histogram::<NoLabelSet>(
                histogram.sum(),
                histogram.count(),
                &histogram.buckets(),
                None,
            )
    }
}

fn write(encoder: &mut MetricEncoder<'_>, kind: MetricType, value: SampleValue) -> fmt::Result {
    match (kind, value) {
        (MetricType::Counter, SampleValue::Whole(value)) => {
            encoder.encode_counter::<NoLabelSet, u64, f64>(&value, None)
        }
        (MetricType::Counter, SampleValue::Real(value)) => {
            encoder.encode_counter::<NoLabelSet, f64, f64>(&value, None)
        }
        (_, SampleValue::Whole(value)) => encoder.encode_gauge(&value),
        (_, SampleValue::Real(value)) => encoder.encode_gauge(&value),
    }
}
