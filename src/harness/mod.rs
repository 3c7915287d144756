//! The node's side of the protocol: listens, asks, checks. Used by `harness`, the demo and the tests.
//!
//! [`Listener`] and [`Node`] are a node in good faith, with the codec of the program itself; [`mod@probe`],
//! [`mod@checks`] and [`mod@bench`] judge signers of any make and share no encoder with it.

pub mod test_message;
pub mod bench;
pub mod checks;
pub mod messages;
pub mod probe;
mod protobuf;
pub mod reply;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::codec::node::{self, Answer, Ask};
use crate::link::{
    Address, Connection, IdentityKey, Libp2pId, LinkError, Peer, Timeouts, accept_noise,
    accept_tcp, accept_unix,
};

/// A node that waits for its signer.
pub struct Listener {
    socket: Socket,
    identity: IdentityKey,
    times: Timeouts,
}

enum Socket {
    Tcp(TcpListener),
    /// With the signer that may dial; any with none.
    Noise(TcpListener, Option<Libp2pId>),
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
        Self::tcp_at(
            TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?,
            Socket::Tcp,
        )
    }

    /// The same for noise, as a node of v0.40 whose `priv_validator_laddr` names this signer.
    pub fn noise(allowed: Option<Libp2pId>) -> Result<Self, HarnessError> {
        let socket = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        Self::tcp_at(socket, |socket| Socket::Noise(socket, allowed))
    }

    fn tcp_at(
        socket: TcpListener,
        kind: impl FnOnce(TcpListener) -> Socket,
    ) -> Result<Self, HarnessError> {
        socket.set_nonblocking(true)?;
        let mut seed = [0; 32];
        getrandom::getrandom(&mut seed).map_err(io::Error::from)?;
        let identity = IdentityKey::from_seed(&seed);
        Ok(Self {
            socket: kind(socket),
            identity,
            times: Timeouts::default(),
        })
    }

    /// Listens where an operator said, with limits of his own; port 0 is a free one. The peer id of a noise address is the
    /// signer's, as in a node's configuration. Without an identity a fresh one is made, as stock nodes do on TCP.
    pub fn at(
        address: &Address,
        identity: Option<IdentityKey>,
        times: Timeouts,
    ) -> Result<Self, HarnessError> {
        let mut listener = match address {
            Address::Unix(path) => Self::unix(path)?,
            Address::Tcp { host, port, .. } => {
                Self::tcp_at(TcpListener::bind((host.as_str(), *port))?, Socket::Tcp)?
            }
            Address::Noise {
                peer_id,
                host,
                port,
            } => Self::tcp_at(TcpListener::bind((host.as_str(), *port))?, |socket| {
                Socket::Noise(socket, Some(*peer_id))
            })?,
        };
        if let Some(identity) = identity {
            listener.identity = identity;
        }
        listener.times = times;
        Ok(listener)
    }

    /// Listens on a Unix socket, which is removed again. One that a killed process left behind is replaced.
    pub fn unix(path: &Path) -> Result<Self, HarnessError> {
        let socket = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path) => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            other => other?,
        };
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
            Socket::Noise(socket, _) => {
                let at: SocketAddr = socket.local_addr()?;
                Address::Noise {
                    peer_id: Libp2pId::of(&self.identity),
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
                Socket::Noise(socket, allowed) => socket.accept().map(|(stream, _)| {
                    stream.set_nonblocking(false)?;
                    Ok(accept_noise(stream, &self.identity, *allowed, &self.times))
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

/// Whether a socket has nobody who listens at it.
fn is_abandoned(path: &Path) -> bool {
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| {
        use std::os::unix::fs::FileTypeExt;
        file.file_type().is_socket()
    });
    is_socket && std::os::unix::net::UnixStream::connect(path).is_err_and(refused)
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

    /// Waits for one frame, whatever it holds.
    pub fn receive_raw(&mut self) -> Result<&[u8], HarnessError> {
        Ok(self.connection.receive()?.bytes)
    }

    /// Who dialled, on links that can tell.
    pub fn peer(&self) -> Option<Peer> {
        self.connection.peer()
    }

    /// Waits for an answer.
    pub fn receive(&mut self) -> Result<Answer, HarnessError> {
        let frame = self.connection.receive()?;
        Ok(node::decode(frame.bytes)?)
    }
}
