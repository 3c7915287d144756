//! One contract for every backend, each against its simulator: softsign, YubiHSM, replicas of YubiHSMs, and Ledger.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Admit as _, SharedDisk, chain_id, maker, moment};
use tmkms::backends::softsign::key::SoftKey;
use tmkms::backends::softsign::{FileFormat, KeyFile};
use tmkms::backends::{KeySource, Opened};
use tmkms::consensus::KeyType;
use tmkms::consensus::Signature;
use tmkms::gate::permit::Permit;
use tmkms::gate::raw::self_test;
use tmkms::gate::{Admission, Gate, Settings, SignExtensions};
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::secret_file::{self, SecretSource};
use tmkms::signer::{Signer, SignerError};

/// A backend on its bench: keys, and what can be done to its device. Softsign has none, so nothing happens to it.
trait Bench: Sync {
    fn source(&self) -> Arc<dyn KeySource>;
    /// The device goes away, and comes back.
    fn unplug(&self) {}
    fn plug(&self) {}
    /// Every exchange takes so long.
    fn slow(&self, _: Duration) {}
    /// Whether the device still holds anything for us.
    fn is_released(&self) -> bool {
        true
    }
    /// From now on signatures are wrong; `false` where nothing can make them so.
    fn spoil(&self) -> bool {
        false
    }
    /// What its device is called in messages, if it has one.
    fn device(&self) -> Option<&'static str> {
        None
    }
    /// Signs something that was not signed before.
    fn sign(
        &self,
        signer: &Arc<dyn Signer>,
        number: u64,
        time: Duration,
    ) -> Result<Signature, SignerError> {
        let permit = permit(number, time);
        signer.sign(&permit).inspect(|signature| {
            assert!(signer.public_key().verify(permit.bytes(), signature));
        })
    }
}

fn permit(number: u64, time: Duration) -> Permit {
    self_test(number, 110, SystemClock.now().monotonic + time).unwrap()
}

const BUDGET: Duration = Duration::from_secs(2);

fn keeps_the_contract(bench: &dyn Bench) {
    let source = bench.source();
    assert!(!source.traits().location.is_empty());
    let signer = source.open().unwrap().signer;
    signer.begin(None);
    wait_until_ready(&signer);
    signs_what_the_gate_admits(&signer, source.traits().signs_extensions);
    many_at_once(bench, &signer);
    a_slow_device_is_given_up_in_time(bench, &signer);
    a_lost_device_is_told_in_time_and_comes_back(bench, &signer);
    a_wrong_signature_never_leaves(bench, &signer);
    drop((signer, source));
    assert!(bench.is_released(), "the end leaves nothing behind");
}

/// A public key that does not change, and valid signatures of exactly the permit's bytes.
fn signs_what_the_gate_admits(signer: &Arc<dyn Signer>, signs_extensions: bool) {
    let key = signer.public_key();
    let settings = Settings {
        sign_extensions: match signs_extensions {
            true => SignExtensions::Auto,
            false => SignExtensions::Never,
        },
        ..Settings::default()
    };
    let disk = SharedDisk::new();
    let mut gate = Gate::arm(chain_id(), settings, disk.store(), &moment(0)).unwrap();
    for height in 1..10 {
        let request = maker().precommit(height, 0, Some(1), 1, b"extension");
        let until = SystemClock.now().monotonic + BUDGET;
        signer.accepts(&gate.prepare(&request).unwrap()).unwrap();
        let Ok(Admission::Sign {
            permit, extension, ..
        }) = gate.admit(&request, &moment(0), until)
        else {
            panic!("not admitted");
        };
        let signature = signer.sign(&permit).unwrap();
        assert!(key.verify(permit.bytes(), &signature));
        assert!(key.verify(request.sign_bytes().as_slice(), &signature));
        assert_eq!(extension.is_some(), signs_extensions);
        if let Some(extension) = extension {
            let extension_signature = signer.sign(&extension).unwrap();
            assert!(key.verify(extension.bytes(), &extension_signature));
            assert!(!key.verify(permit.bytes(), &extension_signature));
        }
        gate.complete(permit, &signature);
        assert_eq!(signer.public_key(), key);
    }
}

fn many_at_once(bench: &dyn Bench, signer: &Arc<dyn Signer>) {
    thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                for round in 0..5 {
                    bench
                        .sign(signer, number * 100 + round, 2 * BUDGET)
                        .unwrap();
                }
            });
        }
    });
}

fn a_slow_device_is_given_up_in_time(bench: &dyn Bench, signer: &Arc<dyn Signer>) {
    bench.slow(Duration::from_millis(400));
    let began = Instant::now();
    let result = bench.sign(signer, 1_001, Duration::from_millis(300));
    let took = began.elapsed();
    assert!(took < Duration::from_millis(600), "{took:?}");
    if bench.device().is_some() {
        assert!(matches!(result, Err(SignerError::Late(_))), "{result:?}");
    }
    bench.slow(Duration::ZERO);
    wait_until_it_signs(bench, signer);
}

fn a_lost_device_is_told_in_time_and_comes_back(bench: &dyn Bench, signer: &Arc<dyn Signer>) {
    bench.unplug();
    let began = Instant::now();
    let result = bench.sign(signer, 1_002, Duration::from_millis(300));
    assert!(began.elapsed() < Duration::from_millis(600));
    if let Some(name) = bench.device() {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    bench.plug();
    wait_until_it_signs(bench, signer);
}

fn wait_until_ready(signer: &Arc<dyn Signer>) {
    let began = Instant::now();
    while let Some(why) = signer.unavailable_reason() {
        assert!(began.elapsed() < 5 * BUDGET, "{why}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn wait_until_it_signs(bench: &dyn Bench, signer: &Arc<dyn Signer>) {
    wait_until_ready(signer);
    let signature = bench.sign(signer, 1_003, 3 * BUDGET);
    assert!(signature.is_ok(), "{signature:?}");
}

fn a_wrong_signature_never_leaves(bench: &dyn Bench, signer: &Arc<dyn Signer>) {
    if bench.spoil() {
        let result = bench.sign(signer, 1_004, BUDGET);
        let text = result.unwrap_err().to_string();
        assert!(text.contains("discarded"), "{text}");
    }
}

struct Softsign(KeyFile);

impl Bench for Softsign {
    fn source(&self) -> Arc<dyn KeySource> {
        Arc::new(self.0.clone())
    }
}

#[cfg(feature = "yubihsm")]
mod yubihsm {
    use super::*;
    use crate::support::yubihsm_bench::{SimulatorBench, key_source, simulator};
    use tmkms::backends::replicas::{Policy, ReplicaSetSource};
    use tmkms::backends::yubihsm::protocol::key_type::DeviceKeyType;

    impl Bench for SimulatorBench {
        fn source(&self) -> Arc<dyn KeySource> {
            match self.simulators.len() {
                1 => key_source(&self.simulators[0], self.key_type),
                _ => {
                    let all = self.simulators.iter();
                    let sources = all.map(|one| key_source(one, self.key_type) as _);
                    Arc::new(ReplicaSetSource::new(sources.collect(), self.policy))
                }
            }
        }

        fn unplug(&self) {
            self.simulators.iter().for_each(|one| one.unplug());
        }

        fn plug(&self) {
            self.simulators.iter().for_each(|one| one.plug());
        }

        fn slow(&self, time: Duration) {
            self.simulators
                .iter()
                .for_each(|one| one.device().faults.slow = time);
        }

        fn is_released(&self) -> bool {
            // A device that was given up in mid-message may hold that session for its 30 s.
            self.simulators
                .iter()
                .all(|one| one.device().open_sessions() == 0)
        }

        fn spoil(&self) -> bool {
            for simulator in &self.simulators {
                simulator.device().faults.wrong_signatures = true;
            }
            true
        }

        fn device(&self) -> Option<&'static str> {
            Some("YubiHSM")
        }
    }

    #[test]
    fn one_device() {
        for key_type in [
            DeviceKeyType::Ed25519,
            DeviceKeyType::Secp256k1,
            DeviceKeyType::Secp256k1Eth,
        ] {
            keeps_the_contract(&SimulatorBench {
                simulators: vec![simulator(1)],
                key_type,
                policy: Policy::Failover,
            });
        }
    }

    #[test]
    fn replicas() {
        for policy in [Policy::Failover, Policy::LeastBusy] {
            keeps_the_contract(&SimulatorBench {
                simulators: vec![simulator(1), simulator(2)],
                key_type: DeviceKeyType::Ed25519,
                policy,
            });
        }
    }
}

#[cfg(feature = "ledger")]
mod ledger {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::support::ledger_simulator::hid::Bus;
    use crate::support::ledger_simulator::{Device, Fault, Finger};
    use tmkms::backends::ledger::LedgerSource;
    use tmkms::backends::ledger::find::Wanted;
    use tmkms::backends::ledger::key::LedgerSettings;
    use tmkms::consensus::PublicKey;

    /// A device with a person beside it, and the gate of its one chain.
    struct LedgerBench {
        device: Device,
        gate: Mutex<Gate>,
        height: AtomicI64,
    }

    impl Bench for LedgerBench {
        fn source(&self) -> Arc<dyn KeySource> {
            let settings = LedgerSettings {
                chain: chain_id(),
                name: "Ledger".to_owned(),
                connector: Arc::new(Bus::of(std::slice::from_ref(&self.device))),
                wanted: Wanted {
                    public_key: Some(PublicKey::Ed25519(self.device.key())),
                    path: None,
                },
                timeout: BUDGET,
                commands: Default::default(),
            };
            Arc::new(LedgerSource::new(settings, false))
        }

        fn unplug(&self) {
            self.device.unplug();
        }

        fn plug(&self) {
            self.device.plug();
        }

        fn slow(&self, time: Duration) {
            self.device.set(|inner| inner.latency = time);
        }

        fn is_released(&self) -> bool {
            let began = Instant::now();
            while self.device.lock().held && began.elapsed() < BUDGET {
                thread::sleep(Duration::from_millis(2));
            }
            let inner = self.device.lock();
            !inner.held && inner.dropped == 0
        }

        fn spoil(&self) -> bool {
            self.device.fault(Fault::WrongSignature);
            true
        }

        fn device(&self) -> Option<&'static str> {
            Some("Ledger")
        }

        /// It signs votes alone, each above the last: the gate's section sees to that.
        fn sign(
            &self,
            signer: &Arc<dyn Signer>,
            _: u64,
            time: Duration,
        ) -> Result<Signature, SignerError> {
            let mut gate = self.gate.lock().unwrap();
            let height = self.height.fetch_add(1, Ordering::SeqCst);
            let until = SystemClock.now().monotonic + time;
            let request = maker().prevote(height, 0, Some(1), height);
            let Ok(Admission::Sign { permit, .. }) = gate.admit(&request, &moment(0), until) else {
                panic!("not admitted");
            };
            let signature = signer.sign(&permit)?;
            assert!(signer.public_key().verify(permit.bytes(), &signature));
            gate.complete(permit, &signature);
            Ok(signature)
        }
    }

    #[test]
    fn one_ledger() {
        let device = Device::new(&[77; 32]);
        device.set(|inner| inner.finger = Finger::Accept);
        let disk = SharedDisk::new();
        keeps_the_contract(&LedgerBench {
            device,
            gate: Mutex::new(
                Gate::arm(chain_id(), Settings::default(), disk.store(), &moment(0)).unwrap(),
            ),
            height: AtomicI64::new(100),
        });
    }
}

fn file(path: &Path, kind: KeyType, format: FileFormat) -> KeyFile {
    let source = SecretSource::File(path.to_owned());
    KeyFile::new(source, format, kind, Default::default(), Arc::default())
}

#[test]
fn softsign_keys_of_both_types() {
    let folder = tempfile::tempdir().unwrap();
    for (name, kind) in [
        ("consensus", KeyType::Ed25519),
        ("account", KeyType::Secp256k1),
    ] {
        let path = folder.path().join(name);
        let (key, text) = SoftKey::generate(kind).unwrap();
        secret_file::create(&path, &text).unwrap();
        let Opened { signer, warnings } = file(&path, kind, FileFormat::Base64).open().unwrap();
        assert_eq!(signer.public_key(), Signer::public_key(&key));
        assert!(warnings.is_empty());
        keeps_the_contract(&Softsign(file(&path, kind, FileFormat::Base64)));
    }
}

#[test]
fn what_is_wrong_with_a_key_file_names_the_file_and_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let error = |format| {
        file(&path, KeyType::Ed25519, format)
            .open()
            .err()
            .unwrap()
            .to_string()
    };
    let write = |text: &str, mode| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let good = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    assert!(error(FileFormat::Base64).contains("does not exist"));
    for (text, mode, format, words) in [
        (good, 0o644, FileFormat::Base64, "chmod 600"),
        ("", 0o600, FileFormat::Base64, "is empty"),
        ("{}", 0o600, FileFormat::Base64, "it has no `priv_key`"),
        ("not base64", 0o600, FileFormat::Base64, "not base64"),
        ("====", 0o600, FileFormat::Base64, "not base64"),
        ("AAAA", 0o600, FileFormat::Base64, "holds 3 bytes"),
        (
            good,
            0o600,
            FileFormat::Json,
            "remove `key_format = \"json\"`",
        ),
    ] {
        write(text, mode);
        let error = error(format);
        assert!(
            error.contains(words) && error.contains(path.to_str().unwrap()),
            "{error}"
        );
    }
    write(good, 0o640);
    let Opened { warnings, .. } = file(&path, KeyType::Ed25519, FileFormat::Base64)
        .open()
        .unwrap();
    assert_eq!(warnings.len(), 1, "the group may read it");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(error(FileFormat::Base64).contains("not a regular file"));
}
