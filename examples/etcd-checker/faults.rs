//! What happens to members, signers and wires while they work, one thing after the other.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::proxy::{FAULTS, Wire};
use crate::rig::Rig;
use crate::side::Record;

/// xorshift64*: enough to choose, and the same again for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).expect("31 bits") % bound
    }

    fn time(&mut self, from: u64, to: u64) -> Duration {
        let span = usize::try_from(to - from).expect("a span");
        Duration::from_millis(from + u64::try_from(self.below(span)).expect("a span"))
    }
}

/// Injects until there is enough; gives what was done how often.
pub fn inject(
    rig: &mut Rig,
    random: &mut Random,
    record: &Record,
    only_lost_replies: bool,
) -> BTreeMap<String, u64> {
    let mut done = BTreeMap::new();
    while !record.enough.load(Ordering::Relaxed) {
        let name = match only_lost_replies {
            true => lost_replies(rig, random),
            false => one(rig, random),
        };
        *done.entry(name).or_insert(0) += 1;
        sleep(random.time(50, 400));
    }
    done
}

/// What the negative control must be caught by: requests of a signer reach etcd, and it does not hear what came of them. Among all
/// faults this one would come by chance, now and then not within minutes.
fn lost_replies(rig: &mut Rig, random: &mut Random) -> String {
    let signer = random.below(2);
    rig.wires[signer]
        .iter()
        .for_each(|proxy| proxy.set(Wire::OneWay));
    sleep(random.time(20, 600));
    rig.wires[signer]
        .iter()
        .for_each(|proxy| proxy.set(Wire::Whole));
    "replies to a signer lost".to_owned()
}

fn one(rig: &mut Rig, random: &mut Random) -> String {
    let (member, signer) = (random.below(3), random.below(2));
    match random.below(10) {
        0 => {
            rig.members[member].kill();
            sleep(random.time(100, 1_500));
            rig.members[member].start();
            "a member killed".to_owned()
        }
        1 => {
            rig.members[member].signal(Signal::STOP);
            sleep(random.time(100, 2_500));
            rig.members[member].signal(Signal::CONT);
            "a member stopped".to_owned()
        }
        2 => {
            let other = (member + 1) % 3;
            rig.members[member].signal(Signal::STOP);
            rig.members[other].signal(Signal::STOP);
            sleep(random.time(200, 2_500));
            rig.members[member].signal(Signal::CONT);
            rig.members[other].signal(Signal::CONT);
            "no quorum".to_owned()
        }
        3 => {
            rig.signers[signer].kill();
            sleep(random.time(0, 200));
            rig.signers[signer].start();
            "a signer killed".to_owned()
        }
        4 => {
            rig.signers[signer].signal(Signal::STOP);
            sleep(random.time(50, 4_500));
            rig.signers[signer].signal(Signal::CONT);
            "a signer stopped".to_owned()
        }
        5 => {
            rig.peers[member].set(Wire::Hole);
            sleep(random.time(200, 2_000));
            rig.peers[member].set(Wire::Whole);
            "a member that others do not hear".to_owned()
        }
        6 => {
            // All wires of one signer: it alone is cut off, or its requests arrive and no reply comes back.
            let wire = FAULTS[random.below(FAULTS.len())];
            rig.wires[signer].iter().for_each(|proxy| proxy.set(wire));
            sleep(random.time(100, 2_500));
            rig.wires[signer]
                .iter()
                .for_each(|proxy| proxy.set(Wire::Whole));
            format!("all wires of a signer: {wire:?}")
        }
        _ => {
            let wire = FAULTS[random.below(FAULTS.len())];
            rig.wires[signer][member].set(wire);
            sleep(random.time(100, 1_500));
            rig.wires[signer][member].set(Wire::Whole);
            format!("one wire: {wire:?}")
        }
    }
}
