//! The app itself: chunks, parser, memory of one position.

use ed25519_dalek::{Signer, SigningKey};

pub const OK: u16 = 0x9000;
const BUFFER: usize = 1_024;

/// What a command leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    Answer(Vec<u8>, u16),
    /// A screen asks for a button.
    Ask {
        height: i64,
        round: i64,
    },
    /// The app ends.
    Quit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub kind: u8,
    pub height: i64,
    pub round: i64,
}

pub struct App {
    pub key: SigningKey,
    pub version: [u8; 3],
    /// A build for tests says so in its version.
    pub test_build: bool,
    pub state: Option<Position>,
    buffer: Option<Vec<u8>>,
    /// The first message, while it waits for a button.
    waiting: Option<Position>,
}

impl App {
    pub fn new(seed: &[u8; 32]) -> Self {
        Self {
            key: SigningKey::from_bytes(seed),
            version: [0, 9, 1],
            test_build: false,
            state: None,
            buffer: None,
            waiting: None,
        }
    }

    /// What is lost when the app ends.
    pub fn forget(&mut self) {
        self.state = None;
        self.buffer = None;
        self.waiting = None;
    }

    pub fn command(&mut self, apdu: &[u8]) -> Reaction {
        let word = |word| Reaction::Answer(Vec::new(), word);
        let [class, instruction, p1, p2, _length, data @ ..] = apdu else {
            return word(0x6700);
        };
        match (class, instruction) {
            (0xb0, 0x01) => {
                let [a, b, c] = self.version;
                let version = format!("{a}.{b}.{c}");
                let parts = [
                    &[1, 10][..],
                    b"Tendermint",
                    &[version.len() as u8],
                    version.as_bytes(),
                ];
                Reaction::Answer([&parts.concat()[..], &[1, 0]].concat(), OK)
            }
            (0xb0, 0xa7) => Reaction::Quit,
            (0x56, 0x00) => {
                let mode = if self.test_build { 0xff } else { 0 };
                let mut data = [&[mode], &self.version[..]].concat();
                if self.is_new() {
                    data.extend([0, 0x31, 0x10, 0, 4]);
                }
                Reaction::Answer(data, OK)
            }
            (0x56, 0x01) => Reaction::Answer(self.key.verifying_key().to_bytes().to_vec(), OK),
            (0x56, 0x02) if self.is_new() && *p2 != 0 => word(0x6b00),
            (0x56, 0x02) => self.chunk(*p1, *p2, data),
            (0x56, _) => word(0x6d00),
            _ => word(0x6e00),
        }
    }

    fn is_new(&self) -> bool {
        self.version[1] >= 10
    }

    fn chunk(&mut self, p1: u8, p2: u8, data: &[u8]) -> Reaction {
        let word = |word| Reaction::Answer(Vec::new(), word);
        if p1 == 1 {
            self.buffer = Some(Vec::new());
        }
        let Some(buffer) = &mut self.buffer else {
            return word(0x6983);
        };
        if buffer.len() + data.len() > BUFFER {
            return word(0x6983);
        }
        buffer.extend(data);
        if p1 != p2 {
            return word(OK);
        }
        let asked = match parse(buffer) {
            Ok(asked) => asked,
            Err(code) => return Reaction::Answer(vec![code], 0x6984),
        };
        match self.state {
            None => {
                self.waiting = Some(asked);
                Reaction::Ask {
                    height: asked.height,
                    round: asked.round,
                }
            }
            Some(last) if !may_follow(&last, &asked) => word(0x6985),
            Some(_) => {
                self.state = Some(asked);
                Reaction::Answer(self.signature(), OK)
            }
        }
    }

    /// The button of the first-signature screen.
    pub fn press(&mut self, accept: bool) -> Option<(Vec<u8>, u16)> {
        let asked = self.waiting.take()?;
        if !accept {
            return Some((Vec::new(), 0x6986));
        }
        self.state = Some(asked);
        Some((self.signature(), OK))
    }

    fn signature(&self) -> Vec<u8> {
        let message = self.buffer.as_deref().unwrap();
        self.key.sign(message).to_bytes().to_vec()
    }

    pub fn is_asking(&self) -> bool {
        self.waiting.is_some()
    }

    pub fn screen(&self) -> Vec<String> {
        match &self.waiting {
            Some(asked) => vec![
                "Init validation".to_owned(),
                format!("Height: {}", asked.height),
                format!("Round: {:03}", asked.round),
            ],
            None => Vec::new(),
        }
    }
}

fn may_follow(last: &Position, next: &Position) -> bool {
    const PREVOTE: u8 = 1;
    const PRECOMMIT: u8 = 2;
    const PROPOSAL: u8 = 32;
    match (next.height, next.round).cmp(&(last.height, last.round)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => match next.kind {
            PREVOTE => last.kind == PROPOSAL,
            PRECOMMIT => last.kind != PRECOMMIT,
            _ => false,
        },
    }
}

fn parse(message: &[u8]) -> Result<Position, u8> {
    const SHORT: u8 = 1;
    const UNEXPECTED: u8 = 2;
    const WIRE_TYPE: u8 = 3;
    const KIND: u8 = 4;
    const HEIGHT_OR_ROUND: u8 = 5;
    const ROUND: u8 = 6;
    const LENGTH: u8 = 7;
    let mut length = 0_u64;
    for (at, byte) in message.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let Some((_, mut rest)) = message.split_first() else {
        return Err(SHORT);
    };
    if length != rest.len() as u64 {
        return Err(LENGTH);
    }
    let (mut kind, mut height, mut round) = (0, 0, 0);
    while let Some((tag, after)) = rest.split_first() {
        rest = after;
        match tag >> 3 {
            0 => return Err(UNEXPECTED),
            1 => {
                if tag & 7 != 0 {
                    return Err(WIRE_TYPE);
                }
                let (value, after) = rest.split_first().ok_or(SHORT)?;
                kind = *value;
                rest = after;
            }
            field @ (2 | 3) => {
                if tag & 7 != 1 {
                    return Err(WIRE_TYPE);
                }
                let (value, after) = rest.split_first_chunk::<8>().ok_or(SHORT)?;
                let value = i64::from_le_bytes(*value);
                *(if field == 2 { &mut height } else { &mut round }) = value;
                rest = after;
            }
            _ => break,
        }
    }
    match () {
        () if ![1, 2, 32].contains(&kind) => Err(KIND),
        () if height < 0 => Err(HEIGHT_OR_ROUND),
        () if !(0..=255).contains(&round) => Err(ROUND),
        () if round > 127 => Err(HEIGHT_OR_ROUND),
        () => Ok(Position {
            kind,
            height,
            round,
        }),
    }
}
