//! The real binary: transports, reconnects, signals, kills, two of them at once, missing state.

use std::fs;
use std::io::Read;
use std::time::{Duration, Instant};

use crate::support::chain::Chain;
use crate::support::home::{Home, PATIENCE, sign};
use crate::support::{chain_id, maker, random_key};
use rustix::process::Signal;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::Listener;

#[test]
fn tcp_and_unix_nodes_of_one_chain_share_one_watermark() {
    let folder = tempfile::tempdir().unwrap();
    let tcp = Listener::tcp().unwrap();
    let unix = Listener::unix(&folder.path().join("privval.sock")).unwrap();
    let home = Home::new(&[tcp.address().unwrap(), unix.address().unwrap()]);
    home.init();
    let mut service = home.start();
    let mut one = tcp.accept(PATIENCE).unwrap();
    let mut two = unix.accept(PATIENCE).unwrap();
    for height in 1..20 {
        assert!(sign(&mut one, &home.key, height, 1));
        assert!(sign(&mut two, &home.key, height, 1), "the replay");
        assert!(!sign(&mut two, &home.key, height, 2), "the double sign");
    }
    // Lines are written by a thread of their own; ending the service flushes them.
    service.signal(Signal::TERM);
    assert_eq!(service.wait().code(), Some(0));
    let log = service.log();
    assert!(log.contains("signed prevote:0101010101 at 19/0"), "{log}");
    assert_eq!(
        log.matches("ERROR").count(),
        19,
        "each conflict is one ERROR, nothing else is:\n{log}"
    );
    assert_eq!(log.matches("double sign refused").count(), 19);
}

#[test]
fn sigterm_and_sigint_end_it_at_once_with_exit_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let listener = Listener::tcp().unwrap();
        let home = Home::new(&[listener.address().unwrap()]);
        home.init();
        let mut service = home.start();
        let mut node = listener.accept(PATIENCE).unwrap();
        assert!(sign(&mut node, &home.key, 1, 1));
        let began = Instant::now();
        service.signal(signal);
        assert_eq!(service.wait().code(), Some(0), "{}", service.log());
        assert!(began.elapsed() < Duration::from_secs(1));
        assert!(service.log().contains("stopped"));
    }
}

#[test]
fn it_ends_while_nobody_listens() {
    let home = Home::new(&["unix:///nonexistent/sock".parse().unwrap()]);
    home.init();
    let mut service = home.start();
    service.wait_for_log("no link");
    service.signal(Signal::TERM);
    assert_eq!(service.wait().code(), Some(0));
}

#[test]
fn killed_in_mid_stream_it_remembers() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let mut height = 0;
    for _ in 0..5 {
        let mut service = home.start();
        let mut node = listener.accept(PATIENCE).unwrap();
        for _ in 0..20 {
            height += 1;
            assert!(sign(&mut node, &home.key, height, 1));
        }
        // One more is under way.
        node.send(&Ask::Sign(maker().prevote(
            height + 1,
            0,
            Some(1),
            height + 1,
        )))
        .unwrap();
        service.child.kill().unwrap();
        service.child.wait().unwrap();
        let service = home.start();
        let mut node = listener.accept(PATIENCE).unwrap();
        assert!(
            !sign(&mut node, &home.key, height, 2),
            "below the watermark"
        );
        assert!(sign(&mut node, &home.key, height + 1, 1));
        height += 1;
        drop(service);
    }
}

#[test]
fn it_dials_again_at_once_and_gives_everything_back() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let (threads, descriptors) = (service.threads(), service.descriptors());
    for height in 2..8 {
        drop(node);
        node = listener.accept(PATIENCE).unwrap();
        assert!(sign(&mut node, &home.key, height, 1));
    }
    assert_eq!(
        (service.threads(), service.descriptors()),
        (threads, descriptors)
    );
}

#[test]
fn a_chain_without_state_answers_and_says_what_to_do() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert_eq!(
        node.ask(&Ask::PublicKey("test-1".to_owned())).unwrap(),
        Answer::PublicKey(home.key.clone())
    );
    assert_eq!(node.ask(&Ask::Ping).unwrap(), Answer::Pong);
    assert!(!sign(&mut node, &home.key, 1, 1));
    assert!(
        !home.path().join("state.json").exists(),
        "nothing is made silently"
    );
    service.wait_for_log("tmkms state init test-1 --never-signed");
}

#[test]
fn a_chain_whose_key_is_exposed_is_not_armed_and_the_other_signs() {
    use std::os::unix::fs::PermissionsExt;
    let (one, two) = (Listener::tcp().unwrap(), Listener::tcp().unwrap());
    let home = Home::new(&[one.address().unwrap()]);
    let other = random_key();
    let (_, text) = tmkms::backends::softsign::key::SoftKey::generate(Default::default()).unwrap();
    tmkms::secret_file::create(&home.path().join("other.key"), &text).unwrap();
    drop(other);
    let second = Chain::with_state("test-2", "two.json")
        .node_with_identity(two.address().unwrap())
        .key("other.key");
    home.configure(&format!("{}{second}", home.config()));
    home.init();
    assert_eq!(
        home.run(&["state", "init", "test-2", "--never-signed"]).0,
        0
    );
    fs::set_permissions(
        home.path().join("other.key"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let service = home.start();
    let mut good = one.accept(PATIENCE).unwrap();
    let mut bad = two.accept(PATIENCE).unwrap();
    assert!(sign(&mut good, &home.key, 1, 1));
    assert!(matches!(
        bad.ask(&Ask::PublicKey("test-2".to_owned())).unwrap(),
        Answer::Error(_)
    ));
    service.wait_for_log("chmod 600");
}

#[test]
fn a_second_service_dials_nobody_and_says_so() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let _first = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let (code, text) = home.run(&["start"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("in use by another process"), "{text}");
    // Another configuration with the same key, and a state of its own.
    home.configure(&home.config().replace("state.json", "another.json"));
    let (code, text) = home.run(&[
        "state",
        "init",
        "test-1",
        "--never-signed",
        "--insist",
        "test-1",
    ]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("already signs for chain test-1"), "{text}");
    // The first one never noticed.
    assert!(sign(&mut node, &home.key, 2, 1));
}

#[test]
fn a_wrong_configuration_is_exit_2_and_a_missing_one_may_come() {
    let home = Home::new(&["tcp://127.0.0.1:1".parse().unwrap()]);
    home.configure("[[chain]]\nid = \"test-1\"\nstate_fil = \"x\"\n");
    let (code, text) = home.run(&["start"]);
    assert_eq!(code, 2, "{text}");
    assert!(
        text.contains("did you mean `state_file`?") && text.contains("tmkms.toml:3"),
        "{text}"
    );
    let (code, text) = home.run(&["start", "-c", "nowhere.toml"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("nowhere.toml"), "{text}");
}

#[test]
fn reconnect_false_is_honoured() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.configure(
        &home
            .config()
            .replace("secret_key", "reconnect = false\nsecret_key"),
    );
    home.init();
    let mut service = home.start();
    drop(listener.accept(PATIENCE).unwrap());
    assert_eq!(service.wait().code(), Some(1));
    let mut text = String::new();
    fs::File::open(&service.log)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.contains("reconnect = false"), "{text}");
    let _ = chain_id();
}

#[test]
fn a_chain_whose_state_or_key_comes_later_is_armed_without_a_restart() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    let key = home.path().join("consensus.key");
    let away = home.path().join("away.key");
    fs::rename(&key, &away).unwrap();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(!sign(&mut node, &home.key, 1, 1), "no key, no state");
    fs::rename(&away, &key).unwrap();
    // Its state can be made while the service runs, because a chain that is not armed holds no lock.
    home.init();
    service.wait_for_log("[test-1] armed");
    assert!(sign(&mut node, &home.key, 1, 1), "on the same link");
    assert!(!sign(&mut node, &home.key, 1, 2), "and once only");
    let (code, text) = home.run(&["status"]);
    assert_eq!(code, 0, "{text}");
    // An armed chain keeps its gate: another try would find the locks taken, and must not be made.
    std::thread::sleep(Duration::from_secs(6));
    assert!(sign(&mut node, &home.key, 2, 1));
    assert!(
        !service.log().contains("still not armed: the state file"),
        "{}",
        service.log()
    );
}
