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
            cosigners: chain.cosigners,
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

#[cfg(test)]
mod tests {
    use super::super::entry::tests::chain;
    use crate::consensus::{Height, Hrs, Round, Step};
    use crate::cosigner::{CosignerSample, CosignersSample};
    use crate::observe::metrics::{Audience, ServiceSample, encode};
    use crate::os::clock::{Clock, SystemClock};
    use crate::os::process::usage::ProcessUsage;
    use std::time::{Duration, SystemTime};

    #[test]
    fn members_of_a_shared_key_have_their_series_from_the_start() {
        let other = |id, up| CosignerSample {
            id,
            up,
            height: Some(70),
            ..CosignerSample::default()
        };
        let mut sample = chain("one").sample(&SystemClock.now());
        let without = chain("two").sample(&SystemClock.now());
        sample.watermark = Some(Hrs {
            height: Height::new(90).unwrap(),
            round: Round::FIRST,
            step: Step::Prevote,
        });
        sample.cosigners = Some(CosignersSample {
            own: 1,
            threshold: 2,
            deaf: Some("address in use".to_owned()),
            unsigned: 4,
            others: vec![
                CosignerSample {
                    round_trip: Some(Duration::from_micros(1_500)),
                    runs_twice: true,
                    refused: 5,
                    bad: 6,
                    ..other(2, true)
                },
                other(3, false),
            ],
            ..CosignersSample::default()
        });
        let service = ServiceSample {
            started: SystemTime::UNIX_EPOCH,
            usage: ProcessUsage::default(),
            dropped_lines: 0,
            since_turn: Duration::ZERO,
            pauses: 0,
            clock_steps: 0,
            followed: true,
            followed_since: SystemTime::UNIX_EPOCH,
            chains: vec![sample, without],
        };
        let text = encode(service, Audience::NodeExporter).unwrap();
        let one = "chain_id=\"one\"";
        for line in [
            format!("members{{{one}}} 3"),
            format!("members_there{{{one}}} 2"),
            format!("threshold{{{one}}} 2"),
            format!("deaf{{{one}}} 1"),
            format!("unsigned_total{{{one}}} 4"),
            format!("member_up{{{one},member=\"2\"}} 1"),
            format!("member_up{{{one},member=\"3\"}} 0"),
            format!("member_round_trip_seconds{{{one},member=\"2\"}} 0.0015"),
            format!("member_twice{{{one},member=\"2\"}} 1"),
            format!("member_heights_behind{{{one},member=\"3\"}} 20"),
            format!("member_answers_total{{{one},member=\"2\",answer=\"refused\"}} 5"),
            format!("member_bad_total{{{one},member=\"2\"}} 6"),
            format!("member_bad_total{{{one},member=\"3\"}} 0"),
        ] {
            let line = format!("\ntmkms_cosign_{line}\n");
            assert!(text.contains(&line), "{line} in {text}");
        }
        assert!(!text.contains("member_round_trip_seconds{chain_id=\"one\",member=\"3\"}"));
        // A chain with a whole key has none of them.
        let cosign = text.lines().filter(|line| line.starts_with("tmkms_cosign"));
        assert!(cosign.count() > 30);
        assert!(!text.contains("tmkms_cosign_members{chain_id=\"two\"}"));
    }
}
