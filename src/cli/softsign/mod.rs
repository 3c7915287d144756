//! `tmkms softsign`.

mod decrypt;
mod encrypt;
mod import;
mod key_files;
pub(in crate::cli) mod new_file;
mod public_half;
pub(in crate::cli) mod source_key;
mod there;
mod todo;
pub(in crate::cli) mod typed_passphrase;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::backends::softsign::key::{SoftKey, SoftKeyError};
use crate::secret_file;
use crate::terminal::{Console, Terminal};

use super::report::{Failure, status};
use crate::cli::typed::key_word::KeyWord;
use public_half::show;
use typed_passphrase::{PassphraseFrom, quietly_harden};

/// Keys in files.
#[derive(Subcommand)]
pub(super) enum Softsign {
    /// Make a new key in a new file
    Keygen(Keygen),
    /// Bring a key from another signer, together with what it has signed
    Import(import::Import),
    /// Put a key into a new file, encrypted with a passphrase
    Encrypt(encrypt::Encrypt),
    /// Put an encrypted key into a new file that needs no passphrase
    Decrypt(decrypt::Decrypt),
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms softsign keygen secrets/consensus.key\n  tmkms softsign keygen -t account secrets/account.key\n  \
                  tmkms softsign keygen -t bls12_381 secrets/bls.key\n  \
                  tmkms softsign keygen --encrypt secrets/consensus.pem"
)]
pub(super) struct Keygen {
    /// The type of the key
    #[arg(short = 't', long = "type", value_enum, default_value = "consensus")]
    kind: KeyWord,
    /// Encrypt it with a passphrase
    #[arg(long)]
    encrypt: bool,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// The file to make; never overwritten: a key that is there already is kept and shown
    path: PathBuf,
}

impl Softsign {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Keygen(command) => command.run(&mut Console),
            Self::Import(command) => command.run(&mut Console),
            Self::Encrypt(command) => command.run(&mut Console),
            Self::Decrypt(command) => command.run(&mut Console),
        }
    }
}

impl Keygen {
    fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        if self.passphrase.is_said() && !self.encrypt {
            return Err(
                Failure::usage("`--passphrase-file` says with what to encrypt the key, and it would not be encrypted")
                    .hint("add `--encrypt`, or leave it out"),
            );
        }
        let kind = self.kind.key_type();
        if !kind.is_built() {
            return Err(Failure::new(SoftKeyError::NotBuilt(kind)));
        }
        quietly_harden();
        let is_there = std::fs::symlink_metadata(&self.path).is_ok();
        let passphrase = match (self.encrypt, is_there) {
            (false, _) => None,
            (true, true) => Some(self.passphrase.to_open(&self.path, terminal)?),
            (true, false) => Some(self.passphrase.to_encrypt(&self.path, terminal)?),
        };
        if let Some(public) = there::key_in(&self.path, kind, passphrase.as_ref())? {
            status(
                "Kept",
                format!(
                    "{}, which holds a key of type {} already; no new one was made",
                    self.path.display(),
                    public.key_type()
                ),
            );
            return show(&public);
        }
        let (key, plain) = SoftKey::generate(kind).map_err(Failure::new)?;
        let text = match &passphrase {
            Some(passphrase) => new_file::encrypted(&key, passphrase)?,
            None => plain,
        };
        secret_file::create(&self.path, &text)
            .map_err(|error| new_file::not_made(&error, &self.path))?;
        let public = key.public_key();
        status(
            "Generated",
            format!("{} key in {}", public.key_type(), self.path.display()),
        );
        status(
            "Next",
            match passphrase {
                None => {
                    "keep a copy of this file offline, and name it as `path` of a [[providers.softsign]]; for the identity of links, which needs no \
                 copy, as `secret_key` of a [[validator]]"
                }
                Some(_) => {
                    "keep a copy of this file offline, and one of its passphrase elsewhere; name it as `path` of a [[providers.softsign]], with \
                 `passphrase_file`"
                }
            },
        );
        show(&public)
    }
}
