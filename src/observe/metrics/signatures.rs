//! What was signed, what was not, and how long it took.

use std::fmt;

use prometheus_client::metrics::MetricType;

use crate::consensus::Hrs;
use crate::events::Kind;
use crate::observe::stats::chain::{ChainSnapshot, STAGES, STEPS};
use crate::reason::ReasonKind;

use super::out::{Out, Value};
use super::{Reading, ServiceSample, labels};

impl ServiceSample {
    pub(super) fn signatures(&self, out: &mut Out<'_>) -> fmt::Result {
        let help = "Signatures made";
        self.by_step(out, "signed", help, |page| page.signed)?;
        let help = "Earlier signatures given again";
        self.by_step(out, "replayed", help, |page| page.replayed)?;
        let help = "Requests without a signature";
        out.counter("refused", help, |sample| {
            for chain in &self.chains {
                for (kind, reason) in Kind::ALL
                    .into_iter()
                    .flat_map(|kind| ReasonKind::ALL.map(|reason| (kind, reason)))
                {
                    let count = chain.page.refused(kind, reason);
                    if count > 0 || kind.index() < STEPS {
                        let labels = [
                            ("chain_id", chain.id.as_str()),
                            ("type", kind.word()),
                            ("reason", reason.label()),
                        ];
                        sample.put(&labels, count)?;
                    }
                }
            }
            Ok(())
        })?;
        let last: [Reading<Hrs, Value>; 2] = [
            (
                "last_signed_height",
                "The height of the last signature since the start",
                |hrs| hrs.height.get().into(),
            ),
            (
                "last_signed_round",
                "The round of the last signature since the start",
                |hrs| i64::from(hrs.round.get()).into(),
            ),
        ];
        for (name, help, value) in last {
            out.gauge(name, help, |sample| {
                for chain in &self.chains {
                    for (kind, last) in Kind::ALL.iter().zip(&chain.page.last) {
                        if let Some(last) = last {
                            sample.put(&labels(chain, "type", kind.word()), value(&last.hrs))?;
                        }
                    }
                }
                Ok(())
            })?;
        }
        let help = "Seconds since the last signature, or since the start where there was none";
        out.gauge("last_signature_age_seconds", help, |sample| {
            for chain in &self.chains {
                for (kind, last) in Kind::ALL.iter().zip(&chain.page.last) {
                    let since = last.map_or(chain.page.since, |last| last.at);
                    sample.put(&labels(chain, "type", kind.word()), since.elapsed())?;
                }
            }
            Ok(())
        })?;
        let totals: [Reading<ChainSnapshot, u64>; 3] = [
            (
                "public_key_requests",
                "How often nodes asked for the public key",
                |page| page.public_key,
            ),
            ("raw_signed", "Signatures of raw bytes", |page| page.raw.0),
            ("raw_signed_bytes", "Raw bytes that were signed", |page| {
                page.raw.1
            }),
        ];
        for (name, help, value) in totals {
            self.total(out, name, help, value)?;
        }
        Ok(())
    }

    pub(super) fn missed(&self, out: &mut Out<'_>) -> fmt::Result {
        let help = "Heights between two signed ones at which nothing was signed";
        self.total(out, "missed_heights", help, |page| {
            page.heights.missed().heights
        })?;
        let help = "Heights that went by without a signed vote of this type";
        out.counter("missed_votes", help, |sample| {
            for chain in &self.chains {
                let missed = chain.page.heights.missed();
                sample.put(&labels(chain, "type", "prevote"), missed.prevotes)?;
                sample.put(&labels(chain, "type", "precommit"), missed.precommits)?;
            }
            Ok(())
        })?;
        let help =
            "Heights in a row, up to the last one signed at, without a signed vote of this type";
        out.gauge("missed_votes_in_a_row", help, |sample| {
            for chain in &self.chains {
                let missed = chain.page.heights.missed();
                sample.put(&labels(chain, "type", "prevote"), missed.prevotes_in_a_row)?;
                sample.put(
                    &labels(chain, "type", "precommit"),
                    missed.precommits_in_a_row,
                )?;
            }
            Ok(())
        })
    }

    pub(super) fn latency(&self, out: &mut Out<'_>) -> fmt::Result {
        let help = "Where the time of signatures goes, from the last byte of the request on";
        out.family("latency_seconds", help, MetricType::Histogram, |sample| {
            for chain in &self.chains {
                for (stage, latency) in STAGES.iter().zip(&chain.page.latency) {
                    sample.put_latency(&labels(chain, "stage", stage), latency)?;
                }
            }
            Ok(())
        })
    }

    fn total(
        &self,
        out: &mut Out<'_>,
        name: &str,
        help: &str,
        value: impl Fn(&ChainSnapshot) -> u64,
    ) -> fmt::Result {
        out.counter(name, help, |sample| {
            for chain in &self.chains {
                sample.put(&[("chain_id", chain.id.as_str())], value(&chain.page))?;
            }
            Ok(())
        })
    }

    fn by_step(
        &self,
        out: &mut Out<'_>,
        name: &str,
        help: &str,
        value: fn(&ChainSnapshot) -> [u64; STEPS],
    ) -> fmt::Result {
        out.counter(name, help, |sample| {
            for chain in &self.chains {
                for (kind, count) in Kind::ALL.iter().zip(value(&chain.page)) {
                    sample.put(&labels(chain, "type", kind.word()), count)?;
                }
            }
            Ok(())
        })
    }
}
