//! Members that are dead, slow, or cut off.

use std::time::{Duration, Instant};

use super::net::Wire;
use super::{Hosts, SLOW};
use crate::support::maker;
use tmkms::reply::Reply;

#[test]
fn with_as_many_dead_as_may_be_the_others_sign_whichever_they_are() {
    for (threshold, members) in [(2_u16, 3), (3, 4), (3, 5), (4, 5)] {
        let dead = members - threshold;
        for set in 0_u32..1 << members {
            if set.count_ones() != u32::from(dead) {
                continue;
            }
            let hosts = Hosts::of(threshold, members);
            let is_dead = |member: &u16| set & (1 << (member - 1)) != 0;
            (1..=members)
                .filter(is_dead)
                .for_each(|member| hosts.kill(member));
            for (height, member) in (1..).zip((1..=members).filter(|member| !is_dead(member))) {
                hosts.signed(member, maker().prevote(height, 0, Some(1), 1));
            }
        }
    }
}

#[test]
fn with_one_more_dead_nobody_is_locked_and_the_vote_is_signed_as_soon_as_one_comes_back() {
    std::thread::scope(|scope| {
        for (threshold, members) in [(2_u16, 3), (3, 4), (3, 5)] {
            scope.spawn(move || {
                let hosts = Hosts::of(threshold, members);
                let alive = threshold - 1;
                (alive + 1..=members).for_each(|member| hosts.kill(member));
                let error = hosts.refused(1, maker().prevote(1, 0, Some(1), 1));
                let needed = format!("{threshold} of {members} members have to sign together");
                assert!(error.description.contains(&needed), "{error:?}");
                let missing = format!("member {members} is not reachable");
                assert!(error.description.contains(&missing), "{error:?}");
                assert!((1..=members).all(|member| hosts.last(member).is_none()));
                // While the node waits for its next vote one begins again.
                let began = Instant::now();
                std::thread::scope(|scope| {
                    let hosts = &hosts;
                    scope.spawn(move || {
                        std::thread::sleep(Duration::from_millis(300));
                        hosts.restart(members);
                    });
                    hosts.signed(1, maker().prevote(1, 0, Some(2), 1));
                });
                assert!(
                    began.elapsed() < Duration::from_millis(1_000),
                    "{:?}",
                    began.elapsed()
                );
            });
        }
    });
}

#[test]
fn a_slow_lowest_member_costs_the_first_votes_only() {
    let hosts = Hosts::of(2, 3);
    for other in [2, 3] {
        hosts.wire(1, other, SLOW);
    }
    let mut times = Vec::new();
    for height in 1..=20 {
        let began = Instant::now();
        hosts.signed(3, maker().prevote(height, 0, Some(1), 1));
        times.push(began.elapsed());
    }
    times[1..].sort();
    // The patience with it at first is 100 ms.
    assert!(times[0] < Duration::from_millis(290), "{times:?}");
    assert!(times[10] < Duration::from_millis(60), "{times:?}");
    assert!(hosts.host(3).coordinator.tally().member(1).late >= 1);
    assert_eq!(
        hosts.host(3).coordinator.tally().member(2).late,
        0,
        "{times:?}"
    );
}

/// They take questions and do not answer: whose turn it is has to pass on to the last that is there.
#[test]
fn as_many_as_may_be_missing_may_hang_with_their_links_up() {
    for (threshold, members) in [(4_u16, 7), (7, 12)] {
        let hosts = Hosts::of(threshold, members);
        let hang = members - threshold;
        for one in 1..=hang {
            for other in 1..=members {
                hosts.wire(one, other, Wire::Slow(Duration::from_millis(1_800)));
            }
        }
        let began = Instant::now();
        hosts.signed(members, maker().prevote(1, 0, Some(1), 1));
        assert!(
            began.elapsed() < Duration::from_millis(1_500),
            "{:?}",
            began.elapsed()
        );
        let began = Instant::now();
        hosts.signed(members, maker().prevote(2, 0, Some(1), 1));
        assert!(
            began.elapsed() < Duration::from_millis(300),
            "{:?}",
            began.elapsed()
        );
    }
}

/// What came while this host wrote is not late, and nobody is asked a second time for it.
#[test]
fn a_slow_disk_of_this_host_makes_nobody_else_late() {
    let hosts = Hosts::of(2, 3);
    hosts.net.disks.lock().insert(1, Duration::from_millis(250));
    hosts.signed(1, maker().prevote(1, 0, Some(1), 1));
    let tally = hosts.host(1).coordinator.tally().counts();
    assert_eq!((tally.signed, tally.more_sets), (1, 0));
    assert_eq!(hosts.host(1).coordinator.tally().member(2).late, 0);
}

/// Each of the eight ways in which three members can see each other: who sees one more signs, who sees nobody says so, and
/// whatever was signed is signed once.
#[test]
fn partitions_of_every_shape() {
    std::thread::scope(|scope| {
        for shape in 0..8_u8 {
            scope.spawn(move || {
                let hosts = Hosts::of(2, 3);
                let pairs = [(1, 2), (1, 3), (2, 3)];
                let is_up = |pair: &(u16, u16)| {
                    let place = pairs.iter().position(|one| one == pair).unwrap();
                    shape & (1 << place) != 0
                };
                for pair in pairs.iter().filter(|pair| !is_up(pair)) {
                    hosts.wire(pair.0, pair.1, Wire::Down);
                }
                let ask = |member: u16| {
                    let request = maker().prevote(1, 0, Some(1), i64::from(member));
                    (member, hosts.ask(member, request))
                };
                let replies = std::thread::scope(|scope| {
                    let all = [1, 2, 3].map(|member| scope.spawn(move || ask(member)));
                    all.map(|one| one.join().unwrap())
                });
                for (member, reply) in replies {
                    let sees =
                        |pair: &(u16, u16)| (pair.0 == member || pair.1 == member) && is_up(pair);
                    let signs = matches!(reply, Reply::Signed(_));
                    if !signs {
                        assert!(matches!(reply, Reply::Refused { .. }));
                    }
                    match pairs.iter().filter(|pair| sees(pair)).count() {
                        0 => assert!(!signs, "{shape}: {member}"),
                        _ if shape.count_ones() != 2 => assert!(signs, "{shape}: {member}"),
                        // One sees both others, which see each other not: a lock at two times may be met there.
                        _ => {}
                    }
                }
                assert_eq!(hosts.net.signed(), usize::from(shape != 0), "{shape}");
                // It heals.
                pairs
                    .iter()
                    .for_each(|(one, other)| hosts.wire(*one, *other, Wire::Up));
                for member in 1..=3 {
                    hosts.signed(member, maker().prevote(2, 0, Some(1), i64::from(member)));
                }
            });
        }
    });
}
