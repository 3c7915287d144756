//! Watermarks that several hosts share in etcd.

use std::fmt;

use crate::gate::store::etcd::SharedSample;

use super::out::{Out, Value};
use super::{Reading, ServiceSample, labels};

impl ServiceSample {
    pub(super) fn shared(&self, out: &mut Out<'_>) -> fmt::Result {
        let help =
            "Whether the etcd member answered when it was last asked; one is asked each second";
        out.gauge("etcd_endpoint_up", help, |sample| {
            for chain in &self.chains {
                for (name, trouble) in chain.shared.iter().flat_map(|shared| &shared.endpoints) {
                    sample.put(&labels(chain, "endpoint", name), trouble.is_none())?;
                }
            }
            Ok(())
        })?;
        let counters: [Reading<SharedSample, Value>; 4] = [
            (
                "etcd_transactions",
                "Transactions for votes that etcd decided",
                |shared| shared.transactions.into(),
            ),
            (
                "etcd_transaction_seconds",
                "What these transactions took in all",
                |shared| shared.took.into(),
            ),
            (
                "etcd_ambiguous",
                "Transactions of which nobody knew in time whether they were applied",
                |shared| shared.ambiguous.into(),
            ),
            (
                "etcd_superseded",
                "Transactions that came after another host's",
                |shared| shared.superseded.into(),
            ),
        ];
        for (name, help, value) in counters {
            out.counter(name, help, |sample| {
                for (chain, shared) in self.sharing() {
                    sample.put(&[("chain_id", chain)], value(shared))?;
                }
                Ok(())
            })?;
        }
        let gauges: [Reading<SharedSample, Option<Value>>; 4] = [
            (
                "etcd_revision",
                "The highest revision of etcd that was seen",
                |shared| Some(shared.revision.into()),
            ),
            (
                "etcd_database_bytes",
                "The size of etcd's database",
                |shared| shared.database.map(|(size, _)| size.into()),
            ),
            (
                "etcd_database_bytes_limit",
                "The size at which etcd refuses to write",
                |shared| shared.database.map(|(_, quota)| quota.into()),
            ),
            (
                "etcd_certificate_end_seconds",
                "When the first of our certificates for etcd ends, in seconds since 1970",
                |shared| shared.certificate_ends.map(Value::from),
            ),
        ];
        for (name, help, value) in gauges {
            out.gauge(name, help, |sample| {
                for (chain, shared) in self.sharing() {
                    if let Some(value) = value(shared) {
                        sample.put(&[("chain_id", chain)], value)?;
                    }
                }
                Ok(())
            })?;
        }
        let help = "The host that wrote the shared watermark last";
        out.gauge("etcd_writer_info", help, |sample| {
            for chain in &self.chains {
                if let Some(writer) = chain
                    .shared
                    .as_ref()
                    .and_then(|shared| shared.writer.as_ref())
                {
                    sample.put(&labels(chain, "host", writer), true)?;
                }
            }
            Ok(())
        })
    }

    fn sharing(&self) -> impl Iterator<Item = (&str, &SharedSample)> {
        let chains = self.chains.iter();
        chains.filter_map(|chain| Some((chain.id.as_str(), chain.shared.as_ref()?)))
    }
}
