//! The audit log: 62 entries, each with a digest over itself and the digest before it.

use sha2::{Digest, Sha256};
use std::collections::VecDeque;

pub const CAPACITY: usize = 62;

#[derive(Clone, Copy)]
pub struct What {
    pub command: u8,
    pub length: u16,
    pub session_key: u16,
    pub target: u16,
    pub second: u16,
    pub result: u8,
    pub tick: u32,
}

pub struct Log {
    entries: VecDeque<[u8; 32]>,
    number: u16,
    digest: [u8; 16],
    pub unlogged_boots: u16,
    pub unlogged_auths: u16,
}

impl Log {
    /// As after a reset: one line of ones, with a random digest to begin the chain.
    pub fn new() -> Self {
        let mut digest = [0; 16];
        getrandom::getrandom(&mut digest).unwrap();
        let mut entry = [0xff; 32];
        entry[..2].copy_from_slice(&1_u16.to_be_bytes());
        entry[16..].copy_from_slice(&digest);
        Self {
            entries: VecDeque::from([entry]),
            number: 1,
            digest,
            unlogged_boots: 0,
            unlogged_auths: 0,
        }
    }

    pub fn used(&self) -> u8 {
        u8::try_from(self.entries.len()).unwrap()
    }

    pub fn is_full(&self) -> bool {
        self.entries.len() >= CAPACITY
    }

    pub fn add(&mut self, what: What) {
        if self.is_full() {
            self.entries.pop_front();
        }
        self.number = self.number.wrapping_add(1);
        let mut entry = [0; 32];
        entry[..2].copy_from_slice(&self.number.to_be_bytes());
        entry[2] = what.command;
        entry[3..5].copy_from_slice(&what.length.to_be_bytes());
        entry[5..7].copy_from_slice(&what.session_key.to_be_bytes());
        entry[7..9].copy_from_slice(&what.target.to_be_bytes());
        entry[9..11].copy_from_slice(&what.second.to_be_bytes());
        entry[11] = what.result;
        entry[12..16].copy_from_slice(&what.tick.to_be_bytes());
        let hash = Sha256::digest([&entry[..16], &self.digest].concat());
        self.digest.copy_from_slice(&hash[..16]);
        entry[16..].copy_from_slice(&self.digest);
        self.entries.push_back(entry);
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.unlogged_boots.to_be_bytes().to_vec();
        bytes.extend(self.unlogged_auths.to_be_bytes());
        bytes.push(self.used());
        self.entries.iter().for_each(|entry| bytes.extend(entry));
        bytes
    }

    /// Frees everything up to `number`, which must be there.
    pub fn free_up_to(&mut self, number: u16) -> bool {
        let at = self
            .entries
            .iter()
            .position(|entry| entry[..2] == number.to_be_bytes());
        match at {
            Some(at) => {
                self.entries.drain(..=at);
                self.unlogged_boots = 0;
                self.unlogged_auths = 0;
                true
            }
            None => false,
        }
    }
}
