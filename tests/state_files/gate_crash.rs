//! The state file: cut off at every write, torn, flipped, copied, replaced, full, read-only, held twice
//! (W2, W3, W6, W7, W8, W15).

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::cut::{Cut, no_space};
use crate::support::{Admit as _, maker, place, random_key};
use tmkms::consensus::Signature;
use tmkms::gate::store::file::format::{COPY, FILE, SLOT};
use tmkms::gate::store::file::medium::{FileSystem, Medium};
use tmkms::gate::store::file::{FileStore, OpenError, StateFile};
use tmkms::gate::store::{Origin, Store, StoreError};
use tmkms::gate::watermark::{Last, Watermark};
use tmkms::os::clock::{Clock, SystemClock};

const NOW: Duration = Duration::from_secs(1_000_000);

fn vote(height: i64, tag: u8) -> Watermark {
    Watermark::Message(
        Last::new(maker().prevote(height, 0, Some(tag), 1).sign_bytes(), None).unwrap(),
    )
}

/// A fresh state file in a folder of its own.
fn fresh() -> (tempfile::TempDir, StateFile) {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path().join("state.json"), random_key().public_key());
    FileStore::create(&place, &Watermark::Never, NOW).unwrap();
    (folder, place)
}

fn persist(store: &mut FileStore, watermark: &Watermark) -> Result<(), StoreError> {
    let sequence = store.record().sequence;
    store
        .persist(sequence, watermark, Origin::Request, NOW)
        .map(drop)
}

/// Loads what is there and says from which height on it would sign, replays left out.
fn free_from(place: &StateFile) -> i64 {
    let store = FileStore::open(place).unwrap();
    let height = store.record().watermark.height();
    height + 1 + i64::from(store.damage().is_some())
}

#[test]
fn killed_at_every_write_boundary_it_never_falls_below_what_was_promised() {
    for torn in [0, 1, 512, COPY - 1, COPY, COPY + 512, SLOT - 1, SLOT] {
        for fatal in 0..12 {
            let (_folder, place) = fresh();
            let done = Arc::new(AtomicUsize::new(0));
            let cut = Cut {
                done: done.clone(),
                fatal,
                torn,
                error: no_space,
            };
            let mut store = FileStore::open_on(&place, Box::new(cut)).unwrap();
            let mut promised = 0;
            // Single heights (one slot) and a leap (both slots).
            for height in [1, 2, 3, 50, 51] {
                match persist(&mut store, &vote(height, 1)) {
                    Ok(()) => promised = height,
                    Err(_) => break,
                }
            }
            drop(store);
            let free = free_from(&place);
            assert!(
                free > promised,
                "op {fatal} torn at {torn}: {free} is free, {promised} was promised"
            );
            assert!(free <= promised + 51, "and nothing far above is used up");
        }
    }
}

/// A disk behind a page cache: a write is seen at once and kept by a flush; after a flush that fails the pages count
/// as clean, so that the next flush keeps nothing of them (as Linux does).
#[derive(Clone)]
struct Cached {
    platter: Arc<std::sync::Mutex<Vec<u8>>>,
    dirty: Arc<std::sync::Mutex<Vec<(usize, usize)>>>,
    failing: bool,
}

impl Cached {
    fn over(place: &StateFile) -> Self {
        let platter = Arc::new(std::sync::Mutex::new(fs::read(&place.path).unwrap()));
        Self {
            platter,
            dirty: Arc::default(),
            failing: false,
        }
    }

    /// What a power cut leaves.
    fn cut(&self, place: &StateFile) {
        rewrite(&place.path, &self.platter.lock().unwrap());
        self.dirty.lock().unwrap().clear();
    }
}

impl Medium for Cached {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        self.dirty.lock().unwrap().push((offset, bytes.len()));
        FileSystem.write_at(file, bytes, offset as u64)
    }

    fn flush(&self, file: &File) -> io::Result<()> {
        let dirty = std::mem::take(&mut *self.dirty.lock().unwrap());
        if self.failing {
            return Err(io::Error::from_raw_os_error(5));
        }
        for (offset, length) in dirty {
            let mut platter = self.platter.lock().unwrap();
            let part = &mut platter[offset..offset + length];
            file.read_exact_at(part, offset as u64)?;
        }
        Ok(())
    }

    fn flush_all(&self, _: &File) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(5))
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(5))
    }

    fn flush_folder(&self, _: &File) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(5))
    }
}

#[test]
fn what_only_the_page_cache_holds_is_made_durable_before_it_is_answered() {
    for unflushed in [false, true] {
        let (_folder, place) = fresh();
        let disk = Cached::over(&place);
        let mut store = FileStore::open_on(&place, Box::new(disk.clone())).unwrap();
        persist(&mut store, &vote(1, 1)).unwrap();
        drop(store);
        // The process dies between write and flush, or after a flush that failed.
        let failing = Cached {
            failing: true,
            ..disk.clone()
        };
        let mut store = FileStore::open_on(&place, Box::new(failing)).unwrap();
        assert!(persist(&mut store, &vote(2, 1)).is_err());
        drop(store);
        if unflushed {
            disk.dirty.lock().unwrap().push((0, FILE));
        }
        // The restarted one sees the record of height 2 and will answer for it.
        let mut store = FileStore::open_on(&place, Box::new(disk.clone())).unwrap();
        let loaded = store.load().unwrap();
        assert_eq!(loaded.record.watermark.height(), 2);
        drop(store);
        disk.cut(&place);
        assert!(free_from(&place) > 2, "unflushed: {unflushed}");
    }
}

#[test]
fn what_cannot_be_made_durable_is_not_answered() {
    let (_folder, place) = fresh();
    let disk = Cached {
        failing: true,
        ..Cached::over(&place)
    };
    let mut store = FileStore::open_on(&place, Box::new(disk)).unwrap();
    let error = store.load().unwrap_err().to_string();
    assert!(error.contains("state.json"), "{error}");
}

#[test]
fn what_a_killed_process_left_is_swept_and_nothing_else() {
    let (folder, place) = fresh();
    for name in [
        ".state.json.77.new",
        ".state.json.x.new",
        ".other.json.77.new",
    ] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    drop(FileStore::open(&place).unwrap());
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(
        left,
        [
            ".other.json.77.new",
            ".state.json.x.new",
            "state.json",
            "state.json.stopped"
        ]
    );
}

#[test]
fn a_missing_file_does_not_hide_that_the_pair_is_held() {
    let (folder, one) = fresh();
    let _held = FileStore::open(&one).unwrap();
    let two = StateFile {
        path: folder.path().join("nothing here"),
        ..one
    };
    assert!(FileStore::open(&two).err().unwrap().is_locked());
}

#[test]
fn two_copies_or_halves_that_contradict_each_other_are_no_state() {
    use tmkms::gate::store::file::{Newest, newest};
    let (_folder, place) = fresh();
    let mut store = FileStore::open(&place).unwrap();
    persist(&mut store, &vote(5, 1)).unwrap();
    persist(&mut store, &vote(6, 1)).unwrap();
    drop(store);
    let one = fs::read(&place.path).unwrap();
    let (_folder, place) = fresh();
    let mut store = FileStore::open(&place).unwrap();
    persist(&mut store, &vote(5, 1)).unwrap();
    persist(&mut store, &vote(6, 2)).unwrap();
    drop(store);
    let other = fs::read(&place.path).unwrap();
    // One copy of the newest slot from another history.
    let mut mixed = one.clone();
    let newer = (0..2)
        .find(|slot| {
            one[slot * SLOT..][..COPY]
                .windows(12)
                .any(|at| at == b"\"height\":\"6\"")
        })
        .unwrap();
    mixed[newer * SLOT..][..COPY].copy_from_slice(&other[newer * SLOT..][..COPY]);
    match newest(&mixed) {
        Newest::Good(_, Some(why)) => assert!(why.contains("differ"), "{why}"),
        _ => panic!("not noticed"),
    }
}

/// A file of the length of another type's: the next record would be written to a place of its own.
#[test]
fn a_record_in_a_file_of_another_length_is_no_state() {
    use tmkms::gate::store::file::{Newest, newest};
    let (_folder, place) = fresh();
    let long: Vec<u8> = fs::read(&place.path)
        .unwrap()
        .chunks(COPY)
        .flat_map(|copy| {
            let mut copy = copy.trim_ascii_end().to_vec();
            copy.resize(3 * COPY - 1, b' ');
            copy.push(b'\n');
            copy
        })
        .collect();
    assert_eq!(long.len(), 3 * FILE);
    match newest(&long) {
        Newest::Unreadable(why, _) => {
            assert_eq!(
                why.to_string(),
                "it is of a key of type ed25519, whose state file has 16384 bytes"
            );
        }
        _ => panic!("not noticed"),
    }
    fs::write(&place.path, &long).unwrap();
    let error = FileStore::open(&place).err().unwrap();
    assert!(matches!(error, OpenError::Unreadable { .. }), "{error}");
}

#[test]
fn a_failed_rebuild_leaves_a_whole_file_at_every_step() {
    for fatal in 2..11 {
        let (folder, place) = fresh();
        let done = Arc::new(AtomicUsize::new(0));
        let cut = Cut {
            done,
            fatal,
            torn: 100,
            error: no_space,
        };
        let mut store = FileStore::open_on(&place, Box::new(cut)).unwrap();
        persist(&mut store, &vote(1, 1)).unwrap();
        let rebuilt = store.rebuild(&vote(2, 1), Origin::Request, NOW);
        drop(store);
        let free = free_from(&place);
        assert!(free > if rebuilt.is_ok() { 2 } else { 1 }, "op {fatal}");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(
            left.len(),
            2,
            "op {fatal} leaves nothing beside the state file and its mark: {left:?}"
        );
    }
}

/// Arming moves the state to a new file, and is cut off at every step of that; the next one arms without a word.
#[test]
fn killed_at_every_step_of_arming_it_is_armed_again() {
    for torn in [0, 100, SLOT] {
        for fatal in 0..8 {
            let (folder, place) = fresh();
            let mut store = FileStore::open(&place).unwrap();
            store.load().unwrap();
            for height in [1, 2, 50] {
                persist(&mut store, &vote(height, 1)).unwrap();
            }
            drop(store);
            let cut = Cut {
                done: Arc::default(),
                fatal,
                torn,
                error: no_space,
            };
            let mut store = FileStore::open_on(&place, Box::new(cut)).unwrap();
            let loaded = store.load();
            drop(store);
            let mut store = FileStore::open(&place).unwrap();
            let found = store.load().unwrap();
            assert_eq!(
                found.record.watermark,
                vote(50, 1),
                "op {fatal}: {loaded:?}"
            );
            persist(&mut store, &vote(51, 1)).unwrap();
            drop(store);
            assert_eq!(free_from(&place), 52);
            let left = fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(left, 1, "op {fatal} leaves nothing beside the state file");
        }
    }
}

#[test]
fn a_full_disk_and_a_read_only_one_are_mended_by_a_new_file_without_a_restart() {
    let read_only: fn() -> io::Error = || io::Error::from_raw_os_error(30);
    mended(no_space, "make room");
    mended(read_only, "mount it writable");
}

fn mended(error: fn() -> io::Error, remedy: &str) {
    let (_folder, place) = fresh();
    let cut = Cut {
        done: Arc::default(),
        fatal: 2,
        torn: 0,
        error,
    };
    let done = cut.done.clone();
    let mut store = FileStore::open_on(&place, Box::new(cut)).unwrap();
    persist(&mut store, &vote(1, 1)).unwrap();
    let error = persist(&mut store, &vote(2, 1)).unwrap_err().to_string();
    assert!(
        error.contains("state.json") && error.contains(remedy),
        "{error}"
    );
    // Nothing is written in place any more, not even where it would work again.
    done.store(0, Ordering::SeqCst);
    assert!(persist(&mut store, &vote(3, 1)).is_err());
    done.store(usize::MAX / 2, Ordering::SeqCst);
    assert!(store.rebuild(&vote(2, 1), Origin::Request, NOW).is_err());
    drop(store);
    let mut store = FileStore::open(&place).unwrap();
    store.rebuild(&vote(2, 1), Origin::Request, NOW).unwrap();
    // Still locked, still this chain's, and it goes on.
    assert!(matches!(
        FileStore::open(&place),
        Err(OpenError::Locked { .. })
    ));
    persist(&mut store, &vote(3, 1)).unwrap();
    drop(store);
    assert_eq!(free_from(&place), 4);
}

#[test]
fn one_flipped_byte_anywhere_is_survived() {
    let offsets: Vec<usize> = (0..FILE).step_by(37).collect();
    // A file that is written later than its stamp by some seconds is refused, and a busy machine needs those for all of them.
    for some in offsets.chunks(100) {
        let (_folder, place) = fresh();
        let mut store = FileStore::open(&place).unwrap();
        for height in 1..=4 {
            persist(&mut store, &vote(height, 1)).unwrap();
        }
        drop(store);
        let good = fs::read(&place.path).unwrap();
        for at in some {
            let mut bytes = good.clone();
            bytes[*at] ^= 0x20;
            rewrite(&place.path, &bytes);
            // The other copy of the slot still says it all.
            assert_eq!(free_from(&place), 5, "byte {at}");
        }
    }
}

#[test]
fn any_changed_bit_of_a_copy_is_seen() {
    use tmkms::gate::store::file::format::decode;
    let (_folder, place) = fresh();
    let mut store = FileStore::open(&place).unwrap();
    persist(&mut store, &vote(1, 1)).unwrap();
    let good = fs::read(&place.path).unwrap()[..COPY].to_vec();
    assert!(decode(&good).is_ok());
    for at in 0..COPY {
        // Digits become other digits, too, which are as good JSON as before.
        for bit in 0..8 {
            let mut copy = good.clone();
            copy[at] ^= 1 << bit;
            assert!(decode(&copy).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn one_bad_half_costs_a_height_and_two_bad_halves_disarm() {
    let (_folder, place) = fresh();
    let mut store = FileStore::open(&place).unwrap();
    for height in 1..=4 {
        persist(&mut store, &vote(height, 1)).unwrap();
    }
    let newest = usize::try_from(store.record().sequence % 2).unwrap();
    drop(store);
    let good = fs::read(&place.path).unwrap();
    for (half, free) in [(newest, 3 + 2), (1 - newest, 4 + 2)] {
        for filler in [0, b' ', b'x', 0xff] {
            let mut bytes = good.clone();
            bytes[half * SLOT..(half + 1) * SLOT].fill(filler);
            rewrite(&place.path, &bytes);
            assert_eq!(free_from(&place), free, "half {half} filled with {filler}");
        }
    }
    rewrite(&place.path, &[0; FILE]);
    assert!(matches!(
        FileStore::open(&place),
        Err(OpenError::Unreadable { .. })
    ));
    rewrite(&place.path, &good);
    assert_eq!(free_from(&place), 5);
}

#[test]
fn after_a_leap_either_half_may_be_lost() {
    let (_folder, place) = fresh();
    let mut store = FileStore::open(&place).unwrap();
    for height in [1, 2, 50] {
        persist(&mut store, &vote(height, 1)).unwrap();
    }
    drop(store);
    let good = fs::read(&place.path).unwrap();
    for half in [0, 1] {
        let mut bytes = good.clone();
        bytes[half * SLOT..(half + 1) * SLOT].fill(0);
        rewrite(&place.path, &bytes);
        assert_eq!(free_from(&place), 52, "half {half}");
    }
}

#[test]
fn a_damaged_half_refuses_replays_too_and_heals_by_signing() {
    use tmkms::gate::{Admission, Gate, Settings};
    let (_folder, place) = fresh();
    let mut store = FileStore::open(&place).unwrap();
    for height in 1..=4 {
        persist(&mut store, &vote(height, 1)).unwrap();
    }
    let newest = usize::try_from(store.record().sequence % 2).unwrap();
    drop(store);
    let mut bytes = fs::read(&place.path).unwrap();
    bytes[newest * SLOT..(newest + 1) * SLOT].fill(0);
    rewrite(&place.path, &bytes);
    let store = Box::new(FileStore::open(&place).unwrap());
    let now = SystemClock.now();
    let mut gate = Gate::arm(place.chain_id.clone(), Settings::default(), store, &now).unwrap();
    let mut ask = |height, tag| {
        let request = maker().prevote(height, 0, Some(tag), 1);
        match gate.admit(&request, &now, Duration::MAX) {
            Ok(Admission::Sign { permit, .. }) => {
                gate.complete(permit, &Signature::from_bytes(vec![1]));
                "signed"
            }
            Ok(Admission::Replay { .. }) => "replayed",
            Err(refusal) => refusal.reason.kind().label(),
        }
    };
    assert_eq!(ask(3, 1), "damaged_state");
    assert_eq!(ask(4, 1), "damaged_state");
    assert_eq!(ask(5, 1), "signed");
    assert_eq!(ask(5, 1), "replayed");
    drop(gate);
    let store = FileStore::open(&place).unwrap();
    assert_eq!(
        (store.damage(), store.record().watermark.height()),
        (None, 5)
    );
}

#[test]
fn a_replaced_file_is_noticed_before_the_next_write_and_not_overwritten() {
    let (folder, place) = fresh();
    let mut store = FileStore::open(&place).unwrap();
    persist(&mut store, &vote(1, 1)).unwrap();
    let other = folder.path().join("other");
    fs::write(&other, "another program's state").unwrap();
    fs::rename(&other, &place.path).unwrap();
    let error = persist(&mut store, &vote(2, 1)).unwrap_err().to_string();
    assert!(error.contains("replaced by another program"), "{error}");
    assert!(store.rebuild(&vote(2, 1), Origin::Request, NOW).is_err());
    assert_eq!(
        fs::read_to_string(&place.path).unwrap(),
        "another program's state"
    );
    fs::remove_file(&place.path).unwrap();
    assert!(store.rebuild(&vote(2, 1), Origin::Request, NOW).is_err());
    assert!(!place.path.exists());
}

#[test]
fn two_configurations_with_one_key_refuse_each_other() {
    let (folder, one) = fresh();
    let _held = FileStore::open(&one).unwrap();
    assert!(matches!(
        FileStore::open(&one),
        Err(OpenError::Locked { .. })
    ));
    let two = StateFile {
        path: folder.path().join("other.json"),
        ..one.clone()
    };
    assert!(matches!(
        FileStore::create(&two, &Watermark::Never, NOW),
        Err(OpenError::PairLocked { .. })
    ));
    // A hard link is another name for the same locked file.
    let link = StateFile {
        path: folder.path().join("hard.json"),
        ..one.clone()
    };
    fs::hard_link(&one.path, &link.path).unwrap();
    let error = FileStore::open(&link).err().unwrap();
    assert!(error.is_locked(), "{error}");
}

#[test]
fn a_copied_file_is_not_armed_until_it_is_taken_over() {
    let (folder, place) = fresh();
    let mut store = FileStore::open(&place).unwrap();
    persist(&mut store, &vote(7, 1)).unwrap();
    drop(store);
    let copy = StateFile {
        path: folder.path().join("copy.json"),
        ..place.clone()
    };
    fs::copy(&place.path, &copy.path).unwrap();
    let error = FileStore::open(&copy).err().unwrap();
    assert!(matches!(error, OpenError::Copied { .. }), "{error}");
    assert!(
        error.to_string().contains("tmkms state import test-1"),
        "{error}"
    );
    let mut taken = FileStore::open_copied(&copy).unwrap();
    let watermark = taken.record().watermark.clone();
    taken.rebuild(&watermark, Origin::Begun, NOW).unwrap();
    drop(taken);
    assert_eq!(free_from(&copy), 8);
    // A rename keeps the file what it is.
    let moved = StateFile {
        path: folder.path().join("moved.json"),
        ..place.clone()
    };
    fs::rename(&place.path, &moved.path).unwrap();
    assert_eq!(free_from(&moved), 8);
}

#[test]
fn what_is_no_state_file_of_this_chain_and_key_is_named() {
    let (folder, place) = fresh();
    let error = |place: &StateFile| FileStore::open(place).err().unwrap();
    let at = |name: &str| StateFile {
        path: folder.path().join(name),
        ..place.clone()
    };

    assert!(matches!(error(&at("missing")), OpenError::Missing { .. }));
    File::create(folder.path().join("empty")).unwrap();
    fs::set_permissions(
        folder.path().join("empty"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    assert!(matches!(error(&at("empty")), OpenError::Empty { .. }));
    fs::write(
        folder.path().join("older"),
        r#"{"height":"5","round":"0","step":1,"block_id":null}"#,
    )
    .unwrap();
    assert!(matches!(error(&at("older")), OpenError::Foreign { .. }));
    let half = fs::read(&place.path).unwrap()[..SLOT].to_vec();
    fs::write(folder.path().join("half"), half).unwrap();
    assert!(matches!(
        error(&at("half")),
        OpenError::Foreign { size: 8192, .. }
    ));
    std::os::unix::fs::symlink(&place.path, folder.path().join("link")).unwrap();
    assert!(matches!(error(&at("link")), OpenError::Link { .. }));
    assert!(matches!(
        error(&StateFile {
            path: folder.path().to_owned(),
            ..place.clone()
        }),
        OpenError::NotAFile { .. }
    ));

    let other_chain = StateFile {
        chain_id: "other-1".parse().unwrap(),
        ..place.clone()
    };
    assert!(matches!(error(&other_chain), OpenError::OtherChain { .. }));
    let other_key = StateFile {
        public_key: random_key().public_key(),
        ..place.clone()
    };
    assert!(matches!(error(&other_key), OpenError::OtherKey { .. }));
    fs::set_permissions(&place.path, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(matches!(error(&place), OpenError::Writable { .. }));
    fs::set_permissions(&place.path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(FileStore::open(&place).is_ok());
}

#[test]
fn ephemeral_file_systems_are_refused_unless_allowed() {
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    let allowed = place(folder.path().join("state.json"), random_key().public_key());
    let strict = StateFile {
        allow_ephemeral: false,
        ..allowed.clone()
    };
    assert!(matches!(
        FileStore::create(&strict, &Watermark::Never, NOW),
        Err(OpenError::Ephemeral { kind: "tmpfs", .. })
    ));
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing half-written stays"
    );
    FileStore::create(&allowed, &Watermark::Never, NOW).unwrap();
    assert!(matches!(
        FileStore::open(&strict),
        Err(OpenError::Ephemeral { .. })
    ));
}

#[test]
fn init_never_overwrites_and_is_private() {
    let (folder, place) = fresh();
    assert_eq!(
        fs::metadata(&place.path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(FileStore::create(&place, &vote(9, 1), NOW).is_err());
    let dangling = StateFile {
        path: folder.path().join("dangling"),
        ..place.clone()
    };
    std::os::unix::fs::symlink("nowhere", &dangling.path).unwrap();
    assert!(FileStore::create(&dangling, &vote(9, 1), NOW).is_err());
    assert_eq!(free_from(&place), 1);
}

#[test]
fn the_file_is_a_stream_of_json_for_jq() {
    let (_folder, place) = fresh();
    let mut store = FileStore::open(&place).unwrap();
    persist(&mut store, &vote(3, 1)).unwrap();
    let bytes = fs::read(&place.path).unwrap();
    let records: Result<Vec<serde_json::Value>, _> = serde_json::Deserializer::from_slice(&bytes)
        .into_iter()
        .collect();
    let records = records.unwrap();
    assert_eq!(records.len(), 4);
    assert!(
        records
            .iter()
            .all(|record| record["height"] == "3" && record["chain_id"] == "test-1")
    );
}

#[test]
fn a_shared_sequence_that_moved_on_is_told() {
    let (_folder, place) = fresh();
    let mut store = FileStore::open(&place).unwrap();
    let stale = store.record().sequence;
    persist(&mut store, &vote(1, 1)).unwrap();
    let result = store.persist(stale, &vote(2, 1), Origin::Request, NOW);
    assert!(
        matches!(result, Err(StoreError::Superseded(record)) if record.watermark == vote(1, 1))
    );
}

/// In place, so that inode and birth stay what they are.
fn rewrite(path: &Path, bytes: &[u8]) {
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .write_all_at(bytes, 0)
        .unwrap();
}
