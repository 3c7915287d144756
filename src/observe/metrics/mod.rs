//! The metrics, in the OpenMetrics text format or the older one of Prometheus. Every name stands in docs/metrics.md.
//!
//! Encoded anew for each scrape from a copy of the facts, so nothing here is on the signing path. Series that an alert
//! watches are there from the start with 0: a counter that appears with its first event would hide that event.

mod links;
mod out;
mod shared;
mod signatures;
pub mod text;

use std::fmt;
use std::time::{Duration, SystemTime};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;

use crate::backends::DeviceSample;
use crate::consensus::Hrs;
use crate::gate::store::etcd::SharedSample;

use super::stats::chain::ChainSnapshot;
use super::stats::link::LinkSnapshot;
use out::{Out, Value};

/// The media type of what [`encode`] gives.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The service at one moment.
#[derive(Debug)]
pub struct ServiceSample {
    /// When it was started.
    pub started: SystemTime,
    /// Log lines that were dropped.
    pub dropped_lines: u64,
    /// Since the supervisor's last turn.
    pub since_turn: Duration,
    /// How often the host was found to have been stopped.
    pub pauses: u64,
    /// How often the wall clock was found to have been set.
    pub clock_steps: u64,
    /// The chains, in the order of the configuration.
    pub chains: Vec<ChainSample>,
}

/// One chain at one moment.
#[derive(Debug)]
pub struct ChainSample {
    /// The chain id.
    pub id: String,
    /// Where its key is.
    pub key: String,
    /// The validator's address in hexadecimal digits.
    pub address: Option<String>,
    /// Whether it signs.
    pub armed: bool,
    /// Whether it signs and a node is linked.
    pub ready: bool,
    /// Whether a request has had no answer for too long.
    pub stuck: bool,
    /// Whether its watermark can be written.
    pub durable: bool,
    /// The last position used up.
    pub watermark: Option<Hrs>,
    /// Since it was written.
    pub watermark_age: Option<Duration>,
    /// The tokens of its bucket, and how many it may hold.
    pub tokens: Option<(u64, u64)>,
    /// Free bytes of the state's file system.
    pub free: Option<u64>,
    /// The devices that hold its key.
    pub devices: Vec<DeviceSample>,
    /// Since a backup of its key was proven, where that is remembered; the inner `None` is never.
    pub backup: Option<Option<Duration>>,
    /// What is seen of etcd, where other hosts share the watermark.
    pub shared: Option<SharedSample>,
    /// What it has done.
    pub page: ChainSnapshot,
    /// Its links: the node's address, and what the link has done.
    pub links: Vec<(String, LinkSnapshot)>,
}

/// A name, its help, and how its value is read.
type Reading<T, V> = (&'static str, &'static str, fn(&T) -> V);

/// The metrics as text.
pub fn encode(now: ServiceSample) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("tmkms");
    registry.register_collector(Box::new(now));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

impl Collector for ServiceSample {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out(encoder);
        self.service(&mut out)?;
        self.chains(&mut out)?;
        self.watermarks(&mut out)?;
        self.signatures(&mut out)?;
        self.missed(&mut out)?;
        self.latency(&mut out)?;
        self.devices(&mut out)?;
        self.shared(&mut out)?;
        self.links(&mut out)
    }
}

impl ServiceSample {
    fn service(&self, out: &mut Out<'_>) -> fmt::Result {
        out.gauge("build_info", "Which program this is", |sample| {
            let labels = [("version", crate::VERSION), ("commit", crate::COMMIT)];
            sample.put(&labels, true)
        })?;
        let started = self.started.duration_since(SystemTime::UNIX_EPOCH);
        let started = started.unwrap_or_default();
        let help = "When the service started, in seconds since 1970";
        out.gauge("start_time_seconds", help, |sample| {
            sample.put_plain(started)
        })?;
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let help = "This host's wall clock, in seconds since 1970";
        out.gauge("time_seconds", help, |sample| {
            sample.put_plain(clock.unwrap_or_default())
        })?;
        let help = "Seconds since the supervisor's last turn; it takes one each second";
        out.gauge("supervisor_age_seconds", help, |sample| {
            sample.put_plain(self.since_turn)
        })?;
        let help = "Log lines dropped because whoever takes the log was too slow";
        out.counter("log_lines_dropped", help, |sample| {
            sample.put_plain(self.dropped_lines)
        })?;
        let help = "How often this host or process was found to have been stopped or suspended";
        out.counter("pauses", help, |sample| sample.put_plain(self.pauses))?;
        let help = "How often the wall clock was found to have been set";
        out.counter("clock_steps", help, |sample| {
            sample.put_plain(self.clock_steps)
        })
    }

    fn chains(&self, out: &mut Out<'_>) -> fmt::Result {
        out.gauge("chain_info", "The chain's key", |sample| {
            for chain in &self.chains {
                let address = chain.address.as_deref().unwrap_or("");
                let labels = [
                    ("chain_id", chain.id.as_str()),
                    ("key", &chain.key),
                    ("address", address),
                ];
                sample.put(&labels, true)?;
            }
            Ok(())
        })?;
        let flags: [Reading<ChainSample, bool>; 4] = [
            (
                "chain_armed",
                "Whether the chain has its key and its state",
                |chain| chain.armed,
            ),
            (
                "chain_ready",
                "Whether the chain can answer a node: armed, durable, not stuck, and a node is linked",
                |chain| chain.ready,
            ),
            (
                "chain_stuck",
                "Whether a request has had no answer for more than 5 s",
                |chain| chain.stuck,
            ),
            (
                "chain_durable",
                "Whether the chain's watermark can be written",
                |chain| chain.durable,
            ),
        ];
        for (name, help, flag) in flags {
            self.each(out, name, help, |chain| Some(flag(chain).into()))?;
        }
        let help = "Free bytes of the file system of the state file";
        self.each(out, "state_free_bytes", help, |chain| {
            chain.free.map(Value::Whole)
        })
    }

    fn watermarks(&self, out: &mut Out<'_>) -> fmt::Result {
        let position: [Reading<Hrs, Value>; 3] = [
            ("watermark_height", "The last height used up", |hrs| {
                hrs.height.get().into()
            }),
            (
                "watermark_round",
                "The round of the last position used up",
                |hrs| i64::from(hrs.round.get()).into(),
            ),
            (
                "watermark_step",
                "The step of the last position used up: 1 proposal, 2 prevote, 3 precommit",
                |hrs| i64::from(hrs.step.number()).into(),
            ),
        ];
        for (name, help, value) in position {
            self.each(out, name, help, |chain| chain.watermark.as_ref().map(value))?;
        }
        let help = "Seconds since the watermark was written";
        self.each(out, "watermark_age_seconds", help, |chain| {
            chain.watermark_age.map(Value::from)
        })?;
        let help = "How many heights the chain may advance at once now";
        self.each(out, "height_tokens", help, |chain| {
            chain.tokens.map(|(level, _)| level.into())
        })?;
        let help = "What the tokens are topped up to: max_gap";
        self.each(out, "height_tokens_limit", help, |chain| {
            chain.tokens.map(|(_, limit)| limit.into())
        })
    }

    fn each(
        &self,
        out: &mut Out<'_>,
        name: &str,
        help: &str,
        value: impl Fn(&ChainSample) -> Option<Value>,
    ) -> fmt::Result {
        out.gauge(name, help, |sample| {
            for chain in &self.chains {
                if let Some(value) = value(chain) {
                    sample.put(&[("chain_id", chain.id.as_str())], value)?;
                }
            }
            Ok(())
        })
    }
}

fn labels<'a>(
    chain: &'a ChainSample,
    name: &'static str,
    value: &'a str,
) -> [(&'a str, &'a str); 2] {
    [("chain_id", chain.id.as_str()), (name, value)]
}

fn link<'a>(chain: &'a ChainSample, node: &'a str) -> [(&'a str, &'a str); 2] {
    labels(chain, "node", node)
}
