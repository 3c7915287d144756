//! Members that are killed, gone, or stand still.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::support::{Members, prevote};

#[test]
fn members_are_killed_in_turn_and_no_vote_is_missed() {
    let mut members = Members::signing(2, 3);
    members.until_linked();
    let mut height = 0;
    for killed in [1, 2, 3] {
        let others: Vec<usize> = [1, 2, 3].into_iter().filter(|id| *id != killed).collect();
        members.member(killed).kill();
        // The one that asks does not know it yet.
        for _ in 0..5 {
            for id in &others {
                height += 1;
                members.signs(*id, height);
            }
        }
        members.member(killed).start();
        for id in &others {
            height += 1;
            members.signs(*id, height);
        }
        members.member(killed).accept();
        // What was signed without it is not signed again, and what comes next is.
        assert!(members.ask(killed, prevote(height, 0)).is_ok());
        height += 1;
        members.signs(killed, height);
    }
}

#[test]
fn too_few_are_told_and_come_back_by_themselves() {
    let mut members = Members::signing(2, 3);
    members.signs(3, 1);
    members.member(1).kill();
    members.signs(3, 2);
    members.member(2).kill();
    let began = Instant::now();
    let refused = members.ask(3, prevote(3, 3)).unwrap_err();
    assert!(
        refused.description.contains("2 of 3 members have to sign"),
        "{refused:?}"
    );
    for id in [1, 2] {
        let words = format!("member {id} ");
        assert!(refused.description.contains(&words), "{refused:?}");
    }
    // As it is printed, it shows who is missing on this host.
    let (_, remedy) = refused.description.rsplit_once("; `").unwrap();
    let (command, rest) = remedy.split_once('`').unwrap();
    assert_eq!(rest, " on this host shows the members");
    assert!(command.starts_with("tmkms cosign status "), "{command}");
    println!("refused after {:?}", began.elapsed());
    members.member(2).start();
    // On the very link.
    members.signs(3, 3);
    members.member(2).accept();
    members.signs(2, 4);
}

/// Slow and not dead: the links stay for seconds.
#[test]
fn a_member_that_stands_still_delays_the_first_votes_only() {
    let mut members = Members::signing(2, 3);
    members.until_linked();
    for height in 1..=10 {
        members.signs(3, height);
    }
    members.member(1).signal(Signal::STOP);
    let times: Vec<Duration> = (11..=30).map(|height| members.signs(3, height)).collect();
    let slow = times.iter().filter(|time| time.as_millis() > 250).count();
    assert!(slow <= 2, "{times:?}");
    members.member(1).signal(Signal::CONT);
    for id in [1, 2, 3] {
        members.signs(id, 30 + id as i64);
    }
}
