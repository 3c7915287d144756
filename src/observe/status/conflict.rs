//! Refused double signs that nobody has acknowledged.

use serde::{Deserialize, Serialize};

use crate::observe::stats::conflict::{Conflict, Conflicts};
use crate::os::clock::Moment;
use crate::text::date::Date;

use super::humanize::humanize;

/// The refused double signs of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictStatus {
    /// The node's address.
    pub node: String,
    /// How many there were.
    pub count: u64,
    /// The first of them.
    pub first: RefusedAt,
    /// The last of them.
    pub last: RefusedAt,
    /// What to do about it.
    pub remedy: String,
}

/// One refused double sign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedAt {
    /// The position, `height/round/step`, at which other data was signed before.
    pub position: String,
    /// When, in UTC (RFC 3339).
    pub time: String,
    /// Whole seconds ago.
    pub seconds_ago: u64,
}

impl RefusedAt {
    fn of(conflict: &Conflict, now: &Moment) -> Self {
        Self {
            position: conflict.hrs.to_string(),
            time: Date::of(conflict.at.wall).to_string(),
            seconds_ago: now.boot.saturating_sub(conflict.at.boot).as_secs(),
        }
    }
}

impl ConflictStatus {
    /// Those of the node at `node`, as seen at `now`, and what to do.
    pub fn of(node: &str, conflicts: &Conflicts, now: &Moment, remedy: String) -> Self {
        Self {
            node: node.to_owned(),
            count: conflicts.count,
            first: RefusedAt::of(&conflicts.first, now),
            last: RefusedAt::of(&conflicts.last, now),
            remedy,
        }
    }

    /// In one line, for people.
    pub fn line(&self) -> String {
        let Self {
            node,
            count,
            first,
            last,
            ..
        } = self;
        let (position, time) = (&last.position, &last.time);
        let ago = humanize(last.seconds_ago);
        match count {
            0 | 1 => format!("{node} asked at {position}, {time} ({ago} ago)"),
            _ => format!(
                "{node} asked {count} times, last at {position}, {time} ({ago} ago), first at {}, {}",
                first.position, first.time
            ),
        }
    }
}
