//! A state file that is to be taken over, as it was when it was read.

use std::path::{Path, PathBuf};

use crate::gate::store::file::StateFile;
use crate::observe::status::humanize;
use crate::os::clock::{Clock, SystemClock};
use crate::os::files::paths::{absolute, same_file};
use crate::remedy::CommandLine;

use crate::migrate::fence::{self, Fence};
use crate::migrate::foreign::reading::Reading;
use crate::migrate::foreign::{self, Foreign, ForeignError, Format};
use crate::migrate::kept::before_it_was_kept;
use crate::migrate::watermarks::shown;

/// One of them.
pub struct OldState {
    /// Where it lies.
    pub path: PathBuf,
    /// What it says.
    pub foreign: Foreign,
    reading: Reading,
}

impl OldState {
    /// Reads another signer's state file, or one of this program. `named` is what the operator says it is.
    ///
    /// # Errors
    /// Why it cannot be taken over, with the remedy.
    pub fn read(path: &Path, named: Option<Format>, place: &StateFile) -> Result<Self, String> {
        let reading = Reading::of(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidInput => format!("{} is not a regular file", path.display()),
            _ => format!("{} cannot be read: {error}", path.display()),
        })?;
        if let Some((chain, kept)) = fence::of_tombstone(&reading.bytes) {
            return Err(format!(
                "{} was taken over for chain {chain} already; what lay there is {}: `{}`",
                path.display(),
                kept.display(),
                place.commands.import(&place.chain_id, &kept)
            ));
        }
        let foreign = foreign::read(&reading.bytes, named, &place.chain_id, &place.public_key)
            .map_err(|error| {
                let remedy = remedy(&error, path, place);
                format!("{} cannot be imported: {error}{remedy}", path.display())
            })?;
        if let Some(moved) = foreign.moved_out {
            return Err(format!(
                "{} is the state of a host that handed chain {} over, to bundle {}; take that bundle in with `{}`, which arms \
                 one host",
                path.display(),
                place.chain_id,
                moved.bundle,
                place.commands.move_in(Path::new("FILE"))
            ));
        }
        if let Some(share) = foreign.share.filter(|share| place.share != Some(*share)) {
            return Err(format!(
                "{} is the state of share {share}, and others may have signed more; look up the last height this key signed, and run \
                 `{}`",
                path.display(),
                place.commands.init_height(&place.chain_id)
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            foreign,
            reading,
        })
    }

    /// Whether nobody wrote to it since it was read.
    ///
    /// # Errors
    /// That somebody did, or that it is gone.
    pub fn still(&self) -> Result<(), String> {
        match Reading::of(&self.path) {
            Ok(now) if now == self.reading => Ok(()),
            Ok(_) => Err(format!(
                "{} changed meanwhile, so another signer still writes to it: stop that signer for good first",
                self.path.display()
            )),
            Err(error) => Err(format!(
                "{} cannot be read any more: {error}",
                self.path.display()
            )),
        }
    }

    /// Whether this is the file, and nobody wrote to it since it was read.
    pub fn is(&self, path: &Path) -> bool {
        Reading::of(path).is_ok_and(|now| now == self.reading)
    }

    /// The position that it says, and how old that is.
    pub fn told(&self) -> String {
        with_age(
            &shown(Some(&self.foreign.watermark)),
            self.reading.written(),
        )
    }

    /// The same with its name and who wrote it.
    pub fn told_with_format(&self) -> String {
        let format = self
            .foreign
            .format
            .map_or("a format that its fields do not tell", Format::as_str);
        let position = shown(Some(&self.foreign.watermark));
        format!("{} ({format}): {position}", self.path.display())
    }

    /// What is to be remembered of it.
    pub fn fence(&self) -> Option<Fence> {
        let said = self.foreign.watermark.hrs()?;
        let path = before_it_was_kept(&self.path);
        let path = path.as_deref().unwrap_or(&self.path);
        Some(Fence::of(path, said, &self.reading))
    }
}

/// `position (2 h ago)`, for what was written at a time since 1970-01-01 UTC.
pub(super) fn with_age(position: &str, written: std::time::Duration) -> String {
    let age = SystemClock.now().wall.saturating_sub(written).as_secs();
    format!("{position} ({} ago)", humanize(age))
}

/// The command that gives a file another name.
fn move_away(path: &Path) -> CommandLine {
    let path = absolute(path);
    let mut away = path.clone().into_os_string();
    away.push(".old");
    CommandLine::of_system("mv", [path.into_os_string(), away])
}

fn remedy(error: &ForeignError, path: &Path, place: &StateFile) -> String {
    let (chain, commands) = (&place.chain_id, &place.commands);
    // At our own place it would be in the way of what is to be made there.
    let away = match same_file(path, &place.path) {
        true => format!("move it away with `{}` and run", move_away(path)),
        false => "run".to_owned(),
    };
    match error {
        ForeignError::Empty
        | ForeignError::NotJson(_)
        | ForeignError::Field(_)
        | ForeignError::Damaged => {
            let command = commands.init_height(chain);
            format!("; look up the last height this key signed, {away} `{command}`")
        }
        ForeignError::NothingSigned => {
            let command = commands.init_never_signed(chain);
            format!("; if that is so {away} `{command}`")
        }
        ForeignError::OtherKind(_)
        | ForeignError::OtherFormat { .. }
        | ForeignError::OtherChain(_)
        | ForeignError::OtherKey => String::new(),
    }
}
