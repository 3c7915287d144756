//! Commands of the Tendermint Validator app 0.9, and what its status words mean.
//!
//! Format: `CLA INS P1 P2 L data`, answered by data and a status word of two bytes. What the app does is taken from
//! recorded exchanges (`tests/ledger/exchanges.json`); its own document is wrong about the signing command's number,
//! the length of a public key and the chunks.

use std::fmt;

/// The app's class byte.
const APP: u8 = 0x56;
/// The longest piece of a message in one command, in bytes.
const CHUNK: usize = 250;

/// Which app is open; the system answers, whatever app it is.
pub const WHICH_APP: [u8; 5] = [0xb0, 0x01, 0, 0, 0];
/// The app's version.
pub const VERSION: [u8; 5] = [APP, 0x00, 0, 0, 0];
/// The public key, shown to nobody on the device.
pub const PUBLIC_KEY: [u8; 5] = [APP, 0x01, 0, 0, 0];

/// The commands that ask for the signature of a message; the last one is answered by it. `None` for more than 255
/// pieces.
pub fn sign(message: &[u8]) -> Option<Vec<Vec<u8>>> {
    let count = u8::try_from(message.len().div_ceil(CHUNK).max(1)).ok()?;
    let mut commands = Vec::new();
    for number in 1..=count {
        let from = usize::from(number - 1) * CHUNK;
        let piece: Vec<u8> = message.iter().skip(from).take(CHUNK).copied().collect();
        let length = u8::try_from(piece.len()).ok()?;
        commands.push([&[APP, 0x02, number, count, length], &piece[..]].concat());
    }
    Some(commands)
}

/// A message that the app takes for a proposal and no chain does: type, height and round, but no block, time or
/// chain id. After it the app signs prevotes and precommits of that height and round and whatever is above, so it sets
/// the device's height without signing anything that could be used. `round` is at most 127.
pub fn harmless(height: i64, round: u8) -> Vec<u8> {
    let mut body = vec![0x08, 0x20, 0x11];
    body.extend(height.to_le_bytes());
    if round > 0 {
        body.push(0x19);
        body.extend(i64::from(round).to_le_bytes());
    }
    // 11 or 20 bytes: the length is one byte.
    let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
    [&[length], &body[..]].concat()
}

/// An answer, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApduResponse {
    /// What stands before the status word.
    pub data: Vec<u8>,
    /// The status word.
    pub status: StatusWord,
}

impl ApduResponse {
    /// Takes it apart; `None` for fewer than two bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let (data, word) = bytes.split_last_chunk::<2>()?;
        Some(Self {
            data: data.to_vec(),
            status: StatusWord(u16::from_be_bytes(*word)),
        })
    }
}

/// A status word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusWord(pub u16);

/// What a status word means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusMeaning {
    /// Done.
    Done,
    /// The app's parser refused the message.
    Unparsable,
    /// Not above what the app signed last.
    NotAbove,
    /// The left button, on the first-signature screen.
    Rejected,
    /// More data than the app's buffer holds, or data for nothing.
    Overflow,
    /// The device is locked.
    Locked,
    /// The command is not one of the open app.
    OtherApp,
    /// The system's menu is open, and no app.
    Dashboard,
    /// A screen of the system stands in front; it passes.
    Busy,
    /// The device was never set up.
    NotSetUp,
    /// The device has stopped and has to be unplugged and plugged in again.
    Halted,
    /// None of these.
    Unknown,
}

impl StatusWord {
    /// What it means. Where the system and the app share a word, the app's meaning.
    pub fn meaning(self) -> StatusMeaning {
        match self.0 {
            0x9000 => StatusMeaning::Done,
            0x6984 => StatusMeaning::Unparsable,
            0x6985 => StatusMeaning::NotAbove,
            0x6986 => StatusMeaning::Rejected,
            0x6983 => StatusMeaning::Overflow,
            0x5515 | 0x6982 | 0x6804 | 0x6b0c | 0x5303 | 0x63c0..=0x63cf => StatusMeaning::Locked,
            0x6e00 | 0x6d00 | 0x6b00 => StatusMeaning::OtherApp,
            0x6e01 | 0x6d02 | 0x6511 => StatusMeaning::Dashboard,
            0x6901 | 0x6601 => StatusMeaning::Busy,
            0x6d07 | 0x6611 | 0x5502 => StatusMeaning::NotSetUp,
            0x6faa => StatusMeaning::Halted,
            _ => StatusMeaning::Unknown,
        }
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

/// What the app's parser says in the one byte before `6984`.
pub fn parser_says(data: &[u8]) -> &'static str {
    match data {
        [0x01] => "the message ends too early",
        [0x02] => "a field that is not due",
        [0x03] => "a field of the wrong type",
        [0x04] => "neither a vote nor a proposal",
        [0x05] => "a negative height, or a round above 127",
        [0x06] => "a round above 255, or a negative one",
        [0x07] => "a message longer than 127 bytes",
        _ => "no reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_go_in_numbered_pieces() {
        let commands = sign(&[7; 501]).unwrap();
        let heads: Vec<&[u8]> = commands.iter().map(|command| &command[..5]).collect();
        assert_eq!(
            heads,
            [
                &[0x56, 2, 1, 3, 250],
                &[0x56, 2, 2, 3, 250],
                &[0x56, 2, 3, 3, 1]
            ]
        );
        assert_eq!(sign(&[]).unwrap(), [[0x56, 2, 1, 1, 0]]);
        assert_eq!(sign(&[0; 255 * 250]).unwrap().len(), 255);
        assert_eq!(sign(&[0; 255 * 250 + 1]), None);
    }

    #[test]
    fn the_harmless_message_is_a_proposal_without_a_chain() {
        assert_eq!(harmless(5, 0), b"\x0b\x08\x20\x11\x05\0\0\0\0\0\0\0");
        assert_eq!(
            harmless(0x0102, 3),
            b"\x14\x08\x20\x11\x02\x01\0\0\0\0\0\0\x19\x03\0\0\0\0\0\0\0"
        );
        assert!(crate::consensus::sign_bytes::Position::read(&harmless(5, 0)).is_err());
    }
}
