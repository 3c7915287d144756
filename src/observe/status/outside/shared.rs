//! The status of a watermark that several hosts share.

use serde::{Deserialize, Serialize};

use crate::gate::store::etcd::SharedSample;

/// A watermark that several hosts share in etcd, as this one sees it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SharedStatus {
    /// The members.
    pub endpoints: Vec<EndpointStatus>,
    /// The host that wrote last.
    pub writer: Option<String>,
    /// The highest revision that was seen.
    pub revision: i64,
    /// Transactions for votes that etcd decided.
    pub transactions: u64,
    /// What the last of them took, in milliseconds.
    pub last_ms: f64,
    /// Transactions that may or may not have been applied: no answer came in time.
    pub ambiguous: u64,
    /// Transactions that came after another host's.
    pub superseded: u64,
}

/// One member of etcd.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// Its address.
    pub name: String,
    /// What is wrong with it, if so.
    pub trouble: Option<String>,
}

impl From<SharedSample> for SharedStatus {
    fn from(sample: SharedSample) -> Self {
        Self {
            endpoints: sample
                .endpoints
                .into_iter()
                .map(|(name, trouble)| EndpointStatus { name, trouble })
                .collect(),
            writer: sample.writer,
            revision: sample.revision,
            transactions: sample.transactions,
            last_ms: sample.last_took.as_secs_f64() * 1000.0,
            ambiguous: sample.ambiguous,
            superseded: sample.superseded,
        }
    }
}

impl SharedStatus {
    /// In a few lines, for people.
    pub fn lines(&self) -> Vec<String> {
        let up = self
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.trouble.is_none());
        let mut lines = vec![format!(
            "etcd, {} of {} members up, revision {}, last written by host {}",
            up.count(),
            self.endpoints.len(),
            self.revision,
            self.writer.as_deref().unwrap_or("(none yet)")
        )];
        if self.transactions > 0 {
            lines.push(format!(
                "{} transactions, the last in {:.2} ms, {} after another host's, {} without a certain answer",
                self.transactions, self.last_ms, self.superseded, self.ambiguous
            ));
        }
        let down = self.endpoints.iter().filter_map(|endpoint| {
            let trouble = endpoint.trouble.as_ref()?;
            Some(format!("down: {} ({trouble})", endpoint.name))
        });
        lines.extend(down);
        lines
    }
}
