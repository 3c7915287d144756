//! The devices that hold keys.

use prometheus_client::metrics::MetricType;

use crate::backends::DeviceSample;

use super::family::{Family, SampleValue, Values};
use super::sample::ChainSample;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "device_up",
        kind: MetricType::Gauge,
        help: "Whether the device's last exchange worked",
        values: Values::Device(|device| Some(device.up.into())),
    },
    Family {
        name: "device_waiting",
        kind: MetricType::Gauge,
        help: "Requests that the device has not answered yet",
        values: Values::Device(|device| Some(device.counts?.waiting.into())),
    },
    Family {
        name: "device_failures",
        kind: MetricType::Counter,
        help: "Exchanges with the device that failed",
        values: Values::Device(|device| Some(device.counts?.failures.into())),
    },
    Family {
        name: "device_losses",
        kind: MetricType::Counter,
        help: "How often the device was lost",
        values: Values::Device(|device| Some(device.counts?.losses.into())),
    },
    Family {
        name: "device_sessions",
        kind: MetricType::Counter,
        help: "Sessions that were opened with the device",
        values: Values::Device(|device| Some(device.counts?.sessions.into())),
    },
    Family {
        name: "device_reopened",
        kind: MetricType::Counter,
        help: "How often a thread that hung in the device was given up and the device was opened again",
        values: Values::Device(|device| Some(device.counts?.reopened.into())),
    },
    Family {
        name: "device_log_entries",
        kind: MetricType::Gauge,
        help: "Entries in the device's log",
        values: Values::Device(|device| Some(device.log?.used.into())),
    },
    Family {
        name: "device_log_entries_limit",
        kind: MetricType::Gauge,
        help: "How many entries the device's log can hold",
        values: Values::Device(|device| Some(device.log?.size.into())),
    },
    Family {
        name: "replicas",
        kind: MetricType::Gauge,
        help: "The devices that hold the chain's key",
        values: Values::Chain(|chain| count(chain, |_| true)),
    },
    Family {
        name: "replicas_up",
        kind: MetricType::Gauge,
        help: "How many of them answer",
        values: Values::Chain(|chain| count(chain, |device| device.up)),
    },
    Family {
        name: "backup_verified_age_seconds",
        kind: MetricType::Gauge,
        help: "Seconds since a backup of the chain's key was proven; infinite where none ever was",
        values: Values::Chain(|chain| {
            Some(
                chain
                    .backup?
                    .map_or(SampleValue::Real(f64::INFINITY), SampleValue::from),
            )
        }),
    },
];

/// How many of a chain's devices are so; none for a key that is in none.
fn count(chain: &ChainSample, counts: fn(&DeviceSample) -> bool) -> Option<SampleValue> {
    if chain.devices.is_empty() {
        return None;
    }
    let found = chain.devices.iter().filter(|device| counts(device)).count();
    Some(SampleValue::Whole(found as u64))
}
