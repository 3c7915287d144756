//! A wire between a signer and a member, or between members, that can be cut in every way.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

/// What a wire does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Wire {
    /// Carries everything.
    Whole,
    /// Takes no connection, and breaks those that are there.
    Refuses,
    /// Takes everything and carries nothing.
    Hole,
    /// Carries requests, and breaks when the reply comes.
    CutsBeforeReply,
    /// Carries requests and the first bytes of the reply, then breaks.
    CutsInReply,
    /// Carries requests and swallows replies.
    OneWay,
    /// Carries replies late.
    Slow,
    /// Carries everything a millisecond late, as between sites.
    Far,
}

pub const FAULTS: [Wire; 6] = [
    Wire::Refuses,
    Wire::Hole,
    Wire::CutsBeforeReply,
    Wire::CutsInReply,
    Wire::OneWay,
    Wire::Slow,
];

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    mode: Arc<AtomicU8>,
}

impl Proxy {
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let mode = Arc::new(AtomicU8::new(0));
        let proxy = Self { port, mode };
        let mine = proxy.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mine = mine.clone();
                thread::spawn(move || mine.carry(client, target));
            }
        });
        proxy
    }

    pub fn set(&self, wire: Wire) {
        self.mode.store(wire as u8, Ordering::SeqCst);
    }

    fn is(&self, wire: Wire) -> bool {
        self.mode.load(Ordering::SeqCst) == wire as u8
    }

    fn carry(&self, client: TcpStream, target: u16) {
        if self.is(Wire::Refuses) {
            return;
        }
        let at = SocketAddr::from(([127, 0, 0, 1], target));
        let Ok(server) = TcpStream::connect_timeout(&at, Duration::from_secs(1)) else {
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone()) else {
            return;
        };
        let mine = self.clone();
        let back = thread::spawn(move || mine.pump(server, client, true));
        self.pump(from, to, false);
        let _ = back.join();
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, is_reply: bool) {
        let _ = from.set_read_timeout(Some(Duration::from_millis(50)));
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer);
            if self.is(Wire::Refuses) {
                break;
            }
            let count = match read {
                Ok(0) => break,
                Ok(count) => count,
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) =>
                {
                    continue;
                }
                Err(_) => break,
            };
            if self.is(Wire::Hole) || (is_reply && self.is(Wire::OneWay)) {
                continue;
            }
            if is_reply && self.is(Wire::CutsBeforeReply) {
                break;
            }
            if self.is(Wire::Far) {
                thread::sleep(Duration::from_millis(1));
            }
            if is_reply && self.is(Wire::Slow) {
                thread::sleep(Duration::from_millis(120));
            }
            let cut = is_reply && self.is(Wire::CutsInReply);
            let part = if cut { count / 2 } else { count };
            if to.write_all(&buffer[..part]).is_err() || cut {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}
