//! The key that a node has itself, after its state was taken over: with it the node must never sign again.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::cli::report::{Failure, status};
use crate::config::Config;
use crate::consensus::PublicKey;
use crate::gate::foreign::reading::Reading;
use crate::os::files::rename::to_new_name;
use crate::remedy::CommandLine;
use crate::terminal::Terminal;

use super::consent::Consent;
use super::same_file;

/// How many names are tried for a key that is moved aside.
const MOST: u32 = 100;

/// The key file of the node whose state file this is, in the folders as CometBFT has them.
pub(in crate::cli) fn beside(state: &Path) -> Option<PathBuf> {
    let data = std::path::absolute(state).ok()?.parent()?.to_owned();
    let home = data.parent().filter(|_| data.ends_with("data"))?;
    Some(home.join("config/priv_validator_key.json")).filter(|path| path.is_file())
}

/// Whether a `priv_validator_key.json` holds this key. Only its public half is looked at.
pub(in crate::cli) fn holds(path: &Path, key: &PublicKey) -> bool {
    #[derive(Deserialize)]
    struct File {
        pub_key: Public,
    }
    #[derive(Deserialize)]
    struct Public {
        value: String,
    }
    let Ok(reading) = Reading::of(path) else {
        return false;
    };
    let bytes = Zeroizing::new(reading.bytes);
    serde_json::from_slice::<File>(&bytes).is_ok_and(|file| {
        crate::base64::decode(file.pub_key.value.as_bytes())
            .is_some_and(|found| found == key.as_bytes())
    })
}

/// Deals with it: moves it aside where the operator agrees, and says what is to be done where not.
pub(in crate::cli) fn settle(
    path: &Path,
    key: &PublicKey,
    config: &Config,
    consent: &Consent,
    terminal: &mut dyn Terminal,
) -> Result<(), Failure> {
    if !holds(path, key) {
        return Ok(());
    }
    let shown = path.display();
    let ours = config.chains.iter().any(|chain| {
        let file = chain.key.file();
        file.is_some_and(|file| same_file(file.path, path))
    });
    if ours {
        status(
            "Next",
            format!(
                "{shown} stays, because {} signs with it: set the node's `priv_validator_key_file` to another name, so that \
                 the node can never sign with it",
                config.name
            ),
        );
        return Ok(());
    }
    let question = format!("Move {shown} aside, so that the node can never sign with it again?");
    if !consent.moves_key(terminal, &question)? {
        status(
            "Next",
            format!(
                "move {shown} away, so that the node can never sign with it (the node does not start until then): `{}`",
                CommandLine::of_system("mv", [absolute(path), absolute(&aside(path, 0))])
            ),
        );
        return Ok(());
    }
    for number in 0..MOST {
        let kept = aside(path, number);
        match to_new_name(path, &kept) {
            Ok(()) => {
                status(
                    "Moved",
                    format!(
                        "{shown} to {}; the node makes a key of its own at its next start, which signs nothing while \
                         `priv_validator_laddr` is set",
                        kept.display()
                    ),
                );
                return Ok(());
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(Failure::new(format!("{shown} cannot be moved aside: {error}"))
                    .hint("the chain was taken over; move the key away yourself before the node starts"));
            }
        }
    }
    Err(Failure::new(format!(
        "{shown} cannot be moved aside: too many keys lie beside it"
    )))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn aside(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(match number {
        0 => ".taken-over".to_owned(),
        _ => format!(".taken-over-{number}"),
    });
    path.with_file_name(name)
}
