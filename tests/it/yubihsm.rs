//! The YubiHSM backend against the simulator: signatures, every trouble with its own words, the life of sessions,
//! deadlines, replicas.
#![cfg(feature = "yubihsm")]

use crate::support::yubihsm_bench;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::yubihsm_bench::{add_keys, auth_key};
use crate::support::yubihsm_simulator::{Body, Moment, PowerLoss, Profile, Simulator};
use tmkms::backends::yubihsm::device::thread::{DeviceHandle, DeviceThread};
use tmkms::backends::yubihsm::protocol::auth_key::Credentials;
use tmkms::backends::yubihsm::protocol::codes::{algorithm, command, object};
use tmkms::backends::yubihsm::protocol::error::ErrorKind;
use tmkms::backends::yubihsm::protocol::frame;
use tmkms::backends::yubihsm::protocol::identity::{Firmware, Serial};
use tmkms::backends::yubihsm::protocol::key_type::DeviceKeyType;
use tmkms::backends::yubihsm::protocol::transport::usb::{Bulk, Usb};
use tmkms::backends::yubihsm::protocol::transport::{DeviceAddress, Transport};
use tmkms::backends::yubihsm::session::client::DeviceClient;
use tmkms::consensus::{PublicKey, Signature};
use tmkms::gate::permit::Permit;
use tmkms::gate::raw::self_test;
use tmkms::remedy::CommandLine;

const SECOND: Duration = Duration::from_secs(1);

/// In time for what must work, on a busy machine, too; what must be quick says so itself.
fn soon() -> Instant {
    Instant::now() + 8 * SECOND
}

fn simulator() -> Simulator {
    yubihsm_bench::simulator(42)
}

fn credentials(id: u16, password: &str) -> Credentials {
    Credentials {
        id,
        key: auth_key(password),
    }
}

fn client_of(simulator: &Simulator, who: Credentials, serial: Option<u32>) -> DeviceClient {
    let place = DeviceAddress::Http(simulator.address().to_string());
    DeviceClient::new(
        place.to_string(),
        place.transport(),
        serial.map(Serial),
        who,
        SECOND,
        Default::default(),
    )
}

fn client(simulator: &Simulator) -> DeviceClient {
    client_of(simulator, credentials(4, "validator"), None)
}

fn device(simulator: &Simulator) -> (DeviceThread, DeviceHandle) {
    let device = DeviceThread::start(client(simulator)).unwrap();
    let handle = device.handle();
    (device, handle)
}

fn permit(number: u64, length: usize) -> Permit {
    self_test(number, length, Duration::MAX).unwrap()
}

/// Signs the self-test with this number and length, and checks what comes back.
fn signs_test(handle: &DeviceHandle, key: PublicKey, id: u16, number: u64, length: usize) {
    let permit = permit(number, length);
    let kind = DeviceKeyType::of_word(key.key_type().as_str()).unwrap();
    let bytes = handle.sign(id, kind, &permit, soon()).unwrap();
    assert!(key.verify(permit.bytes(), &Signature::from_bytes(bytes)));
}

fn signs(handle: &DeviceHandle, key: PublicKey, id: u16) {
    signs_test(handle, key, id, 0, 110);
}

fn sign_error(handle: &DeviceHandle, id: u16) -> ErrorKind {
    let result = handle.sign(id, DeviceKeyType::Ed25519, &permit(0, 110), soon());
    result.expect_err("signed").kind
}

#[test]
fn both_types_of_keys_sign_and_every_s_is_low() {
    for version in [(2, 2, 0), (2, 3, 1), (2, 4, 0)] {
        let simulator = Simulator::start(Profile::new(42, version));
        add_keys(&simulator, 1);
        let (_device, handle) = device(&simulator);
        let ed25519 = handle.find(1, DeviceKeyType::Ed25519, soon()).unwrap();
        let secp256k1 = handle.find(2, DeviceKeyType::Secp256k1, soon()).unwrap();
        assert_eq!(ed25519.info.serial, Serial(42));
        for number in 0..16_u8 {
            signs_test(&handle, ed25519.public_key.clone(), 1, number.into(), 110);
            signs_test(&handle, secp256k1.public_key.clone(), 2, number.into(), 110);
        }
        let longest = handle.longest_message();
        signs_test(&handle, ed25519.public_key.clone(), 1, 0, longest);
        let error = handle.sign(1, DeviceKeyType::Ed25519, &permit(0, longest + 1), soon());
        assert!(error.is_err(), "{version:?}");
        signs(&handle, ed25519.public_key, 1);
    }
}

#[test]
fn replies_come_in_any_number_of_pieces() {
    let simulator = simulator();
    simulator.device().faults.pieces = 7;
    let (_device, handle) = device(&simulator);
    let key = handle
        .find(1, DeviceKeyType::Ed25519, soon())
        .unwrap()
        .public_key;
    signs(&handle, key, 1);
}

#[test]
fn each_trouble_has_its_own_words() {
    let simulator = simulator();
    let error = |who, serial| {
        let mut client = client_of(&simulator, who, serial);
        client.open(Instant::now() + SECOND).unwrap_err()
    };
    let check =
        |error: tmkms::backends::yubihsm::protocol::error::Error, kind: ErrorKind, words: &str| {
            assert_eq!(error.kind, kind);
            let text = error.to_string();
            assert!(text.contains(words), "{text}");
            assert!(text.contains(&simulator.address().to_string()), "{text}");
        };
    let good = || credentials(4, "validator");
    let wrong = credentials(4, "Validator");
    let kind = ErrorKind::Unproven {
        auth: 4,
        serial: Some(Serial(42)),
        flaw: None,
    };
    let text = error(wrong.clone(), None).to_string();
    assert!(
        text.contains("another device, or another password"),
        "{text}"
    );
    assert!(text.contains("calls itself 0000000042"), "{text}");
    check(error(wrong, None), kind, "0x0004");
    let unknown = credentials(9, "validator");
    let kind = ErrorKind::UnknownAuthKey {
        auth: 9,
        flaw: None,
    };
    check(error(unknown, None), kind, "0x0009");
    let serials = ErrorKind::WrongSerial {
        found: Serial(42),
        wanted: Serial(43),
    };
    check(error(good(), Some(43)), serials, "0000000042");
    simulator.device().fill_sessions();
    check(error(good(), None), ErrorKind::SessionsFull, "30 s");
    simulator.device().lose_sessions();
    simulator.unplug();
    check(error(good(), None), ErrorKind::AbsentThere, "connector");
    simulator.plug();
    simulator.device().faults.slow = SECOND + SECOND / 2;
    check(error(good(), None), ErrorKind::Late, "in time");
    simulator.device().faults.slow = Duration::ZERO;

    let (_device, handle) = device(&simulator);
    let find = |id, kind| handle.find(id, kind, soon()).unwrap_err();
    for hidden in [5, 77] {
        let kind = ErrorKind::NoKey {
            key: hidden,
            auth: 4,
            list: CommandLine::without_config(["yubihsm", "keys", "list"]),
        };
        check(find(hidden, DeviceKeyType::Ed25519), kind, "domain");
    }
    check(
        find(1, DeviceKeyType::Secp256k1),
        ErrorKind::KeyType {
            key: 1,
            found: "ed25519".to_owned(),
            wanted: "account (secp256k1)",
        },
        "correct `key` or `type`",
    );
    handle.find(3, DeviceKeyType::Ed25519, soon()).unwrap();
    let forbids = ErrorKind::KeyForbids {
        key: 3,
        command: command::SIGN_EDDSA,
    };
    assert_eq!(sign_error(&handle, 3), forbids);
    let mut client = client(&simulator);
    let refused = client.command(command::GET_PSEUDO_RANDOM, &[0, 8], None, soon());
    check(
        refused.unwrap_err(),
        ErrorKind::Forbidden {
            auth: 4,
            command: command::GET_PSEUDO_RANDOM,
        },
        "capability",
    );
}

#[test]
fn a_connector_that_is_none_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut http = DeviceAddress::Http(address).transport();
    let error = http.exchange(&frame::encode(1, b""), soon()).unwrap_err();
    assert!(matches!(error, ErrorKind::NoConnector(_)), "{error}");
}

#[test]
fn a_full_log_and_a_full_store_are_told() {
    let simulator = simulator();
    let (_device, handle) = device(&simulator);
    let key = handle
        .find(1, DeviceKeyType::Ed25519, soon())
        .unwrap()
        .public_key;
    {
        let mut device = simulator.device();
        device.options.force_audit = 1;
        device.options.command_audit.insert(command::SIGN_EDDSA, 1);
    }
    for _ in 0..60 {
        signs(&handle, key.clone(), 1);
    }
    assert_eq!(sign_error(&handle, 1), ErrorKind::LogFull);
    assert!(ErrorKind::LogFull.to_string().contains("audit"));

    let mut admin = client_of(&simulator, credentials(1, "password"), None);
    let put = |client: &mut DeviceClient, id: u16| {
        let mut data = id.to_be_bytes().to_vec();
        data.extend([0; 40]);
        data.extend([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, algorithm::OPAQUE_DATA, 1]);
        client.command(command::PUT_OPAQUE, &data, None, soon())
    };
    let error = (1..300).find_map(|id| put(&mut admin, id).err()).unwrap();
    assert_eq!(error.kind, ErrorKind::StorageFull);
}

#[test]
fn fips_mode_is_named() {
    for (version, id, kind) in [
        ((2, 3, 1), 1, DeviceKeyType::Ed25519),
        ((2, 4, 0), 2, DeviceKeyType::Secp256k1),
    ] {
        let mut profile = Profile::new(42, version);
        profile.fips = true;
        let simulator = Simulator::start(profile);
        add_keys(&simulator, 1);
        let (_device, handle) = device(&simulator);
        let error = handle.find(id, kind, soon()).unwrap_err();
        let firmware = Firmware(version.0, version.1, version.2);
        let algorithm = kind.key_type().as_str();
        assert_eq!(
            error.kind,
            ErrorKind::Disabled {
                algorithm,
                firmware
            }
        );
        let error = handle.sign(id, kind, &permit(0, 110), soon()).unwrap_err();
        assert_eq!(
            error.kind,
            ErrorKind::Disabled {
                algorithm,
                firmware
            }
        );
        assert!(error.to_string().contains("FIPS"));
    }
}

#[test]
fn a_wrong_password_is_tried_once_and_told_to_nobody() {
    let simulator = simulator();
    let mut client = client_of(&simulator, credentials(4, "wrong"), None);
    simulator.device().record = Some(Vec::new());
    for _ in 0..20 {
        let error = client.open(soon()).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Unproven { auth: 4, .. }));
    }
    let frames = simulator.device().record.take().unwrap();
    let codes: Vec<u8> = frames.iter().map(|frame| frame[0]).collect();
    assert_eq!(codes, [command::DEVICE_INFO, command::CREATE_SESSION]);
}

/// A false connector or device never gets what a password could be guessed from: the host's cryptogram, or a MAC.
#[test]
fn a_device_that_does_not_prove_itself_learns_nothing() {
    let simulator = simulator();
    for guess in [vec![0; 8], vec![], vec![1; 7], vec![2; 9]] {
        simulator.device().faults.impostor = Some(guess);
        let mut client = client(&simulator);
        simulator.device().record = Some(Vec::new());
        let error = client.open(soon()).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Unproven { .. }), "{error}");
        drop(client);
        let frames = simulator.device().record.take().unwrap();
        let codes: Vec<u8> = frames.iter().map(|frame| frame[0]).collect();
        assert_eq!(codes, [command::DEVICE_INFO, command::CREATE_SESSION]);
    }
    // What it does know, it is let do: the same client proves itself to the right device.
    simulator.device().faults.impostor = None;
    client(&simulator).open(soon()).unwrap();
}

#[test]
fn sessions_are_closed_on_every_path() {
    let simulator = simulator();
    for _ in 0..20 {
        let mut client = client(&simulator);
        client.open(soon()).unwrap();
        assert_eq!(simulator.device().open_sessions(), 1);
        assert!(
            client
                .command(command::GET_OPTION, &[1], None, soon())
                .is_err()
        );
        drop(client);
        assert_eq!(simulator.device().open_sessions(), 0);
    }
    let (device, handle) = device(&simulator);
    handle.find(1, DeviceKeyType::Ed25519, soon()).unwrap();
    assert_eq!(simulator.device().open_sessions(), 1);
    drop(device);
    assert_eq!(simulator.device().open_sessions(), 0);
    assert_eq!(sign_error(&handle, 1), ErrorKind::Stopped);
}

#[test]
fn a_lost_session_is_opened_again_within_the_request() {
    let simulator = simulator();
    let (_device, handle) = device(&simulator);
    let key = handle
        .find(1, DeviceKeyType::Ed25519, soon())
        .unwrap()
        .public_key;
    simulator.device().lose_sessions();
    signs(&handle, key.clone(), 1);
    simulator.device().power_cycle();
    signs(&handle, key.clone(), 1);
    for frames in 1..=8 {
        for moment in [Moment::Before, Moment::After] {
            simulator.lose_power(PowerLoss { frames, moment });
            for _ in 0..8 {
                signs(&handle, key.clone(), 1);
            }
            assert!(simulator.device().faults.power_loss.is_none());
        }
    }
    assert!(simulator.device().open_sessions() <= 1, "nothing leaks");
}

#[test]
fn a_replug_within_the_budget_costs_no_signature() {
    let simulator = Arc::new(simulator());
    let (_device, handle) = device(&simulator);
    let key = handle
        .find(1, DeviceKeyType::Ed25519, soon())
        .unwrap()
        .public_key;
    simulator.unplug();
    let inner = simulator.clone();
    let back = thread::spawn(move || {
        thread::sleep(Duration::from_millis(400));
        inner.plug();
    });
    signs(&handle, key, 1);
    back.join().unwrap();
}

#[test]
fn garbage_and_late_replies_are_not_taken_for_answers() {
    let simulator = simulator();
    let (_device, handle) = device(&simulator);
    let key = handle
        .find(1, DeviceKeyType::Ed25519, soon())
        .unwrap()
        .public_key;
    for garbage in [
        vec![],
        vec![0x85],
        vec![0x85, 0, 9],
        vec![0; 3139],
        frame::encode(0x85, &[0; 80]),
    ] {
        simulator.device().faults.garbage_once = Some(garbage);
        signs(&handle, key.clone(), 1);
    }
    // Longer than one frame may take, shorter than the request has.
    simulator.device().faults.slow_once = SECOND + SECOND / 10;
    signs(&handle, key.clone(), 1);
    thread::sleep(SECOND / 5);
    assert!(simulator.device().open_sessions() <= 2);
    signs(&handle, key, 1);
}

#[test]
fn deadlines_hold_and_what_is_past_is_not_signed() {
    let simulator = simulator();
    let (_device, handle) = device(&simulator);
    handle.find(1, DeviceKeyType::Ed25519, soon()).unwrap();
    simulator.device().faults.slow = SECOND * 3 / 10;
    let before = simulator.device().executed(command::SIGN_EDDSA);
    let began = Instant::now();
    let until = began + SECOND / 2;
    let threads: Vec<_> = (0..6)
        .map(|_| {
            let handle = handle.clone();
            thread::spawn(move || {
                handle
                    .sign(1, DeviceKeyType::Ed25519, &permit(0, 110), until)
                    .is_ok()
            })
        })
        .collect();
    let done: Vec<bool> = threads.into_iter().map(|one| one.join().unwrap()).collect();
    assert!(began.elapsed() < SECOND * 7 / 10, "{:?}", began.elapsed());
    assert!(done.iter().any(|ok| *ok) && done.iter().any(|ok| !*ok));
    thread::sleep(SECOND);
    let executed = simulator.device().executed(command::SIGN_EDDSA) - before;
    assert!(
        executed <= 3,
        "{executed} signatures for two places in time"
    );
}

#[test]
fn many_chains_share_a_device_first_come_first_served() {
    let simulator = simulator();
    let (_device, handle) = device(&simulator);
    let key = handle
        .find(1, DeviceKeyType::Ed25519, soon())
        .unwrap()
        .public_key;
    let order = Arc::new(Mutex::new(Vec::new()));
    simulator.device().faults.slow = Duration::from_millis(100);
    let threads: Vec<_> = (0..10_u8)
        .map(|number| {
            let (handle, order, key) = (handle.clone(), order.clone(), key.clone());
            let queue = handle.clone();
            let before = queue.waiting();
            let thread = thread::spawn(move || {
                signs_test(&handle, key, 1, number.into(), 110);
                order.lock().unwrap().push(number);
            });
            while queue.waiting() <= before && !thread.is_finished() {
                thread::yield_now();
            }
            thread
        })
        .collect();
    threads.into_iter().for_each(|one| one.join().unwrap());
    let order = order.lock().unwrap().clone();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(order, sorted);
}

#[test]
fn a_device_with_another_key_does_not_sign() {
    let simulator = simulator();
    let (_device, handle) = device(&simulator);
    let key = handle
        .find(1, DeviceKeyType::Ed25519, soon())
        .unwrap()
        .public_key;
    let put = |secret| {
        let mut device = simulator.device();
        let place = (object::ASYMMETRIC_KEY, 1);
        let object = device.objects.get_mut(&place).unwrap();
        object.body = Body::from_put(algorithm::ED25519, &[secret; 32]).unwrap();
        device.power_cycle();
    };
    put(9);
    let before = simulator.device().executed(command::SIGN_EDDSA);
    for _ in 0..2 {
        let error = sign_error(&handle, 1);
        assert!(
            matches!(error, ErrorKind::OtherKey { key: 1, .. }),
            "{error}"
        );
    }
    assert_eq!(simulator.device().executed(command::SIGN_EDDSA), before);
    put(1);
    signs(&handle, key, 1);
}

#[test]
fn a_device_that_was_opened_anew_must_still_hold_the_same_key() {
    let simulator = simulator();
    let (device, handle) = device(&simulator);
    let key = handle
        .find(1, DeviceKeyType::Ed25519, soon())
        .unwrap()
        .public_key;
    device.reopen(client(&simulator)).unwrap();
    signs(&handle, key, 1);
    let place = (object::ASYMMETRIC_KEY, 1);
    let body = Body::from_put(algorithm::ED25519, &[9; 32]).unwrap();
    simulator.device().objects.get_mut(&place).unwrap().body = body;
    device.reopen(client(&simulator)).unwrap();
    let error = sign_error(&handle, 1);
    assert!(
        matches!(error, ErrorKind::OtherKey { key: 1, .. }),
        "{error}"
    );
    assert_eq!(handle.counts().reopened, 2);
    assert_eq!(handle.counts().sessions, 3);
}

/// A device on a wire of bulk transfers.
struct Wire {
    simulator: Arc<Simulator>,
    out: Arc<Mutex<Vec<Vec<u8>>>>,
    reply: Option<Vec<u8>>,
}

impl Bulk for Wire {
    fn write(&mut self, bytes: &[u8], _: Duration) -> Result<usize, ErrorKind> {
        self.out.lock().unwrap().push(bytes.to_vec());
        if !bytes.is_empty() {
            self.reply = self.simulator.device().exchange(bytes);
        }
        Ok(bytes.len())
    }

    fn read(&mut self, buffer: &mut [u8], _: Duration) -> Result<usize, ErrorKind> {
        let reply = self.reply.take().ok_or(ErrorKind::Late)?;
        buffer[..reply.len()].copy_from_slice(&reply);
        Ok(reply.len())
    }
}

fn usb(simulator: &Arc<Simulator>, out: &Arc<Mutex<Vec<Vec<u8>>>>) -> Usb {
    let (simulator, out) = (simulator.clone(), out.clone());
    Usb::with(Box::new(move || {
        Ok(Box::new(Wire {
            simulator: simulator.clone(),
            out: out.clone(),
            reply: None,
        }))
    }))
}

#[test]
fn usb_carries_the_very_bytes_that_http_does() {
    let simulator = Arc::new(simulator());
    let out = Arc::new(Mutex::new(Vec::new()));
    let mut usb = usb(&simulator, &out);
    let mut http = DeviceAddress::Http(simulator.address().to_string()).transport();
    for length in [0, 1, 60, 61, 62, 125, 1000, 2021] {
        simulator.device().record = Some(Vec::new());
        let bytes = frame::encode(command::ECHO, &vec![5; length]);
        let one = usb.exchange(&bytes, soon()).unwrap();
        let two = http.exchange(&bytes, soon()).unwrap();
        assert_eq!(one, two);
        let seen = simulator.device().record.take().unwrap();
        assert_eq!(seen, [bytes.clone(), bytes.clone()], "{length}");
        let mut written = std::mem::take(&mut *out.lock().unwrap());
        if bytes.len().is_multiple_of(64) {
            assert_eq!(written.pop().unwrap(), b"", "an empty packet ends it");
        }
        assert_eq!(written, [bytes]);
    }
}

#[test]
fn a_whole_session_runs_over_usb() {
    let simulator = Arc::new(simulator());
    let out = Arc::new(Mutex::new(Vec::new()));
    let client = DeviceClient::new(
        "YubiHSM".to_owned(),
        Box::new(usb(&simulator, &out)),
        Some(Serial(42)),
        credentials(4, "validator"),
        SECOND,
        Default::default(),
    );
    let device = DeviceThread::start(client).unwrap();
    let handle = device.handle();
    let key = handle
        .find(1, DeviceKeyType::Ed25519, soon())
        .unwrap()
        .public_key;
    signs(&handle, key.clone(), 1);
    simulator.device().power_cycle();
    signs(&handle, key, 1);
    drop(device);
    assert_eq!(simulator.device().open_sessions(), 0);
}

#[test]
fn a_session_that_is_not_used_is_kept_alive() {
    let mut profile = Profile::new(42, (2, 4, 0));
    // The device forgets after 30 s, and is reminded every 10 s; here the state after one forgetting is enough.
    profile.session_timeout = SECOND / 2;
    let simulator = Simulator::start(profile);
    add_keys(&simulator, 1);
    let (_device, handle) = device(&simulator);
    let key = handle
        .find(1, DeviceKeyType::Ed25519, soon())
        .unwrap()
        .public_key;
    thread::sleep(SECOND);
    signs(&handle, key, 1);
}

#[test]
fn a_device_that_was_away_is_found_again_between_requests() {
    let simulator = simulator();
    let (_device, handle) = device(&simulator);
    handle.find(1, DeviceKeyType::Ed25519, soon()).unwrap();
    simulator.unplug();
    let until = Instant::now() + SECOND / 5;
    assert!(
        handle
            .sign(1, DeviceKeyType::Ed25519, &permit(0, 110), until)
            .is_err()
    );
    let wait_for = |up| {
        let began = Instant::now();
        while handle.is_up() != up && began.elapsed() < 5 * SECOND {
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(handle.is_up(), up);
    };
    wait_for(false);
    simulator.plug();
    wait_for(true);
    assert_eq!(simulator.device().open_sessions(), 1);
}
