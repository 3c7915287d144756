//! Doing what a plan says: the old files are made unusable, and the watermark becomes durable.

use crate::gate::store::file::StateFile;
use crate::gate::watermark::Watermark;
use crate::migrate::fence::{self, Fence};
use crate::migrate::kept::before_it_was_kept;
use crate::migrate::watermarks::shown;
use crate::os::files::paths::same_file;

use super::bury::{Buried, NotBuried, bury};
use super::current::Current;
use super::old_state::OldState;

/// All that is needed to take a chain over.
pub struct Take {
    /// Whose state it is, and where it will lie.
    pub place: StateFile,
    /// What lies there now.
    pub(super) current: Current,
    /// The watermark to be.
    pub(super) raised: Watermark,
    /// The old files that do not lie at our own place.
    pub(super) old: Vec<OldState>,
}

/// What became of a chain.
pub struct Applied {
    /// The chain id.
    pub chain: String,
    /// The new watermark, and what happened to the old files; or why there is none.
    pub result: Result<String, String>,
    /// What the operator has to see to.
    pub warnings: Vec<String>,
}

impl Take {
    /// The old files, the one at our own place first.
    pub(super) fn all(&self) -> Vec<&OldState> {
        let own = match &self.current {
            Current::Foreign(own) => Some(&**own),
            _ => None,
        };
        own.into_iter().chain(&self.old).collect()
    }

    /// What happens to which file.
    pub(super) fn describe(&self) -> String {
        let ours = self.place.path.display();
        let mut parts = vec![match &self.current {
            Current::Foreign(_) => format!("{ours} is converted, the old one kept beside it"),
            Current::Own {
                handed_over: true, ..
            } => format!("{ours}, which was handed over, is taken back"),
            Current::Own { copied: true, .. } => format!("{ours}, a copy, is taken over"),
            _ => format!("{ours} is written"),
        }];
        parts.extend(
            self.old
                .iter()
                .map(|old| format!("{} is kept beside and made unusable", old.path.display())),
        );
        parts.join("; ")
    }

    /// Does it, or leaves all as it was.
    pub fn apply(self: Box<Self>, chain: String) -> Applied {
        let mut warnings = Vec::new();
        let result = self.carry_out(&mut warnings);
        Applied {
            chain,
            result,
            warnings,
        }
    }

    fn carry_out(self, warnings: &mut Vec<String>) -> Result<String, String> {
        for old in self.all() {
            old.still()?;
        }
        let mut buried = Vec::new();
        let done = self.bury_all(&mut buried, warnings);
        let notes = match done.and_then(|notes| {
            let written = self.current.write(&self.place, &self.raised);
            written.map(|()| notes)
        }) {
            Ok(notes) => notes,
            Err(mut why) => {
                for one in buried.into_iter().rev() {
                    if let Err(more) = one.undo() {
                        why.push_str(&format!("; {more}"));
                    }
                }
                return Err(why);
            }
        };
        let mut shown_notes = vec![format!("goes on above {}", shown(Some(&self.raised)))];
        shown_notes.extend(notes);
        Ok(shown_notes.join("; "))
    }

    /// Buries the old files and remembers where they lay.
    fn bury_all(
        &self,
        buried: &mut Vec<Buried>,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<String>, String> {
        let (mut notes, mut fences) = (Vec::new(), Vec::new());
        for old in self.all() {
            let own = same_file(&old.path, &self.place.path);
            let ours = |fence: &Fence| same_file(&fence.path, &self.place.path);
            fences.extend(old.fence().filter(|fence| !ours(fence)));
            // No signer looks for its state under the name of a kept copy.
            if before_it_was_kept(&old.path).is_some() {
                continue;
            }
            match bury(old, &self.place) {
                Ok(one) => {
                    let kept = one.kept.display();
                    notes.push(match own {
                        true => format!("the old file is {kept}"),
                        false => format!("{} is now {kept}", old.path.display()),
                    });
                    buried.push(one);
                }
                Err(NotBuried::Moved(why)) => return Err(why),
                Err(NotBuried::Failed(error)) if own => {
                    return Err(format!("{} cannot be kept aside: {error}", old.path.display()));
                }
                Err(NotBuried::Failed(error)) => warnings.push(format!(
                    "{} is still usable by the old signer, because it cannot be replaced ({error}): move it away yourself",
                    old.path.display()
                )),
            }
        }
        fence::remember(&self.place, fences)?;
        Ok(notes)
    }
}
