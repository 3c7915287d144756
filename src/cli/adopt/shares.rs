//! Makes the shares and identities that a configuration names which was written from that of a cosigner.

use std::path::Path;

use crate::cli::init::make_identity;
use crate::cli::report::{Failure, output, status};
use crate::migrate::sources::ShareText;
use crate::os::files::folders;
use crate::os::files::replace::Readers;
use crate::secret_file::{self, SecretSource};
use crate::shares::{KeyShare, PublicShares, Shard};

/// Makes those that are not there, in the folder of the configuration. Gives its text with who this member is.
///
/// # Errors
/// A share cannot be made, or another one is in its place. What was made stays, and is found when the command is repeated.
pub(super) fn make(shares: &[ShareText], folder: &Path, text: &str) -> Result<String, Failure> {
    let mut text = text.to_owned();
    let mut lines = String::new();
    for share in shares {
        let (file, identity) = share.files();
        let secrets = folder.join("secrets");
        folders::make_folder(&secrets, Readers::Owner).or_else(|error| match secrets.is_dir() {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "{} cannot be made: {error}",
                secrets.display()
            ))),
        })?;
        import(share, &folder.join(&file))?;
        let identity = folder.join(&identity);
        let known = make_identity(&identity)?.ok_or_else(|| {
            Failure::new(format!("{} holds no identity key", identity.display()))
                .hint("move it away, and repeat the command: another one is made")
        })?;
        text = share.with_identity(&text, &known.peer_id);
        lines.push_str(&format!("\n# chain {}:", share.chain));
        lines.push_str(&share.own_lines(&known.peer_id));
    }
    if !lines.is_empty() {
        output(&format!(
            "# what the other members need to know of this one:\n{lines}"
        ))?;
    }
    Ok(text)
}

/// The share of a shard, in this program's form.
fn import(share: &ShareText, file: &Path) -> Result<(), Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", share.shard.display()));
    let read = |path: &Path| secret_file::contents(&SecretSource::File(path.to_owned()));
    let shard = read(&share.shard).map_err(|error| wrong(&error))?;
    let shard = Shard::from_json(&shard).map_err(|error| wrong(&error))?;
    let made = KeyShare::new(shard, share.quorum, PublicShares::default());
    let made = made.map_err(|error| wrong(&error))?.to_json();
    if std::fs::symlink_metadata(file).is_ok() {
        let there = read(file).map_err(|error| Failure::new(&error))?;
        return match *there == *made {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "{} is there, and is not the share of {}",
                file.display(),
                share.shard.display()
            ))
            .hint("move it away, or run this in the folder that is to be the home of this member")),
        };
    }
    secret_file::create(file, &made).map_err(Failure::new)?;
    status(
        "Imported",
        format!(
            "the share of member {} of {} for chain {} into {}",
            share.own,
            share.quorum.members(),
            share.chain,
            file.display()
        ),
    );
    Ok(())
}
