//! What the service serves over HTTP, asked for as simply as can be.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::home::{Home, PATIENCE, Running};

/// Asks for a path; the status code and all that follows the header.
pub fn get(address: &str, path: &str) -> (u16, String) {
    let (head, body) = ask(
        address,
        &format!(
            "GET {path} HTTP/1.1\r\nHost: tmkms\r\nAccept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n\r\n"
        ),
    );
    let code = head.split(' ').nth(1).unwrap_or("0").parse().unwrap_or(0);
    (code, body)
}

pub fn ask(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_owned(), body.to_owned())
}

/// The samples of a scrape.
pub fn scrape(address: &str) -> BTreeMap<String, f64> {
    let (code, text) = get(address, "/metrics");
    assert_eq!(code, 200);
    assert!(text.ends_with("# EOF\n"), "not complete");
    samples(&text)
}

pub fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn with_metrics(home: &Home, lines: &str) {
    home.configure(&format!("[metrics]\n{lines}\n{}", home.config()));
}

/// Where the service says that it listens.
pub fn address(service: &Running) -> String {
    let words = "a status page at http://";
    service.wait_for_log(words);
    let log = service.log();
    let rest = log.split(words).nth(1).unwrap();
    rest.split('/').next().unwrap().to_owned()
}
