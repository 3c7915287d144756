//! A person who sets a YubiHSM up: reads the screen, writes words down, answers, and gives up when told to. And a device
//! that is reached without a network, with a power that can be cut.
#![allow(dead_code, reason = "each user takes a part of this")]

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tmkms::backends::yubihsm::ceremony::target::SetupTarget;
use tmkms::backends::yubihsm::protocol::error::ErrorKind;
use tmkms::backends::yubihsm::protocol::transport::Transport;
use tmkms::terminal::Terminal;
use zeroize::Zeroizing;

use super::yubihsm_simulator::{Device, Moment, PowerLoss, Profile};

/// Plays the person.
#[derive(Default)]
pub struct Person {
    /// What stays on the terminal.
    pub public: String,
    /// What was on private screens, and is gone.
    pub private: String,
    screen: bool,
    /// Typed where the mnemonic is asked for, one after the other.
    pub mnemonics: Vec<String>,
    /// Typed where a password is asked for.
    pub password: String,
    /// Typed where the serial number is asked for.
    pub serial: String,
    /// The words written down.
    pub paper: Vec<String>,
    /// The printed copies that words were asked from.
    pub copies: Vec<String>,
    /// The file that sheets are printed from.
    pub sheets: Option<std::path::PathBuf>,
    /// What was printed.
    pub printed: String,
    /// Ends the input instead of answering the quiz.
    pub leaves_at_quiz: bool,
    /// Wrong words to type in the quiz before the right ones.
    pub slips: usize,
    /// Where Enter was waited for, and whether that was on the private screen.
    pub enters: Vec<(bool, String)>,
    /// There is no terminal.
    pub pipe: bool,
}

impl Person {
    pub fn new(serial: &str) -> Self {
        Self {
            serial: serial.to_owned(),
            ..Self::default()
        }
    }

    pub fn knowing(serial: &str, mnemonic: &str) -> Self {
        Self {
            mnemonics: vec![mnemonic.to_owned()],
            ..Self::new(serial)
        }
    }

    fn see(&mut self, text: &str) {
        let screen = match self.screen {
            true => &mut self.private,
            false => &mut self.public,
        };
        screen.push_str(text);
        screen.push('\n');
        if self.screen && text.starts_with("THE MNEMONIC") {
            self.paper = vec![String::new(); 24];
            let words: Vec<&str> = text.split_whitespace().collect();
            for pair in words.windows(2) {
                if let Some(number) = pair[0]
                    .strip_suffix('.')
                    .and_then(|n| n.parse::<usize>().ok())
                {
                    self.paper[number - 1] = pair[1].to_owned();
                }
            }
        }
    }
}

impl Terminal for Person {
    fn is_interactive(&self) -> bool {
        !self.pipe
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.see(text);
        Ok(())
    }

    fn confirm(&mut self, question: &str) -> io::Result<bool> {
        self.see(question);
        Ok(true)
    }

    fn ask(&mut self, question: &str) -> io::Result<Option<Zeroizing<String>>> {
        self.see(question);
        let answer = if question.contains("serial number") {
            self.serial.clone()
        } else if question.contains("Press Enter") {
            self.enters.push((self.screen, question.to_owned()));
            String::new()
        } else if question.contains("press Enter") {
            if let Some(path) = &self.sheets {
                self.printed = std::fs::read_to_string(path).unwrap();
            }
            String::new()
        } else if let Some(number) = question.strip_prefix("Word ") {
            assert!(self.screen, "the quiz is private");
            let (number, rest) = number.split_once(" (").unwrap();
            let (_, from) = rest.split_once("), from ").unwrap();
            let copy = from.trim_end_matches(':').strip_prefix("copy ");
            assert!(copy.is_some() || from == "the paper:", "{from}");
            let number: usize = number.parse().unwrap();
            self.copies.push(copy.unwrap_or("").to_owned());
            if self.leaves_at_quiz {
                return Ok(None);
            }
            match self.slips {
                0 => self.paper[number - 1].clone(),
                _ => {
                    self.slips -= 1;
                    "wrong".to_owned()
                }
            }
        } else {
            panic!("nobody told the person what to answer to {question:?}")
        };
        Ok(Some(Zeroizing::new(answer)))
    }

    fn ask_secret(&mut self, question: &str) -> io::Result<Option<Zeroizing<String>>> {
        self.see(question);
        if question.contains("password") {
            return Ok(Some(Zeroizing::new(self.password.clone())));
        }
        assert!(self.screen, "the mnemonic is typed on the private screen");
        match self.mnemonics.is_empty() {
            true => Ok(None),
            false => Ok(Some(Zeroizing::new(self.mnemonics.remove(0)))),
        }
    }

    fn open_private(&mut self) -> io::Result<()> {
        assert!(!self.screen);
        self.screen = true;
        Ok(())
    }

    fn close_private(&mut self) -> io::Result<()> {
        assert!(self.screen);
        self.screen = false;
        Ok(())
    }
}

/// What happens to the host when the device loses its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// It lives, and sees a device that does not answer once.
    Lives,
    /// It goes down, too.
    Dies,
}

/// A device on a short wire.
#[derive(Clone)]
pub struct Wire {
    device: Arc<Mutex<Device>>,
    state: Arc<Mutex<State>>,
}

struct State {
    frames: u64,
    cut: Option<(u64, Moment)>,
    host: Host,
    dead: bool,
}

impl Wire {
    pub fn new(profile: Profile) -> Self {
        Self {
            device: Arc::new(Mutex::new(Device::new(profile))),
            state: Arc::new(Mutex::new(State {
                frames: 0,
                cut: None,
                host: Host::Lives,
                dead: false,
            })),
        }
    }

    pub fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap()
    }

    /// Frames so far.
    pub fn frames(&self) -> u64 {
        self.state.lock().unwrap().frames
    }

    /// The power goes at this frame, counted from now.
    pub fn cut(&self, frame: u64, moment: Moment, host: Host) {
        let mut state = self.state.lock().unwrap();
        (state.cut, state.host, state.frames) = (Some((frame, moment)), host, 0);
    }

    /// The host is up again.
    pub fn boot(&self) {
        let mut state = self.state.lock().unwrap();
        (state.cut, state.dead) = (None, false);
    }

    pub fn site<'a>(&self, connect: &'a dyn Fn() -> Box<dyn Transport>) -> SetupTarget<'a> {
        SetupTarget {
            name: "YubiHSM of the test".to_owned(),
            serial: None,
            connect,
            timeout: Duration::from_secs(1),
            commands: Default::default(),
        }
    }
}

impl Transport for Wire {
    fn exchange(&mut self, frame: &[u8], _: Instant) -> Result<Vec<u8>, ErrorKind> {
        let mut state = self.state.lock().unwrap();
        if state.dead {
            return Err(ErrorKind::Stopped);
        }
        state.frames += 1;
        let now = state.cut.filter(|(at, _)| *at == state.frames);
        let mut device = self.device.lock().unwrap();
        if let Some((_, moment)) = now {
            device.faults.power_loss = Some(PowerLoss { frames: 1, moment });
        }
        match device.exchange(frame) {
            Some(reply) => Ok(reply),
            None if state.host == Host::Dies => {
                state.dead = true;
                Err(ErrorKind::Stopped)
            }
            None => Err(ErrorKind::Usb("the device is gone".to_owned())),
        }
    }

    fn forget(&mut self) {}
}
