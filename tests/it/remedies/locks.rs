//! Locks on chain and key, and who holds them.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Child, Command, Stdio};

use sha2::{Digest, Sha256};

use super::walk::{Said, Walk};
use crate::support::home::{PATIENCE, sign};

/// Neither is known to this host.
const ME: u32 = 64_100;
const OTHER: u32 = 64_101;

fn with_lock_dir(walk: &Walk) -> std::path::PathBuf {
    let folder = walk.path("lock dir");
    walk.home
        .configure(&format!("lock_dir = \"lock dir\"\n{}", walk.home.config()));
    folder
}

#[test]
fn a_lock_dir_that_is_not_there() {
    let walk = Walk::of("a_lock_dir_that_is_not_there");
    walk.home.init();
    let folder = with_lock_dir(&walk);
    let said = walk.tmkms(&["check"]);
    walk.follow(&said, "make it on the host with", "install -d -m 700 -o");
    assert_eq!(
        fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
        0o700
    );
    walk.is_ready();
    walk.signs(1);
}

#[test]
fn a_lock_dir_that_others_may_write_to() {
    let walk = Walk::of("a_lock_dir_that_others_may_write_to");
    walk.home.init();
    let folder = with_lock_dir(&walk);
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let said = walk.tmkms(&["check"]);
    walk.follow(&said, "others may write to lock_dir", "chmod 700");
    walk.is_ready();
}

#[test]
fn a_lock_dir_of_another_user() {
    let walk = Walk::of("a_lock_dir_of_another_user");
    let folder = with_lock_dir(&walk);
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    if chown(&folder, Some(OTHER), None).is_err() {
        return walk.give_up();
    }
    let said = walk.tmkms_as(ME, &["check"]).unwrap();
    assert!(
        said.text.contains("as root"),
        "who is not root is told who has to run it: {}",
        said.text
    );
    walk.follow(&said, "who could take the locks away", "chown");
    let said = walk
        .tmkms_as(ME, &["state", "init", "test-1", "--never-signed"])
        .unwrap();
    assert_eq!(said.code, 0, "{}", said.text);
    let said = walk.tmkms_as(ME, &["check"]).unwrap();
    assert_eq!(said.code, 0, "{}", said.text);
}

/// A process that is not tmkms and sits on a name: this very program of tests, started again.
struct Squatter(Child);

impl Squatter {
    fn on(walk: &Walk) -> Self {
        let mut hash = Sha256::new();
        hash.update(6_u64.to_be_bytes());
        hash.update(b"test-1");
        hash.update(walk.home.key.as_bytes());
        let digits = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "remedies::locks::squat",
                "--ignored",
                "--nocapture",
            ])
            .env("SQUAT", format!("tmkms-pair-{digits}"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("squatting") {
            line.clear();
            assert!(std::io::BufRead::read_line(&mut out, &mut line).unwrap() > 0);
        }
        Self(child)
    }
}

impl Drop for Squatter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// No test: what [`Squatter`] starts.
#[test]
#[ignore = "started by other tests"]
fn squat() {
    let Ok(name) = std::env::var("SQUAT") else {
        return;
    };
    let address = SocketAddr::from_abstract_name(name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    println!("squatting");
    std::thread::sleep(PATIENCE * 3);
}

#[test]
fn somebody_who_sits_on_the_name_of_the_lock() {
    let walk = Walk::of("somebody_who_sits_on_the_name_of_the_lock");
    walk.home.init();
    let mut squatter = Squatter::on(&walk);
    let said: Said = walk.tmkms(&["check"]);
    walk.follow(&said, "looks like an attack", "kill");
    squatter.0.wait().unwrap();
    assert!(!walk.tmkms(&["check"]).text.contains("an attack"));
    walk.signs(1);
}

/// A second `start` by mistake names the process that signs, as all commands do.
#[test]
fn a_second_start_names_the_first() {
    let walk = Walk::of("a_second_start_names_the_first");
    walk.home.init();
    let service = walk.home.start();
    let mut node = walk.node.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &walk.home.key, 1, 1));
    let pid = format!("process {} (tmkms", service.child.id());
    fs::write(
        walk.elsewhere("old.json"),
        "{\"height\":\"41\",\"round\":0,\"step\":3}",
    )
    .unwrap();
    let file = walk.elsewhere("old.json");
    let file = file.to_str().unwrap();
    for command in [
        &["start"][..],
        &["state", "import", "test-1", file, "--yes"],
        &["state", "raise", "test-1", "--height", "9"],
    ] {
        let said = walk.tmkms(command);
        assert_eq!(said.code, 1, "{}", said.text);
        assert!(
            said.text.contains(&pid),
            "no {pid:?} in {command:?}: {}",
            said.text
        );
    }
    assert!(
        sign(&mut node, &walk.home.key, 2, 1),
        "nobody was disturbed"
    );
}
