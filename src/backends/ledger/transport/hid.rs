//! Commands and answers over packets of 64 bytes, whatever carries the packets.

use std::time::{Duration, Instant};

use crate::backends::ledger::frame::{Assembler, PACKET, packets};

use super::connector::{ApduTransport, TransportError};

/// What carries packets: the kernel's hidraw, or a simulator.
pub trait Packets: Send {
    /// Writes one packet.
    fn write(&mut self, packet: &[u8; PACKET]) -> Result<(), TransportError>;

    /// Reads one packet and gives its length; `None` when there is none within `patience`.
    fn read(
        &mut self,
        packet: &mut [u8; PACKET],
        patience: Duration,
    ) -> Result<Option<usize>, TransportError>;
}

/// A device over packets.
pub struct Hid<P> {
    packets: P,
    answer: Assembler,
}

impl<P: Packets> Hid<P> {
    /// Over an open handle.
    pub fn new(packets: P) -> Self {
        Self {
            packets,
            answer: Assembler::default(),
        }
    }
}

impl<P: Packets> ApduTransport for Hid<P> {
    fn send(&mut self, command: &[u8]) -> Result<(), TransportError> {
        let garbled = |error: crate::backends::ledger::frame::PacketError| {
            TransportError::Garbled(error.to_string())
        };
        for packet in packets(command).map_err(garbled)? {
            self.packets.write(&packet)?;
        }
        Ok(())
    }

    fn receive(&mut self, patience: Duration) -> Result<Option<Vec<u8>>, TransportError> {
        let deadline = Instant::now() + patience;
        loop {
            let mut packet = [0; PACKET];
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(length) = self.packets.read(&mut packet, left)? else {
                return Ok(None);
            };
            let read = packet.get(..length).unwrap_or_default();
            let answer = self
                .answer
                .push(read)
                .map_err(|error| TransportError::Garbled(error.to_string()))?;
            if answer.is_some() {
                return Ok(answer);
            }
        }
    }
}
