//! What the metrics are made from: the service at one moment.

use std::time::{Duration, SystemTime};

use crate::backends::DeviceSample;
use crate::consensus::Hrs;
use crate::cosigner::{CosignerSample, CosignersSample};
use crate::gate::store::etcd::SharedSample;
use crate::observe::stats::chain::ChainSnapshot;
use crate::observe::stats::link::LinkSnapshot;
use crate::os::process::usage::ProcessUsage;
use crate::rpc::RpcSample;

/// The service at one moment.
#[derive(Debug)]
pub struct ServiceSample {
    /// When it was started.
    pub started: SystemTime,
    /// What the process uses.
    pub usage: ProcessUsage,
    /// Log lines that were dropped.
    pub dropped_lines: u64,
    /// Since the supervisor's last turn.
    pub since_turn: Duration,
    /// How often the host was found to have been stopped.
    pub pauses: u64,
    /// How often the wall clock was found to have been set.
    pub clock_steps: u64,
    /// Whether the configuration that was read last is followed.
    pub followed: bool,
    /// When the configuration that is followed was read.
    pub followed_since: SystemTime,
    /// The chains, in the order of the configuration.
    pub chains: Vec<ChainSample>,
}

/// One of several keys of a chain at one moment.
#[derive(Debug)]
pub struct KeySample {
    /// Where it is.
    pub key: String,
    /// The validator's address in hexadecimal digits.
    pub address: Option<String>,
    /// The height from which on it signs; `None` for the first one.
    pub activation_height: Option<i64>,
    /// Whether it is the key of the next height.
    pub active: bool,
    /// Whether it has its state.
    pub armed: bool,
    /// Its watermark.
    pub watermark: Option<Hrs>,
}

/// One chain at one moment.
#[derive(Debug)]
pub struct ChainSample {
    /// The chain id.
    pub id: String,
    /// Where its key is.
    pub key: String,
    /// The validator's address in hexadecimal digits.
    pub address: Option<String>,
    /// Its keys, where it has several.
    pub keys: Vec<KeySample>,
    /// Whether it signs.
    pub armed: bool,
    /// Whether it signs and a node is linked.
    pub ready: bool,
    /// Whether a request has had no answer for too long.
    pub stuck: bool,
    /// Whether the operator's pause is in effect, and from which height on, where one was asked for.
    pub paused: Option<(bool, Option<i64>)>,
    /// Whether its watermark can be written.
    pub durable: bool,
    /// The watermark: the last position used.
    pub watermark: Option<Hrs>,
    /// Since it was written.
    pub watermark_age: Option<Duration>,
    /// The tokens of its bucket, and how many it may hold.
    pub tokens: Option<(u64, u64)>,
    /// Free bytes of the state's file system.
    pub free: Option<u64>,
    /// The devices that hold its key.
    pub devices: Vec<DeviceSample>,
    /// Since a backup of its key was proven, where that is remembered; the inner `None` says that none ever was.
    pub backup: Option<Option<Duration>>,
    /// What is seen of etcd, where other hosts share the watermark.
    pub shared: Option<SharedSample>,
    /// What is seen of the other hosts that have shares of its key, where this is one of them.
    pub cosigners: Option<CosignersSample>,
    /// What the chain itself said of our votes, where it is asked.
    pub rpc: Option<RpcSample>,
    /// What it has done.
    pub snapshot: ChainSnapshot,
    /// Its links: the node's address, and what the link has done.
    pub links: Vec<(String, LinkSnapshot)>,
}

impl ChainSample {
    /// The other members of its key, each with the chain.
    pub(super) fn other_members(&self) -> impl Iterator<Item = (&Self, &CosignerSample)> {
        let seen = self.cosigners.iter();
        seen.flat_map(|seen| &seen.others)
            .map(move |other| (self, other))
    }
}
