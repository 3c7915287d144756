//! The Ledger backend against its simulator, over packets: what every backend owes, every reason to refuse, and what a
//! cable and a person can do to it.
#![cfg(feature = "ledger")]

use crate::support::http::wait_for;
use crate::support::ledger_simulator;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::support::ledger_simulator::hid::Bus;
use crate::support::ledger_simulator::{Device, Fault, Finger, Open};
use crate::support::{Admit as _, SharedDisk, chain_id, maker, prepared};
use tmkms::backends::ledger::LedgerSource;
use tmkms::backends::ledger::find::Wanted;
use tmkms::backends::ledger::key::LedgerSettings;
use tmkms::backends::ledger::transport::{ApduTransport, Connector, PluggedDevice, TransportError};
use tmkms::backends::{Device as _, KeySource, Opened};
use tmkms::chain::{Armed, Asker, Chain, Respond};
use tmkms::consensus::{Hrs, PublicKey, Signature};
use tmkms::gate::{Admission, Gate, Settings, SignExtensions};
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::reply::Reply;
use tmkms::request::{Request, SignRequest};
use tmkms::signer::{Signer, SignerError};

const PATIENCE: Duration = Duration::from_secs(10);

fn ledger(seed: u8) -> Device {
    Device::new(&[seed; 32])
}

fn key_of(device: &Device) -> PublicKey {
    PublicKey::Ed25519(device.key())
}

fn source(bus: &Bus, key: Option<PublicKey>) -> LedgerSource {
    let settings = LedgerSettings {
        chain: chain_id(),
        name: "Ledger".to_owned(),
        connector: Arc::new(bus.clone()),
        wanted: Wanted {
            public_key: key,
            path: None,
        },
        timeout: Duration::from_millis(500),
        commands: Default::default(),
    };
    LedgerSource::new(settings, false)
}

fn settings() -> Settings {
    Settings {
        sign_extensions: SignExtensions::Never,
        ..Settings::default()
    }
}

fn gate(disk: &SharedDisk) -> Gate {
    Gate::arm(chain_id(), settings(), disk.store(), &SystemClock.now()).unwrap()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn wait_until_ready(signer: &Arc<dyn Signer>) {
    wait_until("ready", || signer.unavailable_reason().is_none());
}

/// A device with a person beside it, a signer that is ready, and a gate.
struct Bench {
    device: Device,
    signer: Arc<dyn Signer>,
    gate: Gate,
}

impl Bench {
    fn new(seed: u8) -> Self {
        let device = ledger(seed);
        device.set(|inner| inner.finger = Finger::Accept);
        let bus = Bus::of(std::slice::from_ref(&device));
        let signer = source(&bus, Some(key_of(&device))).open().unwrap().signer;
        let gate = gate(&SharedDisk::new());
        signer.begin(None);
        wait_until_ready(&signer);
        Self {
            device,
            signer,
            gate,
        }
    }

    fn sign(&mut self, request: &SignRequest) -> Result<Signature, SignerError> {
        let now = SystemClock.now();
        let until = now.monotonic + Duration::from_secs(2);
        let Ok(Admission::Sign { permit, .. }) = self.gate.admit(request, &now, until) else {
            panic!("not admitted");
        };
        let signature = self.signer.sign(&permit)?;
        let key = self.signer.public_key();
        assert!(key.verify(permit.bytes(), &signature));
        self.gate.complete(permit, &signature);
        Ok(signature)
    }
}

fn prevote(height: i64) -> SignRequest {
    maker().prevote(height, 0, Some(1), height)
}

/// What every backend owes.
#[test]
fn it_keeps_the_contract() {
    let mut bench = Bench::new(1);
    let key = bench.signer.public_key();
    assert_eq!(key, key_of(&bench.device));
    for height in 2..30 {
        for request in [
            maker().proposal(height, 0, 1, height),
            maker().prevote(height, 0, Some(1), height),
            maker().precommit(height, 0, Some(1), height, b""),
            maker().prevote(height, 1, None, height),
        ] {
            bench.sign(&request).unwrap();
        }
        assert_eq!(bench.signer.public_key(), key);
    }

    // A slow device is given up in time, and its late answer is kept for who asks again.
    bench.device.fault(Fault::Late(Duration::from_millis(900)));
    let began = Instant::now();
    let result = bench.sign(&prevote(100));
    assert!(
        began.elapsed() < Duration::from_millis(700),
        "{:?}",
        began.elapsed()
    );
    assert!(matches!(result, Err(SignerError::Late(_))), "{result:?}");
    // Its thread tells so a moment after the answer to whoever waited.
    wait_for("that it is told", || {
        let why = bench.signer.unavailable_reason();
        why.is_some_and(|why| why.contains("did not answer within 5"))
    });
    wait_until_ready(&bench.signer);
    bench.sign(&prevote(100)).unwrap();

    // A lost device is told at once, and comes back.
    bench.device.unplug();
    let began = Instant::now();
    let error = bench.sign(&prevote(101)).unwrap_err().to_string();
    assert!(began.elapsed() < Duration::from_millis(300));
    assert!(error.contains("it is gone"), "{error}");
    wait_until("looked for", || {
        let trouble = bench.signer.unavailable_reason();
        trouble.is_some_and(|why| why.contains("no Ledger is plugged in"))
    });
    bench.device.plug();
    wait_until_ready(&bench.signer);
    bench.sign(&prevote(101)).unwrap();

    // Wrong signatures never leave.
    for (height, fault) in [(102, Fault::WrongSignature), (104, Fault::Prehash)] {
        bench.device.fault(fault);
        let error = bench.sign(&prevote(height)).unwrap_err();
        assert!(matches!(error, SignerError::WrongSignature(_)), "{error}");
        assert!(error.to_string().contains("discarded"), "{error}");
        wait_until_ready(&bench.signer);
        bench.sign(&prevote(height + 1)).unwrap();
    }

    // The end leaves nothing behind, and no command was ever sent while another was due.
    let device = bench.device.clone();
    drop(bench);
    wait_until("closed", || !device.lock().held);
    assert_eq!(device.lock().dropped, 0);
}

#[test]
fn answers_that_are_none_are_named_and_the_device_is_opened_anew() {
    let mut bench = Bench::new(2);
    for (height, fault, words) in [
        (10, Fault::Short, "with 63 bytes where a signature has 64"),
        (20, Fault::Long, "with 65 bytes where a signature has 64"),
        (30, Fault::Garbled, "packet 1 where packet 0 is due"),
        (40, Fault::Word(0x6e00), "open the Tendermint app"),
        (50, Fault::Word(0x5515), "it is locked (5515)"),
        (60, Fault::Word(0x6faa), "unplug it"),
        (70, Fault::Word(0x6901), "stands in front"),
        (80, Fault::Word(0x1234), "status 1234"),
        (90, Fault::Word(0x6986), "was refused on it"),
    ] {
        bench.device.fault(fault);
        let error = bench.sign(&prevote(height)).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        if fault == Fault::Word(0x6986) {
            break; // left alone for a while, as after a button
        }
        wait_until_ready(&bench.signer);
        bench.sign(&prevote(height + 1)).unwrap();
    }
    assert_eq!(bench.device.lock().dropped, 0);
}

#[test]
fn a_lost_answer_costs_one_position_and_no_more() {
    let mut bench = Bench::new(3);
    bench.device.fault(Fault::Lose);
    assert!(matches!(
        bench.sign(&prevote(10)),
        Err(SignerError::Late(_))
    ));
    // While it is due, nothing else is asked; then the handle is closed and opened again.
    let error = bench.sign(&prevote(10)).unwrap_err().to_string();
    assert!(error.contains("did not answer"), "{error}");
    wait_until_ready(&bench.signer);
    let error = bench.sign(&prevote(10)).unwrap_err().to_string();
    assert!(
        error.contains("it has signed at or above this position"),
        "{error}"
    );
    assert_eq!(bench.signer.unavailable_reason(), None);
    bench
        .sign(&maker().precommit(10, 0, Some(1), 10, b""))
        .unwrap();
}

#[test]
fn a_screen_asks_outside_of_any_vote() {
    let device = ledger(4);
    let bus = Bus::of(std::slice::from_ref(&device));
    let Opened { signer, warnings } = source(&bus, Some(key_of(&device))).open().unwrap();
    // An id of six bytes: all fits but one message in one case.
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].contains("it refuses proposals of a new block"),
        "{warnings:?}"
    );
    assert_eq!(
        device.screen(),
        Vec::<String>::new(),
        "opening asks for nothing"
    );
    let disk = SharedDisk::new();
    let mut armed = gate(&disk);
    let now = SystemClock.now();
    let until = now.monotonic + PATIENCE;
    let admitted = armed.admit(&prevote(7), &now, until);
    assert!(matches!(admitted, Ok(Admission::Sign { .. })));
    drop(admitted);
    signer.begin(armed.snapshot().last);
    assert_eq!(
        device.wait_for_screen(),
        ["Init validation", "Height: 7", "Round: 000"]
    );
    wait_until("told", || {
        signer
            .unavailable_reason()
            .is_some_and(|why| why.contains("press the right button"))
    });
    let chain = Chain::armed(chain_id(), Armed::new(armed, signer.clone()));
    let ask = |request: SignRequest| {
        let began = Instant::now();
        let request = Request::Sign(request);
        let answer = chain.answer(request, &SystemClock.now(), &Asker::default(), &SystemClock);
        assert!(
            began.elapsed() < Duration::from_millis(200),
            "{:?}",
            began.elapsed()
        );
        answer.reply
    };
    let Reply::Refused { error, .. } = ask(prevote(8)) else {
        panic!("signed");
    };
    assert!(
        error.description.contains("\"Height: 7\""),
        "{}",
        error.description
    );
    let last: Hrs = disk.watermark().hrs().unwrap();
    assert_eq!(last.to_string(), "7/0/prevote", "nothing is used up");
    assert!(matches!(
        chain
            .answer(
                Request::Ping,
                &SystemClock.now(),
                &Asker::default(),
                &SystemClock
            )
            .reply,
        Reply::Pong
    ));
    // Left is no; it asks again later. Here a new cable is quicker.
    device.press(false);
    wait_until("refused", || {
        signer
            .unavailable_reason()
            .is_some_and(|why| why.contains("left button"))
    });
    assert_eq!(device.lock().dropped, 0);
    let (device, bus) = (device.clone(), bus.clone());
    drop((chain, signer));
    wait_until("closed", || !device.lock().held);
    let signer = source(&bus, Some(key_of(&device))).open().unwrap().signer;
    let chain = {
        let gate = gate(&disk);
        signer.begin(gate.snapshot().last);
        Chain::armed(chain_id(), Armed::new(gate, signer.clone()))
    };
    device.wait_for_screen();
    device.press(true);
    wait_until_ready(&signer);
    // The position that was used up and never signed is still good for its own bytes.
    for request in [prevote(7), prevote(8)] {
        let request = Request::Sign(request);
        let answer = chain.answer(request, &SystemClock.now(), &Asker::default(), &SystemClock);
        assert!(
            matches!(answer.reply, Reply::Signed(_)),
            "{:?}",
            answer.reply
        );
    }
}

/// What does not fit is refused before the watermark moves, and the next vote is signed.
#[test]
fn limits_use_nothing_up() {
    let bench = Bench::new(5);
    let disk = SharedDisk::new();
    let extended = Gate::arm(
        chain_id(),
        Settings::default(),
        disk.store(),
        &SystemClock.now(),
    );
    let chain = Chain::armed(
        chain_id(),
        Armed::new(extended.unwrap(), bench.signer.clone()),
    );
    let ask = |request: SignRequest| {
        let request = Request::Sign(request);
        chain
            .answer(request, &SystemClock.now(), &Asker::default(), &SystemClock)
            .reply
    };
    let long = "a".repeat(40);
    for (request, words) in [
        (
            maker().prevote(9, 128, Some(1), 9),
            "round 128 is above 127",
        ),
        (
            maker().precommit(9, 0, Some(1), 9, b"x"),
            "cannot sign vote extensions",
        ),
        (
            maker().precommit(9, 0, Some(1), 9, b""),
            "cannot sign vote extensions",
        ),
    ] {
        let Reply::Refused { error, .. } = ask(request) else {
            panic!("signed");
        };
        assert!(error.description.contains(words), "{}", error.description);
    }
    assert_eq!(disk.watermark().hrs(), None);
    assert!(matches!(ask(prevote(9)), Reply::Signed(_)));
    // A node that says skip, a nil precommit.
    assert!(matches!(
        ask(maker().precommit(9, 0, None, 9, b"")),
        Reply::Signed(_)
    ));
    let request = SignRequest {
        chain_id: long.parse().unwrap(),
        ..prevote(10)
    };
    let prepared = prepared(&request, SignExtensions::Never);
    let error = bench.signer.accepts(&prepared).unwrap_err().to_string();
    assert!(
        error.contains("this prevote has 131 bytes") && error.contains("127 bytes"),
        "{error}"
    );
}

/// Each reason to refuse a device, by its words.
#[test]
fn reasons_to_refuse() {
    let why = |change: &dyn Fn(&mut ledger_simulator::device::Inner)| {
        let device = ledger(6);
        device.set(|inner| change(inner));
        let bus = Bus::of(std::slice::from_ref(&device));
        let error = source(&bus, None).open().err().unwrap().to_string();
        // With a key in the configuration it is opened all the same, and waits.
        let signer = source(&bus, Some(key_of(&device))).open().unwrap().signer;
        assert_eq!(signer.unavailable_reason().unwrap(), error);
        assert_eq!(device.lock().dropped, 0);
        error
    };
    let open = |open: Open| why(&move |inner| inner.open = open.clone());
    let word = |word| why(&move |inner| inner.word_for_all = Some(word));
    let version = |version| why(&move |inner| inner.app.version = version);
    for (error, words) in [
        (
            open(Open::Other("Cosmos", "2.37.1")),
            "the app Cosmos 2.37.1 is open; close it",
        ),
        (
            open(Open::Dashboard(0x6e01)),
            "no app is open; open the Tendermint app",
        ),
        (word(0x6e01), "no app is open"),
        (word(0x6511), "no app is open"),
        (word(0x6e00), "the app of another name is open"),
        (word(0x6d00), "the app of another name is open"),
        (why(&|inner| inner.locked = true), "it is locked (5515)"),
        (word(0x6982), "it is locked (6982)"),
        (word(0x63c2), "it is locked (63C2)"),
        (
            word(0x6601),
            "a screen of its system stands in front (6601)",
        ),
        (word(0x6d07), "it is not set up (6D07)"),
        (word(0x6faa), "it has stopped (6FAA)"),
        (word(0x6f42), "it answered status 6F42"),
        (
            version([0, 12, 0]),
            "version 0.12.0 of the Tendermint app is open",
        ),
        (version([0, 10, 0]), "version 0.10.0"),
        (version([1, 0, 0]), "version 1.0.0"),
        (version([0, 8, 2]), "version 0.8.2"),
        (
            why(&|inner| inner.app.test_build = true),
            "a build for tests",
        ),
    ] {
        assert!(error.starts_with("the Ledger at /dev/hidraw0: "), "{error}");
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn which_of_several() {
    let (one, two, other) = (ledger(7), ledger(8), ledger(9));
    other.set(|inner| inner.open = Open::Other("Bitcoin", "2.0.0"));
    let bus = Bus::of(&[other.clone(), one.clone(), two.clone()]);
    let error = |bus: &Bus, key| source(bus, key).open().err().unwrap().to_string();
    let trouble = |bus: &Bus, key| {
        let signer = source(bus, Some(key)).open().unwrap().signer;
        signer.unavailable_reason()
    };
    assert!(
        error(&bus, None).contains("several Ledgers are plugged in (/dev/hidraw0, /dev/hidraw100")
            && error(&bus, None).contains("`tmkms ledger list`")
    );
    assert!(error(&Bus::default(), None).starts_with("no Ledger is plugged in"));
    assert!(
        trouble(&Bus::default(), key_of(&one))
            .unwrap()
            .starts_with("no Ledger is plugged in")
    );
    assert_eq!(trouble(&bus, key_of(&two)), None);
    assert_eq!(trouble(&bus, key_of(&one)), None);
    let none = trouble(&bus, key_of(&ledger(10))).unwrap();
    assert!(none.starts_with("none of 3 Ledgers has the key"), "{none}");
    assert!(
        none.contains("/dev/hidraw0: the app Bitcoin 2.0.0 is open"),
        "{none}"
    );
    assert!(none.contains("its key is"), "{none}");
    let twins = Bus::of(&[ledger(7), ledger(7)]);
    let same = trouble(&twins, key_of(&one)).unwrap();
    assert!(
        same.contains("/dev/hidraw0 and /dev/hidraw100 have the same key"),
        "{same}"
    );
    // The hint says which one; the other is not looked at.
    let mut hinted = source(&twins, Some(key_of(&one)));
    hinted.settings.wanted.path = Some("/dev/hidraw100".to_owned());
    let signer = hinted.open().unwrap().signer;
    assert_eq!(signer.unavailable_reason(), None);
    // Open means held: nobody else gets it.
    let busy = trouble(&Bus::of(&twins.0.lock().unwrap()[1..]), key_of(&one)).unwrap();
    assert!(busy.contains("another tmkms uses it"), "{busy}");
    let Opened { signer, warnings } = source(&Bus::of(std::slice::from_ref(&one)), None)
        .open()
        .unwrap();
    assert_eq!(signer.public_key(), key_of(&one));
    assert!(warnings[0].contains("add `public_key = \""), "{warnings:?}");
}

/// Another device in the same place, and the right one again.
#[test]
fn a_swapped_device_does_not_sign() {
    let mut bench = Bench::new(11);
    let bus = Bus::of(std::slice::from_ref(&bench.device));
    drop(bench.signer);
    wait_until("closed", || !bench.device.lock().held);
    let signer = source(&bus, Some(key_of(&bench.device)))
        .open()
        .unwrap()
        .signer;
    signer.begin(None);
    wait_until_ready(&signer);
    bench.signer = signer;
    bench.sign(&prevote(3)).unwrap();
    let other = ledger(12);
    bench.device.unplug();
    bus.0.lock().unwrap().push(other.clone());
    wait_until("seen", || {
        bench
            .signer
            .unavailable_reason()
            .is_some_and(|why| why.contains("its key is"))
    });
    assert_eq!(other.lock().signatures, 0);
    bench.device.plug();
    wait_until_ready(&bench.signer);
    bench.sign(&prevote(4)).unwrap();
}

/// While it is shut, nothing comes back from any device.
#[derive(Default)]
struct Door(Mutex<bool>, Condvar);

impl Door {
    fn set(&self, shut: bool) {
        *self.0.lock().unwrap() = shut;
        self.1.notify_all();
    }

    fn pass(&self) {
        drop(
            self.1
                .wait_while(self.0.lock().unwrap(), |shut| *shut)
                .unwrap(),
        );
    }
}

struct BehindDoor<T>(T, Arc<Door>);

impl<T: Connector> Connector for BehindDoor<T> {
    fn list(&self) -> Result<Vec<PluggedDevice>, TransportError> {
        self.0.list()
    }

    fn open(&self, device: &PluggedDevice) -> Result<Box<dyn ApduTransport>, TransportError> {
        self.1.pass();
        let inner = self.0.open(device)?;
        Ok(Box::new(BehindDoor(inner, self.1.clone())))
    }
}

impl ApduTransport for BehindDoor<Box<dyn ApduTransport>> {
    fn send(&mut self, command: &[u8]) -> Result<(), TransportError> {
        self.1.pass();
        self.0.send(command)
    }

    fn receive(&mut self, patience: Duration) -> Result<Option<Vec<u8>>, TransportError> {
        self.1.pass();
        self.0.receive(patience)
    }
}

#[test]
fn a_device_that_hangs_gets_another_thread() {
    let device = ledger(91);
    device.set(|inner| inner.finger = Finger::Accept);
    let door = Arc::new(Door::default());
    let mut source = source(
        &Bus::of(std::slice::from_ref(&device)),
        Some(key_of(&device)),
    );
    source.settings.connector = Arc::new(BehindDoor(
        Bus::of(std::slice::from_ref(&device)),
        door.clone(),
    ));
    let signer = source.open().unwrap().signer;
    let mut bench = Bench {
        device,
        gate: gate(&SharedDisk::new()),
        signer,
    };
    bench.signer.begin(None);
    wait_until_ready(&bench.signer);
    bench.sign(&prevote(5)).unwrap();
    assert!(!source.needs_repair());
    door.set(true);
    let error = bench.sign(&prevote(6)).expect_err("it hangs");
    assert!(matches!(error, SignerError::Late(_)), "{error}");
    let began = Instant::now();
    while !source.needs_repair() {
        assert!(began.elapsed() < 2 * PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        began.elapsed() > Duration::from_secs(5),
        "not a moment's silence"
    );
    source.repair();
    assert!(!source.needs_repair(), "it has its time, too");
    let trouble = bench.signer.unavailable_reason().unwrap();
    assert!(
        trouble.contains("opened again, because it hung"),
        "{trouble}"
    );
    bench.device.unplug();
    bench.device.plug();
    door.set(false);
    wait_until_ready(&bench.signer);
    // It was brought up to the height that was asked for last, whether or not that was signed.
    assert_eq!(bench.device.state().unwrap().height, 6);
    bench.sign(&prevote(7)).unwrap();
    drop((bench, source));
}

/// As when the process was stopped: who looks first sees a thread that was silent for long.
#[test]
fn one_look_gives_no_thread_up() {
    let device = ledger(93);
    device.set(|inner| inner.finger = Finger::Accept);
    let door = Arc::new(Door::default());
    let bus = Bus::of(std::slice::from_ref(&device));
    let mut source = source(&bus, Some(key_of(&device)));
    source.settings.connector = Arc::new(BehindDoor(bus.clone(), door.clone()));
    let signer = source.open().unwrap().signer;
    signer.begin(None);
    wait_until_ready(&signer);
    door.set(true);
    std::thread::sleep(Duration::from_millis(11_500));
    assert!(!source.needs_repair(), "the first look");
    door.set(false);
    std::thread::sleep(Duration::from_millis(700));
    assert!(!source.needs_repair(), "it is back");
    drop((signer, source));
}

/// Opening a device takes until it is this one's turn.
struct OneByOne {
    bus: Bus,
    /// How many have come, how many may go on, and how many have the device.
    turns: Mutex<(u32, u32, u32)>,
    bell: Condvar,
}

impl OneByOne {
    fn let_in(&self, number: u32) {
        self.turns.lock().unwrap().1 = number;
        self.bell.notify_all();
    }
}

impl Connector for OneByOne {
    fn list(&self) -> Result<Vec<PluggedDevice>, TransportError> {
        self.bus.list()
    }

    fn open(&self, device: &PluggedDevice) -> Result<Box<dyn ApduTransport>, TransportError> {
        let mut turns = self.turns.lock().unwrap();
        turns.0 += 1;
        let mine = turns.0;
        let mut turns = self.bell.wait_while(turns, |turns| turns.1 < mine).unwrap();
        let opened = self.bus.open(device)?;
        turns.2 += 1;
        Ok(opened)
    }
}

#[test]
fn a_thread_that_was_given_up_leaves_device_and_person_alone() {
    let device = ledger(92);
    device.unplug();
    let bus = Bus::of(std::slice::from_ref(&device));
    let connector = Arc::new(OneByOne {
        bus: bus.clone(),
        turns: Mutex::default(),
        bell: Condvar::new(),
    });
    let mut source = source(&bus, Some(key_of(&device)));
    source.settings.connector = connector.clone();
    let signer = source.open().unwrap().signer;
    signer.begin(None);
    device.plug();
    wait_until("it hangs", || connector.turns.lock().unwrap().0 == 1);
    let began = Instant::now();
    while !source.needs_repair() {
        assert!(began.elapsed() < 2 * PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
    source.repair();
    wait_until("another", || connector.turns.lock().unwrap().0 == 2);
    // The first one comes back.
    connector.let_in(1);
    wait_until("it has the device", || {
        connector.turns.lock().unwrap().2 == 1
    });
    wait_until("it lets it go", || !device.lock().held);
    assert!(!device.lock().app.is_asking(), "{:?}", device.screen());
    connector.let_in(u32::MAX);
    device.set(|inner| inner.finger = Finger::Accept);
    wait_until_ready(&signer);
    drop((signer, source));
}

/// The app drops what comes while an answer is due, so nothing is sent then.
#[test]
fn one_command_at_a_time() {
    use tmkms::backends::ledger::app::App;
    use tmkms::backends::ledger::error::DeviceFault;
    use tmkms::backends::ledger::transport::Connector;
    let device = ledger(14);
    let bus = Bus::of(std::slice::from_ref(&device));
    let mut app = App::new(bus.open(&bus.list().unwrap()[0]).unwrap());
    let request = prevote(5).sign_bytes();
    app.ask_signature(request.as_slice()).unwrap();
    assert_eq!(app.signature(Duration::ZERO), Ok(None));
    assert_eq!(
        app.ask_signature(request.as_slice()),
        Err(DeviceFault::NoAnswer)
    );
    assert_eq!(app.identify(), Err(DeviceFault::NoAnswer));
    assert_eq!(device.lock().dropped, 0);
    device.press(true);
    let signature = app.signature(PATIENCE).unwrap().unwrap();
    assert!(key_of(&device).verify(request.as_slice(), &signature));
    assert!(app.identify().is_ok());
}

/// What a killed process left unread is the answer to a later question, and may be just what is asked.
#[test]
fn the_answer_of_an_earlier_process_is_not_taken_for_another() {
    let device = ledger(13);
    device.set(|inner| inner.finger = Finger::Accept);
    let bus = Bus::of(std::slice::from_ref(&device));
    let asked = prevote(5).sign_bytes();
    for command in tmkms::backends::ledger::apdu::sign(asked.as_slice()).unwrap() {
        device.command(&command);
    }
    let signer = source(&bus, Some(key_of(&device))).open().unwrap().signer;
    assert_eq!(signer.unavailable_reason(), None);
    signer.begin(None);
    wait_until_ready(&signer);
    let mut bench = Bench {
        device: device.clone(),
        signer,
        gate: gate(&SharedDisk::new()),
    };
    let before = device.lock().signatures;
    bench.sign(&prevote(5)).unwrap();
    assert_eq!(
        device.lock().signatures,
        before,
        "the device was not asked again"
    );
    bench.sign(&prevote(6)).unwrap();
}
