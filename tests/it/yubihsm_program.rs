//! The whole program with a simulated YubiHSM: votes, restarts, the device pulled out, commands beside the service.
#![cfg(feature = "yubihsm")]

use crate::support;
use std::time::{Duration, Instant};

use crate::support::home::{Home, PATIENCE, sign};
use crate::support::yubihsm_bench::add_keys;
use crate::support::yubihsm_simulator::{Profile, Simulator};
use crate::support::{http, maker};
use rustix::process::Signal;
use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::PublicKey;
use tmkms::harness::{Listener, Node};

pub fn section(simulator: &Simulator) -> String {
    format!(
        "[[providers.yubihsm]]\nadapter = {{ type = \"http\", addr = \"tcp://{}\" }}\n\
         auth = {{ key = 4, password_file = \"password\" }}\nkeys = [{{ chain_ids = [\"test-1\"], key = 1 }}]\n",
        simulator.address()
    )
}

/// Devices with one key, made from `seed`; each test has its own, because the lock on chain and key is one per host.
pub fn simulator(serial: u32, seed: u8) -> Simulator {
    let simulator = Simulator::start(Profile::new(serial, (2, 4, 0)));
    add_keys(&simulator, seed);
    simulator
}

/// A home whose key is in these devices, and the node that it dials.
pub fn home(simulators: &[&Simulator], seed: u8) -> (Home, Listener) {
    let listener = Listener::tcp().unwrap();
    let mut home = Home::new(&[listener.address().unwrap()]);
    tmkms::secret_file::create(&home.path().join("password"), b"validator\n").unwrap();
    let config = home.config();
    let (rest, _) = config.split_once("[[providers").unwrap();
    let sections: String = simulators.iter().map(|one| section(one)).collect();
    home.configure(&format!("{rest}{sections}"));
    let secret = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    home.key = PublicKey::Ed25519(secret.verifying_key().to_bytes());
    (home, listener)
}

#[test]
fn votes_restarts_and_a_device_that_goes_and_comes() {
    let simulator = simulator(7, 101);
    let (home, listener) = home(&[&simulator], 101);
    home.init();
    let mut service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert_eq!(
        node.ask(&Ask::PublicKey("test-1".to_owned())).unwrap(),
        Answer::PublicKey(home.key.clone())
    );
    for height in 1..=200 {
        assert!(sign(&mut node, &home.key, height, 1));
    }
    simulator.device().power_cycle();
    assert!(sign(&mut node, &home.key, 201, 1), "after a power cycle");
    simulator.unplug();
    let began = Instant::now();
    assert!(!sign(&mut node, &home.key, 202, 1), "answered in-band");
    assert!(began.elapsed() < Duration::from_millis(3_500));
    simulator.plug();
    assert!(sign(&mut node, &home.key, 202, 1), "the very same vote");
    assert!(!sign(&mut node, &home.key, 202, 2), "and no other");
    assert_eq!(simulator.device().open_sessions(), 1);
    service.signal(Signal::TERM);
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    assert_eq!(simulator.device().open_sessions(), 0, "closed at the end");

    // Away at the start: the chain answers, and says why it does not sign.
    simulator.unplug();
    let service = home.start();
    service.wait_for_log("not armed");
    service.wait_for_log("the connector is there and has no device");
}

#[test]
fn messages_that_the_device_cannot_take_use_nothing_up() {
    let simulator = simulator(7, 102);
    let (home, listener) = home(&[&simulator], 102);
    home.init();
    let _service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    let mut ask = |length, tag| {
        let extension = vec![5; length];
        let request = maker().precommit(1, 0, Some(tag), 1, &extension);
        node.ask(&Ask::Sign(request)).unwrap()
    };
    match ask(3_200, 1) {
        Answer::Error(error) => assert!(
            error.description.contains("signs 3107 at most"),
            "{error:?}"
        ),
        other => panic!("{other:?}"),
    }
    // The position is still free, for another block even.
    assert!(matches!(ask(3_000, 2), Answer::Signed { .. }));
}

#[test]
fn commands_beside_the_service() {
    let simulator = simulator(7, 103);
    let (home, listener) = home(&[&simulator], 103);
    home.init();
    let (code, text) = home.run(&["yubihsm", "keys", "list"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.starts_with("Listing keys in YubiHSM #0000000007:\n- 0x0001: [cons] "),
        "{text}"
    );
    assert!(
        text.contains("- 0x0002: [acct] 02") || text.contains("- 0x0002: [acct] 03"),
        "{text}"
    );
    assert!(!text.contains("0x0005"), "another domain: {text}");
    let _service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    for key in ["1", "0x0002"] {
        let (code, text) = home.run(&["yubihsm", "test", "-n", "5", key]);
        assert_eq!(code, 0, "{text}");
        assert_eq!(
            text.matches("     Success signed message using key ID #")
                .count(),
            5
        );
        assert!(text.contains("signatures: 5\np50: "), "{text}");
    }
    assert!(sign(&mut node, &home.key, 2, 1));
    assert_eq!(simulator.device().open_sessions(), 1, "theirs are closed");
    for (arguments, code, words) in [
        (&["yubihsm", "test", "-n", "1", "9"][..], 1, "domain"),
        (&["yubihsm", "test", "0"], 2, "1 to 65535"),
        (
            &["yubihsm", "keys", "list", "--serial", "5"],
            2,
            "serial_number",
        ),
    ] {
        let (found, text) = home.run(arguments);
        assert_eq!(found, code, "{text}");
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_test_without_end_is_ended_by_a_signal_and_closes_its_session() {
    let simulator = simulator(7, 104);
    let (home, _) = home(&[&simulator], 104);
    let mut child = home
        .command(&["yubihsm", "test", "1"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while simulator
        .device()
        .executed(tmkms::backends::yubihsm::protocol::codes::command::SIGN_EDDSA)
        < 3
    {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    let process = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(process, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(simulator.device().open_sessions(), 0);
}

#[test]
fn replicas_under_load_lose_no_vote() {
    let (one, two) = (simulator(1, 105), simulator(2, 105));
    let (home, listener) = home(&[&one, &two], 105);
    home.init();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    let mut height = 0;
    for pull in 0..10 {
        for step in 0..20 {
            height += 1;
            match step {
                5 => one.unplug(),
                15 => one.plug(),
                _ => {}
            }
            assert!(
                sign(&mut node, &home.key, height, 1),
                "pull {pull}, height {height}:\n{}",
                service.log()
            );
        }
    }
}

#[test]
fn metrics_tell_a_replica_that_goes_and_comes() {
    let (one, two) = (simulator(1, 107), simulator(2, 107));
    let (home, listener) = home(&[&one, &two], 107);
    http::with_metrics(&home, "listen = \"127.0.0.1:0\"");
    home.init();
    let service = home.start();
    let at = http::address(&service);
    let mut node = listener.accept(PATIENCE).unwrap();
    let sum = |name: &str| -> f64 {
        let samples = http::scrape(&at);
        let found = samples.iter().filter(|(key, _)| key.starts_with(name));
        found.map(|(_, value)| value).sum()
    };
    assert!(sign(&mut node, &home.key, 1, 1));
    http::wait_for("two devices", || sum("tmkms_device_up{") == 2.0);
    assert_eq!(sum("tmkms_device_losses_total{"), 0.0);
    one.unplug();
    assert!(sign(&mut node, &home.key, 2, 1));
    http::wait_for("one device", || sum("tmkms_device_up{") == 1.0);
    http::wait_for("one loss", || sum("tmkms_device_losses_total{") == 1.0);
    http::wait_for("a failure", || sum("tmkms_device_failures_total{") >= 1.0);
    assert_eq!(sum("tmkms_chain_ready{"), 1.0, "the other one signs");
    assert_eq!(
        (sum("tmkms_replicas{"), sum("tmkms_replicas_up{")),
        (2.0, 1.0)
    );
    let (code, status) = home.run(&["status"]);
    assert_eq!(code, 0, "{status}");
    assert!(
        status.contains("down: the connector is there and has no device"),
        "{status}"
    );
    let page = http::get(&at, "/").1;
    assert!(
        page.contains("down: the connector is there and has no device"),
        "{page}"
    );
    // A chain with one device less is amber, and the device has its serial number, whatever its address.
    let (_, json) = home.run(&["status", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["chains"][0]["condition"], "attention", "{json}");
    assert_eq!(json["chains"][0]["devices"][0]["serial"], "0000000001");
    let lost = "(serial 0000000001) is down: the connector is there and has no device";
    assert!(status.contains(lost), "{status}");
    assert!(page.contains(lost), "{page}");
    assert!(page.contains("class=\"is-warn\""), "{page}");
    two.unplug();
    http::wait_for("no device", || sum("tmkms_chain_ready{") == 0.0);
    let (code, text) = http::get(&at, "/ready");
    assert_eq!(code, 503);
    assert!(text.contains("test-1: YubiHSM at "), "{text}");
    assert!(
        text.contains("plug the YubiHSM in where the connector runs"),
        "{text}"
    );
    two.plug();
    one.plug();
    http::wait_for("two again", || sum("tmkms_device_up{") == 2.0);
    assert_eq!(sum("tmkms_device_losses_total{"), 2.0);
    http::wait_for("four sessions", || {
        sum("tmkms_device_sessions_total{") == 4.0
    });
    assert_eq!(http::get(&at, "/ready").0, 200);

    // The log of the device, and the backup that nobody has proven.
    assert_eq!(sum("tmkms_device_log_entries_limit{"), 2.0 * 62.0);
    assert_eq!(sum("tmkms_backup_verified_age_seconds{"), f64::INFINITY);
}

#[test]
fn that_both_devices_are_gone_is_an_error_and_one_is_a_warning() {
    let (one, two) = (simulator(1, 120), simulator(2, 120));
    let (home, listener) = home(&[&one, &two], 120);
    home.init();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let errors = || service.log().matches("ERROR").count();
    one.unplug();
    assert!(sign(&mut node, &home.key, 2, 1));
    service.wait_for_log("WARN");
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(errors(), 0, "{}", service.log());
    for round in 1..=2 {
        two.unplug();
        let began = Instant::now();
        while errors() < round {
            assert!(began.elapsed() < PATIENCE, "{}", service.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = service.log();
        assert_eq!(
            log.matches("[test-1] no device that holds its key answers")
                .count(),
            round,
            "{log}"
        );
        for serial in ["(serial 0000000001): ", "(serial 0000000002): "] {
            let told = log.lines().filter(|line| line.contains(serial));
            assert!(told.count() > round, "down, and gone with the other: {log}");
        }
        two.plug();
        let height = 2 + i64::try_from(round).unwrap();
        http::wait_for("a device", || sign(&mut node, &home.key, height, 1));
        // Seen as there again.
        std::thread::sleep(Duration::from_secs(2));
    }
    assert_eq!(errors(), 2, "told once each time: {}", service.log());
}

#[test]
fn a_key_that_the_device_does_not_sign_with_is_not_ready() {
    let simulator = simulator(7, 109);
    let (home, listener) = home(&[&simulator], 109);
    http::with_metrics(&home, "listen = \"127.0.0.1:0\"");
    home.init();
    let service = home.start();
    let at = http::address(&service);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let place = (
        tmkms::backends::yubihsm::protocol::codes::object::ASYMMETRIC_KEY,
        1,
    );
    let key = simulator.device().objects.remove(&place).unwrap();
    assert!(!sign(&mut node, &home.key, 2, 1));
    // The device itself answers.
    let (code, text) = http::get(&at, "/ready");
    assert_eq!(code, 503);
    assert!(
        text.contains("no key 0x0001 that authentication key 0x0004 may see"),
        "{text}"
    );
    let (code, status) = home.run(&["status"]);
    assert_eq!(code, 1);
    assert!(status.contains("down: no key 0x0001"), "{status}");
    simulator.device().objects.insert(place, key);
    assert!(sign(&mut node, &home.key, 2, 1), "the very same vote");
    assert_eq!(http::get(&at, "/ready").0, 200);
}

#[test]
fn a_password_that_is_corrected_needs_no_restart() {
    let simulator = simulator(7, 108);
    let (home, listener) = home(&[&simulator], 108);
    home.init();
    let path = home.path().join("password");
    std::fs::write(&path, "another\n").unwrap();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(!sign(&mut node, &home.key, 1, 1), "answered in-band");
    service.wait_for_log("the device did not prove that it knows authentication key 0x0004");
    std::fs::write(&path, "validator\n").unwrap();
    service.wait_for_log("its password was corrected");
    service.wait_for_log("armed with the YubiHSM");
    assert!(sign(&mut node, &home.key, 1, 1));
    assert_eq!(simulator.device().open_sessions(), 1);
}

/// `cargo test --release --test it yubihsm_program:: -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn what_our_part_of_a_vote_costs() {
    let simulator = simulator(1, 106);
    let (hard, hard_listener) = home(&[&simulator], 106);
    let soft_listener = Listener::tcp().unwrap();
    let soft = Home::new(&[soft_listener.address().unwrap()]);
    let (soft_service, hard_service) = (begun(&soft), begun(&hard));
    let mut soft_node: Node = soft_listener.accept(PATIENCE).unwrap();
    let mut hard_node: Node = hard_listener.accept(PATIENCE).unwrap();
    let (mut softs, mut hards) = (Vec::new(), Vec::new());
    // In turns, so that a busy machine is busy for both; below the token bucket's limit.
    for height in 1..=900 {
        for (node, key, times) in [
            (&mut soft_node, &soft.key, &mut softs),
            (&mut hard_node, &hard.key, &mut hards),
        ] {
            let began = Instant::now();
            assert!(sign(node, key, height, 1));
            times.push(began.elapsed());
        }
    }
    drop((soft_service, hard_service));
    softs.sort();
    hards.sort();
    let (soft, hard) = (softs[450], hards[450]);
    println!(
        "median vote: softsign {soft:?}, a YubiHSM that answers at once {hard:?}: {:.1} times",
        hard.as_secs_f64() / soft.as_secs_f64()
    );
}

fn begun(home: &Home) -> support::home::Running {
    home.init();
    home.start()
}
