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
