//! The passphrase of a key file: from a file, or asked for.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::backends::softsign::passphrase::{NotAPassphrase, Passphrase};
use crate::cli::report::{Failure, status};
use crate::os::process::harden::harden;
use crate::secret_file::{SecretSource, Variables};
use crate::settings::is_plain;
use crate::terminal::{Guard, Terminal};

/// Where a passphrase comes from.
#[derive(Args, Default)]
pub(in crate::cli) struct PassphraseFrom {
    /// Where the passphrase is: a file of mode 0600, env:NAME or credential:NAME; it is asked for when left out
    #[arg(long, value_name = "FILE", value_parser = source)]
    passphrase_file: Option<SecretSource>,
}

/// As `passphrase_file` is written in a configuration; a path is relative to the working directory.
fn source(written: &str) -> Result<SecretSource, String> {
    let variable = written.strip_prefix("env:");
    let credential = written.strip_prefix("credential:");
    let Some(name) = variable.or(credential) else {
        return match written {
            "" => Err("name a file".to_owned()),
            path => Ok(SecretSource::File(PathBuf::from(path))),
        };
    };
    if !is_plain(name) {
        return Err(
            "write env:NAME or credential:NAME with a plain name, or the path of a file".to_owned(),
        );
    }
    Ok(match variable {
        Some(name) => SecretSource::Environment(Variables::default().named(name)),
        None => SecretSource::Credential(name.to_owned()),
    })
}

impl PassphraseFrom {
    /// Whether it was said where it is.
    pub(in crate::cli) fn is_said(&self) -> bool {
        self.passphrase_file.is_some()
    }

    /// The passphrase that opens `file`.
    ///
    /// # Errors
    /// It cannot be read, or nobody can be asked.
    pub(in crate::cli) fn to_open(
        &self,
        file: &Path,
        terminal: &mut dyn Terminal,
    ) -> Result<Passphrase, Failure> {
        match &self.passphrase_file {
            Some(source) => read(source),
            None => {
                let _guard = ready(file, terminal)?;
                let question = format!("The passphrase of {} (it is not shown):", file.display());
                ask(&question, terminal)
            }
        }
    }

    /// The passphrase with which `file` is going to be encrypted: one that is typed is typed twice.
    ///
    /// # Errors
    /// As [`PassphraseFrom::to_open`], or it protects nothing.
    pub(in crate::cli) fn to_encrypt(
        &self,
        file: &Path,
        terminal: &mut dyn Terminal,
    ) -> Result<Passphrase, Failure> {
        if let Some(source) = &self.passphrase_file {
            return of_source_to_encrypt(source);
        }
        let _guard = ready(file, terminal)?;
        let question = format!("A new passphrase for {} (it is not shown):", file.display());
        let first = ask(&question, terminal)?;
        let first = first.fit_to_encrypt().map_err(|error| unfit(&error))?;
        let second = ask("The same once more:", terminal)?;
        match first.as_bytes() == second.as_bytes() {
            true => Ok(first),
            false => Err(Failure::new(
                "the two passphrases differ; nothing was written",
            )),
        }
    }
}

/// The passphrase that a configuration or an option names, for a key that is going to be encrypted with it.
pub(in crate::cli) fn of_source_to_encrypt(source: &SecretSource) -> Result<Passphrase, Failure> {
    let fit = read(source)?.fit_to_encrypt();
    fit.map_err(|error| Failure::new(format!("the passphrase in {source}: {error}")))
}

/// The passphrase that a configuration or an option names.
pub(in crate::cli) fn read(source: &SecretSource) -> Result<Passphrase, Failure> {
    let (passphrase, warning) = Passphrase::read(source).map_err(|error| match error {
        NotAPassphrase::Unread(error) => Failure::new(format!("the passphrase: {error}")),
        error => Failure::new(format!("the passphrase in {source}: {error}")),
    })?;
    if let Some(warning) = warning {
        status("Warning", warning);
    }
    Ok(passphrase)
}

/// Whether there is somebody to ask; what they type is not shown, whatever ends this program meanwhile, and gets into no swap.
fn ready(file: &Path, terminal: &dyn Terminal) -> Result<Guard, Failure> {
    if !terminal.is_interactive() {
        return Err(Failure::usage(format!(
            "there is nobody to ask for the passphrase of {}: this is no terminal",
            file.display()
        ))
        .hint("say with `--passphrase-file FILE` where it is"));
    }
    for warning in harden() {
        status("Warning", warning);
    }
    Guard::new().map_err(|error| unusable(&error))
}

/// Keeps keys out of swap and core dumps as far as this user may. What could not be done is told where somebody types a
/// passphrase, and by the service, which has the key for years.
pub(super) fn quietly_harden() {
    let _ = harden();
}

fn ask(question: &str, terminal: &mut dyn Terminal) -> Result<Passphrase, Failure> {
    let typed = terminal
        .ask_secret(question)
        .map_err(|error| unusable(&error))?;
    let typed =
        typed.ok_or_else(|| Failure::new("no passphrase was typed; nothing was written"))?;
    Passphrase::of(typed.as_bytes()).map_err(|error| unfit(&error))
}

fn unfit(error: &NotAPassphrase) -> Failure {
    Failure::new(format!("the passphrase: {error}; nothing was written"))
}

fn unusable(error: &std::io::Error) -> Failure {
    Failure::new(format!("the terminal cannot be used: {error}"))
}
