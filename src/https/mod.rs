//! HTTPS to a service of the operator's own: etcd's gateway, and whatever backend speaks JSON over TLS.
//!
//! What a signer needs and nothing else: one kept connection, limits for every wait and for every byte, only the
//! certificate authority that the operator named, no redirects, no proxy from the environment, no retry. Whether a
//! request may have reached the service is part of each failure's type, because the caller's safety hangs on it.

pub mod certificate;
mod peer;
mod tls;

use std::io::Read;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

pub use peer::certificate_of;
pub use tls::{Tls, TlsError};

/// The longest answer that is read, in bytes.
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
    /// At most [`LONGEST_ANSWER`] bytes.
    pub body: Vec<u8>,
    /// The service's clock, as its `Date` says it: since 1970-01-01 UTC, whole seconds.
    pub date: Option<Duration>,
}

/// One service at one address.
pub struct Client {
    agent: Agent,
    base: String,
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
        Self {
            agent: config.build().new_agent(),
            base: base.to_owned(),
        }
    }

    /// Sends JSON and reads the answer.
    ///
    /// # Errors
    /// No answer, and whether the request may have arrived. An answer of any status is no error.
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
        read(request.send(body))
    }

    /// Asks for a page.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub fn get(&self, path: &str) -> Result<Answer, Failure> {
        read(self.agent.get(format!("{}{path}", self.base)).call())
    }

    /// The service's address.
    pub fn base(&self) -> &str {
        &self.base
    }
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, Failure> {
    let mut answer = answer.map_err(failure)?;
    let status = answer.status().as_u16();
    let date = answer.headers().get("date");
    let date = date.and_then(|date| certificate::http_date(date.to_str().ok()?));
    let mut body = Vec::new();
    answer
        .body_mut()
        .as_reader()
        .take(LONGEST_ANSWER + 1)
        .read_to_end(&mut body)
        .map_err(|error| Failure::Unknown(format!("its answer broke off: {error}")))?;
    if body.len() as u64 > LONGEST_ANSWER {
        return Err(Failure::Unknown(format!(
            "its answer is longer than {LONGEST_ANSWER} bytes"
        )));
    }
    Ok(Answer { status, body, date })
}

fn failure(error: ureq::Error) -> Failure {
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
        Error::Rustls(error) => Failure::NotSent(tls::in_words(&error)),
        Error::Io(error) => io_failure(&error),
        Error::Timeout(_) => Failure::Unknown("no answer in time".to_owned()),
        other => Failure::Unknown(other.to_string()),
    }
}

/// Errors of the connection reach us as those of input and output. Only what cannot come after a request has left is
/// taken for not sent.
fn io_failure(error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    if let Some(tls) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        let words = tls::in_words(tls);
        return match tls::ends_a_handshake(tls) {
            true => Failure::NotSent(words),
            false => Failure::Unknown(words),
        };
    }
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::AddrNotAvailable => Failure::NotSent(error.to_string()),
        // With TLS 1.3 its word about our certificate may come too late to be read.
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Failure::Unknown(format!(
            "the connection broke: {error}; a service that does not accept our client certificate ends it so"
        )),
        _ => Failure::Unknown(format!("the connection broke: {error}")),
    }
}
