//! `tmkms init`: a home with an identity key, folders, and a commented configuration. Never overwrites; what is there
//! already is left as it is, what is missing is added.

mod existing;
mod next;
mod text;
mod words;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::backends::softsign::key::SoftKey;
use crate::consensus::KeyType;
use crate::consensus::{ChainId, key_text};
use crate::link::{Address, IdentityKey};
use crate::networks::of_chain;
use crate::os::files::folders::make_folders;
use crate::os::files::replace::{Readers, create};
use crate::os::files::strangers;
use crate::secret_file::{self, SecretFileError, SecretSource};
use crate::service::identity_of;

use super::identities::PublicIdentity;
use super::report::{Failure, status};
use existing::Existing;
use next::next_steps;
use text::{NewChain, configuration};
use words::resolve;

/// Make a home for the signer.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms init -n cosmoshub\n  tmkms init -n cosmoshub,irishub,columbus /path/to/kms/home\n  \
                  tmkms init --chain-id my-1 --prefix my\n  tmkms init -n cosmoshub --addr tcp://10.0.0.1:26659\n\nA home that is there already gets the sections that it lacks."
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
    /// The node's priv_validator_laddr as it is dialled from here, for one chain: tcp://HOST:PORT, unix:///PATH, or
    /// noise://PEER_ID@HOST:PORT with the id that `cometbft show-node-id --libp2p` prints on the node
    #[arg(long, value_name = "ADDR", value_parser = node_address)]
    addr: Option<Address>,
    /// The folder; made if it is not there
    #[arg(default_value = ".")]
    home: PathBuf,
}

impl Init {
    pub(super) fn run(self) -> Result<(), Failure> {
        // Before anything is made.
        let chains = self.chains()?;
        let path = self.home.join("tmkms.toml");
        // What `start` would not use is not made.
        strangers::around(&path).map_err(Failure::new)?;
        let there = Existing::read(&path)?;
        let unlike = there.as_ref().map(|there| self.unlike(there, &chains));
        let unlike = unlike.unwrap_or_default();
        let lacks = there.map(|there| there.without(&chains)).transpose()?;
        for folder in ["", "secrets", "state"] {
            make_folder(&self.home.join(folder))?;
        }
        let identity = make_identity(&self.home.join("secrets/kms-identity.key"))?;
        let new = match lacks {
            None => {
                write_new(&path, &configuration(&chains)).map_err(|error| failed(&path, &error))?;
                status("Created", path.display());
                chains
            }
            Some(lacks) => match lacks.write()? {
                added if added.is_empty() => chains,
                added => added,
            },
        };
        for unlike in unlike {
            status("Warning", unlike);
        }
        next_steps(&new, &path, identity.as_ref());
        Ok(())
    }

    /// All that are named, each once.
    fn chains(&self) -> Result<Vec<NewChain>, Failure> {
        let mut chains = resolve(&self.networks)?;
        if let Some(own) = self.own_chain() {
            match chains.iter_mut().find(|chain| chain.id == own.id) {
                // The same network, and the prefix that was asked for.
                Some(chain) => *chain = own,
                None => chains.push(own),
            }
        }
        match (&self.addr, chains.as_mut_slice()) {
            (None, _) => {}
            (Some(address), [one]) => one.node = Some(address.clone()),
            (Some(_), several) => {
                return Err(Failure::usage(format!(
                    "--addr is where one chain's node listens, and {} named",
                    match several.len() {
                        0 => "no chain is".to_owned(),
                        some => format!("{some} chains are"),
                    }
                ))
                .hint("name one chain beside it, with -n or --chain-id; a home that is there gets the next one when this is run again"));
            }
        }
        Ok(chains)
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

    /// What `--prefix` and `--addr` would have set, and what is there already does not have.
    fn unlike(&self, there: &Existing, chains: &[NewChain]) -> Vec<String> {
        let prefix = self.chain_id.as_ref().zip(self.prefix.as_ref());
        let prefix = prefix.and_then(|(id, prefix)| there.unlike(id.as_str(), prefix));
        let nodes = chains.iter().filter_map(|chain| there.has_no_node(chain));
        prefix.into_iter().chain(nodes).collect()
    }
}

/// Reads a chain id that can stand between quotes.
pub(super) fn chain_id(text: &str) -> Result<ChainId, String> {
    match text.contains(['"', '\\']) {
        true => {
            Err("a chain id with such characters is written into tmkms.toml by hand".to_owned())
        }
        false => text.parse().map_err(|error| format!("{error}")),
    }
}

/// Reads the address of a node.
fn node_address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error| format!("{error}"))
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
    make_folders(path, Readers::Owner).map_err(|error| failed(path, &error))
}

/// Makes the identity key of links, or keeps the one that is there, and says by what nodes will know it. `None` where that
/// cannot be read.
pub(super) fn make_identity(path: &Path) -> Result<Option<PublicIdentity>, Failure> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(keep_identity(path));
    }
    let (_, text) = SoftKey::generate(KeyType::Ed25519).map_err(Failure::new)?;
    match secret_file::create(path, &text) {
        Ok(()) => {
            let identity = IdentityKey::from_base64(&text).map(|key| PublicIdentity::of(&key));
            let shown = match &identity {
                Ok(identity) => identity.to_string(),
                Err(error) => error.to_string(),
            };
            status(
                "Created",
                format!(
                    "{}: the identity of links, {shown}; it signs no votes",
                    path.display()
                ),
            );
            Ok(identity.ok())
        }
        Err(SecretFileError::Exists(_)) => Ok(keep_identity(path)),
        Err(error) => Err(Failure::new(error)),
    }
}

fn keep_identity(path: &Path) -> Option<PublicIdentity> {
    let kept = format!("{}, which is there already", path.display());
    match identity_of(&SecretSource::File(path.to_owned())) {
        Ok((key, warning)) => {
            let identity = PublicIdentity::of(&key);
            status("Kept", format!("{kept}: {identity}"));
            if let Some(warning) = warning {
                status("Warning", warning);
            }
            Some(identity)
        }
        Err(why) => {
            status("Kept", kept);
            status("Warning", why);
            None
        }
    }
}

pub(super) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    create(path, text.as_bytes(), Readers::Owner)
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
