//! The question `reload`: the configuration is read again.

use std::io;
use std::path::Path;

use crate::observe::registry::Registry;
use crate::os::files::paths::absolute;
use crate::threads::{ReloadAnswer, Reloads};

use super::client::{WAIT_LONG, answer_to};
use super::question::ControlQuestion;

/// Has the configuration read again, if it is the one that the service follows; how many wait is bounded by [`Reloads`].
pub(super) fn reload(registry: &Registry, reloads: &Reloads, asked: &str) -> ReloadAnswer {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let (asked, followed) = (Path::new(asked), &*registry.config_place);
    if asked == followed || real(asked).is_some_and(|asked| Some(asked) == real(followed)) {
        return reloads.ask(WAIT_LONG);
    }
    ReloadAnswer::Refused(format!(
        "the service that answers there follows {}, and not {}; name that file, or give each of the two a `control_socket` of \
         its own and restart tmkms",
        followed.display(),
        asked.display()
    ))
}

/// Tells the service at this socket to read its configuration again, which must be `config`, and waits for what becomes of
/// it.
///
/// # Errors
/// No service answers there, or it answers what this program does not understand.
pub fn tell_reload(config: &Path, path: &Path) -> io::Result<ReloadAnswer> {
    let question = ControlQuestion::Reload(absolute(config).display().to_string());
    answer_to(&question, path)
}
