//! `tmkms yubihsm keys export`.

use std::path::PathBuf;

use clap::Args;

use crate::backends::yubihsm::backup;
use crate::backends::yubihsm::ceremony::derive::Role;
use crate::cli::report::{Failure, status};
use crate::secret_file::NewFile;

use super::login::{Login, refused};
use super::proof::tell_proof;
use crate::cli::yubihsm::which::key_id;

/// Write the backup of a key.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms yubihsm keys export --mnemonic -i 1 consensus.backup\n  \
                  tmkms yubihsm keys export --auth-key 2 -i 1 consensus.backup"
)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    login: Login,
    /// The key's id
    #[arg(short, long, value_name = "ID", value_parser = key_id)]
    id: u16,
    /// The wrap key that encrypts the backup
    #[arg(short, long, visible_alias = "wrapkey", value_name = "ID", value_parser = key_id, default_value = "1")]
    wrap: u16,
    /// Do not ask for the mnemonic that opens the backup; prove it later with `verify-backup`
    #[arg(long)]
    unopened: bool,
    /// The file to make; never overwritten
    path: PathBuf,
}

impl Export {
    pub(super) fn run(self) -> Result<(), Failure> {
        let file = NewFile::open(&self.path).map_err(Failure::new)?;
        let mut login = self.login.open(Role::Operator)?;
        let (id, wrap) = (self.id, self.wrap);
        // Before the mnemonic is asked for.
        let may_leave = backup::may_leave(&mut login.objects, wrap, id);
        may_leave.map_err(|error| refused(error, login.configured))?;
        let opener = login.opener(wrap, self.unopened)?;
        let public = login.objects.public_key(id).map_err(Failure::new)?;
        let opener = opener.as_deref();
        let written = backup::write(&mut login.objects, wrap, id, &public, file, opener);
        written.map_err(|error| refused(error, login.configured))?;
        let to = self.path.display();
        status(
            "Exported",
            format!("key 0x{id:04x} (encrypted under wrap key 0x{wrap:04x}) to {to}"),
        );
        let how = opener.map(|_| "opened with the mnemonic when it was exported");
        tell_proof(&login.provider, &public, &self.path, how);
        Ok(())
    }
}
