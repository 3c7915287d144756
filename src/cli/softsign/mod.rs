//! `tmkms softsign`.

mod import;
mod key_files;
mod there;
mod todo;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::backends::softsign::key::{SoftKey, SoftKeyError};
use crate::consensus::{PublicKey, key_text};
use crate::remedy;
use crate::secret_file::{self, SecretFileError};
use crate::terminal::Console;

use super::report::{Failure, output, status};
use crate::cli::typed::key_word::KeyWord;

/// Keys in files.
#[derive(Subcommand)]
pub(super) enum Softsign {
    /// Make a new key in a new file
    Keygen(Keygen),
    /// Bring a key from another signer, together with what it has signed
    Import(import::Import),
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms softsign keygen secrets/consensus.key\n  tmkms softsign keygen -t account secrets/account.key\n  \
                  tmkms softsign keygen -t bls12_381 secrets/bls.key"
)]
pub(super) struct Keygen {
    /// The type of the key
    #[arg(short = 't', long = "type", value_enum, default_value = "consensus")]
    kind: KeyWord,
    /// The file to make; never overwritten: a key that is there already is kept and shown
    path: PathBuf,
}

impl Softsign {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Keygen(command) => command.run(),
            Self::Import(command) => command.run(&mut Console),
        }
    }
}

impl Keygen {
    fn run(self) -> Result<(), Failure> {
        let kind = self.kind.key_type();
        if !kind.is_built() {
            return Err(Failure::new(SoftKeyError::NotBuilt(kind)));
        }
        if let Some(public) = there::key_in(&self.path, kind)? {
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
        let (key, text) = SoftKey::generate(kind)
            .map_err(|error| Failure::new(format!("no random numbers: {error}")))?;
        secret_file::create(&self.path, &text).map_err(|error| {
            let missing_folder = matches!(
                &error,
                SecretFileError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound
            );
            let failure = Failure::new(&error);
            match missing_folder {
                true => failure.hint(format!(
                    "make its folder first, with `{}`",
                    remedy::make_folder(self.path.parent().unwrap_or(Path::new(".")))
                )),
                false => failure,
            }
        })?;
        let public = key.public_key();
        status(
            "Generated",
            format!("{} key in {}", public.key_type(), self.path.display()),
        );
        status(
            "Next",
            "keep a copy of this file offline, and name it as `path` of a [[providers.softsign]]; for the identity of links, which needs no \
             copy, as `secret_key` of a [[validator]]",
        );
        show(&public)
    }
}

/// Writes the public half of a key to standard output.
fn show(public: &PublicKey) -> Result<(), Failure> {
    output(&format!(
        "public key: {}\naddress: {}\n",
        key_text::to_json(public),
        public.address()
    ))
}
