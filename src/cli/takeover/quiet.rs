//! What works in an old signer's home, and what may work there unseen.

use crate::cli::report::{Failure, status};
use crate::migrate::takeover::quiet::{Quiet, StillRuns};
use crate::os::process::survey::{InHome, Sign, Unseen};
use crate::text::excerpt::brief;

/// How much of a command line is shown, in bytes.
const MOST_SHOWN: usize = 160;

/// Says what works there.
///
/// # Errors
/// That something does.
pub(in crate::cli) fn check(quiet: &Quiet) -> Result<(), Failure> {
    quiet.check().map_err(still_runs)
}

/// Names each process that runs, and gives the failure.
pub(super) fn still_runs(error: StillRuns) -> Failure {
    for process in &error.found {
        status("Running", told(process));
    }
    Failure::new(format!("nothing was changed: {error}")).hint(
        "stop it, see that nothing starts it again, and repeat the command; a shell or an editor that stands there must leave",
    )
}

/// Says what may work there unseen.
pub(in crate::cli) fn tell_unseen(quiet: &Quiet) {
    for unseen in quiet.unseen() {
        status(
            "Unseen",
            match unseen {
                Unseen::All => {
                    "this system does not tell what runs: see for yourself that no signer or node does".to_owned()
                }
                Unseen::OtherUsers => {
                    "the processes of other users are hidden here: run the command as root to see them, too".to_owned()
                }
                Unseen::Files(count) => format!(
                    "of {count} processes only the command line can be seen: run the command as root to see their folders \
                     and open files, too"
                ),
                Unseen::OutsideOfContainer => {
                    "what runs outside of this container, or in another one, cannot be seen from here: see for yourself \
                     that no signer or node with this key does"
                        .to_owned()
                }
            },
        );
    }
}

fn told(process: &InHome) -> String {
    let line = process.arguments.join(" ");
    let line = brief(&line, MOST_SHOWN);
    let sign = match &process.sign {
        Sign::Folder(path) => format!("it works in {}", path.display()),
        Sign::Argument(_) => "an argument names it".to_owned(),
        Sign::Open(path) => format!("it has {} open", path.display()),
    };
    // The process chose these words.
    format!("process {}: {line} ({sign})", process.pid).replace(|char: char| char.is_control(), " ")
}
