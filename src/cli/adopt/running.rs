//! Old signers that still run on this host.

use std::path::Path;

use crate::os::process::{Process, others};

/// Programs that hold a validator's key. A node is no signer once its key is elsewhere, so it is not among them.
const SIGNERS: [&str; 4] = ["tmkms", "horcrux", "kms", "cosmos-kms"];

/// Every one of them, with its arguments.
pub(super) fn old_signers() -> Vec<Process> {
    others()
        .into_iter()
        .filter(|process| SIGNERS.contains(&process.name.as_str()))
        .filter(|process| process.arguments.iter().any(|word| word == "start"))
        .collect()
}

/// Whether a process works for this home: started in it, or with it on its command line.
pub(super) fn is_of(process: &Process, path: &Path) -> bool {
    let Ok(path) = std::fs::canonicalize(path) else {
        return false;
    };
    let home = match path.is_dir() {
        true => path.as_path(),
        false => path.parent().unwrap_or(&path),
    };
    let within = |named: &Path| {
        let named = match (&process.folder, named.is_absolute()) {
            (Some(folder), false) => folder.join(named),
            _ => named.to_owned(),
        };
        std::fs::canonicalize(named).is_ok_and(|named| named.starts_with(home))
    };
    process.folder.as_deref() == Some(home)
        || process
            .arguments
            .iter()
            .skip(1)
            .any(|word| within(Path::new(word.rsplit('=').next().unwrap_or(word))))
}
