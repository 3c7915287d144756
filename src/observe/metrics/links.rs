//! The devices that hold keys, and the links to the nodes.

use std::fmt;

use prometheus_client::metrics::MetricType;

use crate::backends::DeviceSample;
use crate::observe::stats::link::LinkSnapshot;

use super::out::{Out, Value};
use super::{ChainSample, Reading, ServiceSample, labels, link};

impl ServiceSample {
    pub(super) fn devices(&self, out: &mut Out<'_>) -> fmt::Result {
        let readings: [(MetricType, Reading<DeviceSample, Option<Value>>); 8] = [
            (
                MetricType::Gauge,
                (
                    "device_up",
                    "Whether the device's last exchange worked",
                    |device| Some(device.up.into()),
                ),
            ),
            (
                MetricType::Gauge,
                (
                    "device_waiting",
                    "Requests that the device has not answered yet",
                    |device| Some(device.counts?.waiting.into()),
                ),
            ),
            (
                MetricType::Counter,
                (
                    "device_failures",
                    "Exchanges with the device that failed",
                    |device| Some(device.counts?.failures.into()),
                ),
            ),
            (
                MetricType::Counter,
                ("device_losses", "How often the device was lost", |device| {
                    Some(device.counts?.losses.into())
                }),
            ),
            (
                MetricType::Counter,
                (
                    "device_sessions",
                    "Sessions that were opened with the device",
                    |device| Some(device.counts?.sessions.into()),
                ),
            ),
            (
                MetricType::Counter,
                (
                    "device_reopened",
                    "How often a thread that hung in the device was given up, and it was opened anew",
                    |device| Some(device.counts?.reopened.into()),
                ),
            ),
            (
                MetricType::Gauge,
                (
                    "device_log_entries",
                    "Entries in the device's log",
                    |device| Some(device.log?.used.into()),
                ),
            ),
            (
                MetricType::Gauge,
                (
                    "device_log_entries_limit",
                    "How many entries the device's log can hold",
                    |device| Some(device.log?.size.into()),
                ),
            ),
        ];
        for (kind, (name, help, value)) in readings {
            out.family(name, help, kind, |sample| {
                for chain in &self.chains {
                    for device in &chain.devices {
                        if let Some(value) = value(device) {
                            sample.put(&labels(chain, "device", &device.name), value)?;
                        }
                    }
                }
                Ok(())
            })?;
        }
        let devices =
            |chain: &ChainSample| (!chain.devices.is_empty()).then_some(chain.devices.len());
        let help = "The devices that hold the chain's key";
        self.each(out, "replicas", help, |chain| {
            Some(Value::Whole(devices(chain)? as u64))
        })?;
        let help = "How many of them answer";
        self.each(out, "replicas_up", help, |chain| {
            devices(chain)?;
            let up = chain.devices.iter().filter(|device| device.up).count();
            Some(Value::Whole(up as u64))
        })?;
        let help =
            "Seconds since a backup of the chain's key was proven; infinite where none ever was";
        self.each(out, "backup_verified_age_seconds", help, |chain| {
            let age = chain.backup?;
            Some(age.map_or(Value::Real(f64::INFINITY), Value::from))
        })
    }

    pub(super) fn links(&self, out: &mut Out<'_>) -> fmt::Result {
        let each =
            |out: &mut Out<'_>, name, help, kind, value: fn(&LinkSnapshot) -> Option<Value>| {
                out.family(name, help, kind, |sample| {
                    for (chain, node, facts) in self.all_links() {
                        if let Some(value) = value(facts) {
                            sample.put(&link(chain, node), value)?;
                        }
                    }
                    Ok(())
                })
            };
        each(
            out,
            "link_up",
            "Whether the link is up",
            MetricType::Gauge,
            |facts| Some(facts.is_up().into()),
        )?;
        let help = "Seconds since the link came up or went down";
        each(
            out,
            "link_state_age_seconds",
            help,
            MetricType::Gauge,
            |facts| Some(facts.since.elapsed().into()),
        )?;
        let help = "What the last connect and its handshake took";
        each(
            out,
            "link_connect_seconds",
            help,
            MetricType::Gauge,
            |facts| facts.dialled_in.map(Value::from),
        )?;
        let help = "One round trip to the node: what the last TCP connect took";
        each(
            out,
            "link_round_trip_seconds",
            help,
            MetricType::Gauge,
            |facts| facts.round_trip.map(Value::from),
        )?;
        let help = "How often the link came up";
        each(out, "link_connects", help, MetricType::Counter, |facts| {
            Some(facts.connects.into())
        })?;
        let help = "How often the link ended or could not be made";
        out.counter("link_failures", help, |sample| {
            for (chain, node, facts) in self.all_links() {
                for (reason, count) in &facts.failures {
                    let [one, two] = link(chain, node);
                    sample.put(&[one, two, ("reason", *reason)], *count)?;
                }
            }
            Ok(())
        })?;
        out.counter("link_replies", "Replies by what they were", |sample| {
            for (chain, node, facts) in self.all_links() {
                let counts = [
                    ("signed", facts.signed),
                    ("replayed", facts.replayed),
                    ("raw", facts.raw_signed),
                    ("refused", facts.refused),
                    ("failed", facts.failed),
                ];
                for (result, count) in counts {
                    let [one, two] = link(chain, node);
                    sample.put(&[one, two, ("result", result)], count)?;
                }
            }
            Ok(())
        })
    }

    fn all_links(&self) -> impl Iterator<Item = (&ChainSample, &str, &LinkSnapshot)> {
        self.chains.iter().flat_map(|chain| {
            chain
                .links
                .iter()
                .map(move |(node, facts)| (chain, node.as_str(), facts))
        })
    }
}
