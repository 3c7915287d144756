//! A device that does not come back to its thread: its chain says so, the thread is abandoned, the device is reopened,
//! and the chain votes again; the other chain notices nothing. The service runs in this process, because no transport of
//! ours can be made to hang from outside.
#![cfg(feature = "yubihsm")]

use crate::support::yubihsm_bench;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::home::{Home, PATIENCE, sign};
use crate::support::http;
use crate::support::yubihsm_simulator::{Profile, Simulator};
use tmkms::backends::yubihsm::device::key::DeviceKeySource;
use tmkms::backends::yubihsm::device::provider::{Password, Provider};
use tmkms::backends::yubihsm::protocol::error::ErrorKind;
use tmkms::backends::yubihsm::protocol::key_type::DeviceKeyType;
use tmkms::backends::yubihsm::protocol::transport::{DeviceAddress, Transport};
use tmkms::backends::{Device, KeySource};
use tmkms::codec::node::{Answer, Ask};
use tmkms::config::Config;
use tmkms::harness::Listener;
use tmkms::harness::messages::Maker;
use tmkms::service::{self, Again};
use tmkms::threads::Shutdown;

/// While it is shut, nothing comes back from the device.
#[derive(Default)]
struct Door {
    shut: Mutex<bool>,
    bell: Condvar,
    waiting: AtomicU64,
}

impl Door {
    fn set(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.bell.notify_all();
    }
}

struct BehindDoor {
    inner: Box<dyn Transport>,
    door: Arc<Door>,
}

impl Transport for BehindDoor {
    fn exchange(&mut self, frame: &[u8], until: Instant) -> Result<Vec<u8>, ErrorKind> {
        let shut = self.door.shut.lock().unwrap();
        self.door.waiting.fetch_add(1, Ordering::SeqCst);
        drop(self.door.bell.wait_while(shut, |shut| *shut).unwrap());
        self.door.waiting.fetch_sub(1, Ordering::SeqCst);
        self.inner.exchange(frame, until)
    }

    fn forget(&mut self) {
        self.inner.forget();
    }
}

/// The simulator's key over whatever `wrap` puts around each transport.
fn source_over(
    simulator: &Simulator,
    wrap: impl Fn(Box<dyn Transport>) -> Box<dyn Transport> + Send + Sync + 'static,
) -> DeviceKeySource {
    let place = DeviceAddress::Http(simulator.address().to_string());
    let password = Password::Inline("validator".to_owned().into());
    let mut provider = Provider::new(place.clone(), None, 4, password, Duration::from_secs(1));
    provider.connect = Some(Box::new(move || wrap(place.transport())));
    DeviceKeySource::new(Arc::new(provider), 1, DeviceKeyType::Ed25519)
}

fn behind_door(simulator: &Simulator, door: &Arc<Door>) -> DeviceKeySource {
    let door = door.clone();
    source_over(simulator, move |inner| {
        let door = door.clone();
        Box::new(BehindDoor { inner, door })
    })
}

/// What the program reads in this home, after its state was begun.
fn read(home: &Home, chain: &str) -> Config {
    let (code, text) = home.run(&["state", "init", chain, "--never-signed"]);
    assert_eq!(code, 0, "{text}");
    Config::load(&home.path().join("tmkms.toml")).unwrap()
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

#[test]
fn a_device_that_hangs_gets_another_thread_and_its_neighbour_notices_nothing() {
    let simulator = Simulator::start(Profile::new(42, (2, 4, 0)));
    // The lock on chain and key is one per host, where another run of these tests may be going on.
    yubihsm_bench::add_keys(&simulator, 110);
    let door = Arc::new(Door::default());
    let source = Arc::new(behind_door(&simulator, &door));
    let on_device = source.open().unwrap().signer.public_key();

    // Two chains: one with its key in the device, one with its key in a file.
    let (one, two) = (Listener::tcp().unwrap(), Listener::tcp().unwrap());
    let home = Home::new(&[one.address().unwrap()]);
    let text = home.config();
    let (rest, _) = text.split_once("[[providers").unwrap();
    home.configure(&format!(
        "{rest}[[providers.yubihsm]]\nadapter = {{ type = \"http\", addr = \"tcp://{}\" }}\n\
         auth = {{ key = 4, password = \"validator\" }}\nkeys = [{{ chain_ids = [\"test-1\"], key = 1 }}]\n",
        simulator.address()
    ));
    let neighbour = Home::new(&[two.address().unwrap()]);
    neighbour.configure(&neighbour.config().replace("test-1", "test-2"));
    let mut config = read(&home, "test-1");
    config.chains[0].key = source;
    config.chains.extend(read(&neighbour, "test-2").chains);
    let at = free_address();
    config.metrics.listen = Some(at);
    let at = at.to_string();
    let stop = Arc::new(Shutdown::default());
    let inner_stop = stop.clone();
    let service = thread::spawn(move || service::run(config, Again::never(), &inner_stop));
    let mut node = one.accept(PATIENCE).unwrap();
    let mut other = two.accept(PATIENCE).unwrap();
    let maker = Maker::new("test-2".parse().unwrap());
    let mut heights = 1..;
    let mut neighbour_signs = || {
        let height = heights.next().unwrap();
        let request = maker.prevote(height, 0, Some(1), height);
        let began = Instant::now();
        let answer = other.ask(&Ask::Sign(request)).unwrap();
        assert!(matches!(answer, Answer::Signed { .. }), "{answer:?}");
        assert!(began.elapsed() < Duration::from_secs(1));
    };
    assert!(sign(&mut node, &on_device, 1, 1));
    neighbour_signs();
    assert_eq!(http::get(&at, "/ready").0, 200);

    door.set(true);
    let began = Instant::now();
    assert!(!sign(&mut node, &on_device, 2, 1), "answered in-band");
    assert!(began.elapsed() < Duration::from_millis(3_500));
    neighbour_signs();
    let (code, text) = http::get(&at, "/ready");
    assert_eq!(code, 503);
    assert!(text.contains("test-1: YubiHSM at "), "{text}");
    assert!(text.contains("no answer in time"), "{text}");
    assert!(!text.contains("test-2"), "{text}");
    let sample = |name: &str| {
        let samples = http::scrape(&at);
        let found = samples.iter().find(|(key, _)| key.starts_with(name));
        *found.unwrap_or_else(|| panic!("no {name}")).1
    };
    http::wait_for("another thread", || {
        neighbour_signs();
        sample("tmkms_device_reopened_total{") == 1.0
    });
    // The new thread hangs in the same device. At most four threads do, however long it takes.
    http::wait_for("a second one", || door.waiting.load(Ordering::SeqCst) >= 2);
    assert_eq!(sample("tmkms_device_up{"), 0.0);

    door.set(false);
    http::wait_for("an answer", || sample("tmkms_device_up{") == 1.0);
    assert!(sign(&mut node, &on_device, 2, 1), "the very same vote");
    assert!(!sign(&mut node, &on_device, 2, 2), "and no other");
    neighbour_signs();
    http::wait_for("the old thread's end", || {
        door.waiting.load(Ordering::SeqCst) == 0
    });
    assert_eq!(http::get(&at, "/ready").0, 200);
    stop.trigger();
    service.join().unwrap().unwrap();
}

#[test]
fn a_device_that_hangs_at_the_start_costs_one_wait_and_not_one_a_chain() {
    let simulator = yubihsm_bench::simulator(45);
    let door = Arc::new(Door::default());
    let source = behind_door(&simulator, &door);
    door.set(true);
    assert!(source.open().is_err());
    let began = Instant::now();
    for _ in 0..10 {
        assert!(source.open().is_err());
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    door.set(false);
    http::wait_for("the key", || source.open().is_ok());
}

/// As when the process was stopped: who looks first sees a thread that should have ended long ago.
#[test]
fn one_look_gives_no_thread_up() {
    let simulator = yubihsm_bench::simulator(43);
    let door = Arc::new(Door::default());
    let source = behind_door(&simulator, &door);
    let _signer = source.open().unwrap().signer;
    door.set(true);
    assert!(source.open().is_err(), "in time");
    thread::sleep(Duration::from_millis(3_500));
    assert!(!source.needs_repair(), "the first look");
    thread::sleep(Duration::from_millis(600));
    assert!(source.needs_repair(), "it hangs still");
    door.set(false);
    http::wait_for("an answer", || !source.needs_repair());
}

/// What the USB says of a device that came back and belongs to somebody else by then.
struct Taken {
    inner: Box<dyn Transport>,
    trouble: Arc<Mutex<Option<ErrorKind>>>,
}

impl Transport for Taken {
    fn exchange(&mut self, frame: &[u8], until: Instant) -> Result<Vec<u8>, ErrorKind> {
        match &*self.trouble.lock().unwrap() {
            Some(kind) => Err(kind.clone()),
            None => self.inner.exchange(frame, until),
        }
    }

    fn forget(&mut self) {
        self.inner.forget();
    }
}

#[test]
fn a_device_that_cannot_be_opened_is_not_up() {
    let simulator = yubihsm_bench::simulator(44);
    let trouble = Arc::new(Mutex::new(None));
    let shared = trouble.clone();
    let source = source_over(&simulator, move |inner| {
        let trouble = shared.clone();
        Box::new(Taken { inner, trouble })
    });
    let _signer = source.open().unwrap().signer;
    // Pulled out; and when it is plugged in again, somebody else has it, or may have it.
    *trouble.lock().unwrap() = Some(ErrorKind::absent());
    assert!(source.open().is_err());
    let now = || source.status();
    for kind in [
        ErrorKind::Busy,
        ErrorKind::Permission,
        ErrorKind::Ambiguous(Vec::new()),
        ErrorKind::Device {
            command: 3,
            code: tmkms::backends::yubihsm::protocol::codes::ErrorCode::INVALID_COMMAND,
        },
    ] {
        *trouble.lock().unwrap() = Some(kind.clone());
        http::wait_for("its trouble", || {
            assert!(!now().up, "{kind}");
            now().trouble == Some(kind.to_string())
        });
    }
    *trouble.lock().unwrap() = None;
    http::wait_for("it is up", || now().up);
    assert!(source.open().is_ok());
}

#[test]
fn many_chains_wait_for_a_device_that_is_away_once() {
    let simulator = yubihsm_bench::simulator(45);
    let (trouble, door) = (
        Arc::new(Mutex::new(Some(ErrorKind::absent()))),
        Arc::new(Door::default()),
    );
    let (shared, behind) = (trouble.clone(), door.clone());
    let source = source_over(&simulator, move |inner| {
        let (trouble, door) = (shared.clone(), behind.clone());
        let inner = Box::new(Taken { inner, trouble });
        Box::new(BehindDoor { inner, door })
    });
    assert!(source.open().is_err());
    let began = Instant::now();
    for _ in 0..5 {
        let why = source.open().err().unwrap().to_string();
        assert!(why.contains(&ErrorKind::absent().to_string()), "{why}");
    }
    assert!(began.elapsed() < Duration::from_secs(2));
    // A thread that takes over before any key was found looks for the device, too.
    door.set(true);
    http::wait_for("it hangs", || source.needs_repair());
    source.repair();
    *trouble.lock().unwrap() = None;
    door.set(false);
    http::wait_for("it is back", || source.open().is_ok());
}
