//! What the chain itself says of our votes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observe::status::humanize::humanize;
use crate::rpc::{EndpointSample, RpcSample, SlashingRecord, ValidatorStanding, VoteOutcome};
use crate::text::count::count;
use crate::text::date::Date;

/// More missed heights than this of the last hundred are worth a look.
const MISSED: u64 = 2;

/// What the chain itself says of our votes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RpcStatus {
    /// The nodes that are asked.
    pub endpoints: Vec<RpcEndpointStatus>,
    /// The height of the chain's newest block, as most of them say.
    pub height: Option<i64>,
    /// Whether the validator is in the set that votes; `None` where that is not known.
    pub in_set: Option<bool>,
    /// Its voting power, where it is.
    pub voting_power: Option<i64>,
    /// Where it is in no set: why, and what to do, as far as the application says.
    #[serde(default)]
    pub why_outside: Option<String>,
    /// Whether it is tombstoned, where it is in no set and the application says so much.
    #[serde(default)]
    pub tombstoned: Option<bool>,
    /// Until when it was jailed last, in UTC (RFC 3339), where it is in no set and ever was.
    #[serde(default)]
    pub jailed_until: Option<String>,
    /// The latest height whose commit holds a signature of this key, as most of them have shown.
    pub signed_height: Option<i64>,
    /// The last height whose commit holds a signature of this key that was not made here.
    #[serde(default)]
    pub second_signer_height: Option<i64>,
    /// What to do about that.
    #[serde(default)]
    pub second_signer_remedy: Option<String>,
    /// The first height that counts in what follows; 0 before there is one.
    pub since_height: i64,
    /// The newest height that was judged.
    pub newest_height: i64,
    /// Commits that hold the vote for the block.
    pub committed: u64,
    /// Commits that hold a vote for no block.
    pub nil: u64,
    /// Commits that lack the precommit that was signed here.
    pub uncommitted: u64,
    /// Commits that lack the vote, and none is known here.
    pub absent: u64,
    /// Blocks of a time when the validator was not in the set.
    pub outside: u64,
    /// Of the last 100 heights: how many are known of.
    pub window: u64,
    /// How many of those lack the vote.
    pub window_missed: u64,
    /// Missed heights in a row, up to the newest.
    pub missed_in_a_row: u64,
    /// The newest heights whose commits lack the precommit that was signed here, the oldest first.
    pub uncommitted_heights: Vec<i64>,
}

/// One node that is asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RpcEndpointStatus {
    /// Its address, without a password.
    pub name: String,
    /// The height of its newest block.
    pub height: Option<i64>,
    /// Whether it is still fetching blocks; it is not asked about votes then.
    pub catching_up: bool,
    /// For how many seconds its height has stood still, where that is a minute or more.
    #[serde(default)]
    pub stands_seconds: Option<u64>,
    /// Its height stands still while another's rises, so it is not followed.
    #[serde(default)]
    pub left_behind: bool,
    /// Why it is not used, if so.
    pub trouble: Option<String>,
}

impl RpcStatus {
    /// The status at `wall`, the time since 1970-01-01 UTC. `acknowledge` is the command that takes a second signer out of sight.
    pub fn of(sample: &RpcSample, wall: Duration, acknowledge: String) -> Self {
        let tally = &sample.tally;
        let (window, window_missed) = tally.window();
        let (in_set, voting_power) = match sample.standing {
            Some(ValidatorStanding::Power(power)) => (Some(true), Some(power)),
            Some(ValidatorStanding::Outside) => (Some(false), None),
            None => (None, None),
        };
        Self {
            endpoints: sample
                .endpoints
                .iter()
                .map(RpcEndpointStatus::from)
                .collect(),
            height: sample.height,
            in_set,
            voting_power,
            why_outside: sample.slashing.map(|record| why_outside(&record, wall)),
            tombstoned: sample.slashing.map(|record| record.tombstoned),
            jailed_until: sample.slashing.and_then(|record| {
                let until = record.jailed_until?;
                Some(Date::of(until).to_string())
            }),
            signed_height: sample.signed.map(|signed| signed.height.get()),
            second_signer_height: sample.second.map(|height| height.get()),
            second_signer_remedy: sample.second.map(|_| {
                format!(
                    "find it and stop it for good; `{acknowledge}` takes this out of sight then"
                )
            }),
            since_height: tally.first,
            newest_height: tally.newest,
            committed: tally.total(VoteOutcome::Committed),
            nil: tally.total(VoteOutcome::Nil),
            uncommitted: tally.total(VoteOutcome::Uncommitted),
            absent: tally.total(VoteOutcome::Absent),
            outside: tally.total(VoteOutcome::Outside),
            window,
            window_missed,
            missed_in_a_row: tally.in_a_row,
            uncommitted_heights: tally.uncommitted().collect(),
        }
    }
}

impl From<&EndpointSample> for RpcEndpointStatus {
    fn from(sample: &EndpointSample) -> Self {
        Self {
            name: sample.name.clone(),
            height: sample.height,
            catching_up: sample.catching_up,
            stands_seconds: sample.stands.map(|time| time.as_secs()),
            left_behind: sample.left_behind,
            trouble: sample.trouble.clone(),
        }
    }
}

impl RpcStatus {
    /// In a few lines, for people.
    pub fn lines(&self) -> Vec<String> {
        let answers = |node: &&RpcEndpointStatus| node.trouble.is_none() && node.height.is_some();
        let up = self.endpoints.iter().filter(answers);
        let height = self.height.map_or_else(
            || "no height yet".to_owned(),
            |height| format!("height {height}"),
        );
        let standing = match (self.in_set, self.voting_power) {
            (Some(true), Some(power)) => format!(", voting power {power}"),
            (Some(false), _) => format!(", {}", self.not_in_set()),
            _ => String::new(),
        };
        let mut lines = vec![format!(
            "{height}, {} of {} answer{standing}",
            up.count(),
            count(self.endpoints.len(), "node")
        )];
        if self.window > 0 {
            lines.push(self.missed());
        }
        if self.newest_height >= self.since_height && self.since_height > 0 {
            lines.push(format!(
                "since height {}: {} committed, {} signed and not committed, {} absent, {} for no block",
                self.since_height, self.committed, self.uncommitted, self.absent, self.nil
            ));
        }
        if !self.uncommitted_heights.is_empty() {
            let heights: Vec<String> = self
                .uncommitted_heights
                .iter()
                .map(i64::to_string)
                .collect();
            lines.push(format!(
                "signed and not committed at {}",
                heights.join(", ")
            ));
        }
        let still = self.endpoints.iter();
        lines.extend(still.filter_map(RpcEndpointStatus::still));
        let told = self.endpoints.iter().filter_map(|node| {
            let why = match (&node.trouble, node.catching_up) {
                (Some(trouble), _) => trouble.clone(),
                (None, true) => {
                    "it is still fetching blocks, so it is not asked about votes".to_owned()
                }
                (None, false) => return None,
            };
            Some(format!("not used: {} ({why})", node.name))
        });
        lines.extend(told);
        lines
    }

    fn not_in_set(&self) -> String {
        match &self.why_outside {
            Some(why) => format!("not in the validator set: {why}"),
            None => NOT_IN_SET.to_owned(),
        }
    }

    fn missed(&self) -> String {
        let row = match self.missed_in_a_row {
            0 => String::new(),
            row => format!(", the last {row} in a row"),
        };
        format!(
            "of the last {}, {} lack the vote{row}",
            count(self.window, "commit"),
            self.window_missed
        )
    }

    /// What somebody should look at, in one line each.
    /// `signed` is the height of the watermark.
    pub(in crate::observe::status) fn concerns(&self, signed: i64) -> Vec<String> {
        let mut concerns = Vec::new();
        if let Some(height) = self.second_signer_height {
            let remedy = self.second_signer_remedy.iter();
            let remedy = remedy.map(|remedy| format!("; {remedy}"));
            concerns.push(format!(
                "another signer has this key: the commit of height {height} has a vote that was not made here{}",
                remedy.collect::<String>()
            ));
        }
        if self.in_set == Some(false) {
            concerns.push(format!("the validator is {}", self.not_in_set()));
        }
        if self.window_missed > MISSED {
            concerns.push(self.missed());
        }
        let down = self.endpoints.iter().filter_map(|node| {
            let trouble = node.trouble.as_ref()?;
            Some(format!("the RPC of {} is not used: {trouble}", node.name))
        });
        concerns.extend(down);
        // One whose chain has halted with all others is no concern of its own.
        let behind = self
            .endpoints
            .iter()
            .filter(|node| node.left_behind || node.lags(signed));
        concerns.extend(behind.filter_map(RpcEndpointStatus::still));
        concerns
    }
}

impl RpcEndpointStatus {
    /// That its height stands still, if so.
    fn still(&self) -> Option<String> {
        let (height, seconds) = (self.height?, self.stands_seconds?);
        let others = match self.left_behind {
            true => " while another's rises, so it is not followed",
            false => "",
        };
        Some(format!(
            "{} stands at height {height}, for {}{others}",
            self.name,
            humanize(seconds)
        ))
    }

    /// Whether it stands below what was signed here.
    fn lags(&self, signed: i64) -> bool {
        let lags = |height: i64| signed.saturating_sub(height) > LAG;
        self.stands_seconds.is_some() && self.height.is_some_and(lags)
    }
}

/// Why a validator is in no set, by what the application keeps of it, and what to do.
fn why_outside(record: &SlashingRecord, wall: Duration) -> String {
    if record.tombstoned {
        return "tombstoned for a double sign, for ever: its key never validates on this chain again. Find out who signed with it; \
                a new validator needs a new key"
            .to_owned();
    }
    match record.jailed_until {
        Some(until) if until > wall => format!(
            "jailed until {}: find out why it missed its blocks, then unjail it with the key of its operator",
            Date::of(until)
        ),
        Some(until) => format!(
            "it was jailed until {}: if nobody has unjailed it since, that is possible now (find out first why it missed its \
             blocks); if somebody has, its stake may be too small, or, on a consumer chain, its provider leaves it out",
            Date::of(until)
        ),
        None => "it was never jailed for missed blocks: too little stake, not bonded yet, or less than its minimum of self-delegation; \
                 on a consumer chain the provider decides: jailed there, not opted in, or beyond the chain's limit"
            .to_owned(),
    }
}

/// So far below what was signed here a node that stands still is behind.
const LAG: i64 = 3;

/// A node's RPC does not tell these apart.
const NOT_IN_SET: &str = "not in the validator set (jailed, tombstoned or not bonded)";

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, trouble: Option<&str>) -> RpcEndpointStatus {
        RpcEndpointStatus {
            name: name.to_owned(),
            height: Some(9),
            trouble: trouble.map(str::to_owned),
            ..RpcEndpointStatus::default()
        }
    }

    #[test]
    fn what_is_told_of_a_validator_that_misses() {
        let status = RpcStatus {
            endpoints: vec![node("http://a:1", None), node("http://b:1", Some("late"))],
            height: Some(9),
            in_set: Some(true),
            voting_power: Some(10),
            since_height: 3,
            newest_height: 8,
            committed: 2,
            uncommitted: 2,
            absent: 1,
            nil: 1,
            window: 6,
            window_missed: 3,
            missed_in_a_row: 2,
            uncommitted_heights: vec![7, 8],
            ..RpcStatus::default()
        };
        assert_eq!(
            status.lines(),
            [
                "height 9, 1 of 2 nodes answer, voting power 10",
                "of the last 6 commits, 3 lack the vote, the last 2 in a row",
                "since height 3: 2 committed, 2 signed and not committed, 1 absent, 1 for no block",
                "signed and not committed at 7, 8",
                "not used: http://b:1 (late)",
            ]
        );
        assert_eq!(
            status.concerns(9),
            [
                "of the last 6 commits, 3 lack the vote, the last 2 in a row",
                "the RPC of http://b:1 is not used: late",
            ]
        );
    }

    #[test]
    fn what_is_told_of_one_that_is_not_in_the_set_and_of_a_node_that_is_behind() {
        let mut behind = node("http://a:1", None);
        behind.catching_up = true;
        let status = RpcStatus {
            endpoints: vec![behind],
            in_set: Some(false),
            ..RpcStatus::default()
        };
        assert_eq!(
            status.lines(),
            [
                "no height yet, 1 of 1 node answer, not in the validator set (jailed, tombstoned or not bonded)",
                "not used: http://a:1 (it is still fetching blocks, so it is not asked about votes)",
            ]
        );
        assert_eq!(status.concerns(9).len(), 1);
        assert!(RpcStatus::default().concerns(9).is_empty());
    }

    #[test]
    fn a_node_that_stands_still_is_told_and_a_concern_where_others_go_on() {
        let mut still = node("http://a:1", None);
        still.stands_seconds = Some(200);
        let mut status = RpcStatus {
            endpoints: vec![still, node("http://b:1", None)],
            height: Some(9),
            ..RpcStatus::default()
        };
        let told = "http://a:1 stands at height 9, for 3 min";
        assert!(
            status.lines().contains(&told.to_owned()),
            "{:?}",
            status.lines()
        );
        // The chain may have halted; whoever has signed above knows better.
        assert!(status.concerns(12).is_empty());
        assert_eq!(status.concerns(13), [told]);
        status.endpoints[0].left_behind = true;
        let told =
            "http://a:1 stands at height 9, for 3 min while another's rises, so it is not followed";
        assert_eq!(status.concerns(9), [told]);
    }

    #[test]
    fn jailed_tombstoned_and_neither_are_said_in_words_with_what_to_do() {
        let of = |tombstoned, until: u64| {
            let record = SlashingRecord {
                tombstoned,
                jailed_until: (until > 0).then(|| Duration::from_secs(until)),
            };
            why_outside(&record, Duration::from_secs(1_000))
        };
        for (record, words) in [
            (
                of(true, 253_402_300_799),
                "tombstoned for a double sign, for ever",
            ),
            (
                of(false, 1_001),
                "jailed until 1970-01-01T00:16:41Z: find out why",
            ),
            (
                of(false, 1_000),
                "it was jailed until 1970-01-01T00:16:40Z: if nobody has unjailed it",
            ),
            (of(false, 0), "it was never jailed for missed blocks"),
        ] {
            assert!(record.starts_with(words), "{record}");
            let status = RpcStatus {
                in_set: Some(false),
                why_outside: Some(record.clone()),
                ..RpcStatus::default()
            };
            let told = format!("not in the validator set: {record}");
            assert!(status.lines()[0].ends_with(&told), "{:?}", status.lines());
            assert_eq!(status.concerns(9), [format!("the validator is {told}")]);
        }
    }
}
