//! Reloads in circumstances that nobody hopes for: what was changed stands in the way of itself, or the file is no file.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tmkms::backends::softsign::key::SoftKey;
use tmkms::harness::Listener;

use crate::support::home::{Home, PATIENCE, Running, sign};
use crate::support::http;
use crate::support::world::World;
#[cfg(feature = "yubihsm")]
use crate::yubihsm_program;

/// The last line of the log with this word, once there are so many of them.
fn wait_for_line(service: &Running, word: &str, count: usize) -> String {
    let began = Instant::now();
    loop {
        let log = service.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(word)).collect();
        if lines.len() >= count {
            return lines.last().unwrap().to_string();
        }
        assert!(began.elapsed() < PATIENCE, "no {word:?} in:\n{log}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_port_that_tmkms_itself_has_is_no_obstacle_to_another_address_with_it() {
    let mut world = World::signing();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let before = world.home.config();
    let listen = |address: &str| {
        let text = format!("{before}[metrics]\nlisten = \"{address}:{port}\"\n");
        world.home.configure(&text);
        world.reload()
    };
    let at = format!("127.0.0.1:{port}");
    for address in ["127.0.0.1", "0.0.0.0", "127.0.0.1", "[::]"] {
        let told = format!("metrics and the status page are at http://{address}:{port}/\n");
        let (code, text) = listen(address);
        assert!(code == 0 && text.ends_with(&told), "{code} {text}");
        assert!(http::get(&at, "/metrics").1.contains("tmkms_"), "{address}");
    }
    assert_eq!(listen("127.0.0.1").0, 0);
    // What is in the way here is not ours.
    let other = TcpListener::bind(("127.0.0.2", port)).unwrap();
    let (code, text) = listen("0.0.0.0");
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("cannot be listened on"), "{text}");
    let began = Instant::now();
    while std::net::TcpStream::connect(&at).is_err() {
        assert!(began.elapsed() < PATIENCE, "the address of before is back");
        thread::sleep(Duration::from_millis(5));
    }
    drop(other);
    assert!(world.signs(2, 1));
}

#[test]
fn a_configuration_that_is_gone_or_no_file_is_told_as_that() {
    let mut world = World::signing();
    let file = world.home.path().join("tmkms.toml");
    let away = world.home.path().join("away");
    fs::rename(&file, &away).unwrap();
    let refused = |count| {
        world.service.signal(Signal::HUP);
        wait_for_line(&world.service, "was not followed", count)
    };
    let line = refused(1);
    let told = format!(
        "the configuration {} cannot be read: No such",
        file.display()
    );
    assert!(line.contains(&told), "{line}");
    fs::create_dir(&file).unwrap();
    let line = refused(2);
    let told = format!("{} is no file any more", file.display());
    assert!(line.contains(&told), "{line}");
    fs::remove_dir(&file).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &file,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let line = refused(3);
    assert!(line.contains(&told), "{line}");
    assert!(!world.service.log().contains("came through a pipe"));
    fs::remove_file(&file).unwrap();
    fs::rename(&away, &file).unwrap();
    assert_eq!(world.reload(), (0, "nothing is different\n".to_owned()));
    assert!(world.signs(2, 1));
}

#[cfg(feature = "yubihsm")]
#[test]
fn another_key_of_a_device_that_is_in_use_changes_nothing() {
    let simulator = yubihsm_program::simulator(8, 172);
    let (home, listener) = yubihsm_program::home(&[&simulator], 172);
    home.init();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let text = home.config();
    assert!(text.contains("key = 1"), "{text}");
    for (other, why) in [
        ("key = 3", "holds another key now"),
        ("key = 6", "0x0006"),
        ("key = 2, type = \"account\"", "holds another key now"),
    ] {
        home.configure(&text.replace("key = 1", other));
        let (code, said) = home.run(&["reload"]);
        assert_eq!(code, 2, "{other}: {said}");
        assert!(said.contains(why), "{other}: {said}");
    }
    home.configure(&text);
    assert_eq!(
        home.run(&["reload"]),
        (0, "nothing is different\n".to_owned())
    );
    assert!(sign(&mut node, &home.key, 2, 1), "{}", service.log());
}

#[test]
fn an_identity_that_was_exchanged_is_followed_and_one_that_is_missing_changes_nothing() {
    let mut world = World::signing();
    let one = world.home.config();
    let identity = |name: &str| {
        let (_, text) = SoftKey::generate(Default::default()).unwrap();
        let path = world.home.path().join(name);
        let _ = fs::remove_file(&path);
        tmkms::secret_file::create(&path, &text).unwrap();
    };
    let known = || {
        let (_, text) = world.home.run(&["status"]);
        text.matches("identity: ").count()
    };
    assert_eq!(known(), 1);
    world
        .home
        .configure(&one.replace("identity.key", "missing.key"));
    let (code, text) = world.reload();
    assert_eq!(code, 2, "{text}");
    assert!(
        text.contains("test-1: ") && text.contains("missing.key"),
        "{text}"
    );
    assert!(sign(&mut world.node, &world.home.key, 2, 1));
    let again = |world: &World| {
        thread::scope(|scope| {
            let reload = scope.spawn(|| world.reload());
            let node = world.listener.accept(PATIENCE).unwrap();
            let (code, text) = reload.join().unwrap();
            assert_eq!(code, 0, "{text}");
            assert!(text.contains("again with its new settings"), "{text}");
            node
        })
    };
    // Another file, and the first one again, with another key in it.
    identity("second.key");
    world
        .home
        .configure(&one.replace("identity.key", "second.key"));
    let mut node = again(&world);
    assert!(sign(&mut node, &world.home.key, 3, 1));
    assert_eq!(known(), 1);
    identity("identity.key");
    world.home.configure(&one);
    let mut node = again(&world);
    assert!(sign(&mut node, &world.home.key, 4, 1));
    // The same file, with another key in it.
    identity("identity.key");
    let mut node = again(&world);
    assert!(sign(&mut node, &world.home.key, 5, 1));
    assert_eq!(known(), 1);
    let words = "this signer is known to its nodes as";
    world.service.has_times(4, words);
    let (_, text) = world.home.run(&["reload"]);
    assert_eq!(text, "nothing is different\n");
}

/// The service of these tests is started with `-v`.
#[test]
fn a_level_that_the_command_line_overrules_is_told_as_that() {
    let world = World::signing();
    let one = world.home.config();
    let follow = |section: &str| {
        world.home.configure(&format!("{one}{section}"));
        world.reload()
    };
    let (code, text) = follow("[log]\nlevel = \"warn\"\n");
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("`level` of [log] is not followed: "),
        "{text}"
    );
    let (code, text) = follow("[log]\nlevel = \"warn\"\nformat = \"json\"\n");
    assert_eq!(code, 0, "{text}");
    assert_eq!(text, "`format` of [log] is json\n");
}

#[test]
fn a_service_that_ends_before_it_answers_is_told_as_that() {
    let home = Home::new(&[Listener::tcp().unwrap().address().unwrap()]);
    home.init();
    home.configure(&format!(
        "control_socket = \"ends.sock\"\n{}",
        home.config()
    ));
    let socket = UnixListener::bind(home.path().join("ends.sock")).unwrap();
    let half: &[u8] = b"{\"";
    let silent = "it ended before it had answered";
    for (words, said) in [
        (
            &["reload"][..],
            "ended before it said what became of the reload",
        ),
        (&["status"], silent),
        (&["acknowledge", "test-1"], silent),
        (&["pause", "test-1"], silent),
        (&["resume", "test-1", "--nobody-else-signs"], silent),
    ] {
        for answer in [b"", half] {
            let (code, text) = thread::scope(|scope| {
                scope.spawn(|| {
                    let (mut stream, _) = socket.accept().unwrap();
                    let _ = BufReader::new(&stream).read_line(&mut String::new());
                    stream.write_all(answer).unwrap();
                });
                home.run(words)
            });
            assert_eq!(code, 1, "{words:?}: {text}");
            assert!(text.contains(said), "{words:?}: {text}");
            assert!(!text.contains("EOF while parsing"), "{words:?}: {text}");
            if words == ["reload"] {
                let next = "the next one follows the file as it is now: `tmkms start -c /";
                assert!(text.contains(next), "{text}");
            }
        }
    }
}

#[test]
fn a_port_that_the_kernel_chooses_is_told_as_the_one_that_it_is() {
    let world = World::signing();
    let before = world.home.config();
    for host in ["127.0.0.1", "[::1]", "0.0.0.0"] {
        let text = format!("{before}[metrics]\nlisten = \"{host}:0\"\n");
        world.home.configure(&text);
        let (code, text) = world.reload();
        assert_eq!(code, 0, "{text}");
        let (_, port) = text.trim_end().rsplit_once(':').unwrap();
        let at = format!(
            "{}:{}",
            host.replace("0.0.0.0", "127.0.0.1"),
            port.trim_end_matches('/')
        );
        assert!(http::get(&at, "/metrics").1.contains("tmkms_"), "{text}");
    }
}
