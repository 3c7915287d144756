//! `tmkms init`: a home with an identity key, folders, and a commented configuration. Never overwrites; what is there
//! already is left as it is, what is missing is added.

mod existing;
mod text;
mod words;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::backends::softsign::Purpose;
use crate::backends::softsign::key::SoftKey;
use crate::backends::{is_here, usual};
use crate::consensus::{ChainId, key_text};
use crate::link::IdentityKey;
use crate::networks::of_chain;
use crate::os::files::owner::make_folders;
use crate::os::files::replace::{Readers, create};
use crate::os::files::strangers;
use crate::remedy::{self, CommandLine, Commands};
use crate::secret_file::{self, SecretFileError, SecretSource};
use crate::service::identity_of;

use super::identities::PublicIdentity;
use super::report::{Failure, status};
use text::{NewChain, configuration, key_name};
use words::{list, resolve};

/// Make a home for the signer.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms init -n cosmoshub\n  tmkms init -n cosmoshub,irishub,columbus /path/to/kms/home\n  \
                  tmkms init --chain-id my-1 --prefix my\n\nA home that is there already gets the sections that it lacks."
)]
pub(super) struct Init {
    /// Networks to configure: names, chain ids, or chain ids without their number
    #[arg(short, long, value_delimiter = ',', value_name = "NAME,..")]
    networks: Vec<String>,
    /// A chain that is not in the table, by the chain id of its genesis file
    #[arg(long, value_name = "ID", value_parser = chain_id)]
    chain_id: Option<ChainId>,
    /// The prefix of that chain's addresses, as `cosmos`; without it keys are shown as JSON
    #[arg(long, value_name = "PREFIX", requires = "chain_id", value_parser = prefix)]
    prefix: Option<String>,
    /// The folder; made if it is not there
    #[arg(default_value = ".")]
    home: PathBuf,
}

impl Init {
    pub(super) fn run(self) -> Result<(), Failure> {
        // Before anything is made.
        let mut chains = resolve(&self.networks)?;
        chains.extend(
            self.own_chain()
                .filter(|own| chains.iter().all(|chain| chain.id != own.id)),
        );
        let path = self.home.join("tmkms.toml");
        // What `start` would not use is not made.
        strangers::around(&path).map_err(Failure::new)?;
        for folder in ["", "secrets", "state"] {
            make_folder(&self.home.join(folder))?;
        }
        make_identity(&self.home.join("secrets/kms-identity.key"))?;
        let new = match write_new(&path, &configuration(&chains)) {
            Ok(()) => {
                status("Created", path.display());
                chains
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                match existing::add(&path, &chains)? {
                    added if added.is_empty() => chains,
                    added => added,
                }
            }
            Err(error) => return Err(failed(&path, &error)),
        };
        next_steps(&new, &path);
        Ok(())
    }

    /// The chain of `--chain-id`; what is known of it is used.
    fn own_chain(&self) -> Option<NewChain> {
        let id = self.chain_id.as_ref()?.as_str();
        let known = of_chain(id).map(NewChain::from);
        let mut chain = known.unwrap_or_else(|| NewChain::unknown(id));
        if let Some(prefix) = &self.prefix {
            chain.prefix = Some(prefix.clone());
        }
        Some(chain)
    }
}

/// Reads a chain id that can stand between quotes.
fn chain_id(text: &str) -> Result<ChainId, String> {
    match text.contains(['"', '\\']) {
        true => {
            Err("a chain id with such characters is written into tmkms.toml by hand".to_owned())
        }
        false => text.parse().map_err(|error| format!("{error}")),
    }
}

/// Reads the prefix of a chain's addresses.
fn prefix(text: &str) -> Result<String, String> {
    // The longest text that is made of it must be a prefix, too.
    match key_text::is_prefix(&format!("{text}valconspub"))
        && !text.is_empty()
        && !text.contains(['"', '\\'])
    {
        true => Ok(text.to_owned()),
        false => Err(
            "a prefix has printable characters, no blanks and no capitals, as `cosmos`".to_owned(),
        ),
    }
}

pub(super) fn make_folder(path: &Path) -> Result<(), Failure> {
    make_folders(path).map_err(|error| failed(path, &error))
}

/// Makes the identity key of links, or keeps the one that is there, and says by what nodes will know it.
pub(super) fn make_identity(path: &Path) -> Result<(), Failure> {
    if fs::symlink_metadata(path).is_ok() {
        keep_identity(path);
        return Ok(());
    }
    let (_, text) = SoftKey::generate(Purpose::Consensus)
        .map_err(|error| Failure::new(format!("no random numbers: {error}")))?;
    match secret_file::create(path, &text) {
        Ok(()) => {
            let shown = match IdentityKey::from_base64(&text) {
                Ok(key) => PublicIdentity::of(&key).to_string(),
                Err(error) => error.to_string(),
            };
            status(
                "Created",
                format!(
                    "{}: the identity of links, {shown}; it signs no votes",
                    path.display()
                ),
            );
        }
        Err(SecretFileError::Exists(_)) => keep_identity(path),
        Err(error) => return Err(Failure::new(error)),
    }
    Ok(())
}

fn keep_identity(path: &Path) {
    let kept = format!("{}, which is there already", path.display());
    match identity_of(&SecretSource::File(path.to_owned())) {
        Ok((key, warning)) => {
            status("Kept", format!("{kept}: {}", PublicIdentity::of(&key)));
            if let Some(warning) = warning {
                status("Warning", warning);
            }
        }
        Err(why) => {
            status("Kept", kept);
            status("Warning", why);
        }
    }
}

pub(super) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    create(path, text.as_bytes(), Readers::Owner)
}

fn next_steps(chains: &[NewChain], path: &Path) {
    let Some(first) = chains.first() else {
        let home = path.parent().unwrap_or(Path::new("."));
        status(
            "Next",
            format!(
                "write your chains into {}, or use `{}`; `{}` lists the known ones",
                path.display(),
                CommandLine::on_file("tmkms", &["init", "-n", "NAME"], home),
                list()
            ),
        );
        return;
    };
    let id = &*first.id;
    let commands = Commands::with_config(path);
    let key = std::path::absolute(path.with_file_name("secrets").join(key_name(id)));
    let key = key.unwrap_or_else(|_| key_name(id).into());
    let keygen = match first.needs.is_account() {
        true => CommandLine::on_file("tmkms", &["softsign", "keygen", "-t", "account"], &key),
        false => remedy::keygen(&key),
    };
    status(
        "Next",
        match is_here("softsign") {
            true => format!(
                "bring the validator's key to {} (or make one with `{keygen}`)",
                key.display()
            ),
            false => format!(
                "add a [[providers.{}]] with the validator's key to {}",
                usual(),
                path.display()
            ),
        },
    );
    let import = commands.import(id, Path::new("FILE"));
    status("", format!("`{import}` with the old signer's state, or"));
    let init = commands.init_never_signed(id);
    status("", format!("`{init}` for a key that never signed"));
    let start = commands.line(["start"]);
    status(
        "",
        format!("set `addr` to the node's priv_validator_laddr, then `{start}`"),
    );
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(format!("{} cannot be made: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            failure.hint(
                "make room on that disk and run the same command again; nothing was left there",
            )
        }
        _ => failure.hint("choose a folder that you may write to"),
    }
}
