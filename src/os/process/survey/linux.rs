//! Facts: proc(5).

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::os::process::namespace::{Namespaces, View};

use super::found::{InHome, Sign, Survey, Unseen};
use super::home::Home;
use super::program::{named_program, program, status};

/// How far up ancestors are followed.
const MOST_ANCESTORS: usize = 256;

pub(super) fn in_homes(homes: &[Home], known: &[u32]) -> Survey {
    let mut survey = Survey::default();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        survey.unseen.push(Unseen::All);
        return survey;
    };
    let myself = Path::new("/proc/self");
    let (family, own) = (family(), program(myself));
    let own_arguments = arguments(myself).unwrap_or_default();
    let (mut closed, mut found) = (0, Vec::new());
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.parse::<u32>().ok());
        let Some(pid) = pid.filter(|pid| !family.contains(pid) && !known.contains(pid)) else {
            continue;
        };
        // One that ended meanwhile, or that the system hides.
        let Some(arguments) = arguments(&entry.path()) else {
            continue;
        };
        // What waits for this command names the home because the command does; what it has open there counts.
        let telling = match launches(&arguments, &own_arguments) {
            true => &[],
            false => arguments.as_slice(),
        };
        let (sign, seen) = look(&entry.path(), telling, homes);
        match sign {
            Some(sign) => {
                let hidden = || named_program(&entry.path(), &arguments);
                let program = program(&entry.path()).or_else(hidden);
                let same_program = program.is_some() && program == own;
                let process = InHome {
                    pid,
                    arguments,
                    sign,
                    same_program,
                };
                found.push((process, Pipes::of(&entry.path())));
            }
            // The kernel's own threads have no arguments.
            None if !seen && !arguments.is_empty() => closed += 1,
            None => {}
        }
    }
    survey.found = outside_of_pipeline(found, Pipes::of(myself));
    survey.found.sort_by_key(|found| found.pid);
    if closed > 0 {
        survey.unseen.push(Unseen::Files(closed));
    }
    if std::fs::metadata("/proc/1").is_err() {
        survey.unseen.push(Unseen::OtherUsers);
    }
    if Namespaces::of_this_process().processes == View::Own {
        survey.unseen.push(Unseen::OutsideOfContainer);
    }
    survey
}

/// What a process was started with, the program's name first.
fn arguments(process: &Path) -> Option<Vec<String>> {
    let line = std::fs::read(process.join("cmdline")).ok()?;
    let parts = line
        .split(|byte| *byte == 0)
        .filter(|part| !part.is_empty());
    Some(
        parts
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect(),
    )
}

/// Whether a process waits for this very command, which it had another process start: `systemd-run … tmkms state init …`. It
/// names the home because the command does.
fn launches(arguments: &[String], own: &[String]) -> bool {
    let name = |path: &String| Path::new(path).file_name().map(ToOwned::to_owned);
    let Some((program, rest)) = own.split_first() else {
        return false;
    };
    // What a command without arguments ends with says nothing.
    let (false, Some(before)) = (rest.is_empty(), arguments.strip_suffix(rest)) else {
        return false;
    };
    before.len() > 1
        && before
            .last()
            .is_some_and(|last| name(last) == name(program))
}

/// This process and its ancestors.
fn family() -> Vec<u32> {
    let mut found = vec![std::process::id()];
    let mut process = PathBuf::from("/proc/self");
    while found.len() < MOST_ANCESTORS
        && let Some(parent) = status(&process, "PPid:")
            .and_then(|parent| parent.parse::<u32>().ok())
            .filter(|parent| *parent != 0)
    {
        found.push(parent);
        process = PathBuf::from(format!("/proc/{parent}"));
    }
    found
}

/// The pipes at the standard streams of a process.
#[derive(Debug, PartialEq, Eq)]
struct Pipes {
    input: Option<(u64, u64)>,
    outputs: [Option<(u64, u64)>; 2],
}

impl Pipes {
    fn of(process: &Path) -> Self {
        let pipe = |number: &str| {
            let meta = std::fs::metadata(process.join("fd").join(number)).ok()?;
            let is_pipe = meta.file_type().is_fifo();
            is_pipe.then(|| (meta.dev(), meta.ino()))
        };
        Self {
            input: pipe("0"),
            outputs: [pipe("1"), pipe("2")],
        }
    }

    /// Whether one reads what the other writes: they stand in one pipeline, at the same prompt. That both write into the
    /// same pipe says nothing: so do all that one script starts.
    fn meet(&self, other: &Self) -> bool {
        let reads = |reader: &Self, writer: &Self| {
            reader.input.is_some() && writer.outputs.contains(&reader.input)
        };
        reads(self, other) || reads(other, self)
    }
}

/// Without those that are piped to or from this process, `tmkms … | tee log` typed in the home itself, however many there
/// are in a row.
fn outside_of_pipeline(mut found: Vec<(InHome, Pipes)>, own: Pipes) -> Vec<InHome> {
    let mut pipeline = vec![own];
    while let Some(next) = pipeline.pop() {
        let (inside, outside) = found.into_iter().partition(|(_, pipes)| next.meet(pipes));
        let inside: Vec<(InHome, Pipes)> = inside;
        pipeline.extend(inside.into_iter().map(|(_, pipes)| pipes));
        found = outside;
    }
    found.into_iter().map(|(process, _)| process).collect()
}

/// How a process is known to work in one of the homes, and whether all of it could be seen.
fn look(process: &Path, arguments: &[String], homes: &[Home]) -> (Option<Sign>, bool) {
    let mut seen = true;
    let mut follow = |name: &Path| {
        let link = process.join(name);
        match std::fs::read_link(&link) {
            Ok(path) => Some((path, std::fs::metadata(&link).ok())),
            Err(error) => {
                seen &= error.kind() != io::ErrorKind::PermissionDenied;
                None
            }
        }
    };
    let folder = follow(Path::new("cwd"));
    if let Some((path, meta)) = &folder
        && homes
            .iter()
            .any(|home| home.has_folder(path, meta.as_ref()))
    {
        return (Some(Sign::Folder(path.clone())), true);
    }
    let folder = folder.map(|(path, _)| path);
    let named = |argument: &&String| {
        homes
            .iter()
            .any(|home| home.is_named(argument, folder.as_deref()))
    };
    if let Some(argument) = arguments.iter().find(named) {
        return (Some(Sign::Argument(argument.clone())), true);
    }
    let mut links = vec![PathBuf::from("exe")];
    match std::fs::read_dir(process.join("fd")) {
        Ok(entries) => links.extend(
            entries
                .flatten()
                .map(|entry| Path::new("fd").join(entry.file_name())),
        ),
        Err(error) => seen &= error.kind() != io::ErrorKind::PermissionDenied,
    }
    let mut open = None;
    for link in links {
        // Pipes and sockets have no path.
        if let Some((path, meta)) = follow_file(process, &link)
            && homes.iter().any(|home| home.has_file(&path, meta.as_ref()))
        {
            open = Some(Sign::Open(path));
            break;
        }
    }
    (open, seen)
}

fn follow_file(process: &Path, link: &Path) -> Option<(PathBuf, Option<std::fs::Metadata>)> {
    let link = process.join(link);
    let path = std::fs::read_link(&link)
        .ok()
        .filter(|path| path.is_absolute())?;
    Some((path, std::fs::metadata(&link).ok()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    use super::super::*;
    use super::launches;

    /// A process under another name that waits until it is dropped.
    struct Other(Child);

    impl Other {
        fn new(name: &str, arguments: &[&str], change: impl FnOnce(&mut Command)) -> Self {
            let mut command = Command::new("sh");
            command
                .arg0(name)
                .args(["-c", "read line"])
                .args(arguments)
                .current_dir("/")
                .stdin(Stdio::piped())
                // What the tests themselves are piped to would make it one of their pipeline.
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            change(&mut command);
            let child = command.spawn().unwrap();
            // Until it has become that program.
            let line = format!("/proc/{}/cmdline", child.id());
            while !std::fs::read(&line).is_ok_and(|line| line.starts_with(name.as_bytes())) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Self(child)
        }
    }

    impl Drop for Other {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    fn sign_of(other: &Other, home: &Path) -> Option<Sign> {
        let homes = [Home::of(home).unwrap()];
        let survey = in_homes(&homes, &[]);
        let found = survey.found.into_iter();
        found
            .filter(|found| found.pid == other.0.id())
            .map(|found| found.sign)
            .next()
    }

    #[test]
    fn folder_argument_and_open_file_betray_a_process_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(folder.path()).unwrap();
        let home = root.join("gaia");
        std::fs::create_dir_all(home.join("data/x.db")).unwrap();
        let lock = home.join("data/x.db/LOCK");
        std::fs::write(&lock, "").unwrap();
        let beside = root.join("gaia2");
        std::fs::create_dir(&beside).unwrap();

        let other = Other::new("some-daemon", &[], |command| {
            command.current_dir(home.join("data"));
        });
        assert_eq!(
            sign_of(&other, &home),
            Some(Sign::Folder(home.join("data")))
        );
        let argument = format!("--home={}", home.display());
        let other = Other::new("some-daemon", &[&argument], |_| {});
        assert_eq!(sign_of(&other, &home), Some(Sign::Argument(argument)));
        let other = Other::new("some-daemon", &["--home", "gaia"], |command| {
            command.current_dir(&root);
        });
        assert_eq!(
            sign_of(&other, &home),
            Some(Sign::Argument("gaia".to_owned()))
        );
        let open = |path: &Path| std::fs::File::open(path).unwrap();
        let other = Other::new("some-daemon", &[], |command| {
            command.stdout(open(&lock));
        });
        assert_eq!(sign_of(&other, &home), Some(Sign::Open(lock.clone())));
        // Under a name outside of the home, as a container sees it.
        let outside = root.join("outside");
        std::fs::hard_link(&lock, &outside).unwrap();
        let other = Other::new("some-daemon", &[], |command| {
            command.stdout(open(&outside));
        });
        assert_eq!(sign_of(&other, &home), Some(Sign::Open(outside)));
        // A neighbour is none.
        let other = Other::new("some-daemon", &[beside.to_str().unwrap()], |command| {
            command.current_dir(&beside);
        });
        assert_eq!(sign_of(&other, &home), None);
    }

    #[test]
    fn what_waits_for_this_command_is_known_by_its_last_words() {
        let words = |text: &str| -> Vec<String> {
            text.split_whitespace().map(ToOwned::to_owned).collect()
        };
        let own =
            words("/usr/local/bin/tmkms state init c-1 --never-signed -c /etc/tmkms/tmkms.toml");
        let same = "tmkms state init c-1 --never-signed -c /etc/tmkms/tmkms.toml";
        for yes in [
            "systemd-run --pipe --wait",
            "docker exec -it signer",
            "ssh signer",
        ] {
            assert!(launches(&words(&format!("{yes} {same}")), &own), "{yes}");
        }
        for no in [
            // Beside it, and not waiting for it.
            same,
            "systemd-run tmkms start -c /etc/tmkms/tmkms.toml",
            "gaiad start --home /etc/tmkms/tmkms.toml",
            "x gaiad state init c-1 --never-signed -c /etc/tmkms/tmkms.toml",
        ] {
            assert!(!launches(&words(no), &own), "{no}");
        }
        assert!(!launches(&words("systemd-run tmkms"), &words("tmkms")));
        assert!(!launches(&words("systemd-run tmkms"), &[]));
    }

    #[test]
    fn a_loose_file_is_looked_for_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(folder.path()).unwrap();
        let (file, neighbour) = (root.join("old.json"), root.join("other.json"));
        for path in [&file, &neighbour] {
            std::fs::write(path, "").unwrap();
        }
        let other = Other::new("some-daemon", &[neighbour.to_str().unwrap()], |_| {});
        assert_eq!(sign_of(&other, &file), None);
        let other = Other::new("some-daemon", &[file.to_str().unwrap()], |_| {});
        assert!(sign_of(&other, &file).is_some());
        let other = Other::new("some-daemon", &[], |command| {
            command.current_dir(&root);
        });
        assert_eq!(sign_of(&other, &file), Some(Sign::Folder(root)));
    }

    #[test]
    fn this_process_its_ancestors_and_the_known_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        // The folder of this process is that of its ancestors, too.
        let here = std::env::current_dir().unwrap();
        let me = std::process::id();
        let parent = std::os::unix::process::parent_id();
        let other = Other::new("some-daemon", &[], |command| {
            command.current_dir(folder.path());
        });
        let homes = [Home::of(&here).unwrap(), Home::of(folder.path()).unwrap()];
        let pids = |known: &[u32]| -> Vec<u32> {
            let found = in_homes(&homes, known).found;
            found.into_iter().map(|found| found.pid).collect()
        };
        let found = pids(&[]);
        assert!(found.contains(&other.0.id()));
        assert!(!found.contains(&me) && !found.contains(&parent));
        assert!(!pids(&[other.0.id()]).contains(&other.0.id()));
    }
}
