//! A share that is encrypted with a passphrase, as keys in files are: its JSON in PEM, with the whole key's public half before it.

use zeroize::Zeroizing;

use crate::backends::softsign::passphrase::Passphrase;
use crate::consensus::{KeyType, PublicKey, key_text};
use crate::secret_file::sealed::block::{KeyBlock, KeyLabel, NotOneKey};
use crate::secret_file::sealed::pbes2::{self, NotOpened, NotSealed};
use crate::shares::{KeyShare, KeyShareError};

/// Why an encrypted share does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedShareError {
    /// Its PEM is damaged, or there are several in it.
    #[error("{0}")]
    Block(NotOneKey),
    /// The passphrase is wrong, or it is damaged.
    #[error("{0}")]
    NotOpened(NotOpened),
    /// What is in it is no share.
    #[error("{0}")]
    Share(KeyShareError),
    /// It is of another key than it says.
    #[error(
        "its share is of another key than its line `public key` says: it is damaged or was changed"
    )]
    OtherKey,
}

/// A share as it was read.
pub struct OpenedShare {
    /// The share.
    pub share: KeyShare,
    /// Whether a passphrase protects it that can be tried out quickly.
    pub weak: bool,
}

/// Whether a file is an encrypted share.
pub fn is_sealed(bytes: &[u8]) -> bool {
    KeyBlock::read(bytes).is_ok_and(|block| block.label == KeyLabel::EncryptedShare)
}

/// The public key that it states. Whether it is that of the share only the passphrase shows.
pub fn stated(bytes: &[u8]) -> Option<PublicKey> {
    let block = KeyBlock::read(bytes).ok()?;
    (block.label == KeyLabel::EncryptedShare)
        .then(|| key_text::of_json(&block.public_key?, KeyType::Ed25519))?
}

/// The text of a file in which this share is encrypted.
///
/// # Errors
/// The system gives no random numbers.
pub fn write(share: &KeyShare, passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, NotSealed> {
    let sealed = pbes2::seal(&share.to_json(), passphrase.as_bytes())?;
    let about = format!(
        "The share of member {} of a validator's key, encrypted with a passphrase; tmkms reads it.",
        share.id()
    );
    let public = key_text::to_json(share.public_key());
    let text = KeyBlock::text(KeyLabel::EncryptedShare, &about, &public, &sealed);
    Ok(Zeroizing::new(text.into_bytes()))
}

/// The share in a file that [`is_sealed`]. Takes up to some seconds and 128 MiB.
///
/// # Errors
/// The passphrase is wrong, or the file is damaged.
pub fn open(bytes: &[u8], passphrase: &Passphrase) -> Result<OpenedShare, SealedShareError> {
    let block = KeyBlock::read(bytes).map_err(SealedShareError::Block)?;
    let opened =
        pbes2::open(&block.der, passphrase.as_bytes()).map_err(SealedShareError::NotOpened)?;
    let share = KeyShare::from_json(&opened.plain).map_err(|error| match error {
        // A wrong passphrase can look right to the padding, and then gives noise.
        KeyShareError::Json { .. } => SealedShareError::NotOpened(NotOpened::Passphrase),
        error => SealedShareError::Share(error),
    })?;
    let stated = block.public_key.as_deref();
    match stated {
        Some(stated) if stated != key_text::to_json(share.public_key()) => {
            Err(SealedShareError::OtherKey)
        }
        _ => Ok(OpenedShare {
            share,
            weak: opened.weak,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shares::{PublicShares, Quorum, Shard};

    fn share() -> KeyShare {
        let shard = std::fs::read("tests/horcrux/2-3/1_shard.json").unwrap();
        let shard = Shard::from_json(&shard).unwrap();
        KeyShare::new(shard, Quorum::new(2, 3).unwrap(), PublicShares::default()).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_with_its_passphrase_and_no_other() {
        let (share, passphrase) = (share(), Passphrase::of(b"correct horse").unwrap());
        let text = write(&share, &passphrase).unwrap();
        assert!(is_sealed(&text) && !is_sealed(&share.to_json()));
        assert_eq!(stated(&text).as_ref(), Some(share.public_key()));
        let again = open(&text, &passphrase).unwrap();
        assert_eq!(*again.share.to_json(), *share.to_json());
        assert!(!again.weak);
        let wrong = Passphrase::of(b"another horse").unwrap();
        let error = open(&text, &wrong).map(drop).unwrap_err();
        assert_eq!(error, SealedShareError::NotOpened(NotOpened::Passphrase));
        let other = PublicKey::Ed25519([7; 32]);
        let text = String::from_utf8(text.to_vec()).unwrap();
        let changed = text.replace(
            &key_text::to_json(share.public_key()),
            &key_text::to_json(&other),
        );
        let error = open(changed.as_bytes(), &passphrase).map(drop).unwrap_err();
        assert_eq!(error, SealedShareError::OtherKey);
        let cut = text.replace("-----END", "----END");
        let error = open(cut.as_bytes(), &passphrase).map(drop).unwrap_err();
        assert_eq!(error, SealedShareError::Block(NotOneKey::Damaged));
    }

    /// A key's file is none of a share, and the other way round.
    #[test]
    fn it_is_no_key() {
        use crate::backends::softsign::pem::{self, PemKeyError};
        use crate::secret_file::kind::{self, FileKind};
        let passphrase = Passphrase::of(b"correct horse").unwrap();
        let text = write(&share(), &passphrase).unwrap();
        assert_eq!(kind::look(&text), Some(FileKind::OwnShare));
        let read = pem::read(&text, Some(&passphrase), None).map(drop);
        assert_eq!(read, Err(PemKeyError::OtherKind(FileKind::OwnShare)));
    }
}
