//! What `tmkms status` shows: the service's answer on its control socket, as JSON.

use serde::{Deserialize, Serialize};

use crate::backends::DeviceSample;
use crate::gate::store::etcd::SharedSample;

use super::stats::chain::{ChainSnapshot, STAGES};
use super::stats::link::{LinkSnapshot, LinkState};

/// The service as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The commit it was built from.
    pub commit: String,
    /// The process.
    pub pid: u32,
    /// Whole seconds since the start.
    pub uptime_seconds: u64,
    /// The configuration file as it was named.
    pub config: String,
    /// What is wrong with the service itself: nobody can read its metrics. No chain signs less for it.
    #[serde(default)]
    pub trouble: Option<String>,
    /// The chains, in the order of the file.
    pub chains: Vec<ChainStatus>,
}

/// One chain.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainStatus {
    /// The chain id.
    pub id: String,
    /// Whether it signs.
    pub armed: bool,
    /// Whether the service holds its key and state; a key that waits for a confirmation does not sign yet.
    pub held: bool,
    /// Why it does not sign, or why its state is not durable at the moment.
    pub trouble: Option<String>,
    /// Why it cannot answer a node at the moment: its trouble, or that no node is linked.
    #[serde(default)]
    pub not_ready: Option<String>,
    /// How long a request has had no answer, where that is too long.
    #[serde(default)]
    pub stuck_seconds: Option<u64>,
    /// Where the key is.
    pub key: String,
    /// The public key as this chain shows it.
    pub public_key: Option<String>,
    /// The validator's address in hexadecimal digits.
    pub address: Option<String>,
    /// The last position used up, `height/round/step`; `None` where there is none, or the state is not held.
    pub watermark: Option<String>,
    /// The height of it; 0 where there is none.
    pub height: i64,
    /// The state file.
    pub state_file: String,
    /// The links to its nodes.
    pub links: Vec<LinkStatus>,
    /// The devices that hold its key; none for a key in a file.
    #[serde(default)]
    pub devices: Vec<DeviceStatus>,
    /// When the key's backup was last proven, where that is remembered.
    #[serde(default)]
    pub backup: Option<String>,
    /// What is seen of etcd, where other hosts share the watermark.
    #[serde(default)]
    pub shared: Option<SharedStatus>,
    /// What it has done since the start.
    #[serde(default)]
    pub history: History,
}

impl ChainStatus {
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
    /// The last 100 heights, the oldest first: `signed`, `replayed`, `refused`, `conflict`, `missed` or `unknown`.
    pub heights: Vec<String>,
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
            newest_height: strip.last().map_or(0, |(height, _)| *height),
            heights: strip
                .iter()
                .map(|(_, fate)| fate.word().to_owned())
                .collect(),
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

/// One device.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// The device, as messages name it.
    pub name: String,
    /// Whether its last exchange worked.
    pub up: bool,
    /// Why it is not up.
    pub trouble: Option<String>,
    /// Requests that it has not answered yet.
    pub waiting: u64,
    /// Exchanges that failed.
    pub failures: u64,
    /// How often it was lost.
    pub losses: u64,
    /// Entries in its log, and how many it can hold.
    pub log: Option<(u64, u64)>,
}

impl From<DeviceSample> for DeviceStatus {
    fn from(device: DeviceSample) -> Self {
        let counts = device.counts.unwrap_or_default();
        Self {
            name: device.name,
            up: device.up,
            trouble: device.trouble,
            waiting: counts.waiting,
            failures: counts.failures,
            losses: counts.losses,
            log: device.log.map(|log| (log.used, log.size)),
        }
    }
}

impl DeviceStatus {
    /// The device in one line, for people.
    pub fn line(&self) -> String {
        let mut text = match (self.up, &self.trouble) {
            (true, _) => "up".to_owned(),
            (false, Some(why)) => format!("down: {why}"),
            (false, None) => "down".to_owned(),
        };
        if self.failures > 0 {
            text.push_str(&format!(
                ", {} failures, lost {} times",
                self.failures, self.losses
            ));
        }
        if let Some((used, size)) = self.log {
            text.push_str(&format!(", {used} of {size} places of its log in use"));
        }
        text
    }
}

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
    /// Transactions of which nobody knew in time whether they were applied.
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

/// One link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkStatus {
    /// The node's address.
    pub addr: String,
    /// `up`, `down` or `dialling`.
    pub state: String,
    /// Whole seconds since it stands so.
    pub since_seconds: u64,
    /// Who listens, where the link can tell.
    pub peer: Option<String>,
    /// Why it is down: a stable word and a sentence.
    pub trouble: Option<LastError>,
    /// How often it came up.
    pub connects: u64,
    /// Signatures made.
    pub signed: u64,
    /// Earlier signatures given again.
    pub replayed: u64,
    /// Signatures of raw bytes.
    pub raw_signed: u64,
    /// Requests refused.
    pub refused: u64,
    /// Requests that the key or device failed.
    pub failed: u64,
    /// The last signature.
    pub last_signed: Option<LastSigned>,
    /// The last refusal or failure.
    pub last_refusal: Option<LastError>,
}

/// A stable word, a sentence, and its age.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastError {
    /// The stable word.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// Whole seconds ago.
    pub seconds_ago: u64,
}

/// The last signature of a link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastSigned {
    /// The position, `height/round/step`.
    pub position: String,
    /// Whole seconds ago.
    pub seconds_ago: u64,
    /// From the last byte of the request to the reply, in milliseconds.
    pub took_ms: f64,
}

impl LinkStatus {
    /// What is told of the link to `addr`.
    pub fn of(addr: String, snapshot: &LinkSnapshot) -> Self {
        let (state, peer, trouble) = match &snapshot.state {
            LinkState::Dialling => ("dialling", None, None),
            LinkState::Up(peer) => ("up", peer.clone(), None),
            LinkState::Down(code, message) => (
                "down",
                None,
                Some(LastError {
                    code: (*code).to_owned(),
                    message: message.clone(),
                    seconds_ago: snapshot.since.elapsed().as_secs(),
                }),
            ),
        };
        Self {
            addr,
            state: state.to_owned(),
            since_seconds: snapshot.since.elapsed().as_secs(),
            peer,
            trouble,
            connects: snapshot.connects,
            signed: snapshot.signed,
            replayed: snapshot.replayed,
            raw_signed: snapshot.raw_signed,
            refused: snapshot.refused,
            failed: snapshot.failed,
            last_signed: snapshot.last_signed.map(|(hrs, when, took)| LastSigned {
                position: hrs.to_string(),
                seconds_ago: when.elapsed().as_secs(),
                took_ms: took.as_secs_f64() * 1000.0,
            }),
            last_refusal: snapshot
                .last_refusal
                .as_ref()
                .map(|(reason, message, when)| LastError {
                    code: reason.label().to_owned(),
                    message: message.clone(),
                    seconds_ago: when.elapsed().as_secs(),
                }),
        }
    }
}

/// A number of seconds as people say it.
pub fn humanize(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::humanize;

    #[test]
    fn spans_are_short() {
        let shown: Vec<String> = [0, 119, 120, 7_200, 200_000].map(humanize).into();
        assert_eq!(shown, ["0 s", "119 s", "2 min", "2 h", "2 days"]);
    }
}
