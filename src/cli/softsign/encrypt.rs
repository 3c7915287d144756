//! `tmkms softsign encrypt`: the same key in a new file, which a passphrase opens.

use std::path::PathBuf;

use clap::Args;

use super::new_file;
use super::public_half::show;
use super::source_key::{Form, SourceKey};
use super::typed_passphrase::{PassphraseFrom, quietly_harden};
use crate::backends::softsign::pem;
use crate::cli::report::{Failure, status};
use crate::cli::typed::key_word::KeyWord;
use crate::os::files::paths::absolute;
use crate::remedy;
use crate::terminal::Terminal;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms softsign encrypt secrets/consensus.key\n  \
                  tmkms softsign encrypt --passphrase-file credential:passphrase secrets/consensus.key secrets/consensus.pem\n\n\
                  FILE stays as it is. The new file is PKCS#8 in PEM, encrypted with AES-256 and scrypt; `openssl pkey` reads it."
)]
pub(in crate::cli) struct Encrypt {
    /// The form of FILE; told by its content when left out
    #[arg(short = 'f', long, value_enum)]
    format: Option<Form>,
    /// The type of the key; told by FILE unless that is base64
    #[arg(short = 't', long = "type", value_enum)]
    kind: Option<KeyWord>,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// The key file to read
    file: PathBuf,
    /// The file to make, FILE.pem when left out, or FILE.encrypted.pem; never overwritten
    new: Option<PathBuf>,
}

impl Encrypt {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        quietly_harden();
        let new = self.new.unwrap_or_else(|| remedy::encrypted(&self.file));
        let source = SourceKey {
            path: &self.file,
            form: self.format,
            kind: self.kind.map(KeyWord::key_type),
            verb: "encrypted",
        };
        let bytes = source.bytes()?.bytes;
        if pem::is_encrypted(&bytes) {
            return Err(source.failed(&"it is encrypted already").hint(format!(
                "for another passphrase, decrypt it with `{}` and encrypt {}",
                remedy::decrypt(&self.file),
                remedy::decrypted(&self.file).display()
            )));
        }
        let taken_for = source.kind.is_none() && source.does_not_say_its_type(&bytes);
        let none = PassphraseFrom::default();
        let key = source.read(&bytes, &none, terminal)?;
        let draft = new_file::begin(&new)?;
        let passphrase = self.passphrase.to_encrypt(&new, terminal)?;
        new_file::finish_encrypted(draft, &key, &passphrase)?;
        let public = key.public_key();
        status(
            "Encrypted",
            format!("{} key into {}", public.key_type(), new.display()),
        );
        if taken_for {
            status(
                "Careful",
                format!(
                    "{} does not say of which type its key is, and was read as {}: compare the address. If it is another one, remove {} \
                     and say the type with `-t`",
                    self.file.display(),
                    public.key_type(),
                    new.display()
                ),
            );
        }
        status(
            "Next",
            format!(
                "name {} as `path` of its [[providers.softsign]], say with `passphrase_file` where the passphrase is, and reload \
                 tmkms",
                absolute(&new).display()
            ),
        );
        status(
            "Careful",
            format!(
                "{} still holds the key without a passphrase; when the chain signs with the new file, remove it with `{}`. \
                 Backups, snapshots and solid-state disks may keep what was in it",
                self.file.display(),
                remedy::shred(&self.file)
            ),
        );
        show(&public)
    }
}
