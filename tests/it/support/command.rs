//! The program as it is typed.

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
