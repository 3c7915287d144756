//! The processes of this host, as far as they may be seen: to notice an old signer that still runs.

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The file name of its program.
    pub name: String,
    /// Its arguments, the program first.
    pub arguments: Vec<String>,
    /// Its working directory, where that may be seen.
    pub folder: Option<std::path::PathBuf>,
}

/// All processes but this one. Empty where the system does not tell.
#[cfg(target_os = "linux")]
pub fn others() -> Vec<Process> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return found;
    };
    for entry in entries.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
            .filter(|pid| *pid != std::process::id())
        else {
            continue;
        };
        let path = entry.path();
        let Ok(line) = std::fs::read(path.join("cmdline")) else {
            continue;
        };
        let arguments: Vec<String> = line
            .split(|byte| *byte == 0)
            .filter(|part| !part.is_empty())
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect();
        let Some(program) = arguments.first() else {
            continue;
        };
        let name = program.rsplit('/').next().unwrap_or_default().to_owned();
        found.push(Process {
            pid,
            name,
            folder: std::fs::read_link(path.join("cwd")).ok(),
            arguments,
        });
    }
    found
}

/// All processes but this one. Empty where the system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn others() -> Vec<Process> {
    Vec::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_seen_and_this_process_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("30")
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        let mut seen = None;
        // Until the child has become `sleep`.
        for _ in 0..500 {
            seen = others()
                .into_iter()
                .find(|process| process.pid == child.id() && process.name == "sleep");
            if seen.is_some() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let seen = seen.unwrap();
        assert_eq!(seen.arguments, ["sleep", "30"]);
        assert_eq!(
            seen.folder,
            Some(std::fs::canonicalize(folder.path()).unwrap())
        );
        let me = std::process::id();
        assert!(others().iter().all(|process| process.pid != me));
    }
}
