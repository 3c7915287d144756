//! `tmkms cosign decrypt`: the same share in a new file that needs no passphrase.

use std::path::PathBuf;

use clap::Args;

use crate::backends::cosign::sealed_share;
use crate::cli::report::{Failure, status};
use crate::cli::softsign::new_file::not_made;
use crate::cli::softsign::typed_passphrase::PassphraseFrom;
use crate::os::process::harden::harden;
use crate::secret_file::NewFile;
use crate::terminal::Terminal;

use super::shards::{bytes, no_own_share};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms cosign decrypt secrets/cosmoshub-4.share.pem\n  \
                  tmkms cosign decrypt --passphrase-file passphrase secrets/cosmoshub-4.share.pem secrets/cosmoshub-4.share\n\n\
                  FILE stays as it is. `cosign verify` and `cosign recover` read what is not encrypted."
)]
pub(in crate::cli) struct DecryptShare {
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// The encrypted share
    file: PathBuf,
    /// The file to make, FILE.json when left out; never overwritten
    new: Option<PathBuf>,
}

impl DecryptShare {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let _ = harden();
        let new = self.new.unwrap_or_else(|| {
            let mut name = self.file.clone().into_os_string();
            name.push(".json");
            name.into()
        });
        let text = bytes(&self.file)?;
        if !sealed_share::is_sealed(&text) {
            return Err(no_own_share(&self.file, &text));
        }
        let draft = NewFile::of_secret(&new).map_err(|error| not_made(&error, &new))?;
        let passphrase = self.passphrase.to_open(&self.file, terminal)?;
        let opened = sealed_share::open(&text, &passphrase).map_err(|error| {
            Failure::new(format!("{} does not open: {error}", self.file.display()))
        })?;
        draft
            .finish(&opened.share.to_json())
            .map_err(|error| not_made(&error, &new))?;
        status(
            "Decrypted",
            format!(
                "the share of member {} into {}",
                opened.share.id(),
                new.display()
            ),
        );
        status(
            "Careful",
            format!("{} holds the share without a passphrase", new.display()),
        );
        Ok(())
    }
}
