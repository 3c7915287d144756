//! Ledgers behind the emulator's wire.

use std::time::{Duration, Instant};

use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::{PublicKey, key_text};
use tmkms::harness::Node;
use tmkms::harness::messages::Maker;
use tmkms::request::SignRequest;

use super::walk::{Walk, commands_in};
use crate::support::home::PATIENCE;
use crate::support::ledger_simulator::{Device, Fault, Finger, tcp};

/// Thirteen bytes: proposals of a new block at round 1 do not fit.
const CHAIN: &str = "ledger-test-1";

/// The validator's key is on a Ledger, and somebody presses its right button.
fn with_ledger(walk: &mut Walk) -> Device {
    let mut seed = [0; 32];
    getrandom::getrandom(&mut seed).unwrap();
    let device = Device::new(&seed);
    device.set(|inner| inner.finger = Finger::Accept);
    let address = tcp::serve(device.clone(), "127.0.0.1:0");
    walk.home.key = PublicKey::Ed25519(device.key());
    let public_key = key_text::to_base64(&walk.home.key);
    let config = walk.home.config().replace("test-1", CHAIN);
    let config = config.replace("[[validator]]", "sign_extensions = false\n[[validator]]");
    let (rest, _) = config.split_once("[[providers").unwrap();
    walk.home.configure(&format!(
        "{rest}[[providers.ledgertm]]\nchain_ids = [\"{CHAIN}\"]\ntransport = \"tcp://{address}\"\n\
         public_key = \"{public_key}\"\ntimeout_ms = 500\n"
    ));
    let init = walk.tmkms(&["state", "init", CHAIN, "--height", "100"]);
    assert_eq!(init.code, 0, "{}", init.text);
    device
}

fn maker() -> Maker {
    Maker::new(CHAIN.parse().unwrap())
}

fn ask(node: &mut Node, request: SignRequest) -> Result<(), String> {
    match node.ask(&Ask::Sign(request)).unwrap() {
        Answer::Signed { .. } => Ok(()),
        Answer::Error(error) => Err(error.description),
        other => panic!("{other:?}"),
    }
}

fn ask_until_signed(node: &mut Node, request: &SignRequest) {
    let began = Instant::now();
    while let Err(why) = ask(node, request.clone()) {
        assert!(began.elapsed() < PATIENCE, "{why}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_public_key_that_is_none() {
    let mut walk = Walk::of("a_public_key_that_is_none");
    let _device = with_ledger(&mut walk);
    let key = key_text::to_base64(&walk.home.key);
    walk.edit(&key, "no key");
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 2, "{}", said.text);
    let shown = walk.follow(
        &said,
        "prints the line to write here",
        "tmkms ledger pubkey",
    );
    let line = commands_in(&shown.text).find(|line| line.starts_with("public_key"));
    walk.edit("public_key = \"no key\"", line.unwrap());
    walk.is_ready();
}

#[test]
fn a_proposal_that_does_not_fit() {
    let mut walk = Walk::of("a_proposal_that_does_not_fit");
    let _device = with_ledger(&mut walk);
    let _service = walk.home.start();
    let mut node = walk.node.accept(PATIENCE).unwrap();
    ask_until_signed(&mut node, &maker().prevote(101, 0, Some(1), 101));
    let why = ask(&mut node, maker().proposal(102, 1, 1, 1_800_000_000)).unwrap_err();
    let printed = walk.printed(&why, "shows what fits", "tmkms ledger status");
    let done = walk.paste(&printed);
    assert_eq!(done.code, 0, "{}", done.text);
    assert!(done.text.contains("REFUSED"), "{}", done.text);
}

#[test]
fn a_ledger_that_signs_wrongly() {
    let mut walk = Walk::of("a_ledger_that_signs_wrongly");
    let device = with_ledger(&mut walk);
    let mut service = walk.home.start();
    let mut node = walk.node.accept(PATIENCE).unwrap();
    ask_until_signed(&mut node, &maker().prevote(101, 0, Some(1), 101));
    device.fault(Fault::WrongSignature);
    let why = ask(&mut node, maker().prevote(102, 0, Some(1), 102)).unwrap_err();
    let printed = walk.printed(&why, "was discarded", "tmkms ledger pubkey");
    service.signal(rustix::process::Signal::TERM);
    service.wait();
    let done = walk.paste(&printed);
    assert_eq!(done.code, 0, "{}", done.text);
    assert!(
        done.text.contains(&key_text::to_base64(&walk.home.key)),
        "{}",
        done.text
    );
}

#[test]
fn a_ledger_that_signs_a_height_wrongly() {
    let mut walk = Walk::of("a_ledger_that_signs_a_height_wrongly");
    let device = with_ledger(&mut walk);
    let said = walk.tmkms(&["ledger", "init", "-H", "101"]);
    assert_eq!(said.code, 0, "{}", said.text);
    device.fault(Fault::WrongSignature);
    let said = walk.tmkms(&["ledger", "init", "-H", "102"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let done = walk.follow(&said, "was discarded", "tmkms ledger pubkey");
    assert!(
        done.text.contains(&key_text::to_base64(&walk.home.key)),
        "{}",
        done.text
    );
}

#[test]
fn a_first_height_that_is_far_ahead() {
    let mut walk = Walk::of("a_first_height_that_is_far_ahead");
    let _device = with_ledger(&mut walk);
    // A height that no chain is at is no reason to raise anything.
    let said = walk.tmkms(&["ledger", "init", "-H", "4000000000"]);
    assert_eq!(said.code, 1, "{}", said.text);
    assert!(!said.text.contains("state raise"), "{}", said.text);
    assert!(
        said.text.contains("the chain cannot be there"),
        "{}",
        said.text
    );
    // From here on the bucket decides.
    let raised = walk.tmkms(&["state", "raise", CHAIN, "--height", "101"]);
    assert_eq!(raised.code, 0, "{}", raised.text);
    let init = ["ledger", "init", "-H", "50000"];
    let said = walk.tmkms(&init);
    assert_eq!(said.code, 1, "{}", said.text);
    let words = "tmkms state raise ledger-test-1 --height 50000";
    walk.follow(&said, "raise the state first with", words);
}

#[test]
fn a_ledger_that_the_service_has() {
    let mut walk = Walk::of("a_ledger_that_the_service_has");
    let _device = with_ledger(&mut walk);
    let _service = walk.home.start();
    let mut node = walk.node.accept(PATIENCE).unwrap();
    ask_until_signed(&mut node, &maker().prevote(101, 0, Some(1), 101));
    let config = walk.home.config();
    let place = config.split("transport = \"").nth(1).unwrap();
    let place = place.split('"').next().unwrap();
    let path = walk.path("tmkms.toml");
    for command in [
        &["ledger", "pubkey", "--transport", place][..],
        &["ledger", "init", "-H", "102"],
    ] {
        let said = walk.tmkms(command);
        assert_eq!(said.code, 1, "{}", said.text);
        let fill = [("PATH", path.to_str().unwrap())];
        let done = walk.follow_filled(&said, "says how the Ledger is", "tmkms status", &fill);
        assert!(done.text.contains("ledger-test-1: armed"), "{}", done.text);
    }
}

#[test]
fn a_configuration_without_a_ledger() {
    let walk = Walk::of("a_configuration_without_a_ledger");
    let said = walk.tmkms(&["ledger", "status"]);
    assert_eq!(said.code, 2, "{}", said.text);
    let printed = walk.printed(&said.text, "add one with", "tmkms ledger pubkey");
    let done = walk.paste(&printed);
    // Whatever is plugged into this host.
    assert!(
        done.code == 0 || done.text.contains("Ledger"),
        "{}",
        done.text
    );
}
