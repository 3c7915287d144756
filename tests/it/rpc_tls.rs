//! Nodes that are asked by https: one with a good certificate is believed, and each wrong one is told with what to do, while votes
//! are signed as ever.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::Value;

use crate::support::fake_rpc::{FakeRpc, Mood};
use crate::support::home::sign;
use crate::support::http::wait_for;
use crate::support::world::World;

/// Where the certificates are: `tests/tls/README.md`.
fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tls")
        .join(name);
    path.display().to_string()
}

/// A server with this certificate, which asks for one of the client's where `asks` says so.
fn server(name: &str, asks: bool) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_file_iter(file(name)).unwrap();
    let chain: Vec<_> = chain.map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(file(name)).unwrap();
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match asks {
        false => builder.with_no_client_auth(),
        true => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_file(file("ca.crt")).unwrap())
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

/// The port of something that hears what a client says first and then does this with the connection.
fn after_hello(deed: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, deed) = (stream.unwrap(), deed.clone());
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                deed(stream);
            });
        }
    });
    port
}

/// Asks these nodes, and gives what `status` says of them once each has answered or failed. Votes are signed all the while.
fn asked(world: &mut World, height: &mut i64, ca: Option<&str>, urls: &[String]) -> Value {
    let text = world.home.config();
    let lines = text.lines().filter(|line| !line.starts_with("rpc"));
    let text = lines.map(|line| format!("{line}\n")).collect::<String>();
    let ca = ca.map_or_else(String::new, |ca| format!("rpc_ca_file = {:?}\n", file(ca)));
    let section = format!("[[chain]]\nrpc = {urls:?}\n{ca}");
    world
        .home
        .configure(&text.replacen("[[chain]]\n", &section, 1));
    let (_, told) = world.reload();
    assert!(told.contains("`rpc` changed"), "{told}");
    let mut found = Value::Null;
    wait_for("a word of each node", || {
        let began = Instant::now();
        *height += 1;
        assert!(sign(&mut world.node, &world.home.key, *height, 1));
        // Nothing waits for a node: those that hang do so for 5 s.
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
        let (_, text) = world.home.run(&["status", "--json"]);
        let status: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        found = status["chains"][0]["rpc"]["endpoints"].clone();
        let known = |node: &Value| !node["trouble"].is_null() || !node["height"].is_null();
        found
            .as_array()
            .is_some_and(|all| all.len() == urls.len() && all.iter().all(known))
    });
    found
}

fn https(port: u16) -> String {
    format!("https://127.0.0.1:{port}")
}

#[test]
fn a_certificate_is_judged_and_told_and_no_vote_waits_for_it() {
    let mut world = World::signing();
    let mut height = 1;
    let key = world.home.key.clone();
    let node = |name| FakeRpc::start_with(key.clone(), Mood::Honest, Some(server(name, false)));
    let [good, other_name, expired] = ["good.pem", "other-name.pem", "expired.pem"].map(node);
    let plain = FakeRpc::start(key.clone(), Mood::Honest);
    let closes = after_hello(drop);
    let ports = [good.port, other_name.port, expired.port, plain.port, closes];
    let urls = ports.map(https);
    let told = asked(&mut world, &mut height, Some("ca.crt"), &urls);
    assert_eq!(
        (&told[0]["trouble"], &told[0]["height"]),
        (&Value::Null, &1.into()),
        "{told}"
    );
    let words = [
        "its certificate is for another name (DnsName(\"rpc.example.com\")); the name in `rpc` must be one of its subjectAltNames",
        "its certificate has expired, at 2021-01-01T00:00:00Z (or this host's clock is wrong); it must be renewed there",
        "what answers there speaks no TLS; `https://` needs the port on which it does",
        "it closed the connection without an answer; look whether TLS is spoken on this port, and at its log",
    ];
    for (index, words) in (1..).zip(words) {
        assert_eq!(told[index]["trouble"], words, "{told}");
        // Chain, node and remedy are one line.
        let line = format!("[test-1] the RPC of {} is not used: {words}", urls[index]);
        world.service.wait_for_log(&line);
    }
    assert!(
        good.chain
            .lock()
            .unwrap()
            .heard
            .iter()
            .any(|head| head.contains("GET /status"))
    );
    // Nothing is asked of those that are not believed.
    for node in [&other_name, &expired, &plain] {
        assert_eq!(
            node.chain
                .lock()
                .unwrap()
                .heard
                .iter()
                .filter(|head| head.contains("GET "))
                .count(),
            0
        );
    }

    // Another authority, a node by name, one that hangs in the handshake, one that breaks off in it, and one that wants a certificate.
    let hangs = after_hello(|_stream| std::thread::sleep(Duration::from_secs(20)));
    let half = after_hello(|mut stream| {
        let _ = stream.write_all(&[0x16, 3, 3, 0, 0x7a, 2, 0, 0]);
    });
    let wants = FakeRpc::start_with(key.clone(), Mood::Honest, Some(server("good.pem", true)));
    let urls = [
        https(good.port),
        https(hangs),
        https(half),
        format!("https://localhost:{}", wants.port),
        format!("http://127.0.0.1:{}", good.port),
    ];
    let told = asked(&mut world, &mut height, Some("other-ca.crt"), &urls);
    let unknown = "its certificate was not issued by the authority in `rpc_ca_file`; put there the one that issued it";
    assert_eq!(told[0]["trouble"], unknown, "{told}");
    assert_eq!(told[3]["trouble"], unknown, "{told}");
    let text = told.to_string();
    for words in [
        "no connection in time",
        "it closed the connection without an answer",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(told[4]["trouble"].is_string(), "{told}");

    // A name, and the authorities of this host; a client certificate.
    let urls = [https(good.port), format!("https://localhost:{}", good.port)];
    let told = asked(&mut world, &mut height, None, &urls);
    let trouble = told[0]["trouble"].as_str().unwrap_or_default();
    assert!(
        trouble.contains("name its authority in `rpc_ca_file`")
            || trouble.contains("this host has no certificates of authorities"),
        "{told}"
    );
    let urls = [
        https(wants.port),
        format!("https://localhost:{}", good.port),
    ];
    let told = asked(&mut world, &mut height, Some("ca.crt"), &urls);
    let trouble = told[0]["trouble"].as_str().unwrap_or_default();
    assert!(
        trouble.contains("it asks for a client certificate"),
        "{told}"
    );
    assert_eq!(
        (&told[1]["trouble"], &told[1]["height"]),
        (&Value::Null, &1.into()),
        "{told}"
    );
}
