//! Who we are to a node, and who it is to us: Ed25519 keys of SecretConnection, which sign no votes.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use subtle_encoding::hex;
use zeroize::Zeroizing;

use crate::remedy::{self, CommandLine};
use crate::secret_file::kind::{self, FileKind};
use crate::secret_file::{self, Absent, SecretSource};

/// Our key on SecretConnection links. Wiped when dropped, never shown, and never copied: links share one, and the box keeps
/// it at one place when it is handed on, because a move would leave a copy behind.
pub struct IdentityKey(Box<SigningKey>);

impl IdentityKey {
    /// The key of a 32-byte seed (RFC 8032).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(Box::new(SigningKey::from_bytes(seed)))
    }

    /// Reads the text of an identity file: standard base64 of a 32-byte seed, with or without a line end.
    pub fn from_base64(text: &[u8]) -> Result<Self, NotAnIdentity> {
        let bytes = crate::text::base64::decode(kind::text(text)).map(Zeroizing::new);
        let error = match &bytes {
            None => NotAnIdentity::NotBase64,
            Some(bytes) => match <&[u8; 32]>::try_from(bytes.as_slice()) {
                Ok(seed) => return Ok(Self::from_seed(seed)),
                Err(_) => NotAnIdentity::Length(bytes.len()),
            },
        };
        match kind::look(text) {
            None | Some(FileKind::Base64) => Err(error),
            Some(other) => Err(NotAnIdentity::OtherKind(other)),
        }
    }

    /// The public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The id by which nodes know this key.
    pub fn peer_id(&self) -> PeerId {
        PeerId::of(&self.public_key())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityKey({})", self.peer_id())
    }
}

/// Why a file holds no identity key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnIdentity {
    /// Not base64.
    #[error("it is not base64 with padding")]
    NotBase64,
    /// It is something else, and known as that.
    #[error("{0}")]
    OtherKind(FileKind),
    /// Another length than 32.
    #[error("it holds {0} bytes where a seed of 32 is expected")]
    Length(usize),
}

/// By whom a key is known already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KnownTo {
    /// By nobody who asks for this one: another will do.
    Nobody,
    /// By the other members of a shared key, who turn others away.
    Members,
}

/// Reads the identity key of links; the text is a warning about its file. What is wrong comes with a remedy: a new key
/// will do, because it signs no votes.
pub fn load(source: &SecretSource) -> Result<(IdentityKey, Option<String>), String> {
    load_known(source, KnownTo::Nobody)
}

/// The same of the one by which the members of a shared key know each other: a new one will do only once all of them know it.
pub fn load_of_member(source: &SecretSource) -> Result<(IdentityKey, Option<String>), String> {
    load_known(source, KnownTo::Members)
}

fn load_known(
    source: &SecretSource,
    known: KnownTo,
) -> Result<(IdentityKey, Option<String>), String> {
    let make = |path: &Path| make(path, known);
    let secret = secret_file::read(source).map_err(|error| match error.absent() {
        Some(Absent::Missing(path)) => format!("the identity key: {error}; {}", make(path)),
        Some(Absent::Empty(path)) => format!(
            "the identity key: {error}; remove it with `{}`, and {}",
            remedy::remove(path),
            make(path)
        ),
        None => format!("the identity key: {error}"),
    })?;
    let identity = IdentityKey::from_base64(&secret.bytes).map_err(|error| {
        let remedy = match (source, &error) {
            (SecretSource::File(_), NotAnIdentity::OtherKind(kind))
                if kind.is_of_another() && known == KnownTo::Members =>
            {
                "leave that file where it is, and name this member's own identity.key, of the folder `member-N` of `cosign split`, \
                 as `secret_key`"
                    .to_owned()
            }
            (SecretSource::Environment(_) | SecretSource::Credential(_), _)
                if known == KnownTo::Members =>
            {
                "put this member's own identity.key there, of the folder `member-N` of `cosign split`".to_owned()
            }
            (SecretSource::File(_), NotAnIdentity::OtherKind(kind)) if kind.is_of_another() => {
                format!(
                    "leave that file where it is, make one with `{}`, name it as `secret_key`, and reload tmkms",
                    remedy::keygen(Path::new("FILE"))
                )
            }
            (SecretSource::File(path), _) => format!(
                "move it away with `{}`, and {}",
                remedy::move_aside(path),
                make(path)
            ),
            (SecretSource::Environment(_) | SecretSource::Credential(_), _) => {
                format!(
                    "put another one there; `{}` makes one",
                    remedy::keygen(Path::new("FILE"))
                )
            }
        };
        format!("the identity key in {source}: {error}; {remedy}")
    })?;
    Ok((identity, secret.warning))
}

fn make(path: &Path, known: KnownTo) -> String {
    let new = remedy::keygen(path);
    match known {
        KnownTo::Nobody => format!("make one with `{new}`; it signs no votes"),
        KnownTo::Members => format!(
            "bring this member's own identity.key, of the folder `member-N` of `cosign split`, there with `{}`. Only where it is lost make \
             a new one with `{new}`: the other members turn it away until the `addr` of this member has its peer id in the \
             configurations of all",
            CommandLine::on_file("install", &["-m", "600", "IDENTITY"], path)
        ),
    }
}

/// The first 20 bytes of SHA-256 of an Ed25519 public key (`PubKeyToID` in CometBFT's `p2p/key.go`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerId([u8; 20]);

/// The text is not 40 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a peer id has 40 hexadecimal digits")]
pub struct NotAPeerId;

impl PeerId {
    /// The id of a public key.
    pub fn of(key: &[u8; 32]) -> Self {
        let mut id = [0; 20];
        id.iter_mut()
            .zip(Sha256::digest(key))
            .for_each(|(to, from)| *to = from);
        Self(id)
    }
}

impl FromStr for PeerId {
    type Err = NotAPeerId;

    fn from_str(text: &str) -> Result<Self, NotAPeerId> {
        let bytes = hex::decode(text.to_ascii_lowercase()).map_err(|_| NotAPeerId)?;
        Ok(Self(bytes.try_into().map_err(|_| NotAPeerId)?))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Checks a peer's signature strictly: no small-order keys.
pub(super) fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| {
        key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
            .is_ok()
    })
}
