//! The device around the app: what is open, the lock, the buttons, the cable, and what can go wrong.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha512};

use super::app::{App, OK, Position, Reaction};

/// What is open on the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Open {
    Validator,
    Other(&'static str, &'static str),
    /// The menu, which answers other apps' commands with this word.
    Dashboard(u16),
}

/// What goes wrong with the next signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One bit is wrong.
    WrongSignature,
    /// It signs the SHA-512 of the message, as version 0.12 does.
    Prehash,
    Short,
    Long,
    /// It signs, and the answer never comes.
    Lose,
    /// The answer comes after this time.
    Late(Duration),
    /// It signs, and the cable is pulled before the answer.
    Unplug,
    /// It signs nothing and answers this.
    Word(u16),
    /// Its packets begin with another sequence number.
    Garbled,
}

/// Who stands at the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finger {
    Nobody,
    /// Presses right whenever a screen asks.
    Accept,
    /// Presses left.
    Reject,
}

pub struct Inner {
    pub app: App,
    pub open: Open,
    pub locked: bool,
    pub plugged: bool,
    /// Counts connections of the cable: what was open before is gone.
    pub connection: u32,
    pub finger: Finger,
    pub faults: VecDeque<Fault>,
    pub latency: Duration,
    /// A screen of the system stands in front.
    pub word_for_all: Option<u16>,
    answers: VecDeque<(Instant, Vec<u8>)>,
    /// The host's side of the cable: packets that nobody has read.
    pub packets: VecDeque<[u8; 64]>,
    pub garble: bool,
    /// Commands that came while another one was not answered.
    pub dropped: u32,
    /// Commands for signatures that came to their end, harmless ones included.
    pub signatures: u32,
    /// A handle is open.
    pub held: bool,
}

/// A device; clones are the same one.
#[derive(Clone)]
pub struct Device(Arc<(Mutex<Inner>, Condvar)>);

impl Device {
    /// With the app open and nobody near.
    pub fn new(seed: &[u8; 32]) -> Self {
        let inner = Inner {
            app: App::new(seed),
            open: Open::Validator,
            locked: false,
            plugged: true,
            connection: 0,
            finger: Finger::Nobody,
            faults: VecDeque::new(),
            latency: Duration::ZERO,
            word_for_all: None,
            answers: VecDeque::new(),
            packets: VecDeque::new(),
            garble: false,
            dropped: 0,
            signatures: 0,
            held: false,
        };
        Self(Arc::new((Mutex::new(inner), Condvar::new())))
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.0.lock().unwrap()
    }

    fn told(&self) {
        self.0.1.notify_all();
    }

    /// Changes something.
    pub fn set(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.lock());
        self.told();
    }

    pub fn key(&self) -> [u8; 32] {
        self.lock().app.key.verifying_key().to_bytes()
    }

    pub fn screen(&self) -> Vec<String> {
        self.lock().app.screen()
    }

    pub fn state(&self) -> Option<Position> {
        self.lock().app.state
    }

    /// Waits until the screen asks.
    pub fn wait_for_screen(&self) -> Vec<String> {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if !screen.is_empty() {
                return screen;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "no screen");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn press(&self, accept: bool) {
        self.set(|inner| inner.press(accept));
    }

    pub fn fault(&self, fault: Fault) {
        self.set(|inner| inner.faults.push_back(fault));
    }

    /// Pulls the cable: the app ends and forgets.
    pub fn unplug(&self) {
        self.set(Inner::unplug);
    }

    pub fn plug(&self) {
        self.set(|inner| inner.plugged = true);
    }

    /// Closes the app, and opens this one; the connection is lost, as on the real device.
    pub fn switch_to(&self, open: Open) {
        self.set(|inner| {
            inner.unplug();
            inner.plugged = true;
            inner.open = open;
        });
    }

    /// Takes a command from the host.
    pub fn command(&self, apdu: &[u8]) {
        self.set(|inner| inner.command(apdu));
    }

    /// The next answer, if there is one within `patience`. An error: the cable is out, or was.
    pub fn answer(&self, connection: u32, patience: Duration) -> Result<Option<Vec<u8>>, ()> {
        let deadline = Instant::now() + patience;
        let mut inner = self.lock();
        loop {
            if !inner.plugged || inner.connection != connection {
                return Err(());
            }
            let now = Instant::now();
            let ready = inner.answers.front().map(|(at, _)| *at);
            if ready.is_some_and(|at| at <= now) {
                return Ok(inner.answers.pop_front().map(|(_, answer)| answer));
            }
            if now >= deadline {
                return Ok(None);
            }
            let until = ready.map_or(deadline, |at| at.min(deadline));
            inner = self.0.1.wait_timeout(inner, until - now).unwrap().0;
        }
    }
}

impl Inner {
    fn unplug(&mut self) {
        self.plugged = false;
        self.connection += 1;
        self.app.forget();
        self.answers.clear();
        self.packets.clear();
    }

    fn press(&mut self, accept: bool) {
        if let Some((data, word)) = self.app.press(accept) {
            self.reply(data, word, self.latency);
        }
    }

    fn reply(&mut self, mut data: Vec<u8>, word: u16, after: Duration) {
        data.extend(word.to_be_bytes());
        self.answers.push_back((Instant::now() + after, data));
    }

    fn command(&mut self, apdu: &[u8]) {
        let now = Instant::now();
        if self.app.is_asking() || self.answers.iter().any(|(at, _)| *at > now) {
            self.dropped += 1;
            return;
        }
        let latency = self.latency;
        if let Some(word) = self.word_for_all {
            return self.reply(Vec::new(), word, latency);
        }
        if self.locked {
            return self.reply(Vec::new(), 0x5515, latency);
        }
        let name = |name: &str, version: &str| {
            let mut data = vec![1, name.len() as u8];
            data.extend(name.as_bytes());
            data.push(version.len() as u8);
            data.extend(version.as_bytes());
            [&data[..], &[1, 0]].concat()
        };
        let is_name = apdu.starts_with(&[0xb0, 0x01]);
        match self.open {
            Open::Validator => self.validator(apdu),
            Open::Other(app, version) if is_name => self.reply(name(app, version), OK, latency),
            Open::Other(..) => self.reply(Vec::new(), 0x6e00, latency),
            Open::Dashboard(_) if is_name => self.reply(name("BOLOS", "2.1.0"), OK, latency),
            Open::Dashboard(word) => self.reply(Vec::new(), word, latency),
        }
    }

    fn validator(&mut self, apdu: &[u8]) {
        match self.app.command(apdu) {
            Reaction::Quit => {
                self.app.forget();
                self.open = Open::Dashboard(0x6e01);
                self.reply(Vec::new(), OK, self.latency);
            }
            Reaction::Ask { .. } => match self.finger {
                Finger::Nobody => {}
                finger => self.press(finger == Finger::Accept),
            },
            Reaction::Answer(data, word) => {
                let signed = apdu.starts_with(&[0x56, 0x02]) && data.len() == 64;
                self.signatures += u32::from(signed);
                let fault = match signed {
                    true => self.faults.pop_front(),
                    false => None,
                };
                self.go_wrong(fault, data, word, apdu);
            }
        }
    }

    fn go_wrong(&mut self, fault: Option<Fault>, mut data: Vec<u8>, word: u16, apdu: &[u8]) {
        let latency = self.latency;
        match fault {
            None => self.reply(data, word, latency),
            Some(Fault::Lose) => {}
            Some(Fault::Late(time)) => self.reply(data, word, time),
            Some(Fault::Unplug) => self.unplug(),
            Some(Fault::Word(word)) => self.reply(Vec::new(), word, latency),
            Some(Fault::WrongSignature) => {
                data[5] ^= 1;
                self.reply(data, word, latency);
            }
            Some(Fault::Prehash) => {
                use ed25519_dalek::Signer as _;
                let hash = Sha512::digest(&apdu[5..]);
                let data = self.app.key.sign(&hash).to_bytes().to_vec();
                self.reply(data, word, latency);
            }
            Some(Fault::Short) => self.reply(data[..63].to_vec(), word, latency),
            Some(Fault::Long) => self.reply([&data[..], &[0]].concat(), word, latency),
            Some(Fault::Garbled) => {
                self.garble = true;
                self.reply(data, word, latency);
            }
        }
    }
}
