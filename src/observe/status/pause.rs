//! The pause of a chain, as it is told.

use serde::{Deserialize, Serialize};

use crate::consensus::Height;
use crate::gate::pause::Pause;
use crate::os::clock::Moment;
use crate::text::date::Date;

use super::humanize::humanize;

/// The operator lets nothing be signed for a chain, at all or from a height on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseStatus {
    /// The lowest height that is not signed; `None` where nothing is.
    pub from: Option<i64>,
    /// What the operator wrote about it.
    pub why: Option<String>,
    /// When it was asked for, in UTC (RFC 3339).
    pub asked: String,
    /// Whole seconds since then.
    pub asked_seconds_ago: u64,
    /// Whether nothing is signed any more; where not, it waits for its height.
    pub in_effect: bool,
    /// Why it is not kept over a restart, if so.
    #[serde(default)]
    pub unsaved: Option<String>,
}

impl PauseStatus {
    /// The status of a pause at `now`.
    pub fn of(pause: &Pause, in_effect: bool, unsaved: Option<&str>, now: &Moment) -> Self {
        Self {
            from: pause.from.map(Height::get),
            why: pause.why.as_ref().map(ToString::to_string),
            asked: Date::of(pause.asked).to_string(),
            asked_seconds_ago: now.wall.saturating_sub(pause.asked).as_secs(),
            in_effect,
            unsaved: unsaved.map(str::to_owned),
        }
    }

    /// `altogether (why)`, or `from height 7 on (why)`.
    pub fn extent(&self) -> String {
        let extent = match self.from {
            Some(from) => format!("from height {from} on"),
            None => "altogether".to_owned(),
        };
        match &self.why {
            Some(why) => format!("{extent} ({why})"),
            None => extent,
        }
    }

    /// In one line, for people.
    pub fn line(&self) -> String {
        let extent = self.extent();
        let begun = match self.in_effect {
            true => format!("paused {extent}"),
            false => format!("to be paused {extent}"),
        };
        let ago = humanize(self.asked_seconds_ago);
        let kept = match &self.unsaved {
            Some(why) => format!("; not kept over a restart: {why}"),
            None => String::new(),
        };
        format!("{begun}, as asked for at {}, {ago} ago{kept}", self.asked)
    }
}
