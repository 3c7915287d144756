//! The addresses of a node's name, without waiting for a resolver that does not answer.
//!
//! A look-up runs on a thread of its own, because the system's resolver may hold its caller for half a minute. A link waits
//! for one second at most and goes on with what it knew before. At most two look-ups of a link are under way: the second
//! when the first one's packet may be lost.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::{Duration, Instant};

use crate::threads::{STACK, spawn};

use super::error::LinkError;

/// How long a link waits for a look-up.
pub const LOOK_UP: Duration = Duration::from_secs(1);
/// How many look-ups of one link may be under way.
const MOST: usize = 2;

/// Finds the addresses of a name. May take as long as it likes.
pub trait Resolve: Send + Sync {
    /// The addresses, the preferred one first.
    ///
    /// # Errors
    /// What the resolver says.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }
}

/// What one link knows of its node's addresses.
pub struct Names {
    host: String,
    port: u16,
    resolver: Arc<dyn Resolve>,
    /// What the last look-up that ended well said, in the order in which they are tried.
    known: Vec<SocketAddr>,
    /// The address of the last link, as long as the name has it.
    worked: Option<SocketAddr>,
    under_way: Vec<LookUp>,
}

struct LookUp {
    begun: Instant,
    answer: Receiver<io::Result<Vec<SocketAddr>>>,
}

impl Names {
    /// Nothing is looked up yet; an IP address never is.
    pub fn new(host: &str, port: u16, resolver: Arc<dyn Resolve>) -> Self {
        let literal = host.parse::<IpAddr>().ok();
        Self {
            host: host.to_owned(),
            port,
            resolver,
            known: literal
                .map(|ip| SocketAddr::new(ip, port))
                .into_iter()
                .collect(),
            worked: None,
            under_way: Vec::new(),
        }
    }

    /// Whether the host is a name and not an address.
    fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }

    /// Begins to look the name up, unless that is under way. Gives the address that worked last, to be tried meanwhile.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn begin(&mut self) -> io::Result<Option<SocketAddr>> {
        if self.is_name() {
            // An answer that came after the last dial counts.
            let _ = self.collect();
            let young = |look_up: &LookUp| look_up.begun.elapsed() < LOOK_UP;
            if !self.under_way.iter().any(young) && self.under_way.len() < MOST {
                self.look_up()?;
            }
        }
        Ok(self.worked)
    }

    fn look_up(&mut self) -> io::Result<()> {
        let (tell, answer) = channel();
        let (resolver, host, port) = (self.resolver.clone(), self.host.clone(), self.port);
        // A module of the system's resolver may need any stack; so far this one was enough.
        spawn("resolve", STACK, move || {
            // The link may be gone by then.
            let _ = tell.send(resolver.resolve(&host, port));
        })?;
        self.under_way.push(LookUp {
            begun: Instant::now(),
            answer,
        });
        Ok(())
    }

    /// All addresses, those that were not tried for longest first; `tried` is left out. Waits for the look-up that
    /// [`Names::begin`] began, and takes what was known before where it fails or does not end in time.
    ///
    /// # Errors
    /// Why no address is known.
    pub fn addresses(&mut self, tried: Option<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
        let failed = match self.is_name() {
            true => self.wait(),
            false => None,
        };
        if self.known.is_empty() {
            return Err(failed.unwrap_or_else(|| io::Error::other("the name has no address")));
        }
        let addresses = self.known.iter().copied();
        Ok(addresses
            .filter(|address| Some(*address) != tried)
            .collect())
    }

    /// Waits for the youngest look-up; why it brought nothing, if so.
    fn wait(&mut self) -> Option<io::Error> {
        let Some(look_up) = self.under_way.pop() else {
            return self.collect();
        };
        let left = LOOK_UP.saturating_sub(look_up.begun.elapsed());
        match look_up.answer.recv_timeout(left) {
            Ok(answer) => self.learn(answer),
            Err(RecvTimeoutError::Disconnected) => Some(io::Error::other("the look-up failed")),
            Err(RecvTimeoutError::Timeout) => {
                self.under_way.push(look_up);
                // An older one may have come to its end meanwhile.
                self.collect();
                let seconds = LOOK_UP.as_secs();
                Some(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("the resolver did not answer within {seconds} s"),
                ))
            }
        }
    }

    /// Takes what has been found meanwhile.
    fn collect(&mut self) -> Option<io::Error> {
        let mut failed = None;
        let mut left = Vec::new();
        for look_up in std::mem::take(&mut self.under_way) {
            match look_up.answer.try_recv() {
                Ok(answer) => failed = self.learn(answer),
                Err(TryRecvError::Empty) => left.push(look_up),
                Err(TryRecvError::Disconnected) => {}
            }
        }
        self.under_way = left;
        failed
    }

    fn learn(&mut self, answer: io::Result<Vec<SocketAddr>>) -> Option<io::Error> {
        match answer {
            Ok(found) if found.is_empty() => {
                return Some(io::Error::other("the name has no address"));
            }
            Ok(mut found) => {
                found.dedup();
                let same = found.len() == self.known.len()
                    && found.iter().all(|address| self.known.contains(address));
                // The same addresses keep their order: the ones that failed stand at its end.
                if !same {
                    self.known = found;
                }
            }
            Err(error) => return Some(error),
        }
        self.worked = self.worked.filter(|address| self.known.contains(address));
        None
    }

    /// A link was made to this address.
    pub fn worked(&mut self, address: SocketAddr) {
        self.worked = Some(address);
    }

    /// No link was made to this address: the others come first the next time.
    pub fn failed(&mut self, address: SocketAddr) {
        self.worked = self.worked.filter(|worked| *worked != address);
        if let Some(at) = self.known.iter().position(|known| *known == address) {
            let address = self.known.remove(at);
            self.known.push(address);
        }
    }

    /// That no address is known.
    pub(super) fn unresolved(&self, source: io::Error) -> LinkError {
        LinkError::Resolve {
            host: self.host.clone(),
            source,
        }
    }

    /// Whether a link to this address is still one to this name, as far as is known. It is looked up meanwhile.
    pub(super) fn still_has(&mut self, address: Option<SocketAddr>) -> bool {
        match self.begin() {
            Ok(worked) => worked == address,
            // Without a thread nothing is known that was not before.
            Err(_) => true,
        }
    }

    /// How many look-ups are under way.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }
}
