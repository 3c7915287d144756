//! The wire of Ledger's emulator, on the loopback interface only.
//!
//! Format: `u32` length and command; `u32` length of the answer without its status word, answer, status word. An
//! emulator's key is not secret, so nothing but tests and rehearsals has a use for this.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::backends::ledger::frame::LONGEST;
use crate::os::pair_lock::NameLock;

use super::connector::{ApduTransport, Connector, PluggedDevice, TransportError};

/// How long a connect and a write may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// An emulator's address.
#[derive(Clone, Copy, Debug)]
pub struct Emulator(SocketAddr);

impl Emulator {
    /// Reads `127.0.0.1:9999`; `None` for anything that is not an address of the loopback interface.
    pub fn at(text: &str) -> Option<Self> {
        let address: SocketAddr = text.replace("localhost:", "127.0.0.1:").parse().ok()?;
        (address.ip().is_loopback() && address.port() != 0).then_some(Self(address))
    }
}

impl Connector for Emulator {
    fn transport(&self) -> Option<String> {
        Some(format!("tcp://{}", self.0))
    }

    fn list(&self) -> Result<Vec<PluggedDevice>, TransportError> {
        Ok(vec![PluggedDevice {
            path: format!("tcp://{}", self.0),
            model: "emulator".to_owned(),
        }])
    }

    fn open(&self, device: &PluggedDevice) -> Result<Box<dyn ApduTransport>, TransportError> {
        let failed = |error: io::Error| TransportError::Failed(error.to_string());
        let lock = NameLock::take(&format!("tmkms-ledger-{}", device.path))
            .map_err(failed)?
            .ok_or(TransportError::Busy)?;
        let stream = TcpStream::connect_timeout(&self.0, PATIENCE).map_err(gone)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Box::new(Tcp {
            stream,
            read: Vec::new(),
            _lock: lock,
        }))
    }
}

struct Tcp {
    stream: TcpStream,
    /// The answer, as far as it is there.
    read: Vec<u8>,
    _lock: NameLock,
}

impl ApduTransport for Tcp {
    fn send(&mut self, command: &[u8]) -> Result<(), TransportError> {
        let length = u32::try_from(command.len())
            .map_err(|_| TransportError::Garbled("a command that is too long".to_owned()))?;
        let bytes = [&length.to_be_bytes()[..], command].concat();
        self.stream.write_all(&bytes).map_err(gone)
    }

    fn receive(&mut self, patience: Duration) -> Result<Option<Vec<u8>>, TransportError> {
        let deadline = Instant::now() + patience;
        loop {
            let missing = match self.read.first_chunk::<4>() {
                None => 4_usize.saturating_sub(self.read.len()),
                Some(length) => {
                    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
                    if length > LONGEST {
                        return Err(TransportError::Garbled(format!(
                            "an answer of {length} bytes"
                        )));
                    }
                    (4 + length + 2).saturating_sub(self.read.len())
                }
            };
            if missing == 0 {
                let answer = self.read.split_off(4);
                self.read.clear();
                return Ok(Some(answer));
            }
            // A time-out of zero would mean none at all.
            let left = deadline
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).map_err(gone)?;
            let mut piece = vec![0; missing];
            match self.stream.read(&mut piece) {
                Ok(0) => {
                    return Err(TransportError::Gone(
                        "the emulator closed the link".to_owned(),
                    ));
                }
                Ok(read) => self.read.extend(piece.iter().take(read)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    if Instant::now() >= deadline {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(gone(error)),
            }
        }
    }
}

fn gone(error: io::Error) -> TransportError {
    TransportError::Gone(error.to_string())
}
