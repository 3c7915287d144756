//! Members that do not go together: both logs name it, and the others sign on.

use std::fs;

use super::support::Members;
use crate::support::command::tmkms;

/// The peer id of a member, from a configuration.
fn peer_id(config: &str, id: usize) -> String {
    let section = config.split(&format!("\nid = {id}\n")).nth(1).unwrap();
    let rest = section.split("tcp://").nth(1).unwrap();
    rest.split('@').next().unwrap().to_owned()
}

/// Member 3 is another one than the others know.
#[test]
fn an_identity_that_is_not_the_configured_one_is_named_by_both() {
    let mut members = Members::split(2, 3);
    let config = members.member(1).home.config();
    let known = peer_id(&config, 3);
    let other = "00".repeat(20);
    for id in [1, 2] {
        members.member(id).edit(&known, &other);
    }
    members.all.iter_mut().for_each(|member| {
        member.start();
        member.accept();
    });
    for id in [1, 2] {
        members.member(id).wait_for_line(&[
            "turned away",
            &known,
            "is no member that dials this one",
            "correct `id` and `addr`",
        ]);
    }
    members.member(3).wait_for_line(&[
        "member 1",
        "does not know the peer id of this member",
        "compare the",
    ]);
    members.signs(1, 1);
    members.signs(2, 2);
    assert!(members.ask(3, super::support::prevote(3, 3)).is_err());
    // Put right while all run.
    for id in [1, 2] {
        members.member(id).edit(&other, &known);
        let (code, text) = members.member(id).home.run(&["reload"]);
        assert_eq!(code, 0, "{text}");
    }
    members.signs(3, 3);
}

/// Member 3 dials something that is not there, and finds member 2 where member 1 should be.
#[test]
fn a_wrong_address_is_named() {
    let mut members = Members::split(2, 3);
    let config = members.member(1).home.config();
    let at = |id: usize| {
        let id = peer_id(&config, id);
        let rest = config.split(&format!("{id}@")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (one, two) = (at(1), at(2));
    members.member(3).edit(&format!("{one}\""), "127.0.0.1:1\"");
    members
        .member(3)
        .edit(&format!("{two}\""), &format!("{one}\""));
    members.all.iter_mut().for_each(|member| {
        member.start();
        member.accept();
    });
    members.member(3).wait_for_line(&[
        "member 1",
        "cannot connect",
        "is tmkms up there, and is this its `listen`?",
    ]);
    members
        .member(3)
        .wait_for_line(&["member 2", "who answers there is", "correct `addr`"]);
    members.signs(1, 1);
}

/// Member 3 has a share of the same key, of an earlier splitting.
#[test]
fn a_share_of_another_splitting_is_named_by_both() {
    let mut members = Members::split(2, 3);
    let folder = members.shares.parent().unwrap().to_owned();
    let key = [
        "cosign",
        "recover",
        "shares/member-1/share.json",
        "shares/member-2/share.json",
    ];
    let done = tmkms(&folder, &[&key[..], &["whole.key"]].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    let again = [
        "cosign",
        "split",
        "-t",
        "2",
        "-n",
        "3",
        "whole.key",
        "again",
    ];
    let done = tmkms(&folder, &again);
    assert_eq!(done.code, 0, "{}", done.err);
    let member = members.member(3);
    let share = member.home.path().join("secrets/test-1.share");
    fs::copy(folder.join("again/member-3/share.json"), share).unwrap();
    // The public shares stand in the share's file, too.
    let config = member.home.config();
    let lines = config
        .lines()
        .filter(|line| !line.starts_with("public_share"));
    let lines: Vec<&str> = lines.collect();
    member.home.configure(&(lines.join("\n") + "\n"));
    members.all.iter_mut().for_each(|member| {
        member.start();
        member.accept();
    });
    for (id, other) in [(1, "member 3"), (3, "member 1")] {
        members.member(id).wait_for_line(&[other, "splitting"]);
    }
    members.signs(2, 1);
    let refused = members.ask(3, super::support::prevote(2, 2)).unwrap_err();
    assert!(
        refused.description.contains("2 of 3 members"),
        "{refused:?}"
    );
}
