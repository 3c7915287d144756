//! The locks on chain and key, each by itself: the key's file, `lock_dir`, and the name that anybody can take (W6).
//!
//! In namespaces of their own they are tried by `tests/namespaces`, which needs root.
#![cfg(target_os = "linux")]

use std::fs::{self, File, Permissions};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use crate::support::home::{Home, PATIENCE, Running, sign};
use rustix::process::Signal;
use tmkms::harness::Listener;
use tmkms::os::pair_lock::{PairLock, Scopes};

/// This process is not tmkms: it sits on the name.
fn squat(home: &Home) -> UnixListener {
    let address = SocketAddr::from_abstract_name(home.lock_name()).unwrap();
    UnixListener::bind_addr(&address).unwrap()
}

/// A program of this one's name that another user runs, who has no key: this program of tests, under another name.
/// Needs root, who may start it.
struct OtherUsersTmkms {
    child: std::process::Child,
    _folder: tempfile::TempDir,
}

impl OtherUsersTmkms {
    /// On the name of this home's lock; `None` where this user cannot start it.
    fn squat(home: &Home, uid: u32) -> Option<Self> {
        use std::os::unix::process::CommandExt;
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let program = folder.path().join("tmkms");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let child = std::process::Command::new(program)
            .args([
                "--exact",
                "remedies::locks::squat",
                "--ignored",
                "--nocapture",
            ])
            .env("SQUAT", home.lock_name())
            .current_dir("/")
            .uid(uid)
            .gid(uid)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let begun = std::time::Instant::now();
        while !tmkms::os::pair_lock::NameLock::is_held(&home.lock_name()).unwrap() {
            assert!(begun.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(Self {
            child,
            _folder: folder,
        })
    }
}

impl Drop for OtherUsersTmkms {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid() -> String {
    format!("process {} (it-", std::process::id())
}

/// The key in the environment: there is no file that could be locked.
fn start_with_the_key_in_the_environment(home: &Home) -> Running {
    let key = fs::read_to_string(home.path().join("consensus.key")).unwrap();
    home.configure(
        &home
            .config()
            .replace("path = \"consensus.key\"", "path = \"env:TMKMS_TEST_KEY\""),
    );
    home.start_with(|command| {
        command.env("TMKMS_TEST_KEY", key.trim());
    })
}

fn with_lock_dir(home: &Home) -> PathBuf {
    let folder = home.path().join("locks");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    home.configure(&format!(
        "lock_dir = \"{}\"\n{}",
        folder.display(),
        home.config()
    ));
    folder
}

fn home() -> (Listener, Home) {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    (listener, home)
}

/// A start that has nothing else to do ends, and says why.
fn refused(home: &Home) -> String {
    let mut service = home.start();
    assert_eq!(service.wait().code(), Some(1), "{}", service.log());
    let text = service.log();
    assert!(
        text.contains("every configured chain is already held by another process"),
        "{text}"
    );
    fs::remove_file(&service.log).unwrap();
    text
}

#[test]
fn one_who_holds_the_keys_file_is_not_signed_beside() {
    let (listener, home) = home();
    let key = File::open(home.path().join("consensus.key")).unwrap();
    key.lock().unwrap();
    let text = refused(&home);
    assert!(text.contains("has the lock on the key file /"), "{text}");
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("has the lock on the key file /"), "{text}");
    drop(key);
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    // While it runs, the lock is seen by anyone who opens the file under another name, and reading the key disturbs nothing.
    let other = home.path().join("other name");
    fs::hard_link(home.path().join("consensus.key"), &other).unwrap();
    let scopes = Scopes {
        key_file: Some(other),
        lock_dir: None,
    };
    let look = || PairLock::look("test-1", home.key.as_bytes(), &scopes);
    let error = look().unwrap_err().to_string();
    assert!(error.contains("has the lock on the key file"), "{error}");
    home.run(&["keys", "show"]);
    assert!(look().is_err());
    let other_chain = PairLock::take("test-2", home.key.as_bytes(), &scopes);
    assert!(other_chain.is_ok(), "the lock is one of chain and key");
    drop(service);
    assert!(look().is_ok());
}

#[test]
fn two_homes_with_copies_of_a_key_and_one_lock_dir_refuse_each_other() {
    let (listener, home) = home();
    let folder = with_lock_dir(&home);
    let mut service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let copy = home.with_a_copy_of_the_key(&[listener.address().unwrap()]);
    copy.configure(&format!(
        "lock_dir = \"{}\"\n{}",
        folder.display(),
        copy.config()
    ));
    let (code, text) = copy.run(&["state", "init", "test-1", "--never-signed"]);
    assert_eq!(code, 1);
    let holder = format!(
        "process {} (tmkms) has the lock in lock_dir",
        service.child.id()
    );
    assert!(text.contains(&holder), "{text}");
    let (_, text) = copy.run(&["check"]);
    assert!(text.contains("has the lock in lock_dir"), "{text}");
    service.signal(Signal::TERM);
    service.wait();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "never removed");
    copy.init();
}

#[test]
fn one_who_holds_the_file_in_lock_dir_is_waited_for() {
    let (listener, home) = home();
    let folder = with_lock_dir(&home);
    // One run makes the file.
    home.run(&["state", "raise", "test-1", "--height", "1"]);
    let file = folder.join(home.lock_name());
    let held = File::open(&file).unwrap();
    held.lock().unwrap();
    let text = refused(&home);
    assert!(text.contains("has the lock in lock_dir"), "{text}");
    drop(held);
    let _service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 2, 1));
}

#[test]
fn a_lock_dir_that_protects_nothing_is_not_signed_with() {
    let (_listener, home) = home();
    let folder = with_lock_dir(&home);
    let problem = |words: &str| {
        let (code, text) = home.run(&["check"]);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(words), "{text}");
        assert!(text.contains("test-1"), "{text}");
    };
    for mode in [0o777, 0o770, 0o722] {
        fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
        problem(&format!("run `chmod 700 {}`", folder.display()));
    }
    fs::remove_dir_all(&folder).unwrap();
    problem("install -d -m 700 -o ");
    let (code, text) = home.run(&["state", "raise", "test-1", "--height", "1"]);
    assert_eq!(code, 1, "{text}");
    assert!(!folder.exists(), "it is not made here");
    fs::write(&folder, "").unwrap();
    problem("is not a folder");
}

#[test]
fn a_squatter_is_named_and_does_not_stop_a_key_in_a_file() {
    let (listener, home) = home();
    let _squatter = squat(&home);
    let (_, text) = home.run(&["check"]);
    assert!(
        text.contains(&pid()) && text.contains("an attack"),
        "{text}"
    );
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let kill = format!("`kill {}`", std::process::id());
    for words in [
        &pid(),
        "is not tmkms",
        "an attack",
        &kill,
        "the lock on the key's file is held",
    ] {
        service.wait_for_log(words);
    }
    let log = service.log();
    assert_eq!(log.matches("occupies the name").count(), 1, "{log}");
    // And what holds instead keeps another one away.
    let other = Home {
        key: home.key.clone(),
        ..Home::new(&[listener.address().unwrap()])
    };
    let shared = home.path().join("consensus.key");
    other.configure(
        &other
            .config()
            .replace("consensus.key", shared.to_str().unwrap()),
    );
    let (code, text) = other.run(&["state", "init", "test-1", "--never-signed"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("has the lock on the key file"), "{text}");
}

#[test]
fn another_users_program_of_this_name_does_not_stop_a_key_in_a_file() {
    let (listener, home) = home();
    let Some(squatter) = OtherUsersTmkms::squat(&home, 65_534) else {
        return;
    };
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let holder = format!(
        "process {} (tmkms, user 65534) is of another user",
        squatter.child.id()
    );
    for words in [&holder, "an attack", "the lock on the key's file is held"] {
        service.wait_for_log(words);
    }
    drop(squatter);
    service.wait_for_log("is gone, and tmkms has that lock, too");
    assert!(tmkms::os::pair_lock::NameLock::is_held(&home.lock_name()).unwrap());
}

#[test]
fn another_users_program_of_this_name_may_be_a_signer_where_nothing_else_is_locked() {
    let (listener, home) = home();
    let Some(squatter) = OtherUsersTmkms::squat(&home, 65_534) else {
        return;
    };
    let second = Listener::tcp().unwrap();
    home.add_a_chain(&second.address().unwrap());
    let service = start_with_the_key_in_the_environment(&home);
    service.wait_for_log("[test-1] not dialled");
    service.wait_for_log("this is an attack to keep yours from starting");
    assert!(listener.accept(Duration::from_millis(300)).is_err());
    drop(squatter);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
}

#[test]
fn a_name_that_a_squatter_leaves_is_taken() {
    let (listener, home) = home();
    let squatter = squat(&home);
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    drop(squatter);
    service.wait_for_log("is gone, and tmkms has that lock, too");
    assert!(sign(&mut node, &home.key, 2, 1));
    // A copy of the key, which shares nothing else, is noticed again.
    let copy = home.with_a_copy_of_the_key(&[listener.address().unwrap()]);
    let (code, text) = copy.run(&["state", "init", "test-1", "--never-signed"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("already signs for chain test-1"), "{text}");
    let told = service.log().matches("has that lock, too").count();
    assert_eq!(told, 1);
}

#[test]
fn a_squatter_stops_a_key_without_a_file_is_told_and_waited_for() {
    let (listener, home) = home();
    let squatter = squat(&home);
    // Another chain keeps the service up.
    let second = Listener::tcp().unwrap();
    home.add_a_chain(&second.address().unwrap());
    let service = start_with_the_key_in_the_environment(&home);
    service.wait_for_log("[test-1] not dialled: chain test-1 and its key cannot be locked");
    service.wait_for_log(&pid());
    service.wait_for_log("an attack");
    assert!(listener.accept(Duration::from_millis(300)).is_err());
    drop(squatter);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
}

#[test]
fn a_squatter_does_not_stop_a_key_without_a_file_beside_lock_dir() {
    let (listener, home) = home();
    let _squatter = squat(&home);
    with_lock_dir(&home);
    let service = start_with_the_key_in_the_environment(&home);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    service.wait_for_log("the lock in lock_dir is held");
}

/// The name, bound by a socket that does not listen.
fn bound(home: &Home) -> socket2::Socket {
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    let name = socket2::SockAddr::unix(format!("\0{}", home.lock_name())).unwrap();
    socket.bind(&name).unwrap();
    socket
}

#[test]
fn a_squatter_that_does_not_listen_is_no_signer() {
    let (listener, home) = home();
    let squatter = bound(&home);
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    for words in [
        "a process that does not listen is not tmkms",
        "an attack",
        "names it",
    ] {
        service.wait_for_log(words);
    }
    // Once it leaves, the name is this service's, and says so to the next one.
    drop(squatter);
    service.wait_for_log("is gone, and tmkms has that lock, too");
}

#[test]
fn a_holder_that_cannot_be_seen_may_be_a_signer() {
    let (_listener, home) = home();
    // It listens, and its queue is full: nobody can ask whose it is, and a signer's may be full, too.
    let socket = bound(&home);
    socket.listen(0).unwrap();
    let address = SocketAddr::from_abstract_name(home.lock_name()).unwrap();
    let _waits = UnixStream::connect_addr(&address).unwrap();
    let text = refused(&home);
    assert!(
        text.contains("a process that cannot be seen from here"),
        "{text}"
    );
}

#[test]
fn the_kernel_frees_every_lock_of_a_killed_process() -> io::Result<()> {
    let (listener, home) = home();
    with_lock_dir(&home);
    for height in 1..4 {
        let mut service = home.start();
        let mut node = listener.accept(PATIENCE).unwrap();
        assert!(sign(&mut node, &home.key, height, 1));
        service.child.kill()?;
        service.wait();
    }
    Ok(())
}
