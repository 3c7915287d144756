//! What a command or the service cannot see from inside a container, in words.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::os::files::paths::absolute;
use crate::os::process::namespace::{self, Namespaces, View};
use crate::remedy::{CommandLine, quoted};

/// Where the examples have it.
const LOCK_DIR: &str = "/run/tmkms";

/// Something that is hidden from this process, or from the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    /// Processes outside of the container.
    Processes,
    /// The locks of signers in other containers: there is no `lock_dir` in this configuration.
    Locks(PathBuf),
    /// This process's locks, because its `lock_dir` is the container's own.
    LockDir(PathBuf),
}

impl Hidden {
    /// What cannot be seen here. Empty on a host.
    pub fn here(config: &Config) -> Vec<Self> {
        let seen = Namespaces::of_this_process();
        let processes = (seen.processes == View::Own).then_some(Self::Processes);
        processes
            .into_iter()
            .chain(Self::locks_here(config))
            .collect()
    }

    /// Which locks cannot be seen, by this signer or by the others.
    pub fn locks_here(config: &Config) -> Option<Self> {
        let lock_dir = config
            .chains
            .iter()
            .find_map(|chain| chain.lock_dir.as_deref());
        Self::locks(
            Namespaces::of_this_process(),
            lock_dir,
            lock_dir.is_some_and(namespace::is_containers_own),
            Path::new(&config.name),
        )
    }

    fn locks(seen: Namespaces, lock_dir: Option<&Path>, own: bool, config: &Path) -> Option<Self> {
        if !seen.is_confined() {
            return None;
        }
        match lock_dir {
            None => Some(Self::Locks(absolute(config))),
            Some(folder) => own.then(|| Self::LockDir(folder.to_owned())),
        }
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Processes => f.write_str(
                "this runs in a container: what runs outside of it, or in another one, cannot be seen from here: see for yourself \
                 that no signer or node with this key does",
            ),
            Self::Locks(config) => {
                // In numbers: on the host this user may have another name.
                let me = rustix::process::geteuid().as_raw().to_string();
                let make = CommandLine::on_file(
                    "install",
                    &["-d", "-m", "700", "-o", &me],
                    Path::new(LOCK_DIR),
                );
                write!(
                f,
                "this runs in a container or a network of its own, and {} has no `lock_dir`: a signer in another container with a copy of the key \
                 is not noticed, and both would sign. Make a folder on the host with `{make}`, mount it into every container \
                 that may sign (`-v {LOCK_DIR}:{LOCK_DIR}`), and write `lock_dir = \"{LOCK_DIR}\"` above the first section \
                 of {}",
                config.display(),
                config.display()
            )}
            Self::LockDir(folder) => {
                let word = quoted(folder.as_os_str());
                write!(
                    f,
                    "lock_dir {} seems to be this container's own, so no other container sees the locks in it, and two \
                     with copies of one key would both sign. Mount a folder of the host there (`-v {word}:{word}`)",
                    folder.display()
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Namespaces = Namespaces {
        processes: View::Host,
        network: View::Host,
    };
    const CONTAINER: Namespaces = Namespaces {
        processes: View::Own,
        network: View::Unknown,
    };

    #[test]
    fn a_host_hides_nothing() {
        let config = Path::new("/etc/tmkms.toml");
        for seen in [
            HOST,
            // Before Linux 6.18, as a plain user.
            Namespaces {
                network: View::Unknown,
                ..HOST
            },
            // No /proc.
            Namespaces {
                processes: View::Unknown,
                network: View::Unknown,
            },
        ] {
            assert_eq!(Hidden::locks(seen, None, false, config), None);
        }
    }

    #[test]
    fn a_container_without_a_shared_folder_for_locks_is_told() {
        let config = Path::new("/etc/tmkms.toml");
        let folder = Path::new("/run/my locks");
        let network_alone = Namespaces {
            network: View::Own,
            ..HOST
        };
        for seen in [CONTAINER, network_alone] {
            let told = Hidden::locks(seen, None, false, config);
            assert_eq!(told, Some(Hidden::Locks(config.to_owned())));
            let told = Hidden::locks(seen, Some(folder), true, config);
            assert_eq!(told, Some(Hidden::LockDir(folder.to_owned())));
            let mount = told.unwrap().to_string();
            assert!(
                mount.contains("`-v '/run/my locks':'/run/my locks'`"),
                "{mount}"
            );
            assert_eq!(Hidden::locks(seen, Some(folder), false, config), None);
        }
    }
}
