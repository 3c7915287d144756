//! A chain at one moment: all that is told of it is looked at once, so that what is told twice is the same both times.

use std::time::{Duration, Instant};

use crate::backends::{DeviceSample, all_down};
use crate::chain::ChainSeen;
use crate::observe::registry::kept::kept;
use crate::observe::stats::link::LinkSnapshot;
use crate::observe::status::{ChainVerdict, CosignersStatus, Facts, PauseStatus};
use crate::os::clock::Moment;
use crate::rpc::RpcSample;

use super::entry::ChainEntry;

/// A chain at one moment.
pub(super) struct Look<'a> {
    pub chain: ChainSeen,
    /// How long the oldest request in hand has had no answer, where that is too long.
    pub stuck: Option<Duration>,
    pub devices: Vec<DeviceSample>,
    /// The pause that the operator asked for.
    pub paused: Option<PauseStatus>,
    /// What the chain itself said of our votes, where it is asked.
    pub rpc: Option<RpcSample>,
    /// Each with the address of its node.
    pub links: Vec<(&'a str, LinkSnapshot)>,
    /// Whether it is armed and ready, by all that is told here, and why not.
    pub verdict: ChainVerdict,
}

impl ChainEntry {
    pub(super) fn look(&self, now: &Moment) -> Look<'_> {
        self.look_at(self.chain.seen(), now)
    }

    /// The rest, of a chain that was seen.
    fn look_at(&self, chain: ChainSeen, now: &Moment) -> Look<'_> {
        let devices = self.devices(&chain);
        let stuck = self.stuck(now);
        let paused = self.paused(now);
        let links = self.links.iter();
        let links: Vec<_> = links
            .map(|link| (link.addr.as_str(), link.stats.snapshot()))
            .collect();
        let broken = chain.gate.as_ref().and_then(|gate| gate.broken.as_ref());
        // A share is there; what its trouble is are the others.
        let own_trouble = chain.key_trouble.as_deref();
        let own_trouble = own_trouble.filter(|_| chain.cosigners.is_none());
        let in_effect = paused.as_ref().filter(|paused| paused.in_effect);
        let verdict = ChainVerdict::of(Facts {
            unarmed: chain.why_unarmed.as_deref().map(kept),
            stuck: stuck.map(|time| kept(&self.why_stuck(time))),
            broken: broken.map(|why| kept(why.as_ref())),
            key: own_trouble.or(chain.waits.as_deref()).map(kept),
            devices: all_down(&devices).map(|why| kept(&why)),
            cosigners: self.too_few_cosigners(&chain).map(|why| kept(&why)),
            linked: links.iter().any(|(_, link)| link.is_up()),
            paused: in_effect.map(PauseStatus::line),
        });
        Look {
            chain,
            stuck,
            devices,
            paused,
            rpc: self.rpc.as_ref().map(|rpc| rpc.sample(Instant::now())),
            links,
            verdict,
        }
    }

    /// Why nothing can be signed with this host's share of a key, where that is for want of others.
    fn too_few_cosigners(&self, chain: &ChainSeen) -> Option<String> {
        let seen = CosignersStatus::of(chain.cosigners.clone()?, None);
        // Who asks them may know more than the links show: one without a nonce at hand cannot be asked.
        let why = seen.too_few().or_else(|| chain.key_trouble.clone())?;
        let show = self.commands.line(["cosign", "status", &self.id]);
        Some(format!("{why}; `{show}` shows the links"))
    }

    fn why_stuck(&self, time: Duration) -> String {
        format!(
            "stuck: a request has had no answer for {} s; look at the disk of {} and at the {}",
            time.as_secs(),
            self.state_file(),
            self.key()
        )
    }

    /// The devices of its key, where this process has asked them for it.
    fn devices(&self, chain: &ChainSeen) -> Vec<DeviceSample> {
        if !chain.asks_devices {
            return Vec::new();
        }
        let Some(source) = self.active().and_then(|key| key.source.upgrade()) else {
            return Vec::new();
        };
        let works = chain.public_key.is_some() && chain.key_trouble.is_none();
        let devices = source.devices().into_iter();
        let mut devices: Vec<DeviceSample> = devices.map(|device| device.status()).collect();
        for device in &mut devices {
            device.up &= works;
            if let Some(trouble) = &mut device.trouble {
                *trouble = kept(trouble);
            }
        }
        devices
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::{NoKey, chain};
    use super::*;
    use crate::backends::{KeySource, KeyTraits};
    use crate::chain::{Chain, ChainKeys};
    use crate::cosigner::{CosignerSample, CosignersSample};
    use crate::os::clock::{Clock, SystemClock};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_device_is_called_down_only_where_this_process_has_asked_it() {
        let source = Arc::new(NoKey(KeyTraits::of("key"), AtomicU64::new(0)));
        let source: Arc<dyn KeySource> = source;
        let now = SystemClock.now();
        let mut known = chain("one");
        known.keys[0].source = Arc::downgrade(&source);
        assert_eq!(known.sample(&now).devices.len(), 1);
        let id = || known.chain.id().clone();
        let opening = Chain::opening(id());
        let (why, elsewhere) = (opening.why_unarmed(), "in use".to_owned());
        let elsewhere = (
            Some(elsewhere.clone()),
            Chain::elsewhere(id(), None, elsewhere),
        );
        for (why, chain) in [(why, opening), elsewhere] {
            let chain = Arc::new(chain);
            known.keys[0].chain = chain.clone();
            known.chain = Arc::new(ChainKeys::of(chain));
            assert!(known.sample(&now).devices.is_empty(), "{why:?}");
            let status = known.status(&now);
            assert!(status.devices.is_empty(), "{why:?}");
            assert_eq!(status.not_ready, why);
        }
    }

    /// Armed, with a share; two others have one each.
    fn with_members(up: [bool; 2], key_trouble: Option<&str>) -> ChainSeen {
        let others = (2..).zip(up).map(|(id, up)| CosignerSample {
            id,
            address: format!("10.0.0.{id}:26680"),
            up,
            ..CosignerSample::default()
        });
        ChainSeen {
            public_key: None,
            why_unarmed: None,
            asks_devices: true,
            gate: None,
            key_trouble: key_trouble.map(str::to_owned),
            waits: None,
            shared: None,
            cosigners: Some(CosignersSample {
                own: 1,
                threshold: 2,
                others: others.collect(),
                ..CosignersSample::default()
            }),
        }
    }

    #[test]
    fn a_share_is_armed_and_is_ready_while_enough_members_are_there() {
        let now = SystemClock.now();
        let known = chain("one");
        let verdict = |up, trouble| known.look_at(with_members(up, trouble), &now).verdict;
        for up in [[true, true], [false, true]] {
            assert_eq!(verdict(up, None).trouble, None, "{up:?}");
        }
        // As the coordinator says it, and as it is told with names.
        let few = verdict([false, false], Some("1 of 3 members are reachable"));
        assert_eq!(few.not_armed, None);
        let told = few.not_ready.unwrap();
        assert!(
            told.contains("member 2 (10.0.0.2:26680) is down")
                && told.ends_with("`tmkms cosign status one` shows the links"),
            "{told}"
        );
        // All links are up, and those who ask find nobody all the same.
        let few = verdict([true, true], Some("too few have nonces"));
        assert_eq!(few.not_armed, None);
        assert!(few.not_ready.unwrap().starts_with("too few have nonces; "));
        // What keeps a whole key from signing is another matter.
        let mut whole = with_members([true, true], Some("unplugged"));
        whole.cosigners = None;
        let unplugged = known.look_at(whole, &now).verdict;
        assert_eq!(unplugged.not_armed.as_deref(), Some("unplugged"));
    }

    #[test]
    fn what_is_told_together_was_looked_at_once() {
        let source = Arc::new(NoKey(KeyTraits::of("key"), AtomicU64::new(0)));
        let shared: Arc<dyn KeySource> = source.clone();
        let now = SystemClock.now();
        let mut known = chain("one");
        known.keys[0].source = Arc::downgrade(&shared);
        let _ = known.status(&now);
        assert_eq!(source.1.swap(0, Ordering::Relaxed), 1);
        let _ = known.sample(&now);
        assert_eq!(source.1.swap(0, Ordering::Relaxed), 1);
        let _ = known.verdict(&now);
        assert_eq!(source.1.swap(0, Ordering::Relaxed), 1);
    }
}
