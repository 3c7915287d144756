//! A member is killed between any two steps of the votes of two nodes, and begins again with what is on its disk: its nonces are
//! gone, its lock is not.

use super::Hosts;
use crate::support::maker;
use tmkms::reply::Reply;
use tmkms::request::{Request, SignRequest};

/// Two nodes at two members vote for one block at two times; then everybody is asked for another block and another time.
fn votes(hosts: &Hosts, victim: u16) {
    std::thread::scope(|scope| {
        for (member, seconds) in [(2, 20), (3, 30)] {
            scope.spawn(move || {
                hosts.try_ask(
                    member,
                    Request::Sign(maker().prevote(1, 0, Some(1), seconds)),
                )
            });
        }
    });
    let ask = |member: u16, request: SignRequest| {
        // Killed while it answers, it is asked again when it has begun again.
        let again = || hosts.try_ask(member, Request::Sign(request.clone()));
        (0..3).find_map(|_| {
            if !hosts.net.members.read().contains_key(&victim) {
                hosts.restart(victim);
            }
            again()
        })
    };
    for (block, seconds) in [(Some(1), 40), (Some(2), 20), (None, 50)] {
        for member in 1..=3 {
            // Each signature is held against all others of its position as it is seen.
            ask(member, maker().prevote(1, 0, block, seconds)).unwrap();
        }
    }
    // Whatever became of that vote, the next one is signed.
    for member in 1..=3 {
        match ask(member, maker().precommit(1, 0, Some(1), 60, b"extension")) {
            Some(Reply::Signed(signed)) => assert!(signed.extension_signature.is_some()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn killed_at_every_step_of_two_votes_no_two_signatures_come_of_it() {
    let undisturbed = {
        let hosts = Hosts::of(2, 3);
        votes(&hosts, 1);
        hosts.net.steps()
    };
    assert!(undisturbed > 12, "{undisturbed}");
    let (mut killed, mut signed) = (0, 0);
    for victim in 1..=3 {
        for step in 0..undisturbed.min(24) {
            let hosts = Hosts::of(2, 3);
            *hosts.net.kill_at.lock() = Some((step, victim));
            votes(&hosts, victim);
            killed += usize::from(hosts.net.steps() > step);
            signed += hosts.net.signed();
        }
    }
    assert!(killed > 30 && signed >= killed, "{killed}, {signed}");
}
