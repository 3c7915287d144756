//! SCP03 as the YubiHSM 2 speaks it: session keys from two challenges, an encrypted and authenticated channel.
//!
//! Both ends are here: the program is the host, the device simulator of the tests is the card. A message whose MAC is
//! wrong is never decrypted, and any wrong message ends the channel for the caller. Sources: GlobalPlatform Card
//! Specification v2.3 amendment D (SCP03), Yubico's command reference ("Session", "Create Session").

use aes::Aes128;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use cmac::{Cmac, Mac};
use subtle::ConstantTimeEq;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::auth_key::{AuthKey, BLOCK};
use super::codes::command;
use super::frame;

/// A challenge or cryptogram, in bytes.
pub const CHALLENGE: usize = 8;
/// Messages after which a channel is replaced by a new one: its MACs have 8 bytes only.
pub const LONGEST_LIFE: u32 = 1 << 20;

const MAC: usize = 8;
/// The derivation constants of amendment D, table 4-1.
const CARD_CRYPTOGRAM: u8 = 0x00;
const HOST_CRYPTOGRAM: u8 = 0x01;
const S_ENC: u8 = 0x04;
const S_MAC: u8 = 0x06;
const S_RMAC: u8 = 0x07;

/// A message that is not to be believed. The channel is of no use after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// It is too short or not whole blocks.
    #[error("a session message of a wrong length")]
    Length,
    /// It belongs to another session.
    #[error("a message of another session")]
    OtherSession,
    /// It was not made with this session's keys.
    #[error("a session message with a wrong MAC")]
    Mac,
    /// Its end is not padding.
    #[error("a session message with wrong padding")]
    Padding,
}

/// What both ends know after the two challenges, before either has proven anything: SCP03's, not the one of
/// SecretConnection.
#[derive(ZeroizeOnDrop)]
pub struct Handshake {
    enc: [u8; BLOCK],
    mac: [u8; BLOCK],
    rmac: [u8; BLOCK],
    card: [u8; CHALLENGE],
    host: [u8; CHALLENGE],
}

impl Handshake {
    /// Derives the session keys.
    pub fn new(key: &AuthKey, host: [u8; CHALLENGE], card: [u8; CHALLENGE]) -> Self {
        let mut context = [0; 2 * CHALLENGE];
        let challenges = host.iter().chain(&card);
        context
            .iter_mut()
            .zip(challenges)
            .for_each(|(to, from)| *to = *from);
        let mac = derive(&key.mac, S_MAC, 0x80, &context);
        let half = |constant| {
            let whole = derive(&mac, constant, 0x40, &context);
            let mut cryptogram = [0; CHALLENGE];
            cryptogram
                .iter_mut()
                .zip(whole)
                .for_each(|(to, from)| *to = from);
            cryptogram
        };
        Self {
            enc: derive(&key.enc, S_ENC, 0x80, &context),
            rmac: derive(&key.mac, S_RMAC, 0x80, &context),
            card: half(CARD_CRYPTOGRAM),
            host: half(HOST_CRYPTOGRAM),
            mac,
        }
    }

    /// What the card proves itself with.
    pub fn card_cryptogram(&self) -> &[u8; CHALLENGE] {
        &self.card
    }

    /// The card, if this cryptogram proves that it has the same key.
    pub fn prove(&self, cryptogram: &[u8]) -> Option<ProvenCard<'_>> {
        bool::from(self.card.ct_eq(cryptogram)).then_some(ProvenCard(self))
    }

    /// The card's end: the channel, if the frame proves a host with the same key.
    pub fn accept(&self, session: u8, bytes: &[u8]) -> Result<Channel, ChannelError> {
        let mut channel = self.channel(session);
        let host = channel.open(command::AUTHENTICATE_SESSION, bytes)?;
        match bool::from(self.host.ct_eq(host)) {
            true => Ok(channel),
            false => Err(ChannelError::Mac),
        }
    }

    fn channel(&self, session: u8) -> Channel {
        Channel {
            session,
            enc: self.enc,
            mac: self.mac,
            rmac: self.rmac,
            chain: [0; BLOCK],
            counter: 0,
        }
    }
}

/// A card that has proven itself. The host proves itself to no other: anyone with its frame and both challenges can try
/// passwords for as long as they like, without any device.
pub struct ProvenCard<'a>(&'a Handshake);

impl ProvenCard<'_> {
    /// The host's end: the channel, and the frame that proves the host to the card.
    pub fn authenticate(&self, session: u8) -> (Channel, Vec<u8>) {
        let mut channel = self.0.channel(session);
        let frame = channel.seal(command::AUTHENTICATE_SESSION, &self.0.host);
        (channel, frame)
    }
}

/// One end of an open session.
#[derive(ZeroizeOnDrop)]
pub struct Channel {
    session: u8,
    enc: [u8; BLOCK],
    mac: [u8; BLOCK],
    rmac: [u8; BLOCK],
    chain: [u8; BLOCK],
    /// Messages so far; the number of a message makes its initialisation vector.
    counter: u32,
}

impl Channel {
    /// The session's number on the device, 0 to 15.
    pub fn session(&self) -> u8 {
        self.session
    }

    /// Messages sent so far.
    pub fn messages(&self) -> u32 {
        self.counter
    }

    /// The host wraps a command frame. From here on the channel counts it as sent.
    pub fn wrap(&mut self, inner: &[u8]) -> Vec<u8> {
        self.counter = self.counter.saturating_add(1);
        let data = self.encrypt(inner);
        self.seal(command::SESSION_MESSAGE, &data)
    }

    /// The host opens the reply to the last command.
    pub fn unwrap(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, ChannelError> {
        let Parts { covered, data, mac } = self.split(bytes)?;
        let whole = cmac(&self.rmac, &[&self.chain, covered]);
        check(&whole, mac)?;
        self.decrypt(data)
    }

    /// The card opens a command.
    pub fn unwrap_command(&mut self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, ChannelError> {
        let data = self.open(command::SESSION_MESSAGE, bytes)?.to_vec();
        self.counter = self.counter.saturating_add(1);
        self.decrypt(&data)
    }

    /// The card wraps the reply to the last command.
    pub fn wrap_reply(&self, inner: &[u8]) -> Vec<u8> {
        let data = self.encrypt(inner);
        let mut bytes = self.header(command::SESSION_MESSAGE | command::REPLY, &data);
        let whole = cmac(&self.rmac, &[&self.chain, &bytes]);
        bytes.extend(whole.iter().take(MAC));
        bytes
    }

    /// The frame without its MAC.
    fn header(&self, code: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(1 + data.len() + MAC).unwrap_or(u16::MAX);
        let mut bytes = vec![code];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.push(self.session);
        bytes.extend_from_slice(data);
        bytes
    }

    fn seal(&mut self, code: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = self.header(code, data);
        self.chain = cmac(&self.mac, &[&self.chain, &bytes]);
        bytes.extend(self.chain.iter().take(MAC));
        bytes
    }

    fn open<'a>(&mut self, code: u8, bytes: &'a [u8]) -> Result<&'a [u8], ChannelError> {
        let Parts { covered, data, mac } = self.split(bytes)?;
        if covered.first() != Some(&code) {
            return Err(ChannelError::Length);
        }
        let whole = cmac(&self.mac, &[&self.chain, covered]);
        check(&whole, mac)?;
        self.chain = whole;
        Ok(data)
    }

    fn split<'a>(&self, bytes: &'a [u8]) -> Result<Parts<'a>, ChannelError> {
        frame::decode(bytes).map_err(|_| ChannelError::Length)?;
        let (covered, mac) = bytes
            .split_at_checked(bytes.len().saturating_sub(MAC))
            .ok_or(ChannelError::Length)?;
        let (session, data) = covered
            .get(3..)
            .and_then(<[u8]>::split_first)
            .ok_or(ChannelError::Length)?;
        match *session == self.session {
            true => Ok(Parts { covered, data, mac }),
            false => Err(ChannelError::OtherSession),
        }
    }

    fn vector(&self) -> [u8; BLOCK] {
        let mut block = u128::from(self.counter).to_be_bytes().into();
        Aes128::new(&self.enc.into()).encrypt_block(&mut block);
        block.into()
    }

    /// AES-CBC over ISO 7816-4 padding.
    fn encrypt(&self, inner: &[u8]) -> Vec<u8> {
        let cipher = Aes128::new(&self.enc.into());
        let mut padded = Zeroizing::new(Vec::with_capacity(inner.len() + BLOCK));
        padded.extend_from_slice(inner);
        padded.push(0x80);
        let whole = padded.len().next_multiple_of(BLOCK);
        padded.resize(whole, 0);
        let mut last = self.vector();
        let mut out = Vec::with_capacity(padded.len());
        for block in padded.chunks_exact(BLOCK) {
            last.iter_mut()
                .zip(block)
                .for_each(|(to, from)| *to ^= *from);
            let mut work = last.into();
            cipher.encrypt_block(&mut work);
            last = work.into();
            out.extend_from_slice(&last);
        }
        out
    }

    fn decrypt(&self, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, ChannelError> {
        if data.is_empty() || !data.len().is_multiple_of(BLOCK) {
            return Err(ChannelError::Length);
        }
        let cipher = Aes128::new(&self.enc.into());
        let mut last = self.vector();
        let mut out = Zeroizing::new(Vec::with_capacity(data.len()));
        for block in data.chunks_exact(BLOCK) {
            let block = <[u8; BLOCK]>::try_from(block).map_err(|_| ChannelError::Length)?;
            let mut work = block.into();
            cipher.decrypt_block(&mut work);
            out.extend(work.iter().zip(last).map(|(one, two)| one ^ two));
            last = block;
        }
        let end = out.iter().rposition(|byte| *byte != 0);
        match end.filter(|end| out.get(*end) == Some(&0x80) && out.len() - end <= BLOCK) {
            Some(end) => {
                out.truncate(end);
                Ok(out)
            }
            None => Err(ChannelError::Padding),
        }
    }
}

/// A frame of a session.
struct Parts<'a> {
    /// What the MAC covers: code, length, session and data.
    covered: &'a [u8],
    data: &'a [u8],
    mac: &'a [u8],
}

fn check(whole: &[u8; BLOCK], mac: &[u8]) -> Result<(), ChannelError> {
    let short = whole.get(..MAC).unwrap_or_default();
    match bool::from(short.ct_eq(mac)) {
        true => Ok(()),
        false => Err(ChannelError::Mac),
    }
}

fn cmac(key: &[u8; BLOCK], parts: &[&[u8]]) -> [u8; BLOCK] {
    let mut mac = <Cmac<Aes128> as KeyInit>::new(key.into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// The data derivation scheme of SCP03 (NIST SP 800-108 in counter mode), one block of it.
fn derive(key: &[u8; BLOCK], constant: u8, bits: u8, context: &[u8]) -> [u8; BLOCK] {
    cmac(key, &[&[0; 11], &[constant, 0, 0, bits, 1], context])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Channel, Channel) {
        let key = AuthKey::from_bytes(&[3; 32]);
        let (host, card) = ([1; 8], [2; 8]);
        let card_end = Handshake::new(&key, host, card);
        let host_end = Handshake::new(&key, host, card);
        let proven = host_end.prove(card_end.card_cryptogram());
        let (host_end, frame) = proven.unwrap().authenticate(5);
        let card_end = card_end.accept(5, &frame);
        (host_end, card_end.ok().unwrap())
    }

    #[test]
    fn both_ends_understand_each_other() {
        let (mut host, mut card) = pair();
        for length in [0, 1, 12, 13, 15, 16, 17, 1000] {
            let command = vec![7; length];
            let bytes = host.wrap(&command);
            assert_eq!(*card.unwrap_command(&bytes).unwrap(), command);
            let reply = card.wrap_reply(&command);
            assert_eq!(*host.unwrap(&reply).unwrap(), command);
        }
        assert_eq!(host.messages(), 8);
    }

    #[test]
    fn any_changed_bit_is_noticed_by_either_end() {
        let (mut host, mut card) = pair();
        let command = host.wrap(b"command");
        for bit in 0..command.len() * 8 {
            let mut bytes = command.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(card.unwrap_command(&bytes).is_err(), "{bit}");
        }
        card.unwrap_command(&command).unwrap();
        let reply = card.wrap_reply(b"reply");
        for bit in 0..reply.len() * 8 {
            let mut bytes = reply.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(host.unwrap(&bytes).is_err(), "{bit}");
        }
        assert!(card.unwrap_command(&command).is_err(), "a replay");
    }

    #[test]
    fn another_password_proves_nothing() {
        let (host, card) = ([1; 8], [2; 8]);
        let one = Handshake::new(&AuthKey::from_password(b"one"), host, card);
        let two = Handshake::new(&AuthKey::from_password(b"two"), host, card);
        assert!(one.prove(two.card_cryptogram()).is_none());
        assert!(one.prove(&[]).is_none());
        assert!(one.prove(&one.card_cryptogram()[..7]).is_none());
        // Nor the host's own cryptogram, if that were reflected.
        assert!(one.prove(&one.host).is_none());
        let proven = one.prove(one.card_cryptogram()).unwrap();
        let (_, frame) = proven.authenticate(0);
        assert_eq!(two.accept(0, &frame).err(), Some(ChannelError::Mac));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes: Vec<u8>) {
            let (host, mut card) = pair();
            assert!(host.unwrap(&bytes).is_err());
            assert!(card.unwrap_command(&bytes).is_err());
        }
    }
}
