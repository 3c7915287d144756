//! Members with shares of one key: each has a watermark and a lock of its own, and none signs beside the whole key (W6).

use std::fs;
use std::path::Path;
use std::time::Duration;

use tmkms::consensus::PublicKey;
use tmkms::gate::store::file::format::SLOT;
use tmkms::gate::store::file::{FileStore, Newest, OpenError, StateFile, inspect, newest};
use tmkms::gate::watermark::Watermark;

use crate::support::{place, random_key};

const NOW: Duration = Duration::from_secs(1_800_000_000);

fn of(folder: &Path, name: &str, key: &PublicKey, share: Option<u16>) -> StateFile {
    let place = StateFile {
        share,
        ..place(folder.join(name), key.clone())
    };
    FileStore::create(&place, &Watermark::Never, NOW).unwrap();
    place
}

fn is_held(place: &StateFile) -> bool {
    let opened = FileStore::open(place).err();
    let seen = FileStore::pair_is_free(place).err();
    let held = |error: Option<OpenError>| matches!(error, Some(OpenError::PairLocked { .. }));
    let (opened, seen) = (held(opened), held(seen));
    assert_eq!(opened, seen, "a look finds what an attempt meets");
    opened
}

#[test]
fn members_are_beside_each_other_and_not_beside_themselves_or_the_whole_key() {
    let folder = tempfile::tempdir().unwrap();
    let lock_dir = tempfile::tempdir().unwrap();
    let key = random_key().public_key();
    for scopes in [None, Some(lock_dir.path().to_owned())] {
        let at = |name: &str, share| {
            let mut place = of(
                folder.path(),
                &format!("{}{name}", scopes.is_some()),
                &key,
                share,
            );
            place.scopes.lock_dir = scopes.clone();
            place
        };
        let (one, two, twelve) = (at("1", Some(1)), at("2", Some(2)), at("12", Some(12)));
        // A home of its own, with a copy of the share.
        let copy = at("copy", Some(1));
        let whole = at("whole", None);
        let first = FileStore::open(&one).unwrap();
        let last = FileStore::open(&twelve).unwrap();
        assert!(FileStore::open(&two).is_ok());
        assert!(is_held(&copy), "one share is one member");
        assert!(is_held(&whole), "the whole key signs without the members");
        drop(first);
        assert!(FileStore::open(&copy).is_ok());
        assert!(is_held(&whole));
        drop(last);
        let signs = FileStore::open(&whole).unwrap();
        assert!(is_held(&one) && is_held(&two) && is_held(&twelve));
        drop(signs);
        assert!(FileStore::open(&one).is_ok());
    }
}

#[test]
fn a_state_belongs_to_one_share() {
    let folder = tempfile::tempdir().unwrap();
    let key = random_key().public_key();
    let file = |share| {
        let name = format!("{share:?}");
        of(folder.path(), &name, &key, share)
    };
    for (state, configured, words) in [
        (
            Some(1),
            Some(2),
            "is that of share 1, and share 2 is configured; each member",
        ),
        (
            Some(1),
            None,
            "is that of share 1, and the whole key is configured; a member",
        ),
        (
            None,
            Some(2),
            "is that of the whole key, and share 2 is configured; name",
        ),
    ] {
        let own = match state {
            Some(_) => folder.path().join("Some(1)"),
            None => folder.path().join("None"),
        };
        if !own.exists() {
            file(state);
        }
        let other = StateFile {
            path: own.clone(),
            share: configured,
            ..place(own, key.clone())
        };
        let error = FileStore::open(&other).err().unwrap();
        assert!(matches!(error, OpenError::OtherShare { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        let error = inspect(&other).err().unwrap();
        assert!(matches!(error, OpenError::OtherShare { .. }), "{error}");
        // Nor is it put aside by a command that begins a state.
        assert!(FileStore::open_copied(&other).is_err());
    }
}

/// A record with a share is none of the whole key, and none of the whole key says that it is of a share.
#[test]
fn the_share_is_a_part_of_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let key = random_key().public_key();
    let own = of(folder.path(), "share", &key, Some(3));
    let bytes = fs::read(&own.path).unwrap();
    let text = String::from_utf8(bytes[..SLOT].to_vec()).unwrap();
    assert!(
        text.contains("\"format\":4,") && text.contains("\"share\":3,"),
        "{text}"
    );
    let Newest::Good(entry, None) = newest(&bytes) else {
        panic!("it is not read");
    };
    assert_eq!(entry.share, Some(3));
    let whole = of(folder.path(), "whole", &key, None);
    let text = fs::read_to_string(&whole.path).unwrap();
    assert!(
        text.contains("\"format\":2,") && !text.contains("share\":"),
        "{text}"
    );
    // Halves of two members are no state.
    let other = of(folder.path(), "other", &key, Some(4));
    let mixed = [&bytes[..SLOT], &fs::read(&other.path).unwrap()[SLOT..]].concat();
    assert!(matches!(newest(&mixed), Newest::NotNeighbours(_)));
}
