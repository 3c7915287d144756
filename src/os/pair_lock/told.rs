//! What is said of a lock that another process has.

use std::fmt;

use crate::os::process::holder::{Holder, Program, Verdict};
use crate::remedy::{self, CommandLine};

use super::held::{Held, Lock, Remark};

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Squatted(holder, locks) => {
                let kill = Kill(holder);
                let what = match holder.verdict() {
                    Verdict::Squatter => "is not tmkms",
                    Verdict::Signer => "is of another user",
                };
                write!(
                    f,
                    "{holder} {what} and occupies the name of the lock on this chain and key. That looks like an \
                     attack to keep this signer from starting; it failed, because the lock {locks} is held. But a second \
                     signer with a copy of the key would not be noticed by that name: find out who started the process, \
                     and end it{kill}"
                )
            }
            Self::NotLockable(path, why) => write!(
                f,
                "the key file {} cannot be locked where it lies ({why}), so a second signer that uses this file in another \
                 container is not noticed; move it to a local disk, or set `lock_dir`",
                path.display()
            ),
            Self::NotSeen(why) => write!(
                f,
                "whether another process has the lock on this chain and key cannot be seen: {why}"
            ),
        }
    }
}

impl Held {
    /// Whether it is another program that has it, and no signer.
    pub fn is_squatted(&self) -> bool {
        self.by == Lock::Name && self.holder.verdict() == Verdict::Squatter
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holder = &self.holder;
        match &self.by {
            Lock::Name if self.is_squatted() => {
                let kill = Kill(holder);
                write!(
                    f,
                    "{holder} is not tmkms and occupies the name of its lock, which looks like an attack to keep this \
                     signer from starting; find out who started the process, and end it{kill}. With the key in a file, or \
                     with `lock_dir`, such a process stops nothing"
                )
            }
            Lock::Name => {
                write!(f, "{holder} has it")?;
                let me = rustix::process::geteuid().as_raw();
                match holder.uid.filter(|uid| *uid != me) {
                    None => Ok(()),
                    Some(uid) => write!(
                        f,
                        " (if user {uid} runs no signer of yours, this is an attack to keep yours from starting: end it{})",
                        Kill(holder)
                    ),
                }
            }
            Lock::KeyFile(path) => {
                write!(
                    f,
                    "{holder} has the lock on the key file {}",
                    path.display()
                )
            }
            Lock::Folder(path) => {
                write!(f, "{holder} has the lock in lock_dir {}", path.display())
            }
        }
    }
}

/// How to end a process that is seen.
struct Kill<'a>(&'a Holder);

impl fmt::Display for Kill<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.pid {
            Some(pid) => {
                let kill = CommandLine::of_system("kill", [pid.to_string()]);
                let by = self.0.uid.map(remedy::as_user).unwrap_or_default();
                write!(f, " (`{kill}`{by})")
            }
            None if self.0.program == Program::Silent => {
                f.write_str(" (ss -xap, run as root, names it)")
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(uid: u32, program: Program) -> String {
        let holder = Holder {
            pid: Some(7),
            uid: Some(uid),
            program,
            host: None,
        };
        let by = Lock::Name;
        Held { by, holder }.to_string()
    }

    #[test]
    fn a_holder_of_another_user_is_told_as_what_it_may_be() {
        let me = rustix::process::geteuid().as_raw();
        let tmkms = || Program::Tmkms("tmkms".to_owned());
        assert_eq!(
            told(me, tmkms()),
            format!("process 7 (tmkms, user {me}) has it")
        );
        for program in [tmkms(), Program::Unknown, Program::Other("nc".to_owned())] {
            let text = told(me + 1, program);
            assert!(
                text.contains("attack") && text.contains("`kill 7`"),
                "{text}"
            );
        }
    }
}
