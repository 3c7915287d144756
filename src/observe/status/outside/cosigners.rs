//! The status of the hosts that have shares of a chain's key.

use serde::{Deserialize, Serialize};

use crate::cosigner::CosignersSample;
use crate::text::count::count;

use super::cosigner::CosignerStatus;

/// The members, as one of them sees them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CosignersStatus {
    /// Which member this host is, from 1.
    pub own: u16,
    /// So many have to sign together.
    pub threshold: u16,
    /// Where the others may come in; `null` where nobody dials this one.
    pub listens: Option<String>,
    /// Why nobody can, though they should.
    pub deaf: Option<String>,
    /// Connections that were turned away.
    pub turned_away: u64,
    /// Signatures that this host had made together with the others.
    pub signed: u64,
    /// Requests of its nodes that came to nothing after this host was locked on them.
    pub unsigned: u64,
    /// Sets of members that were asked beside or after a first one.
    pub more_sets: u64,
    /// Nonces that wait here for the others' questions.
    pub nonces_shown: u64,
    /// The other members, by id.
    pub others: Vec<CosignerStatus>,
}

impl CosignersStatus {
    /// Of members that are seen by a host whose watermark is at the height `own`.
    pub fn of(sample: CosignersSample, own: Option<i64>) -> Self {
        Self {
            own: sample.own,
            threshold: sample.threshold,
            listens: sample.listens,
            deaf: sample.deaf,
            turned_away: sample.turned_away,
            signed: sample.signed,
            unsigned: sample.unsigned,
            more_sets: sample.more_sets,
            nonces_shown: sample.nonces_shown,
            others: sample
                .others
                .into_iter()
                .map(|other| CosignerStatus::of(other, own).awaited_by(sample.own))
                .collect(),
        }
    }

    /// So many members there are, this one included.
    pub fn members(&self) -> usize {
        self.others.len() + 1
    }

    /// So many of them can sign now, this one included.
    pub fn there(&self) -> usize {
        self.others.iter().filter(|other| other.signs()).count() + 1
    }

    /// How many of those who are there may fail; `None` where they are too few.
    fn spare(&self) -> Option<usize> {
        self.there().checked_sub(self.threshold.into())
    }

    /// How many are there, and what that means.
    pub fn summary(&self) -> String {
        let what_may_fail = match (self.spare(), self.there() == self.members()) {
            (None, _) => "nothing is signed".to_owned(),
            (Some(0), true) => "none may fail".to_owned(),
            (Some(0), false) => "none may fail now".to_owned(),
            (Some(1), _) => "one may fail".to_owned(),
            (Some(some), _) => format!("{some} may fail"),
        };
        format!(
            "{} of {} members there, {} needed: {what_may_fail}",
            self.there(),
            self.members(),
            self.threshold
        )
    }

    /// In a few lines, for people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}; this is member {}", self.summary(), self.own)];
        lines.extend(self.counts());
        lines.extend(self.deafness());
        lines.extend(self.others.iter().map(CosignerStatus::line));
        lines
    }

    /// What was counted, where anything was.
    pub fn counts(&self) -> Option<String> {
        if self.signed + self.unsigned + self.turned_away == 0 {
            return None;
        }
        let mut told = format!("{} signed together", self.signed);
        if self.unsigned > 0 {
            let locks = count(self.unsigned, "vote");
            told.push_str(&format!(", {locks} locked here without a signature"));
        }
        if self.more_sets > 0 {
            let times = count(self.more_sets, "time");
            told.push_str(&format!(", others asked as well {times}"));
        }
        if self.turned_away > 0 {
            let connections = count(self.turned_away, "connection");
            told.push_str(&format!(", {connections} turned away"));
        }
        Some(told)
    }

    /// That the others cannot come in.
    pub fn deafness(&self) -> Option<String> {
        let why = self.deaf.as_ref()?;
        let at = self.listens.as_ref();
        let at = at.map_or_else(String::new, |at| format!(" at {at}"));
        Some(format!("no other member can reach this one{at}: {why}"))
    }

    /// That too few of them are there, if so, with their names.
    pub fn too_few(&self) -> Option<String> {
        if self.spare().is_some() {
            return None;
        }
        let down = self.others.iter().filter(|other| !other.signs());
        let down: Vec<String> = down.map(CosignerStatus::down).collect();
        Some(format!(
            "{} of {} members there, and {} are needed, so nothing is signed: {}",
            self.there(),
            self.members(),
            self.threshold,
            down.join("; ")
        ))
    }

    /// What may end in a double sign, or is a sign of a break-in, in one line each.
    pub fn serious(&self) -> Vec<String> {
        let others = self.others.iter();
        others.flat_map(CosignerStatus::serious).collect()
    }

    /// What else somebody should look at, in one line each.
    pub fn concerns(&self) -> Vec<String> {
        let mut concerns = Vec::new();
        match self.too_few() {
            Some(few) => concerns.push(few),
            None => {
                let is_short = self.there() < self.members();
                if is_short && self.spare() == Some(0) {
                    concerns.push(format!(
                        "{} of {} members there, and {} are needed: one more down, and nothing is signed",
                        self.there(),
                        self.members(),
                        self.threshold
                    ));
                }
                let down = self.others.iter().filter(|other| !other.signs());
                concerns.extend(down.map(CosignerStatus::down));
            }
        }
        concerns.extend(self.deafness());
        concerns.extend(self.others.iter().filter_map(CosignerStatus::behind));
        concerns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosigner::CosignerSample;
    use std::time::Duration;

    fn member(id: u16, up: bool) -> CosignerSample {
        CosignerSample {
            id,
            address: format!("10.0.0.{id}:26680"),
            up,
            trouble: (!up).then(|| "connection refused".to_owned()),
            since: Duration::from_secs(300),
            ..CosignerSample::default()
        }
    }

    /// Member 1 of as many as are named here, and itself.
    fn seen(threshold: u16, others: &[bool]) -> CosignersSample {
        let others = (2..).zip(others);
        CosignersSample {
            own: 1,
            threshold,
            others: others.map(|(id, up)| member(id, *up)).collect(),
            ..CosignersSample::default()
        }
    }

    fn status(sample: CosignersSample) -> CosignersStatus {
        CosignersStatus::of(sample, Some(100))
    }

    #[test]
    fn what_may_fail_is_said_in_words() {
        for (threshold, others, words) in [
            (
                2,
                vec![true, true],
                "3 of 3 members there, 2 needed: one may fail",
            ),
            (
                2,
                vec![true, false],
                "2 of 3 members there, 2 needed: none may fail now",
            ),
            (
                2,
                vec![false, false],
                "1 of 3 members there, 2 needed: nothing is signed",
            ),
            (
                2,
                vec![true],
                "2 of 2 members there, 2 needed: none may fail",
            ),
            (
                3,
                vec![true; 4],
                "5 of 5 members there, 3 needed: 2 may fail",
            ),
        ] {
            let sample = seen(threshold, &others);
            let (enough, there) = (sample.are_enough(), sample.there());
            let status = status(sample);
            assert_eq!(status.summary(), words);
            assert_eq!(status.lines()[0], format!("{words}; this is member 1"));
            // What others decide by is the same.
            assert_eq!(status.too_few().is_none(), enough, "{words}");
            assert_eq!(status.there(), there);
        }
    }

    /// One that is paused, say: its link is up, and nobody gets a signature with it.
    #[test]
    fn who_says_that_it_gives_no_share_is_not_there() {
        let mut sample = seen(2, &[true, true]);
        sample.others[0].refuses =
            Some("the chain is paused; `tmkms resume c-1` ends that".to_owned());
        assert!(sample.are_enough());
        let told = status(sample.clone());
        assert_eq!(
            told.summary(),
            "2 of 3 members there, 2 needed: none may fail now"
        );
        let why = "member 2 (10.0.0.2:26680) is linked, and gives no share (a command that follows is for its host): the chain is \
                   paused; `tmkms resume c-1` ends that";
        assert_eq!(told.concerns()[1], why);
        assert!(told.others[0].line().contains(", gives no share"));
        sample.others[1].refuses = Some("it is paused, too".to_owned());
        assert!(!sample.are_enough());
        assert!(status(sample).too_few().unwrap().contains(why));
    }

    #[test]
    fn too_few_are_told_with_their_names_and_one_to_spare_is_told_before() {
        assert!(status(seen(2, &[true, true])).concerns().is_empty());
        let one = "member 3 (10.0.0.3:26680) is down, for 5 min: connection refused";
        assert_eq!(
            status(seen(2, &[true, false])).concerns(),
            [
                "2 of 3 members there, and 2 are needed: one more down, and nothing is signed",
                one
            ]
        );
        // Who has not come yet has no trouble that is known here.
        let mut sample = seen(2, &[true, false]);
        sample.others[1].trouble = None;
        let told =
            "member 3 (10.0.0.3:26680) is down, for 5 min: it dials this one, and has not come";
        assert!(status(sample.clone()).concerns().contains(&told.to_owned()));
        sample.own = 4;
        let told = "member 3 (10.0.0.3:26680) is down, for 5 min";
        assert!(status(sample).concerns().contains(&told.to_owned()));
        // Three of five, and four are there.
        assert_eq!(
            status(seen(3, &[true, false, true, true])).concerns(),
            [one]
        );
        assert_eq!(
            status(seen(2, &[false, false])).concerns(),
            [format!(
                "1 of 3 members there, and 2 are needed, so nothing is signed: member 2 (10.0.0.2:26680) is down, for 5 min: \
                 connection refused; {one}"
            )]
        );
        // Where all are needed always, that all are there is nothing to look at.
        assert!(status(seen(2, &[true])).concerns().is_empty());
    }

    #[test]
    fn many_members_with_long_troubles_fit_into_one_line() {
        let mut sample = seen(7, &[false; 11]);
        for other in &mut sample.others {
            other.trouble = Some("x".repeat(10_000));
        }
        let told = status(sample).too_few().unwrap();
        assert!(told.len() < 2_500, "{}", told.len());
        assert!(told.contains("member 12 (10.0.0.12:26680)"), "{told}");
    }

    #[test]
    fn a_member_that_runs_twice_was_set_back_or_lies_is_serious_and_the_lie_for_a_day() {
        let mut sample = seen(2, &[true, true]);
        assert!(status(sample.clone()).serious().is_empty());
        sample.others[0].runs_twice = true;
        sample.others[0].rolled_back = true;
        sample.others[1].bad = 2;
        sample.others[1].bad_ago = Some(Duration::from_secs(86_399));
        let serious = status(sample.clone()).serious();
        assert!(serious[0].starts_with(
            "two processes have the share and the identity of member 2 (10.0.0.2:26680): "
        ));
        let back = "member 2 (10.0.0.2:26680) came back with an older state than it had: ";
        assert!(serious[1].starts_with(back), "{serious:?}");
        assert!(
            serious[2]
                .starts_with("member 3 (10.0.0.3:26680) gave 2 wrong answers, the last 23 h ago: ")
        );
        assert_eq!(serious.len(), 3);
        sample.others[1].bad_ago = Some(Duration::from_secs(86_400));
        assert_eq!(status(sample).serious().len(), 2);
    }

    #[test]
    fn a_member_is_behind_by_more_than_ten_heights_for_a_minute() {
        let mut sample = seen(2, &[true, true]);
        sample.others[0].height = Some(90);
        sample.others[1].height = Some(200);
        assert!(status(sample.clone()).concerns().is_empty());
        sample.others[0].height = Some(89);
        let told = "member 2 (10.0.0.2:26680) is at height 89, 11 heights behind this one: look at its nodes, and at its status there";
        assert_eq!(status(sample.clone()).concerns(), [told]);
        sample.others[0].since = Duration::from_secs(59);
        assert!(status(sample.clone()).concerns().is_empty());
        // One that is down is told as that.
        sample.others[0].since = Duration::from_secs(60);
        sample.others[0].up = false;
        assert!(!status(sample).concerns().contains(&told.to_owned()));
    }

    #[test]
    fn nobody_can_come_in_and_what_was_counted() {
        let mut sample = seen(2, &[true, false]);
        assert_eq!(status(sample.clone()).counts(), None);
        sample.listens = Some("0.0.0.0:26680".to_owned());
        sample.deaf = Some("address in use".to_owned());
        sample.signed = 412;
        sample.unsigned = 1;
        sample.more_sets = 5;
        sample.turned_away = 2;
        sample.others[0] = CosignerSample {
            round_trip: Some(Duration::from_micros(1_250)),
            nonces: 8,
            height: Some(80),
            asked: 10,
            shares: 4,
            locked: 1,
            refused: 2,
            lost: 3,
            late: 1,
            given: 7,
            ..member(2, true)
        };
        let status = status(sample);
        let deaf = "no other member can reach this one at 0.0.0.0:26680: address in use";
        assert_eq!(
            status.lines(),
            [
                "2 of 3 members there, 2 needed: none may fail now; this is member 1",
                "412 signed together, 1 vote locked here without a signature, others asked as well 5 times, 2 connections turned away",
                deaf,
                "member 2 (10.0.0.2:26680) up for 5 min, round trip 1.2 ms, 8 nonces, 20 heights behind; 10 shares asked of it: \
                 4 given, 1 locked on other bytes, 2 refused, 3 lost, 1 late; 7 given to it",
                "member 3 (10.0.0.3:26680) is down, for 5 min: connection refused",
            ]
        );
        assert!(status.concerns().contains(&deaf.to_owned()));
    }
}
