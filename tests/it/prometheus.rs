//! A real Prometheus scrapes the real program: every query of the dashboard has an answer, every rule is evaluated, and
//! what goes wrong raises its alert. Needs `prometheus` and takes half a minute: `cargo test --test it prometheus:: -- --ignored`.
#![cfg(feature = "yubihsm")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::support::home::{Home, PATIENCE, Running, sign};
use crate::support::http::{ask, get, scrape};
use crate::support::maker;
use crate::support::yubihsm_bench::add_keys;
use crate::support::yubihsm_simulator::{Profile, Simulator};
use serde_json::Value;
use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::PublicKey;
use tmkms::harness::Listener;

const LONG: Duration = Duration::from_secs(60);

/// A Prometheus that is never left behind.
struct Prometheus {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// The example configuration, in a hurry, and with the target where the service listens.
    fn start(target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in ["prometheus.yml", "tmkms.rules.yml"] {
            let text = fs::read_to_string(format!("deploy/prometheus/{file}")).unwrap();
            let text = text
                .replace("interval: 5s", "interval: 1s")
                .replace("127.0.0.1:28567", target);
            fs::write(folder.path().join(file), text).unwrap();
        }
        let port = free_port();
        let child = Command::new("prometheus")
            .current_dir(folder.path())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .expect("prometheus is installed (Debian package `prometheus`)");
        Self {
            child,
            port,
            _folder: folder,
        }
    }

    fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nHost: prometheus\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
    }

    /// The samples of a query.
    fn query(&self, query: &str) -> Vec<Value> {
        let mut escaped = String::new();
        for byte in query.bytes() {
            escaped.push_str(&format!("%{byte:02x}"));
        }
        let answer = self
            .get(&format!("/api/v1/query?query={escaped}"))
            .unwrap_or_default();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }

    /// Alerts with their chains, pending ones included.
    fn alerts(&self) -> BTreeSet<(String, String)> {
        let answer = self.get("/api/v1/alerts").unwrap_or_default();
        let alerts = answer["data"]["alerts"].as_array().cloned();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let labels = alerts
            .into_iter()
            .flatten()
            .map(|alert| alert["labels"].clone());
        labels
            .map(|labels| (text(&labels["alertname"]), text(&labels["chain_id"])))
            .collect()
    }

    fn annotation(&self, alert: &str, name: &str) -> String {
        let answer = self.get("/api/v1/alerts").unwrap_or_default();
        let alerts = answer["data"]["alerts"].as_array().cloned();
        let mut alerts = alerts.into_iter().flatten();
        let found = alerts.find(|found| found["labels"]["alertname"] == alert);
        found.unwrap()["annotations"][name]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn wait_for_alert(&self, name: &str, chain: &str) {
        let wanted = (name.to_owned(), chain.to_owned());
        wait_for(&format!("alert {wanted:?} in {:?}", self.alerts()), || {
            self.alerts().contains(&wanted)
        });
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn dashboard() -> Value {
    let text = fs::read_to_string("deploy/grafana/tmkms.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A query with every chain and signer chosen.
fn chosen(query: &str) -> String {
    query
        .replace("$__rate_interval", "1m")
        .replace("$chain", ".*")
        .replace("$instance", ".*")
}

/// The overview as Grafana colours it: titles with their values and colours, by mappings first and then by thresholds.
fn overview(prometheus: &Prometheus) -> Vec<(String, String, String)> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let stats = panels.filter(|panel| panel["type"] == "stat");
    stats
        .map(|panel| {
            let title = panel["title"].as_str().unwrap().to_owned();
            let query = panel["targets"][0]["expr"].as_str().unwrap();
            let samples = prometheus.query(&chosen(query));
            assert_eq!(samples.len(), 1, "{title}: {samples:?}");
            let value = samples[0]["value"][1].as_str().unwrap().to_owned();
            let defaults = &panel["fieldConfig"]["defaults"];
            let mapped = &defaults["mappings"][0]["options"][&value]["color"];
            let number: f64 = value.parse().unwrap();
            let steps = defaults["thresholds"]["steps"].as_array().unwrap();
            let reached = steps
                .iter()
                .rev()
                .find(|step| step["value"].as_f64().is_none_or(|least| number >= least));
            let colour = mapped.as_str().or(reached.unwrap()["color"].as_str());
            (title, value, colour.unwrap().to_owned())
        })
        .collect()
}

/// The queries of the dashboard, with every chain and signer chosen.
fn queries() -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(query)) = map.get("expr") {
                    found.push(chosen(query));
                }
                map.values().for_each(|value| collect(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&dashboard(), &mut found);
    assert!(found.len() > 40, "{} queries", found.len());
    found
}

/// A home whose key is in a simulated device made from `seed`, with these nodes.
fn home_with_device(seed: u8, nodes: &[&Listener]) -> (Home, Simulator) {
    let simulator = Simulator::start(Profile::new(seed.into(), (2, 4, 0)));
    add_keys(&simulator, seed);
    let nodes: Vec<_> = nodes.iter().map(|node| node.address().unwrap()).collect();
    let mut home = Home::new(&nodes);
    let config = home.config();
    let (rest, _) = config.split_once("[[providers").unwrap();
    home.configure(&format!(
        "{rest}[[providers.yubihsm]]\nadapter = {{ type = \"http\", addr = \"tcp://{}\" }}\n\
         auth = {{ key = 4, password_file = \"password\" }}\nkeys = [{{ chain_ids = [\"test-1\"], key = 1 }}]\n",
        simulator.address()
    ));
    tmkms::secret_file::create(&home.path().join("password"), b"validator\n").unwrap();
    let secret = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    home.key = PublicKey::Ed25519(secret.verifying_key().to_bytes());
    home.init();
    (home, simulator)
}

fn seconds_since_1970() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap()
}

#[test]
#[ignore = "needs Prometheus"]
fn a_real_prometheus_understands_everything_and_alerts() {
    let listener = Listener::tcp().unwrap();
    let (home, _simulator) = home_with_device(120, &[&listener]);
    // Nobody listens there: what the chain says is told all the same, as nothing.
    let asks = "[[chain]]\nrpc = [\"http://127.0.0.1:1\"]\n";
    let one = home.config().replacen("[[chain]]\n", asks, 1);
    // A second chain without state and without a node.
    let other = Home::new(&["unix:///nowhere".parse().unwrap()]);
    let two = other
        .config()
        .replace("test-1", "test-2")
        .replace("state.json", "other.json");
    let port = free_port();
    home.configure(&format!(
        "[metrics]\nlisten = \"127.0.0.1:{port}\"\n{one}{two}"
    ));
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    node.ask(&Ask::PublicKey("test-1".to_owned())).unwrap();
    let prometheus = Prometheus::start(&format!("127.0.0.1:{port}"));
    wait_for("a scrape", || {
        prometheus
            .get("/api/v1/query?query=up")
            .is_some_and(|answer| answer["data"]["result"][0]["value"][1] == "1")
    });

    // A node that votes, with gaps, a replay and a regression now and then.
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, key) = (stop.clone(), home.key);
    let voting = std::thread::spawn(move || {
        let mut height = 2;
        while !stopped.load(Ordering::Relaxed) {
            assert!(sign(&mut node, &key, height, 1));
            assert!(sign(&mut node, &key, height, 1), "a replay");
            // What the clock of a node shows.
            let precommit = maker().precommit(height, 0, None, seconds_since_1970(), b"");
            node.ask(&Ask::Sign(precommit)).unwrap();
            assert!(!sign(&mut node, &key, height - 1, 1), "a regression");
            height += 2;
            std::thread::sleep(Duration::from_millis(100));
        }
        (node, height)
    });
    prometheus.wait_for_alert("TmkmsBlocksMissed", "test-1");
    // Every precommit is nil.
    prometheus.wait_for_alert("TmkmsPrecommitsNil", "test-1");
    prometheus.wait_for_alert("TmkmsNotArmed", "test-2");
    prometheus.wait_for_alert("TmkmsChainNotLinked", "test-2");
    opens(&prometheus.annotation("TmkmsNotArmed", "runbook_url"));
    std::thread::sleep(Duration::from_secs(3));
    let mut empty = Vec::new();
    for query in queries() {
        // Members of a shared key are other hosts; that these series exist is in docs/metrics.md.
        if !query.contains("tmkms_cosign_") && prometheus.query(&query).is_empty() {
            empty.push(query);
        }
    }
    assert!(empty.is_empty(), "no answer to {empty:#?}");

    // What is served to those who do not ask for OpenMetrics, and written to the text file, has no fault either.
    let (_, text) = ask(
        &format!("127.0.0.1:{port}"),
        "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let found = promtool.wait_with_output().unwrap();
    assert!(
        found.status.success() && found.stderr.is_empty(),
        "{found:?}"
    );

    stop.store(true, Ordering::Relaxed);
    let (mut node, height) = voting.join().unwrap();
    assert!(
        !prometheus
            .alerts()
            .contains(&("TmkmsConflictRefused".to_owned(), "test-1".to_owned()))
    );
    let conflict = maker().precommit(height - 2, 0, Some(9), seconds_since_1970(), b"");
    let answer = node.ask(&Ask::Sign(conflict)).unwrap();
    assert!(matches!(answer, Answer::Error(_)), "a conflict");
    prometheus.wait_for_alert("TmkmsConflictRefused", "test-1");
    drop(node);
    drop(listener);
    prometheus.wait_for_alert("TmkmsChainNotLinked", "test-1");
    let before = overview(&prometheus);
    assert_eq!(
        before[0],
        ("Signers down".into(), "0".into(), "green".into())
    );
    drop(service);
    prometheus.wait_for_alert("TmkmsDown", "");
    // Its run book is gone with it, and Prometheus is not.
    let url = prometheus.annotation("TmkmsDown", "runbook_url");
    let at = format!("127.0.0.1:{}", prometheus.port);
    let its_own = format!(":{}/", prometheus.port);
    assert!(
        url.starts_with("http://") && url.ends_with(&its_own),
        "{url}"
    );
    // It leads to the page of queries, which has another address in each version.
    assert_eq!(get(&at, "/").0, 302);
    // Nothing looks well when nobody answers.
    let after = overview(&prometheus);
    assert_eq!(after[0], ("Signers down".into(), "1".into(), "red".into()));
    for (title, value, colour) in &after {
        assert_eq!(colour, "red", "{title}: {value}");
    }

    let rules = prometheus.get("/api/v1/rules").unwrap();
    for rule in rules["data"]["groups"][0]["rules"].as_array().unwrap() {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}

/// The address of a section in the signer's own run book.
fn opens(url: &str) {
    let (at, section) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once("/runbook#"))
        .unwrap_or_else(|| panic!("{url}"));
    let (code, page) = get(at, "/runbook");
    assert_eq!(code, 200, "{page}");
    assert!(
        page.contains(&format!("<section id=\"{section}\">")),
        "{page}"
    );
}

/// Where everything is to be seen.
struct Scene<'a> {
    service: &'a Running,
    at: String,
    prometheus: &'a Prometheus,
}

impl Scene<'_> {
    /// What each of them says: a sample that becomes `value`, `/ready`, words of the page, alerts, words of the log.
    fn shows(
        &self,
        (sample, value): (&str, f64),
        ready: Result<(), &str>,
        page: &str,
        alerts: &[&str],
        log: &str,
    ) {
        wait_for(&format!("{sample} {value}"), || {
            scrape(&self.at).get(sample).copied() == Some(value)
        });
        match ready {
            Ok(()) => wait_for("ready", || get(&self.at, "/ready").0 == 200),
            Err(words) => {
                let (code, text) = get(&self.at, "/ready");
                assert_eq!(code, 503, "{text}");
                assert!(
                    text.starts_with("not ready\ntest-1: ") && text.contains(words),
                    "{text}"
                );
            }
        }
        // The page is made again five times a second.
        std::thread::sleep(Duration::from_millis(250));
        let html = get(&self.at, "/").1;
        assert!(html.contains(page), "no {page} in {html}");
        for alert in alerts {
            self.prometheus.wait_for_alert(alert, "test-1");
        }
        self.service.wait_for_log(log);
    }

    /// None of these alerts is there.
    fn calm(&self, alerts: &[&str]) {
        let there = self.prometheus.alerts();
        for alert in alerts {
            assert!(
                !there.contains(&((*alert).to_owned(), "test-1".to_owned())),
                "{there:?}"
            );
        }
    }
}

#[test]
#[ignore = "needs Prometheus and strace"]
fn a_walk_through_a_link_a_device_a_disk_and_a_conflict() {
    let (one, two) = (Listener::tcp().unwrap(), Listener::tcp().unwrap());
    let (home, simulator) = home_with_device(121, &[&one, &two]);
    let port = free_port();
    let config = home.config();
    home.configure(&format!(
        "[metrics]\nlisten = \"127.0.0.1:{port}\"\n{config}"
    ));
    let service = home.start();
    let mut node = one.accept(PATIENCE).unwrap();
    let other = two.accept(PATIENCE).unwrap();
    let prometheus = Prometheus::start(&format!("127.0.0.1:{port}"));
    let scene = Scene {
        service: &service,
        at: format!("127.0.0.1:{port}"),
        prometheus: &prometheus,
    };
    let chain = "chain_id=\"test-1\"";
    let of = |name: &str| format!("{name}{{{chain}}}");
    let refused = |reason: &str| {
        format!("tmkms_refused_total{{{chain},type=\"prevote\",reason=\"{reason}\"}}")
    };
    assert!(sign(&mut node, &home.key, 1, 1));
    scene.shows(
        (&of("tmkms_chain_ready"), 1.0),
        Ok(()),
        "1 of 1 chain ready",
        &[],
        "] signed prevote",
    );
    wait_for("a scrape", || {
        !prometheus.query("tmkms_chain_ready == 1").is_empty()
    });

    // One link of two: the other one serves.
    let away = two.address().unwrap().to_string();
    drop((other, two));
    let link = format!("tmkms_link_up{{{chain},node=\"{away}\"}}");
    scene.shows(
        (&link, 0.0),
        Ok(()),
        "<span class=\"bad\">down</span>",
        &["TmkmsLinkDown"],
        "no link: ",
    );
    scene.calm(&[
        "TmkmsChainNotLinked",
        "TmkmsNoDeviceUp",
        "TmkmsDeviceFailed",
    ]);
    assert!(sign(&mut node, &home.key, 2, 1));

    // The device.
    simulator.unplug();
    assert!(!sign(&mut node, &home.key, 3, 1), "answered in-band");
    let words = "plug the YubiHSM in where the connector runs";
    scene.shows(
        (&refused("signer_failed"), 1.0),
        Err(words),
        &format!("down: the connector is there and has no device; {words}"),
        &["TmkmsNoDeviceUp", "TmkmsDeviceFailed", "TmkmsDeviceDown"],
        words,
    );
    assert_eq!(scrape(&scene.at)[&of("tmkms_replicas_up")], 0.0);
    simulator.plug();
    assert!(sign(&mut node, &home.key, 3, 1), "the very same vote");
    scene.shows(
        (&of("tmkms_replicas_up"), 1.0),
        Ok(()),
        "1 of 1 chain ready",
        &[],
        ": back",
    );

    // The disk is full.
    scene.calm(&["TmkmsNotDurable"]);
    // Wherever it writes: a full disk has no room for a new state file either.
    let mut strace = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=pwrite64"])
        .args(["-e", "inject=pwrite64:error=ENOSPC", "-p"])
        .arg(service.child.id().to_string())
        .stderr(Stdio::null())
        .spawn()
        .expect("strace is installed");
    let tracer = || fs::read_to_string(format!("/proc/{}/status", service.child.id())).unwrap();
    wait_for("strace", || !tracer().contains("TracerPid:\t0"));
    std::thread::sleep(Duration::from_millis(300));
    assert!(!sign(&mut node, &home.key, 4, 1));
    scene.shows(
        (&of("tmkms_chain_durable"), 0.0),
        Err("No space left on device"),
        "No space left on device",
        &["TmkmsNotDurable"],
        "refused (not_durable): ",
    );
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&strace),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    strace.wait().unwrap();
    scene.shows(
        (&of("tmkms_chain_durable"), 1.0),
        Ok(()),
        "1 of 1 chain ready",
        &[],
        "durable again",
    );
    assert!(sign(&mut node, &home.key, 4, 1));

    // A conflict is no trouble of ours: the chain stays ready.
    scene.calm(&["TmkmsConflictRefused"]);
    assert!(!sign(&mut node, &home.key, 4, 2));
    scene.shows(
        (&refused("conflict"), 1.0),
        Ok(()),
        "class=\"conflict\" title=\"4 double sign refused\"",
        &["TmkmsConflictRefused"],
        "double sign refused: ",
    );
    // On a busy machine the device may be away for long enough to be called gone.
    let log = service.wait_for_times(1, "double sign refused");
    let errors = log.lines().filter(|line| line.contains("ERROR"));
    let errors = errors.filter(|line| !line.contains("no device that holds its key answers"));
    assert_eq!(errors.count(), 1, "{log}");
}
