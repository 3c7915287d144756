//! Tells the program which commit it was built from; `TMKMS_COMMIT` says so where there is no repository.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=TMKMS_COMMIT");
    for name in ["HEAD", "index"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let commit = std::env::var("TMKMS_COMMIT")
        .ok()
        .filter(|commit| !commit.is_empty())
        .or_else(|| {
            let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
            let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
            Some(match changed.is_empty() {
                true => commit,
                false => format!("{commit} with changes"),
            })
        })
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=TMKMS_COMMIT={commit}");
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
