//! A connector's HTTP: `POST /connector/api` carries a frame, `GET /connector/status` says whether a device is there.
//!
//! Source: Yubico's yubihsm-connector, "API". The deadline covers name, connection, request and reply together.

use std::time::{Duration, Instant};

use ureq::Agent;

use crate::backends::yubihsm::protocol::error::ErrorKind;
use crate::backends::yubihsm::protocol::frame;
use crate::https::addresses::Addresses;
use crate::text::excerpt::brief_of;

use super::exchange::{Transport, left};

/// The longest words of an error, in bytes.
const LONGEST_ERROR: usize = 200;

/// The answer to a host name that is not on the connector's list (`--enable-host-header-allowlist`).
const FORBIDDEN: u16 = 403;

/// A connector.
pub struct Http {
    address: String,
    agent: Agent,
}

impl Http {
    /// A connector at `host:port`.
    pub fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            agent: agent(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/connector/{path}", self.address)
    }

    /// What is behind an answer that is not 200: mostly no device.
    fn why(&self, status: u16, time: Duration) -> ErrorKind {
        if status == FORBIDDEN {
            return ErrorKind::HostRefused(host(&self.address).to_owned());
        }
        let request = self.agent.get(self.url("status")).config();
        let answer = request.timeout_global(Some(time)).build().call();
        let text = answer.and_then(|mut answer| {
            let body = answer.body_mut().with_config().limit(4096);
            body.read_to_string()
        });
        match text {
            Ok(text) if text.contains("NO_DEVICE") => ErrorKind::AbsentThere,
            Ok(text) if text.contains("status=OK") => ErrorKind::ConnectorFailed(status),
            Err(ureq::Error::Timeout(_)) => ErrorKind::Late,
            _ => ErrorKind::NoConnector(format!("it answered with HTTP status {status}")),
        }
    }
}

/// The host of `host:port`.
fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

impl Transport for Http {
    fn exchange(&mut self, frame: &[u8], until: Instant) -> Result<Vec<u8>, ErrorKind> {
        let request = self
            .agent
            .post(self.url("api"))
            .content_type("application/octet-stream")
            .config()
            .timeout_global(Some(left(until)?))
            .build();
        let mut answer = request.send(frame).map_err(failed)?;
        if answer.status() != 200 {
            return Err(self.why(answer.status().as_u16(), left(until)?));
        }
        let limit = u64::try_from(frame::LONGEST).unwrap_or(u64::MAX);
        let body = answer.body_mut().with_config().limit(limit);
        body.read_to_vec().map_err(failed)
    }

    fn forget(&mut self) {
        self.agent = agent();
    }
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // A proxy of the environment has no business between a signer and its device.
        .proxy(None)
        .max_redirects(0)
        .max_idle_connections(1)
        .user_agent(concat!("tmkms/", env!("CARGO_PKG_VERSION")))
        .build();
    // After a failure there is a new agent, which asks for the name again.
    Addresses::new().agent(config)
}

fn failed(error: ureq::Error) -> ErrorKind {
    match error {
        ureq::Error::Timeout(_) => ErrorKind::Late,
        // What speaks there may be no connector, and its answer may stand in the error.
        other => ErrorKind::NoConnector(brief_of(format_args!("{other}"), LONGEST_ERROR)),
    }
}
