//! A chain that moves between hosts (W21): sealed before its bundle exists, armed from it once, and cut off at every step of
//! both.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cut::{Cut, no_space};
use crate::support::{maker, place, random_key};
use tmkms::gate::Settings;
use tmkms::gate::store::file::format::{FILE, SLOT};
use tmkms::gate::store::file::medium::Medium;
use tmkms::gate::store::file::{FileStore, OpenError, StateFile};
use tmkms::gate::store::{Origin, Store};
use tmkms::gate::watermark::{Last, Watermark};
use tmkms::migrate::moving::bundle::Bundle;
use tmkms::migrate::moving::out::{HandedOver, MoveOutError, hand_over, move_out};
use tmkms::migrate::moving::take_in::{NotTakenIn, take_in, take_in_on};
use tmkms::migrate::moving::terms::Terms;
use tmkms::os::clock::{Clock, SystemClock};

/// More operations than a move has.
const ENOUGH: usize = 12;

fn now() -> Duration {
    SystemClock.now().wall
}

fn terms() -> Terms {
    Terms::new(&Settings::default(), None)
}

fn vote(height: i64) -> Watermark {
    let bytes = maker().prevote(height, 0, Some(1), 1).sign_bytes();
    Watermark::Message(Last::new(bytes, None).unwrap())
}

/// Two hosts with one key, of which nothing else is common.
struct Hosts {
    _folders: [tempfile::TempDir; 2],
    a: StateFile,
    b: StateFile,
}

/// The first of them has signed up to height 7.
fn hosts() -> Hosts {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let key = random_key().public_key();
    let at = |folder: &tempfile::TempDir| place(folder.path().join("state.json"), key.clone());
    let (a, b) = (at(&folders[0]), at(&folders[1]));
    FileStore::create(&a, &Watermark::Never, now()).unwrap();
    sign(&a, 7);
    Hosts {
        _folders: folders,
        a,
        b,
    }
}

/// A service that signs one height and stops.
fn sign(place: &StateFile, height: i64) {
    let mut store = FileStore::open(place).unwrap();
    let sequence = store.load().unwrap().record.sequence;
    store
        .persist(sequence, &vote(height), Origin::Request, now())
        .unwrap();
    store.close().unwrap();
}

/// Where it would go on from, if it is armed.
fn armed(place: &StateFile) -> Result<Watermark, OpenError> {
    FileStore::open(place).map(|store| store.record().watermark.clone())
}

fn is_sealed(place: &StateFile) -> bool {
    matches!(armed(place), Err(OpenError::MovedOut { .. }))
}

fn out(place: &StateFile) -> HandedOver {
    move_out(place, terms(), now()).unwrap()
}

fn cut(fatal: usize, torn: usize) -> Cut {
    Cut {
        done: Arc::default(),
        fatal,
        torn,
        error: no_space,
    }
}

/// A disk on which no new file takes the place of an old one: a file that is itself a mount point.
struct Mounted<M>(M);

impl<M: Medium> Medium for Mounted<M> {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(file, bytes, offset)
    }

    fn flush(&self, file: &File) -> io::Result<()> {
        self.0.flush(file)
    }

    fn flush_all(&self, file: &File) -> io::Result<()> {
        self.0.flush_all(file)
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(16))
    }

    fn flush_folder(&self, folder: &File) -> io::Result<()> {
        self.0.flush_folder(folder)
    }
}

/// At every step: either there is a bundle, and the chain is sealed; or there is none, and whatever the disk holds, the
/// command can be repeated and gives the one bundle of the watermark.
#[test]
fn killed_at_every_step_of_moving_out_it_is_never_armed_beside_its_bundle() {
    for mounted in [false, true] {
        for torn in [0, 100, SLOT] {
            let mut seen = [false; 3];
            for fatal in 0..ENOUGH {
                let hosts = hosts();
                let medium: Box<dyn Medium> = match mounted {
                    false => Box::new(cut(fatal, torn)),
                    true => Box::new(Mounted(cut(fatal, torn))),
                };
                let store = FileStore::open_given_away_on(&hosts.a, medium).unwrap();
                let handed = hand_over(store, &hosts.a, terms(), now());
                let sealed = is_sealed(&hosts.a);
                let again = match &handed {
                    Ok(handed) => {
                        assert!(sealed, "op {fatal}: a bundle of a chain that is armed");
                        let again = out(&hosts.a);
                        assert_eq!(again.text, handed.text, "op {fatal}");
                        again
                    }
                    Err(error) => {
                        assert!(matches!(error, MoveOutError::NotSealed(_)), "{error}");
                        out(&hosts.a)
                    }
                };
                assert_eq!(again.again, sealed, "op {fatal}");
                assert_eq!(again.bundle.watermark, vote(7), "op {fatal}: lost");
                assert!(is_sealed(&hosts.a));
                take_in(&hosts.b, &again.bundle, now()).unwrap();
                assert_eq!(armed(&hosts.b).unwrap(), vote(7));
                seen[match (&handed, sealed) {
                    (Ok(_), _) => 2,
                    (Err(_), sealed) => usize::from(sealed),
                }] = true;
            }
            assert!(
                seen[0] && seen[2],
                "cut before and after: {seen:?}, mounted {mounted}"
            );
        }
    }
}

/// At every step: what was not armed can be taken in still, and what was armed is not armed twice.
#[test]
fn killed_at_every_step_of_taking_in_it_is_armed_once() {
    enum Before {
        Nothing,
        Sealed,
        OwnBundle,
        Armed,
    }
    for before in [
        Before::Nothing,
        Before::Sealed,
        Before::OwnBundle,
        Before::Armed,
    ] {
        for torn in [0, 100, SLOT] {
            let mut seen = [false; 2];
            for fatal in 0..ENOUGH {
                let hosts = hosts();
                let (to, bundle) = match before {
                    Before::Nothing => (&hosts.b, out(&hosts.a).bundle),
                    Before::OwnBundle => (&hosts.a, out(&hosts.a).bundle),
                    Before::Sealed => {
                        take_in(&hosts.b, &out(&hosts.a).bundle, now()).unwrap();
                        (&hosts.a, out(&hosts.b).bundle)
                    }
                    Before::Armed => {
                        // Another watermark of the same chain, begun there by hand.
                        let bundle = out(&hosts.a).bundle;
                        FileStore::create(&hosts.b, &vote(3), now()).unwrap();
                        (&hosts.b, bundle)
                    }
                };
                let first = take_in_on(to, &bundle, now(), || Box::new(cut(fatal, torn))).map(drop);
                let is_in = armed(to).is_ok_and(|watermark| watermark == vote(7));
                if first.is_ok() {
                    assert!(is_in, "op {fatal}: said to be in");
                }
                seen[usize::from(is_in)] = true;
                match take_in(to, &bundle, now()) {
                    Ok(_) => assert!(!is_in, "op {fatal}: armed twice"),
                    Err(NotTakenIn::Again { .. }) => assert!(is_in, "op {fatal}: lost"),
                    Err(other) => panic!("op {fatal}: {other}"),
                }
                assert_eq!(armed(to).unwrap(), vote(7), "op {fatal}");
            }
            assert_eq!(seen, [true; 2], "cut before and after");
        }
    }
}

#[test]
fn to_and_fro_with_new_bundles_and_never_with_an_old_one() {
    let hosts = hosts();
    let (mut from, mut to) = (&hosts.a, &hosts.b);
    let mut old: Vec<Bundle> = Vec::new();
    for round in 1..=6 {
        // Without a vote in between, too: the watermark alone would not tell the bundles apart.
        if round % 2 == 0 {
            sign(from, 7 + round);
        }
        let bundle = out(from).bundle;
        for older in &old {
            for place in [from, to] {
                // The host that made it cannot know where it went.
                if std::ptr::eq(place, to) && older.moved.count + 1 == bundle.moved.count {
                    continue;
                }
                let refused = take_in(place, older, now()).unwrap_err();
                assert!(
                    matches!(refused, NotTakenIn::Older { .. } | NotTakenIn::Again { .. }),
                    "round {round}: {refused}"
                );
            }
        }
        assert!(is_sealed(from), "round {round}");
        take_in(to, &bundle, now()).unwrap();
        assert!(armed(to).is_ok() && is_sealed(from), "round {round}");
        assert!(matches!(
            take_in(to, &bundle, now()),
            Err(NotTakenIn::Again { .. })
        ));
        old.push(bundle);
        (from, to) = (to, from);
    }
}

/// One that the other host never saw is old there all the same.
#[test]
fn a_bundle_that_was_taken_back_is_old_everywhere_else() {
    let hosts = hosts();
    let first = out(&hosts.a).bundle;
    take_in(&hosts.a, &first, now()).unwrap();
    let second = out(&hosts.a).bundle;
    take_in(&hosts.b, &second, now()).unwrap();
    let third = out(&hosts.b).bundle;
    for place in [&hosts.a, &hosts.b] {
        let refused = take_in(place, &first, now()).unwrap_err();
        assert!(matches!(refused, NotTakenIn::Older { .. }), "{refused}");
    }
    take_in(&hosts.a, &third, now()).unwrap();
    // And the second, which this host made, is no longer its own.
    let refused = take_in(&hosts.a, &second, now()).unwrap_err();
    assert!(matches!(refused, NotTakenIn::Older { .. }), "{refused}");
}

/// A copy of a sealed state may be older than what was signed since: neither its own bundle nor a newer one arms it.
#[test]
fn a_sealed_state_that_was_restored_is_not_armed_by_a_bundle() {
    let hosts = hosts();
    let first = out(&hosts.a).bundle;
    let kept = fs::read(&hosts.a.path).unwrap();
    take_in(&hosts.b, &first, now()).unwrap();
    sign(&hosts.b, 9);
    let second = out(&hosts.b).bundle;
    take_in(&hosts.a, &second, now()).unwrap();
    sign(&hosts.a, 11);
    fs::remove_file(&hosts.a.path).unwrap();
    fs::write(&hosts.a.path, &kept).unwrap();
    fs::set_permissions(
        &hosts.a.path,
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    for bundle in [first, second] {
        let refused = take_in(&hosts.a, &bundle, now()).unwrap_err();
        assert!(
            matches!(refused, NotTakenIn::SealedCopy { .. }),
            "{refused}"
        );
    }
    assert!(is_sealed(&hosts.a));
    let not_out = move_out(&hosts.a, terms(), now()).unwrap_err();
    assert!(matches!(
        not_out,
        MoveOutError::State(OpenError::Copied { .. })
    ));
}

/// The higher of the two counts, whichever it is.
#[test]
fn what_is_known_here_is_never_lowered() {
    for here in [3, 7, 9] {
        let hosts = hosts();
        FileStore::create(&hosts.b, &vote(here), now()).unwrap();
        let arrival = take_in(&hosts.b, &out(&hosts.a).bundle, now()).unwrap();
        assert_eq!(arrival.watermark, vote(here.max(7)));
        assert_eq!(armed(&hosts.b).unwrap(), vote(here.max(7)));
    }
}

/// A half that rots, of a state that is sealed: it stays so, and so does what was used up.
#[test]
fn either_half_of_a_sealed_state_says_so() {
    for half in [0, SLOT] {
        let hosts = hosts();
        let bundle = out(&hosts.a).bundle;
        let file = fs::OpenOptions::new()
            .write(true)
            .open(&hosts.a.path)
            .unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[0; SLOT], half as u64).unwrap();
        assert_eq!(fs::metadata(&hosts.a.path).unwrap().len(), FILE as u64);
        assert!(is_sealed(&hosts.a));
        take_in(&hosts.a, &bundle, now()).unwrap();
        assert!(armed(&hosts.a).unwrap().height() >= 7);
    }
}

/// Who has signed nothing yet has its free first advance there, too, and who has signed has none.
#[test]
fn the_first_advance_goes_along() {
    let hosts = hosts();
    FileStore::create(&hosts.b, &Watermark::Never, now()).unwrap();
    let bundle = out(&hosts.b).bundle;
    take_in(&hosts.b, &bundle, now()).unwrap();
    assert_eq!(
        FileStore::open(&hosts.b).unwrap().record().origin,
        Origin::Begun
    );
    take_in(&hosts.b, &out(&hosts.a).bundle, now()).unwrap_err();
    let moved = out(&hosts.b).bundle;
    take_in(&hosts.a, &moved, now()).unwrap();
    let store = FileStore::open(&hosts.a).unwrap();
    assert_eq!(store.record().origin, Origin::Raised);
    assert_eq!(store.record().watermark, vote(7));
}

#[test]
fn a_store_that_is_sealed_stores_nothing_more() {
    let hosts = hosts();
    let mut store = FileStore::open(&hosts.a).unwrap();
    let sequence = store.load().unwrap().record.sequence;
    let moved = tmkms::gate::store::Moved::after(store.moved(), now()).unwrap();
    store.seal(&vote(7), now(), moved).unwrap();
    for expected in [sequence, store.record().sequence] {
        store
            .persist(expected, &vote(8), Origin::Request, now())
            .unwrap_err();
    }
    store.rebuild(&vote(8), Origin::Request, now()).unwrap_err();
    drop(store);
    assert!(is_sealed(&hosts.a));
    assert_eq!(out(&hosts.a).bundle.watermark, vote(7));
}
