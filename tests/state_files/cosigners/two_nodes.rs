//! Two nodes of one validator, at two members: votes that differ in their time, or in their block.

use super::{Hosts, at};
use crate::support::maker;
use tmkms::harness::messages::Maker;
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::reply::{Reply, Signed};
use tmkms::request::SignRequest;

fn vote(maker: &Maker, height: i64, seconds: i64) -> SignRequest {
    maker.prevote(height, 0, Some(1), seconds)
}

fn both<T: Send>(one: impl FnOnce() -> T + Send, other: impl FnOnce() -> T + Send) -> (T, T) {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        (one.join().unwrap(), other)
    })
}

#[test]
fn two_nodes_of_one_vote_have_one_signature_of_one_time() {
    let hosts = Hosts::of(2, 3);
    let maker = maker();
    for height in 1..30 {
        let replies: Vec<Signed> = std::thread::scope(|scope| {
            let threads: Vec<_> = (1..=3)
                .map(|member| {
                    let request = vote(&maker, height, 10 + i64::from(member));
                    let hosts = &hosts;
                    scope.spawn(move || hosts.signed(member, request))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let times: Vec<_> = replies.iter().map(|signed| signed.timestamp).collect();
        assert!(times.iter().all(|time| *time == times[0]), "{times:?}");
    }
    assert_eq!(hosts.net.signed(), 29);
}

/// Whoever is first, on whichever pair, one or none has a signature; what came of it is refused in-band, and the next height is
/// signed.
#[test]
fn two_nodes_of_different_blocks_at_once_never_both_have_a_signature() {
    let (mut one_signed, mut none_signed) = (0, 0);
    for (threshold, members) in [(2, 3), (3, 4), (3, 5)] {
        let hosts = Hosts::of(threshold, members);
        let maker = maker();
        let mut height = 0;
        for one in 1..=members {
            for other in (1..=members).filter(|other| *other != one) {
                height += 1;
                let ask = |member, block| {
                    let request = maker.prevote(height, 0, block, 10);
                    let (hosts, began) = (&hosts, SystemClock.monotonic());
                    move || (hosts.ask(member, request), SystemClock.monotonic() - began)
                };
                let ((a, took_a), (b, took_b)) = both(ask(one, Some(1)), ask(other, None));
                // Where all are split, that is known as soon as they have said so.
                assert!(
                    took_a.max(took_b).as_millis() < 1_500,
                    "{took_a:?}, {took_b:?}"
                );
                match (a, b) {
                    (Reply::Signed(_), Reply::Refused { .. })
                    | (Reply::Refused { .. }, Reply::Signed(_)) => one_signed += 1,
                    (Reply::Refused { .. }, Reply::Refused { .. }) => none_signed += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        hosts.signed(1, maker.prevote(height + 1, 0, Some(1), 1));
    }
    println!("{one_signed} votes had one signature, {none_signed} had none");
    assert!(one_signed > none_signed, "{one_signed}, {none_signed}");
}

#[test]
fn a_lock_of_this_host_at_another_time_is_what_the_members_sign_and_the_node_is_told() {
    let hosts = Hosts::of(2, 3);
    let maker = maker();
    hosts.lock(2, vote(&maker, 1, 7).sign_bytes());
    let signed = hosts.signed(2, vote(&maker, 1, 1));
    assert_eq!(signed.timestamp, at(7));
    // Nothing is asked of anybody twice: the members knew from the beginning.
    assert_eq!(hosts.host(2).coordinator.tally().counts().more_sets, 0);
    // Nor where another one is locked elsewhere, whose bytes this host can have no part in.
    let hosts = Hosts::of(2, 3);
    hosts.lock(1, vote(&maker, 1, 8).sign_bytes());
    hosts.lock(2, vote(&maker, 1, 7).sign_bytes());
    assert_eq!(hosts.signed(2, vote(&maker, 1, 1)).timestamp, at(7));
    assert_eq!(hosts.host(2).coordinator.tally().counts().more_sets, 1);
}

#[test]
fn a_lock_of_another_member_at_another_time_is_taken_over() {
    let hosts = Hosts::of(2, 3);
    let maker = maker();
    hosts.lock(1, vote(&maker, 1, 7).sign_bytes());
    // Only the two of them are there.
    hosts.kill(3);
    let signed = hosts.signed(2, vote(&maker, 1, 1));
    assert_eq!(signed.timestamp, at(7));
    // And so it is wherever it is asked for again, and at whatever time.
    assert_eq!(hosts.signed(1, vote(&maker, 1, 3)).timestamp, at(7));
    assert_eq!(hosts.signed(2, vote(&maker, 1, 5)).timestamp, at(7));
}

/// The lowest that is there asks all others while it writes, so it does not know yet: a vote is lost, and no more than that.
#[test]
fn a_lock_of_a_higher_member_costs_the_lowest_that_is_there_one_vote() {
    let hosts = Hosts::of(2, 3);
    let maker = maker();
    hosts.lock(3, vote(&maker, 1, 7).sign_bytes());
    hosts.refuses(1);
    let error = hosts.refused(2, vote(&maker, 1, 1));
    assert!(
        error
            .description
            .contains("member 3 is locked on this vote at another time"),
        "{error:?}"
    );
    hosts.signed(2, maker.precommit(1, 0, Some(1), 1, b""));
    hosts.signed(3, vote(&maker, 2, 1));
}

#[test]
fn of_two_locks_at_two_times_the_third_member_decides() {
    for asked in 1..=3 {
        let hosts = Hosts::of(2, 3);
        let maker = maker();
        hosts.lock(1, vote(&maker, 1, 7).sign_bytes());
        hosts.lock(2, vote(&maker, 1, 8).sign_bytes());
        let signed = hosts.signed(asked, vote(&maker, 1, 1));
        assert!([at(7), at(8)].contains(&signed.timestamp));
        assert_eq!(hosts.net.signed(), 1);
        // All three know it by now, and say so.
        for member in 1..=3 {
            let again = hosts.signed(member, vote(&maker, 1, 2));
            assert_eq!(again.timestamp, signed.timestamp);
        }
    }
}

#[test]
fn where_all_are_locked_on_other_times_the_vote_is_lost_at_once_and_the_next_one_is_not() {
    let hosts = Hosts::of(2, 3);
    let maker = maker();
    for member in 1..=3 {
        hosts.lock(member, vote(&maker, 1, i64::from(member)).sign_bytes());
    }
    for member in 1..=3 {
        let began = SystemClock.monotonic();
        let error = hosts.refused(member, vote(&maker, 1, 9));
        let took = SystemClock.monotonic() - began;
        assert!(took.as_millis() < 1_000, "{took:?}");
        let told = "is locked on this vote at another time";
        assert!(error.description.contains(told), "{error:?}");
    }
    assert_eq!(hosts.net.signed(), 0);
    hosts.signed(3, vote(&maker, 2, 1));
}

/// BFT time is made of the times of votes: a member that is broken into must not choose any (`APART` in `coordinate/own.rs`).
#[test]
fn a_time_that_is_far_away_is_not_taken_over() {
    for (time, is_taken) in [
        (400, true),
        (1_600, true),
        (399, false),
        (1_601, false),
        (1 << 32, false),
    ] {
        let hosts = Hosts::of(2, 3);
        let maker = maker();
        hosts.lock(1, vote(&maker, 1, time).sign_bytes());
        let signed = hosts.signed(2, vote(&maker, 1, 1_000));
        let wanted = if is_taken { time } else { 1_000 };
        assert_eq!(signed.timestamp, at(wanted), "{time}");
        // Nobody can say that this member lies.
        assert_eq!(hosts.counted_bad(2, 1), 0);
        if !is_taken {
            // The signature is known to all, and to the one that is locked elsewhere as well, which asks for it.
            assert_eq!(hosts.signed(3, vote(&maker, 1, 1_001)).timestamp, at(1_000));
        }
    }
}
