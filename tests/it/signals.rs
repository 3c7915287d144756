//! Every signal that can be caught: which ones end the service, and that each leaves its reason in the log.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::home::{Home, PATIENCE, Running, sign};
use crate::support::world::World;
use rustix::process::Signal;
use tmkms::harness::Listener;

/// Sends a signal by number: real-time ones have no name.
fn kill(service: &Running, signal: i32) {
    // The shell's own: not every host has a program of this name.
    let done = Command::new("sh")
        .args(["-c", &format!("kill -{signal} {}", service.child.id())])
        .status()
        .unwrap();
    assert!(done.success());
}

/// The letter of the process's state: `T` is stopped.
fn state(service: &Running) -> char {
    let stat = fs::read_to_string(format!("/proc/{}/stat", service.child.id())).unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    after_name.chars().next().unwrap()
}

#[test]
fn what_asks_for_an_end_is_exit_0_and_names_its_sender() {
    for (signal, name) in [(15, "SIGTERM"), (2, "SIGINT"), (30, "SIGPWR")] {
        let mut world = World::signing();
        kill(&world.service, signal);
        assert_eq!(world.service.wait().code(), Some(0));
        let log = world.service.log();
        let line = format!("stopped by {name} from process ");
        assert!(log.contains(&line), "{log}");
    }
}

#[test]
fn an_emergency_is_an_orderly_end_that_is_brought_back() {
    let mut world = World::signing();
    kill(&world.service, 3);
    assert_eq!(world.service.wait().code(), Some(1));
    let log = world.service.log();
    assert!(log.contains("ended by SIGQUIT from process "), "{log}");
    assert!(!log.contains("\nerror:"), "once is enough: {log}");
}

#[test]
fn the_signal_of_a_watchdog_leaves_its_line_before_the_end() {
    let mut world = World::signing();
    kill(&world.service, 6);
    assert_eq!(world.service.wait().signal(), Some(6));
    let log = world.service.log();
    assert!(log.contains("ended by SIGABRT from process "), "{log}");
}

#[test]
fn no_other_signal_ends_or_stops_it_and_each_says_why() {
    let mut world = World::signing();
    let left_alone = [4, 7, 8, 9, 11, 13, 17, 18, 19, 23, 28, 31];
    let ending = [2, 3, 6, 15, 30];
    let names = [
        (5, "SIGTRAP"),
        (10, "SIGUSR1"),
        (12, "SIGUSR2"),
        (14, "SIGALRM"),
        (16, "SIGSTKFLT"),
        (20, "SIGTSTP"),
        (21, "SIGTTIN"),
        (22, "SIGTTOU"),
        (24, "SIGXCPU"),
        (25, "SIGXFSZ"),
        (26, "SIGVTALRM"),
        (27, "SIGPROF"),
        (29, "SIGIO"),
        (40, "real-time signal 40"),
        (64, "real-time signal 64"),
    ];
    for signal in (1..=31).chain(34..=64) {
        if left_alone.contains(&signal) || ending.contains(&signal) {
            continue;
        }
        kill(&world.service, signal);
    }
    for (_, name) in names {
        world.service.wait_for_log(&format!("{name} from process "));
    }
    assert_ne!(state(&world.service), 'T', "it runs");
    assert!(sign(&mut world.node, &world.home.key, 2, 1), "and signs");
    let log = world.service.log();
    let line = |name: &str| {
        let found = log.lines().find(|line| line.contains(name));
        found.unwrap().to_owned()
    };
    assert!(line("SIGXFSZ").contains("LimitFSIZE"));
    assert!(line("SIGXCPU").contains("LimitCPU"));
    // The ones that end nothing by default, and a closed pipe, are not even told.
    for signal in [13, 17, 18, 23, 28] {
        kill(&world.service, signal);
    }
    assert!(sign(&mut world.node, &world.home.key, 3, 1));
}

#[test]
fn a_flood_of_one_signal_fills_no_log() {
    let mut world = World::signing();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        kill(&world.service, 10);
    }
    assert!(sign(&mut world.node, &world.home.key, 2, 1));
    world.service.has_times(1, "SIGUSR1");
}

#[test]
fn a_limit_on_file_sizes_is_an_error_in_band_and_not_the_end() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    // In blocks of 512 bytes: the second half of the state file lies above it, and the log below.
    let log = home.path().join("log");
    let child = Command::new("sh")
        .args(["-c", "ulimit -f 16; exec \"$0\" start -v"])
        .arg(env!("CARGO_BIN_EXE_tmkms"))
        .current_dir(home.path())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let service = Running { child, log };
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(!sign(&mut node, &home.key, 1, 1), "answered in-band");
    // The signal goes to the very thread that writes, and stays with it; the write is what tells.
    service.wait_for_log("File too large");
    assert_ne!(state(&service), 'Z', "{}", service.log());
}

#[test]
fn in_the_background_of_a_terminal_with_tostop_it_signs_on() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    // Job control gives each job a process group of its own; this one goes into the background.
    let mut shell = Command::new("sh");
    let script = "set -m; stty tostop; \"$0\" start -v & echo $! >pid; sleep 60";
    shell
        .args(["-c", script, env!("CARGO_BIN_EXE_tmkms")])
        .current_dir(home.path());
    let _terminal = expectrl::Session::spawn(shell).unwrap();
    let mut node = listener.accept(PATIENCE).unwrap();
    for height in 1..20 {
        assert!(sign(&mut node, &home.key, height, 1));
    }
    let pid: i32 = fs::read_to_string(home.path().join("pid"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let state = stat.rsplit(") ").next().unwrap().chars().next();
    let process = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(process, Signal::KILL).unwrap();
    assert_ne!(state, Some('T'), "its lines go to the terminal");
}
