//! The device: frames in, frames out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tmkms::backends::yubihsm::protocol::auth_key::AuthKey;
use tmkms::backends::yubihsm::protocol::codes::{ErrorCode, algorithm, command, object};
use tmkms::backends::yubihsm::protocol::frame;
use tmkms::backends::yubihsm::protocol::scp03::{CHALLENGE, Channel, Handshake};

use super::audit::{CAPACITY, Log, What};
use super::faults::{Faults, Moment};
use super::object::{Body, IMPORTED, Object, factory_key, label};
use super::options::Options;

const SESSIONS: usize = 16;
pub const NOBODY: u16 = 0xffff;
pub const OBJECTS: usize = 256;

/// Which device it is.
#[derive(Clone, Debug)]
pub struct Profile {
    pub serial: u32,
    pub version: (u8, u8, u8),
    pub fips: bool,
    pub session_timeout: Duration,
}

impl Profile {
    pub fn new(serial: u32, version: (u8, u8, u8)) -> Self {
        Self {
            serial,
            version,
            fips: false,
            session_timeout: Duration::from_secs(30),
        }
    }

    pub fn buffer(&self) -> usize {
        match self.version < (2, 4, 0) {
            true => 2048,
            false => 3136,
        }
    }
}

pub struct Device {
    pub profile: Profile,
    pub faults: Faults,
    pub objects: BTreeMap<(u8, u16), Object>,
    pub sequences: BTreeMap<(u8, u16), u8>,
    pub options: Options,
    pub log: Log,
    sessions: [Option<Session>; SESSIONS],
    booted: Instant,
    /// How often each command was executed, for tests.
    pub executed: BTreeMap<u8, u64>,
    /// Frames that came in, as they came.
    pub record: Option<Vec<Vec<u8>>>,
    pub blinks: u32,
}

struct Session {
    /// As they were when the session was opened: a key that is deleted later takes nothing back.
    rights: Rights,
    used: Instant,
    state: State,
}

enum State {
    Half(Box<Handshake>),
    Open(Box<Channel>),
}

/// Who asks: the session's rights.
#[derive(Clone, Copy, Default)]
pub struct Rights {
    pub key_id: u16,
    pub domains: u16,
    pub capabilities: u64,
    pub delegated: u64,
}

impl Device {
    /// As from the factory: one authentication key, 1, with the password `password`.
    pub fn new(profile: Profile) -> Self {
        let mut device = Self {
            options: Options::new(&profile),
            profile,
            faults: Faults::default(),
            objects: BTreeMap::new(),
            sequences: BTreeMap::new(),
            log: Log::new(),
            sessions: Default::default(),
            booted: Instant::now(),
            executed: BTreeMap::new(),
            record: None,
            blinks: 0,
        };
        device.factory();
        device
    }

    fn factory(&mut self) {
        self.objects.clear();
        self.sequences.clear();
        self.options = Options::new(&self.profile);
        self.log = Log::new();
        let key = Object {
            id: 1,
            kind: object::AUTHENTICATION_KEY,
            algorithm: algorithm::AES128_YUBICO_AUTHENTICATION,
            label: label("DEFAULT AUTHKEY CHANGE THIS ASAP"),
            domains: 0xffff,
            capabilities: u64::MAX,
            delegated: u64::MAX,
            sequence: 0,
            origin: IMPORTED,
            body: Body::Auth(factory_key()),
        };
        self.objects.insert((key.kind, key.id), key);
        self.boot();
    }

    fn boot(&mut self) {
        self.sessions = Default::default();
        self.booted = Instant::now();
        let what = What {
            command: 0,
            length: 0,
            session_key: NOBODY,
            target: 0,
            second: 0,
            result: 0,
            tick: 0,
        };
        match self.options.force_audit != 0 && self.log.is_full() {
            true => self.log.unlogged_boots = self.log.unlogged_boots.saturating_add(1),
            false => self.log.add(what),
        }
    }

    /// Everything in memory is lost: sessions.
    pub fn power_cycle(&mut self) {
        self.boot();
    }

    pub fn reset(&mut self) {
        self.factory();
    }

    /// Forgets all sessions, as a device does that something else reset.
    pub fn lose_sessions(&mut self) {
        self.sessions = Default::default();
    }

    /// Sessions that are neither closed nor timed out, without those that nobody proved himself for.
    pub fn open_sessions(&mut self) -> usize {
        self.expire();
        let open = self.sessions.iter().flatten();
        open.filter(|session| !matches!(session.state, State::Half(_)))
            .count()
    }

    pub fn fill_sessions(&mut self) {
        for slot in self.sessions.iter_mut().filter(|slot| slot.is_none()) {
            let key = AuthKey::from_bytes(&[0; 32]);
            *slot = Some(Session {
                rights: Rights::default(),
                used: Instant::now(),
                state: State::Half(Box::new(Handshake::new(&key, [0; 8], [0; 8]))),
            });
        }
    }

    /// Puts an object as if it had been there since long ago.
    pub fn insert(&mut self, object: Object) {
        self.objects.insert((object.kind, object.id), object);
    }

    pub fn executed(&self, command: u8) -> u64 {
        self.executed.get(&command).copied().unwrap_or(0)
    }

    pub fn is_fresh(&self) -> bool {
        self.objects.len() == 1
    }

    /// One frame in, one out; `None` when nothing comes back.
    pub fn exchange(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if let Some(record) = &mut self.record {
            record.push(bytes.to_vec());
        }
        if self.faults.unplugged {
            return None;
        }
        let lost = match &mut self.faults.power_loss {
            Some(loss) => {
                loss.frames -= 1;
                (loss.frames == 0).then_some(loss.moment)
            }
            None => None,
        };
        if lost.is_some() {
            self.faults.power_loss = None;
        }
        if lost == Some(Moment::Before) {
            self.power_cycle();
            return None;
        }
        let reply = match self.outer(bytes) {
            Ok(reply) => reply,
            Err(code) => frame::encode(command::ERROR, &[code.0]),
        };
        if lost == Some(Moment::After) {
            self.power_cycle();
            return None;
        }
        Some(self.faults.garbage_once.take().unwrap_or(reply))
    }

    fn outer(&mut self, bytes: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        self.expire();
        if bytes.len() >= self.profile.buffer() {
            return Err(ErrorCode::WRONG_LENGTH);
        }
        let (code, data) = frame::decode(bytes).map_err(|_| ErrorCode::WRONG_LENGTH)?;
        let reply = |data: &[u8]| frame::encode(code | command::REPLY, data);
        match code {
            command::ECHO => Ok(reply(data)),
            command::DEVICE_INFO => Ok(reply(&self.device_info(data)?)),
            command::CREATE_SESSION => {
                let result = self.create_session(data);
                self.log_opening(code, data, &result);
                Ok(reply(&result?))
            }
            command::AUTHENTICATE_SESSION => {
                let key_id = self.key_of(data).ok_or(ErrorCode::INVALID_SESSION)?;
                let result = self.authenticate_session(data, bytes);
                let target = key_id.to_be_bytes();
                self.log_opening(code, &[&target[..], &[0; 15]].concat(), &result);
                Ok(reply(&result?))
            }
            command::SESSION_MESSAGE => self.session_message(data, bytes),
            _ => Err(ErrorCode::INVALID_COMMAND),
        }
    }

    fn key_of(&self, data: &[u8]) -> Option<u16> {
        let slot = self.sessions.get(usize::from(*data.first()?))?;
        slot.as_ref().map(|session| session.rights.key_id)
    }

    pub fn device_info(&self, data: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        match data {
            [] | [0] => {
                let (major, minor, patch) = self.profile.version;
                let mut info = vec![major, minor, patch];
                info.extend(self.profile.serial.to_be_bytes());
                info.extend([u8::try_from(CAPACITY).unwrap(), self.log.used()]);
                let on = self.options.algorithms.iter().filter(|(_, on)| **on);
                info.extend(on.map(|(algorithm, _)| *algorithm));
                Ok(info)
            }
            [1] if self.profile.version >= (2, 4, 0) => Ok(b"SIMULATOR, NO HSM".to_vec()),
            _ => Err(ErrorCode::WRONG_LENGTH),
        }
    }

    fn create_session(&mut self, data: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        let (id, host) = data.split_at_checked(2).ok_or(ErrorCode::WRONG_LENGTH)?;
        let id = u16::from_be_bytes(id.try_into().unwrap());
        let host: [u8; CHALLENGE] = host.try_into().map_err(|_| ErrorCode::WRONG_LENGTH)?;
        let object = self.objects.get(&(object::AUTHENTICATION_KEY, id));
        let object = object.ok_or(ErrorCode::OBJECT_NOT_FOUND)?;
        let Body::Auth(key) = &object.body else {
            return Err(ErrorCode::INVALID_DATA);
        };
        let rights = Rights {
            key_id: id,
            domains: object.domains,
            capabilities: object.capabilities,
            delegated: object.delegated,
        };
        let free = self.sessions.iter().position(Option::is_none);
        let free = free.ok_or(ErrorCode::SESSIONS_FULL)?;
        let mut card = [0; CHALLENGE];
        getrandom::getrandom(&mut card).unwrap();
        let handshake = Handshake::new(key, host, card);
        let mut reply = vec![u8::try_from(free).unwrap()];
        reply.extend(card);
        match &self.faults.impostor {
            Some(guess) => reply.extend(guess),
            None => reply.extend(handshake.card_cryptogram()),
        }
        self.sessions[free] = Some(Session {
            rights,
            used: Instant::now(),
            state: State::Half(Box::new(handshake)),
        });
        Ok(reply)
    }

    fn authenticate_session(&mut self, data: &[u8], bytes: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        let number = *data.first().ok_or(ErrorCode::WRONG_LENGTH)?;
        let slot = self
            .sessions
            .get_mut(usize::from(number))
            .ok_or(ErrorCode::INVALID_SESSION)?;
        let Some(Session {
            rights,
            state: State::Half(handshake),
            ..
        }) = slot.take()
        else {
            return Err(ErrorCode::INVALID_SESSION);
        };
        let channel = handshake
            .accept(number, bytes)
            .map_err(|_| ErrorCode::AUTHENTICATION_FAILED)?;
        *slot = Some(Session {
            rights,
            used: Instant::now(),
            state: State::Open(Box::new(channel)),
        });
        Ok(Vec::new())
    }

    fn session_message(&mut self, data: &[u8], bytes: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        let number = usize::from(*data.first().ok_or(ErrorCode::WRONG_LENGTH)?);
        let taken = self.sessions.get_mut(number).and_then(Option::take);
        let Some(Session {
            rights,
            state: State::Open(mut channel),
            ..
        }) = taken
        else {
            return Err(ErrorCode::INVALID_SESSION);
        };
        // A message that is not the session's ends it.
        let inner = channel
            .unwrap_command(bytes)
            .map_err(|_| ErrorCode::AUTHENTICATION_FAILED)?;
        let (code, data) = frame::decode(&inner).map_err(|_| ErrorCode::WRONG_LENGTH)?;
        let result = self.execute(&rights, code, data);
        let reply = match &result {
            Ok(data) => frame::encode(code | command::REPLY, data),
            Err(code) => frame::encode(command::ERROR, &[code.0]),
        };
        let reply = channel.wrap_reply(&reply);
        let ends = matches!(code, command::CLOSE_SESSION | command::RESET_DEVICE);
        if !(ends && result.is_ok()) {
            self.sessions[number] = Some(Session {
                rights,
                used: Instant::now(),
                state: State::Open(channel),
            });
        }
        Ok(reply)
    }

    fn execute(&mut self, rights: &Rights, code: u8, data: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        *self.executed.entry(code).or_default() += 1;
        let logged = self.options.is_logged(code);
        let always = matches!(
            code,
            command::GET_LOG_ENTRIES | command::SET_LOG_INDEX | command::CLOSE_SESSION
        );
        if logged && !always && self.options.force_audit != 0 && self.log.is_full() {
            return Err(ErrorCode::LOG_FULL);
        }
        let result = self.command(rights, code, data);
        if logged && !matches!(code, command::RESET_DEVICE) {
            let word = |at: usize| {
                data.get(at..at + 2)
                    .map_or(NOBODY, |two| u16::from_be_bytes(two.try_into().unwrap()))
            };
            let (target, second) = match code {
                command::EXPORT_WRAPPED => (word(0), word(3)),
                command::SET_LOG_INDEX | command::LIST_OBJECTS | command::CLOSE_SESSION => {
                    (NOBODY, NOBODY)
                }
                _ => (word(0), NOBODY),
            };
            self.log.add(What {
                command: code,
                length: u16::try_from(data.len()).unwrap(),
                session_key: rights.key_id,
                target,
                second,
                result: match result {
                    Ok(_) => code | command::REPLY,
                    Err(_) => command::ERROR,
                },
                tick: self.tick(),
            });
        }
        result
    }

    fn log_opening(&mut self, code: u8, data: &[u8], result: &Result<Vec<u8>, ErrorCode>) {
        if !self.options.is_logged(code) {
            return;
        }
        if self.options.force_audit != 0 && self.log.is_full() {
            self.log.unlogged_auths = self.log.unlogged_auths.saturating_add(1);
            return;
        }
        let target = data
            .get(..2)
            .map_or(NOBODY, |two| u16::from_be_bytes(two.try_into().unwrap()));
        self.log.add(What {
            command: code,
            length: u16::try_from(data.len()).unwrap(),
            session_key: NOBODY,
            target,
            second: NOBODY,
            result: match result {
                Ok(_) => code | command::REPLY,
                Err(_) => command::ERROR,
            },
            tick: self.tick(),
        });
    }

    fn tick(&self) -> u32 {
        u32::try_from(self.booted.elapsed().as_millis()).unwrap_or(u32::MAX)
    }

    fn expire(&mut self) {
        for slot in &mut self.sessions {
            if slot
                .as_ref()
                .is_some_and(|session| session.used.elapsed() > self.profile.session_timeout)
            {
                *slot = None;
            }
        }
    }
}
