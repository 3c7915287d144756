//! Starts, stops and reloads.

use std::time::{Duration, Instant};

use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::Listener;

use super::support::{Members, prevote, prevote_of};
use crate::support::chain::Chain;
use crate::support::home::PATIENCE;

#[test]
fn members_stop_well_and_go_on_where_they_were() {
    let mut members = Members::signing(2, 3);
    for id in [1, 2, 3] {
        members.signs(id, id as i64);
    }
    let began = Instant::now();
    for id in [1, 2, 3] {
        members.member(id).stop();
        let state = members.member(id).home.path().join("state.json.stopped");
        assert!(state.exists(), "member {id}");
    }
    assert!(began.elapsed() < Duration::from_secs(3));
    for id in [3, 1, 2] {
        members.member(id).start();
        members.member(id).accept();
    }
    for id in [1, 2, 3] {
        assert!(members.ask(id, prevote(2, 2)).is_err(), "member {id}");
        members.signs(id, 4);
    }
}

#[test]
fn a_reload_that_brings_or_takes_a_chain_keeps_the_links() {
    let mut members = Members::signing(2, 3);
    members.until_linked();
    members.signs(3, 1);
    let before = members.member(1).home.config();
    let mut second = Vec::new();
    for id in [1, 2, 3] {
        let listener = Listener::tcp().unwrap();
        let member = members.member(id);
        let chain =
            Chain::with_state("test-2", "two.json").node_with_identity(listener.address().unwrap());
        let ids = "chain_ids = [\"test-1\"]";
        member.edit(ids, "chain_ids = [\"test-1\", \"test-2\"]");
        let config = member.home.config();
        member.home.configure(&format!("{chain}{config}"));
        let init = ["state", "init", "test-2", "--never-signed"];
        let (code, text) = member.home.run(&init);
        assert_eq!(code, 0, "{text}");
        let (code, text) = member.home.run(&["reload"]);
        assert_eq!(code, 0, "{text}");
        second.push(listener.accept(PATIENCE).unwrap());
        members.signs(3, 1 + id as i64);
    }
    for (node, height) in second.iter_mut().zip(1..) {
        let signed = node.ask(&Ask::Sign(prevote_of("test-2", height))).unwrap();
        assert!(matches!(signed, Answer::Signed { .. }), "{signed:?}");
    }
    let member = members.member(1);
    member.home.configure(&before);
    let (code, text) = member.home.run(&["reload"]);
    assert_eq!(code, 0, "{text}");
    for id in [1, 2, 3] {
        members.signs(id, 4 + id as i64);
    }
    let log = members.member(1).service().wait_for_times(2, "is linked");
    let listens = log
        .matches("members with higher ids are waited for")
        .count();
    let linked = log.matches("is linked").count();
    assert_eq!((listens, linked), (1, 2), "{log}");
}

/// Its link is up, and nobody gets a signature with it.
#[test]
fn a_member_that_is_paused_is_not_there_for_the_others() {
    let mut members = Members::signing(2, 3);
    members.until_linked();
    members.signs(3, 1);
    let shows = |members: &mut Members, words: &str| {
        let began = Instant::now();
        loop {
            let (_, text) = members.member(3).home.run(&["cosign", "status"]);
            if text.contains(words) {
                return text;
            }
            assert!(began.elapsed() < PATIENCE, "no {words:?} in\n{text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let pause = |members: &mut Members, id| {
        let (code, text) = members.member(id).home.run(&["pause", "test-1"]);
        assert_eq!(code, 0, "{text}");
    };
    pause(&mut members, 1);
    let words = "is linked, and gives no share (a command that follows is for its host): not signed: the chain is paused";
    let text = shows(&mut members, words);
    let summary = "2 of 3 members there, 2 needed: none may fail now";
    assert!(text.contains(summary), "{text}");
    members.signs(3, 2);
    pause(&mut members, 2);
    shows(
        &mut members,
        "1 of 3 members there, 2 needed: nothing is signed",
    );
    let (code, text) = members.member(3).home.run(&["status", "--ready"]);
    assert_eq!(code, 1, "{text}");
    // What the others said last is for those who look: a vote asks them.
    let resume = ["resume", "test-1"];
    let (code, text) = members.member(2).home.run(&resume);
    assert_eq!(code, 0, "{text}");
    members.signs(3, 3);
    shows(
        &mut members,
        "2 of 3 members there, 2 needed: none may fail now",
    );
}
