//! The addresses of one service's name, asked for once and kept for as long as the service answers.
//!
//! ureq asks for them before each request, in a thread of its own, although the connection is open. So every vote would wait for
//! a resolver, and fail with one that is away.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// What is known of one service.
#[derive(Debug, Default)]
pub struct Addresses<R = DefaultResolver> {
    known: Arc<Mutex<KnownAddresses>>,
    resolver: Arc<R>,
}

#[derive(Debug, Default)]
struct KnownAddresses {
    addresses: Vec<SocketAddr>,
    /// The service answered there, and nothing failed since.
    good: bool,
}

impl Addresses {
    /// By the system's resolver.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<R: Resolver> Addresses<R> {
    /// An agent that talks to this one service.
    pub fn agent(&self, config: Config) -> Agent {
        let mine = Self {
            known: self.known.clone(),
            resolver: self.resolver.clone(),
        };
        Agent::with_parts(config, DefaultConnector::default(), mine)
    }

    /// A request failed: the name is asked for again before the next one.
    pub fn doubt(&self) {
        self.known.lock().good = false;
    }

    /// As many as came from a resolver, so there is room for them.
    fn kept(&self, known: &KnownAddresses) -> ResolvedSocketAddrs {
        let mut kept = self.empty();
        for address in &known.addresses {
            kept.push(*address);
        }
        kept
    }
}

impl<R: Resolver> Resolver for Addresses<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        {
            let known = self.known.lock();
            if known.good {
                return Ok(self.kept(&known));
            }
        }
        let found = self.resolver.resolve(uri, config, timeout);
        let mut known = self.known.lock();
        match found {
            Ok(found) => {
                known.addresses = found.to_vec();
                known.good = true;
                Ok(found)
            }
            // Where it was heard last is the best that is known; TLS says whether it is still there.
            Err(_) if !known.addresses.is_empty() => Ok(self.kept(&known)),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    /// A resolver that counts, and that can be away.
    #[derive(Debug, Default)]
    struct Counting {
        asked: AtomicUsize,
        away: AtomicBool,
    }

    impl Resolver for Counting {
        fn resolve(
            &self,
            uri: &Uri,
            config: &Config,
            timeout: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, ureq::Error> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            match self.away.load(Ordering::Relaxed) {
                true => Err(ureq::Error::HostNotFound),
                false => DefaultResolver::default().resolve(uri, config, timeout),
            }
        }
    }

    /// A service that answers everything, so many requests on each connection. Gives its port.
    fn service(each: usize) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                for _ in 0..each {
                    let mut head = [0; 4096];
                    if stream.read(&mut head).unwrap_or(0) == 0 {
                        break;
                    }
                    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        port
    }

    fn asked(addresses: &Addresses<Counting>) -> usize {
        addresses.resolver.asked.load(Ordering::Relaxed)
    }

    #[track_caller]
    fn get(agent: &Agent, port: u16) {
        let mut answer = agent
            .get(format!("http://localhost:{port}/"))
            .call()
            .unwrap();
        assert_eq!(answer.body_mut().read_to_string().unwrap(), "ok");
    }

    #[test]
    fn a_name_is_asked_for_once_while_the_service_answers_and_again_after_a_doubt() {
        let port = service(usize::MAX);
        let addresses = Addresses::<Counting>::default();
        let agent = addresses.agent(Config::default());
        for _ in 0..10 {
            get(&agent, port);
        }
        assert_eq!(asked(&addresses), 1);
        addresses.doubt();
        for _ in 0..10 {
            get(&agent, port);
        }
        assert_eq!(asked(&addresses), 2);
    }

    #[test]
    fn a_resolver_that_is_away_ends_nothing_that_was_heard_before() {
        // One request on each connection, so that each is a new one.
        let port = service(1);
        let addresses = Addresses::<Counting>::default();
        addresses.resolver.away.store(true, Ordering::Relaxed);
        let agent = addresses.agent(Config::default());
        let never = agent.get(format!("http://localhost:{port}/")).call();
        assert!(matches!(never, Err(ureq::Error::HostNotFound)), "{never:?}");
        addresses.resolver.away.store(false, Ordering::Relaxed);
        get(&agent, port);
        addresses.resolver.away.store(true, Ordering::Relaxed);
        for _ in 0..3 {
            addresses.doubt();
            // The connection of before has ended, and that may be seen only now.
            std::thread::sleep(std::time::Duration::from_millis(20));
            get(&agent, port);
        }
        assert_eq!(asked(&addresses), 5);
    }
}
