//! `tmkms cosign encrypt`: the same share in a new file, which a passphrase opens.

use std::path::PathBuf;

use clap::Args;

use crate::backends::cosign::sealed_share;
use crate::cli::report::{Failure, status};
use crate::cli::softsign::new_file::not_made;
use crate::cli::softsign::typed_passphrase::PassphraseFrom;
use crate::os::files::paths::absolute;
use crate::os::process::harden::harden;
use crate::remedy;
use crate::secret_file::NewFile;
use crate::terminal::Terminal;

use super::shards::own;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms cosign encrypt secrets/cosmoshub-4.share\n  \
                  tmkms cosign encrypt --passphrase-file credential:passphrase secrets/cosmoshub-4.share secrets/cosmoshub-4.pem\n\n\
                  FILE stays as it is. The new file is encrypted as `softsign encrypt` does it, with AES-256 and scrypt."
)]
pub(in crate::cli) struct EncryptShare {
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// The share to read
    file: PathBuf,
    /// The file to make, FILE.pem when left out; never overwritten
    new: Option<PathBuf>,
}

impl EncryptShare {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let _ = harden();
        let new = self.new.unwrap_or_else(|| remedy::encrypted(&self.file));
        let share = own(&self.file)?;
        let draft = NewFile::of_secret(&new).map_err(|error| not_made(&error, &new))?;
        let passphrase = self.passphrase.to_encrypt(&new, terminal)?;
        let text = sealed_share::write(&share, &passphrase).map_err(Failure::new)?;
        let again = sealed_share::open(&text, &passphrase);
        if !again.is_ok_and(|again| *again.share.to_json() == *share.to_json()) {
            return Err(Failure::new(
                "what was encrypted did not open again, so nothing was written; the memory of this machine may be faulty",
            ));
        }
        draft
            .finish(&text)
            .map_err(|error| not_made(&error, &new))?;
        status(
            "Encrypted",
            format!("the share of member {} into {}", share.id(), new.display()),
        );
        status(
            "Next",
            format!(
                "name {} as `share` of its [[providers.cosign]], say with `passphrase_file` where the passphrase is, and reload tmkms",
                absolute(&new).display()
            ),
        );
        status(
            "Careful",
            format!(
                "{} still holds the share without a passphrase; when the chain is armed with the new file, remove it with `{}`. Backups, \
                 snapshots and solid-state disks may keep what was in it",
                self.file.display(),
                remedy::shred(&self.file)
            ),
        );
        Ok(())
    }
}
