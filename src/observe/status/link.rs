//! The status of one link.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::consensus::Height;
use crate::observe::stats::link::{LastRefusal, LinkSnapshot, LinkState};
use crate::observe::stats::skew::Skew;
use crate::os::clock::Moment;
use crate::text::count::count;
use crate::text::date::Date;

use super::humanize::humanize;

/// A refusal so long ago is over, whether or not a signature has left since.
const OVER: Duration = Duration::from_secs(10 * 60);

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkPhase {
    /// Not made yet.
    Dialling,
    /// Requests are answered.
    Up,
    /// Not made or ended; it is dialled again.
    Down,
    /// What a newer service says and this program has no word for.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for LinkPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dialling => "dialling",
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        })
    }
}

/// One link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkStatus {
    /// The node's address.
    pub addr: String,
    /// Its state.
    pub state: LinkPhase,
    /// Whole seconds since it is in that state.
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
    /// The height that it asked for last, as far as the chain's signatures reach.
    #[serde(default)]
    pub height: Option<i64>,
    /// How far that is below the highest height that was signed for the chain since the start.
    #[serde(default)]
    pub heights_behind: Option<u64>,
    /// The time of its last vote less this host's clock, in milliseconds.
    #[serde(default)]
    pub clock_skew_ms: Option<f64>,
    /// Votes whose time is more than a day away from this host's clock.
    #[serde(default)]
    pub clock_unreadable: u64,
    /// The last signature.
    pub last_signed: Option<LastSigned>,
    /// The last refusal or failure.
    pub last_refusal: Option<LastError>,
}

/// A stable word, a sentence, and its age.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LastError {
    /// The stable word.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// Whole seconds ago.
    pub seconds_ago: u64,
    /// When, in UTC (RFC 3339), of a refusal.
    #[serde(default)]
    pub time: Option<String>,
    /// Whether it is over: a signature has left since, or it is ten minutes ago.
    #[serde(default)]
    pub over: bool,
}

impl LastError {
    /// The refusal as seen at `now`.
    fn of(refusal: &LastRefusal, now: &Moment) -> Self {
        let age = now.boot.saturating_sub(refusal.at.boot);
        Self {
            code: refusal.reason.label().to_owned(),
            message: refusal.message.clone(),
            seconds_ago: age.as_secs(),
            time: Some(Date::of(refusal.at.wall).to_string()),
            over: refusal.over || age >= OVER,
        }
    }
}

/// The node that a chain is served to, where that is one at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedNode {
    /// Its address.
    pub addr: String,
    /// Whole seconds since something was last signed for it.
    pub seconds_ago: u64,
}

impl ServedNode {
    /// In one line, for people.
    pub fn line(&self) -> String {
        format!("{}, last {} ago", self.addr, humanize(self.seconds_ago))
    }
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
    /// The status of the link to `addr`, as seen at `now`. `highest` is the highest height that was signed for the chain.
    pub fn of(
        addr: String,
        snapshot: &LinkSnapshot,
        highest: Option<Height>,
        now: &Moment,
    ) -> Self {
        let height = snapshot.height(highest);
        let skew = snapshot.clock.skew(Instant::now()).map(Skew::seconds);
        let (state, peer, trouble) = match &snapshot.state {
            LinkState::Dialling => (LinkPhase::Dialling, None, None),
            LinkState::Up(peer) => (LinkPhase::Up, peer.clone(), None),
            LinkState::Down(code, message) => (
                LinkPhase::Down,
                None,
                Some(LastError {
                    code: (*code).to_owned(),
                    message: message.clone(),
                    seconds_ago: snapshot.since.elapsed().as_secs(),
                    ..LastError::default()
                }),
            ),
        };
        Self {
            addr,
            state,
            since_seconds: snapshot.since.elapsed().as_secs(),
            peer,
            trouble,
            connects: snapshot.connects,
            signed: snapshot.signed,
            replayed: snapshot.replayed,
            raw_signed: snapshot.raw_signed,
            refused: snapshot.refused,
            failed: snapshot.failed,
            height: height.map(|(height, _)| height.get()),
            heights_behind: height.map(|(_, behind)| behind),
            clock_skew_ms: skew.map(|seconds| seconds * 1000.0),
            clock_unreadable: snapshot.clock.unreadable,
            last_signed: snapshot.last_signed.map(|(hrs, when, took)| LastSigned {
                position: hrs.to_string(),
                seconds_ago: when.elapsed().as_secs(),
                took_ms: took.as_secs_f64() * 1000.0,
            }),
            last_refusal: snapshot
                .last_refusal
                .as_ref()
                .map(|refusal| LastError::of(refusal, now)),
        }
    }
}

impl LinkStatus {
    /// Where its node is and what its clock shows, for people; none where it has not told.
    pub fn node_line(&self) -> Option<String> {
        let height = self.height.map(|height| match self.heights_behind {
            None | Some(0) => format!("at height {height}"),
            Some(behind) => format!(
                "at height {height}, {} behind what was signed",
                count(behind, "height")
            ),
        });
        let clock = self.clock_skew_ms.map(clock_in_words);
        let unreadable = (self.clock_unreadable > 0).then(|| {
            let votes = count(self.clock_unreadable, "vote");
            format!("{votes} with a time more than a day away")
        });
        let parts: Vec<String> = [height, clock, unreadable].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

fn clock_in_words(skew_ms: f64) -> String {
    let distance = match skew_ms.abs() {
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1_000.0),
    };
    let side = if skew_ms < 0.0 { "behind" } else { "ahead of" };
    format!("its clock is {distance} {side} this host's")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::stats::heights::HeightOutcome;
    use crate::reason::ReasonKind;

    #[test]
    fn a_refusal_is_over_once_a_signature_has_left_or_after_ten_minutes() {
        let at = |boot: Duration| Moment {
            monotonic: Duration::ZERO,
            boot,
            wall: Duration::from_secs(1_795_251_661),
        };
        let refusal = |over| LastRefusal {
            reason: ReasonKind::Regression,
            message: "no".to_owned(),
            at: at(Duration::from_secs(5)),
            over,
        };
        let seen = |over, after: Duration| {
            let now = at(Duration::from_secs(5) + after);
            LastError::of(&refusal(over), &now)
        };
        let moment = Duration::from_secs(1);
        assert!(!seen(false, OVER - moment).over);
        assert!(seen(false, OVER).over);
        assert!(seen(true, moment).over);
        let told = seen(true, moment);
        assert_eq!(told.time.as_deref(), Some("2026-11-21T09:01:01Z"));
        assert_eq!((told.seconds_ago, told.code.as_str()), (1, "regression"));
    }

    #[test]
    fn json_has_the_words_that_people_read() {
        let json = |value: serde_json::Value| value.as_str().unwrap().to_owned();
        for outcome in HeightOutcome::ALL {
            assert_eq!(json(serde_json::to_value(outcome).unwrap()), outcome.word());
        }
        for phase in [
            LinkPhase::Dialling,
            LinkPhase::Up,
            LinkPhase::Down,
            LinkPhase::Unknown,
        ] {
            assert_eq!(
                json(serde_json::to_value(phase).unwrap()),
                phase.to_string()
            );
        }
        let newer: Vec<HeightOutcome> = serde_json::from_str(r#"["signed","skipped"]"#).unwrap();
        assert_eq!(newer, [HeightOutcome::Signed, HeightOutcome::Unknown]);
        let newer: Vec<LinkPhase> = serde_json::from_str(r#"["up","standby"]"#).unwrap();
        assert_eq!(newer, [LinkPhase::Up, LinkPhase::Unknown]);
    }

    #[test]
    fn where_a_node_is_and_what_its_clock_shows_is_told_in_one_line() {
        let json = serde_json::json!({
            "addr": "tcp://a:1", "state": "up", "since_seconds": 1, "connects": 1, "signed": 0,
            "replayed": 0, "raw_signed": 0, "refused": 0, "failed": 0,
        });
        // What a service of before tells.
        let silent: LinkStatus = serde_json::from_value(json).unwrap();
        assert_eq!(silent.node_line(), None);
        let told = |height, behind, skew, unreadable| {
            let link = LinkStatus {
                height,
                heights_behind: behind,
                clock_skew_ms: skew,
                clock_unreadable: unreadable,
                ..silent.clone()
            };
            link.node_line().unwrap()
        };
        assert_eq!(
            told(Some(7), Some(0), Some(-12.4), 0),
            "at height 7; its clock is 12 ms behind this host's"
        );
        assert_eq!(
            told(Some(7), Some(1), Some(3_600_500.0), 0),
            "at height 7, 1 height behind what was signed; its clock is 3600.5 s ahead of this host's"
        );
        assert_eq!(
            told(None, None, None, 2),
            "2 votes with a time more than a day away"
        );
    }
}
