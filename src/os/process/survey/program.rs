//! What a process runs, also where it hides that. Facts: proc(5).

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::os::clock::{Clock, SystemClock};

/// By how much a file's time and a process's may each be told too early, with room to spare: both come in ticks of the kernel,
/// of 10 ms at most.
const CLOCK_GRAIN: Duration = Duration::from_millis(100);

/// A line of a process's status, without its name.
pub(super) fn status(process: &Path, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(process.join("status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

/// Device and inode of the program that a process runs.
pub(super) fn program(process: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::metadata(process.join("exe")).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// The same for a process that hides what it runs, as this program does (it leaves no core): the file that it was started as,
/// where that is certain.
pub(super) fn named_program(process: &Path, arguments: &[String]) -> Option<(u64, u64)> {
    let is_hidden = std::fs::read_link(process.join("exe"))
        .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    let path = Path::new(arguments.first()?);
    let file = path.is_absolute().then(|| std::fs::metadata(path).ok())??;
    let hidden = Hidden {
        users: status(process, "Uid:")?,
        namespaces: status(process, "NSpid:")?,
        began: began(process)?,
    };
    let own_users = status(Path::new("/proc/self"), "Uid:")?;
    let changed = Duration::new(
        u64::try_from(file.ctime()).ok()?,
        u32::try_from(file.ctime_nsec()).ok()?,
    );
    (is_hidden && hidden.runs_a_file_of(&own_users, changed)).then(|| (file.dev(), file.ino()))
}

/// What is known of a process that hides what it runs.
struct Hidden {
    /// Real, effective, saved and file-system user.
    users: String,
    /// Its number in each namespace of processes, from this one inwards.
    namespaces: String,
    /// Since 1970-01-01 UTC.
    began: Duration,
}

impl Hidden {
    /// Whether the name of a file that was changed last at `changed` says what it runs: a process of the same user, in no
    /// container within, where the name may be of another file, and begun when the file was what it is now.
    fn runs_a_file_of(&self, users: &str, changed: Duration) -> bool {
        let in_container = self.namespaces.split_whitespace().count() != 1;
        self.users == users && !in_container && self.began > changed + CLOCK_GRAIN
    }
}

/// When a process began: since 1970-01-01 UTC, as exactly as the system's ticks tell.
fn began(process: &Path) -> Option<Duration> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    // The name in parentheses may hold anything; the 22nd field is the 20th after it.
    let ticks = stat.rsplit_once(") ")?.1.split(' ').nth(19)?;
    let millis = ticks.parse::<u64>().ok()?.checked_mul(1_000)?;
    let since_boot = Duration::from_millis(millis / rustix::param::clock_ticks_per_second());
    let now = SystemClock.now();
    // Not /proc/stat's `btime`, which drops what is left of a second.
    now.wall.checked_sub(now.boot)?.checked_add(since_boot)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One whose name alone says what it runs: the name must be of this file, and it of the same user.
    #[test]
    fn a_hidden_process_runs_what_it_is_named_only_where_that_is_certain() {
        const USERS: &str = "995\t995\t995\t995";
        let at = Duration::from_secs;
        let hidden = |users: &str, namespaces: &str, began| Hidden {
            users: users.to_owned(),
            namespaces: namespaces.to_owned(),
            began: at(began),
        };
        assert!(hidden(USERS, "94", 1_000).runs_a_file_of(USERS, at(900)));
        let just_before = at(900) - CLOCK_GRAIN / 2;
        assert!(!hidden(USERS, "94", 900).runs_a_file_of(USERS, just_before));
        for (no, why) in [
            (hidden("0\t0\t0\t0", "94", 1_000), "another user"),
            (
                hidden("995\t0\t0\t0", "94", 1_000),
                "another effective user",
            ),
            (hidden(USERS, "94\t1", 1_000), "in a container"),
            (hidden(USERS, "94", 900), "the file may be newer"),
            (hidden(USERS, "94", 100), "the file is newer"),
        ] {
            assert!(!no.runs_a_file_of(USERS, at(900)), "{why}");
        }
        // This process began before now, and not at the epoch.
        let began = began(Path::new("/proc/self")).unwrap();
        let now = std::time::SystemTime::now();
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
        assert!(began <= now + at(2) && now - began < at(3_600), "{began:?}");
        // What is not hidden is not taken at its word.
        let me = std::env::current_exe().unwrap().display().to_string();
        assert_eq!(named_program(Path::new("/proc/self"), &[me]), None);
    }
}
