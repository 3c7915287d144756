//! Whether a state file is the one that this program wrote last (W15).
//!
//! Inode, birth time and file system tell a copy. They do not tell what was written into the file in place, as `cp`,
//! `cat`, `dd`, `tar --overwrite` and `rsync --inplace` do; the times do, because each write puts into the record when
//! it happens, and the file system notes the same moment by the same clock. So a clock that is wrong, or was set since,
//! does no harm: stamp and times are wrong by as much.
//!
//! A time that is *earlier* than the stamp says nothing: `fdatasync` flushes no times, so a power cut leaves older ones.
//! But the file's birth was flushed with it, and its times cannot be before that.

use std::time::Duration;

use crate::os::files::filesystem::Marks;

use crate::gate::store::file::format::Entry;

/// How far the times of a file may be from the stamp in it. A write that is `LATE` is repeated, some file systems keep
/// whole seconds, and the clock that the times are taken from ticks a hundred times a second.
pub const TOLERANCE: Duration = Duration::from_secs(2);

/// A write that is this much later than its stamp (the process was stopped in between, or the file system was frozen)
/// is repeated with another one.
pub const LATE: Duration = Duration::from_millis(500);

/// Why a state file is not the one that this program wrote last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfamiliar {
    /// Inode, birth time or file system are others.
    #[error(
        "it is another file than the one that was written: a copy, or a restored backup or snapshot"
    )]
    Copy,
    /// It has so many names (hard links).
    #[error("it has {0} names (hard links), as a snapshot made of links has")]
    Links(u64),
    /// Its content was written so long after the record in it.
    #[error("its content was written after the record in it was: a backup was restored into it")]
    Written(Duration),
    /// Its owner, mode, name or content was changed so long after the record in it, and no clean stop vouches for it.
    #[error(
        "it was changed after its last write, and this program did not leave its mark of a clean stop beside it: either \
         a backup was restored together with its times (cp -a, tar, rsync), or owner, mode or name were changed \
         (chown, chmod, mv, fsGroup in Kubernetes) after the program had been killed"
    )]
    Changed(Duration),
    /// One of its times is before its birth.
    #[error(
        "it was changed at a time before it was made: the clock was set back and a backup restored"
    )]
    BeforeBirth,
}

/// By what a file was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Familiar {
    /// By its place and its times.
    Times,
    /// By its place, and by the mark of a clean stop: something else than its content was changed since.
    CleanStop,
}

/// Whether an open file is in the place where the record was written.
pub fn by_place(entry: &Entry, marks: &Marks) -> Result<(), Unfamiliar> {
    if marks.links != 1 {
        return Err(Unfamiliar::Links(marks.links));
    }
    match entry.provenance.agrees_with(&marks.provenance) {
        true => Ok(()),
        false => Err(Unfamiliar::Copy),
    }
}

/// Whether an open file was left alone since the record was written. `is_last` is asked where it counts: whether a clean
/// stop left its word that this very record is the last.
pub fn by_times(
    entry: &Entry,
    marks: &Marks,
    is_last: impl FnOnce() -> bool,
) -> Result<Familiar, Unfamiliar> {
    let Some(stamp) = entry.stamp else {
        return unstamped(entry, marks);
    };
    let birth = entry.provenance.birth.map_or(Duration::ZERO, since_1970);
    // Under a clock that was set back after the birth all stamps are before it.
    let first = birth.min(stamp).saturating_sub(TOLERANCE);
    if marks.modified < first || marks.changed < first {
        return Err(Unfamiliar::BeforeBirth);
    }
    if let Some(late) = later(marks.modified, stamp) {
        return Err(Unfamiliar::Written(late));
    }
    match later(marks.changed, stamp) {
        None => Ok(Familiar::Times),
        Some(_) if is_last() => Ok(Familiar::CleanStop),
        Some(late) => Err(Unfamiliar::Changed(late)),
    }
}

/// A record of format 1: its time is that of the request, and each restart wrote it again with the same one. So its times
/// are asked only where there is no birth time. Anyone who arms it makes a new file of it, which has a stamp.
fn unstamped(entry: &Entry, marks: &Marks) -> Result<Familiar, Unfamiliar> {
    // Whole seconds.
    let written = entry.record.written + Duration::from_secs(1);
    match later(marks.modified, written) {
        Some(late) if entry.provenance.birth.is_none() => Err(Unfamiliar::Written(late)),
        _ => Ok(Familiar::Times),
    }
}

/// By how much it is later, if that is more than chance.
fn later(time: Duration, stamp: Duration) -> Option<Duration> {
    time.checked_sub(stamp).filter(|late| *late > TOLERANCE)
}

fn since_1970((seconds, nanos): (i64, u32)) -> Duration {
    u64::try_from(seconds).map_or(Duration::ZERO, |seconds| Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::PublicKey;
    use crate::gate::store::record::{Origin, Record};
    use crate::gate::watermark::Watermark;
    use crate::os::files::filesystem::Provenance;

    const BIRTH: u64 = 1_000_000;
    const STAMP: u64 = 2_000_000;

    fn entry() -> Entry {
        Entry {
            chain_id: "test-1".parse().unwrap(),
            public_key: PublicKey::Ed25519([7; 32]),
            record: Record {
                sequence: 7,
                watermark: Watermark::Never,
                origin: Origin::Request,
                written: Duration::from_secs(STAMP),
            },
            provenance: Provenance {
                inode: 12,
                birth: Some((BIRTH.try_into().unwrap(), 0)),
                filesystem: Some(1),
            },
            stamp: Some(Duration::from_secs(STAMP)),
            shared: None,
            moved: None,
            share: None,
        }
    }

    /// Times in seconds after the stamp.
    fn marks(modified: i64, changed: i64) -> Marks {
        let at = |after| Duration::from_secs(STAMP.saturating_add_signed(after));
        Marks {
            provenance: entry().provenance,
            links: 1,
            modified: at(modified),
            changed: at(changed),
        }
    }

    #[test]
    fn times_may_be_the_stamp_or_anything_since_the_birth() {
        let known = |modified, changed| by_times(&entry(), &marks(modified, changed), || false);
        let birth = -1_000_000;
        for (modified, changed) in [(0, 0), (2, 2), (-1, 0), (-30, -30), (birth - 2, birth - 2)] {
            assert_eq!(known(modified, changed), Ok(Familiar::Times));
        }
        let late = Duration::from_secs(3);
        assert_eq!(known(3, 3), Err(Unfamiliar::Written(late)));
        assert_eq!(known(3, 0), Err(Unfamiliar::Written(late)));
        assert_eq!(known(0, 3), Err(Unfamiliar::Changed(late)));
        assert_eq!(known(birth - 3, 0), Err(Unfamiliar::BeforeBirth));
        assert_eq!(known(0, birth - 3), Err(Unfamiliar::BeforeBirth));
    }

    #[test]
    fn a_clean_stop_vouches_for_what_is_not_content() {
        let known = |modified, changed| by_times(&entry(), &marks(modified, changed), || true);
        assert_eq!(known(0, 99), Ok(Familiar::CleanStop));
        assert!(matches!(known(99, 99), Err(Unfamiliar::Written(_))));
        let asked = || panic!("there is nothing to ask");
        assert_eq!(by_times(&entry(), &marks(0, 0), asked), Ok(Familiar::Times));
    }

    /// The clock ran ahead, the file was made, and the clock was set right: both stamp and times are before the birth.
    #[test]
    fn a_clock_that_was_set_back_does_no_harm() {
        let mut entry = entry();
        entry.provenance.birth = Some(((STAMP + 5_000).try_into().unwrap(), 0));
        assert_eq!(
            by_times(&entry, &marks(0, 0), || false),
            Ok(Familiar::Times)
        );
    }

    #[test]
    fn a_record_without_a_stamp_is_judged_by_its_place_where_that_says_enough() {
        let mut entry = Entry {
            stamp: None,
            ..entry()
        };
        let known = |entry: &Entry| by_times(entry, &marks(99, 99), || false);
        assert_eq!(known(&entry), Ok(Familiar::Times));
        entry.provenance.birth = None;
        assert!(matches!(known(&entry), Err(Unfamiliar::Written(_))));
        assert!(by_times(&entry, &marks(1, 99), || false).is_ok());
    }

    #[test]
    fn the_place_is_inode_birth_file_system_and_one_name() {
        let here = marks(0, 0);
        assert_eq!(by_place(&entry(), &here), Ok(()));
        let snapshot = Marks {
            provenance: Provenance {
                filesystem: Some(2),
                ..here.provenance
            },
            ..here
        };
        assert_eq!(by_place(&entry(), &snapshot), Err(Unfamiliar::Copy));
        let links = Marks { links: 2, ..here };
        assert_eq!(by_place(&entry(), &links), Err(Unfamiliar::Links(2)));
    }
}
