//! `tmkms yubihsm keys import`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::backends::softsign::key::{SoftKey, SoftKeyError};
use crate::backends::yubihsm::backup::{self, NewKey, Way, shown};
use crate::backends::yubihsm::ceremony::derive::Role;
use crate::backends::yubihsm::protocol::codes::{ErrorCode, object};
use crate::backends::yubihsm::protocol::commands::DeviceCommands;
use crate::backends::yubihsm::protocol::error::{Error, ErrorKind};
use crate::backends::yubihsm::protocol::key_type::DeviceKeyType;
use crate::backends::yubihsm::session::objects::Objects;
use crate::cli::report::{Failure, status};
use crate::config;
use crate::consensus::{KeyType, PublicKey, key_text};
use crate::secret_file::kind::{self, NamedBy};
use crate::secret_file::{self, SecretSource};

use super::form::Form;
use super::login::{LoggedIn, Login};
use crate::cli::yubihsm::which::key_id;

/// Bring a key into the device.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms yubihsm keys import --mnemonic consensus.backup\n  \
                  tmkms yubihsm keys import --auth-key 2 -i 1 ~/.gaia/config/priv_validator_key.json\n\n\
                  A key moves together with what it has signed: `tmkms state import` takes that over."
)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    login: Login,
    /// The key's id on the device; backups bring their own
    #[arg(short, long, value_name = "ID", value_parser = key_id)]
    id: Option<u16>,
    /// The wrap key that opens a backup
    #[arg(short, long, visible_alias = "wrapkey", value_name = "ID", value_parser = key_id, default_value = "1")]
    wrap: u16,
    /// What PATH is, where its content does not say it
    #[arg(short = 't', long = "type", value_enum)]
    kind: Option<Form>,
    /// The key's label, 40 bytes at most; backups bring their own
    #[arg(short, long, value_parser = super::name::label)]
    label: Option<String>,
    /// The public key or address that it must have, in any form that is printed anywhere
    #[arg(long, value_name = "KEY")]
    expect: Option<String>,
    /// The file to read
    path: PathBuf,
}

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        let form = self.kind.unwrap_or_else(|| Form::of(&self.path));
        let (id, public, made) = match form {
            Form::Wrap => self.wrapped()?,
            form => self.plain(form)?,
        };
        let text = key_text::to_hex(&public);
        match made {
            true => status("Imported", format!("key 0x{id:04x}: {text}")),
            false => status(
                "Kept",
                format!("key 0x{id:04x}, which is on the device already: {text}"),
            ),
        }
        let commands = config::commands(&self.login.which.config.config);
        status(
            "Next",
            format!(
                "bring what this key has signed along with `{}`, and see that the old signer never starts again",
                commands.import("CHAIN", Path::new("FILE"))
            ),
        );
        Ok(())
    }

    /// The key's id, its public half, and whether it was brought into the device now.
    fn wrapped(&self) -> Result<(u16, PublicKey, bool), Failure> {
        let bytes = backup::read(&self.path).map_err(Failure::new)?;
        if self.id.is_some() || self.label.is_some() {
            status(
                "Warning",
                "a backup brings its own id and label; `-i` and `-l` are not used",
            );
        }
        let mut login = self.login.open(Role::Operator)?;
        let wrap_key = backup::has_wrap_key(&mut login.objects, self.wrap, Way::Import);
        wrap_key.map_err(Failure::new)?;
        // Without the mnemonic only the device can open it, and then it is compared afterwards.
        let opener = login.opener(self.wrap, true)?;
        let mut known = None;
        if let Some(key) = opener {
            let (wrapped, public) = backup::open(&self.path, &bytes, &key).map_err(Failure::new)?;
            self.expected(&public)?;
            known = Some((wrapped.info.id, public));
        }
        let objects = &mut login.objects;
        if let Some((id, public)) = known
            && is_on(objects, id, &public)?
        {
            return Ok((id, public, false));
        }
        let imported = objects.import(self.wrap, &bytes);
        let (kind, id) = imported.map_err(|error| refused(error, objects.commands()))?;
        if kind != object::ASYMMETRIC_KEY {
            return Err(Failure::new(format!(
                "object 0x{id:04x} of type {kind} was imported, which is not a signing key"
            )));
        }
        let public = objects.public_key(id).map_err(Failure::new)?;
        match self.expected(&public) {
            Ok(()) => Ok((id, public, true)),
            Err(failure) => Err(Failure::new(format!(
                "key 0x{id:04x} is on the device now, and {failure}"
            ))
            .hint(format!(
                "remove it: `{}`",
                objects
                    .commands()
                    .line(["keys", "delete", "--mnemonic", &id.to_string()])
            ))),
        }
    }

    /// As [`Import::wrapped`].
    fn plain(&self, form: Form) -> Result<(u16, PublicKey, bool), Failure> {
        let id = self.id.ok_or_else(|| {
            let what = match form {
                Form::Json => "is a priv_validator_key.json or the like, and",
                _ => "is",
            };
            Failure::usage(format!(
                "{} {what} no backup of a device, so the key in it needs an id there",
                self.path.display()
            ))
            .hint("give one with `-i ID`, as in `-i 1`")
        })?;
        let failed = |error: &dyn std::fmt::Display| {
            let path = self.path.display();
            Failure::new(format!("the key in {path} cannot be imported: {error}"))
        };
        let source = SecretSource::File(self.path.clone());
        let secret = secret_file::read(&source).map_err(|error| failed(&error))?;
        if let Some(warning) = &secret.warning {
            status("Warning", warning);
        }
        let key = match form {
            Form::Json => SoftKey::from_json(&secret.bytes, KeyType::Ed25519),
            _ => SoftKey::from_base64(&secret.bytes, KeyType::Ed25519),
        };
        let key = key.map_err(|error| match &error {
            SoftKeyError::OtherKind(found) => failed(&error).hint(kind::remedy(
                found,
                &source,
                NamedBy::Command {
                    option: "-t",
                    pem: false,
                },
            )),
            _ => failed(&error),
        })?;
        let Some(secret) = key.seed() else {
            return Err(failed(
                &"it is in the expanded form, and a device takes 32-byte seeds only; import the backup that it came from",
            ));
        };
        let wanted = key.public_key();
        self.expected(&wanted)?;
        let mut login: LoggedIn = self.login.open(Role::Operator)?;
        let new = NewKey {
            id,
            label: self.label.clone().unwrap_or_default(),
            key_type: DeviceKeyType::Ed25519,
            exportable: true,
        };
        let (public, made) = new
            .put(&mut login.objects, &secret[..], &wanted)
            .map_err(Failure::new)?;
        match public == wanted {
            true => Ok((id, public, made)),
            false => Err(Failure::new(format!(
                "the device made another key of it: {}, not {}; do not use it",
                shown(id, &public),
                shown(id, &wanted)
            ))),
        }
    }

    fn expected(&self, public: &PublicKey) -> Result<(), Failure> {
        match &self.expect {
            Some(text) if !backup::is_named(public, text) => Err(Failure::new(format!(
                "it is not the expected key: its public key is {}, its address {}",
                key_text::to_base64(public),
                public.address()
            ))),
            _ => Ok(()),
        }
    }
}

/// Whether the device has this very key under this id.
fn is_on(objects: &mut Objects, id: u16, public: &PublicKey) -> Result<bool, Failure> {
    match objects.info(object::ASYMMETRIC_KEY, id) {
        Ok(Some(_)) => Ok(objects.public_key(id).map_err(Failure::new)? == *public),
        Ok(None) => Ok(false),
        Err(error) => Err(Failure::new(error)),
    }
}

fn refused(error: Error, commands: &DeviceCommands) -> Failure {
    let code = match &error.kind {
        ErrorKind::Device { code, .. } => Some(*code),
        _ => None,
    };
    let failure = Failure::new(error);
    match code {
        Some(ErrorCode::OBJECT_EXISTS) => failure.hint(format!(
            "a key with the backup's id is on the device already; `{}` shows it, and nothing was overwritten; with `--mnemonic` \
             the backup is opened, to see whether it is this very key",
            commands.keys_list()
        )),
        Some(ErrorCode::INVALID_DATA) => failure.hint(
            "the device's wrap key does not open this backup: was the device set up from the same mnemonic?",
        ),
        _ => failure,
    }
}
