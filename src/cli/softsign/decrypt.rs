//! `tmkms softsign decrypt`: the same key in a new file that needs no passphrase.

use std::path::PathBuf;

use clap::Args;

use super::new_file;
use super::public_half::show;
use super::source_key::{Form, SourceKey};
use super::typed_passphrase::{PassphraseFrom, quietly_harden};
use crate::backends::softsign::pem;
use crate::cli::report::{Failure, status};
use crate::remedy;
use crate::terminal::Terminal;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms softsign decrypt secrets/consensus.pem\n  \
                  tmkms softsign decrypt --passphrase-file passphrase secrets/consensus.pem secrets/consensus.key\n\n\
                  FILE stays as it is. The new file is a plain key file of this program, in base64."
)]
pub(in crate::cli) struct Decrypt {
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// The encrypted key file
    file: PathBuf,
    /// The file to make, FILE.base64 when left out; never overwritten
    new: Option<PathBuf>,
}

impl Decrypt {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        quietly_harden();
        let new = self.new.unwrap_or_else(|| remedy::decrypted(&self.file));
        let mut source = SourceKey {
            path: &self.file,
            form: None,
            kind: None,
            verb: "decrypted",
        };
        let bytes = source.bytes()?.bytes;
        if !pem::is_encrypted(&bytes) {
            // What is no key at all is told as that.
            let none = PassphraseFrom::default();
            source.read(&bytes, &none, terminal)?;
            return Err(source.failed(&"it is not encrypted"));
        }
        source.form = Some(Form::Pem);
        let draft = new_file::begin(&new)?;
        let key = source.read(&bytes, &self.passphrase, terminal)?;
        new_file::finish(draft, &key.to_file().map_err(Failure::new)?)?;
        let public = key.public_key();
        status(
            "Decrypted",
            format!("{} key into {}", public.key_type(), new.display()),
        );
        status(
            "Careful",
            format!(
                "{} holds the key without a passphrase: whoever reads it can sign",
                new.display()
            ),
        );
        show(&public)
    }
}
