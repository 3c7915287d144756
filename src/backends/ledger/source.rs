//! A configured Ledger: how its key is opened, and what the operator is told then.

use std::any::Any;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::backends::device::{Backup, Device, DeviceSample};
use crate::backends::key_source::{KeySource, KeyTraits, OpenKeyError, Opened};
use crate::consensus::{PublicKey, key_text};

use super::find::find;
use super::key::{LedgerKey, LedgerSettings};
use super::limits;

/// A configured Ledger.
pub struct LedgerSource {
    /// What its section says.
    pub settings: LedgerSettings,
    /// The device is an emulator.
    emulated: bool,
    traits: KeyTraits,
    /// The key, while somebody has it open.
    opened: KeyInUse,
}

/// The key that a source has opened, if somebody still has it.
#[derive(Default)]
struct KeyInUse(Mutex<Weak<LedgerKey>>);

impl KeyInUse {
    fn key(&self) -> Option<Arc<LedgerKey>> {
        self.0.lock().upgrade()
    }

    fn set(&self, key: &Arc<LedgerKey>) {
        *self.0.lock() = Arc::downgrade(key);
    }
}

impl LedgerSource {
    /// The Ledger of a section; an emulator's key is in a file.
    pub fn new(settings: LedgerSettings, emulated: bool) -> Self {
        Self {
            traits: KeyTraits {
                signs_extensions: false,
                ..KeyTraits::of(settings.name.clone())
            },
            settings,
            emulated,
            opened: KeyInUse::default(),
        }
    }

    fn warnings(&self, public_key: &PublicKey) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.emulated {
            warnings.push(format!(
                "{} is an EMULATOR, whose key is in a file on this host: never stake anything on it",
                self.settings.name
            ));
        }
        if self.settings.wanted.public_key.is_none() {
            warnings.push(format!(
                "any Ledger is taken that is plugged in; add `public_key = \"{}\"` to its section, and tmkms starts without \
                 it, too, and waits for it",
                key_text::to_base64(public_key)
            ));
        }
        warnings.extend(limits::warning(&self.settings.chain));
        warnings
    }
}

impl KeySource for LedgerSource {
    fn is_same(&self, other: &dyn KeySource) -> bool {
        let other: &dyn Any = other;
        // The name says where it is and with which key.
        other.downcast_ref::<Self>().is_some_and(|other| {
            let (ours, theirs) = (&self.settings, &other.settings);
            (&ours.chain, &ours.name, &ours.wanted, ours.timeout)
                == (&theirs.chain, &theirs.name, &theirs.wanted, theirs.timeout)
        })
    }

    fn traits(&self) -> &KeyTraits {
        &self.traits
    }

    fn devices(&self) -> Vec<&dyn Device> {
        vec![self]
    }

    fn open(&self) -> Result<Opened, OpenKeyError> {
        let found = find(self.settings.connector.as_ref(), &self.settings.wanted);
        let (public_key, found) = match (found, self.settings.wanted.public_key.clone()) {
            (Ok(found), _) => (found.identity.public_key.clone(), Ok(found)),
            (Err(error), Some(key)) => (key, Err(error.to_string())),
            (Err(error), None) => return Err(OpenKeyError(error.to_string())),
        };
        let key = Arc::new(LedgerKey::new(&self.settings, public_key.clone(), found));
        self.opened.set(&key);
        Ok(Opened {
            signer: key,
            warnings: self.warnings(&public_key),
        })
    }
}

impl Device for LedgerSource {
    /// Up, unless the key says why it cannot sign.
    fn status(&self) -> DeviceSample {
        DeviceSample {
            name: self.settings.name.clone(),
            up: true,
            ..DeviceSample::default()
        }
    }

    fn needs_repair(&self) -> bool {
        let key = self.opened.key();
        key.is_some_and(|key| key.is_worth_reopening())
    }

    fn repair(&self) {
        if let Some(key) = self.opened.key() {
            key.reopen();
        }
    }

    /// A Ledger is restored from its words; nothing here knows of that.
    fn backup(&self, _: &PublicKey) -> Option<Backup> {
        None
    }
}
