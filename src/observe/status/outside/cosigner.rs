//! The status of another member of a shared key.

use serde::{Deserialize, Serialize};

use crate::cosigner::CosignerSample;
use crate::observe::status::humanize::humanize;
use crate::text::count::count;
use crate::text::excerpt::brief;

/// A member that is so many heights below this one is behind. One of a chain with quick blocks is a few below between two votes.
pub const BEHIND: u64 = 10;
/// So many seconds a link has to be up before that is said: who was away is behind, and catches up with its first vote.
const SETTLED: u64 = 60;
/// For so many seconds a wrong share stays in sight.
const IN_SIGHT: u64 = 24 * 60 * 60;
/// The longest cause that is told in a line about several members, in bytes.
const LONGEST_WHY: usize = 100;

/// Another member, as this one sees it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CosignerStatus {
    /// Its id, from 1.
    pub id: u16,
    /// Where it is: `HOST:PORT`.
    pub address: String,
    /// Whether the link is up.
    pub up: bool,
    /// Why it is not, where that is known.
    pub trouble: Option<String>,
    /// Why it gives no share of this chain at all, as it said last, though the link is up.
    pub refuses: Option<String>,
    /// For how many seconds it is up or down.
    pub since_seconds: u64,
    /// Of the last ping, in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// Nonces that it has shown and that can be used.
    pub nonces: u64,
    /// Two processes have its share and identity.
    pub runs_twice: bool,
    /// It came back with an older state than it had before.
    pub rolled_back: bool,
    /// The height of its watermark, as it said last.
    pub height: Option<i64>,
    /// How far that is below this host's.
    pub heights_behind: Option<u64>,
    /// Questions that it was asked.
    pub asked: u64,
    /// Shares that it gave, and whole signatures that it knew.
    pub shares: u64,
    /// Times that it named other bytes on which it is locked.
    pub locked: u64,
    /// Refusals, and questions that it had no nonce or time for.
    pub refused: u64,
    /// Questions that were lost with the link.
    pub lost: u64,
    /// Times that others were asked beside it because it took longer than usual.
    pub late: u64,
    /// Wrong shares, locks and signatures.
    pub bad: u64,
    /// Seconds since the last of those.
    pub bad_seconds_ago: Option<u64>,
    /// Shares that it was given here.
    pub given: u64,
}

impl CosignerStatus {
    /// Of a member, seen by a host whose watermark is at the height `own`.
    pub fn of(sample: CosignerSample, own: Option<i64>) -> Self {
        Self {
            heights_behind: sample.heights_behind(own),
            id: sample.id,
            address: sample.address,
            up: sample.up,
            trouble: sample.trouble,
            refuses: sample.refuses,
            since_seconds: sample.since.as_secs(),
            round_trip_ms: sample.round_trip.map(|time| time.as_secs_f64() * 1000.0),
            nonces: sample.nonces,
            runs_twice: sample.runs_twice,
            rolled_back: sample.rolled_back,
            height: sample.height,
            asked: sample.asked,
            shares: sample.shares,
            locked: sample.locked,
            refused: sample.refused,
            lost: sample.lost,
            late: sample.late,
            bad: sample.bad,
            bad_seconds_ago: sample.bad_ago.map(|time| time.as_secs()),
            given: sample.given,
        }
    }

    /// The same, as the member `own` tells it: those with higher ids dial it.
    pub(super) fn awaited_by(mut self, own: u16) -> Self {
        if !self.up && self.trouble.is_none() && self.id > own {
            self.trouble = Some("it dials this one, and has not come".to_owned());
        }
        self
    }

    /// Whether it can be asked, and has not said that it gives no share.
    pub(super) fn signs(&self) -> bool {
        self.up && self.refuses.is_none()
    }

    /// The member by its id and address.
    pub fn title(&self) -> String {
        format!("member {} ({})", self.id, self.address)
    }

    /// The member in one line, for people.
    pub fn line(&self) -> String {
        let mut line = match self.up {
            true => format!("{} up for {}", self.title(), humanize(self.since_seconds)),
            false => self.down(),
        };
        if let Some(time) = self.round_trip_ms.filter(|_| self.up) {
            line.push_str(&format!(", round trip {time:.1} ms"));
        }
        if self.up {
            line.push_str(&format!(", {}", count(self.nonces, "nonce")));
        }
        if let Some(why) = self.refuses.as_ref().filter(|_| self.up) {
            line.push_str(&format!(", {}", gives_no_share(why)));
        }
        if let Some(behind) = self.heights_behind.filter(|behind| *behind > BEHIND) {
            line.push_str(&format!(", {} behind", count(behind, "height")));
        }
        if self.asked > 0 {
            let asked = count(self.asked, "share");
            line.push_str(&format!("; {asked} asked of it: {}", self.answers()));
        }
        if self.given > 0 {
            line.push_str(&format!("; {} given to it", self.given));
        }
        line
    }

    /// What became of the questions; what never happened is left out.
    fn answers(&self) -> String {
        let counted = [
            (self.locked, "locked on other bytes"),
            (self.refused, "refused"),
            (self.lost, "lost"),
            (self.late, "late"),
            (self.bad, "bad"),
        ];
        let happened = counted.into_iter().filter(|(number, _)| *number > 0);
        happened.fold(format!("{} given", self.shares), |told, (number, what)| {
            format!("{told}, {number} {what}")
        })
    }

    /// That it is not linked, or gives no share.
    pub(super) fn down(&self) -> String {
        if let Some(why) = self.refuses.as_ref().filter(|_| self.up) {
            return format!("{} is linked, and {}", self.title(), gives_no_share(why));
        }
        let why = self.trouble.as_deref();
        let why = why.map_or_else(String::new, |why| format!(": {}", brief(why, LONGEST_WHY)));
        let since = humanize(self.since_seconds);
        format!("{} is down, for {since}{why}", self.title())
    }

    /// What may end in a double sign, or is a sign of a break-in.
    pub(super) fn serious(&self) -> Vec<String> {
        let mut serious = Vec::new();
        if self.runs_twice {
            serious.push(format!(
                "two processes have the share and the identity of {}: a share that is on two hosts may sign twice. Find the second \
                 one and stop it for good; see docs/cosigners.md",
                self.title()
            ));
        }
        if self.rolled_back {
            serious.push(format!(
                "{} came back with an older state than it had: it may sign again what it signed before. Look what was restored on its \
                 host; see docs/cosigners.md",
                self.title()
            ));
        }
        let ago = self.bad_seconds_ago.filter(|ago| *ago < IN_SIGHT);
        if let Some(ago) = ago.filter(|_| self.bad > 0) {
            serious.push(format!(
                "{} gave {}, the last {} ago: no signature was made of that. Look whether that host is broken into, or has the share \
                 of another splitting",
                self.title(),
                count(self.bad, "wrong answer"),
                humanize(ago)
            ));
        }
        serious
    }

    /// That it signs nothing although its link is up.
    pub(super) fn behind(&self) -> Option<String> {
        let behind = self.heights_behind.filter(|behind| *behind > BEHIND)?;
        let height = self.height?;
        (self.up && self.since_seconds >= SETTLED).then(|| {
            format!(
                "{} is at height {height}, {} behind this one: look at its nodes, and at its status there",
                self.title(),
                count(behind, "height")
            )
        })
    }
}

/// In the words of that member, whose commands are not for this host.
fn gives_no_share(why: &str) -> String {
    let whose = match why.contains('`') {
        true => " (a command that follows is for its host)",
        false => "",
    };
    format!("gives no share{whose}: {why}")
}
