//! The Tendermint Validator app on a Ledger Nano S.
//!
//! Bytes up: `frame` (HID packets), `apdu` (commands), `limits` (what the app cannot sign), `transport` (the cable),
//! `app` (one conversation), `find` (which device), `device` (the thread that it belongs to), `condition` (what others see of both), `key` and here the key as the
//! rest of the program knows it. `docs/backends/ledger.md` begins with what all of it cannot do.

pub mod apdu;
pub mod app;
pub mod health;
pub mod config;
pub mod device;
pub mod error;
pub mod find;
pub mod frame;
pub mod key;
pub mod limits;
pub mod transport;

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::consensus::{ChainId, PublicKey, key_text};
use crate::remedy::Commands;
use crate::signer::Signer;

use super::{DeviceSample, KeySource, OpenKeyError};
use find::{Wanted, find};
use key::LedgerKey;
use transport::Connector;

/// A configured Ledger.
pub struct LedgerSource {
    /// The one chain that it signs for.
    pub chain: ChainId,
    /// What it is called in messages.
    pub name: String,
    /// Where devices are.
    pub connector: Arc<dyn Connector>,
    /// Which one.
    pub wanted: Wanted,
    /// How long a signature may take.
    pub timeout: Duration,
    /// The device is an emulator.
    pub emulated: bool,
    /// The key, while somebody has it open.
    pub opened: Opened,
    /// The commands that its messages print.
    pub commands: Commands,
}

/// The key that a source has opened, if somebody still has it.
#[derive(Default)]
pub struct Opened(Mutex<Weak<LedgerKey>>);

impl Opened {
    fn key(&self) -> Option<Arc<LedgerKey>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .upgrade()
    }

    fn set(&self, key: &Arc<LedgerKey>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(key);
    }
}

impl LedgerSource {
    fn warnings(&self, public_key: &PublicKey) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.emulated {
            warnings.push(format!(
                "{} is an EMULATOR, whose key is in a file on this host: never stake anything on it",
                self.name
            ));
        }
        if self.wanted.public_key.is_none() {
            warnings.push(format!(
                "any Ledger is taken that is plugged in; add `public_key = \"{}\"` to its section, and tmkms starts without \
                 it, too, and waits for it",
                key_text::to_base64(public_key)
            ));
        }
        warnings.extend(limits::warning(&self.chain));
        warnings
    }
}

impl KeySource for LedgerSource {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn signs_extensions(&self) -> bool {
        false
    }

    fn devices(&self) -> Vec<DeviceSample> {
        let name = self.name.clone();
        vec![DeviceSample {
            name,
            up: true,
            ..DeviceSample::default()
        }]
    }

    fn needs_repair(&self) -> bool {
        self.opened
            .key()
            .is_some_and(|key| key.is_worth_reopening())
    }

    fn repair(&self) {
        if let Some(key) = self.opened.key() {
            key.reopen();
        }
    }

    fn open(&self) -> Result<(Arc<dyn Signer>, Vec<String>), OpenKeyError> {
        let found = find(self.connector.as_ref(), &self.wanted);
        let (public_key, found) = match (found, self.wanted.public_key) {
            (Ok(found), _) => (found.identity.public_key, Ok(found)),
            (Err(error), Some(key)) => (key, Err(error.to_string())),
            (Err(error), None) => return Err(OpenKeyError(error.to_string())),
        };
        let key = Arc::new(LedgerKey::new(self, public_key, found));
        self.opened.set(&key);
        Ok((key, self.warnings(&public_key)))
    }
}
