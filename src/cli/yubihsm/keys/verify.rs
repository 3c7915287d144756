//! `tmkms yubihsm keys verify-backup`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::backends::yubihsm::backup::log::BackupLog;
use crate::backends::yubihsm::backup::{self, Way, shown};
use crate::backends::yubihsm::ceremony::derive::{Role, wrap_key};
use crate::backends::yubihsm::ceremony::mnemonic::Mnemonic;
use crate::backends::yubihsm::ceremony::paper::words::ask_mnemonic;
use crate::backends::yubihsm::ceremony::target::SetupTarget;
use crate::backends::yubihsm::device::provider::Provider;
use crate::backends::yubihsm::protocol::codes::object;
use crate::backends::yubihsm::protocol::commands::DeviceCommands;
use crate::backends::yubihsm::protocol::identity::Serial;
use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, output, status};
use crate::config::{self, Config};
use crate::consensus::{PublicKey, key_text};
use crate::gate::store::file::{Newest, newest};
use crate::migrate::foreign::LONGEST;
use crate::os::files::bounded;
use crate::terminal::Console;

use super::proof::remember;
use crate::cli::yubihsm::careful::careful;
use crate::cli::yubihsm::which::{Which, key_id, tell_device};

/// Prove that a backup holds the key.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms yubihsm keys verify-backup consensus.backup           no device is touched\n  \
                  tmkms yubihsm keys verify-backup consensus.backup --into 0123456789\n\n\
                  The mnemonic is asked for, or read as a line from a pipe. `tmkms check` reminds of it after 90 days."
)]
pub(in crate::cli) struct VerifyBackup {
    #[command(flatten)]
    config: ConfigFile,
    /// Bring the key into this second device, set up from the same mnemonic, too
    #[arg(long, value_name = "SERIAL")]
    into: Option<u32>,
    /// The wrap key that encrypted it
    #[arg(short, long, visible_alias = "wrapkey", value_name = "ID", value_parser = key_id, default_value = "1")]
    wrap: u16,
    /// The public key or address that it must have, in any form that is printed anywhere
    #[arg(long, value_name = "KEY")]
    expect: Option<String>,
    /// The backup
    file: PathBuf,
}

impl VerifyBackup {
    pub(super) fn run(self) -> Result<(), Failure> {
        let bytes = backup::read(&self.file).map_err(Failure::new)?;
        // Before the words are asked for.
        let into = self.into.map(Serial);
        let into = into.map(|serial| self.second(serial)).transpose()?;
        let _guard = careful()?;
        let mnemonic = ask_mnemonic(&mut Console).map_err(Failure::new)?;
        let key = wrap_key(&mnemonic, self.wrap);
        let opened = backup::open(&self.file, &bytes, &key);
        let (wrapped, public) = opened.map_err(Failure::new)?;
        let (id, label) = (wrapped.info.id, &wrapped.info.label);
        output(&format!(
            "key 0x{id:04x} {label:?}\npublic key: {}\naddress: {}\n",
            key_text::to_json(&public),
            public.address()
        ))?;
        if let Some(text) = self
            .expect
            .as_ref()
            .filter(|text| !backup::is_named(&public, text))
        {
            return Err(Failure::new(format!(
                "the backup opens and does not hold {text}"
            )));
        }
        self.compare(id, &public)?;
        let how = match into {
            Some((serial, provider)) => {
                self.bring(serial, &provider, id, &public, &bytes, &mnemonic)?;
                format!("brought into YubiHSM {serial}")
            }
            None => "opened with the mnemonic".to_owned(),
        };
        if self.config.config.is_file() {
            let path = std::path::absolute(&self.config.config);
            let path = path.unwrap_or_else(|_| self.config.config.clone());
            let folder = path.parent().unwrap_or(std::path::Path::new("."));
            let backups = BackupLog::beside(folder, DeviceCommands::default());
            remember(Some(&backups), &public, &self.file, &how);
        }
        status(
            "Proven",
            format!("{} is in this backup: {how}", shown(id, &public)),
        );
        Ok(())
    }

    /// Compares with what the chains of the configuration have signed with so far.
    fn compare(&self, id: u16, public: &PublicKey) -> Result<(), Failure> {
        if !self.config.config.is_file() {
            status(
                "Note",
                "there is no configuration here to compare the key with",
            );
            return Ok(());
        }
        // It may be half written, or for another host: what is proven here does not depend on it.
        let config = match Config::load(&self.config.config) {
            Ok(config) => config,
            Err(_) => {
                let commands = config::commands(&self.config.config);
                let check = commands.line(["check"]);
                status(
                    "Note",
                    format!(
                        "{} cannot be used as it is (`{check}` says why), so the key is not compared with what its chains \
                         signed with; compare the public key above yourself",
                        self.config.config.display()
                    ),
                );
                return Ok(());
            }
        };
        let mut compared = false;
        for chain in config.keys() {
            // On whichever device: the backup is of this id on all of them.
            let is_ours = chain
                .key
                .traits()
                .device_keys
                .iter()
                .any(|key| key.id == id);
            let state = chain.state_file.of(public);
            let bytes = bounded::read(&state, LONGEST).unwrap_or_default();
            let (true, Newest::Good(entry, _)) = (is_ours, newest(&bytes)) else {
                continue;
            };
            if entry.public_key != *public {
                return Err(Failure::new(format!(
                    "the backup opens and is not the key of chain {}: that is {}",
                    chain.id,
                    key_text::to_base64(&entry.public_key)
                )));
            }
            compared = true;
            status("Compared", format!("it is the key of chain {}", chain.id));
        }
        if !compared && self.expect.is_none() {
            status(
                "Note",
                "no chain of the configuration has this key id and a state file; compare the public key yourself",
            );
        }
        Ok(())
    }

    /// The second device, which is there.
    fn second(&self, serial: Serial) -> Result<(Serial, Arc<Provider>), Failure> {
        let which = Which {
            config: self.config.clone(),
            serial: Some(serial.0),
        };
        let provider = which.provider()?;
        tell_device(&provider)?;
        Ok((serial, provider))
    }

    fn bring(
        &self,
        serial: Serial,
        provider: &Provider,
        id: u16,
        public: &PublicKey,
        bytes: &[u8],
        mnemonic: &Mnemonic,
    ) -> Result<(), Failure> {
        let connect = || provider.place.transport();
        let site = SetupTarget {
            name: format!("YubiHSM {serial}"),
            serial: Some(serial),
            connect: &connect,
            timeout: provider.timeout,
            commands: provider.commands.clone(),
        };
        let (role, failed) = (Role::Operator, Failure::new);
        let login = site
            .login(role.id(), &role.auth_key(mnemonic))
            .map_err(&failed)?;
        let mut login = login.ok_or_else(|| {
            Failure::new(format!(
                "the operator of this mnemonic does not log in to YubiHSM {serial}"
            ))
            .hint(format!(
                "set it up from the same mnemonic first: `{}`",
                provider.commands.line(["setup", "--restore"])
            ))
        })?;
        let kind = object::ASYMMETRIC_KEY;
        if login.info(kind, id).map_err(Failure::new)?.is_none() {
            backup::has_wrap_key(&mut login, self.wrap, Way::Import).map_err(Failure::new)?;
            login.import(self.wrap, bytes).map_err(Failure::new)?;
            status(
                "Imported",
                format!("{} into YubiHSM {serial}", shown(id, public)),
            );
        }
        let found = login.public_key(id).map_err(Failure::new)?;
        match found == *public {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "YubiHSM {serial} has another key there: {}",
                shown(id, &found)
            ))),
        }
    }
}
