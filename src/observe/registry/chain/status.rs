//! What `tmkms status` and the status page show of a chain.

use crate::backends::Backup;
use crate::consensus::Height;
use crate::observe::registry::kept::kept;
use crate::observe::status::{
    ChainStatus, ConflictStatus, CosignersStatus, DeviceStatus, KeyStatus, LinkStatus, RpcStatus,
    ServedNode, humanize,
};
use crate::os::clock::Moment;
use crate::remedy::Commands;

use super::entry::ChainEntry;

impl ChainEntry {
    /// Its status at `now`.
    pub fn status(&self, now: &Moment) -> ChainStatus {
        let look = self.look(now);
        let chain = look.chain;
        let last = chain.gate.and_then(|gate| gate.last);
        let remedy = self.when_refused();
        let conflicts = look.links.iter().filter_map(|(addr, link)| {
            let conflicts = link.unacknowledged?.in_sight(now)?;
            Some(ConflictStatus::of(addr, &conflicts, now, remedy.clone()))
        });
        let links = look.links.iter();
        let snapshot = self.stats.snapshot();
        let highest = snapshot.highest();
        let status = ChainStatus {
            id: self.id.clone(),
            held: chain.why_unarmed.is_none(),
            paused: look.paused,
            conflicts: conflicts.collect(),
            stuck_seconds: look.stuck.map(|time| time.as_secs()),
            key: self.key(),
            public_key: chain
                .public_key
                .clone()
                .map(|key| self.key_format.show(&key)),
            address: chain.public_key.map(|key| key.address().to_string()),
            keys: self.keys(),
            watermark: last.map(|hrs| hrs.to_string()),
            height: last.map_or(0, |hrs| hrs.height.get()),
            state_file: self.state_file(),
            links: links
                .map(|(addr, link)| LinkStatus::of((*addr).to_owned(), link, highest, now))
                .collect(),
            served: self.chain.active().lasting().one_node.served(now.boot).map(
                |(addr, silent)| ServedNode {
                    addr: addr.to_string(),
                    seconds_ago: silent.as_secs(),
                },
            ),
            devices: look.devices.into_iter().map(DeviceStatus::from).collect(),
            backup: self
                .backup()
                .map(|backup| backup_in_words(backup, now, &self.commands)),
            shared: chain.shared.map(|shared| shared.stats.sample().into()),
            cosigners: chain
                .cosigners
                .map(|seen| CosignersStatus::of(seen, last.map(|hrs| hrs.height.get()))),
            rpc: look
                .rpc
                .as_ref()
                .map(|rpc| RpcStatus::of(rpc, now.wall, self.when_seen())),
            history: (&snapshot).into(),
            ..ChainStatus::default()
        };
        status.with(look.verdict)
    }
}

impl ChainEntry {
    /// Its keys, where there are several.
    fn keys(&self) -> Vec<KeyStatus> {
        if self.keys.len() < 2 {
            return Vec::new();
        }
        let active = self.active();
        let keys = self.keys.iter().map(|key| {
            let seen = key.chain.seen();
            KeyStatus {
                key: key.location.clone(),
                address: seen.public_key.clone().map(|key| key.address().to_string()),
                public_key: seen.public_key.map(|key| self.key_format.show(&key)),
                activation_height: key.from.map(Height::get),
                active: active.is_some_and(|active| std::ptr::eq(active, key)),
                armed: seen.why_unarmed.is_none(),
                trouble: seen.why_unarmed.or(seen.key_trouble).map(|why| kept(&why)),
                watermark: seen
                    .gate
                    .and_then(|gate| gate.last)
                    .map(|last| last.to_string()),
                state_file: key.state_file(),
            }
        });
        keys.collect()
    }
}

fn backup_in_words(backup: Backup, now: &Moment, commands: &Commands) -> String {
    match backup {
        Backup::NeverProven => {
            let prove = commands.line(["yubihsm", "keys", "verify-backup", "FILE"]);
            format!("never proven; `{prove}` does that")
        }
        Backup::Proven(at) => {
            let age = now.wall.saturating_sub(at).as_secs();
            format!("proven {} ago", humanize(age))
        }
    }
}
