//! `tmkms pause` and `tmkms resume`: once a pause is confirmed, nothing that it forbids is signed, on any link, over
//! restarts, until it is ended (W22).

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::{Listener, Node};

use crate::support::chain::Chain;
use crate::support::home::{Home, PATIENCE, Running, sign};
use crate::support::http::{address, get, scrape, wait_for, with_metrics};
use crate::support::maker;

/// One chain with as many nodes.
pub struct Scene {
    pub home: Home,
    pub listeners: Vec<Listener>,
}

impl Scene {
    pub fn with_nodes(count: usize) -> Self {
        let listeners: Vec<Listener> = (0..count).map(|_| Listener::tcp().unwrap()).collect();
        let addresses: Vec<_> = listeners.iter().map(|one| one.address().unwrap()).collect();
        let home = Home::new(&addresses);
        home.init();
        Self { home, listeners }
    }

    pub fn start(&self) -> (Running, Vec<Node>) {
        let service = self.home.start();
        let nodes = self.listeners.iter();
        let nodes = nodes.map(|listener| listener.accept(PATIENCE).unwrap());
        let nodes = nodes.collect();
        (service, nodes)
    }

    pub fn run(&self, words: &[&str], code: i32) -> String {
        let (ended, text) = self.home.run(words);
        assert_eq!(ended, code, "{words:?}: {text}");
        text
    }

    pub fn pause_file(&self) -> PathBuf {
        self.home.path().join("state.json.paused")
    }

    pub fn chain(&self) -> Value {
        let (_, text) = self.home.run(&["status", "--json"]);
        let status: Value = serde_json::from_str(&text).unwrap();
        status["chains"][0].clone()
    }
}

/// The error that a refused vote of this height is answered with.
pub fn refusal(node: &mut Node, height: i64, tag: u8) -> String {
    match node.ask(&Ask::Sign(maker().prevote(height, 0, Some(tag), height))) {
        Ok(Answer::Error(error)) => error.description,
        other => panic!("{other:?}"),
    }
}

#[test]
fn from_its_height_on_no_link_gets_a_signature_before_or_after_a_kill() {
    let scene = Scene::with_nodes(2);
    let key = scene.home.key.clone();
    let (mut service, mut nodes) = scene.start();
    assert!(sign(&mut nodes[0], &key, 5, 1));
    let text = scene.run(
        &["pause", "test-1", "--at", "7", "--why", "moving\nhouse"],
        0,
    );
    assert!(
        text.contains("6 is the last height that is signed; the watermark is at 5/0/prevote"),
        "{text}"
    );
    assert_eq!(scene.chain()["paused"]["in_effect"], false);
    assert_eq!(scene.chain()["condition"], "ready");
    assert!(sign(&mut nodes[1], &key, 6, 1), "the last height");
    for restarted in [false, true] {
        if restarted {
            // A kill takes the lines that wait to be written with it.
            service.wait_for_times(2, "refused (paused)");
            service.child.kill().unwrap();
            service.child.wait().unwrap();
            (service, nodes) = scene.start();
            service.wait_for_log(
                "[test-1] paused from height 7 on (moving\\nhouse), as asked for at 20",
            );
        }
        for node in &mut nodes {
            let why = refusal(node, 7, 1);
            assert!(
                why.contains("the chain is paused from height 7 on (moving\\nhouse)"),
                "{why}"
            );
            assert!(refusal(node, 8, 1).contains("paused"));
            assert!(sign(node, &key, 6, 1), "a replay of what is below");
            assert!(
                refusal(node, 6, 2).contains("conflict"),
                "a double sign is called one"
            );
            assert_eq!(node.ask(&Ask::Ping).unwrap(), Answer::Pong);
            let asked = Ask::PublicKey("test-1".to_owned());
            assert_eq!(node.ask(&asked).unwrap(), Answer::PublicKey(key.clone()));
        }
        assert_eq!(scene.chain()["paused"]["in_effect"], true);
    }
    // Another host may be at these heights by now.
    let text = scene.run(&["resume", "test-1"], 1);
    assert!(text.contains("--nobody-else-signs"), "{text}");
    assert!(refusal(&mut nodes[0], 7, 1).contains("paused"));
    let text = scene.run(&["resume", "test-1", "--nobody-else-signs"], 0);
    assert!(
        text.contains("it was paused from height 7 on (moving\\nhouse)"),
        "{text}"
    );
    service.wait_for_log("[test-1] resumed; it was paused from height 7 on");
    assert!(!scene.pause_file().exists());
    assert!(sign(&mut nodes[0], &key, 7, 1));
    assert!(
        scene
            .run(&["resume", "test-1"], 0)
            .contains("is not paused")
    );
    // Each is told once; refusals are counted, and not told again and again.
    let log = service.wait_for_times(4, "refused (paused)");
    assert_eq!(
        log.matches("refused (paused)").count(),
        4,
        "one a link and start:\n{log}"
    );
}

#[test]
fn altogether_means_the_last_vote_as_well() {
    let scene = Scene::with_nodes(1);
    let key = scene.home.key.clone();
    with_metrics(&scene.home, "listen = \"127.0.0.1:0\"");
    let (service, mut nodes) = scene.start();
    let (at, node) = (address(&service), &mut nodes[0]);
    assert!(sign(node, &key, 5, 1));
    let series = "tmkms_chain_paused{chain_id=\"test-1\"}";
    assert_eq!(scrape(&at)[series], 0.0);
    let text = scene.run(&["pause", "test-1"], 0);
    assert!(
        text.contains("nothing is signed from now on; the watermark is at 5/0/prevote"),
        "{text}"
    );
    for height in [5, 6, 70_000_000] {
        assert!(refusal(node, height, 1).contains("the chain is paused altogether"));
    }
    // Asked for, so nothing is wrong, unless somebody asks for this very chain.
    for (path, code) in [
        ("/ready", 200),
        ("/armed", 200),
        ("/ready?expect=test-1", 503),
        ("/armed?expect=test-1", 200),
    ] {
        assert_eq!(get(&at, path).0, code, "{path}");
    }
    assert!(
        get(&at, "/ready?expect=test-1")
            .1
            .contains("test-1: paused altogether")
    );
    wait_for("the gauge", || scrape(&at)[series] == 1.0);
    let series = "tmkms_refused_total{chain_id=\"test-1\",type=\"prevote\",reason=\"paused\"}";
    wait_for("three refusals", || scrape(&at)[series] == 3.0);
    let text = scene.run(&["status"], 0);
    assert!(
        text.contains("1 of 1 chain ready, 1 of them paused"),
        "{text}"
    );
    assert!(text.contains("test-1: armed, PAUSED"), "{text}");
    assert!(text.contains("`tmkms resume test-1 -c "), "{text}");
    scene.run(&["status", "--ready"], 0);
    scene.run(&["status", "--ready", "--expect", "test-1"], 1);
    wait_for("the page", || get(&at, "/").1.contains("paused altogether"));
    for words in [["check"].as_slice(), &["state", "show"]] {
        let (_, text) = scene.home.run(words);
        assert!(
            text.contains("paused altogether, as asked for at 20"),
            "{text}"
        );
    }
    // Nobody needs to be linked for what is not signed.
    nodes.clear();
    drop(scene.listeners);
    wait_for("no link", || {
        scene
            .home
            .run(&["status", "--json"])
            .1
            .contains("\"state\": \"down\"")
    });
    assert_eq!(get(&at, "/ready").0, 200);
}

#[test]
fn a_second_pause_takes_the_place_of_the_first_and_says_what_that_was() {
    let scene = Scene::with_nodes(1);
    let key = scene.home.key.clone();
    let (_service, mut nodes) = scene.start();
    assert!(sign(&mut nodes[0], &key, 5, 1));
    scene.run(&["pause", "test-1", "--at", "100", "--why", "later"], 0);
    let text = scene.run(&["pause", "test-1", "--at", "7"], 0);
    assert!(
        text.contains("was to be paused from height 100 on (later)"),
        "{text}"
    );
    let text = scene.run(&["pause", "test-1", "--at", "5"], 0);
    assert!(
        text.contains("height 5 is not above the last one; the watermark is at 5/0/prevote"),
        "{text}"
    );
    assert!(
        refusal(&mut nodes[0], 5, 1).contains("paused"),
        "the replay, too"
    );
    let text = scene.run(&["pause", "test-1", "--at", "70000000"], 0);
    assert!(
        text.contains("height 70000000 is 69999995 heights above the watermark"),
        "{text}"
    );
    assert!(sign(&mut nodes[0], &key, 6, 1));
    // One that only waits for its height is ended without a question.
    scene.run(&["resume", "test-1"], 0);
    for (words, said) in [
        (
            ["--at", "0"],
            "a height is a whole number from 1 to 9223372036854775807",
        ),
        (
            ["--at", "-7"],
            "a height is a whole number from 1 to 9223372036854775807",
        ),
        (
            ["--at", "9223372036854775808"],
            "a height is a whole number from 1 to 9223372036854775807",
        ),
        (
            ["--why", &"x".repeat(10_240)],
            "at most 400 bytes, and this one has 10240",
        ),
        (["--why", "\n"], "a reason has at least one letter"),
    ] {
        let text = scene.run(&["pause", "test-1", words[0], words[1]], 2);
        assert!(text.contains(said), "{text}");
    }
    let text = scene.run(&["pause", "test-2"], 2);
    assert!(text.contains("configured are: test-1"), "{text}");
    assert!(!scene.pause_file().exists(), "nothing of it was done");
}

#[test]
fn without_a_service_the_next_one_obeys() {
    let scene = Scene::with_nodes(1);
    let text = scene.run(&["pause", "test-1", "--why", "not yet"], 0);
    assert!(
        text.contains("no service runs for it; the next one obeys"),
        "{text}"
    );
    let mode = fs::metadata(scene.pause_file())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let (mut service, mut nodes) = scene.start();
    assert!(refusal(&mut nodes[0], 1, 1).contains("the chain is paused altogether (not yet)"));
    service.child.kill().unwrap();
    service.wait();
    let text = scene.run(&["resume", "test-1"], 0);
    assert!(
        text.contains("it was paused altogether (not yet)"),
        "{text}"
    );
    let (_service, mut nodes) = scene.start();
    assert!(sign(&mut nodes[0], &scene.home.key, 1, 1));
    // A process that signs, and that another configuration cannot reach, is not passed over.
    let moved = scene.home.config().replace("[[chain]]", "[[chain]]\n");
    fs::write(
        scene.home.path().join("other.toml"),
        format!("control_socket = \"/nonexistent/socket\"\n{moved}"),
    )
    .unwrap();
    for command in ["pause", "resume"] {
        let text = scene.run(&[command, "test-1", "-c", "other.toml"], 1);
        assert!(
            text.contains("nothing was changed") && text.contains("is in use"),
            "{text}"
        );
    }
    assert!(!scene.pause_file().exists());
    assert!(sign(&mut nodes[0], &scene.home.key, 2, 1));
}

#[test]
fn a_chain_that_is_not_armed_is_paused_before_it_is() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    let service = home.start();
    service.wait_for_log("not armed");
    let mut node = listener.accept(PATIENCE).unwrap();
    let (code, text) = home.run(&["pause", "test-1"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("no watermark is known"), "{text}");
    home.init();
    service.wait_for_log("] armed with");
    assert!(refusal(&mut node, 1, 1).contains("paused"));
}

/// Nobody knows what it said, so it may have been a pause; other chains go on, and the printed remedy needs no restart.
#[test]
fn a_file_that_nobody_understands_keeps_its_chain_from_being_armed() {
    type Spoil = fn(&std::path::Path);
    let spoils: [(&str, Spoil); 5] = [
        ("cannot be understood", |path| {
            let text = fs::read_to_string(path).unwrap();
            fs::write(path, &text[..text.len() / 2]).unwrap();
        }),
        ("is of chain", |path| {
            let text = fs::read_to_string(path).unwrap();
            fs::write(path, text.replace("test-1", "test-9")).unwrap();
        }),
        ("is a link", |path| {
            fs::rename(path, path.with_extension("moved")).unwrap();
            symlink(path.with_extension("moved"), path).unwrap();
        }),
        ("can be written by everybody", |path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        }),
        ("is not a file", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for (at, (said, spoil)) in spoils.into_iter().enumerate() {
        let scene = Scene::with_nodes(1);
        let second = Listener::tcp().unwrap();
        scene.home.add_a_chain(&second.address().unwrap());
        scene.run(&["pause", "test-1", "--at", "7"], 0);
        spoil(&scene.pause_file());
        let text = scene.run(&["check"], 1);
        assert!(text.contains(said), "{text}");
        let (service, mut nodes) = scene.start();
        service.wait_for_log("[test-1] not armed: ");
        service.wait_for_log("[test-2] armed");
        let why = refusal(&mut nodes[0], 1, 1);
        assert!(why.contains("not armed") && why.contains(said), "{why}");
        let asked = Ask::PublicKey("test-1".to_owned());
        assert_eq!(
            nodes[0].ask(&asked).unwrap(),
            Answer::PublicKey(scene.home.key.clone())
        );
        let text = scene.run(&["resume", "test-1"], 1);
        assert!(text.contains("nothing was changed"), "{said}: {text}");
        match at {
            0 => drop(scene.run(&["pause", "test-1", "--at", "7"], 0)),
            3 => {
                fs::set_permissions(scene.pause_file(), fs::Permissions::from_mode(0o600)).unwrap()
            }
            4 => fs::remove_dir(scene.pause_file()).unwrap(),
            _ => drop(scene.run(&["resume", "test-1", "--nobody-else-signs"], 0)),
        }
        service.wait_for_log("[test-1] armed");
        assert!(sign(&mut nodes[0], &scene.home.key, 6, 1), "{said}");
        match at {
            0 | 3 => assert!(refusal(&mut nodes[0], 7, 1).contains("paused")),
            _ => assert!(sign(&mut nodes[0], &scene.home.key, 7, 1)),
        }
    }
}

/// As on a full disk.
#[test]
fn what_cannot_be_written_is_obeyed_until_the_process_ends_and_said() {
    let scene = Scene::with_nodes(1);
    let (service, mut nodes) = scene.start();
    assert!(sign(&mut nodes[0], &scene.home.key, 1, 1));
    fs::create_dir(scene.pause_file()).unwrap();
    let text = scene.run(&["pause", "test-1"], 1);
    assert!(
        text.contains("the pause ends with this process, because it cannot be written"),
        "{text}"
    );
    assert!(refusal(&mut nodes[0], 2, 1).contains("paused"));
    service.wait_for_log("[test-1] the pause is not kept over a restart: ");
    let (_, text) = scene.home.run(&["status"]);
    assert!(text.contains("not kept over a restart"), "{text}");
    let text = scene.run(&["resume", "test-1"], 1);
    assert!(text.contains("so it is paused as before"), "{text}");
    assert!(refusal(&mut nodes[0], 2, 1).contains("paused"));
    fs::remove_dir(scene.pause_file()).unwrap();
    scene.run(&["pause", "test-1"], 0);
    assert_eq!(scene.chain()["paused"]["unsaved"], Value::Null);
    assert!(scene.pause_file().is_file());
}

/// While both nodes ask as fast as they can. What was signed before the answer is told in it; nothing is signed after it.
#[test]
fn once_it_is_confirmed_nothing_is_signed_in_the_middle_of_votes() {
    let scene = Scene::with_nodes(2);
    let (_service, nodes) = scene.start();
    let confirmed = AtomicBool::new(false);
    let late = std::thread::scope(|scope| {
        let asking: Vec<_> = nodes
            .into_iter()
            .map(|mut node| {
                let (confirmed, key) = (&confirmed, &scene.home.key);
                scope.spawn(move || {
                    let (mut highest, mut late, mut refused) = (0, 0, 0);
                    for height in 1.. {
                        let before = confirmed.load(Ordering::SeqCst);
                        match sign(&mut node, key, height, 1) {
                            true if before => late += 1,
                            true => highest = height,
                            false => refused += 1,
                        }
                        if before && refused > 50 {
                            break;
                        }
                    }
                    (highest, late)
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        // Two at once: one comes after the other, whichever it is.
        let both: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| scene.run(&["pause", "test-1"], 0)))
            .collect();
        let told: Vec<String> = both.into_iter().map(|one| one.join().unwrap()).collect();
        confirmed.store(true, Ordering::SeqCst);
        let ends: Vec<(i64, u32)> = asking.into_iter().map(|one| one.join().unwrap()).collect();
        let highest = ends.iter().map(|(highest, _)| *highest).max().unwrap();
        assert!(highest > 1, "it was in the middle of votes");
        let watermark = format!("the watermark is at {highest}/0/prevote");
        assert!(
            told.iter().all(|told| told.contains(&watermark)),
            "{highest}: {told:?}"
        );
        let was = told
            .iter()
            .filter(|told| told.contains("was paused altogether"));
        assert_eq!(was.count(), 1, "{told:?}");
        ends.iter().map(|(_, late)| late).sum::<u32>()
    });
    assert_eq!(late, 0, "signed after the pause was confirmed");
}

#[test]
fn chains_are_paused_one_by_one_whatever_they_are_called() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    let odd = "it's $(one) \u{fc}/..";
    let node = listener.address().unwrap();
    home.configure(
        &Chain::with_state(odd, "state.json")
            .node_with_identity(&node)
            .key("consensus.key")
            .to_string(),
    );
    let (code, text) = home.run(&["state", "init", odd, "--never-signed"]);
    assert_eq!(code, 0, "{text}");
    let second = Listener::tcp().unwrap();
    home.add_a_chain(&second.address().unwrap());
    let _service = home.start();
    let (mut one, mut two) = (
        listener.accept(PATIENCE).unwrap(),
        second.accept(PATIENCE).unwrap(),
    );
    let (code, text) = home.run(&["pause", odd]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains(r"`tmkms resume 'it'\''s $(one) ü/..' -c "),
        "{text}"
    );
    let ask = |chain: &str| {
        let mut request = maker().prevote(1, 0, Some(1), 1);
        request.chain_id = chain.parse().unwrap();
        Ask::Sign(request)
    };
    match one.ask(&ask(odd)).unwrap() {
        Answer::Error(error) => assert!(error.description.contains("paused"), "{error:?}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        two.ask(&ask("test-2")).unwrap(),
        Answer::Signed { .. }
    ));
}
