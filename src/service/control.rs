//! The control socket: tells what the service does to whoever may open its socket, its own user.
//!
//! On a thread of its own; one question a connection. Nothing here can change anything.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::chain::Chain;
use crate::config::{ChainConfig, Config};
use crate::consensus::PublicKey;
use crate::observe::board::Board;
use crate::observe::status::{ChainStatus, LinkStatus, Status};
use crate::os::unix_socket::{OwnedListener, connect};

/// How long one question and its answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest question in bytes.
const LONGEST: usize = 64;
/// The longest answer in bytes: 1,000 chains with long troubles.
const LONGEST_ANSWER: u64 = 16 * 1024 * 1024;

/// What the answer is made from.
pub(super) struct Known {
    pub config: String,
    pub started: Instant,
    pub chains: Vec<KnownChain>,
}

/// One chain of the configuration.
pub(super) struct KnownChain {
    pub id: String,
    pub key: String,
    pub public_key: Option<(PublicKey, String)>,
    pub state_file: String,
    /// The chain, or why it is not served at all.
    pub chain: Result<Arc<Chain>, String>,
    pub links: Vec<(String, Board)>,
}

impl KnownChain {
    pub fn new(config: &ChainConfig, chain: Result<Arc<Chain>, String>) -> Self {
        let public_key = chain
            .as_ref()
            .ok()
            .and_then(|chain| chain.public_key())
            .map(|key| (key, config.key_format.show(&key)));
        Self {
            id: config.id.to_string(),
            key: config.key.describe(),
            public_key,
            state_file: config.state_file.display().to_string(),
            chain,
            links: Vec::new(),
        }
    }

    fn status(&self) -> ChainStatus {
        let view = self.chain.as_ref().ok().and_then(|chain| chain.view());
        let trouble = match (&self.chain, &view) {
            (Err(why), _) => Some(why.clone()),
            (Ok(chain), None) => Some(chain.why_unarmed().map_or_else(
                || "its gate is busy; the disk or the device may be stuck".to_owned(),
                str::to_owned,
            )),
            (Ok(chain), Some(view)) => view.broken.clone().or_else(|| chain.key_trouble()),
        };
        let last = view.and_then(|view| view.last);
        ChainStatus {
            id: self.id.clone(),
            armed: matches!(&self.chain, Ok(chain) if chain.why_unarmed().is_none()),
            trouble,
            key: self.key.clone(),
            public_key: self.public_key.as_ref().map(|(_, text)| text.clone()),
            address: self
                .public_key
                .as_ref()
                .map(|(key, _)| key.address().to_string()),
            watermark: last.map(|hrs| hrs.to_string()),
            height: last.map_or(0, |hrs| hrs.height.get()),
            state_file: self.state_file.clone(),
            links: self
                .links
                .iter()
                .map(|(addr, board)| LinkStatus::of(addr.clone(), &board.facts()))
                .collect(),
        }
    }
}

impl Known {
    fn status(&self) -> Status {
        Status {
            version: crate::VERSION.to_owned(),
            commit: crate::COMMIT.to_owned(),
            pid: std::process::id(),
            uptime_seconds: self.started.elapsed().as_secs(),
            config: self.config.clone(),
            chains: self.chains.iter().map(KnownChain::status).collect(),
        }
    }
}

/// Begins to answer. Without a socket the service signs all the same, so trouble is a warning.
pub(super) fn serve(config: &Config, known: Known) -> Option<OwnedListener> {
    let path = &config.control;
    let told = |error: io::Error| {
        warn!(
            "`tmkms status` cannot be answered at {}: {error}; name a path that this user may create in `control_socket`",
            path.display()
        );
    };
    let owned = OwnedListener::bind(path).map_err(told).ok()?;
    let listener = owned.listener.try_clone().map_err(told).ok()?;
    std::thread::Builder::new()
        .name("control".to_owned())
        .stack_size(super::STACK)
        .spawn(move || {
            for stream in listener.incoming() {
                match stream {
                    // Whoever asks and goes away is no matter of ours.
                    Ok(stream) => drop(answer(stream, &known)),
                    // Too many open files, for instance: it passes, and must not become a busy loop.
                    Err(_) => std::thread::sleep(Duration::from_millis(100)),
                }
            }
        })
        .map_err(told)
        .ok()?;
    Some(owned)
}

fn answer(mut stream: UnixStream, known: &Known) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut question = Vec::new();
    let mut byte = [0];
    while question.len() < LONGEST && stream.read(&mut byte)? == 1 && byte != *b"\n" {
        question.extend_from_slice(&byte);
    }
    let text = match question.as_slice() {
        b"status" => serde_json::to_vec(&known.status())?,
        _ => br#"{"error":"the only question is `status`"}"#.to_vec(),
    };
    stream.write_all(&text)
}

/// Asks the service that belongs to a configuration.
pub fn ask(path: &Path) -> io::Result<Status> {
    let mut stream = connect(path)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"status\n")?;
    let mut text = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
