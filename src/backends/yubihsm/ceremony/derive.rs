//! All secrets of a device from one mnemonic: passwords of the roles, the wrap key, the key that a ceremony resumes by.
//!
//! Byte for byte what the older tmkms derives, except for the last one, which it makes at random. Sources: the older
//! tmkms 0.15.0, hkd32 (a chain of HMAC-SHA512; the right half of each link keys the next, the left half of the last is
//! the secret), BIP 173 for passwords.

use hkdf::hmac::{Hmac, Mac};
use sha2::Sha512;
use subtle_encoding::bech32::Bech32;
use zeroize::Zeroizing;

use crate::backends::yubihsm::protocol::auth_key::AuthKey;

use super::mnemonic::Mnemonic;

/// The version of the derivation: the first component of each path.
const VERSION: &str = "1";

/// Who logs in to a device that was set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Everything; its password is the mnemonic itself.
    Admin,
    /// Makes, exports and imports keys.
    Operator,
    /// Reads the log and sets options.
    Auditor,
    /// Signs, and is in domain 1 only.
    Validator,
}

impl Role {
    /// All of them, by the id of their key.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Operator, Self::Auditor, Self::Validator];

    /// The role's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Validator => "validator",
        }
    }

    /// The id of its authentication key.
    pub fn id(self) -> u16 {
        match self {
            Self::Admin => 1,
            Self::Operator => 2,
            Self::Auditor => 3,
            Self::Validator => 4,
        }
    }

    /// Its password.
    pub fn password(self, mnemonic: &Mnemonic) -> Zeroizing<String> {
        if self == Self::Admin {
            return Zeroizing::new(mnemonic.phrase().to_owned());
        }
        let name = self.name();
        let secret = derive(mnemonic.entropy(), &[VERSION, "role", name]);
        let half = secret.get(..16).unwrap_or_default();
        let prefix = format!("kms-{name}-password-");
        Zeroizing::new(Bech32::lower_case().encode(prefix, half))
    }

    /// Its authentication key.
    pub fn auth_key(self, mnemonic: &Mnemonic) -> AuthKey {
        AuthKey::from_password(self.password(mnemonic).as_bytes())
    }
}

/// The wrap key with this id; set up is 1 only.
pub fn wrap_key(mnemonic: &Mnemonic, id: u16) -> Zeroizing<[u8; 32]> {
    derive(
        mnemonic.entropy(),
        &[VERSION, "wrap", &format!("0x{id:04x}")],
    )
}

/// The key that logs in while a ceremony is under way. It follows from the mnemonic, so a ceremony that lost its power
/// at any point goes on with nothing but the mnemonic.
pub fn temporary_key(mnemonic: &Mnemonic) -> AuthKey {
    AuthKey::from_bytes(&derive(mnemonic.entropy(), &[VERSION, "setup", "0xfffe"]))
}

fn derive(root: &[u8; 32], path: &[&str]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new(*root);
    let mut secret = Zeroizing::new([0; 32]);
    for part in path {
        // HMAC takes keys of any length.
        let Ok(mut mac) = <Hmac<Sha512> as Mac>::new_from_slice(&key[..]) else {
            continue;
        };
        mac.update(part.as_bytes());
        let whole = Zeroizing::new(<[u8; 64]>::from(mac.finalize().into_bytes()));
        let (left, right) = whole.split_at(32);
        secret
            .iter_mut()
            .zip(left)
            .for_each(|(to, from)| *to = *from);
        key.iter_mut().zip(right).for_each(|(to, from)| *to = *from);
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of hkd32's own tests.
    #[test]
    fn paths_of_several_parts() {
        let root = std::array::from_fn(|at| u8::try_from(at).unwrap());
        for (path, wanted) in [
            (
                &["1", "1"][..],
                "034ce35b64f71d07cc4c17aa17a00615bbe9dc062d83a20996f685f4636b654e",
            ),
            (
                &["1", "1", "2"],
                "eca907266271e6f6c88d88bdbd13c7f8157f5e4b98865e80ddacd9a5c857a2cd",
            ),
            (
                &["1", "1", "2", "3"],
                "3ce648629c4b488e122a49b19420a7e2c917f238961774aff576de249c8f9e0b",
            ),
        ] {
            let found = subtle_encoding::hex::encode(derive(&root, path).as_slice());
            assert_eq!(String::from_utf8(found).unwrap(), wanted);
        }
    }

    /// The program resumes by it: another derivation would lock ceremonies of an earlier version out.
    #[test]
    fn the_temporary_key_stays_as_it_is() {
        let mnemonic = Mnemonic::from_entropy(&[0; 32]);
        let found = subtle_encoding::hex::encode(temporary_key(&mnemonic).to_bytes().as_slice());
        assert_eq!(
            String::from_utf8(found).unwrap(),
            "58699330a03ed200ec250eb1024800fe09af47b5b5d670f8e037ab8090554599"
        );
    }
}
