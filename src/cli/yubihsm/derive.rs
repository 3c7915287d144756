//! `tmkms yubihsm derive`: the secrets of a mnemonic, without any device.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use crate::backends::yubihsm::ceremony::derive::{Role, wrap_key};
use crate::backends::yubihsm::ceremony::mnemonic::Mnemonic;
use crate::backends::yubihsm::ceremony::paper::words::ask_mnemonic;
use crate::backends::yubihsm::ceremony::plan::WRAP_KEY;
use crate::cli::report::{Failure, output, status};
use crate::secret_file::NewFile;
use crate::terminal::{Console, Terminal, privately};

use super::careful::careful;

/// Derive passwords and wrap key from a mnemonic.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms yubihsm derive                        shows all of it on a screen that is wiped afterwards\n  \
                  tmkms yubihsm derive --role validator -o secrets/yubihsm-password\n\n\
                  The mnemonic is asked for, or read as a line from a pipe; it is never an argument. No device is needed. \
                  The administrator's password is the mnemonic itself."
)]
pub(in crate::cli) struct Derive {
    /// Only the password of this role
    #[arg(long, value_enum)]
    role: Option<RoleName>,
    /// Write the password into this new file (mode 0600), as `password_file` wants it
    #[arg(short, long, value_name = "FILE", requires = "role")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum RoleName {
    Admin,
    Operator,
    Auditor,
    Validator,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Admin => Role::Admin,
            RoleName::Operator => Role::Operator,
            RoleName::Auditor => Role::Auditor,
            RoleName::Validator => Role::Validator,
        }
    }
}

impl Derive {
    pub(super) fn run(self) -> Result<(), Failure> {
        // Before the words are asked for: a file that cannot be made needs none.
        let file = self.output.as_deref().map(NewFile::open).transpose();
        let file = file.map_err(Failure::new)?;
        let _guard = careful()?;
        let mut terminal = Console;
        let piped = !std::io::stdout().is_terminal();
        if self.output.is_none() && !piped && !terminal.is_interactive() {
            return Err(Failure::usage(
                "passwords would stay on this terminal, and there is nobody to wipe them",
            )
            .hint("run it without a pipe, or write one to a file with `--role ROLE -o FILE`"));
        }
        let mnemonic = ask_mnemonic(&mut terminal).map_err(Failure::new)?;
        if let (Some(role), Some(file)) = (self.role, file) {
            let role = Role::from(role);
            let password = role.password(&mnemonic);
            let path = file.path().display().to_string();
            file.finish(password.as_bytes()).map_err(Failure::new)?;
            let name = role.name();
            status("Wrote", format!("the password of the {name} to {path}"));
            return Ok(());
        }
        let text = self.text(&mnemonic);
        if piped {
            return output(&text);
        }
        privately(&mut terminal, |terminal| {
            terminal.say(&text)?;
            terminal.ask("Press Enter to wipe this screen.")
        })
        .map(drop)
        .map_err(|error| Failure::new(format!("the terminal cannot be used: {error}")))
    }

    fn text(&self, mnemonic: &Mnemonic) -> Zeroizing<String> {
        // Room for all of it from the start: a text that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(2048));
        if let Some(role) = self.role {
            text.push_str(&Role::from(role).password(mnemonic));
            text.push('\n');
            return text;
        }
        for role in Role::ALL {
            let (name, id) = (role.name(), role.id());
            text.push_str(&format!("{name:<9} 0x{id:04x}  "));
            match role {
                Role::Admin => text.push_str("(the mnemonic, one space between words)"),
                _ => text.push_str(&role.password(mnemonic)),
            }
            text.push('\n');
        }
        let key = Zeroizing::new(subtle_encoding::hex::encode(
            wrap_key(mnemonic, WRAP_KEY).as_slice(),
        ));
        text.push_str("wrap key  0x0001  ");
        text.push_str(str::from_utf8(&key).unwrap_or_default());
        text.push('\n');
        text
    }
}
