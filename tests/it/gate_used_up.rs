//! What is used up is one answer (W19): a damaged half counts for every command, and no command gives back the free
//! first advance of a chain that was known (W11).

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::home::Home;
use crate::support::{Admit as _, maker, place};
use tmkms::gate::refusal::Reason;
use tmkms::gate::store::file::format::SLOT;
use tmkms::gate::store::file::{FileStore, StateFile};
use tmkms::gate::store::{Origin, Store};
use tmkms::gate::watermark::{Last, Watermark};
use tmkms::gate::{Gate, Settings};
use tmkms::os::clock::{Clock, SystemClock};

/// A child that another test starts holds every lock of this process until it is the program that it is to be.
fn open(place: &StateFile) -> FileStore {
    for _ in 0..500 {
        match FileStore::open(place) {
            Err(error) if error.is_locked() => std::thread::sleep(Duration::from_millis(10)),
            opened => return opened.unwrap(),
        }
    }
    panic!("it stays locked");
}

/// A home whose chain has voted at heights 10 and 11.
fn home() -> (Home, StateFile) {
    let home = Home::new(&[tmkms::link::Address::Unix(PathBuf::from("/nowhere"))]);
    home.init();
    let place = place(home.path().join("state.json"), home.key.clone());
    let mut store = open(&place);
    for height in [10, 11] {
        let vote = maker().prevote(height, 0, Some(1), height).sign_bytes();
        let vote = Watermark::Message(Last::new(vote, None).unwrap());
        let sequence = store.record().sequence;
        let now = SystemClock.now().wall;
        store
            .persist(sequence, &vote, Origin::Request, now)
            .unwrap();
    }
    drop(store);
    (home, place)
}

/// Half of the file rots: not that of the newest record, which knows nothing of it.
fn damage(place: &StateFile) {
    let store = open(place);
    let older = (store.record().sequence + 1) % 2;
    drop(store);
    fs::OpenOptions::new()
        .write(true)
        .open(&place.path)
        .unwrap()
        .write_all_at(&[0xff; SLOT], older * SLOT as u64)
        .unwrap();
}

/// Whether the chain, started now, would sign at this height.
fn signs(place: &StateFile, height: i64) -> Result<(), Reason> {
    let store = open(place);
    let chain = place.chain_id.clone();
    let now = SystemClock.now();
    let mut gate = Gate::arm(chain, Settings::default(), Box::new(store), &now).unwrap();
    gate.admit(
        &maker().prevote(height, 0, Some(2), height),
        &now,
        Duration::MAX,
    )
    .map(drop)
    .map_err(|refusal| refusal.reason)
}

#[test]
fn raise_of_a_damaged_file_keeps_its_floor() {
    let (home, place) = home();
    damage(&place);
    let (_, shown) = home.run(&["state", "show"]);
    assert!(shown.contains("watermark at 12 (whole height)"), "{shown}");
    // What is shown is what counts: neither the record's height nor the one that may be lost can be set.
    for (height, ends) in [("11", 1), ("12", 0)] {
        let (code, text) = home.run(&["state", "raise", "test-1", "--height", height]);
        assert_eq!(code, ends, "{text}");
        assert!(text.contains("is already at 12 (whole height)"), "{text}");
    }
    assert!(signs(&place, 12).is_err(), "12 may have been signed");
    let (home, place) = self::home();
    damage(&place);
    let (code, text) = home.run(&["state", "raise", "test-1", "--height", "13"]);
    assert_eq!(code, 0, "{text}");
    assert!(signs(&place, 13).is_err());
    assert_eq!(signs(&place, 14), Ok(()));
}

#[test]
fn export_and_import_of_a_damaged_file_carry_its_floor() {
    let (home, place) = home();
    damage(&place);
    let (_, text) = home.run(&["state", "export", "test-1", "--format", "cometbft"]);
    assert!(text.contains("\"height\": \"12\""), "{text}");
    let copy = home.path().join("copy.json");
    fs::copy(&place.path, &copy).unwrap();
    fs::remove_file(&place.path).unwrap();
    let (code, text) = home.run(&["state", "import", "test-1", "copy.json", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(signs(&place, 12).is_err());
    assert_eq!(signs(&place, 13), Ok(()));
}

#[test]
fn the_gate_counts_the_floor_as_its_watermark() {
    let (_home, place) = home();
    damage(&place);
    let store = open(&place);
    let chain = place.chain_id.clone();
    let gate = Gate::arm(
        chain,
        Settings::default(),
        Box::new(store),
        &SystemClock.now(),
    );
    let last = gate.unwrap().snapshot().last.unwrap();
    assert_eq!(last.to_string(), "12 (whole height)");
}

/// A height that only the free first advance reaches.
const FAR: i64 = 900_000_000;

#[test]
fn no_command_gives_the_free_advance_back_to_a_chain_that_was_known() {
    let far = |place: &StateFile| match signs(place, FAR) {
        // The gap, and what the seconds of this test earn.
        Err(Reason::TooFarAhead { allowed, .. }) => {
            assert!((1_000..10_000).contains(&allowed), "{allowed}");
            false
        }
        Err(reason) => panic!("{reason:?}"),
        Ok(()) => true,
    };
    let (home, place) = home();
    let (code, text) = home.run(&["state", "raise", "test-1", "--height", "20"]);
    assert_eq!(code, 0, "{text}");
    assert!(!far(&place), "after a raise");

    fs::write(
        home.path().join("old.json"),
        r#"{"height":"30","round":"0","step":1,"block_id":null}"#,
    )
    .unwrap();
    let (code, text) = home.run(&["state", "import", "test-1", "old.json", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(!far(&place), "after an import above what was known");

    // A raise of a chain of which nothing was known is a raise, too.
    let old = home.path().join("old.json");
    let elsewhere = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // Whatever speaks against it is out of sight.
        if name.contains("json") {
            fs::rename(&path, elsewhere.path().join(name)).unwrap();
        }
    }
    home.init();
    let (code, text) = home.run(&["state", "raise", "test-1", "--height", "20"]);
    assert_eq!(code, 0, "{text}");
    assert!(!far(&place));

    fs::remove_file(&place.path).unwrap();
    fs::write(
        old,
        r#"{"height":"30","round":"0","step":1,"block_id":null}"#,
    )
    .unwrap();
    let (code, text) = home.run(&["state", "import", "test-1", "old.json", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(far(&place), "nothing was known before");
}
