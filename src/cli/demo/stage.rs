//! What the demo brings with it and takes away again: a folder, two keys and a signer.
//!
//! A signal that ends the demo clears the stage first. Where nobody can, as after SIGKILL, the signer ends by itself: its
//! standard input is a pipe from the demo, and it stops when that ends. The keys are only in the memory of the processes.

use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::DirBuilder;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use zeroize::Zeroizing;

use crate::backends::softsign::key::{SoftKey, SoftKeyError};
use crate::consensus::{KeyType, PublicKey};
use crate::os::files::replace::{Readers, create};
use crate::threads::{STACK, spawn};

use super::super::report::Failure;

/// The variables in which the signer finds its keys.
pub(super) const KEY: &str = "TMKMS_DEMO_KEY";
pub(super) const IDENTITY: &str = "TMKMS_DEMO_IDENTITY";

/// The stage. Whatever ends the demo, nothing of it stays.
pub(super) struct Stage {
    home: PathBuf,
    key: PublicKey,
    secrets: [(&'static str, Zeroizing<Vec<u8>>); 2],
    props: Arc<Mutex<Props>>,
}

/// What must not outlive the demo.
struct Props {
    home: PathBuf,
    signer: Option<Child>,
}

impl Props {
    fn clear(&mut self) {
        if let Some(mut signer) = self.signer.take() {
            let _ = signer.kill();
            let _ = signer.wait();
        }
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

impl Drop for Props {
    fn drop(&mut self) {
        self.clear();
    }
}

fn lock(props: &Mutex<Props>) -> MutexGuard<'_, Props> {
    props.lock()
}

impl Stage {
    /// Makes the folder and the keys.
    pub fn set(kind: KeyType) -> Result<Self, Failure> {
        if !kind.is_built() {
            return Err(Failure::new(SoftKeyError::NotBuilt(kind)));
        }
        let generate = |kind| SoftKey::generate(kind).map_err(broke("making a key"));
        let ((key, text), (_, identity)) = (generate(kind)?, generate(KeyType::Ed25519)?);
        // From here on a signal waits until it is known what is to be cleared.
        let signals =
            Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]).map_err(broke("taking signals"))?;
        let home = make_home()?;
        let props = Arc::new(Mutex::new(Props {
            home: home.clone(),
            signer: None,
        }));
        watch(signals, props.clone())?;
        Ok(Self {
            home,
            key: key.public_key(),
            secrets: [(KEY, text), (IDENTITY, identity)],
            props,
        })
    }

    /// The validator's key.
    pub fn public_key(&self) -> PublicKey {
        self.key.clone()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        create(&self.home.join(name), text.as_bytes(), Readers::Owner)
            .map_err(broke("writing the configuration"))
    }

    /// Runs a command of this program to its end.
    pub fn run(&self, arguments: &[&str]) -> Result<(), Failure> {
        // A signal waits for it: it would make the folder again.
        let _props = lock(&self.props);
        let done = self
            .command(arguments)?
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(broke("running a command of this program"))?;
        match done.success() {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "`tmkms {}` failed in the demo's home",
                arguments.join(" ")
            ))),
        }
    }

    /// Starts the signer.
    pub fn start(&self) -> Result<(), Failure> {
        let mut props = lock(&self.props);
        let signer = self
            .command(&["start", "-c", "tmkms.toml", "--until-eof"])?
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(broke("starting the signer"))?;
        props.signer = Some(signer);
        Ok(())
    }

    /// Kills the signer.
    pub fn kill(&self) -> Result<(), Failure> {
        match lock(&self.props).signer.take() {
            None => Ok(()),
            Some(mut signer) => {
                signer.kill().map_err(broke("killing the signer"))?;
                signer.wait().map_err(broke("waiting for the signer"))?;
                Ok(())
            }
        }
    }

    /// Takes everything away.
    pub fn clear(&self) {
        lock(&self.props).clear();
    }

    fn command(&self, arguments: &[&str]) -> Result<Command, Failure> {
        let program = std::env::current_exe().map_err(broke("finding this program"))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.home)
            .env_remove("TMKMS_CONFIG_FILE");
        for (name, secret) in &self.secrets {
            command.env(name, OsStr::from_bytes(secret.trim_ascii()));
        }
        Ok(command)
    }
}

/// For this user only, under a name that nobody can have made before.
fn make_home() -> Result<PathBuf, Failure> {
    let mut random = [0; 8];
    getrandom::getrandom(&mut random).map_err(broke("asking for random numbers"))?;
    let name = format!("tmkms-demo-{:016x}", u64::from_ne_bytes(random));
    let home = std::env::temp_dir().join(name);
    let made = DirBuilder::new().mode(0o700).create(&home);
    made.map_err(broke("making a temporary folder"))?;
    Ok(home)
}

/// Clears the stage before a signal ends the demo.
fn watch(mut signals: Signals, props: Arc<Mutex<Props>>) -> Result<(), Failure> {
    let thread = spawn("signals", STACK, move || {
        if let Some(signal) = signals.forever().next() {
            // Held to the end, so that nobody starts anything any more, or complains that the signer is gone.
            let mut props = lock(&props);
            props.clear();
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
    thread.map(drop).map_err(broke("starting a thread"))
}

/// What went wrong while the demo did something.
pub(super) fn broke<E: Display>(doing: &'static str) -> impl Fn(E) -> Failure {
    move |error| Failure::new(format!("{doing} failed: {error}"))
}
