//! Links that somebody planted where the program writes are replaced, and what they lead to is left alone.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use crate::support::command::tmkms;
use crate::support::home::{Home, PATIENCE};
use crate::support::http::{wait_for, with_metrics};
use tmkms::harness::Listener;

/// A key that a planted link leads to.
struct Victim {
    path: PathBuf,
    before: (Vec<u8>, u32),
}

impl Victim {
    fn of(path: PathBuf) -> Self {
        let before = look(&path);
        Self { path, before }
    }

    fn is_untouched(&self) {
        assert!(look(&self.path) == self.before, "written or made readable");
    }
}

fn look(path: &Path) -> (Vec<u8>, u32) {
    let mode = fs::metadata(path).unwrap().mode() & 0o7777;
    (fs::read(path).unwrap(), mode)
}

fn is_a_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

#[test]
fn a_textfile_follows_no_link() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    with_metrics(&home, "textfile = \"out/tmkms.prom\"");
    home.init();
    let victim = Victim::of(home.path().join("consensus.key"));
    let folder = home.path().join("out");
    fs::create_dir(&folder).unwrap();
    for name in ["tmkms.prom", "tmkms.prom.new", ".tmkms.prom.new"] {
        symlink(&victim.path, folder.join(name)).unwrap();
    }
    let _service = home.start();
    listener.accept(PATIENCE).unwrap();
    wait_for("the file", || is_a_file(&folder.join("tmkms.prom")));
    victim.is_untouched();
    assert_eq!(look(&folder.join("tmkms.prom")).1, 0o644);
}

#[test]
fn a_manual_page_follows_no_link() {
    let home = Home::new(&["tcp://127.0.0.1:1".parse().unwrap()]);
    let victim = Victim::of(home.path().join("consensus.key"));
    let folder = home.path().join("man1");
    fs::create_dir(&folder).unwrap();
    symlink(&victim.path, folder.join("tmkms.1")).unwrap();
    let done = tmkms(home.path(), &["man", "man1"]);
    assert_eq!(done.code, 0, "{}", done.err);
    victim.is_untouched();
    assert!(is_a_file(&folder.join("tmkms.1")));
}

#[test]
fn an_export_and_a_configuration_follow_no_link() {
    let home = Home::new(&["tcp://127.0.0.1:1".parse().unwrap()]);
    home.init();
    let victim = Victim::of(home.path().join("consensus.key"));
    symlink("nowhere", home.path().join("export.json")).unwrap();
    let done = tmkms(
        home.path(),
        &["state", "export", "test-1", "-o", "export.json"],
    );
    assert_ne!(done.code, 0, "{}", done.err);
    assert!(!home.path().join("nowhere").exists());
    let other = tempfile::tempdir().unwrap();
    symlink("nowhere", other.path().join("tmkms.toml")).unwrap();
    assert_ne!(tmkms(other.path(), &["init", "-n", "cosmoshub"]).code, 0);
    assert!(!other.path().join("nowhere").exists());
    victim.is_untouched();
}
