//! Links that end, come again, and come twice.

use std::time::Duration;

use super::support::*;
use tmkms::backends::cosign::peers::{PeerLinks, PeerMessage};
use tmkms::backends::cosign::{PeerAnswer, Peers};

#[test]
fn a_member_that_starts_again_is_linked_again_with_new_nonces() {
    let (one, two) = pair(&echo(), &echo());
    let port = port(&one);
    let (boot, other) = (one.boot(), two.boot());
    assert_eq!(sample(&two, 1).boot, Some(boot));
    drop(one);
    let why = until_down(&two, 1);
    assert!(
        why.contains("it closed the link") || why.contains("cannot connect"),
        "{why}"
    );
    assert!(two.take_shown(1).is_none());
    let mut again = settings(1, &[(2, 1)]);
    again.listen = format!("127.0.0.1:{port}");
    let one = start(again, &echo());
    until_reachable(&two, &[1]);
    until_reachable(&one, &[2]);
    assert_eq!(sample(&two, 1).boot, Some(one.boot()));
    assert_ne!(one.boot(), boot);
    assert_eq!(sample(&one, 2).boot, Some(other));
    assert_eq!(
        answer(&ask(&two, 1, 1, b"x")),
        PeerAnswer::Locked(b"x".into())
    );
}

/// A share that cannot be armed here may be at work on another host, with this very identity: nobody hears of it.
#[test]
fn nobody_is_dialled_or_listened_to_before_it_begins() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap();
    let named = |name: &str| {
        let is_it = |task: std::io::Result<std::fs::DirEntry>| {
            let said = std::fs::read_to_string(task.unwrap().path().join("comm"));
            said.is_ok_and(|said| said.starts_with(name))
        };
        threads().any(is_it)
    };
    let one = PeerLinks::ready(settings(1, &[(11, 1)]), &echo()).unwrap();
    until("its threads are there", || named("cosign-serve-11"));
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(one.door().bound, None);
    one.begin();
    let eleven = PeerLinks::ready(settings(11, &[(1, port(&one))]), &echo()).unwrap();
    std::thread::sleep(Duration::from_millis(150));
    assert!(one.reachable().is_empty() && !sample(&one, 11).up);
    eleven.begin();
    until_reachable(&one, &[11]);
    // One that never begins leaves no thread behind.
    drop((one, eleven));
    drop(PeerLinks::ready(settings(12, &[(10, 1)]), &echo()).unwrap());
    until("they end", || !named("cosign-dial-10"));
}

#[test]
fn a_member_that_runs_twice_is_noticed_and_the_first_stays() {
    let (one, two) = pair(&echo(), &echo());
    let copy = start(settings(2, &[(1, port(&one))]), &echo());
    until("it is noticed", || sample(&one, 2).runs_twice);
    assert_eq!(sample(&one, 2).boot, Some(two.boot()));
    until("the copy is told", || {
        let why = sample(&copy, 1).why_down.unwrap_or_default();
        why.contains("member 2 runs twice")
    });
    assert!(copy.reachable().is_empty());
    assert_eq!(
        answer(&ask(&one, 2, 1, b"x")),
        PeerAnswer::Locked(b"x".into())
    );
    // When the first one is gone the other one takes its place.
    drop(two);
    until("the other one is linked", || {
        sample(&one, 2).boot == Some(copy.boot())
    });
    until_reachable(&copy, &[1]);
}

/// As when a process reads its configuration again: its new links begin while the old ones are there.
#[test]
fn one_that_comes_again_for_a_moment_does_not_run_twice() {
    let mut patient = settings(1, &[(2, 1)]);
    patient.times.certain = PATIENCE;
    let one = start(patient, &echo());
    let ports = [(1, port(&one))];
    let two = start(settings(2, &ports), &echo());
    until_reachable(&one, &[2]);
    let again = start(settings(2, &ports), &echo());
    until("it is turned away", || {
        let why = sample(&again, 1).why_down.unwrap_or_default();
        why.contains("still answers")
    });
    assert!(!sample(&one, 2).runs_twice);
    drop(two);
    until_reachable(&again, &[1]);
    assert!(!sample(&one, 2).runs_twice);
}

#[test]
fn a_link_that_is_dead_gives_way_to_a_new_one() {
    let mut quick = settings(1, &[(2, 1)]);
    quick.times.examine = Duration::from_millis(100);
    let one = start(quick, &echo());
    // It answers no ping, as one whose host vanished.
    let _dead = Fake::greeted(2, 5, &one);
    until("it is up", || sample(&one, 2).boot == Some(5));
    let mut new = Fake::greeted(2, 6, &one);
    until("the new one is up", || sample(&one, 2).boot == Some(6));
    assert!(!sample(&one, 2).runs_twice);
    // So is one of the same process that answers nothing.
    new.send(PeerMessage::Shown(vec![shown(1)]));
    until_reachable(&one, &[2]);
    let _newer = Fake::greeted(2, 6, &one);
    until("it is replaced", || one.reachable().is_empty());
    assert!(sample(&one, 2).up);
    new.end();
}

/// Whatever its process says of itself: a machine that was copied while it ran is the same process twice.
#[test]
fn a_process_that_comes_again_while_its_link_answers_runs_twice() {
    let one = start(settings(1, &[(2, 1)]), &echo());
    let mut first = Fake::greeted(2, 5, &one);
    std::thread::scope(|scope| {
        // It answers pings until the end.
        scope.spawn(move || while first.next().is_ok() {});
        until("it is up", || sample(&one, 2).up);
        let mut again = Fake::greeted(2, 5, &one);
        let Ok(PeerMessage::Bye(said)) = again.next() else {
            panic!("it is told")
        };
        assert!(said.contains("member 2 runs twice"), "{said}");
        assert!(sample(&one, 2).runs_twice && sample(&one, 2).up);
        drop(one);
    });
}

#[test]
fn a_silent_member_and_one_that_never_stops_are_given_up() {
    let mut quick = settings(1, &[(2, 1)]);
    quick.times.silence = Duration::from_millis(300);
    let one = start(quick, &echo());
    let _silent = Fake::greeted(2, 5, &one);
    until("it is up", || sample(&one, 2).up);
    let why = until_down(&one, 2);
    assert!(why.contains("silent for 0.3 s"), "{why}");
    let mut loud = Fake::greeted(2, 5, &one);
    until("it is up", || sample(&one, 2).up);
    let pong = PeerMessage::Pong(1).encode().unwrap();
    // Nobody has the time to count them all where the machine is busy.
    let many = pong.repeat(100);
    while loud.sending.send(&many).is_ok() {}
    let why = until_down(&one, 2);
    assert!(why.contains("within a second"), "{why}");
}

#[cfg(target_os = "linux")]
fn threads_of(member: &str) -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    let names = names.map(|name| name.trim().to_owned());
    names
        .filter(|name| name.starts_with("cosign-") && name.ends_with(member))
        .collect()
}

/// The ids are those of no other test, and stand in the names of the threads.
#[cfg(target_os = "linux")]
#[test]
fn no_thread_outlives_the_links() {
    let members: Vec<PeerLinks> = {
        let ten = start(settings(10, &[(11, 1), (12, 1)]), &echo());
        let eleven = start(settings(11, &[(10, port(&ten)), (12, 1)]), &echo());
        let ports = [(10, port(&ten)), (11, port(&eleven))];
        vec![ten, eleven, start(settings(12, &ports), &echo())]
    };
    until_reachable(&members[0], &[11, 12]);
    until_reachable(&members[1], &[10, 12]);
    until_reachable(&members[2], &[10, 11]);
    let all = || ["-10", "-11", "-12"].map(threads_of).concat();
    // For each of two others one that serves, one that sends and one that reads; and two that listen. Those that look addresses up
    // have done so.
    until("all are there", || all().len() == 3 * 2 * 3 + 2);
    drop(members);
    until("all have ended", || all().is_empty());
}
