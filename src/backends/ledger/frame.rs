//! APDUs cut into the 64-byte packets of USB HID, and put together again.
//!
//! Invariant: an answer is given out only whole, and only when every packet of it bore the next sequence number; any
//! other packet is an error, after which the handle must be closed, because nobody knows what the next packet belongs
//! to.
//!
//! Format (Ledger SDK, `lib_stusb_impl/usbd_impl.c` and `os_io_seproxyhal.c`): channel `u16`, tag `u8`, sequence `u16`
//! from 0, all big-endian; the first packet then holds the length of the whole as `u16`; data; zeros up to 64 bytes.

/// The length of a packet in bytes.
pub const PACKET: usize = 64;
/// The channel that the device serves.
const CHANNEL: [u8; 2] = [0x01, 0x01];
/// An APDU or a part of one.
const TAG: u8 = 0x05;
/// What stands before the data: channel, tag, sequence.
const HEAD: usize = 5;
/// The longest answer that is read, in bytes: the app's longest has 66, the system's below 300.
pub const LONGEST: usize = 1_024;

/// Why packets are not an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Not 64 bytes.
    #[error("a packet of {0} bytes where 64 are due")]
    Size(usize),
    /// Another channel.
    #[error("a packet for channel {0:04x} where 0101 is due")]
    Channel(u16),
    /// Another kind of packet.
    #[error("a packet with tag {0:02x} where 05 is due")]
    Tag(u8),
    /// A packet is missing, or is the rest of an older answer.
    #[error("packet {got} where packet {due} is due")]
    Sequence {
        /// The number due.
        due: u16,
        /// The number that came.
        got: u16,
    },
    /// No answer of the app has this length.
    #[error("an answer of {0} bytes, where 2 to 1024 are possible")]
    Length(usize),
    /// An APDU that does not fit the format.
    #[error("a command of {0} bytes, where 65535 are possible")]
    Command(usize),
}

/// Cuts an APDU into packets.
pub fn packets(apdu: &[u8]) -> Result<Vec<[u8; PACKET]>, PacketError> {
    let length = u16::try_from(apdu.len()).map_err(|_| PacketError::Command(apdu.len()))?;
    let stream = [&length.to_be_bytes()[..], apdu].concat();
    let mut packets = Vec::new();
    for (sequence, data) in (0_u16..).zip(stream.chunks(PACKET - HEAD)) {
        let head = [&CHANNEL[..], &[TAG], &sequence.to_be_bytes()].concat();
        let mut packet = [0; PACKET];
        for (to, from) in packet.iter_mut().zip(head.iter().chain(data)) {
            *to = *from;
        }
        packets.push(packet);
    }
    Ok(packets)
}

/// Puts an answer together, packet by packet.
#[derive(Debug, Default)]
pub struct Assembler {
    /// The sequence number that is due.
    due: u16,
    /// The length of the whole, once the first packet is there.
    length: usize,
    data: Vec<u8>,
}

impl Assembler {
    /// Takes a packet; gives the answer when it is whole.
    pub fn push(&mut self, packet: &[u8]) -> Result<Option<Vec<u8>>, PacketError> {
        let [c0, c1, tag, s0, s1, rest @ ..] = packet else {
            return Err(PacketError::Size(packet.len()));
        };
        if packet.len() != PACKET {
            return Err(PacketError::Size(packet.len()));
        }
        if [*c0, *c1] != CHANNEL {
            return Err(PacketError::Channel(u16::from_be_bytes([*c0, *c1])));
        }
        if *tag != TAG {
            return Err(PacketError::Tag(*tag));
        }
        let got = u16::from_be_bytes([*s0, *s1]);
        if got != self.due {
            return Err(PacketError::Sequence { due: self.due, got });
        }
        let mut data = rest;
        if got == 0
            && let [l0, l1, first @ ..] = rest
        {
            self.length = usize::from(u16::from_be_bytes([*l0, *l1]));
            data = first;
            if !(2..=LONGEST).contains(&self.length) {
                return Err(PacketError::Length(self.length));
            }
        }
        let missing = self.length.saturating_sub(self.data.len());
        self.data.extend(data.iter().take(missing));
        if self.data.len() < self.length {
            self.due = self.due.saturating_add(1);
            return Ok(None);
        }
        self.due = 0;
        Ok(Some(std::mem::take(&mut self.data)))
    }

    /// Whether a part of an answer is there and the rest is not.
    pub fn is_within(&self) -> bool {
        self.due != 0
    }
}
