//! A client of one device: a session that is opened when it is needed, opened again when it was lost, and closed.
//!
//! A command that is lost with its session is sent again within its deadline if that does no harm. The device proves
//! itself first; one that does not is asked again once a minute at most. Each time a session is opened, the device's
//! serial number and the keys that are pinned are compared. Sources: Yubico's command reference ("Create Session",
//! "Authenticate Session", "Session Message").

use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::backends::device::with_serial;
use crate::backends::yubihsm::protocol::auth_key::Credentials;
use crate::backends::yubihsm::protocol::codes::{ErrorCode, command};
use crate::backends::yubihsm::protocol::commands::DeviceCommands;
use crate::backends::yubihsm::protocol::error::{Error, ErrorKind};
use crate::backends::yubihsm::protocol::frame::{self, FrameError};
use crate::backends::yubihsm::protocol::identity::Serial;
use crate::backends::yubihsm::protocol::info::DeviceInfo;
use crate::backends::yubihsm::protocol::scp03::{CHALLENGE, Channel, Handshake, LONGEST_LIFE};
use crate::backends::yubihsm::protocol::transport::Transport;

use super::pins::Pins;

/// Between two tries to reach a device that is not there.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a refused login is not tried again.
const REFUSED: Duration = Duration::from_secs(60);
/// How long closing a session may take.
const CLOSING: Duration = Duration::from_millis(300);
/// Sessions that ended in mid-message and may still exist on the device.
const STALE: usize = 4;

/// A client of one device.
pub struct DeviceClient {
    name: String,
    transport: Box<dyn Transport>,
    serial: Option<Serial>,
    pub(super) credentials: Credentials,
    /// The longest wait for one frame.
    timeout: Duration,
    channel: Option<Channel>,
    stale: Vec<Channel>,
    info: Option<DeviceInfo>,
    /// Sessions that were opened.
    opened: u64,
    refused: Option<(ErrorKind, Instant)>,
    pins: Pins,
    commands: DeviceCommands,
}

impl DeviceClient {
    /// A client that has not done anything yet. Its messages print `commands`.
    pub fn new(
        name: String,
        transport: Box<dyn Transport>,
        serial: Option<Serial>,
        credentials: Credentials,
        timeout: Duration,
        commands: DeviceCommands,
    ) -> Self {
        Self {
            name,
            transport,
            serial,
            credentials,
            timeout,
            channel: None,
            stale: Vec::new(),
            info: None,
            opened: 0,
            refused: None,
            pins: Pins::default(),
            commands,
        }
    }

    /// The device, in words.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The commands about the device, as messages print them.
    pub fn commands(&self) -> &DeviceCommands {
        &self.commands
    }

    /// What the device said of itself when the session was opened.
    pub fn info(&self) -> Option<&DeviceInfo> {
        self.info.as_ref()
    }

    /// How many sessions were opened since this was asked last.
    pub fn take_opened(&mut self) -> u64 {
        std::mem::take(&mut self.opened)
    }

    /// Asks the device what it says of itself now: [`DeviceClient::info`].
    pub fn look(&mut self, until: Instant) -> Result<(), ErrorKind> {
        let info = DeviceInfo::read(&self.outside(command::DEVICE_INFO, &[], until)?)?;
        if let Some(wanted) = self.serial.filter(|wanted| *wanted != info.serial) {
            let found = info.serial;
            return Err(ErrorKind::WrongSerial { found, wanted });
        }
        self.info = Some(info);
        Ok(())
    }

    /// Whether there is a session, as far as is known here.
    pub fn is_open(&self) -> bool {
        self.channel.is_some()
    }

    /// From now on this key must be the same each time a session is opened; `public` is the answer to
    /// `get public key`.
    pub fn pin(&mut self, key: u16, public: Vec<u8>) {
        self.pins.pin(key, public);
    }

    /// Opens a session unless there is one.
    pub fn open(&mut self, until: Instant) -> Result<(), Error> {
        self.patiently(until, |client, until| client.ensure(until))
    }

    /// Runs a command in the session, which is opened first if need be. `key` is what it is about, for messages.
    /// Signatures are not made here: those take a permit (`device::thread::DeviceHandle::sign`).
    pub fn command(
        &mut self,
        code: u8,
        data: &[u8],
        key: Option<u16>,
        until: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        match command::signs(code) {
            true => Err(self.error(ErrorKind::NoPermit)),
            false => self.run(code, data, key, until),
        }
    }

    /// Runs a command that signs. Private to the backend: only `device` calls it, with the bytes of a permit.
    pub(in crate::backends::yubihsm) fn sign(
        &mut self,
        code: u8,
        data: &[u8],
        key: u16,
        until: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.run(code, data, Some(key), until)
    }

    fn run(
        &mut self,
        code: u8,
        data: &[u8],
        key: Option<u16>,
        until: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let repeatable = command::is_repeatable(code);
        let mut given_up = None;
        let answer = self.patiently(until, |client, until| {
            client.ensure(until)?;
            if let Some(key) = key.filter(|key| client.pins.stranger(*key).is_some()) {
                // Perhaps the right one is back.
                client.compare(key, until)?;
            }
            if let Some(kind) = key.and_then(|key| client.pins.stranger(key)) {
                return Err(kind.clone());
            }
            match client.once(code, data, key, until) {
                Err(kind) if kind.is_loss() && !repeatable && !kind.is_unexecuted() => {
                    client.abandon(&kind);
                    given_up = Some(kind);
                    Ok(Zeroizing::default())
                }
                other => other,
            }
        })?;
        match given_up {
            Some(kind) => Err(self.error(kind)),
            None => Ok(answer),
        }
    }

    /// Closes what may be left of sessions that were lost in mid-message. For quiet moments.
    pub fn sweep(&mut self) {
        for channel in std::mem::take(&mut self.stale) {
            self.say_goodbye(channel);
        }
    }

    /// Closes the session, if there is one, and lets go of the device.
    pub fn close(&mut self) {
        self.sweep();
        if let Some(channel) = self.channel.take() {
            self.say_goodbye(channel);
        }
        self.transport.forget();
    }

    fn say_goodbye(&mut self, mut channel: Channel) {
        let bytes = channel.wrap(&frame::encode(command::CLOSE_SESSION, &[]));
        // Nobody waits for it: the device ends it by itself after 30 s.
        let _ = self.transport.exchange(&bytes, Instant::now() + CLOSING);
    }

    /// Tries until it works, the time is over, or a new try is of no use.
    pub(super) fn patiently<T>(
        &mut self,
        until: Instant,
        mut attempt: impl FnMut(&mut Self, Instant) -> Result<T, ErrorKind>,
    ) -> Result<T, Error> {
        let mut first: Option<ErrorKind> = None;
        loop {
            let kind = match attempt(self, until) {
                Ok(done) => return Ok(done),
                Err(kind) => kind,
            };
            if kind.is_loss() {
                self.abandon(&kind);
            }
            let pause = match (&kind, &first) {
                (ErrorKind::Lost(_), None) => Duration::ZERO,
                _ => PAUSE,
            };
            if !kind.is_loss() || Instant::now() + pause >= until {
                // That the time ran out in the end says less than what was wrong before.
                let telling = first.filter(|_| kind == ErrorKind::Late);
                return Err(self.error(telling.unwrap_or(kind)));
            }
            first = Some(kind);
            thread::sleep(pause);
        }
    }

    /// Gives the session and the connection up.
    fn abandon(&mut self, why: &ErrorKind) {
        if let Some(channel) = self.channel.take()
            && !matches!(why, ErrorKind::Lost(_))
            && self.stale.len() < STALE
        {
            self.stale.push(channel);
        }
        self.transport.forget();
    }

    fn error(&self, kind: ErrorKind) -> Error {
        // What did not prove itself may call itself anything.
        let told = self.info.as_ref().filter(|_| !kind.is_final());
        let device = with_serial(&self.name, told.map(|info| info.serial));
        let kind = kind.with_commands(&self.commands);
        Error { device, kind }
    }

    fn exchange(&mut self, frame: &[u8], until: Instant) -> Result<Vec<u8>, ErrorKind> {
        let until = until.min(Instant::now() + self.timeout);
        self.transport.exchange(frame, until)
    }

    /// A command outside of any session.
    fn outside(&mut self, code: u8, data: &[u8], until: Instant) -> Result<Vec<u8>, ErrorKind> {
        let bytes = self.exchange(&frame::encode(code, data), until)?;
        match frame::reply(code, &bytes) {
            Ok(data) => Ok(data.to_vec()),
            Err(FrameError::Device(error)) => Err(ErrorKind::Device {
                command: code,
                code: error,
            }),
            Err(error) => Err(error.into()),
        }
    }

    fn ensure(&mut self, until: Instant) -> Result<(), ErrorKind> {
        if let Some(channel) = self
            .channel
            .take_if(|channel| channel.messages() >= LONGEST_LIFE)
        {
            self.say_goodbye(channel);
        }
        if self.channel.is_some() {
            return Ok(());
        }
        if let Some((kind, at)) = &self.refused
            && at.elapsed() < REFUSED
        {
            return Err(kind.clone());
        }
        let opened = self.login(until);
        self.refused = match &opened {
            Err(kind) if kind.is_final() => Some((kind.clone(), Instant::now())),
            _ => None,
        };
        self.channel = Some(opened?);
        self.opened += 1;
        let mut pinned = self.pins.keys().into_iter();
        pinned.try_for_each(|key| self.compare(key, until))
    }

    fn login(&mut self, until: Instant) -> Result<Channel, ErrorKind> {
        self.look(until)?;
        let auth = self.credentials.id;
        let flaw = self.credentials.key.flaw(auth);
        let mut host = [0; CHALLENGE];
        getrandom::getrandom(&mut host)
            .map_err(|error| ErrorKind::Garbage(format!("no random numbers: {error}")))?;
        let data = [&auth.to_be_bytes()[..], &host].concat();
        let reply = self
            .outside(command::CREATE_SESSION, &data, until)
            .map_err(|kind| match kind {
                ErrorKind::Device { code, .. } if code == ErrorCode::OBJECT_NOT_FOUND => {
                    ErrorKind::UnknownAuthKey { auth, flaw }
                }
                ErrorKind::Device { code, .. } if code == ErrorCode::SESSIONS_FULL => {
                    ErrorKind::SessionsFull
                }
                other => other,
            })?;
        let garbage = || ErrorKind::Garbage(format!("{} bytes open no session", reply.len()));
        let (session, rest) = reply.split_first().ok_or_else(garbage)?;
        let (card, cryptogram) = rest.split_first_chunk::<CHALLENGE>().ok_or_else(garbage)?;
        let handshake = Handshake::new(&self.credentials.key, host, *card);
        // The device ends a session in which no host proved itself within 30 s.
        let Some(proven) = handshake.prove(cryptogram) else {
            return Err(ErrorKind::Unproven {
                auth,
                serial: self.info.as_ref().map(|info| info.serial),
                flaw,
            });
        };
        let (channel, proof) = proven.authenticate(*session);
        let answer = self.exchange(&proof, until)?;
        match frame::reply(command::AUTHENTICATE_SESSION, &answer) {
            Ok([]) => Ok(channel),
            Ok(data) => Err(FrameError::Data {
                code: command::AUTHENTICATE_SESSION,
                got: data.len(),
            }
            .into()),
            Err(FrameError::Device(ErrorCode::AUTHENTICATION_FAILED)) => {
                Err(ErrorKind::ProofRefused(auth))
            }
            Err(FrameError::Device(code)) => Err(ErrorKind::Lost(code)),
            Err(error) => Err(error.into()),
        }
    }

    /// Compares a pinned key with what is there; an error is a loss only.
    fn compare(&mut self, key: u16, until: Instant) -> Result<(), ErrorKind> {
        let data = key.to_be_bytes();
        let found = self.once(command::GET_PUBLIC_KEY, &data, Some(key), until);
        self.pins.compare(key, found.map(|found| found.to_vec()))
    }

    /// One message of the session.
    fn once(
        &mut self,
        code: u8,
        data: &[u8],
        key: Option<u16>,
        until: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, ErrorKind> {
        let inner = Zeroizing::new(frame::encode(code, data));
        let Some(channel) = &mut self.channel else {
            return Err(ErrorKind::Lost(ErrorCode::INVALID_SESSION));
        };
        let bytes = channel.wrap(&inner);
        let reply = self.exchange(&bytes, until)?;
        match frame::reply(command::SESSION_MESSAGE, &reply) {
            // An error outside of the encrypted channel: the device does not know the session.
            Err(FrameError::Device(code)) => return Err(ErrorKind::Lost(code)),
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        let Some(channel) = &self.channel else {
            return Err(ErrorKind::Lost(ErrorCode::INVALID_SESSION));
        };
        let inner = channel.unwrap(&reply)?;
        match frame::reply(code, &inner) {
            Ok(data) => Ok(Zeroizing::new(data.to_vec())),
            Err(FrameError::Device(error)) => {
                let firmware = self.info.as_ref().map(|info| info.firmware);
                Err(ErrorKind::explain(
                    error,
                    code,
                    key,
                    self.credentials.id,
                    firmware,
                    &self.commands,
                ))
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for DeviceClient {
    fn drop(&mut self) {
        self.close();
    }
}
