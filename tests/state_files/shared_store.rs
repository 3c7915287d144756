//! A watermark that several hosts share in etcd (W17): what an answer, or the lack of one, makes of a vote.

use std::time::{Duration, Instant};

use crate::support::fake_etcd::{FakeEtcd, Fault, Stored};
use crate::support::{Admit as _, maker, moment, place, random_key};
use tmkms::backends::softsign::key::SoftKey;
use tmkms::gate::refusal::{Reason, Refusal};
use tmkms::gate::store::StoreError;
use tmkms::gate::store::etcd::{
    Host, Membership, MembershipError, PATIENCE, SharedHandle, SharedKey, SharedStore, Watcher,
    host_id, shared_value,
};
use tmkms::gate::store::file::{FileStore, OpenError, StateFile};
use tmkms::gate::watermark::{Watermark, Why};
use tmkms::gate::{Admission, Gate, Settings};
use tmkms::request::SignRequest;

/// One host with its file.
struct Host1 {
    _folder: tempfile::TempDir,
    place: StateFile,
    etcd: FakeEtcd,
    name: &'static str,
}

impl Host1 {
    fn new(name: &'static str, etcd: &FakeEtcd, key: &SoftKey) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut place = place(folder.path().join("state.json"), key.public_key());
        place.shared = true;
        Self {
            _folder: folder,
            place,
            etcd: etcd.clone(),
            name,
        }
    }

    fn key(&self) -> SharedKey {
        let settings = self.etcd.settings();
        SharedKey::connect(&settings, &self.place.chain_id, &self.place.public_key).unwrap()
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Membership<'_>, &Watermark) -> Result<(), MembershipError>,
    ) -> Result<(), MembershipError> {
        if FileStore::open(&self.place).is_err() {
            FileStore::create(&self.place, &Watermark::Never, moment(0).wall).unwrap();
        }
        let mut file = FileStore::open(&self.place).unwrap();
        let mut key = self.key();
        let found = key.read(PATIENCE).unwrap();
        let target = shared_value(&key, &found).unwrap();
        let target = target.map_or(Watermark::Never, |value| value.record.watermark);
        let local = file.used_up().into_watermark();
        let target = if local.hrs() > target.hrs() {
            local
        } else {
            target
        };
        let host = Host {
            id: host_id(&file).unwrap(),
            name: self.name.to_owned(),
        };
        let mut membership = Membership {
            key: &mut key,
            file: &mut file,
            host,
            now: moment(0).wall,
        };
        change(&mut membership, &target)
    }

    fn share(&self) -> Result<(), MembershipError> {
        self.change(|membership, _| {
            let found = membership.key.read(PATIENCE).unwrap();
            membership.share(&found)
        })
    }

    fn join(&self) -> Result<(), MembershipError> {
        self.change(|membership, target| {
            let found = membership.key.read(PATIENCE).unwrap();
            membership.join(&found, target)
        })
    }

    fn leave(&self) -> Result<(), MembershipError> {
        self.change(|membership, target| {
            let found = membership.key.read(PATIENCE).unwrap();
            membership.leave(&found, target)
        })
    }

    fn store(&self) -> (SharedStore, SharedHandle) {
        let file = FileStore::open(&self.place).unwrap();
        let commands = self.place.commands.clone();
        let store = SharedStore::new(self.key(), file, self.name.to_owned(), commands).unwrap();
        let handle = store.handle();
        (store, handle)
    }

    fn arm(&self) -> Result<Gate, StoreError> {
        let (store, _) = self.store();
        let chain = self.place.chain_id.clone();
        Gate::arm(chain, Settings::default(), Box::new(store), &moment(0))
    }

    fn floor(&self) -> Watermark {
        let file = tmkms::gate::store::file::inspect(&self.place).unwrap();
        file.record.watermark
    }
}

/// Two hosts that share a chain.
fn two() -> (FakeEtcd, Host1, Host1) {
    let etcd = FakeEtcd::start();
    let key = random_key();
    let (one, two) = (
        Host1::new("one", &etcd, &key),
        Host1::new("two", &etcd, &key),
    );
    one.share().unwrap();
    two.join().unwrap();
    (etcd, one, two)
}

fn vote(height: i64, block: u8) -> SignRequest {
    maker().prevote(height, 0, Some(block), height)
}

fn ask(gate: &mut Gate, request: &SignRequest) -> Result<Vec<u8>, Refusal> {
    let now = moment(0);
    // The budget of a vote: 2 s, of which a device may have a part.
    match gate.admit(request, &now, now.monotonic + Duration::from_secs(2))? {
        Admission::Sign { permit, .. } => Ok(permit.bytes().to_vec()),
        Admission::Replay { .. } => panic!("nothing was signed"),
    }
}

fn bytes(request: &SignRequest) -> Vec<u8> {
    request.sign_bytes().as_slice().to_vec()
}

/// The one member may still owe an answer; then the request is made again, as a node does.
fn ask_again(gate: &mut Gate, request: &SignRequest) -> Vec<u8> {
    let began = Instant::now();
    loop {
        match ask(gate, request) {
            Ok(bytes) => return bytes,
            Err(refusal) if began.elapsed() > Duration::from_secs(5) => panic!("{refusal}"),
            Err(_) => {}
        }
    }
}

fn is_conflict(refusal: &Refusal) -> bool {
    matches!(refusal.reason, Reason::Watermark(Why::Conflict))
}

fn not_durable(result: Result<Vec<u8>, Refusal>) -> String {
    match result.unwrap_err().reason {
        Reason::NotDurable(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_two_hosts_the_first_signs_and_the_other_gives_the_same_bytes_or_none() {
    let (_, one, two) = two();
    let (mut one_gate, mut two_gate) = (one.arm().unwrap(), two.arm().unwrap());
    let (mine, other) = (vote(5, 1), vote(5, 2));
    assert_eq!(ask(&mut one_gate, &mine).unwrap(), bytes(&mine));
    assert!(is_conflict(&ask(&mut two_gate, &other).unwrap_err()));
    // Asked for the same block at another time, it gives what was stored.
    let later = maker().prevote(5, 0, Some(1), 99);
    assert_eq!(ask(&mut two_gate, &later).unwrap(), bytes(&mine));
    // What it learned is its own floor, too.
    assert_eq!(two.floor().hrs(), one.floor().hrs());
    assert_eq!(ask(&mut two_gate, &vote(6, 2)).unwrap(), bytes(&vote(6, 2)));
    assert!(is_conflict(&ask(&mut one_gate, &vote(6, 1)).unwrap_err()));
}

#[test]
fn an_answer_that_does_not_come_is_a_position_used_up() {
    for fault in [Fault::AppliedAndSilent, Fault::LostAndSilent] {
        let (etcd, one, _two) = two();
        let mut gate = one.arm().unwrap();
        // It is asked again within the vote's time.
        etcd.next(&[fault, Fault::LostAndSilent]);
        let began = Instant::now();
        let why = not_durable(ask(&mut gate, &vote(5, 1)));
        assert!(why.contains("did not answer in time"), "{why}");
        assert!(began.elapsed() < Duration::from_secs(2));
        // Whatever became of it, other bytes are refused, and the very bytes are found or stored.
        assert!(
            is_conflict(&ask(&mut gate, &vote(5, 2)).unwrap_err()),
            "{fault:?}"
        );
        assert_eq!(
            ask_again(&mut gate, &vote(5, 1)),
            bytes(&vote(5, 1)),
            "{fault:?}"
        );
        assert_eq!(one.floor().height(), 5);
    }
}

#[test]
fn what_was_applied_unseen_is_recognised_and_applied_once() {
    for fault in [
        Fault::AppliedAndCut,
        Fault::AppliedAndHalf,
        Fault::AppliedAndSaid(503, 14, "etcdserver: leader changed"),
        Fault::AppliedAndSaid(504, 4, "etcdserver: request timed out"),
        Fault::AppliedAndSaid(429, 8, "etcdserver: mvcc: database space exceeded"),
        Fault::AppliedAndSaid(500, 2, "etcdserver: something else"),
        Fault::Said(503, 14, "etcdserver: no leader"),
        Fault::Said(429, 8, "etcdserver: too many requests"),
        Fault::Said(400, 3, "etcdserver: invalid"),
        Fault::Foreign("{}"),
        Fault::Foreign("<html>a portal</html>"),
        Fault::Foreign(r#"{"header":{"cluster_id":"77","revision":"9"},"succeeded":true}"#),
        Fault::Endless,
    ] {
        let (etcd, one, _two) = two();
        let mut gate = one.arm().unwrap();
        let before = etcd.state.lock().unwrap().applied;
        etcd.next(&[fault]);
        assert_eq!(
            ask(&mut gate, &vote(5, 1)).unwrap(),
            bytes(&vote(5, 1)),
            "{fault:?}"
        );
        assert_eq!(etcd.state.lock().unwrap().applied, before + 1, "{fault:?}");
        assert_eq!(
            ask(&mut gate, &vote(6, 1)).unwrap(),
            bytes(&vote(6, 1)),
            "{fault:?}"
        );
    }
}

/// The most dangerous of all: our write was lost, another host wrote a lower position, and ours must not be signed before
/// etcd holds it.
#[test]
fn a_lost_write_that_another_host_overtook_is_made_again_before_it_is_signed() {
    let (etcd, one, two) = two();
    let (mut gate, mut other) = (one.arm().unwrap(), two.arm().unwrap());
    etcd.next(&[Fault::LostAndSilent; 2]);
    not_durable(ask(&mut gate, &vote(7, 1)));
    assert_eq!(ask(&mut other, &vote(6, 2)).unwrap(), bytes(&vote(6, 2)));
    assert_eq!(ask_again(&mut gate, &vote(7, 1)), bytes(&vote(7, 1)));
    assert!(is_conflict(&ask(&mut other, &vote(7, 2)).unwrap_err()));
    // And the other way round: the other host was there first.
    etcd.next(&[Fault::LostAndSilent; 2]);
    not_durable(ask(&mut gate, &vote(8, 1)));
    assert_eq!(ask(&mut other, &vote(8, 2)).unwrap(), bytes(&vote(8, 2)));
    std::thread::sleep(Duration::from_millis(600));
    assert!(is_conflict(&ask(&mut gate, &vote(8, 1)).unwrap_err()));
}

#[test]
fn what_must_not_happen_to_the_key_latches() {
    type Break = fn(&FakeEtcd, &Stored);
    let cases: [(&str, Break); 8] = [
        ("is gone from etcd", |etcd, _| etcd.set_key(None)),
        ("was deleted and created again", |etcd, key| {
            let mut state = etcd.state.lock().unwrap();
            state.revision += 2;
            let at = state.revision;
            state.key = Some(Stored {
                created: at,
                modified: at,
                value: key.value.clone(),
            });
        }),
        ("another etcd cluster answers", |etcd, _| {
            etcd.state.lock().unwrap().cluster = 78;
        }),
        ("set back to an older revision", |etcd, key| {
            let mut state = etcd.state.lock().unwrap();
            state.revision = key.created;
            state.key = Some(Stored {
                modified: key.created,
                ..key.clone()
            });
        }),
        ("does not hold a watermark", |etcd, key| {
            let mut state = etcd.state.lock().unwrap();
            state.revision += 1;
            let modified = state.revision;
            state.key = Some(Stored {
                modified,
                value: b"{}".to_vec(),
                ..key.clone()
            });
        }),
        ("its checksum does not match", |etcd, key| {
            let mut state = etcd.state.lock().unwrap();
            state.revision += 1;
            let modified = state.revision;
            let text = String::from_utf8(key.value.clone()).unwrap();
            state.key = Some(Stored {
                modified,
                value: text.replace("\"step\":2", "\"step\":1").into_bytes(),
                ..key.clone()
            });
        }),
        ("another etcd cluster answers", |etcd, key| {
            let mut state = etcd.state.lock().unwrap();
            state.cluster = 79;
            state.key = Some(key.clone());
        }),
        ("is gone from etcd", |etcd, _| {
            let mut state = etcd.state.lock().unwrap();
            state.revision += 9;
            state.key = None;
        }),
    ];
    for (said, break_it) in cases {
        let (etcd, one, _two) = two();
        let mut gate = one.arm().unwrap();
        ask(&mut gate, &vote(5, 1)).unwrap();
        let key = etcd.key().unwrap();
        break_it(&etcd, &key);
        let why = not_durable(ask(&mut gate, &vote(6, 1)));
        assert!(why.contains(said), "{said}: {why}");
        assert!(why.contains("tmkms state "), "{why}");
        // Putting everything back does not make it believable again.
        etcd.state.lock().unwrap().cluster = 77;
        etcd.set_key(Some(key));
        let why = not_durable(ask(&mut gate, &vote(7, 1)));
        assert!(why.contains(said), "{said}: {why}");
        assert!(is_conflict(&ask(&mut gate, &vote(6, 2)).unwrap_err()));
    }
}

#[test]
fn a_host_does_not_arm_over_less_than_it_has_seen() {
    let (etcd, one, two) = two();
    let older = etcd.key().unwrap();
    let mut gate = one.arm().unwrap();
    ask(&mut gate, &vote(5, 1)).unwrap();
    drop(gate);
    let refused = |host: &Host1| match host.arm() {
        Err(error) => error.to_string(),
        Ok(_) => panic!("armed"),
    };
    // By hand, with a new revision.
    let newer = etcd.key().unwrap();
    {
        let mut state = etcd.state.lock().unwrap();
        state.revision += 1;
        let modified = state.revision;
        state.key = Some(Stored {
            modified,
            ..older.clone()
        });
    }
    assert!(refused(&one).contains("lower than this host has seen"));
    // The one that only stood by does not know better.
    assert!(two.arm().is_ok());
    etcd.set_key(Some(newer));
    assert!(one.arm().is_ok());
    // A snapshot: everything is older.
    etcd.set_key(Some(older.clone()));
    etcd.state.lock().unwrap().revision = older.modified;
    assert!(refused(&one).contains("set back to an older revision"));
    etcd.state.lock().unwrap().cluster = 12;
    assert!(refused(&one).contains("another etcd cluster"));
    // The way back raises what was restored to what each host knows.
    one.join().unwrap();
    two.join().unwrap();
    let (mut one_gate, mut two_gate) = (one.arm().unwrap(), two.arm().unwrap());
    assert!(is_conflict(&ask(&mut two_gate, &vote(5, 2)).unwrap_err()));
    assert_eq!(ask(&mut one_gate, &vote(6, 2)).unwrap(), bytes(&vote(6, 2)));
}

#[test]
fn a_host_that_stands_by_keeps_its_floor() {
    let (etcd, one, two) = two();
    let mut gate = one.arm().unwrap();
    let (store, handle) = two.store();
    let chain = two.place.chain_id.clone();
    let mut standby = Gate::arm(chain, Settings::default(), Box::new(store), &moment(0)).unwrap();
    ask(&mut gate, &vote(5, 1)).unwrap();
    let mut watcher =
        Watcher::new(&etcd.settings(), &two.place.chain_id, &two.place.public_key).unwrap();
    assert!(watcher.look(&handle));
    standby.refresh(&moment(0));
    assert_eq!(two.floor().height(), 5);
    assert!(is_conflict(&ask(&mut standby, &vote(5, 2)).unwrap_err()));
    let sample = handle.stats.sample();
    assert_eq!(sample.writer.as_deref(), Some("one"));
    assert_eq!(sample.endpoints, [(etcd.url.clone(), None)]);
    // What it sees of a key that is gone stops it before any vote does.
    etcd.set_key(None);
    etcd.state.lock().unwrap().revision += 1;
    assert!(watcher.look(&handle));
    standby.refresh(&moment(0));
    let broken = standby.snapshot().broken.unwrap();
    assert!(broken.contains("is gone from etcd"), "{broken}");
}

#[test]
fn who_leaves_goes_on_alone_and_the_others_stop_with_their_next_vote() {
    let (etcd, one, two) = two();
    let mut gate = two.arm().unwrap();
    ask(&mut gate, &vote(5, 1)).unwrap();
    one.leave().unwrap();
    let why = not_durable(ask(&mut gate, &vote(6, 1)));
    assert!(why.contains("host one ended the sharing at "), "{why}");
    drop(gate);
    assert!(
        two.arm()
            .err()
            .unwrap()
            .to_string()
            .contains("ended the sharing")
    );
    // Its own file has what the other host signed, and is used by itself again.
    let mut alone = one.place.clone();
    alone.shared = false;
    let store = FileStore::open(&alone).unwrap();
    assert_eq!(store.record().watermark.height(), 5);
    drop(store);
    // The file of the one that stayed is not.
    let mut alone = two.place.clone();
    alone.shared = false;
    assert!(matches!(
        FileStore::open(&alone),
        Err(OpenError::Shared { .. })
    ));
    // Only who left may open it again.
    let error = two.share().unwrap_err();
    assert!(matches!(error, MembershipError::Key(_)), "{error}");
    let _ = etcd;
}

#[test]
fn a_chain_is_shared_once_and_joined_after() {
    let etcd = FakeEtcd::start();
    let key = random_key();
    let (one, two) = (
        Host1::new("one", &etcd, &key),
        Host1::new("two", &etcd, &key),
    );
    assert!(matches!(two.join(), Err(MembershipError::NotShared)));
    one.share().unwrap();
    assert!(matches!(two.share(), Err(MembershipError::AlreadyShared(name)) if name == "one"));
    // The file of one that was turned away is no less its own.
    let mut alone = two.place.clone();
    alone.shared = false;
    drop(FileStore::open(&alone).unwrap());
    two.join().unwrap();
    assert!(two.arm().is_ok());
}

#[test]
fn a_signer_that_shares_and_one_that_does_not_exclude_each_other() {
    let (_etcd, one, two) = two();
    let (held, other) = (one.store(), two.store());
    let folder = tempfile::tempdir().unwrap();
    let alone = place(
        folder.path().join("state.json"),
        one.place.public_key.clone(),
    );
    let locked = |place: &StateFile| {
        FileStore::create(place, &Watermark::Never, Duration::ZERO)
            .err()
            .is_some_and(|error| error.is_locked())
    };
    assert!(locked(&alone));
    drop((held, other));
    FileStore::create(&alone, &Watermark::Never, Duration::ZERO).unwrap();
    let _alone = FileStore::open(&alone).unwrap();
    assert!(FileStore::open(&one.place).is_err_and(|error| error.is_locked()));
}

#[test]
fn the_local_file_is_durable_before_a_permit_too() {
    let (_, one, _two) = two();
    let mut gate = one.arm().unwrap();
    // Another program puts another file there.
    let copy = one.place.path.with_extension("copy");
    std::fs::copy(&one.place.path, &copy).unwrap();
    std::fs::rename(&copy, &one.place.path).unwrap();
    let why = not_durable(ask(&mut gate, &vote(5, 1)));
    assert!(why.contains("was replaced by another program"), "{why}");
    assert!(is_conflict(&ask(&mut gate, &vote(5, 2)).unwrap_err()));
}
