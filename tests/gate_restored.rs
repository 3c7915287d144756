//! A restored state file is not armed, however it was restored; what an honest operator does to one is not an obstacle
//! (W15). `tests/restore/run` does the same with the whole program on several file systems.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may end so"
)]

#[path = "it/support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use support::{maker, place, random_key};
use tmkms::gate::store::file::format::{SLOT, decode, encode};
use tmkms::gate::store::file::medium::{FileSystem, Medium};
use tmkms::gate::store::file::{
    FileStore, Newest, OpenError, StateFile, Unfamiliar, inspect, newest,
};
use tmkms::gate::store::{Loaded, Origin, Store};
use tmkms::gate::watermark::{Last, Watermark};
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::os::files::filesystem::Marks;

/// Longer than the tolerance.
const LATER: Duration = Duration::from_millis(2_300);

fn now() -> Duration {
    SystemClock.now().wall
}

fn vote(height: i64) -> Watermark {
    let bytes = maker().prevote(height, 0, Some(1), 1).sign_bytes();
    Watermark::Message(Last::new(bytes, None).unwrap())
}

fn fresh() -> (tempfile::TempDir, StateFile) {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path().join("state.json"), random_key().public_key());
    FileStore::create(&place, &Watermark::Never, now()).unwrap();
    (folder, place)
}

/// A service: opens, arms, votes.
fn run_on(place: &StateFile, medium: Box<dyn Medium>, heights: &[i64]) -> FileStore {
    let mut store = open_on(place, medium).unwrap();
    store.load().unwrap();
    for height in heights {
        let sequence = store.record().sequence;
        store
            .persist(sequence, &vote(*height), Origin::Request, now())
            .unwrap();
    }
    store
}

fn run(place: &StateFile, heights: &[i64]) -> FileStore {
    run_on(place, Box::new(FileSystem), heights)
}

fn stop(mut store: FileStore) {
    store.close().unwrap();
}

/// What arming comes to: the height of the watermark, or why not.
fn arms(place: &StateFile) -> Result<i64, Unfamiliar> {
    match open_on(place, Box::new(FileSystem)) {
        Ok(mut store) => Ok(store.load().unwrap().record.watermark.height()),
        Err(OpenError::Copied { why, .. }) => Err(why),
        Err(error) => panic!("{error}"),
    }
}

/// A child holds every lock of this process until it is the program that it is to be: meanwhile nothing is opened.
static SPAWNING: RwLock<()> = RwLock::new(());

fn open_on(place: &StateFile, medium: Box<dyn Medium>) -> Result<FileStore, OpenError> {
    let _nobody = SPAWNING.read().unwrap();
    FileStore::open_on(place, medium)
}

fn open_copied(place: &StateFile) -> FileStore {
    let _nobody = SPAWNING.read().unwrap();
    FileStore::open_copied(place).unwrap()
}

fn sh(folder: &Path, command: &str) {
    let spawning = SPAWNING.write().unwrap();
    let mut child = Command::new("sh")
        .args(["-ec", &format!("echo; {command}")])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Its first byte: now it is.
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    drop(spawning);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {said}");
}

/// How a backup of the folder, in `backup`, is put back by hand.
const WAYS: &[&str] = &[
    "cp backup/state.json state.json",
    "cp -a backup/state.json state.json",
    "cp -a backup/. .",
    "cat backup/state.json > state.json",
    "dd if=backup/state.json of=state.json status=none",
    "dd if=backup/state.json of=state.json conv=notrunc status=none",
    "tee state.json < backup/state.json > /dev/null",
    "tar c -C backup . | tar x --overwrite",
    "tar c -C backup . | tar x",
    "rm state.json; cp -a backup/state.json state.json",
    "mv backup/state.json state.json",
    "install -p -m 600 backup/state.json state.json",
    "cp backup/state.json state.json; touch -r backup/state.json state.json",
];

/// `rsync --inplace --times`, as system calls.
fn rsync(folder: &Path) {
    let bytes = fs::read(folder.join("backup/state.json")).unwrap();
    let old = fs::metadata(folder.join("backup/state.json")).unwrap();
    let file = File::options()
        .write(true)
        .open(folder.join("state.json"))
        .unwrap();
    file.write_all_at(&bytes, 0).unwrap();
    file.set_modified(old.modified().unwrap()).unwrap();
}

/// When the backup was made.
#[derive(Clone, Copy, Debug)]
enum Backup {
    /// Beside the running service.
    Running,
    /// After a clean stop, with the mark of it.
    Stopped,
    /// After a clean stop, by moving the mark itself away.
    MarkMoved,
}

#[test]
fn every_way_to_put_a_backup_back_is_refused() {
    let ways = WAYS.iter().map(Some).chain([None]);
    let mut cases = Vec::new();
    for way in ways {
        for backup in [Backup::Running, Backup::Stopped, Backup::MarkMoved] {
            for clean in [false, true] {
                let (folder, place) = fresh();
                let store = run(&place, &[10]);
                let at = folder.path();
                let copy = "mkdir backup; cp -a state.json* backup";
                let store = match backup {
                    Backup::Running => {
                        sh(at, copy);
                        store
                    }
                    Backup::Stopped => {
                        stop(store);
                        sh(at, copy);
                        run(&place, &[11])
                    }
                    Backup::MarkMoved => {
                        stop(store);
                        sh(at, &format!("{copy}; mv state.json.stopped backup"));
                        run(&place, &[11])
                    }
                };
                cases.push((way, backup, clean, folder, place, store));
            }
        }
    }
    std::thread::sleep(LATER);
    for (way, backup, clean, folder, place, mut store) in cases {
        let case = format!("{way:?} {backup:?} clean: {clean}");
        let sequence = store.record().sequence;
        store
            .persist(sequence, &vote(12), Origin::Request, now())
            .unwrap();
        match clean {
            true => stop(store),
            false => drop(store),
        }
        assert!(inspect(&place).is_ok(), "{case}: before");
        match way {
            Some(way) => sh(folder.path(), way),
            None => rsync(folder.path()),
        }
        if let Backup::MarkMoved = backup {
            sh(folder.path(), "mv -f backup/state.json.stopped . || true");
        }
        let refused = arms(&place);
        assert!(refused.is_err(), "{case}: {refused:?}");
        assert!(
            matches!(inspect(&place), Err(OpenError::Copied { .. })),
            "{case}"
        );
    }
}

#[test]
fn a_snapshot_of_links_moved_back_after_a_raise_is_refused() {
    let (folder, place) = fresh();
    let store = run(&place, &[10]);
    sh(folder.path(), "mkdir snap; ln state.json snap/state.json");
    stop(store);
    assert_eq!(arms(&place), Err(Unfamiliar::Links(2)));
    let error = open_on(&place, Box::new(FileSystem))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("has 2 names (hard links)"), "{error}");
    assert!(error.contains("Remove its other names"), "{error}");
    // As `state raise` on a snapshot that was made beside the running service.
    open_copied(&place)
        .set(&vote(50), Origin::Raised, now())
        .unwrap();
    assert_eq!(arms(&place), Ok(50));
    std::thread::sleep(LATER);
    sh(folder.path(), "mv snap/state.json state.json");
    assert!(matches!(arms(&place), Err(Unfamiliar::Changed(_))));
}

#[test]
fn what_an_honest_operator_does_is_no_obstacle() {
    let honest = [
        "true",
        "chmod 640 state.json",
        "chown $(id -u):$(id -g) state.json",
        "chown -R $(id -u):$(id -g) .",
        "chmod -R g+rX .",
        "cat state.json > copy; tar c . > /dev/null",
        "touch -a state.json",
        "mv state.json x; mv x state.json",
        "mv state.json x; mv state.json.stopped x.stopped; mv x state.json",
        "ln state.json x; rm x",
        "cp -a . ../$(basename $PWD).copy; rm -r ../$(basename $PWD).copy",
    ];
    let cases: Vec<_> = honest
        .iter()
        .map(|act| {
            let (folder, place) = fresh();
            stop(run(&place, &[10, 11]));
            (act, folder, place)
        })
        .collect();
    // `state init` as root, then `chown`: the mark of a command is as good.
    let (begun_folder, begun) = fresh();
    let (raised_folder, raised) = fresh();
    let store = open_on(&raised, Box::new(FileSystem)).unwrap();
    store.set(&vote(20), Origin::Raised, now()).unwrap();
    // Killed, and left alone.
    let (_killed_folder, killed) = fresh();
    drop(run(&killed, &[10, 11]));
    std::thread::sleep(LATER);
    for (act, folder, place) in &cases {
        sh(folder.path(), act);
        assert!(inspect(place).is_ok(), "{act}");
        assert_eq!(arms(place), Ok(11), "{act}");
        // That was a start, and it was killed.
        assert_eq!(arms(place), Ok(11), "{act}");
    }
    sh(begun_folder.path(), "chmod 640 state.json");
    assert_eq!(arms(&begun), Ok(0));
    sh(raised_folder.path(), "chmod 640 state.json");
    assert_eq!(arms(&raised), Ok(20));
    assert_eq!(arms(&killed), Ok(11));
    drop(run(&killed, &[12]));
    assert_eq!(arms(&killed), Ok(12));
}

#[test]
fn what_cannot_be_told_from_a_backup_needs_a_take_over() {
    let (folder, place) = fresh();
    drop(run(&place, &[10]));
    std::thread::sleep(LATER);
    sh(folder.path(), "chmod 640 state.json");
    let error = open_on(&place, Box::new(FileSystem))
        .err()
        .unwrap()
        .to_string();
    for words in [
        "chown",
        "fsGroup",
        "cp -a",
        "killed",
        "tmkms state import test-1",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    let store = open_copied(&place);
    let known = store.used_up();
    store
        .set(known.watermark(), Origin::Raised, known.written())
        .unwrap();
    assert_eq!(arms(&place), Ok(10));
    // And what it was taken over from is not a state any more.
    let mark = folder.path().join("state.json.stopped");
    assert!(!mark.exists(), "armed, and not stopped");
}

/// The mark of a clean stop is of one record, one file and one stop.
#[test]
fn a_mark_vouches_for_nothing_else() {
    type Spoil = fn(&Path);
    let spoil: [(&str, Spoil); 5] = [
        ("gone", |mark| fs::remove_file(mark).unwrap()),
        ("copied", |mark| {
            let bytes = fs::read(mark).unwrap();
            fs::remove_file(mark).unwrap();
            // Keeps the inode from being the same again.
            fs::write(mark.with_extension("other"), "").unwrap();
            fs::write(mark, bytes).unwrap();
        }),
        ("cut off", |mark| {
            let bytes = fs::read(mark).unwrap();
            fs::write(mark, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("linked", |mark| {
            fs::hard_link(mark, mark.with_extension("x")).unwrap()
        }),
        ("a link", |mark| {
            fs::rename(mark, mark.with_extension("x")).unwrap();
            std::os::unix::fs::symlink(mark.with_extension("x"), mark).unwrap();
        }),
    ];
    let cases: Vec<_> = spoil
        .into_iter()
        .map(|(name, spoil)| {
            let (folder, place) = fresh();
            stop(run(&place, &[10]));
            (name, spoil, folder, place)
        })
        .collect();
    std::thread::sleep(LATER);
    for (name, spoil, folder, place) in cases {
        sh(folder.path(), "chmod 640 state.json");
        assert!(inspect(&place).is_ok(), "{name}: before");
        spoil(&folder.path().join("state.json.stopped"));
        let refused = arms(&place);
        assert!(
            matches!(refused, Err(Unfamiliar::Changed(_))),
            "{name}: {refused:?}"
        );
    }
}

/// A file system that says other things of files than the one below it.
struct Playing(Box<dyn Fn(Marks) -> Marks + Send>);

impl Medium for Playing {
    fn marks(&self, file: &File) -> io::Result<Marks> {
        FileSystem.marks(file).map(|marks| (self.0)(marks))
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileSystem.write_at(file, bytes, offset)
    }

    fn flush(&self, file: &File) -> io::Result<()> {
        FileSystem.flush(file)
    }

    fn flush_all(&self, file: &File) -> io::Result<()> {
        FileSystem.flush_all(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        FileSystem.rename(from, to)
    }

    fn flush_folder(&self, folder: &File) -> io::Result<()> {
        FileSystem.flush_folder(folder)
    }
}

fn playing(change: fn(&mut Marks)) -> Box<Playing> {
    Box::new(Playing(Box::new(move |mut marks| {
        change(&mut marks);
        marks
    })))
}

fn arms_on(place: &StateFile, medium: Box<dyn Medium>) -> Result<Loaded, Unfamiliar> {
    match open_on(place, medium) {
        Ok(mut store) => Ok(store.load().unwrap()),
        Err(OpenError::Copied { why, .. }) => Err(why),
        Err(error) => panic!("{error}"),
    }
}

/// No birth times, and every file gets the inode that was freed last.
#[test]
fn without_birth_times_a_reused_inode_is_known_by_its_times() {
    let unborn = || {
        playing(|marks| {
            marks.provenance.birth = None;
            marks.provenance.inode = 12;
        })
    };
    let begin = || {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path().join("state.json"), random_key().public_key());
        FileStore::create_on(&place, &Watermark::Never, now(), unborn()).unwrap();
        (folder, place)
    };
    let ways = [
        "rm state.json; cp backup/state.json .",
        "rm state.json; cp -a backup/state.json .",
        "mv backup/state.json .",
        "cp -a backup/. .",
    ];
    let cases: Vec<_> = ways
        .iter()
        .map(|way| {
            let (folder, place) = begin();
            stop(run_on(&place, unborn(), &[10]));
            sh(folder.path(), "mkdir backup; cp -a state.json* backup");
            let store = run_on(&place, unborn(), &[11]);
            assert!(!store.has_birth());
            (way, folder, place, store)
        })
        .collect();
    let (chmod_folder, chmod) = begin();
    stop(run_on(&chmod, unborn(), &[10]));
    std::thread::sleep(LATER);
    for (way, folder, place, store) in cases {
        stop(store);
        assert!(arms_on(&place, unborn()).is_ok(), "{way}: a restart");
        sh(folder.path(), way);
        let refused = arms_on(&place, unborn());
        assert!(refused.is_err(), "{way}: {refused:?}");
    }
    // A mark could be restored into its place, too, so here it is none.
    sh(chmod_folder.path(), "chmod 640 state.json");
    let refused = arms_on(&chmod, unborn());
    assert!(
        matches!(refused, Err(Unfamiliar::Changed(_))),
        "{refused:?}"
    );
}

/// A snapshot of a btrfs subvolume keeps inode numbers, births and times.
#[test]
fn a_snapshot_that_took_the_place_of_its_subvolume_is_another_file_system() {
    let one = || playing(|marks| marks.provenance.filesystem = Some(1));
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path().join("state.json"), random_key().public_key());
    FileStore::create_on(&place, &Watermark::Never, now(), one()).unwrap();
    stop(run_on(&place, one(), &[10]));
    assert!(arms_on(&place, one()).is_ok());
    let moved = playing(|marks| marks.provenance.filesystem = Some(2));
    assert_eq!(arms_on(&place, moved).err(), Some(Unfamiliar::Copy));
    let nameless = playing(|marks| marks.provenance.filesystem = None);
    assert_eq!(arms_on(&place, nameless).err(), Some(Unfamiliar::Copy));
}

/// A clock that runs on by itself, and a disk that notes each write by it.
#[derive(Clone, Default)]
struct Slow {
    /// Milliseconds since 1970.
    clock: Arc<AtomicU64>,
    /// What the next writes take, in milliseconds: the first write the first digit of a thousand, and so on.
    delays: Arc<std::sync::Mutex<Vec<i64>>>,
    modified: Arc<AtomicU64>,
    writes: Arc<AtomicUsize>,
    whole_flushes: Arc<AtomicUsize>,
}

impl Medium for Slow {
    fn now(&self) -> Duration {
        Duration::from_millis(self.clock.load(Ordering::SeqCst))
    }

    fn marks(&self, file: &File) -> io::Result<Marks> {
        let at = Duration::from_millis(self.modified.load(Ordering::SeqCst));
        let mut marks = FileSystem.marks(file)?;
        marks.provenance.birth = Some((1_000, 0));
        (marks.modified, marks.changed) = (at, at);
        Ok(marks)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let delay = self.delays.lock().unwrap().pop().unwrap_or(0);
        let now = self
            .clock
            .load(Ordering::SeqCst)
            .saturating_add_signed(delay);
        self.clock.store(now, Ordering::SeqCst);
        self.modified.store(now, Ordering::SeqCst);
        self.writes.fetch_add(1, Ordering::SeqCst);
        FileSystem.write_at(file, bytes, offset)
    }

    fn flush(&self, file: &File) -> io::Result<()> {
        FileSystem.flush(file)
    }

    fn flush_all(&self, file: &File) -> io::Result<()> {
        self.whole_flushes.fetch_add(1, Ordering::SeqCst);
        FileSystem.flush_all(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        FileSystem.rename(from, to)
    }

    fn flush_folder(&self, folder: &File) -> io::Result<()> {
        FileSystem.flush_folder(folder)
    }
}

#[test]
fn a_write_that_its_stamp_does_not_fit_is_done_again() {
    let disk = Slow::default();
    disk.clock.store(5_000_000, Ordering::SeqCst);
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path().join("state.json"), random_key().public_key());
    FileStore::create_on(&place, &Watermark::Never, now(), Box::new(disk.clone())).unwrap();
    let mut store = run_on(&place, Box::new(disk.clone()), &[10]);
    let mut writes = |delays: &[i64], height| {
        *disk.delays.lock().unwrap() = delays.to_vec();
        let before = disk.writes.load(Ordering::SeqCst);
        let sequence = store.record().sequence;
        store
            .persist(sequence, &vote(height), Origin::Request, now())
            .unwrap();
        disk.writes.load(Ordering::SeqCst) - before
    };
    assert_eq!(writes(&[], 11), 1);
    assert_eq!(writes(&[400], 12), 1, "a busy machine");
    assert_eq!(
        writes(&[60_000], 13),
        2,
        "stopped for a minute between stamp and write"
    );
    assert_eq!(writes(&[-60_000], 14), 2, "the clock was set back");
    assert_eq!(writes(&[9_000, 9_000, 9_000, 9_000], 15), 3, "not for ever");
    assert_eq!(writes(&[], 16), 1);
    drop(store);
    // Killed there, it is armed again.
    assert!(arms_on(&place, Box::new(disk.clone())).is_ok());
    // A file whose last write was late and was not done again, as when it was killed in between, is not.
    disk.modified.fetch_add(3_000, Ordering::SeqCst);
    let refused = arms_on(&place, Box::new(disk));
    assert!(
        matches!(refused, Err(Unfamiliar::Written(_))),
        "{refused:?}"
    );
}

/// `fdatasync` flushes no times: after a power cut those on the disk are older than the stamp, down to the birth.
#[test]
fn a_power_cut_leaves_older_times_and_a_clock_set_back_none_that_are_newer() {
    let disk = Slow::default();
    disk.clock.store(5_000_000, Ordering::SeqCst);
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path().join("state.json"), random_key().public_key());
    FileStore::create_on(&place, &Watermark::Never, now(), Box::new(disk.clone())).unwrap();
    let mut store = run_on(&place, Box::new(disk.clone()), &[10]);
    let flushed = disk.modified.load(Ordering::SeqCst);
    let mut persist = |height| {
        let sequence = store.record().sequence;
        let before = disk.whole_flushes.load(Ordering::SeqCst);
        store
            .persist(sequence, &vote(height), Origin::Request, now())
            .unwrap();
        disk.whole_flushes.load(Ordering::SeqCst) - before
    };
    disk.clock.fetch_add(3_600_000, Ordering::SeqCst);
    assert_eq!(persist(11), 0, "a vote costs no more than it did");
    disk.clock.fetch_sub(1_800_000, Ordering::SeqCst);
    assert_eq!(
        persist(12),
        1,
        "the clock was set back, so the times are flushed, too"
    );
    assert_eq!(persist(13), 0);
    drop(store);
    let now = disk.modified.swap(flushed, Ordering::SeqCst);
    assert!(
        arms_on(&place, Box::new(disk.clone())).is_ok(),
        "a power cut"
    );
    assert!(now > flushed);
    // Restored under a clock that stands before all of this.
    disk.modified.store(500_000, Ordering::SeqCst);
    let refused = arms_on(&place, Box::new(disk));
    assert_eq!(refused.err(), Some(Unfamiliar::BeforeBirth));
}

/// A disk on which no new file can be made.
struct Full;

impl Medium for Full {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileSystem.write_at(file, bytes, offset)
    }

    fn flush(&self, file: &File) -> io::Result<()> {
        FileSystem.flush(file)
    }

    fn flush_all(&self, _: &File) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(28))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        FileSystem.rename(from, to)
    }

    fn flush_folder(&self, folder: &File) -> io::Result<()> {
        FileSystem.flush_folder(folder)
    }
}

#[test]
fn where_no_new_file_can_be_made_the_old_one_is_used_on_if_its_times_are_right() {
    let (folder, place) = fresh();
    stop(run(&place, &[10]));
    sh(folder.path(), "mkdir backup; cp -a state.json* backup");
    let mut store = open_on(&place, Box::new(Full)).unwrap();
    let loaded = store.load().unwrap();
    assert_eq!(loaded.record.watermark.height(), 10);
    let notice = loaded.notice.unwrap();
    assert!(
        notice.contains("make room") && notice.contains("by the file's times"),
        "{notice}"
    );
    let sequence = store.record().sequence;
    store
        .persist(sequence, &vote(11), Origin::Request, now())
        .unwrap();
    drop(store);
    std::thread::sleep(LATER);
    // Into the very inode of the backup, and with a mark.
    sh(folder.path(), "cp -a backup/. .");
    assert!(matches!(arms(&place), Err(Unfamiliar::Changed(_))));

    // What only a mark vouches for is not left where it is.
    let (folder, place) = fresh();
    stop(run(&place, &[10]));
    std::thread::sleep(LATER);
    sh(folder.path(), "chmod 640 state.json");
    let mut store = open_on(&place, Box::new(Full)).unwrap();
    let error = store.load().unwrap_err().to_string();
    assert!(error.contains("make room"), "{error}");
    drop(store);
    assert_eq!(arms(&place), Ok(10), "nothing was lost");
}

/// A state file of the version before, byte for byte.
#[test]
fn the_format_before_is_read() {
    let bytes = fs::read("tests/state/format-1.json").unwrap();
    let Newest::Good(entry, None) = newest(&bytes) else {
        panic!("it is not read");
    };
    assert_eq!(entry.record.watermark.height(), 21_000_000);
    assert_eq!(entry.record.origin, Origin::Begun);
    assert_eq!((entry.stamp, entry.provenance.filesystem), (None, None));
    let mut again = Vec::new();
    encode(&entry, &mut again).unwrap();
    let newest = usize::try_from(entry.record.sequence % 2).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(decode(&again[..4096]).unwrap(), *entry);
    assert!(text(&bytes[newest * SLOT..]).starts_with("{\"format\":1,"));
}

/// Makes a file of the version before of what is there.
fn age(place: &StateFile) {
    let bytes = fs::read(&place.path).unwrap();
    let file = File::options().write(true).open(&place.path).unwrap();
    for at in [0, SLOT] {
        let mut entry = decode(&bytes[at..][..4096]).unwrap();
        entry.stamp = None;
        entry.provenance.filesystem = None;
        let mut slot = Vec::new();
        encode(&entry, &mut slot).unwrap();
        file.write_all_at(&slot, at as u64).unwrap();
    }
    let _ = fs::remove_file(place.path.with_extension("json.stopped"));
}

#[test]
fn a_file_of_the_version_before_is_armed_once() {
    let (folder, place) = fresh();
    stop(run(&place, &[10, 11]));
    age(&place);
    std::thread::sleep(LATER);
    sh(
        folder.path(),
        "chmod 640 state.json; cp -a state.json backup.json",
    );
    drop(run(&place, &[12]));
    assert_eq!(arms(&place), Ok(12));
    for way in ["cp backup.json state.json", "cp -a backup.json state.json"] {
        sh(folder.path(), way);
        assert_eq!(arms(&place), Err(Unfamiliar::Copy), "{way}");
    }
}

#[test]
fn a_later_format_is_told_as_such() {
    let (_folder, place) = fresh();
    let bytes = fs::read(&place.path).unwrap();
    let line = String::from_utf8(bytes[..4096].to_vec()).unwrap();
    let (body, _) = line.split_once(",\"checksum\"").unwrap();
    let body = body.replace("\"format\":2", "\"format\":5,\"new\":true");
    let sum = sha(&body);
    let mut copy = format!("{body},\"checksum\":\"{sum}\"}}").into_bytes();
    copy.resize(4095, b' ');
    copy.push(b'\n');
    let why = decode(&copy).unwrap_err().to_string();
    assert!(why.contains("it has format 5"), "{why}");
    // A record of this format without a stamp would pass for an older one.
    let body = body
        .replace("\"format\":5,\"new\":true", "\"format\":2")
        .split_once(",\"stamp\"")
        .unwrap()
        .0
        .to_owned();
    let sum = sha(&body);
    let mut copy = format!("{body},\"checksum\":\"{sum}\"}}").into_bytes();
    copy.resize(4095, b' ');
    copy.push(b'\n');
    assert!(decode(&copy).is_err());
}

fn sha(text: &str) -> String {
    use sha2::{Digest, Sha256};
    let sum = Sha256::digest(text.as_bytes());
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}
