//! The status of one chain.

use serde::{Deserialize, Serialize};

use crate::observe::stats::chain::{ChainSnapshot, STAGES};
use crate::observe::stats::heights::HeightOutcome;

use super::conflict::ConflictStatus;
use super::device::DeviceStatus;
use super::judgement::condition::Condition;
use super::key::KeyStatus;
use super::link::{LinkStatus, ServedNode};
use super::outside::cosigners::CosignersStatus;
use super::outside::rpc::RpcStatus;
use super::outside::shared::SharedStatus;
use super::pause::PauseStatus;
use super::votes::VotesStatus;

/// One chain.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChainStatus {
    /// The chain id.
    pub id: String,
    /// How it is, in one word: what the page, the exit code and `/ready` say of it. What another program says it is does not
    /// count: it follows from the rest ([`ChainStatus::judged`]).
    #[serde(skip_deserializing)]
    pub condition: Condition,
    /// Whether it signs.
    pub armed: bool,
    /// Why it is not armed.
    #[serde(default)]
    pub not_armed: Option<String>,
    /// Whether the service holds its key and state; a key that waits for a confirmation does not sign yet.
    pub held: bool,
    /// Why it does not sign, or why its state is not durable at the moment.
    pub trouble: Option<String>,
    /// Why it cannot answer a node at the moment: its trouble, or that no node is linked.
    #[serde(default)]
    pub not_ready: Option<String>,
    /// The operator's pause, where one was asked for.
    #[serde(default)]
    pub paused: Option<PauseStatus>,
    /// How long a request has had no answer, where that is too long.
    #[serde(default)]
    pub stuck_seconds: Option<u64>,
    /// Where the key is.
    pub key: String,
    /// The public key as this chain shows it.
    pub public_key: Option<String>,
    /// The validator's address in hexadecimal digits.
    pub address: Option<String>,
    /// All keys of the chain, where its key changes at a height; what is told of one key above is that of the next height.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyStatus>,
    /// The watermark, the last position used, as `height/round/step`; `None` where there is none, or the state is not held.
    pub watermark: Option<String>,
    /// The height of it; 0 where there is none.
    pub height: i64,
    /// The state file.
    pub state_file: String,
    /// Refused double signs that nobody has acknowledged, for each node that asked for one.
    #[serde(default)]
    pub conflicts: Vec<ConflictStatus>,
    /// The links to its nodes.
    pub links: Vec<LinkStatus>,
    /// The node that is served, where `nodes` is sticky and one was.
    #[serde(default)]
    pub served: Option<ServedNode>,
    /// The devices that hold its key; none for a key in a file.
    #[serde(default)]
    pub devices: Vec<DeviceStatus>,
    /// When the key's backup was last proven, where that is remembered.
    #[serde(default)]
    pub backup: Option<String>,
    /// What is seen of etcd, where other hosts share the watermark.
    #[serde(default)]
    pub shared: Option<SharedStatus>,
    /// What is seen of the other hosts that have shares of its key, where this is one of them and the chain is armed.
    #[serde(default)]
    pub cosigners: Option<CosignersStatus>,
    /// What the chain itself says of our votes, where `rpc` says whom to ask.
    #[serde(default)]
    pub rpc: Option<RpcStatus>,
    /// What it has done since the start.
    #[serde(default)]
    pub history: History,
}

impl ChainStatus {
    /// The operator's pause, where nothing is signed because of it.
    pub fn paused_now(&self) -> Option<&PauseStatus> {
        self.paused.as_ref().filter(|paused| paused.in_effect)
    }

    /// The watermark in words. A state that the service does not hold may be at any height by now.
    pub fn watermark_in_words(&self) -> &str {
        match (&self.watermark, self.held) {
            (Some(watermark), _) => watermark,
            (None, true) => "nothing signed yet",
            (None, false) => "not known here",
        }
    }
}

/// What a chain has done since the start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    /// Signatures made.
    pub signed: u64,
    /// Earlier signatures given again.
    pub replayed: u64,
    /// Requests without a signature.
    pub refused: u64,
    /// Heights between two signed ones at which nothing was signed.
    pub missed_heights: u64,
    /// Whole seconds since the last signature.
    pub last_signed_seconds_ago: Option<u64>,
    /// The highest of the heights below.
    pub newest_height: i64,
    /// What became of the last 100 heights, the oldest first.
    pub heights: Vec<HeightOutcome>,
    /// The highest round of each of them that was signed in, in their order; empty where the service does not tell.
    #[serde(default)]
    pub rounds: Vec<i32>,
    /// What was voted for, and what else was asked for.
    #[serde(default)]
    pub votes: VotesStatus,
    /// Where the time of signatures goes.
    pub latency: Vec<StageLatency>,
}

/// How long one stage takes; upper bounds in milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageLatency {
    /// The stage.
    pub stage: String,
    /// How many requests went through it.
    pub count: u64,
    /// Half of them took no longer than this.
    pub median_ms: Option<f64>,
    /// 99 % of them took no longer than this.
    pub p99_ms: Option<f64>,
}

impl From<&ChainSnapshot> for History {
    fn from(snapshot: &ChainSnapshot) -> Self {
        let strip = snapshot.heights.history();
        let newest = snapshot.last.iter().flatten().map(|last| last.at).max();
        let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
        Self {
            signed: snapshot.signed.iter().sum(),
            replayed: snapshot.replayed.iter().sum(),
            refused: snapshot.refused.iter().flatten().sum(),
            missed_heights: snapshot.heights.missed().heights,
            last_signed_seconds_ago: newest.map(|at| at.elapsed().as_secs()),
            newest_height: strip.last().map_or(0, |past| past.height),
            heights: strip.iter().map(|past| past.outcome).collect(),
            rounds: strip.iter().map(|past| past.round.get()).collect(),
            votes: snapshot.into(),
            latency: STAGES
                .iter()
                .zip(&snapshot.latency)
                .map(|(stage, latency)| StageLatency {
                    stage: (*stage).to_owned(),
                    count: latency.count(),
                    median_ms: latency.quantile(0.5).map(milliseconds),
                    p99_ms: latency.quantile(0.99).map(milliseconds),
                })
                .collect(),
        }
    }
}
