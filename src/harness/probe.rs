//! The link to a signer under test: asks, waits, tells what went wrong, and takes the signer back when it dials again.
//!
//! When no answer comes the link is closed, because a late one would be taken for that of the next request.

use std::time::{Duration, Instant};

use crate::link::{LinkError, Peer};

use super::reply::{self, NotAReply, Reply};
use super::{HarnessError, Listener, Node};

/// How long the harness waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For an answer; a node's limit is 5 s.
    pub answer: Duration,
    /// For the signer to dial.
    pub dial: Duration,
}

/// No answer, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nobody dialled, or nobody got through the handshake.
    #[error("no signer dialled within {} s{last}", .patience.as_secs_f32())]
    Nobody {
        /// How long was waited.
        patience: Duration,
        /// What became of the last who tried, with a semicolon before it; or nothing.
        last: String,
    },
    /// The link ended.
    #[error("the signer closed the link")]
    Closed,
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// The link failed otherwise.
    #[error("the link failed: {0}")]
    Link(String),
    /// What came is not a reply.
    #[error("the signer sent {0}")]
    NotAReply(#[from] NotAReply),
}

/// A signer under test.
pub struct Probe {
    listener: Listener,
    node: Option<Node>,
    patience: Patience,
    links: u32,
}

impl Probe {
    /// Waits for nobody yet.
    pub fn new(listener: Listener, patience: Patience) -> Self {
        Self {
            listener,
            node: None,
            patience,
            links: 0,
        }
    }

    /// The limits.
    pub fn patience(&self) -> Patience {
        self.patience
    }

    /// How many links were made so far.
    pub fn links(&self) -> u32 {
        self.links
    }

    /// Who dialled, on links that can tell.
    pub fn peer(&self) -> Option<Peer> {
        self.node.as_ref().and_then(Node::peer)
    }

    /// Whether a link is up, as far as is known.
    pub fn is_up(&self) -> bool {
        self.node.is_some()
    }

    /// Waits for the signer unless it is there. Dialers who fail in the handshake are passed over.
    pub fn connect(&mut self) -> Result<(), Trouble> {
        self.link().map(|_| ())
    }

    /// Asks and waits for the answer.
    pub fn ask(&mut self, request: &[u8]) -> Result<Reply, Trouble> {
        self.send(request)?;
        self.receive()
    }

    /// Asks; gives the answer, and how long it took from before the request was written.
    pub fn timed(&mut self, request: &[u8]) -> Result<(Reply, Duration), Trouble> {
        self.connect()?;
        let began = Instant::now();
        self.send(request)?;
        let mut took = Duration::ZERO;
        let reply = self.receive_then(|| took = began.elapsed())?;
        Ok((reply, took))
    }

    /// Writes bytes as they are, to a signer that is there or dials now.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let sent = self.link()?.send_raw(bytes);
        sent.map_err(|error| self.lost(error))
    }

    /// Waits for one reply.
    pub fn receive(&mut self) -> Result<Reply, Trouble> {
        self.receive_then(|| {})
    }

    /// Closes the link.
    pub fn close(&mut self) {
        self.node = None;
    }

    fn receive_then(&mut self, came: impl FnOnce()) -> Result<Reply, Trouble> {
        let node = self.node.as_mut().ok_or(Trouble::Closed)?;
        let reply = node.receive_raw().map(|frame| {
            came();
            reply::read(frame)
        });
        match reply {
            Ok(Ok(reply)) => Ok(reply),
            // A frame is a frame: the link can be read on.
            Ok(Err(error)) => Err(error.into()),
            Err(error) => Err(self.lost(error)),
        }
    }

    fn lost(&mut self, error: HarnessError) -> Trouble {
        self.node = None;
        match error {
            HarnessError::Link(LinkError::Closed | LinkError::ClosedInFrame) => Trouble::Closed,
            HarnessError::Link(LinkError::Silent(time) | LinkError::HalfFrame(time)) => {
                Trouble::Silent(time)
            }
            HarnessError::Link(LinkError::NotTaken(time)) => Trouble::Link(format!(
                "the signer did not take a request within {} s",
                time.as_secs_f32()
            )),
            other => Trouble::Link(other.to_string()),
        }
    }

    fn link(&mut self) -> Result<&mut Node, Trouble> {
        let node = match self.node.take() {
            Some(node) => node,
            None => {
                let node = self.wait()?;
                self.links = self.links.saturating_add(1);
                node
            }
        };
        Ok(self.node.insert(node))
    }

    fn wait(&self) -> Result<Node, Trouble> {
        let patience = self.patience.dial;
        let (began, mut last) = (Instant::now(), String::new());
        loop {
            match self
                .listener
                .accept(patience.saturating_sub(began.elapsed()))
            {
                Ok(node) => return Ok(node),
                Err(HarnessError::Link(error)) => {
                    last = format!("; the last who tried: {}", handshake(&error));
                }
                Err(HarnessError::Nobody(_)) => return Err(Trouble::Nobody { patience, last }),
                Err(error) => return Err(Trouble::Link(error.to_string())),
            }
        }
    }
}

/// The words of `link` are those of a dialer; these are a listener's.
fn handshake(error: &LinkError) -> String {
    match error {
        LinkError::HandshakeClosed => {
            "hung up during the handshake; does it pin another peer id, or expect a link \
                                       without encryption?"
                .to_owned()
        }
        LinkError::HandshakeTimeout(limit) => format!(
            "did not do the handshake of a SecretConnection within {} s",
            limit.as_secs_f32()
        ),
        LinkError::NotPrivval(text) => format!("sent text ({text:?}) and is not a signer"),
        LinkError::Handshake(error) => format!("failed in the handshake: {error}"),
        other => format!("failed in the handshake ({})", other.code()),
    }
}
