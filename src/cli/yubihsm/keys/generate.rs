//! `tmkms yubihsm keys generate`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::backends::yubihsm::backup::{self, NewKey, Way};
use crate::backends::yubihsm::ceremony::derive::Role;
use crate::backends::yubihsm::protocol::codes::object;
use crate::backends::yubihsm::protocol::commands::DeviceCommands;
use crate::backends::yubihsm::protocol::error::ErrorKind;
use crate::backends::yubihsm::protocol::info::DeviceInfo;
use crate::backends::yubihsm::protocol::key_type::DeviceKeyType;
use crate::cli::report::{Failure, status};
use crate::config;
use crate::consensus::key_text;
use crate::os::files::paths::absolute;
use crate::secret_file::{NewFile, SecretFileError};

use super::login::{LoggedIn, Login, refused};
use super::name::KeyName;
use super::proof::{now, remember, tell_proof};
use crate::cli::yubihsm::which::key_id;

/// Make a key in the device, and its backup.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms yubihsm keys generate --mnemonic -b consensus.backup 1\n  \
                  tmkms yubihsm keys generate --auth-key 2 -p cosmosvalconspub -b consensus.backup 0x0001\n\n\
                  The backup is opened with the mnemonic's wrap key and compared with the key before anybody relies on it. \
                  If it cannot be made, the key is deleted again."
)]
pub(in crate::cli) struct Generate {
    #[command(flatten)]
    login: Login,
    /// The key's label, 40 bytes at most
    #[arg(short, long, value_parser = super::name::label)]
    label: Option<String>,
    /// Show the public key in Bech32 with this prefix, as `cosmosvalconspub`
    #[arg(short, long, value_name = "BECH32")]
    prefix: Option<String>,
    /// What the key is for
    #[arg(short = 't', long = "type", value_enum, default_value_t)]
    kind: KeyName,
    /// The key never leaves the device: no backup, ever
    #[arg(long, conflicts_with = "backup")]
    non_exportable: bool,
    /// Write the key's backup into this new file
    #[arg(short, long, value_name = "FILE")]
    backup: Option<PathBuf>,
    /// The wrap key that encrypts the backup
    #[arg(short, long, visible_alias = "wrapkey", value_name = "ID", value_parser = key_id, default_value = "1")]
    wrap: u16,
    /// Go on with a key that an interrupted run made, and that has no backup yet
    #[arg(long)]
    resume: bool,
    /// Do not ask for the mnemonic that opens the backup; prove it later with `verify-backup`
    #[arg(long)]
    unopened: bool,
    /// The key's id, as 16 or 0x0010; several make several keys, each of which is backed up afterwards
    #[arg(value_name = "KEY_ID", value_parser = key_id, required = true)]
    key_ids: Vec<u16>,
}

impl Generate {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.key_ids.len() > 1 && self.backup.is_some() {
            return Err(Failure::usage(
                "`--backup` writes the backup of one key, and several ids were given",
            )
            .hint("give one id a command, each with a file of its own"));
        }
        if let Some(prefix) = self
            .prefix
            .as_ref()
            .filter(|prefix| !key_text::is_prefix(prefix))
        {
            return Err(Failure::usage(format!("`{prefix}` is not a Bech32 prefix")));
        }
        let start = self.prefix.as_deref().unwrap_or(self.kind.name());
        let label = match &self.label {
            Some(label) => label.clone(),
            None => super::name::label(&format!("{start}:{}", now()))
                .map_err(|why| Failure::usage(why).hint("give one with `--label`"))?,
        };
        // Before anything else: a file that cannot be made must not leave a key without its backup.
        let file = match &self.backup {
            // The interrupted run got so far: what it wrote is proven below, and never overwritten.
            Some(path) if self.resume && holds_something(path) => None,
            Some(path) => Some(NewFile::open(path).map_err(Failure::new)?),
            None => None,
        };
        let mut login = self.login.open(Role::Operator)?;
        let configured = login.configured;
        self.suits(&login.info)?;
        if self.backup.is_some() {
            let wrap_key = backup::has_wrap_key(&mut login.objects, self.wrap, Way::Export);
            wrap_key.map_err(|error| refused(error, configured))?;
        }
        let opener = match &self.backup {
            Some(_) => login.opener(self.wrap, self.unopened)?,
            None => None,
        };
        let opener = opener.as_deref();
        match self.key_ids.as_slice() {
            [id] => self.make(*id, &label, file, opener, &mut login),
            several => several
                .iter()
                .try_for_each(|id| self.make(*id, &label, None, None, &mut login)),
        }
    }

    /// Makes one key, and its backup in `file`.
    fn make(
        &self,
        id: u16,
        label: &str,
        file: Option<NewFile>,
        opener: Option<&[u8; 32]>,
        login: &mut LoggedIn,
    ) -> Result<(), Failure> {
        let configured = login.configured;
        let key = NewKey {
            id,
            label: label.to_owned(),
            key_type: self.kind.key_type(),
            exportable: !self.non_exportable,
        };
        let objects = &mut login.objects;
        let made = key.generate(objects, self.resume);
        let (public, made) = made.map_err(|error| refused(error, configured))?;
        let shown = match &self.prefix {
            Some(prefix) => key_text::to_bech32(&public, prefix),
            None => key_text::to_hex(&public),
        };
        let verb = if made { "Generated" } else { "Found" };
        let (name, kind) = (self.kind.name(), public.key_type());
        status(verb, format!("{name} ({kind}) key 0x{id:04x}: {shown}"));
        // As `verify-backup` and `keys show` name it.
        status("Address", public.address());
        let Some(path) = &self.backup else {
            if !self.non_exportable {
                let export = [
                    "keys",
                    "export",
                    "--mnemonic",
                    "-i",
                    &id.to_string(),
                    "FILE",
                ];
                let export = login.provider.commands.line(export);
                status("Next", format!("back it up: `{export}`"));
            }
            return Ok(());
        };
        let Some(file) = file else {
            let opener = opener.ok_or_else(|| {
                Failure::new(SecretFileError::Exists(path.clone()))
                    .hint("with `--mnemonic` it is opened, to see whether it is this key's backup")
            })?;
            let bytes = backup::read(path).map_err(Failure::new)?;
            backup::check(path, &bytes, opener, id, &public).map_err(Failure::new)?;
            let text =
                "the backup that is there was opened with the mnemonic and holds this very key";
            status("Proven", text);
            let how = "opened with the mnemonic";
            remember(login.provider.backups.as_ref(), &public, path, how);
            self.next(path);
            return Ok(());
        };
        if let Err(error) = backup::write(objects, self.wrap, id, &public, file, opener) {
            return Err(
                match made.then(|| objects.delete(object::ASYMMETRIC_KEY, id)) {
                    Some(Ok(())) => Failure::new(format!(
                        "key 0x{id:04x} was deleted again, because its backup failed: {error}"
                    )),
                    _ => Failure::new(format!(
                        "key 0x{id:04x} is on the device and HAS NO BACKUP: {error}"
                    ))
                    .hint(format!(
                        "repeat this with `--resume`, or delete the key as the administrator: `{}`",
                        login.provider.commands.line([
                            "keys",
                            "delete",
                            "--mnemonic",
                            &id.to_string()
                        ])
                    )),
                },
            );
        }
        let wrap = self.wrap;
        let to = path.display();
        status(
            "Wrote",
            format!("backup of key {id} (encrypted under wrap key {wrap}) to {to}"),
        );
        let how = opener.map(|_| "opened with the mnemonic when it was made");
        tell_proof(&login.provider, &public, path, how);
        self.next(path);
        Ok(())
    }

    /// What is left to do until the key signs, and until it can be lost without harm.
    fn next(&self, backup: &Path) {
        let commands = config::commands(&self.login.which.config.config);
        let file = absolute(backup);
        let file = file.to_string_lossy();
        let second = {
            let commands = DeviceCommands::new(commands.clone(), None);
            commands.second(&file)
        };
        status(
            "Next",
            format!(
                "note the public key on the sheets, copy the backup to two places, and bring the key into the second device, set \
                 up from the same words: `{second}`"
            ),
        );
        let never = commands.init_never_signed("CHAIN");
        status(
            "",
            format!("before the first vote, as the key is new: `{never}`"),
        );
    }

    /// Whether the device can hold such a key, and should.
    fn suits(&self, info: &DeviceInfo) -> Result<(), Failure> {
        let key_type = self.kind.key_type();
        let algorithm = key_type.algorithm();
        let leak = info.ecdsa_leak();
        let leak = leak.filter(|_| key_type != DeviceKeyType::Ed25519);
        let firmware = info.firmware;
        if !info.has(algorithm) {
            let algorithm = key_type.key_type().as_str();
            let kind = ErrorKind::Disabled {
                algorithm,
                firmware,
            };
            return Err(Failure::new(format!("nothing was changed: {kind}")));
        }
        if let Some(leak) = leak {
            status("Warning", leak);
        }
        Ok(())
    }
}

fn holds_something(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.len() > 0)
}
