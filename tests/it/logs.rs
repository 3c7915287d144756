//! The log of the real program: for people, for programs, for journald, and under a flood.

use crate::support;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::home::{Home, PATIENCE, Running, sign};
use crate::support::http::{address, scrape, with_metrics};
use rustix::process::Signal;
use serde_json::Value;
use tmkms::codec::node::Ask;
use tmkms::harness::Listener;

/// A service whose log is as these arguments and this environment say.
fn start(home: &Home, arguments: &[&str], journal: bool) -> Running {
    let log = home.path().join("log");
    let file = File::create(&log).unwrap();
    let meta = file.metadata().unwrap();
    let mut command = home.command(&[&["start"], arguments].concat());
    command.env_remove("JOURNAL_STREAM");
    if journal {
        // systemd names the device and inode of the stream that journald reads.
        command.env("JOURNAL_STREAM", format!("{}:{}", meta.dev(), meta.ino()));
    }
    let child = command.stdout(Stdio::null()).stderr(file).spawn().unwrap();
    Running { child, log }
}

fn end(mut service: Running) -> String {
    service.signal(Signal::TERM);
    assert_eq!(service.wait().code(), Some(0));
    service.log()
}

#[test]
fn programs_read_json_with_stable_names() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let service = start(&home, &["--log-format", "json"], true);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 5, 1));
    assert!(sign(&mut node, &home.key, 5, 1));
    assert!(!sign(&mut node, &home.key, 4, 1));
    assert!(!sign(&mut node, &home.key, 5, 2));
    let log = end(service);
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    let event = |name: &str| {
        let found = lines.iter().find(|line| line["event"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {log}"))
    };
    let node_address = listener.address().unwrap().to_string();
    for line in &lines {
        for name in ["time", "level", "event", "message"] {
            assert!(line[name].is_string(), "{line}");
        }
        assert_ne!(line["event"], "note", "each event has a name: {line}");
    }
    let signed = event("signed");
    assert_eq!(signed["level"], "info");
    assert_eq!(signed["chain"], "test-1");
    assert_eq!(signed["node"], *node_address);
    assert_eq!(signed["type"], "prevote");
    assert_eq!(
        (&signed["height"], &signed["round"]),
        (&5.into(), &0.into())
    );
    assert_eq!(signed["block"], "0101010101");
    assert!(signed["took_ms"].is_f64());
    assert_eq!(event("replayed")["height"], 5);
    let refused = event("refused");
    assert_eq!(
        (&refused["reason"], &refused["level"]),
        (&"regression".into(), &"warn".into())
    );
    assert_eq!(refused["height"], 4);
    let double = event("double_sign_refused");
    assert_eq!(
        (&double["reason"], &double["level"]),
        (&"conflict".into(), &"error".into())
    );
    assert_eq!(event("armed")["chain"], "test-1");
    assert!(event("link_up")["took_ms"].is_f64());
    assert_eq!(event("starting")["version"], tmkms::VERSION);
    event("stopped");
}

#[test]
fn a_warning_about_the_configuration_is_one_readable_line() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    let ephemeral = "allow_ephemeral_state = true\n";
    let more = format!("{ephemeral}sign_extensions = false\n");
    home.configure(&home.config().replace(ephemeral, &more));
    home.init();
    let service = start(&home, &[], false);
    listener.accept(PATIENCE).unwrap();
    let log = end(service);
    let line = log.lines().find(|line| line.contains("vote extensions"));
    let (_, line) = line.unwrap().split_once(" WARN ").unwrap();
    assert!(
        line.starts_with(
            "tmkms.toml, line 5: vote extensions of test-1 are not signed (an old default); "
        ),
        "{line}"
    );
    assert!(!log.contains("\\n"), "{log}");
}

#[test]
fn journald_gets_levels_and_no_clock_and_no_colour() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let service = start(&home, &[], true);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 5, 1));
    assert!(!sign(&mut node, &home.key, 5, 2));
    let log = end(service);
    assert!(log.starts_with("<6>tmkms "), "{log}");
    assert!(log.contains("\n<3>[test-1@tcp://"), "{log}");
    assert!(
        log.contains("] signed prevote:0101010101 at 5/0 ("),
        "{log}"
    );
    assert!(!log.contains('\x1b'), "{log}");
    // The variable of another process's stream, inherited, means nothing.
    let service = start(&home, &[], false);
    listener.accept(PATIENCE).unwrap();
    let text = end(service);
    assert!(
        text.starts_with("20") && text.contains(" INFO tmkms "),
        "{text}"
    );
}

#[test]
fn a_request_that_is_refused_in_a_loop_fills_no_disk() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    with_metrics(&home, "listen = \"127.0.0.1:0\"");
    home.init();
    let service = start(&home, &[], false);
    let at = address(&service);
    let mut node = listener.accept(PATIENCE).unwrap();
    let began = Instant::now();
    assert!(sign(&mut node, &home.key, 5, 1));
    for _ in 0..1_000 {
        assert!(!sign(&mut node, &home.key, 4, 1));
        assert!(sign(&mut node, &home.key, 5, 1), "a replay");
    }
    // A double sign at the next height is told, however many there were at this one.
    for _ in 0..200 {
        assert!(!sign(&mut node, &home.key, 5, 2));
    }
    assert!(sign(&mut node, &home.key, 6, 1));
    assert!(!sign(&mut node, &home.key, 6, 2));
    assert!(sign(&mut node, &home.key, 6, 1));
    let refused = "tmkms_refused_total{chain_id=\"test-1\",type=\"prevote\",reason=\"regression\"}";
    support::http::wait_for("all are counted", || scrape(&at)[refused] == 1_000.0);
    // After a while one line of the kind is written again, with what was left out.
    std::thread::sleep(Duration::from_secs(10));
    assert!(!sign(&mut node, &home.key, 4, 1));
    let more = usize::try_from(began.elapsed().as_secs() / 10).unwrap();
    let log = end(service);
    let count = |words: &str| log.matches(words).count();
    let written = count(" refused (regression): ");
    assert!(
        (101..=101 + more).contains(&written),
        "{written} in {more}0 s"
    );
    assert!((100..=101 + more).contains(&count(" replayed prevote:")));
    let conflicts = log
        .lines()
        .filter(|line| line.contains("] double sign refused: "));
    let at_6 = conflicts.filter(|line| line.contains(" refused: 6/0/prevote "));
    assert_eq!(at_6.count(), 1, "{log}");
    assert_eq!(count(" replayed prevote:0101010101 at 6/0 "), 1, "{log}");
    // What is written and what is said to be left out is all there was.
    let words = " like the next one (regression); the metrics count them all";
    let told = log.lines().filter_map(|line| line.split_once(words));
    let left_out: usize = told
        .map(|(before, _)| before.rsplit(' ').nth(1).unwrap().parse::<usize>().unwrap())
        .sum();
    assert_eq!(written + left_out, 1_001, "{log}");
}

/// As service managers and compose files leave them.
#[test]
fn variables_that_are_set_to_nothing_silence_nothing() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    for (variables, all) in [
        (&[("TMKMS_LOG", "")][..], false),
        (&[("TMKMS_LOG", ""), ("RUST_LOG", "")], false),
        (&[("TMKMS_LOG", ""), ("RUST_LOG", "trace")], true),
        (&[("TMKMS_LOG", "info"), ("RUST_LOG", "trace")], false),
    ] {
        let log = home.path().join("log");
        let child = home
            .command(&["start", "--log-format", "json"])
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let service = Running { child, log };
        let mut node = listener.accept(PATIENCE).unwrap();
        node.ask(&Ask::Ping).unwrap();
        let log = end(service);
        assert!(log.contains("\"level\":\"info\""), "{variables:?}: {log}");
        let found = log.contains("\"level\":\"trace\"");
        assert_eq!(found, all, "{variables:?}: {log}");
    }
}

#[test]
fn no_secret_is_logged_however_much_is() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    // A second chain whose device is not there, with a password in the configuration.
    let second = Home::new(&["unix:///nowhere".parse().unwrap()])
        .config()
        .replace("test-1", "test-2")
        .replace("state.json", "other.json");
    let (rest, _) = second.split_once("[[providers").unwrap();
    home.configure(&format!(
        "{}{rest}[[providers.yubihsm]]\nadapter = {{ type = \"http\", addr = \"tcp://127.0.0.1:1\" }}\n\
         auth = {{ key = 4, password = \"a-password-of-mine\" }}\nkeys = [{{ chain_ids = [\"test-2\"], key = 1 }}]\n",
        home.config()
    ));
    let log = home.path().join("log");
    let child = home
        .command(&["start", "--log-format", "json"])
        .env("TMKMS_LOG", "trace")
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let service = Running { child, log };
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 5, 1));
    node.ask(&Ask::Ping).unwrap();
    service.wait_for_log("connector does not answer");
    let log = end(service);
    assert!(log.contains("\"level\":\"trace\""), "{log}");
    for file in ["consensus.key", "identity.key"] {
        let secret = fs::read_to_string(home.path().join(file)).unwrap();
        assert!(!log.contains(secret.trim()), "{file}");
    }
    assert!(!log.contains("a-password-of-mine"), "{log}");
}

/// Names of events, in the code and in the document.
#[test]
fn every_event_is_documented_and_no_other() {
    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                for part in text.split("event = \"").skip(1) {
                    found.insert(part.split('"').next().unwrap().to_owned());
                }
            }
        }
    }
    let mut used = BTreeSet::new();
    collect(Path::new("src"), &mut used);
    // Chosen by a condition.
    for name in ["signed", "replayed", "link_down", "no_link"] {
        used.insert(name.to_owned());
    }
    let document = fs::read_to_string("docs/operations.md").unwrap();
    let (_, rest) = document.split_once("| event | fields |").unwrap();
    let (table, _) = rest.split_once("\n\n").unwrap();
    let written: BTreeSet<String> = table
        .split('`')
        .enumerate()
        .filter(|(at, _)| at % 2 == 1)
        .map(|(_, name)| name.to_owned())
        .collect();
    let fields = [
        "chain", "node", "device", "reason", "type", "height", "round", "block", "took_ms", "peer",
        "bytes", "thread", "place",
    ];
    let named = written
        .iter()
        .filter(|name| !fields.contains(&name.as_str()));
    assert_eq!(used.iter().collect::<Vec<_>>(), named.collect::<Vec<_>>());
}
