//! HTTPS to a service that the operator named: etcd's gateway, the RPC of nodes, and whatever backend speaks JSON over TLS.
//!
//! What a signer needs and nothing else: one kept connection, a name that is asked for once, limits for every wait and for
//! every byte, only the certificate authority that the operator named, no redirects, no proxy from the environment, no
//! retry. Whether a request may have reached the service is part of each failure's type, because the caller's safety
//! hangs on it.

pub mod addresses;
pub mod certificate;
mod peer;
mod tls;
mod words;

use std::io::Read;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use addresses::Addresses;

pub use peer::certificate_of;
pub use tls::{Tls, TlsError};
pub use words::TlsWords;

/// The longest answer that is read where nothing else is said, in bytes.
pub const LONGEST_ANSWER: u64 = 64 * 1024;
/// The longest head of an answer, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// A connection that was not used for so long is not used again.
const IDLE: Duration = Duration::from_secs(600);

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the name to a connection with TLS.
    pub connect: Duration,
    /// The whole request, connection included.
    pub request: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The request did not leave: no address, no connection, or no TLS with whom the operator meant.
    #[error("{0}")]
    NotSent(String),
    /// Nobody knows whether the service acted on it.
    #[error("{0}")]
    Unknown(String),
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// No longer than was asked for.
    pub body: Vec<u8>,
    /// The service's clock, as its `Date` says it: since 1970-01-01 UTC, whole seconds.
    pub date: Option<Duration>,
}

/// One service at one address.
pub struct Client {
    agent: Agent,
    addresses: Addresses,
    base: String,
    /// Those of TLS, where it is spoken.
    words: Option<TlsWords>,
}

impl Client {
    /// For `base`, as `https://host:2379`, without a slash at the end. Without `tls` only `http://` is spoken.
    pub fn new(base: &str, tls: Option<&Tls>, limits: Limits) -> Self {
        let mut config = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .https_only(tls.is_some())
            .user_agent(concat!("tmkms/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .max_response_header_size(LONGEST_HEAD)
            .max_idle_connections(1)
            .max_idle_connections_per_host(1)
            .max_idle_age(IDLE)
            .timeout_connect(Some(limits.connect))
            .timeout_resolve(Some(limits.connect))
            .timeout_global(Some(limits.request));
        if let Some(tls) = tls {
            config = config.tls_config(
                TlsConfig::builder()
                    .provider(TlsProvider::Rustls)
                    .unversioned_rustls_crypto_provider(tls.provider())
                    .root_certs(RootCerts::Specific(tls.roots()))
                    .client_cert(tls.client())
                    .build(),
            );
        }
        let addresses = Addresses::new();
        Self {
            agent: addresses.agent(config.build()),
            addresses,
            base: base.to_owned(),
            words: tls.map(Tls::words),
        }
    }

    /// Sends JSON and reads the answer.
    ///
    /// # Errors
    /// No answer, and whether the request may have arrived. An answer of any status is not an error.
    pub fn post(
        &self,
        path: &str,
        authorization: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, Failure> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.base))
            .content_type("application/json");
        if let Some(token) = authorization {
            request = request.header("Authorization", token);
        }
        self.heard(read(
            request.send(body),
            LONGEST_ANSWER,
            self.words.as_ref(),
        ))
    }

    /// Asks for a page.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.get_up_to(path, None, LONGEST_ANSWER)
    }

    /// Asks for a page of at most `longest` bytes.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub fn get_up_to(
        &self,
        path: &str,
        authorization: Option<&str>,
        longest: u64,
    ) -> Result<Answer, Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = authorization {
            request = request.header("Authorization", token);
        }
        self.heard(read(request.call(), longest, self.words.as_ref()))
    }

    fn heard(&self, answer: Result<Answer, Failure>) -> Result<Answer, Failure> {
        if answer.is_err() {
            self.addresses.doubt();
        }
        answer
    }

    /// The service's address.
    pub fn base(&self) -> &str {
        &self.base
    }
}

fn read(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    longest: u64,
    words: Option<&TlsWords>,
) -> Result<Answer, Failure> {
    let mut answer = answer.map_err(|error| failure(error, words))?;
    let status = answer.status().as_u16();
    let date = answer.headers().get("date");
    let date = date.and_then(|date| certificate::http_date(date.to_str().ok()?));
    let mut body = Vec::new();
    answer
        .body_mut()
        .as_reader()
        .take(longest.saturating_add(1))
        .read_to_end(&mut body)
        .map_err(|error| Failure::Unknown(format!("its answer broke off: {error}")))?;
    if body.len() as u64 > longest {
        return Err(Failure::Unknown(format!(
            "its answer is longer than {longest} bytes"
        )));
    }
    Ok(Answer { status, body, date })
}

fn failure(error: ureq::Error, words: Option<&TlsWords>) -> Failure {
    use ureq::{Error, Timeout};
    match error {
        Error::HostNotFound => Failure::NotSent("its name has no address".to_owned()),
        Error::Timeout(Timeout::Resolve) => {
            Failure::NotSent("its name was not resolved in time".to_owned())
        }
        Error::Timeout(Timeout::Connect) => Failure::NotSent("no connection in time".to_owned()),
        Error::ConnectionFailed | Error::BadUri(_) | Error::RequireHttpsOnly(_) => {
            Failure::NotSent(error.to_string())
        }
        Error::Rustls(error) => Failure::NotSent(tls_words(&error, words)),
        Error::Io(error) => io_failure(&error, words),
        Error::Timeout(_) => Failure::Unknown("no answer in time".to_owned()),
        other => Failure::Unknown(other.to_string()),
    }
}

fn tls_words(error: &rustls::Error, words: Option<&TlsWords>) -> String {
    words.map_or_else(
        || format!("TLS: {error}"),
        |words| words::in_words(error, words),
    )
}

/// Errors of the connection reach us as those of input and output. Only what cannot come after a request has left is
/// taken for not sent.
fn io_failure(error: &std::io::Error, words: Option<&TlsWords>) -> Failure {
    use std::io::ErrorKind;
    if let Some(tls) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        let told = tls_words(tls, words);
        return match words::ends_a_handshake(tls) {
            true => Failure::NotSent(told),
            false => Failure::Unknown(told),
        };
    }
    // The standard library has no kind for it.
    if error
        .to_string()
        .starts_with("failed to lookup address information")
    {
        return Failure::NotSent("its name has no address".to_owned());
    }
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::AddrNotAvailable => Failure::NotSent(error.to_string()),
        // With TLS 1.3 its word about our certificate may come too late to be read.
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
            if words.is_some_and(|words| words.client.is_some()) =>
        {
            Failure::Unknown(format!(
                "the connection broke: {error}; a service that does not accept our client certificate ends it so"
            ))
        }
        // In the handshake, or after it: it is not said which.
        ErrorKind::UnexpectedEof if words.is_some() => Failure::Unknown(
            "it closed the connection without an answer; look whether TLS is spoken on this port, and at its log".to_owned(),
        ),
        _ => Failure::Unknown(format!("the connection broke: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::thread::JoinHandle;
    use std::time::Instant;

    use super::*;

    /// A service that reads a request's head and then does as told. Gives what the deed gave.
    fn service<T: Send + 'static>(
        deed: impl FnOnce(TcpStream) -> T + Send + 'static,
    ) -> (Client, JoinHandle<T>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let limits = Limits {
            connect: Duration::from_secs(1),
            request: Duration::from_secs(2),
        };
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).unwrap();
            deed(stream)
        });
        (Client::new(&base, None, limits), thread)
    }

    /// Writes until the other side has enough; gives how many bytes were taken, a gibibyte at most.
    fn flood(mut stream: TcpStream, piece: &[u8]) -> usize {
        let mut taken = 0;
        while taken < 1 << 30 {
            match stream.write(piece) {
                Ok(count) => taken += count,
                Err(_) => break,
            }
        }
        taken
    }

    #[test]
    fn an_answer_of_a_gibibyte_is_cut_short_and_says_nothing() {
        const MIB: usize = 1 << 20;
        let sized = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n";
        let endless = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n";
        let header = "HTTP/1.1 200 OK\r\nX-Long: ";
        let began = Instant::now();
        for head in [sized, endless, chunks, header] {
            let (client, thread) = service(move |mut stream| {
                stream.write_all(head.as_bytes()).unwrap();
                flood(stream, &[b'['; 64 * 1024])
            });
            let answer = client.post("/v3/kv/txn", None, b"{}");
            assert!(matches!(answer, Err(Failure::Unknown(_))), "{answer:?}");
            drop(client);
            let taken = thread.join().unwrap();
            // What lies in the system's buffers is taken without being read.
            assert!(taken < 64 * MIB, "{head:?}: {taken} bytes were taken");
        }
        assert!(began.elapsed() < Duration::from_secs(8));
    }

    #[test]
    fn an_answer_that_drips_is_given_up_in_time() {
        let (client, thread) = service(|mut stream| {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            while stream.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let began = Instant::now();
        let answer = client.post("/", None, b"{}");
        assert!(matches!(answer, Err(Failure::Unknown(_))), "{answer:?}");
        assert!(began.elapsed() < Duration::from_secs(4));
        drop(client);
        thread.join().unwrap();
    }

    #[test]
    fn a_redirect_is_an_answer_and_is_not_followed() {
        let (client, thread) = service(|mut stream| {
            let answer = "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
        });
        assert_eq!(client.post("/", None, b"{}").unwrap().status, 307);
        thread.join().unwrap();
    }

    #[test]
    fn only_what_cannot_come_after_a_request_left_is_not_sent() {
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let limits = Limits {
            connect: Duration::from_millis(300),
            request: Duration::from_millis(600),
        };
        for base in [
            format!("http://{closed}"),
            "http://no-such-host.invalid:2379".to_owned(),
        ] {
            let answer = Client::new(&base, None, limits).post("/", None, b"{}");
            assert!(matches!(answer, Err(Failure::NotSent(_))), "{answer:?}");
        }
        // It arrived, and nothing came.
        let (client, thread) = service(|stream| {
            std::thread::sleep(Duration::from_millis(2_500));
            drop(stream);
        });
        let answer = client.post("/", None, b"{}");
        assert!(matches!(answer, Err(Failure::Unknown(_))), "{answer:?}");
        thread.join().unwrap();
        // It arrived, and the connection ended before, and in the middle of, the answer.
        for part in ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"] {
            let (client, thread) = service(move |mut stream| {
                stream.write_all(part.as_bytes()).unwrap();
            });
            let answer = client.post("/", None, b"{}");
            assert!(matches!(answer, Err(Failure::Unknown(_))), "{answer:?}");
            thread.join().unwrap();
        }
    }
}
