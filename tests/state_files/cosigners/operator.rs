//! What the operator of one member says holds for that member: for the questions of the others as for those of its own nodes.

use std::time::{Duration, Instant};

use super::net::Wire;
use super::{Host, HostSettings, Hosts};
use crate::support::{Mood, chain_id, maker};
use tmkms::backends::cosign::Serve;
use tmkms::chain::{Asker, Drained, Respond};
use tmkms::consensus::Height;
use tmkms::gate::pause::{Pause, PauseFile};
use tmkms::gate::raw::{Dialect, RawPolicy};
use tmkms::gate::word::floor::{FloorHeight, FloorSource};
use tmkms::gate::word::hold::Wait;
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::reply::Reply;
use tmkms::request::{RawRequest, Request};

fn pause(host: &Host) -> Drained {
    let folder = tempfile::tempdir().unwrap();
    let file = PauseFile::beside(
        &folder.path().join("state.json"),
        &chain_id(),
        &Default::default(),
    );
    let pause = Pause {
        from: None,
        why: None,
        asked: Duration::ZERO,
    };
    host.chain.pause(pause, &file).unwrap().drained
}

fn with_raw() -> HostSettings {
    HostSettings {
        raw: Some(RawPolicy {
            dialect: Dialect::CometbftV1,
            max_bytes: 100,
        }),
        ..HostSettings::default()
    }
}

fn raw() -> RawRequest {
    RawRequest {
        first: b"raw".to_vec(),
        ..RawRequest::default()
    }
}

/// What each of these does to member 1; the reason that the others are told contains the word.
type Stop = (fn(&Host), &'static str);

const STOPS: [Stop; 5] = [
    (|host| assert_eq!(pause(host), Drained::Yes), "pause"),
    (
        |host| host.lasting.hold.set(Some(Wait::Answer)),
        "no node of `rpc`",
    ),
    (
        |host| {
            let retired = host.chain.retire(Duration::from_secs(1), &SystemClock);
            retired.unwrap();
        },
        "taken out",
    ),
    (
        |host| {
            let sealed = host
                .chain
                .hand_over(Duration::from_secs(1), &SystemClock, |_, _, _| {
                    Ok::<_, String>(((), "it went to another host".to_owned()))
                });
            sealed.unwrap();
        },
        "it went to another host",
    ),
    (
        |host| {
            host.lasting.floor.raise(FloorHeight {
                height: Height::new(1_000).unwrap(),
                source: FloorSource::Commits,
            });
        },
        "1000",
    ),
];

#[test]
fn what_stops_one_member_stops_its_shares_and_the_others_go_on() {
    for (stop, word) in STOPS {
        let hosts = Hosts::with(2, 3, |_| with_raw());
        hosts.signed(3, maker().precommit(1, 0, Some(1), 1, b"extension"));
        let says = || {
            let serving = hosts.net.members.read()[&1].serving.clone();
            serving.standings().remove(0).refuses
        };
        assert_eq!(says(), None);
        stop(&hosts.host(1));
        let stood = hosts.last(1);
        // A floor is about some heights.
        match says() {
            Some(why) => assert!(why.contains(word), "{word}: {why}"),
            None => assert_eq!(word, "1000"),
        }
        // Neither extensions of what it stands at, nor raw bytes, nor votes; the others do without it.
        let again = maker().precommit(1, 0, Some(1), 1, b"extension");
        let signed = hosts.signed(3, again);
        assert!(signed.extension_signature.is_some());
        if word != "1000" {
            // A floor is about heights, which raw bytes have none of.
            let before = hosts.net.served.lock().len();
            assert!(matches!(hosts.raw(3, raw()), Reply::RawSigned(_)), "{word}");
            assert!(hosts.net.served.lock().len() > before);
        }
        hosts.signed(3, maker().prevote(2, 0, Some(1), 1));
        let own = hosts.refused(1, maker().prevote(3, 0, Some(1), 1));
        assert!(own.description.contains(word), "{word}: {own:?}");
        // It may have learned of what the others did.
        assert!(hosts.last(1) >= stood);
        // Where it is needed, its reason is the answer.
        hosts.refuses(2);
        let error = hosts.refused(3, maker().prevote(4, 0, Some(1), 1));
        assert!(error.description.contains("member 1 "), "{word}: {error:?}");
        assert!(error.description.contains(word), "{word}: {error:?}");
        let raws = hosts.raw(3, raw());
        match raws {
            Reply::RawRefused(error) if word != "1000" => {
                assert!(error.description.contains("member 1 "), "{error:?}");
            }
            Reply::RawSigned(_) if word == "1000" => {}
            other => panic!("{word}: {other:?}"),
        }
    }
}

/// When a pause is confirmed nothing that was begun before is signed any more: neither what this host's node asked, though no
/// gate is held while others are asked, nor what others ask.
#[test]
fn a_pause_waits_for_what_is_asked_of_others() {
    let hosts = Hosts::of(2, 3);
    let slow = Wire::Slow(Duration::from_millis(80));
    hosts.wire(1, 2, slow);
    hosts.wire(1, 3, slow);
    std::thread::scope(|scope| {
        let hosts = &hosts;
        let began = Instant::now();
        let vote = scope.spawn(move || {
            let reply = hosts.ask(1, maker().prevote(1, 0, Some(1), 1));
            (reply, began.elapsed())
        });
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(pause(&hosts.host(1)), Drained::Yes);
        let paused = began.elapsed();
        let (reply, answered) = vote.join().unwrap();
        // Where the machine was slow a second set was begun, for which this member gave no share any more.
        match &reply {
            Reply::Signed(_) => {}
            Reply::Refused { error, .. } => assert!(error.description.contains("paused")),
            other => panic!("{other:?}"),
        }
        assert!(
            answered < paused + Duration::from_millis(20),
            "{answered:?}, {paused:?}"
        );
        assert!(paused > Duration::from_millis(75), "{paused:?}");
    });
    // The others go on, also with a vote that this one is locked on.
    hosts.signed(2, maker().prevote(1, 0, Some(1), 2));
    hosts.signed(3, maker().prevote(2, 0, Some(1), 1));
}

#[test]
fn a_disk_that_fails_at_one_member_costs_its_share_only() {
    let hosts = Hosts::of(2, 3);
    hosts.signed(3, maker().prevote(1, 0, Some(1), 1));
    hosts.host(1).disk.set(Mood::Lost);
    for height in 2..5 {
        hosts.signed(3, maker().prevote(height, 0, Some(1), 1));
        hosts.signed(2, maker().precommit(height, 0, Some(1), 1, b""));
    }
    // Of what it could not write it gave no share, and its own node is told what is wrong. After the first time nobody is asked
    // or locked for it.
    let error = hosts.refused(1, maker().prevote(6, 0, Some(1), 1));
    assert!(error.description.contains("the disk is sick"), "{error:?}");
    let before = (hosts.last(2), hosts.last(3), hosts.net.served.lock().len());
    let error = hosts.refused(1, maker().prevote(7, 0, Some(1), 1));
    assert!(error.description.contains("the disk is sick"), "{error:?}");
    assert_eq!(
        (hosts.last(2), hosts.last(3), hosts.net.served.lock().len()),
        before
    );
    // It heals.
    hosts.host(1).disk.set(Mood::Fine);
    hosts.restart(1);
    hosts.signed(1, maker().prevote(8, 0, Some(1), 1));
}

/// A write that failed may have been done: the position is used up for other bytes, and gives its share when the disk is mended.
#[test]
fn a_position_that_could_not_be_written_is_locked_on_its_bytes() {
    for mood in [Mood::Lost, Mood::Written] {
        let hosts = Hosts::of(2, 2);
        hosts.host(1).disk.set(mood);
        let error = hosts.refused(2, maker().prevote(1, 0, Some(1), 1));
        assert!(error.description.contains("member 1 refuses"), "{error:?}");
        hosts.host(1).disk.set(Mood::Fine);
        hosts.refused(1, maker().prevote(1, 0, Some(2), 1));
        hosts.refused(2, maker().prevote(1, 0, Some(2), 1));
        // After a while it is mended by itself.
        std::thread::sleep(Duration::from_millis(1_050));
        hosts.signed(2, maker().prevote(1, 0, Some(1), 3));
    }
}

/// `max_height` and `nodes = "sticky"` are about the nodes of the host that asks: there, and before anybody is asked.
#[test]
fn what_holds_for_the_nodes_of_one_host_is_not_asked_of_others() {
    let hosts = Hosts::of(2, 3);
    let ask = |node, max_height| {
        let asker = Asker {
            node,
            max_height: Height::new(max_height),
        };
        let request = Request::Sign(maker().prevote(5, 0, Some(1), 1));
        let chain = hosts.host(1).chain.clone();
        let now = SystemClock.now();
        chain.answer(request, &now, &asker, &SystemClock).reply
    };
    let reply = ask("tcp://a:1", 4);
    assert!(
        matches!(&reply, Reply::Refused { error, .. } if error.description.contains("max_height")),
        "{reply:?}"
    );
    assert!(hosts.net.served.lock().is_empty());
    assert!(matches!(ask("tcp://a:1", 5), Reply::Signed(_)));
}
