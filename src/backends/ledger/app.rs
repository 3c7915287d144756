//! A conversation with the app on one open device.
//!
//! Invariant: one command at a time. While an answer is due no other command is sent, because the device would drop it
//! and answer the first one later, to the one that reads next.

use std::time::{Duration, Instant};

use crate::consensus::{PublicKey, Signature};

use super::apdu::{ApduResponse, PUBLIC_KEY, StatusMeaning, VERSION, WHICH_APP, sign};
use super::error::DeviceFault;
use super::transport::ApduTransport;

/// How long an answer may take that waits for nobody.
const PATIENCE: Duration = Duration::from_millis(700);
/// How long the rest of older answers may take to arrive.
const STALE: Duration = Duration::from_millis(30);
/// How often a question is put again that was answered by an older answer.
const TRIES: usize = 3;
/// The app's name.
const NAME: &str = "Tendermint";

/// Who is on the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The app's version.
    pub version: String,
    /// Its key.
    pub public_key: PublicKey,
}

/// The app on an open device.
pub struct App {
    transport: Box<dyn ApduTransport>,
    /// An answer is due.
    due: bool,
    /// A signature that came when nobody waited for it: of a message that an earlier process asked for.
    stray: Option<Signature>,
}

impl App {
    /// Over an open device.
    pub fn new(transport: Box<dyn ApduTransport>) -> Self {
        Self {
            transport,
            due: false,
            stray: None,
        }
    }

    /// Which app is open, in which version, with which key. Refuses all but the released app 0.9.
    pub fn identify(&mut self) -> Result<Identity, DeviceFault> {
        let (name, version) = self.name()?;
        if name == "BOLOS" || name.starts_with("OLOS") {
            return Err(DeviceFault::Dashboard);
        }
        if name != NAME {
            return Err(DeviceFault::OtherApp(format!("{name} {version}")));
        }
        let answer = self.ask(&VERSION, |data| data.len() == 4 || data.len() == 9)?;
        let version = match answer.as_slice() {
            [mode, major, minor, patch, ..] => {
                let version = format!("{major}.{minor}.{patch}");
                if *mode == 0xff {
                    return Err(DeviceFault::TestBuild);
                }
                if answer.len() != 4 || (*major, *minor) != (0, 9) {
                    return Err(DeviceFault::Version(version));
                }
                version
            }
            _ => return Err(DeviceFault::Odd("no version".to_owned())),
        };
        let key = self.ask(&PUBLIC_KEY, |data| data.len() == 32)?;
        let public_key = PublicKey::from_bytes("ed25519", &key)
            .map_err(|error| DeviceFault::Odd(format!("no public key: {error}")))?;
        Ok(Identity {
            version,
            public_key,
        })
    }

    fn name(&mut self) -> Result<(String, String), DeviceFault> {
        let answer = match self.ask(&WHICH_APP, |data| data.first() == Some(&1)) {
            // Old systems do not know the question.
            Err(DeviceFault::OtherApp(_)) => {
                self.ask(&VERSION, |_| true)?;
                return Err(DeviceFault::OtherApp("of another name".to_owned()));
            }
            answer => answer?,
        };
        let mut rest = answer.get(1..).unwrap_or_default();
        let mut text = || {
            let (length, after) = rest.split_first()?;
            let (text, after) = after.split_at_checked(usize::from(*length))?;
            rest = after;
            Some(String::from_utf8_lossy(text).into_owned())
        };
        match (text(), text()) {
            (Some(name), Some(version)) => Ok((name, version)),
            _ => Err(DeviceFault::Odd("no name of an app".to_owned())),
        }
    }

    /// Asks, and asks again where an answer to something older comes first.
    fn ask(
        &mut self,
        command: &[u8],
        is_answer: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<u8>, DeviceFault> {
        for _ in 0..TRIES {
            self.discard(STALE / 10)?;
            let answer = self.exchange(command)?;
            match answer.status.meaning() {
                StatusMeaning::Done if is_answer(&answer.data) => return Ok(answer.data),
                // Only signing is answered so: by a process before us, or on the screen a moment ago.
                StatusMeaning::Done
                | StatusMeaning::NotAbove
                | StatusMeaning::Rejected
                | StatusMeaning::Unparsable
                | StatusMeaning::Overflow => {
                    self.remember(&answer);
                    self.discard(STALE)?;
                }
                _ => return Err(DeviceFault::of(answer.status, &answer.data)),
            }
        }
        Err(DeviceFault::Odd("something else than was asked".to_owned()))
    }

    /// Reads answers that nobody waits for.
    fn discard(&mut self, patience: Duration) -> Result<(), DeviceFault> {
        while !self.due
            && let Some(bytes) = self.transport.receive(patience)?
        {
            if let Some(answer) = ApduResponse::of(&bytes) {
                self.remember(&answer);
            }
        }
        Ok(())
    }

    fn remember(&mut self, answer: &ApduResponse) {
        if answer.status.meaning() == StatusMeaning::Done && answer.data.len() == 64 {
            self.stray = Some(Signature::from_bytes(answer.data.clone()));
        }
    }

    fn exchange(&mut self, command: &[u8]) -> Result<ApduResponse, DeviceFault> {
        self.send(command)?;
        self.answer(PATIENCE)?.ok_or(DeviceFault::NoAnswer)
    }

    fn send(&mut self, command: &[u8]) -> Result<(), DeviceFault> {
        if self.due {
            return Err(DeviceFault::NoAnswer);
        }
        self.transport.send(command)?;
        self.due = true;
        Ok(())
    }

    fn answer(&mut self, patience: Duration) -> Result<Option<ApduResponse>, DeviceFault> {
        let Some(bytes) = self.transport.receive(patience)? else {
            return Ok(None);
        };
        self.due = false;
        match ApduResponse::of(&bytes) {
            Some(answer) => Ok(Some(answer)),
            None => Err(DeviceFault::Odd("less than a status word".to_owned())),
        }
    }

    /// Asks for the signature of a message; [`App::signature`] waits for it.
    pub fn ask_signature(&mut self, message: &[u8]) -> Result<(), DeviceFault> {
        let mut commands = sign(message)
            .ok_or_else(|| DeviceFault::Odd("nothing: the message is too long".to_owned()))?;
        let last = commands.pop().unwrap_or_default();
        for command in commands {
            let answer = self.exchange(&command)?;
            if answer.status.meaning() != StatusMeaning::Done {
                return Err(DeviceFault::of(answer.status, &answer.data));
            }
        }
        self.send(&last)
    }

    /// The signature; `None` when it is not there within `patience`, and may be waited for again.
    pub fn signature(&mut self, patience: Duration) -> Result<Option<Signature>, DeviceFault> {
        let Some(answer) = self.answer(patience)? else {
            return Ok(None);
        };
        match answer.status.meaning() {
            StatusMeaning::Done if answer.data.len() == 64 => {
                Ok(Some(Signature::from_bytes(answer.data)))
            }
            StatusMeaning::Done => Err(DeviceFault::Odd(format!(
                "with {} bytes where a signature has 64",
                answer.data.len()
            ))),
            _ => Err(DeviceFault::of(answer.status, &answer.data)),
        }
    }

    /// The signature that came when nobody waited, if it is one of this message.
    pub fn stray(&mut self, key: &PublicKey, message: &[u8]) -> Option<Signature> {
        self.stray.take_if(|stray| key.verify(message, stray))
    }

    /// Notices, without a command, that the device is gone or speaks out of turn.
    pub fn is_quiet(&mut self) -> Result<(), DeviceFault> {
        let began = Instant::now();
        match self.transport.receive(Duration::ZERO)? {
            None => Ok(()),
            Some(_) => Err(DeviceFault::Odd(format!(
                "something that was not asked ({} ms)",
                began.elapsed().as_millis()
            ))),
        }
    }
}
