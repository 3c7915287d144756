//! What an operator asks of a home and of a running service: check, status, who holds what.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use crate::support::home::copy_program;
use crate::support::home::{Home, PATIENCE, sign};
use tmkms::codec::node::Ask;
use tmkms::harness::Listener;
use tmkms::link::Libp2pId;

#[test]
fn check_says_all_that_is_wrong_and_then_that_it_is_ready() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    let key = home.path().join("consensus.key");
    let mode = |mode| fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    fs::rename(
        home.path().join("identity.key"),
        home.path().join("elsewhere"),
    )
    .unwrap();
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("chmod 600") && text.contains("identity.key"),
        "{text}"
    );
    assert!(text.contains("2 problems; 1 of 1 chain"), "{text}");
    mode(0o600);
    fs::rename(
        home.path().join("elsewhere"),
        home.path().join("identity.key"),
    )
    .unwrap();
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("tmkms state init test-1"), "{text}");
    home.init();
    let before = fs::read(home.path().join("state.json")).unwrap();
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Ready 1 of 1 chain"), "{text}");
    assert!(text.contains("nothing signed yet"), "{text}");
    assert_eq!(fs::read(home.path().join("state.json")).unwrap(), before);
    home.configure(&home.config().replace("[[chain]]", "[[chian]]"));
    assert_eq!(home.run(&["check"]).0, 2);
}

#[test]
fn check_connects_for_a_moment_and_signs_nothing() {
    let tcp = Listener::tcp().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let unix = Listener::unix(&folder.path().join("node.sock")).unwrap();
    let home = Home::new(&[tcp.address().unwrap(), unix.address().unwrap()]);
    home.init();
    let checking = {
        let mut command = home.command(&["check", "--connect"]);
        std::thread::spawn(move || command.output().unwrap())
    };
    let mut one = tcp.accept(PATIENCE).unwrap();
    one.send(&Ask::PublicKey("test-1".to_owned())).unwrap();
    let mut two = unix.accept(PATIENCE).unwrap();
    assert!(!sign(&mut two, &home.key, 1, 1), "a check signs nothing");
    let done = checking.join().unwrap();
    let text = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    assert_eq!(done.status.code(), Some(0), "{text}");
    assert!(text.contains("took the public key"), "{text}");
    assert!(text.contains("asks for signatures"), "{text}");
    drop((one, two, unix));
    // A node that is down.
    drop(tcp);
    let (code, text) = home.run(&["check", "--connect"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("NOT REACHED"), "{text}");
}

fn identity_of(home: &Home) -> tmkms::link::IdentityKey {
    let text = fs::read(home.path().join("identity.key")).unwrap();
    tmkms::link::IdentityKey::from_base64(&text).unwrap()
}

#[test]
fn a_running_service_tells_its_status_and_is_not_disturbed_by_checks() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    let (code, text) = home.run(&["status"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("start it with `tmkms start -c "), "{text}");
    home.init();
    let mut service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 5, 1));
    assert!(!sign(&mut node, &home.key, 5, 2), "a conflict");
    let socket = home.path().join("tmkms.sock");
    assert_eq!(
        fs::metadata(&socket).unwrap().permissions().mode() & 0o777,
        0o600
    );
    // The board is written after the reply has left.
    let began = Instant::now();
    let status = loop {
        let (_, text) = home.run(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&text).unwrap();
        if status["chains"][0]["links"][0]["refused"] == 1 {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "{text}");
    };
    let chain = &status["chains"][0];
    assert_eq!(status["pid"], service.child.id());
    assert_eq!((chain["armed"] == true, chain["height"] == 5), (true, true));
    assert_eq!(chain["watermark"], "5/0/prevote");
    let link = &chain["links"][0];
    assert_eq!(link["state"], "up");
    assert_eq!((link["signed"] == 1, link["connects"] == 1), (true, true));
    assert_eq!(link["last_refusal"]["code"], "conflict");
    let host = rustix::system::uname()
        .nodename()
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(status["host"], host);
    assert!(status["time"].as_str().unwrap().ends_with('Z'), "{status}");
    // Who we are to the nodes, as the node itself has seen it.
    let identity = &status["identities"][0];
    let id = identity["peer_id"].as_str().unwrap();
    let key = identity["public_key"].as_str().unwrap();
    assert_eq!(id, identity_of(&home).peer_id().to_string());
    service.wait_for_log("connected");
    let log = service.log();
    let told = log
        .lines()
        .position(|line| line.contains(id) && line.contains(key));
    let armed = log.lines().position(|line| line.contains("connected"));
    assert!(told.unwrap() < armed.unwrap(), "{log}");
    let (code, text) = home.run(&["status"]);
    assert_eq!(code, 0, "{text}");
    let libp2p = Libp2pId::of(&identity_of(&home)).to_string();
    assert_eq!(identity["libp2p_peer_id"].as_str(), Some(&*libp2p));
    assert!(log.contains(&libp2p), "{log}");
    let told = format!("identity: peer id {id}, public key {key}, libp2p peer id {libp2p} (");
    let on = format!("on {host}, whose clock shows 20");
    for words in [
        "test-1: armed",
        "5/0/prevote",
        "1 signed",
        "(conflict)",
        &told,
        &on,
    ] {
        assert!(text.contains(words), "no {words} in {text}");
    }
    for arguments in [&["check"][..], &["check", "--connect"]] {
        let (code, text) = home.run(arguments);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("in service"), "{text}");
        assert!(
            text.contains(&format!("process {}", service.child.id())),
            "{text}"
        );
    }
    let (code, text) = home.run(&["state", "raise", "test-1", "--height", "9"]);
    assert_eq!(code, 1);
    assert!(
        text.contains(&format!("process {}", service.child.id())),
        "{text}"
    );
    // Garbage and silence on the socket cost nobody anything.
    use std::io::{Read, Write};
    let mut garbage = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    garbage.write_all(&[b'x'; 4096]).unwrap();
    let _ = garbage.read(&mut [0; 64]);
    assert!(sign(&mut node, &home.key, 6, 1));
    service.signal(rustix::process::Signal::TERM);
    assert_eq!(service.wait().code(), Some(0));
    assert!(!socket.exists(), "the socket goes with the service");
}

#[test]
fn a_chain_in_trouble_makes_status_fail() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    let _service = home.start();
    let _node = listener.accept(PATIENCE).unwrap();
    let began = Instant::now();
    let text = loop {
        let (code, text) = home.run(&["status"]);
        if text.contains("NOT ARMED") {
            assert_eq!(code, 1);
            break text;
        }
        assert!(began.elapsed() < PATIENCE, "{text}");
    };
    assert!(text.contains("tmkms state init test-1"), "{text}");
}

#[test]
fn a_key_that_another_process_uses_is_a_problem() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let _service = home.start();
    let _node = listener.accept(PATIENCE).unwrap();
    fs::rename(
        home.path().join("tmkms.toml"),
        home.path().join("other.toml"),
    )
    .unwrap();
    let (code, text) = home.run(&["check", "-c", "other.toml"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("another process on this host already signs for chain test-1"),
        "{text}"
    );
}

/// Giving files away and running as somebody else needs root; elsewhere `gate::store::file::open` has the rule alone.
#[test]
fn a_state_file_of_another_user_is_not_believed() {
    use std::os::unix::fs::chown;
    use std::os::unix::process::CommandExt;
    const ME: u32 = 64_100;
    const OTHER: u32 = 64_101;
    let home = Home::new(&["tcp://127.0.0.1:1".parse().unwrap()]);
    home.init();
    let state = home.path().join("state.json");
    if chown(&state, Some(OTHER), None).is_err() {
        eprintln!("skipped: this test needs root");
        return;
    }
    // The user may not be able to reach the program where it was built.
    let program = home.path().join("tmkms");
    copy_program(&program);
    for name in ["", "tmkms.toml", "identity.key", "consensus.key"] {
        chown(home.path().join(name), Some(ME), None).unwrap();
    }
    let check = || {
        let mut command = std::process::Command::new(&program);
        command
            .current_dir(home.path())
            .arg("check")
            .uid(ME)
            .gid(ME);
        let output = command.output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let text = check();
    assert!(
        text.contains(&format!("belongs to user {OTHER}"))
            && text.contains("`chown ")
            && text.contains("as root"),
        "{text}"
    );
    chown(&state, Some(ME), None).unwrap();
    let text = check();
    assert!(text.contains("Ready 1 of 1 chain"), "{text}");
}

#[test]
fn an_identity_at_a_unix_socket_is_neither_needed_nor_told() {
    let folder = tempfile::tempdir().unwrap();
    let listener = Listener::unix(&folder.path().join("node.sock")).unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    assert!(home.config().contains("secret_key"), "{}", home.config());
    // One that can be read is still not who we are to a node that never asks.
    home.init();
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("Identity"), "{text}");
    fs::remove_file(home.path().join("identity.key")).unwrap();
    for command in ["check", "keys show"] {
        let words: Vec<_> = command.split(' ').collect();
        let (code, text) = home.run(&words);
        assert_eq!(code, 0, "{command}: {text}");
        assert!(!text.contains("identity"), "{command}: {text}");
    }
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 5, 1));
    let (code, text) = home.run(&["status"]);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("identity"), "{text}");
    assert!(!service.log().contains("identity"), "{}", service.log());
    // Where something else is wrong, the file is not asked for either; a tcp:// link needs it.
    home.configure(&format!("{}\nwrong = 1\n", home.config()));
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 2, "{text}");
    assert!(!text.contains("identity.key"), "{text}");
    let config = home.config();
    let (_, addr) = config.split_once("unix://").unwrap();
    let (path, _) = addr.split_once('"').unwrap();
    home.configure(&config.replace(&format!("unix://{path}"), "tcp://127.0.0.1:26659"));
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("identity.key"), "{text}");
}
