//! What the metrics tell of a chain.

use std::sync::atomic::Ordering;

use crate::backends::Backup;
use crate::consensus::Height;
use crate::observe::metrics::{ChainSample, KeySample};
use crate::os::clock::Moment;

use super::entry::ChainEntry;

impl ChainEntry {
    /// Its sample for the metrics at `now`.
    pub fn sample(&self, now: &Moment) -> ChainSample {
        let look = self.look(now);
        let chain = look.chain;
        let free = self.free.load(Ordering::Relaxed);
        let gate = chain.gate.as_ref();
        let links = look.links.into_iter();
        ChainSample {
            id: self.id.clone(),
            key: self.key(),
            address: chain.public_key.map(|key| key.address().to_string()),
            keys: self.key_samples(),
            armed: look.verdict.not_armed.is_none(),
            ready: look.verdict.not_ready.is_none(),
            stuck: look.stuck.is_some(),
            paused: look.paused.map(|paused| (paused.in_effect, paused.from)),
            durable: gate.is_some_and(|gate| gate.broken.is_none()),
            watermark: gate.and_then(|gate| gate.last),
            watermark_age: gate.map(|gate| now.wall.saturating_sub(gate.written)),
            tokens: gate.map(|gate| {
                let level = gate.rate.level(gate.tokens, gate.counted, now.boot);
                (level, gate.rate.max_gap)
            }),
            free: (free != u64::MAX).then_some(free),
            devices: look.devices,
            backup: self.backup().map(|backup| match backup {
                Backup::NeverProven => None,
                Backup::Proven(at) => Some(now.wall.saturating_sub(at)),
            }),
            shared: chain.shared.map(|shared| shared.stats.sample()),
            rpc: look.rpc,
            snapshot: self.stats.snapshot(),
            links: links.map(|(addr, link)| (addr.to_owned(), link)).collect(),
        }
    }

    /// Its keys, where there are several.
    fn key_samples(&self) -> Vec<KeySample> {
        if self.keys.len() < 2 {
            return Vec::new();
        }
        let active = self.active();
        let keys = self.keys.iter().map(|key| KeySample {
            key: key.location.clone(),
            address: key.chain.public_key().map(|key| key.address().to_string()),
            activation_height: key.from.map(Height::get),
            active: active.is_some_and(|active| std::ptr::eq(active, key)),
            armed: key.chain.why_unarmed().is_none(),
            watermark: key.chain.last(),
        });
        keys.collect()
    }
}
