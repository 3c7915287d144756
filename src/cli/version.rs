//! `tmkms version`, `--version` and `-V`.

use super::report::{Failure, output};

pub(super) fn run() -> Result<(), Failure> {
    output(&format!("tmkms {}\n", text()))
}

/// All but the program's name.
pub(super) fn text() -> String {
    let backends: Vec<&str> = crate::backends::TABLE
        .iter()
        .map(|backend| backend.name)
        .collect();
    let backends = match backends.is_empty() {
        true => "none in this build".to_owned(),
        false => backends.join(", "),
    };
    format!(
        "{} (commit {})\n\
         signer with a durable double-sign watermark for nodes of CometBFT v0.34 to v1.0; backends: {}\n\
         This is not the program of the same name on the public crate registry.",
        crate::VERSION,
        crate::COMMIT,
        backends
    )
}
