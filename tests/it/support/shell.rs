//! What an operator does around the program.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use super::command::Done;

/// It ended well.
#[track_caller]
pub fn good(done: &Done) {
    assert_eq!(done.code, 0, "{}", done.err);
}

/// A file that its owner alone may read.
pub fn private(path: &Path, content: impl AsRef<[u8]>) {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600);
    file.open(path)
        .unwrap()
        .write_all(content.as_ref())
        .unwrap();
}

/// A command as it was printed, pasted in this folder; it ends well.
#[track_caller]
pub fn shell(folder: &Path, command: &str) {
    let mut shell = Command::new("sh");
    let done = shell.args(["-c", command]).current_dir(folder).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{command}: {done:?}");
}
