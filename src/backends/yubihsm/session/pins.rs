//! Keys that must be the same each time a session is opened: a device that was set up again or swapped never signs with
//! another one.

use std::collections::BTreeMap;

use crate::backends::yubihsm::protocol::error::ErrorKind;
use crate::backends::yubihsm::protocol::info::show_key;

/// What the device answered to `get public key` when each key was found, and which of them are others now.
#[derive(Default)]
pub(super) struct Pins {
    keys: BTreeMap<u16, Vec<u8>>,
    strangers: BTreeMap<u16, ErrorKind>,
}

impl Pins {
    /// From now on this key must stay the same.
    pub(super) fn pin(&mut self, key: u16, public: Vec<u8>) {
        self.keys.insert(key, public);
    }

    pub(super) fn keys(&self) -> Vec<u16> {
        self.keys.keys().copied().collect()
    }

    /// Why a key must not sign, if so.
    pub(super) fn stranger(&self, key: u16) -> Option<&ErrorKind> {
        self.strangers.get(&key)
    }

    /// Compares what the device answers for a key now. An error is a loss only: nothing is known then.
    pub(super) fn compare(
        &mut self,
        key: u16,
        found: Result<impl AsRef<[u8]>, ErrorKind>,
    ) -> Result<(), ErrorKind> {
        let trouble = match (found, self.keys.get(&key)) {
            (Ok(found), Some(wanted)) if found.as_ref() != wanted => ErrorKind::OtherKey {
                key,
                found: show_key(found.as_ref()),
                wanted: show_key(wanted),
            },
            (Ok(_), _) => {
                self.strangers.remove(&key);
                return Ok(());
            }
            (Err(kind), _) if kind.is_loss() => return Err(kind),
            (Err(kind), _) => kind,
        };
        self.strangers.insert(key, trouble);
        Ok(())
    }
}
