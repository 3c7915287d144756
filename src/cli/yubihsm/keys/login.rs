//! Who logs in for a command about keys, and whether backups can be opened.

use std::sync::Arc;

use clap::Args;
use zeroize::Zeroizing;

use crate::backends::yubihsm::backup::BackupError;
use crate::backends::yubihsm::ceremony::derive::{Role, wrap_key};
use crate::backends::yubihsm::ceremony::mnemonic::Mnemonic;
use crate::backends::yubihsm::ceremony::paper::words::ask_mnemonic;
use crate::backends::yubihsm::device::provider::Provider;
use crate::backends::yubihsm::protocol::auth_key::{AuthKey, Credentials};
use crate::backends::yubihsm::protocol::error::ErrorKind;
use crate::backends::yubihsm::protocol::info::DeviceInfo;
use crate::backends::yubihsm::session::objects::Objects;
use crate::cli::report::{Failure, status};
use crate::terminal::{Console, Guard, Terminal};

use crate::cli::yubihsm::careful::careful;
use crate::cli::yubihsm::which::{Which, key_id, tell_device};

/// The device and the login.
#[derive(Args)]
pub(super) struct Login {
    #[command(flatten)]
    pub(super) which: Which,
    /// Log in with this authentication key, whose password is asked for, instead of the configured one
    #[arg(long, value_name = "ID", value_parser = key_id, conflicts_with = "mnemonic")]
    auth_key: Option<u16>,
    /// Ask for the mnemonic: log in with its role, and open backups with its wrap key
    #[arg(long)]
    mnemonic: bool,
}

/// A login that worked so far as it is known without the device.
pub(super) struct LoggedIn {
    pub(super) provider: Arc<Provider>,
    pub(super) objects: Objects,
    /// What the device says of itself.
    pub(super) info: DeviceInfo,
    /// Whether it is the configured authentication key, which mostly signs and no more.
    pub(super) configured: bool,
    mnemonic: Option<Mnemonic>,
    _guard: Guard,
}

/// What a device or a backup does not allow, with the way for who came with the wrong login.
pub(super) fn refused(error: BackupError, configured: bool) -> Failure {
    let failure = Failure::new(&error);
    match error {
        BackupError::Device(error) if configured && matches!(error.kind, ErrorKind::Forbidden { .. }) => failure.hint(
            "the configured authentication key mostly signs and no more; `--mnemonic` logs in with the role that may do this",
        ),
        _ => failure,
    }
}

impl Login {
    /// Asks what there is to ask. `role` is the mnemonic's role that may do it.
    pub(super) fn open(&self, role: Role) -> Result<LoggedIn, Failure> {
        let provider = self.which.provider()?;
        // Before anything is typed: a device that is not there needs no mnemonic.
        let info = tell_device(&provider)?;
        let guard = careful()?;
        let mut mnemonic = None;
        let credentials = if self.mnemonic {
            let words = ask_mnemonic(&mut Console).map_err(Failure::new)?;
            let (id, key) = (role.id(), role.auth_key(&words));
            mnemonic = Some(words);
            Credentials { id, key }
        } else if let Some(id) = self.auth_key {
            let question =
                format!("The password of authentication key 0x{id:04x} (it is not shown):");
            let password = Console
                .ask_secret(&question)
                .map_err(|error| Failure::new(format!("the terminal cannot be used: {error}")))?
                .ok_or_else(|| Failure::new("no password was given"))?;
            let key = AuthKey::from_password(password.as_bytes());
            Credentials { id, key }
        } else {
            let (credentials, warning) = provider.credentials().map_err(Failure::new)?;
            if let Some(warning) = warning {
                status("Warning", warning);
            }
            credentials
        };
        Ok(LoggedIn {
            objects: Objects::new(provider.client_as(credentials)),
            provider,
            info,
            configured: !self.mnemonic && self.auth_key.is_none(),
            mnemonic,
            _guard: guard,
        })
    }
}

impl LoggedIn {
    /// The wrap key that opens backups: from the mnemonic, which a person is asked for now unless it is known.
    pub(super) fn opener(
        &mut self,
        wrap: u16,
        unopened: bool,
    ) -> Result<Option<Zeroizing<[u8; 32]>>, Failure> {
        if self.mnemonic.is_none() && !unopened && Console.is_interactive() {
            status(
                "Note",
                "the mnemonic opens the backup, to prove it at once; `--unopened` does without",
            );
            self.mnemonic = Some(ask_mnemonic(&mut Console).map_err(Failure::new)?);
        }
        Ok(self
            .mnemonic
            .as_ref()
            .map(|mnemonic| wrap_key(mnemonic, wrap)))
    }
}
