//! `tmkms yubihsm keys delete`.

use clap::Args;

use crate::backends::yubihsm::backup::shown;
use crate::backends::yubihsm::ceremony::derive::Role;
use crate::backends::yubihsm::protocol::codes::object;
use crate::cli::report::{Failure, status};
use crate::terminal::{Console, Terminal};

use super::login::Login;
use crate::cli::yubihsm::which::key_id;

/// Delete a key, permanently.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms yubihsm keys delete --mnemonic 1\n  tmkms yubihsm keys delete --auth-key 1 0x0001\n\n\
                  Only the administrator of a device that was set up here may do it. The key's address is typed first."
)]
pub(in crate::cli) struct Delete {
    #[command(flatten)]
    login: Login,
    /// The key's id
    #[arg(value_parser = key_id)]
    key_id: u16,
}

impl Delete {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut terminal = Console;
        if !terminal.is_interactive() {
            return Err(Failure::new(
                "nothing was changed: a key is deleted in a terminal only, where its address is typed",
            ));
        }
        let mut login = self.login.open(Role::Admin)?;
        let id = self.key_id;
        let public = login.objects.public_key(id).map_err(Failure::new)?;
        let proof = login.provider.backups.as_ref();
        let proof = proof.and_then(|backups| backups.of(&public).ok().flatten());
        let backup = match proof {
            Some(entry) => {
                format!(
                    "its backup {} was proven at {}",
                    entry.file.display(),
                    entry.date
                )
            }
            None => "NO backup of it was ever proven here".to_owned(),
        };
        status("Deleting", format!("{}: {backup}", shown(id, &public)));
        let question = format!(
            "Type the key's address ({}) to delete it permanently:",
            public.address()
        );
        let typed = terminal
            .ask(&question)
            .map_err(|error| Failure::new(format!("the terminal cannot be used: {error}")))?;
        let is_meant = typed.is_some_and(|text| {
            text.trim()
                .eq_ignore_ascii_case(&public.address().to_string())
        });
        if !is_meant {
            return Err(Failure::new("nothing was changed: that is not its address"));
        }
        let deleted = login.objects.delete(object::ASYMMETRIC_KEY, id);
        deleted.map_err(|error| {
            Failure::new(error).hint("the administrator may: `--mnemonic`, or `--auth-key 1`")
        })?;
        status("Deleted", shown(id, &public));
        Ok(())
    }
}
