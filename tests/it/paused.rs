//! The real binary, stopped while requests wait for it: what waited too long is not signed (W16).

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::home::{Home, PATIENCE, Running, sign};
use crate::support::maker;
use rustix::process::Signal;
use tmkms::codec::frame::Decoder;
use tmkms::codec::node::{self, Answer, Ask};
use tmkms::harness::Listener;
use tmkms::link::Address;

/// Longer than a request may wait.
const LONG: Duration = Duration::from_secs(6);

fn stopped(service: &Running, time: Duration, meanwhile: impl FnOnce()) {
    service.signal(Signal::STOP);
    // One thread takes the signal and stops the others; on a busy host that may be a while later.
    let began = Instant::now();
    while !all_threads_stand_still(service) {
        assert!(began.elapsed() < PATIENCE);
        sleep(Duration::from_millis(1));
    }
    let began = Instant::now();
    meanwhile();
    sleep(time.saturating_sub(began.elapsed()));
    service.signal(Signal::CONT);
}

fn all_threads_stand_still(service: &Running) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{}/task", service.child.id())).unwrap();
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

/// A node at a Unix socket, whose bytes are those of its requests.
struct Raw {
    listener: UnixListener,
    stream: UnixStream,
}

fn raw(folder: &std::path::Path) -> (UnixListener, Address) {
    let path = folder.join("privval.sock");
    (UnixListener::bind(&path).unwrap(), Address::Unix(path))
}

impl Raw {
    fn again(&mut self) {
        self.stream = self.listener.accept().unwrap().0;
    }

    /// All that comes until the other side hangs up or says nothing more for a while.
    fn rest(&mut self) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        let patience = Duration::from_secs(2);
        self.stream.set_read_timeout(Some(patience)).unwrap();
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return (bytes, true),
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return (bytes, false),
                // Bytes of ours that nobody read.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return (bytes, true),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn request(height: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let ask = Ask::Sign(maker().prevote(height, 0, Some(1), height));
    node::encode(&ask, &mut bytes);
    bytes
}

/// How many signatures are in these bytes.
fn signatures(bytes: &[u8]) -> usize {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    let mut count = 0;
    while let Some(frame) = decoder.next_frame().unwrap() {
        count += usize::from(matches!(
            node::decode(frame).unwrap(),
            Answer::Signed { .. }
        ));
    }
    count
}

#[test]
fn a_request_that_waited_for_a_stopped_process_is_not_signed() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    stopped(&service, LONG, || {
        node.send(&Ask::Sign(maker().prevote(2, 0, Some(1), 2)))
            .unwrap();
    });
    let answer = node.receive();
    assert!(answer.is_err(), "{answer:?}");
    // It is dialled again at once; the height is not used up, and nothing stands in the way of another vote.
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 2, 2));
    service.wait_for_log("link ended: this host or process was stopped");
}

#[test]
fn neither_is_one_whose_first_half_came_before() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, address) = raw(folder.path());
    let home = Home::new(&[address]);
    home.init();
    let service = home.start();
    let stream = listener.accept().unwrap().0;
    let mut node = Raw { listener, stream };
    let bytes = request(1);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    node.stream.write_all(first).unwrap();
    sleep(Duration::from_millis(300));
    stopped(&service, LONG, || node.stream.write_all(second).unwrap());
    let (answer, closed) = node.rest();
    assert_eq!((signatures(&answer), closed), (0, true));
    node.again();
    node.stream.write_all(&bytes).unwrap();
    assert_eq!(signatures(&node.rest().0), 1);
}

#[test]
fn neither_are_several_that_came_in_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, address) = raw(folder.path());
    let home = Home::new(&[address]);
    home.init();
    let service = home.start();
    let stream = listener.accept().unwrap().0;
    let mut node = Raw { listener, stream };
    stopped(&service, LONG, || {
        let all: Vec<u8> = (1..20).flat_map(request).collect();
        node.stream.write_all(&all).unwrap();
    });
    let (answer, closed) = node.rest();
    assert_eq!((signatures(&answer), closed), (0, true));
    node.again();
    node.stream.write_all(&request(1)).unwrap();
    assert_eq!(signatures(&node.rest().0), 1, "none of them was used up");
}

#[test]
fn a_link_that_was_quiet_is_dialled_anew_so_that_the_next_request_is_answered() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    stopped(&service, LONG, || {});
    let began = Instant::now();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    assert!(sign(&mut node, &home.key, 2, 1));
    service.has_times(1, "link ended");
}

#[test]
fn a_stop_of_a_second_costs_neither_vote_nor_link() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let request = maker().prevote(2, 0, Some(1), 2);
    stopped(&service, Duration::from_secs(1), || {
        node.send(&Ask::Sign(request)).unwrap();
    });
    let answer = node.receive().unwrap();
    assert!(matches!(answer, Answer::Signed { .. }), "{answer:?}");
    assert!(sign(&mut node, &home.key, 3, 1));
    assert!(!service.log().contains("link ended"));
}

#[test]
fn wherever_in_a_vote_the_process_is_stopped_no_signature_is_late() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let service = home.start();
    let mut height = 0;
    for round in 0..4 {
        // Two threads may notice one pause, and the second of them ends the link that was made after it.
        let mut links = (0..3).map(|_| listener.accept(PATIENCE));
        let mut node = links.find_map(Result::ok).unwrap();
        let (stop, pid) = (round * 7 + 20, service.child.id());
        let stopper = std::thread::spawn(move || {
            let process = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
            sleep(Duration::from_millis(stop));
            rustix::process::kill_process(process, Signal::STOP).unwrap();
            sleep(Duration::from_millis(4_300));
            rustix::process::kill_process(process, Signal::CONT).unwrap();
        });
        // Votes without a pause, so that the stop meets one in the socket, at the disk or on its way out.
        loop {
            height += 1;
            let began = Instant::now();
            let request = maker().prevote(height, 0, Some(1), height);
            match node.ask(&Ask::Sign(request)) {
                Ok(answer) => {
                    assert!(matches!(answer, Answer::Signed { .. }), "{answer:?}");
                    assert!(began.elapsed() < Duration::from_millis(4_000));
                }
                Err(_) => break,
            }
        }
        stopper.join().unwrap();
    }
}
