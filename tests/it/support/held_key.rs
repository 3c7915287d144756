//! A key that waits in the middle of a signature.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::key;
use tmkms::consensus::{PublicKey, Signature};
use tmkms::gate::Prepared;
use tmkms::gate::permit::Permit;
use tmkms::signer::{Signer, SignerError};

/// A key that tells when it is asked for what has these bytes in it, and waits until it may go on.
pub struct HeldKey {
    bytes: &'static [u8],
    asked: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl Signer for HeldKey {
    fn public_key(&self) -> PublicKey {
        key(1).public_key()
    }

    fn accepts(&self, _: &Prepared) -> Result<(), SignerError> {
        Ok(())
    }

    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError> {
        let bytes = permit.bytes();
        if bytes
            .windows(self.bytes.len())
            .any(|part| part == self.bytes)
        {
            self.asked.send(()).unwrap();
            // A test that failed meanwhile tells nobody to go on.
            let _ = self
                .go_on
                .lock()
                .unwrap()
                .recv_timeout(Duration::from_secs(10));
        }
        Signer::sign(&key(1), permit)
    }
}

impl HeldKey {
    /// The key, what hears that it was asked, and what lets it go on.
    pub fn new(bytes: &'static [u8]) -> (Self, Receiver<()>, Sender<()>) {
        let (asked, was_asked) = channel();
        let (go, go_on) = channel();
        let key = Self {
            bytes,
            asked,
            go_on: Mutex::new(go_on),
        };
        (key, was_asked, go)
    }
}
