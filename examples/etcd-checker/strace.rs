//! strace on a process and all of its threads, to learn its system calls or to kill it at one of them.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long it may take to attach.
const PATIENCE: Duration = Duration::from_secs(10);

/// A process that ends with this.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Attaches strace to a process, and comes back when it has every thread. `expression` is that of its `-e`.
pub fn attach(pid: u32, log: &Path, expression: &str) -> Killed {
    let child = Command::new("strace")
        .args(["-f", "-p", &pid.to_string(), "-e", expression, "-o"])
        .arg(log)
        .stderr(Stdio::null())
        .spawn()
        .expect("strace is installed");
    // Attached when the kernel says so for the last of its threads.
    let began = Instant::now();
    let tasks = format!("/proc/{pid}/task");
    let traced = || {
        fs::read_dir(&tasks).is_ok_and(|tasks| {
            tasks.flatten().all(|task| {
                let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
                !status.contains("TracerPid:\t0")
            })
        })
    };
    while !traced() && began.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(2));
    }
    Killed(child)
}

/// The calls in a log of `-f -o`: the thread's number and the call's name, in their order.
pub fn calls(log: &str) -> impl Iterator<Item = (&str, &str)> {
    log.lines().filter_map(|line| {
        let (thread, call) = line.trim_start().split_once(' ')?;
        let (name, _) = call.trim_start().split_once('(')?;
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let is_call = plain && !name.is_empty() && name != "restart_syscall";
        is_call.then_some((thread, name))
    })
}
