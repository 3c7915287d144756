//! A real Prometheus scrapes the real program: every query of the dashboard has an answer, every rule is evaluated, and
//! what goes wrong raises its alert. Needs `prometheus` and takes half a minute: `cargo test --test prometheus -- --ignored`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may end so"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::home::{Home, PATIENCE, sign};
use tmkms::codec::node::Ask;
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
                .replace("127.0.0.1:26660", target);
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

/// The queries of the dashboard, with every chain and signer chosen.
fn queries() -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(query)) = map.get("expr") {
                    found.push(
                        query
                            .replace("$__rate_interval", "1m")
                            .replace("$chain", ".*")
                            .replace("$instance", ".*"),
                    );
                }
                map.values().for_each(|value| collect(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let text = fs::read_to_string("deploy/grafana/tmkms.json").unwrap();
    let mut found = Vec::new();
    collect(&serde_json::from_str(&text).unwrap(), &mut found);
    assert!(found.len() > 40, "{} queries", found.len());
    found
}

#[test]
#[ignore = "needs Prometheus"]
fn a_real_prometheus_understands_everything_and_alerts() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let one = home.config();
    // A second chain without state and without a node.
    let two = one
        .replace("test-1", "test-2")
        .replace("state.json", "other.json")
        .replace(&listener.address().unwrap().to_string(), "unix:///nowhere");
    let two = two.replace("path = \"consensus.key\"", "path = \"other.key\"");
    fs::copy(
        home.path().join("identity.key"),
        home.path().join("other.key"),
    )
    .unwrap();
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
            assert!(!sign(&mut node, &key, height - 1, 1), "a regression");
            height += 2;
            std::thread::sleep(Duration::from_millis(100));
        }
        (node, height)
    });
    prometheus.wait_for_alert("TmkmsBlocksMissed", "test-1");
    prometheus.wait_for_alert("TmkmsNotArmed", "test-2");
    prometheus.wait_for_alert("TmkmsChainNotLinked", "test-2");
    std::thread::sleep(Duration::from_secs(3));
    let mut empty = Vec::new();
    for query in queries() {
        // Keys in files have no device.
        if prometheus.query(&query).is_empty() && !query.contains("tmkms_device_") {
            empty.push(query);
        }
    }
    assert!(empty.is_empty(), "no answer to {empty:#?}");

    stop.store(true, Ordering::Relaxed);
    let (mut node, height) = voting.join().unwrap();
    assert!(
        !prometheus
            .alerts()
            .contains(&("TmkmsConflictRefused".to_owned(), "test-1".to_owned()))
    );
    assert!(!sign(&mut node, &home.key, height - 2, 9), "a conflict");
    prometheus.wait_for_alert("TmkmsConflictRefused", "test-1");
    drop(node);
    drop(listener);
    prometheus.wait_for_alert("TmkmsChainNotLinked", "test-1");
    drop(service);
    prometheus.wait_for_alert("TmkmsDown", "");

    let rules = prometheus.get("/api/v1/rules").unwrap();
    for rule in rules["data"]["groups"][0]["rules"].as_array().unwrap() {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}
