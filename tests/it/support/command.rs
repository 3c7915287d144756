//! The program as it is typed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a command ended, and what it said.
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs the program in a folder, with nobody at the keyboard.
pub fn tmkms(folder: &Path, arguments: &[&str]) -> Done {
    tmkms_with(folder, &[], arguments)
}

/// The same with variables.
pub fn tmkms_with(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Done {
    let output = Command::new(env!("CARGO_BIN_EXE_tmkms"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("TMKMS_CONFIG_FILE")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done {
        code: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

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
