//! The node's side of the protocol: listens, asks, checks. Used by the demo and the tests.

pub mod messages;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::codec::node::{self, Answer, Ask};
use crate::link::{Address, Connection, IdentityKey, LinkError, Timeouts, accept_tcp, accept_unix};

/// A node that waits for its signer.
pub struct Listener {
    socket: Socket,
    identity: IdentityKey,
    times: Timeouts,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// Why the node's side failed.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// The socket.
    #[error("the simulated node cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// Nobody dialled.
    #[error("no signer dialled within {} s", .0.as_secs())]
    Nobody(Duration),
    /// The link.
    #[error("the link to the signer: {0}")]
    Link(#[from] LinkError),
    /// The reply.
    #[error("the signer sent {0}")]
    Malformed(#[from] crate::codec::Malformed),
}

impl Listener {
    /// Listens on a free port of the loopback interface, with a fresh key as stock nodes have it.
    pub fn tcp() -> Result<Self, HarnessError> {
        let socket = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let mut seed = [0; 32];
        getrandom::getrandom(&mut seed).map_err(io::Error::from)?;
        let identity = IdentityKey::from_seed(&seed);
        Ok(Self {
            socket: Socket::Tcp(socket),
            identity,
            times: Timeouts::default(),
        })
    }

    /// Listens on a Unix socket, which is removed again.
    pub fn unix(path: &Path) -> Result<Self, HarnessError> {
        let socket = UnixListener::bind(path)?;
        socket.set_nonblocking(true)?;
        let identity = IdentityKey::from_seed(&[0; 32]);
        let socket = Socket::Unix(socket, path.to_owned());
        Ok(Self {
            socket,
            identity,
            times: Timeouts::default(),
        })
    }

    /// Where a signer finds this node.
    pub fn address(&self) -> Result<Address, HarnessError> {
        Ok(match &self.socket {
            Socket::Unix(_, path) => Address::Unix(path.clone()),
            Socket::Tcp(socket) => {
                let at: SocketAddr = socket.local_addr()?;
                Address::Tcp {
                    peer_id: None,
                    host: at.ip().to_string(),
                    port: at.port(),
                }
            }
        })
    }

    /// Our identity's id, for signers that pin it.
    pub fn peer_id(&self) -> crate::link::PeerId {
        self.identity.peer_id()
    }

    /// Waits for a signer.
    pub fn accept(&self, patience: Duration) -> Result<Node, HarnessError> {
        let began = Instant::now();
        loop {
            let connection = match &self.socket {
                Socket::Tcp(socket) => socket.accept().map(|(stream, _)| {
                    stream.set_nonblocking(false)?;
                    Ok(accept_tcp(stream, &self.identity, &self.times))
                }),
                Socket::Unix(socket, _) => socket.accept().map(|(stream, _)| {
                    stream.set_nonblocking(false)?;
                    Ok(accept_unix(stream, &self.times))
                }),
            };
            match connection {
                Ok(connection) => {
                    let connection = connection.map_err(HarnessError::Listen)??;
                    return Ok(Node {
                        connection,
                        out: Vec::new(),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            if began.elapsed() > patience {
                return Err(HarnessError::Nobody(patience));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Socket::Unix(_, path) = &self.socket {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A node whose signer is there.
pub struct Node {
    connection: Connection,
    out: Vec<u8>,
}

impl Node {
    /// A node over a link that is up.
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            out: Vec::new(),
        }
    }

    /// Asks and waits for the answer.
    pub fn ask(&mut self, ask: &Ask) -> Result<Answer, HarnessError> {
        self.send(ask)?;
        self.receive()
    }

    /// Asks and does not wait.
    pub fn send(&mut self, ask: &Ask) -> Result<(), HarnessError> {
        self.out.clear();
        node::encode(ask, &mut self.out);
        Ok(self.connection.send(&self.out)?)
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<(), HarnessError> {
        Ok(self.connection.send(bytes)?)
    }

    /// Waits for an answer.
    pub fn receive(&mut self) -> Result<Answer, HarnessError> {
        let frame = self.connection.receive()?;
        Ok(node::decode(frame.bytes)?)
    }
}
