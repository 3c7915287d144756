//! Makes an old state file unusable for the signer that wrote it, and puts it back if the take-over fails.

use std::io;
use std::path::{Path, PathBuf};

use crate::gate::store::file::StateFile;
use crate::os::files::owner::give_to;
use crate::os::files::rename::{exchange, over};
use crate::os::files::replace::{Draft, Flush, Readers, replace};

use super::old_state::OldState;
use crate::migrate::fence::tombstone;
use crate::migrate::foreign::Format;
use crate::migrate::kept::kept_name;

/// How many names are tried for what is kept.
const MOST_KEPT: u32 = 1_000;

/// An old state file that lies under another name now; a text lies in its place.
pub(super) struct Buried {
    path: PathBuf,
    /// Its new name.
    pub kept: PathBuf,
}

/// Why an old state file still lies where it lay.
pub(super) enum NotBuried {
    /// Its signer wrote to it.
    Moved(String),
    /// This user may not.
    Failed(io::Error),
}

/// Puts a text in the place of the old file, which is kept beside it. The old signer cannot parse the text and ends;
/// without any file an older tmkms would begin at height 0. The two swap their names, so that what the old signer may
/// write in this very moment is neither lost nor overlooked.
pub(super) fn bury(old: &OldState, place: &StateFile) -> Result<Buried, NotBuried> {
    let path = &old.path;
    let failed = NotBuried::Failed;
    let (kept, text) = draft(old, place).map_err(failed)?;
    let swapped = match exchange(&kept, path) {
        Ok(true) => Ok(()),
        Ok(false) => one_after_the_other(path, &kept, &text),
        Err(error) => Err(error),
    };
    if let Err(error) = swapped {
        let _ = std::fs::remove_file(&kept);
        return Err(failed(error));
    }
    let buried = Buried {
        path: path.clone(),
        kept,
    };
    if !old.is(&buried.kept) {
        let path = path.display();
        return Err(NotBuried::Moved(match buried.undo() {
            Ok(()) => format!(
                "{path} changed meanwhile, so another signer still writes to it: stop that signer for good first"
            ),
            Err(why) => why,
        }));
    }
    Ok(buried)
}

impl Buried {
    /// Puts the old file back.
    ///
    /// # Errors
    /// Where it is, if that fails.
    pub fn undo(self) -> Result<(), String> {
        let (path, kept) = (self.path.display(), self.kept.display());
        let done = match exchange(&self.kept, &self.path) {
            Ok(true) => std::fs::remove_file(&self.kept),
            Ok(false) => over(&self.kept, &self.path),
            Err(error) => Err(error),
        };
        done.map_err(|error| {
            format!("the old state {path} could not be put back ({error}); it is {kept} now")
        })
    }
}

/// The text, under the first free name beside the old file. Root works for the user to whom the old file belongs.
fn draft(old: &OldState, place: &StateFile) -> io::Result<(PathBuf, String)> {
    let owner = std::fs::symlink_metadata(&old.path)?;
    for number in 0..MOST_KEPT {
        let kept = kept_name(&old.path, number);
        let draft = match Draft::new(&kept, Readers::Everyone) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            other => other?,
        };
        give_to(&owner, draft.file())?;
        let format = match old.foreign.format {
            Some(Format::Tmkms | Format::Own) => "tmkms",
            Some(Format::Horcrux) => "horcrux",
            Some(Format::Cometbft) | None => "cometbft",
        };
        let back = place.commands.line([
            "state",
            "export",
            place.chain_id.as_str(),
            "--format",
            format,
            "--retire",
        ]);
        let text = tombstone(place, &kept, &back.to_string());
        match draft.finish(text.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map(|()| (kept, text)),
        }
    }
    Err(io::Error::other("a thousand kept copies lie beside it"))
}

/// Where two names cannot be swapped at once.
fn one_after_the_other(path: &Path, kept: &Path, text: &str) -> io::Result<()> {
    std::fs::remove_file(kept)?;
    std::fs::hard_link(path, kept)?;
    replace(path, text.as_bytes(), Readers::Everyone, Flush::Durable)
}
