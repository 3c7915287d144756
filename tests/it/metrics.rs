//! What Prometheus, a probe, systemd and a rude visitor get from the real program.

use crate::support;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::support::home::{Home, PATIENCE, Running, sign};
use crate::support::http::{address, ask, get, samples, scrape, wait_for, with_metrics};
use tmkms::codec::node::Ask;
use tmkms::harness::Listener;

#[test]
fn a_scrape_says_what_happened_and_every_name_is_documented() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    with_metrics(&home, "listen = \"127.0.0.1:0\"");
    home.init();
    let service = home.start();
    let at = address(&service);
    let mut node = listener.accept(PATIENCE).unwrap();
    node.ask(&Ask::PublicKey("test-1".to_owned())).unwrap();
    assert!(sign(&mut node, &home.key, 5, 1));
    assert!(sign(&mut node, &home.key, 5, 1), "a replay");
    assert!(!sign(&mut node, &home.key, 5, 2), "a conflict");
    assert!(!sign(&mut node, &home.key, 4, 1), "a regression");
    assert!(sign(&mut node, &home.key, 9, 1));
    let chain = "chain_id=\"test-1\"";
    let signed = format!("tmkms_signed_total{{{chain},type=\"prevote\"}}");
    wait_for("two signatures", || scrape(&at)[&signed] == 2.0);
    let found = scrape(&at);
    let value = |name: &str, labels: &str| {
        let key = match labels {
            "" => format!("{name}{{{chain}}}"),
            _ => format!("{name}{{{chain},{labels}}}"),
        };
        *found
            .get(&key)
            .unwrap_or_else(|| panic!("no {key} in {found:#?}"))
    };
    let prevote = "type=\"prevote\"";
    let refused = |reason: &str| {
        value(
            "tmkms_refused_total",
            &format!("{prevote},reason=\"{reason}\""),
        )
    };
    assert_eq!(value("tmkms_replayed_total", prevote), 1.0);
    assert_eq!((refused("conflict"), refused("regression")), (1.0, 1.0));
    assert!(found["process_resident_memory_bytes"] > 1e6);
    assert!(found["process_open_fds"] < found["process_max_fds"]);
    assert_eq!(refused("busy"), 0.0, "there before it happens");
    assert_eq!(value("tmkms_missed_heights_total", ""), 3.0);
    assert_eq!(value("tmkms_missed_votes_total", prevote), 3.0);
    assert_eq!(
        value("tmkms_missed_votes_in_a_row", "type=\"precommit\""),
        3.0
    );
    assert_eq!(value("tmkms_last_signed_height", prevote), 9.0);
    assert_eq!(value("tmkms_watermark_height", ""), 9.0);
    assert_eq!(value("tmkms_watermark_step", ""), 2.0);
    assert_eq!(value("tmkms_public_key_requests_total", ""), 1.0);
    assert_eq!(value("tmkms_chain_ready", ""), 1.0);
    // The advance from 5 to 9 cost four tokens; the first one was free.
    assert!(value("tmkms_height_tokens", "") >= 996.0);
    assert_eq!(value("tmkms_height_tokens_limit", ""), 1_000.0);
    assert!(value("tmkms_last_signature_age_seconds", prevote) < 10.0);
    assert!(value("tmkms_watermark_age_seconds", "") < 10.0);
    wait_for("free space", || {
        scrape(&at).contains_key(&format!("tmkms_state_free_bytes{{{chain}}}"))
    });
    let stage = |stage| value("tmkms_latency_seconds_count", &format!("stage=\"{stage}\""));
    assert_eq!(
        (stage("wait"), stage("gate"), stage("whole")),
        (3.0, 3.0, 3.0)
    );
    assert_eq!((stage("persist"), stage("device")), (2.0, 2.0));
    let sum = |stage| value("tmkms_latency_seconds_sum", &format!("stage=\"{stage}\""));
    let parts: f64 = ["wait", "gate", "persist", "device", "reply"]
        .into_iter()
        .map(sum)
        .sum();
    assert!(
        (sum("whole") - parts).abs() < 0.2 * sum("whole"),
        "the stages are {parts} s of {} s",
        sum("whole")
    );
    let (_, status) = home.run(&["status"]);
    assert!(status.contains("3 heights since the start"), "{status}");
    let node_label = format!("node=\"{}\"", listener.address().unwrap());
    assert_eq!(value("tmkms_link_up", &node_label), 1.0);
    assert_eq!(value("tmkms_link_connects_total", &node_label), 1.0);
    assert_eq!(value("tmkms_link_conflicts_total", &node_label), 1.0);
    drop(node);
    let closed = format!("tmkms_link_failures_total{{{chain},{node_label},reason=\"closed\"}}");
    wait_for("a failure", || {
        scrape(&at).get(&closed).copied() == Some(1.0)
    });
    let (_, text) = get(&at, "/metrics");
    documented(&text);
}

/// The families of a scrape are those of docs/metrics.md, with their kinds.
fn documented(text: &str) {
    let served: BTreeSet<(String, String)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let end = if kind == "counter" { "_total" } else { "" };
            (format!("{name}{end}"), kind.to_owned())
        })
        .collect();
    let document = fs::read_to_string("docs/metrics.md").unwrap();
    let written: BTreeSet<(String, String)> = document
        .lines()
        .filter(|line| line.starts_with("| `tmkms_") || line.starts_with("| `process_"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        })
        .collect();
    assert!(served.len() > 30, "{served:?}");
    assert_eq!(served, written);
    // Dashboards and rules name nothing that is not served.
    for folder in ["deploy/prometheus", "deploy/grafana"] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            for part in text.split("tmkms_").skip(1) {
                let rest: String = part
                    .chars()
                    .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                    .collect();
                let name = format!("tmkms_{rest}");
                let base = name
                    .trim_end_matches("_bucket")
                    .trim_end_matches("_count")
                    .trim_end_matches("_sum");
                assert!(
                    served.iter().any(|(served, _)| served == base),
                    "{name} of {} is not served",
                    path.display()
                );
            }
        }
    }
}

/// A node may wait for it with its own start: nothing of it depends on a node.
#[test]
fn armed_needs_no_node_and_ready_does() {
    let home = Home::new(&["unix:///run/nowhere.sock".parse().unwrap()]);
    with_metrics(&home, "listen = \"127.0.0.1:0\"");
    let service = home.start();
    let at = address(&service);
    let (code, text) = get(&at, "/armed");
    assert_eq!(code, 503, "{text}");
    assert!(text.starts_with("not armed\ntest-1: "), "{text}");
    let (code, text) = home.run(&["status", "--armed"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("not armed: test-1: "), "{text}");
    home.init();
    wait_for("armed", || {
        get(&at, "/armed") == (200, "armed: 1 chain\n".to_owned())
    });
    assert_eq!(home.run(&["status", "--armed"]), (0, "armed\n".to_owned()));
    assert_eq!(get(&at, "/armed?expect=test-1").0, 200);
    let (code, text) = get(&at, "/armed?expect=test-1,other");
    assert_eq!(code, 503);
    assert!(text.contains("other: no such chain"), "{text}");
    // Whoever asks whether it answers a node gets one answer, however he asks.
    assert_eq!(get(&at, "/ready").0, 503);
    assert_eq!(home.run(&["status", "--ready"]).0, 1);
    assert_eq!(home.run(&["status", "--json"]).0, 1);
    let (code, text) = home.run(&["status"]);
    assert_eq!(code, 1, "{text}");
    for words in [
        "not ready: test-1: no node is linked",
        "test-1: armed, NOT READY",
    ] {
        assert!(text.contains(words), "no {words} in {text}");
    }
    let (code, text) = home.run(&["status", "--armed", "--ready"]);
    assert_eq!(code, 2, "{text}");
}

#[test]
fn ready_names_each_chain_that_is_not() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    with_metrics(&home, "listen = \"127.0.0.1:0\"");
    home.init();
    let second = home
        .config()
        .replace("[metrics]\nlisten = \"127.0.0.1:0\"\n", "")
        .replace("test-1", "test-2")
        .replace("state.json", "other.json")
        .replace("consensus.key", "other.key")
        .replace(&listener.address().unwrap().to_string(), "unix:///nowhere");
    home.configure(&format!("{}{second}", home.config()));
    let service = home.start();
    let at = address(&service);
    assert_eq!(get(&at, "/live"), (200, "live\n".to_owned()));
    // Chains are armed beside each other, and metrics are served as soon as one of them is ours. There is no link before
    // the handshake is done.
    wait_for("the chain without a node", || {
        get(&at, "/ready?expect=test-1")
            == (503, "not ready\ntest-1: no node is linked\n".to_owned())
    });
    let _node = listener.accept(PATIENCE).unwrap();
    wait_for("ready", || get(&at, "/ready?expect=test-1").0 == 200);
    let (code, text) = get(&at, "/ready");
    assert_eq!(code, 503, "{text}");
    assert!(text.starts_with("not ready\ntest-2: "), "{text}");
    let (code, text) = get(&at, "/ready?expect=test-1,other");
    assert_eq!(code, 503);
    assert_eq!(
        text,
        "not ready\nother: no such chain in the configuration\n"
    );
    // Who asks about nothing is not told that it is fine.
    for query in ["expect=", "expect", "expect=,", "x=1&expect=%20"] {
        for path in ["/ready", "/armed"] {
            let (code, text) = get(&at, &format!("{path}?{query}"));
            assert_eq!(code, 400, "{text}");
            assert!(text.starts_with("no chain is named in `expect`"), "{text}");
        }
    }
    assert_eq!(get(&at, "/ready?expect=test-1&expect=test-2").0, 503);
    let (code, text) = home.run(&["status", "--ready", "--expect", ""]);
    assert_eq!(code, 2, "{text}");
    let (code, text) = home.run(&["status", "--ready"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("not ready: test-2: "), "{text}");
    let (_, text) = home.run(&["status", "--ready", "--expect", "test-3"]);
    assert!(text.contains("test-3: no such chain in the configuration"));
    let (code, text) = home.run(&["status", "--ready", "--expect", "test-1"]);
    assert_eq!((code, text.as_str()), (0, "ready\n"));
    let (_, html) = get(&at, "/");
    for words in ["test-1", "test-2", "not armed", "1 of 2 chains ready"] {
        assert!(html.contains(words), "no {words} in {html}");
    }
    // The one in trouble stands first, and is named above both.
    let place = |words: &str| {
        html.find(words)
            .unwrap_or_else(|| panic!("{words}: {html}"))
    };
    let named = "<span class=\"bad\">not ready</span> <a href=\"#test-2\">test-2</a>: ";
    assert!(place(named) < place("<main>"), "{html}");
    assert!(place("<h2>test-2") < place("<h2>test-1"), "{html}");
    assert!(place("class=\"legend\"") < place("<main>"), "{html}");
    assert!(html.contains("<details><summary>latency"), "{html}");
    let unfolded = get(&at, "/?latency").1;
    assert!(unfolded.contains("<details open><summary>latency"));
    let (code, text) = home.run(&["status"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("not ready: test-2: "), "{text}");
    let place = |words: &str| {
        text.find(words)
            .unwrap_or_else(|| panic!("{words}: {text}"))
    };
    assert!(place("\ntest-2: NOT ARMED") < place("\ntest-1: armed, ready"));
    assert_eq!(get(&at, "/nothing").0, 404);
    let (head, _) = ask(
        &at,
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    );
    assert!(head.contains("405"), "{head}");
    assert!(head.contains("allow: GET, HEAD"), "{head}");
    let (head, body) = ask(&at, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.contains("content-security-policy: default-src 'none'"));
    assert_eq!(body, "");
}

#[test]
fn check_warns_of_a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let home = Home::new(&["unix:///nowhere".parse().unwrap()]);
    with_metrics(&home, &format!("listen = \"{at}\""));
    home.init();
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 0, "every chain would be signed for: {text}");
    assert!(
        text.contains(&format!("Warning the address {at}")),
        "{text}"
    );
    assert!(text.contains("name a free port"), "{text}");
    drop(taken);
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("the address"), "{text}");
}

#[test]
fn a_textfile_is_whole_readable_and_gone_at_the_end() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    with_metrics(&home, "textfile = \"out/tmkms.prom\"");
    home.init();
    let folder = home.path().join("out");
    fs::create_dir(&folder).unwrap();
    let mut service = home.start();
    let path = folder.join("tmkms.prom");
    wait_for("the file", || path.exists());
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        !text.contains("# EOF") && text.contains("\n# TYPE tmkms_signed_total counter\n"),
        "the older format, which is what the node exporter reads"
    );
    assert!(!text.contains("process_"), "the node exporter has its own");
    assert_eq!(
        samples(&text)["tmkms_chain_armed{chain_id=\"test-1\"}"],
        1.0
    );
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    service.signal(rustix::process::Signal::TERM);
    assert_eq!(service.wait().code(), Some(0));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn stalled_and_rude_visitors_cost_the_node_nothing() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    with_metrics(&home, "listen = \"127.0.0.1:0\"");
    home.init();
    let service = home.start();
    let at = address(&service);
    let mut node = listener.accept(PATIENCE).unwrap();
    let threads = service.threads();
    let mut visitors = Vec::new();
    for number in 0..60 {
        let mut stream = TcpStream::connect(&at).unwrap();
        let _ = match number % 3 {
            0 => Ok(()),
            1 => stream.write_all(b"GET /metrics HTTP/1.1\r\nX: "),
            _ => stream.write_all(&[0xff; 40_000]),
        };
        visitors.push(stream);
    }
    for height in 1..=20 {
        let began = Instant::now();
        assert!(sign(&mut node, &home.key, height, 1));
        assert!(began.elapsed() < Duration::from_secs(2));
    }
    // The first visitors are shown out after 3 s, and then there is a place.
    // What was signed is counted once the reply has left.
    let began = Instant::now();
    while scrape(&at)["tmkms_signed_total{chain_id=\"test-1\",type=\"prevote\"}"] != 20.0 {
        assert!(began.elapsed() < PATIENCE);
    }
    assert_eq!(service.threads(), threads, "no thread for a visitor");
}

/// A probe that waits a second restarts a healthy signer.
#[test]
fn two_hundred_slow_visitors_hold_no_probe_up() {
    let home = Home::new(&["tcp://127.0.0.1:1".parse().unwrap()]);
    with_metrics(&home, "listen = \"127.0.0.1:0\"");
    home.init();
    let service = home.start();
    let at = address(&service);
    let head = b"GET /metrics HTTP/1.1\r\nHost: x\r\n";
    let whole = [&head[..], b"\r\n"].concat();
    // Those that say nothing, those that do not come to an end, and those that do not read what they asked for.
    for says in [&b""[..], head, &whole] {
        let mut visitors = Vec::new();
        for _ in 0..200 {
            let mut stream = TcpStream::connect(&at).unwrap();
            stream.write_all(says).unwrap();
            visitors.push(stream);
        }
        for path in ["/live", "/metrics", "/live"] {
            let began = Instant::now();
            assert_eq!(get(&at, path).0, 200);
            let took = began.elapsed();
            assert!(took < Duration::from_secs(1), "{path} took {took:?}");
        }
        assert!(service.descriptors() < 60, "{}", service.descriptors());
    }
}

/// A web page cannot make a browser read the status by way of a name of its own.
#[test]
fn whoever_asks_for_another_host_is_told_nothing() {
    let home = Home::new(&["tcp://127.0.0.1:1".parse().unwrap()]);
    with_metrics(
        &home,
        "listen = \"127.0.0.1:0\"\nhosts = [\"signer.example.com\"]",
    );
    home.init();
    let service = home.start();
    let at = address(&service);
    let asked = |path: &str, host: &str| {
        let (head, body) = ask(&at, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let code: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        (code, body)
    };
    for path in ["/", "/metrics", "/live", "/ready", "/x"] {
        let (code, body) = asked(path, "rebound.example:26660");
        assert_eq!(code, 421, "{body}");
        assert!(
            body.contains("\"rebound.example:26660\"") && body.contains("`hosts` of [metrics]")
        );
        assert!(!body.contains("test-1"), "{body}");
    }
    for host in [
        &at,
        "localhost:1",
        "[::1]",
        "tmkms",
        "Signer.Example.com:443",
    ] {
        assert_eq!(asked("/live", host).0, 200, "{host}");
    }
    let (head, _) = ask(&at, "GET /live HTTP/1.0\r\n\r\n");
    assert!(head.contains(" 200 "), "{head}");
    let (head, _) = ask(
        &at,
        "GET http://rebound.example/live HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert!(head.contains(" 421 "), "{head}");
    let long = "x.".repeat(4_000);
    let (code, body) = asked("/live", &long);
    assert!(code == 421 && body.len() < 1_000, "{code} {body}");
    service.has_times(1, "asked for under the name");
}

#[test]
fn systemd_is_told() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let path = home.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let child = home
        .command(&["start"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "3000000")
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut service = Running {
        child,
        log: home.path().join("log"),
    };
    let wait = |wanted: &str| {
        let began = Instant::now();
        loop {
            let mut buffer = [0; 512];
            let count = socket.recv(&mut buffer).unwrap();
            if std::str::from_utf8(&buffer[..count])
                .unwrap()
                .lines()
                .any(|line| line == wanted)
            {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "no {wanted}");
        }
    };
    wait("READY=1");
    let _node = listener.accept(PATIENCE).unwrap();
    wait("STATUS=1 of 1 chain ready");
    wait("WATCHDOG=1");
    service.signal(rustix::process::Signal::TERM);
    wait("STOPPING=1");
    assert_eq!(service.wait().code(), Some(0));
}

#[test]
fn a_watermark_that_cannot_be_written_is_told_and_mended() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    with_metrics(&home, "listen = \"127.0.0.1:0\"");
    home.init();
    let service = home.start();
    let at = address(&service);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    wait_for("ready", || get(&at, "/ready").0 == 200);
    let (state, aside) = (home.path().join("state.json"), home.path().join("aside"));
    fs::rename(&state, &aside).unwrap();
    assert!(!sign(&mut node, &home.key, 2, 1));
    let durable = "tmkms_chain_durable{chain_id=\"test-1\"}";
    let refused =
        "tmkms_refused_total{chain_id=\"test-1\",type=\"prevote\",reason=\"not_durable\"}";
    wait_for("a refusal", || scrape(&at)[refused] == 1.0);
    assert_eq!(scrape(&at)[durable], 0.0);
    let (code, text) = get(&at, "/ready");
    assert_eq!(code, 503);
    assert!(
        text.contains("test-1: ") && text.contains("state.json"),
        "{text}"
    );
    assert_eq!(get(&at, "/live").0, 200);
    let (_, html) = get(&at, "/");
    for words in [
        "not ready",
        "class=\"refused\" title=\"2 refused\"",
        "state.json",
    ] {
        assert!(html.contains(words), "no {words} in {html}");
    }
    service.wait_for_log("refused (not_durable)");
    fs::rename(&aside, &state).unwrap();
    wait_for("mended", || scrape(&at)[durable] == 1.0);
    assert!(sign(&mut node, &home.key, 2, 1));
    wait_for("ready again", || get(&at, "/ready").0 == 200);
}

/// The disk of one chain hangs within a flush, as strace makes it: 8 s, once.
#[test]
#[ignore = "needs strace, and takes 10 s"]
fn a_disk_that_hangs_marks_its_chain_and_no_other() {
    let (one, two) = (Listener::tcp().unwrap(), Listener::tcp().unwrap());
    let home = Home::new(&[one.address().unwrap()]);
    let other = Home::new(&[two.address().unwrap()]);
    home.init();
    let second = other
        .config()
        .replace("test-1", "test-2")
        .replace("state.json", "other.json")
        .replace("consensus.key", "other.key");
    fs::copy(
        other.path().join("consensus.key"),
        home.path().join("other.key"),
    )
    .unwrap();
    home.configure(&format!("{}{second}", home.config()));
    with_metrics(&home, "listen = \"127.0.0.1:0\"");
    let (code, text) = home.run(&["state", "init", "test-2", "--never-signed"]);
    assert_eq!(code, 0, "{text}");
    let service = home.start();
    let at = address(&service);
    let mut node = one.accept(PATIENCE).unwrap();
    let mut healthy = two.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let sign_healthy = |node: &mut tmkms::harness::Node, height| {
        let request = tmkms::harness::messages::Maker::new("test-2".parse().unwrap()).prevote(
            height,
            0,
            Some(1),
            height,
        );
        let answer = node.ask(&Ask::Sign(request)).unwrap();
        assert!(
            matches!(answer, tmkms::codec::node::Answer::Signed { .. }),
            "{answer:?}"
        );
    };
    sign_healthy(&mut healthy, 1);
    wait_for("ready", || get(&at, "/ready").0 == 200);
    let mut strace = std::process::Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-P"])
        .arg(home.path().join("state.json"))
        .args(["-e", "inject=fdatasync:delay_enter=8s:when=1", "-p"])
        .arg(service.child.id().to_string())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("strace is installed");
    wait_for("strace is attached", || {
        fs::read_to_string(format!("/proc/{}/status", service.child.id()))
            .unwrap()
            .lines()
            .any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    });
    std::thread::sleep(Duration::from_millis(300));
    let request = support::maker().prevote(2, 0, Some(1), 2);
    node.send(&Ask::Sign(request)).unwrap();
    let mut height = 1;
    wait_for("stuck", || {
        height += 1;
        sign_healthy(&mut healthy, height);
        get(&at, "/ready")
            .1
            .contains("test-1: stuck: a request has had no answer")
    });
    assert!(height > 10, "the other chain went on: {height}");
    assert_eq!(get(&at, "/ready?expect=test-2").0, 200);
    assert_eq!(get(&at, "/live").0, 200);
    assert_eq!(scrape(&at)["tmkms_chain_stuck{chain_id=\"test-1\"}"], 1.0);
    assert_eq!(scrape(&at)["tmkms_chain_stuck{chain_id=\"test-2\"}"], 0.0);
    service.wait_for_log("[test-1] stuck: a request has had no answer for");
    // The late signature does not leave; the chain answers again.
    assert!(node.receive().is_err());
    let mut node = one.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 3, 1));
    wait_for("ready again", || get(&at, "/ready").0 == 200);
    let late = "tmkms_refused_total{chain_id=\"test-1\",type=\"prevote\",reason=\"late\"}";
    assert_eq!(scrape(&at)[late], 1.0);
    service.wait_for_log("[test-1] answers again");
    let _ = strace.kill();
    let _ = strace.wait();
}
