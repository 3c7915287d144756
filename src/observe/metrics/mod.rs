//! The metrics, in the OpenMetrics text format or the older one of Prometheus.
//!
//! Each metric is one row of a table: its name, kind, help, labels and how its values are read. The text is made from the
//! tables, and a test compares them with docs/metrics.md. Encoded again for each scrape from a copy of the facts, so nothing
//! here is on the signing path. Series that an alert watches are there from the start with 0: a counter that appears with its
//! first event would hide that event.

mod chains;
mod devices;
mod family;
mod links;
mod outside;
mod process;
mod sample;
mod service;
mod signatures;
pub mod text;
mod votes;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;

use family::Family;
pub use sample::{ChainSample, KeySample, ServiceSample};

/// The media type of what [`encode`] gives.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics, in the order in which they are served.
const TABLES: [&[Family]; 10] = [
    service::FAMILIES,
    chains::FAMILIES,
    signatures::FAMILIES,
    votes::FAMILIES,
    devices::FAMILIES,
    outside::rpc::FAMILIES,
    outside::etcd::FAMILIES,
    outside::cosign::FAMILIES,
    links::FAMILIES,
    process::FAMILIES,
];

/// Who reads the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A scraper, over HTTP.
    Scrape,
    /// The collector of text files, which puts them beside the node exporter's own `process_*`: a name that stands twice
    /// spoils its whole answer.
    NodeExporter,
}

impl Audience {
    fn reads(self, family: &Family) -> bool {
        self == Self::Scrape || family.full_name().starts_with(family::PREFIX)
    }
}

/// What is told, and to whom.
#[derive(Debug)]
struct Page(ServiceSample, Audience);

/// The metrics as text.
///
/// # Errors
/// None that is known: the encoder writes into memory.
pub fn encode(sample: ServiceSample, audience: Audience) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(sample, audience)));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let families = TABLES.into_iter().flatten();
        for family in families.filter(|family| self.1.reads(family)) {
            family.encode(&mut encoder, &self.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, kind and labels.
    type Row = (String, String, String);

    fn served() -> Vec<Row> {
        let families = TABLES.into_iter().flatten();
        families
            .map(|family| {
                let kind = family.kind.as_str();
                let end = if kind == "counter" { "_total" } else { "" };
                let name = format!("{}{end}", family.full_name());
                (name, kind.to_owned(), family.labels().join(", "))
            })
            .collect()
    }

    fn documented(text: &str) -> Vec<Row> {
        let begins = ["| `tmkms_", "| `process_"];
        let rows = text
            .lines()
            .filter(|line| begins.iter().any(|begin| line.starts_with(begin)));
        rows.map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let name = cells[1].trim_matches('`').to_owned();
            (name, cells[2].to_owned(), cells[3].to_owned())
        })
        .collect()
    }

    #[test]
    fn the_page_of_metrics_has_the_rows_of_the_tables_in_their_order() {
        let text = std::fs::read_to_string("docs/metrics.md").unwrap();
        let (served, documented) = (served(), documented(&text));
        for (served, documented) in served.iter().zip(&documented) {
            assert_eq!(served, documented, "served, and in docs/metrics.md");
        }
        assert_eq!(served.len(), documented.len());
    }

    #[test]
    fn every_name_is_plain_and_taken_once() {
        let names: Vec<&str> = TABLES.into_iter().flatten().map(|row| row.name).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name} stands twice");
            let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(plain && !name.ends_with("_total"), "{name}");
        }
    }
}
