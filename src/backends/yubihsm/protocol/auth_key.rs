//! Who logs in to a YubiHSM 2: the id of an authentication key, and the two keys of its password. Source: Yubico's command
//! reference ("Put Authentication Key").

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::password::PasswordFlaw;

/// A key of AES-128, in bytes.
pub(super) const BLOCK: usize = 16;

/// The password of authentication key 1 of every device from the factory (user guide, "Default authentication key").
pub const FACTORY_PASSWORD: &[u8] = b"password";

/// Who logs in. The name is that of `yubihsm.rs`; those of etcd are its own.
#[derive(Clone)]
pub struct Credentials {
    /// The id of the authentication key.
    pub id: u16,
    /// The key itself.
    pub key: AuthKey,
}

impl Credentials {
    /// Of whoever asks a device for what it tells everybody. They open no session.
    pub fn nobody() -> Self {
        Self {
            id: 0,
            key: AuthKey::from_bytes(&[0; 2 * BLOCK]),
        }
    }
}

/// The two static keys of an authentication key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct AuthKey {
    /// K-ENC.
    pub(super) enc: [u8; BLOCK],
    /// K-MAC.
    pub(super) mac: [u8; BLOCK],
    /// What is odd about the password that they are of, in case the device does not know them.
    #[zeroize(skip)]
    flaw: Option<PasswordFlaw>,
    #[zeroize(skip)]
    of_factory: bool,
}

impl AuthKey {
    /// The keys of a password: PBKDF2-HMAC-SHA256 with salt `Yubico` and 10,000 rounds.
    pub fn from_password(password: &[u8]) -> Self {
        let mut both = Zeroizing::new([0; 2 * BLOCK]);
        pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password, b"Yubico", 10_000, &mut *both);
        let mut key = Self::from_bytes(&both);
        key.flaw = PasswordFlaw::of(password);
        key.of_factory = password == FACTORY_PASSWORD;
        key
    }

    /// The keys as the device stores them: K-ENC, then K-MAC.
    pub fn from_bytes(bytes: &[u8; 2 * BLOCK]) -> Self {
        let mut key = Self {
            enc: [0; BLOCK],
            mac: [0; BLOCK],
            flaw: None,
            of_factory: false,
        };
        let all = key.enc.iter_mut().chain(&mut key.mac);
        all.zip(bytes).for_each(|(to, from)| *to = *from);
        key
    }

    /// Whether they are of the factory's password.
    pub fn is_of_factory(&self) -> bool {
        self.of_factory
    }

    /// What in the password's text may be why this authentication key does not know it.
    pub fn flaw(&self, auth: u16) -> Option<PasswordFlaw> {
        self.flaw.filter(|flaw| flaw.explains(auth))
    }

    /// K-ENC, then K-MAC.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([self.enc, self.mac].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of the factory's password, as Yubico's documents print them for authentication key 1.
    #[test]
    fn the_factory_password() {
        let key = AuthKey::from_password(b"password");
        let hex = subtle_encoding::hex::encode(key.to_bytes().as_slice());
        assert_eq!(
            String::from_utf8(hex).unwrap(),
            "090b47dbed595654901dee1cc655e420592fd483f759e29909a04c4505d2ce0a"
        );
    }
}
