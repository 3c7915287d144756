//! The configuration is read again while the program runs: what changed is followed, and nothing else is touched.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tmkms::backends::softsign::key::SoftKey;
use tmkms::codec::node::Ask;
use tmkms::harness::{Listener, Node};

#[cfg(feature = "yubihsm")]
use crate::support::chain::Chain;
use crate::support::home::{PATIENCE, sign};
use crate::support::http;
use crate::support::world::{World, next_link};
#[cfg(feature = "yubihsm")]
use crate::yubihsm_program;

/// What is given back is noticed at once: a reload waits 3 s for it, and the chain does not sign meanwhile.
fn promptly<T>(reload: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let answer = reload();
    let took = began.elapsed();
    assert!(took < Duration::from_millis(2_500), "{took:?}");
    answer
}

/// A chain `test-2` is in the home, and its node.
fn with_a_second(world: &World) -> Listener {
    let listener = Listener::tcp().unwrap();
    world.home.add_a_chain(&listener.address().unwrap());
    listener
}

#[test]
fn nothing_is_different() {
    let mut world = World::signing();
    world.reloads("nothing is different\n");
    assert!(world.signs(2, 1));
    world.service.has_times(1, "connected");
}

#[test]
fn a_chain_comes_and_goes_and_comes_again_beside_one_that_goes_on() {
    let mut world = World::signing();
    let one = world.home.config();
    let listener = with_a_second(&world);
    let two = world.home.config();
    world.reloads("test-2: added\n");
    let mut node = listener.accept(PATIENCE).unwrap();
    let maker = tmkms::harness::messages::Maker::new("test-2".parse().unwrap());
    let ask = |node: &mut Node, height, tag| {
        let request = maker.prevote(height, 0, Some(tag), height);
        node.ask(&Ask::Sign(request))
    };
    let signed = |answer| matches!(answer, Ok(tmkms::codec::node::Answer::Signed { .. }));
    assert!(signed(ask(&mut node, 5, 1)));
    assert!(world.signs(2, 1));
    world.home.configure(&one);
    promptly(|| world.reloads("test-2: removed\n"));
    assert!(ask(&mut node, 6, 1).is_err(), "hung up on");
    assert!(world.signs(3, 1));
    let (_, text) = world.home.run(&["status"]);
    assert!(!text.contains("test-2"), "{text}");
    // Its lock is free, and it stopped cleanly: it comes again with what it knew.
    world.home.configure(&two);
    world.reloads("test-2: added\n");
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(
        !signed(ask(&mut node, 5, 2)),
        "the watermark is where it was"
    );
    assert!(signed(ask(&mut node, 6, 1)));
    assert!(world.signs(4, 1));
    world.service.has_times(1, "[test-1] armed");
}

#[test]
fn a_chain_that_cannot_be_armed_yet_is_told_and_comes_by_itself() {
    let mut world = World::signing();
    let listener = with_a_second(&world);
    let state = world.home.path().join("two.json");
    fs::rename(&state, world.home.path().join("away")).unwrap();
    let (code, text) = world.reload();
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("test-2: added\n"), "{text}");
    assert!(text.contains("test-2: not armed: "), "{text}");
    assert!(world.signs(2, 1));
    let (code, text) = world
        .home
        .run(&["state", "init", "test-2", "--never-signed"]);
    assert_eq!(code, 0, "{text}");
    world.service.wait_for_log("[test-2] armed");
    drop(next_link(&listener));
}

#[test]
fn a_file_with_an_error_changes_nothing() {
    let mut world = World::signing();
    let good = world.home.config();
    let half = &good[..good.len() / 2];
    let words = "the configuration was not followed, and nothing was changed";
    for (number, bad) in (1..).zip(["", "[[chain]\n", half, "max_gap = 7\n"]) {
        world.home.configure(bad);
        let (code, text) = world.reload();
        assert_eq!(code, 2, "{text}");
        world.service.signal(Signal::HUP);
        let began = Instant::now();
        while world.service.log().matches(words).count() < number {
            assert!(began.elapsed() < PATIENCE, "{}", world.service.log());
            thread::sleep(Duration::from_millis(10));
        }
    }
    // The log has each problem in one line, with its place.
    let log = world.service.log();
    let line = log.lines().rfind(|line| line.contains(words)).unwrap();
    assert!(line.contains("tmkms.toml, line 1: "), "{line}");
    assert!(!line.contains("\\n"), "{line}");
    let trouble =
        |text: &str| text.contains("the configuration was read again and is not followed: ");
    world.home.configure(&good);
    assert!(
        trouble(&world.home.run(&["status"]).1),
        "until one is followed"
    );
    world.reloads("nothing is different\n");
    assert!(!trouble(&world.home.run(&["status"]).1));
    fs::remove_file(world.home.path().join("tmkms.toml")).unwrap();
    assert_eq!(world.reload().0, 2);
    assert!(world.signs(2, 1));
    world.home.configure(&good);
    world.reloads("nothing is different\n");
}

#[test]
fn a_node_moves() {
    let mut world = World::signing();
    let new = Listener::tcp().unwrap();
    let (old, at) = (world.listener.address().unwrap(), new.address().unwrap());
    world.edit(&old.to_string(), &at.to_string());
    let before = world.service.threads();
    let reload = world.reload_with(&new);
    let expected = format!("test-1: dials {at}\ntest-1: leaves {old}\n");
    assert_eq!(reload, (0, expected));
    assert!(world.signs(2, 1));
    assert!(!world.signs(2, 2), "the gate is the same");
    let began = Instant::now();
    while world.service.threads() > before && began.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(
        world.service.threads() <= before,
        "the old link's thread is gone"
    );
}

#[test]
fn a_node_that_is_pinned_now_is_dialled_again() {
    let mut world = World::signing();
    let address = world.listener.address().unwrap().to_string();
    let pinned = address.replace("tcp://", &format!("tcp://{}@", world.listener.peer_id()));
    world.edit(&address, &pinned);
    let (code, text) = world.reload_with_its_node();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("again with its new settings"), "{text}");
    assert!(world.signs(2, 1));
}

#[test]
fn settings_of_a_chain_are_followed_on_the_same_link() {
    let mut world = World::signing();
    world.edit("[[validator]]\n", "[[validator]]\nmax_height = 10\n");
    let (code, text) = world.reload();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("is 10\n"), "{text}");
    assert!(!world.signs(11, 1));
    assert!(world.signs(10, 1));
    world.edit("max_height = 10\n", "");
    assert_eq!(world.reload().0, 0);
    assert!(world.signs(11, 1));
    world.edit(
        "[[chain]]\n",
        "[[chain]]\nmax_gap = 3\nmax_blocks_per_second = 1\n",
    );
    world.reloads("test-1: `max_gap` is 3\ntest-1: `max_blocks_per_second` is 1\n");
    assert!(
        !world.signs(100, 1),
        "a lower ceiling clips the tokens at once"
    );
    assert!(world.signs(12, 1));
    world.edit(
        "[[chain]]\n",
        "[[chain]]\nsign_extensions = false\nraw_bytes = { dialect = \"cometbft-v1\" }\n",
    );
    let (code, text) = world.reload();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("`sign_extensions` changed"), "{text}");
    assert!(text.contains("`raw_bytes` changed"), "{text}");
    assert!(world.signs(13, 1));
    world.service.has_times(1, "connected");
}

#[test]
fn what_is_read_at_the_start_only_is_named_and_nothing_else_is_followed_either() {
    let mut world = World::signing();
    let good = world.home.config();
    for (from, to, name) in [
        (
            "state_file = \"state.json\"",
            "state_file = \"other.json\"",
            "`state_file` of test-1",
        ),
        (
            "allow_ephemeral_state = true",
            "allow_ephemeral_state = false",
            "`allow_ephemeral_state` of test-1",
        ),
        (
            "[[chain]]\n",
            "lock_dir = \"locks\"\n[[chain]]\n",
            "`lock_dir`",
        ),
    ] {
        world.home.configure(&good);
        world.edit(from, to);
        world.edit("[[validator]]\n", "[[validator]]\nmax_height = 1\n");
        world.refuses(name);
    }
    world.home.configure(&good);
    world.edit(
        "[[chain]]\n",
        "control_socket = \"other.sock\"\n[[chain]]\n",
    );
    world.service.signal(Signal::HUP);
    world
        .service
        .wait_for_log("`control_socket` cannot change while tmkms runs");
    world.home.configure(&good);
    world.reloads("nothing is different\n");
    assert!(world.signs(2, 1));
}

#[test]
fn another_key_is_refused_and_the_same_one_elsewhere_is_not() {
    let mut world = World::signing();
    let good = world.home.config();
    let key = world.home.path().join("consensus.key");
    let (_, text) = SoftKey::generate(Default::default()).unwrap();
    let other = world.home.path().join("another.key");
    tmkms::secret_file::create(&other, &text).unwrap();
    world.edit("consensus.key", "another.key");
    world.refuses("the state of a chain belongs to its key");
    world.edit("another.key", "missing.key");
    world.refuses("missing.key");
    // The words are the same, and the file is another.
    world.home.configure(&good);
    let moved = world.home.path().join("moved.key");
    fs::rename(&key, &moved).unwrap();
    fs::copy(&other, &key).unwrap();
    world.refuses("the state of a chain belongs to its key");
    fs::remove_file(&key).unwrap();
    assert!(world.signs(2, 1));
    world.edit("consensus.key", "moved.key");
    let (code, text) = promptly(|| world.reload_with_its_node());
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("the key is opened anew"), "{text}");
    assert!(!world.signs(2, 2), "with its state");
    assert!(world.signs(3, 1));
}

#[test]
fn a_renamed_chain_is_refused() {
    let mut world = World::signing();
    world.edit("test-1", "test-9");
    world.refuses("test-1 is gone and its key signs for test-9 now");
    // With its key moved, too.
    let key = |name: &str| world.home.path().join(name);
    fs::copy(key("consensus.key"), key("moved.key")).unwrap();
    world.edit("consensus.key", "moved.key");
    world.refuses("test-1 is gone and its key signs for test-9 now");
    world.edit("moved.key", "consensus.key");
    world.edit("test-9", "test-1");
    world.reloads("nothing is different\n");
    assert!(world.signs(2, 1));
}

#[test]
fn a_storm_of_signals_leaves_nothing_behind() {
    let mut world = World::signing();
    world.reloads("nothing is different\n");
    thread::sleep(Duration::from_millis(300));
    let (threads, descriptors) = (world.service.threads(), world.service.descriptors());
    let other = with_a_second(&world);
    thread::scope(|scope| {
        let linked = scope.spawn(|| other.accept(PATIENCE));
        for round in 0..1_000_i64 {
            world.service.signal(Signal::HUP);
            if round % 20 == 0 {
                assert!(world.signs(2 + round / 20, 1));
            }
        }
        drop(linked.join().unwrap().unwrap());
    });
    world.service.wait_for_log("[test-2] armed");
    world.service.has_times(1, "[test-2] armed");
    let one = world.home.config();
    world
        .home
        .configure(one.split_once("[[chain]]\nid = \"test-2\"").unwrap().0);
    // The last signal may be followed only now.
    let told = world.reload();
    assert_eq!(told.0, 0, "{} {}", told.1, world.service.log());
    world.service.wait_for_log("test-2: removed");
    let began = Instant::now();
    let now = || (world.service.threads(), world.service.descriptors());
    while now() != (threads, descriptors) && began.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(now(), (threads, descriptors));
    world.service.has_times(2, "connected");
}

#[test]
fn several_who_ask_at_once_all_hear_of_it() {
    let mut world = World::signing();
    let listener = with_a_second(&world);
    let answers: Vec<_> = thread::scope(|scope| {
        let asking: Vec<_> = (0..6).map(|_| scope.spawn(|| world.reload())).collect();
        asking
            .into_iter()
            .map(|asks| asks.join().unwrap())
            .collect()
    });
    assert!(answers.iter().all(|(code, _)| *code == 0), "{answers:?}");
    assert!(
        answers.iter().any(|(_, text)| text == "test-2: added\n"),
        "{answers:?}"
    );
    drop(listener.accept(PATIENCE).unwrap());
    world.service.has_times(1, "[test-2] armed");
    assert!(world.signs(2, 1));
}

#[test]
fn metrics_and_log_are_followed() {
    let mut world = World::signing();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let (busy, at) = (taken.local_addr().unwrap(), free.local_addr().unwrap());
    drop(free);
    let before = world.home.config();
    world
        .home
        .configure(&format!("{before}[metrics]\nlisten = \"{busy}\"\n"));
    world.refuses("cannot be listened on");
    let file = world.home.path().join("tmkms.prom");
    let text = format!(
        "{before}[metrics]\nlisten = \"{at}\"\ntextfile = \"tmkms.prom\"\n[log]\nformat = \"json\"\n"
    );
    world.home.configure(&text);
    let (code, told) = world.reload();
    assert_eq!(code, 0, "{told}");
    assert!(told.contains(&format!("http://{at}/")), "{told}");
    assert!(http::get(&at.to_string(), "/metrics").1.contains("tmkms_"));
    let began = Instant::now();
    while !file.exists() && began.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(10));
    }
    world.service.wait_for_log("\"event\":\"reloaded\"");
    world.home.configure(&before);
    assert_eq!(world.reload().0, 0);
    assert!(std::net::TcpStream::connect(at).is_err(), "nobody listens");
    assert!(!file.exists());
    assert!(world.signs(2, 1));
    let log = world.service.wait_for_times(1, " at 2/0");
    assert!(
        log.lines()
            .last()
            .is_some_and(|line| !line.starts_with('{')),
        "{log}"
    );
}

/// A chain of 20 votes a second while others come and go: each is answered.
#[test]
fn votes_go_on_while_others_come_and_go() {
    let mut world = World::signing();
    let one = world.home.config();
    let listener = with_a_second(&world);
    let two = world.home.config();
    let signed = thread::scope(|scope| {
        let (home, key) = (&world.home, world.home.key.clone());
        let node = &mut world.node;
        let voter = scope.spawn(move || {
            (2..82)
                .filter(|height| {
                    thread::sleep(Duration::from_millis(10));
                    sign(node, &key, *height, 1)
                })
                .count()
        });
        let nodes = scope.spawn(|| while listener.accept(Duration::from_secs(2)).is_ok() {});
        for text in [&two, &one, &two, &one, &two, &one] {
            home.configure(text);
            let (code, said) = home.run(&["reload"]);
            assert_eq!(code, 0, "{said}");
        }
        nodes.join().unwrap();
        voter.join().unwrap()
    });
    assert_eq!(signed, 80);
}

#[cfg(feature = "yubihsm")]
#[test]
fn a_second_key_of_a_device_goes_over_the_session_that_there_is_and_another_password_opens_it_anew()
{
    let simulator = yubihsm_program::simulator(8, 171);
    let (home, listener) = yubihsm_program::home(&[&simulator], 171);
    home.init();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let sessions = simulator.device().open_sessions();
    let text = home.config();
    let second = Listener::tcp().unwrap();
    let section =
        Chain::with_state("test-2", "two.json").node_with_identity(second.address().unwrap());
    let ids = "[\"test-1\"]";
    assert!(text.contains(ids), "{text}");
    let both = text.replace(ids, "[\"test-1\", \"test-2\"]");
    home.configure(&format!("{section}{both}"));
    let (code, said) = home.run(&["state", "init", "test-2", "--never-signed"]);
    assert_eq!(code, 0, "{said}");
    let before = service.wait_for_times(1, "connected");
    let before = before.matches("connected").count();
    let (code, said) = home.run(&["reload"]);
    assert_eq!((code, &*said), (0, "test-2: added\n"));
    drop(second.accept(PATIENCE).unwrap());
    assert_eq!(
        simulator.device().open_sessions(),
        sessions,
        "no second login"
    );
    assert!(sign(&mut node, &home.key, 2, 1));
    service.has_times(before + 1, "connected");
    // The same password elsewhere: the session ends, and another one begins.
    home.configure(&text.replace("\"password\"", "\"elsewhere\""));
    let (code, said) = home.run(&["reload"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("elsewhere"), "{said}");
    fs::copy(home.path().join("password"), home.path().join("elsewhere")).unwrap();
    let mut node = listener.accept(PATIENCE).unwrap();
    let began = Instant::now();
    while service.log().matches("[test-1] armed").count() < 2 {
        assert!(began.elapsed() < PATIENCE, "{}", service.log());
        thread::sleep(Duration::from_millis(50));
    }
    assert!(sign(&mut node, &home.key, 3, 1));
    assert!(!sign(&mut node, &home.key, 2, 2), "with its state");
    assert_eq!(simulator.device().open_sessions(), sessions, "one session");
    // Its last chain goes, and somebody else may have the device.
    let key = home.path().join("soft.key");
    let (_, secret) = SoftKey::generate(Default::default()).unwrap();
    tmkms::secret_file::create(&key, &secret).unwrap();
    let third = Chain::with_state("test-3", "three.json").key("soft.key");
    home.configure(
        &third
            .node_with_identity(second.address().unwrap())
            .to_string(),
    );
    let (_, said) = home.run(&["reload"]);
    assert!(said.contains("test-1: removed\n"), "{said}");
    assert_eq!(simulator.device().open_sessions(), 0);
}

#[test]
fn another_file_is_not_what_the_service_follows() {
    let mut world = World::signing();
    let socket = world.home.path().join("tmkms.sock");
    let other = format!(
        "control_socket = \"{}\"\n{}",
        socket.display(),
        world.home.config()
    );
    fs::write(world.home.path().join("other.toml"), other).unwrap();
    let (code, text) = world.home.run(&["reload", "-c", "other.toml"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("and not "), "{text}");
    assert!(text.contains("other.toml"), "{text}");
    // By another way it is the same one.
    std::os::unix::fs::symlink("tmkms.toml", world.home.path().join("linked.toml")).unwrap();
    let text = world.home.config();
    world
        .home
        .configure(&format!("control_socket = \"tmkms.sock\"\n{text}"));
    let (code, text) = world.home.run(&["reload", "-c", "linked.toml"]);
    assert_eq!((code, &*text), (0, "nothing is different\n"));
    assert!(world.signs(2, 1));
}
