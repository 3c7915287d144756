//! Before a secret is typed or shown.

use crate::cli::report::{Failure, status};
use crate::os::process::harden::harden;
use crate::terminal::Guard;

/// Before a secret is typed or shown: none of it goes into swap or a core dump, and a signal puts the terminal back.
pub(super) fn careful() -> Result<Guard, Failure> {
    for warning in harden() {
        status("Warning", warning);
    }
    Guard::new().map_err(|error| Failure::new(format!("signals cannot be taken: {error}")))
}
