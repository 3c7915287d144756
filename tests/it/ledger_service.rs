//! The whole program with Ledgers behind the emulator's wire, against a simulated node.
#![cfg(feature = "ledger")]

use std::time::{Duration, Instant};

use crate::support::chain::Chain;
use crate::support::home::{Home, PATIENCE, Running};
use crate::support::http::{address, scrape, wait_for, with_metrics};
use crate::support::ledger_simulator::{Device, Finger, Open, tcp};
use rustix::process::Signal;
use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::{PublicKey, Signature, key_text};
use tmkms::harness::messages::Maker;
use tmkms::harness::{Listener, Node};
use tmkms::request::SignRequest;

/// Thirteen bytes: proposals of a new block at round 1 do not fit.
const CHAIN: &str = "ledger-test-1";

fn device() -> Device {
    let mut seed = [0; 32];
    getrandom::getrandom(&mut seed).unwrap();
    Device::new(&seed)
}

fn key(device: &Device) -> PublicKey {
    PublicKey::Ed25519(device.key())
}

fn base64(device: &Device) -> String {
    key_text::to_base64(&key(device))
}

fn maker(chain: &str) -> Maker {
    Maker::new(chain.parse().unwrap())
}

/// A home with these chains, each with its device.
fn home(chains: &[(&str, &Device)], listeners: &[Listener]) -> Home {
    let home = Home::new(&[]);
    let mut text = String::new();
    for ((chain, device), listener) in chains.iter().zip(listeners) {
        let address = tcp::serve((*device).clone(), "127.0.0.1:0");
        let node = listener.address().unwrap();
        let public_key = base64(device);
        let provider = format!(
            "chain_ids = [\"{chain}\"]\ntransport = \"tcp://{address}\"\npublic_key = \"{public_key}\"\ntimeout_ms = 500"
        );
        let section = Chain::with_state(chain, &format!("{chain}.json"))
            .set("sign_extensions = false")
            .node_with_identity(node)
            .provider("ledgertm", &provider);
        text.push_str(&section.to_string());
    }
    home.configure(&text);
    for (chain, _) in chains {
        let (code, text) = home.run(&["state", "init", chain, "--height", "100"]);
        assert_eq!(code, 0, "{text}");
    }
    home
}

fn ask(node: &mut Node, request: SignRequest) -> Result<Signature, String> {
    let began = Instant::now();
    let answer = node.ask(&Ask::Sign(request)).unwrap();
    assert!(
        began.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        began.elapsed()
    );
    match answer {
        Answer::Signed { signature, .. } => Ok(signature),
        Answer::Error(error) => Err(error.description),
        other => panic!("{other:?}"),
    }
}

/// Asks until it is signed, as a node does with later votes.
fn ask_until_signed(node: &mut Node, key: &PublicKey, request: &SignRequest) {
    let began = Instant::now();
    loop {
        match ask(node, request.clone()) {
            Ok(signature) => {
                assert!(key.verify(request.sign_bytes().as_slice(), &signature));
                return;
            }
            Err(why) => assert!(began.elapsed() < PATIENCE, "{why}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn stop(mut running: Running) {
    running.signal(Signal::TERM);
    assert!(running.wait().success());
}

#[test]
fn a_life() {
    let device = device();
    let key = key(&device);
    let listener = Listener::tcp().unwrap();
    let home = home(&[(CHAIN, &device)], std::slice::from_ref(&listener));
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("is an EMULATOR"), "{text}");
    assert!(
        text.contains("with this chain id of 13 bytes it refuses"),
        "{text}"
    );
    assert!(device.screen().is_empty(), "check asks nobody");

    // Unconfirmed: everything is answered, nothing is signed, and the words say what to press.
    with_metrics(&home, "listen = \"127.0.0.1:0\"");
    let running = home.start();
    let at = address(&running);
    let up = || -> Vec<f64> {
        let samples = scrape(&at);
        let found = samples.into_iter();
        found
            .filter(|(name, _)| name.starts_with("tmkms_device_up{"))
            .map(|(_, up)| up)
            .collect()
    };
    let mut node = listener.accept(PATIENCE).unwrap();
    assert_eq!(
        device.wait_for_screen(),
        ["Init validation", "Height: 100", "Round: 127"]
    );
    running.wait_for_log("press the right button");
    let prevote = |height, tag| maker(CHAIN).prevote(height, 0, Some(tag), height);
    let why = ask(&mut node, prevote(101, 1)).unwrap_err();
    assert!(
        why.contains("\"Height: 100\", \"Round: 127\", press the right button"),
        "{why}"
    );
    assert!(matches!(node.ask(&Ask::Ping).unwrap(), Answer::Pong));
    let (code, text) = home.run(&["status"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("NOT ARMED") && text.contains("press the right button"),
        "{text}"
    );
    let (code, text) = home.run(&["ledger", "status"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("in trouble: the Ledger at"), "{text}");
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("in service"), "{text}");
    let (_, text) = home.run(&["state", "show"]);
    assert!(text.contains("100"), "{text}");

    // Confirmed: another vote than the refused one, as the refused one used nothing up.
    assert_eq!(up(), [0.0]);
    device.press(true);
    running.wait_for_log("the Ledger is ready");
    wait_for("up", || up() == [1.0]);
    ask_until_signed(&mut node, &key, &prevote(101, 2));
    for height in 102..=201 {
        let maker = maker(CHAIN);
        for request in [
            maker.proposal(height, 0, 1, height),
            maker.prevote(height, 0, Some(1), height),
            maker.precommit(height, 0, Some(1), height, b""),
        ] {
            let signature = ask(&mut node, request.clone()).unwrap();
            assert!(key.verify(request.sign_bytes().as_slice(), &signature));
        }
    }
    let (code, text) = home.run(&["status"]);
    assert_eq!(code, 0, "{text}");

    // The reply is lost with the link: the same signature again, and not from the device.
    let vote = maker(CHAIN).precommit(201, 0, Some(1), 201, b"");
    node.send(&Ask::Sign(vote.clone())).unwrap();
    drop(node);
    let mut node = listener.accept(PATIENCE).unwrap();
    let before = device.lock().signatures;
    let later = maker(CHAIN).precommit(201, 0, Some(1), 299, b"");
    let signature = ask(&mut node, later).unwrap();
    assert!(
        key.verify(vote.sign_bytes().as_slice(), &signature),
        "the earlier timestamp"
    );
    assert_eq!(device.lock().signatures, before);

    // Unplugged: refused; replays all the same; plugged in: one press, and on it goes.
    device.unplug();
    running.wait_for_log("the emulator closed the link");
    ask(&mut node, prevote(202, 1)).unwrap_err();
    assert_eq!(ask(&mut node, vote.clone()).unwrap(), signature);
    device.plug();
    assert_eq!(device.wait_for_screen()[1], "Height: 201");
    device.press(true);
    ask_until_signed(&mut node, &key, &prevote(202, 2));

    // Another app; the right one again.
    device.switch_to(Open::Other("Bitcoin", "2.2.1"));
    running.wait_for_log("the app Bitcoin 2.2.1 is open");
    let why = ask(&mut node, prevote(203, 1)).unwrap_err();
    assert!(why.contains("open the Tendermint app"), "{why}");
    device.set(|inner| inner.finger = Finger::Accept);
    device.switch_to(Open::Validator);
    ask_until_signed(&mut node, &key, &prevote(203, 2));

    // Locked, found out by a vote: its position is used up, and the vote is signed later.
    device.set(|inner| inner.locked = true);
    let why = ask(&mut node, prevote(204, 1)).unwrap_err();
    assert!(why.contains("it is locked (5515)"), "{why}");
    let why = ask(&mut node, prevote(205, 1)).unwrap_err();
    assert!(why.contains("enter its PIN"), "{why}");
    device.set(|inner| inner.locked = false);
    ask_until_signed(&mut node, &key, &prevote(204, 1));

    // A proposal that does not fit, and a good vote.
    let why = ask(&mut node, maker(CHAIN).proposal(205, 1, 1, 1_800_000_000)).unwrap_err();
    assert!(why.contains("this proposal has 128 bytes"), "{why}");
    ask_until_signed(&mut node, &key, &prevote(205, 1));

    assert_eq!(device.lock().dropped, 0, "no command while another was due");
    stop(running);
}

#[test]
fn two_devices_do_not_wait_for_each_other() {
    let (one, two) = (device(), device());
    one.set(|inner| inner.finger = Finger::Accept);
    let listeners = [Listener::tcp().unwrap(), Listener::tcp().unwrap()];
    let home = home(&[("one-1", &one), ("two-1", &two)], &listeners);
    let running = home.start();
    let mut first = listeners[0].accept(PATIENCE).unwrap();
    let mut second = listeners[1].accept(PATIENCE).unwrap();
    let vote = |chain, height| maker(chain).prevote(height, 0, Some(1), height);
    two.wait_for_screen();
    ask_until_signed(&mut first, &key(&one), &vote("one-1", 101));
    ask(&mut second, vote("two-1", 101)).unwrap_err();
    two.press(true);
    ask_until_signed(&mut second, &key(&two), &vote("two-1", 101));
    one.unplug();
    for height in 102..120 {
        ask(&mut second, vote("two-1", height)).unwrap();
        ask(&mut first, vote("one-1", height)).unwrap_err();
    }
    assert_eq!(one.lock().dropped + two.lock().dropped, 0);
    stop(running);
}

/// A service that was killed while a signature was made: the next one waits for nobody and signs nothing twice.
#[test]
fn a_killed_service_leaves_a_device_that_the_next_one_can_use() {
    let device = device();
    device.set(|inner| inner.finger = Finger::Accept);
    let listener = Listener::tcp().unwrap();
    let home = home(&[(CHAIN, &device)], std::slice::from_ref(&listener));
    let vote = |height| maker(CHAIN).prevote(height, 0, Some(1), height);
    let mut running = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    ask_until_signed(&mut node, &key(&device), &vote(101));
    device.set(|inner| inner.latency = Duration::from_millis(300));
    node.send(&Ask::Sign(vote(102))).unwrap();
    let began = Instant::now();
    while device.state().unwrap().height != 102 {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    device.set(|inner| inner.latency = Duration::ZERO);
    let running = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    // The device will not sign 102 twice; its answer to the dead service is read by the new one, and is good.
    let before = device.lock().signatures;
    ask_until_signed(&mut node, &key(&device), &vote(102));
    assert!(device.lock().signatures <= before + 1);
    ask_until_signed(&mut node, &key(&device), &vote(103));
    stop(running);
}

/// Two processes, one device.
#[test]
fn one_device_one_process() {
    let device = device();
    device.set(|inner| inner.finger = Finger::Accept);
    let listener = Listener::tcp().unwrap();
    let home = home(&[(CHAIN, &device)], std::slice::from_ref(&listener));
    let running = home.start();
    running.wait_for_log("the Ledger is ready");
    let place = home.config();
    let place = place.split("transport = \"").nth(1).unwrap();
    let place = place.split('"').next().unwrap();
    let (code, text) = home.run(&["ledger", "list", "--transport", place]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("another tmkms uses it"), "{text}");
    let (code, text) = home.run(&["ledger", "pubkey", "--transport", place]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("another tmkms uses it") && text.contains("hint: the service asks"),
        "{text}"
    );
    let (code, text) = home.run(&["ledger", "init", "-H", "101"]);
    assert_eq!(code, 1, "{text}");
    let (code, text) = home.run(&["ledger", "status"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("ready to sign"), "{text}");
    stop(running);
}

#[test]
fn the_commands() {
    let device = device();
    let listener = Listener::tcp().unwrap();
    let home = home(&[(CHAIN, &device)], std::slice::from_ref(&listener));
    let config = home.config();
    let place = config.split("transport = \"").nth(1).unwrap();
    let place = place.split('"').next().unwrap();
    let run = |arguments: &[&str]| home.run(arguments);

    let (code, text) = run(&["ledger", "list", "--transport", place]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("MODEL"), "{text}");
    assert!(
        text.contains("Tendermint 0.9.1") && text.contains(&base64(&device)),
        "{text}"
    );
    let (code, text) = run(&["ledger", "pubkey", "--transport", place]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains(&format!("base64: {}\n", base64(&device))),
        "{text}"
    );
    assert!(
        text.contains(&format!("address: {}\n", key(&device).address())),
        "{text}"
    );
    assert!(
        text.contains("cosmos_json: {\"@type\"") && text.contains("Next write `public_key = "),
        "{text}"
    );
    let (code, text) = run(&["ledger", "status"]);
    assert_eq!(code, 0, "{text}");
    for line in [
        "ledger-test-1: Ledger at tcp://",
        "Tendermint 0.9.1, key ",
        "=; whether it remembers a height shows at the start",
        "  nil votes of round 0                                40 of 127 bytes  signed\n",
        "  votes of round 1 to 127                            123 of 127 bytes  signed\n",
        "  proposals of round 0                               125 of 127 bytes  signed\n",
        "  proposals of a new block at round 1 to 127         134 of 127 bytes  REFUSED\n",
        "  vote extensions, raw bytes, rounds above 127                         REFUSED\n",
    ] {
        assert!(text.contains(line), "{text}");
    }

    // Heights: far ones are refused, a button is asked for, and what is below is unchanged.
    let (code, text) = run(&["ledger", "init", "-H", "4000000000000", "--wait", "1"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("height 4000000000000 is 3999999999900 above the watermark of chain ledger-test-1 (100), where 1000000000 are"),
        "{text}"
    );
    assert_eq!(device.lock().signatures, 0);
    let wait = |button: bool| {
        let device = device.clone();
        std::thread::spawn(move || {
            let screen = device.wait_for_screen();
            std::thread::sleep(Duration::from_millis(1_200));
            device.press(button);
            screen
        })
    };
    let person = wait(false);
    let (code, text) = run(&["ledger", "init", "-H", "101", "-r", "3"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("the left button was pressed"), "{text}");
    assert_eq!(
        person.join().unwrap(),
        ["Init validation", "Height: 101", "Round: 003"]
    );
    let person = wait(true);
    let (code, text) = run(&["ledger", "init", "-H", "101", "-r", "3", CHAIN]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("\"Height: 101\", \"Round: 003\", press its right button"),
        "{text}"
    );
    assert!(
        text.contains("Set the Ledger begins at height 101, round 3"),
        "{text}"
    );
    person.join().unwrap();
    let (code, text) = run(&["ledger", "init", "-H", "102"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("was begun before; it is at height 102, round 0 now"),
        "{text}"
    );
    let (code, text) = run(&["ledger", "init", "-H", "50"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("Unchanged the Ledger is at height 50, round 0 or above already"),
        "{text}"
    );

    for (arguments, code, words) in [
        (
            &["ledger", "init", "-H", "5", "other-1"][..],
            2,
            "no [[providers.ledgertm]] signs for chain other-1",
        ),
        (&["ledger", "init", "-H", "0"], 2, "invalid value '0'"),
        (
            &["ledger", "init", "-H", "1", "-r", "128"],
            2,
            "invalid value '128'",
        ),
        (
            &["ledger", "list", "--transport", "tcp://10.1.1.1:9999"],
            2,
            "expected hid, or tcp://127.0.0.1:PORT",
        ),
    ] {
        let (found, text) = run(arguments);
        assert_eq!(found, code, "{text}");
        assert!(text.contains(words), "{text}");
    }

    // Nobody presses.
    device.unplug();
    let (code, text) = run(&["ledger", "status"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("1 of 1 Ledgers in trouble"), "{text}");
    let (code, text) = run(&["ledger", "pubkey", "--transport", place]);
    assert_eq!(code, 1, "{text}");
    device.plug();
    let (code, text) = run(&["ledger", "init", "-H", "101", "--wait", "1"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("no button was pressed within 1 s"), "{text}");
    assert!(text.contains("hint: the Ledger still asks"), "{text}");
    // The next command finds it asking, and says so.
    let (code, text) = run(&["ledger", "pubkey", "--transport", place]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("it does not answer; if its screen says"),
        "{text}"
    );

    let mut without = config.clone();
    without.truncate(config.find("[[providers").unwrap());
    home.configure(&format!(
        "{without}[[providers.softsign]]\nchain_ids = [\"{CHAIN}\"]\npath = \"consensus.key\"\n"
    ));
    let (code, text) = run(&["ledger", "status"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("has no [[providers.ledgertm]]"), "{text}");
}

#[test]
fn a_renamed_chain_of_a_ledger_is_refused_in_a_reload() {
    let device = device();
    let listener = Listener::tcp().unwrap();
    let home = home(&[(CHAIN, &device)], std::slice::from_ref(&listener));
    let running = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    running.wait_for_log("press the right button");
    let text = home.config();
    home.configure(&text.replace(CHAIN, "ledger-test-9"));
    let (code, said) = home.run(&["reload"]);
    assert_eq!(code, 2, "{said}");
    let told = format!("{CHAIN} is gone and its key signs for ledger-test-9 now");
    assert!(said.contains(&told), "{said}");
    assert!(matches!(node.ask(&Ask::Ping).unwrap(), Answer::Pong));
    home.configure(&text);
    let (code, said) = home.run(&["reload"]);
    assert_eq!((code, &*said), (0, "nothing is different\n"));
    stop(running);
}
