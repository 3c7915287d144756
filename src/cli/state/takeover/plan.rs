//! What taking over one chain would change, and doing it.

use std::path::{Path, PathBuf};

use crate::cli::state::evidence;
use crate::cli::state::unusable;
use crate::config::Config;
use crate::consensus::PublicKey;
use crate::gate::foreign::Format;
use crate::gate::foreign::fence::{self, Fence};
use crate::gate::store::file::StateFile;
use crate::gate::watermark::Watermark;

use super::around::Around;
use super::bury::{Buried, NotBuried, before_it_was_kept, bury};
use super::current::{Current, LookError};
use super::old::OldState;
use super::{higher, same_file, shown, topology};

/// One chain of another signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Candidate {
    /// The chain id.
    pub chain: String,
    /// Its state files; the highest counts.
    pub states: Vec<PathBuf>,
    /// Who wrote them, where their fields do not tell.
    pub format: Option<Format>,
    /// Why it cannot be taken over, if that is known already.
    pub trouble: Option<String>,
}

/// One chain, before anything is changed. Holds its locks where it has a state file of this program already.
pub(in crate::cli) struct Plan {
    /// The chain id.
    pub chain: String,
    /// What the old files say besides, and who else may have signed, for the operator.
    pub notes: Vec<String>,
    /// Whether a remote signer served the node whose files these are.
    pub remote_signer: bool,
    key: String,
    old: String,
    /// What is used up before, in words.
    pub now: String,
    /// What is to be done.
    pub what: What,
}

/// What is to be done for a chain.
pub(in crate::cli) enum What {
    /// All is well as it is.
    Nothing,
    /// It cannot be taken over: why, and the remedy.
    Impossible(String),
    /// It can.
    Take(Box<Take>),
}

/// All that is needed to take a chain over.
pub(in crate::cli) struct Take {
    /// Whose state it is, and where it will lie.
    pub place: StateFile,
    /// What lies there now.
    pub(super) current: Current,
    /// What will be used up.
    pub(super) raised: Watermark,
    /// The old files that do not lie at our own place.
    old: Vec<OldState>,
}

/// What became of a chain.
pub(in crate::cli) struct Applied {
    /// The chain id.
    pub chain: String,
    /// The new watermark, and what happened to the old files; or why there is none.
    pub result: Result<String, String>,
    /// What the operator has to see to.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Looks at one chain, whose key was opened or could not be.
    pub fn new(
        config: &Config,
        candidate: Candidate,
        place: Result<StateFile, String>,
        around: &Around<'_>,
    ) -> Self {
        let mut plan = Self {
            chain: candidate.chain.clone(),
            notes: Vec::new(),
            remote_signer: false,
            key: "?".to_owned(),
            old: "?".to_owned(),
            now: "?".to_owned(),
            what: What::Nothing,
        };
        plan.what = match plan.look(config, candidate, place, around) {
            Ok(what) => what,
            Err(why) => What::Impossible(why),
        };
        plan
    }

    fn look(
        &mut self,
        config: &Config,
        candidate: Candidate,
        place: Result<StateFile, String>,
        around: &Around<'_>,
    ) -> Result<What, String> {
        if let Some(trouble) = candidate.trouble {
            return Err(trouble);
        }
        let place = place?;
        self.key = place.public_key.address().to_string();
        let current = Current::look(&place).map_err(|error| match error {
            LookError::Foreign(why) => why,
            open => unusable(config, open).to_string(),
        })?;
        self.now = current.told();
        // What lies at our own place is looked at above.
        let mut old = Vec::new();
        for path in &candidate.states {
            let taken = matches!(current, Current::Own { .. }) && is_tombstone(path);
            if !taken && !same_file(path, &place.path) {
                old.push(OldState::read(path, candidate.format, &place)?);
            }
        }
        let mut raised = current.watermark().cloned();
        for one in &old {
            raised = Some(higher(raised.as_ref(), &one.foreign.watermark));
        }
        let mut all: Vec<&OldState> = old.iter().collect();
        if let Current::Foreign(own) = &current {
            all.insert(0, own);
        }
        let told: Vec<String> = all.iter().map(|one| one.told()).collect();
        self.old = match told.is_empty() {
            true => "none".to_owned(),
            false => told.join(", "),
        };
        for one in all {
            let notes = one.foreign.notes.iter();
            self.notes
                .extend(notes.map(|note| format!("{}: {note}", one.path.display())));
        }
        if let (None, Current::Tombstone(_)) = (&raised, &current) {
            return Err(nothing_found(&place, &current));
        }
        if let Some(found) = around.against(config, &candidate.states, &place, raised.as_ref()) {
            let told = found.told(&place);
            if !found.in_key {
                let remedy = evidence::remedy(&place, &(around.command)(&place, &found));
                return Err(format!("{told}; {remedy}"));
            }
            self.notes.push(format!("{told}, which counts, too"));
            raised = Some(Watermark::UpTo(found.said));
        }
        let Some(raised) = raised else {
            return Err(nothing_found(&place, &current));
        };
        let well = matches!(
            current,
            Current::Own {
                copied: false,
                handed_over: false,
                ..
            }
        );
        if old.is_empty() && well && current.watermark() == Some(&raised) {
            return Ok(What::Nothing);
        }
        if !old.is_empty() || matches!(current, Current::Foreign(_)) {
            self.tell_of_others(config, &candidate, &place, around);
        }
        Ok(What::Take(Box::new(Take {
            place,
            current,
            raised,
            old,
        })))
    }

    /// Says what else may have signed with this key.
    fn tell_of_others(
        &mut self,
        config: &Config,
        candidate: &Candidate,
        place: &StateFile,
        around: &Around<'_>,
    ) {
        let mut chains = config.chains.iter();
        if let Some(chain) = chains.find(|chain| chain.id == place.chain_id) {
            self.notes.extend(topology::several_nodes(chain));
        }
        let remote = topology::remote_signer(around.node, &candidate.states, place);
        self.remote_signer = remote.is_some();
        self.notes.extend(remote);
    }

    /// Its line of the table.
    pub fn row(&self) -> Vec<String> {
        let (then, what) = match &self.what {
            What::Nothing => (bare(&self.now), "nothing".to_owned()),
            What::Impossible(_) => ("-".to_owned(), "NOT POSSIBLE, see below".to_owned()),
            What::Take(take) => (shown(Some(&take.raised)), take.describe()),
        };
        vec![
            self.chain.clone(),
            self.key.clone(),
            self.old.clone(),
            self.now.clone(),
            then,
            what,
        ]
    }

    /// The key of a chain that would be taken over.
    pub fn public_key(&self) -> Option<PublicKey> {
        match &self.what {
            What::Take(take) => Some(take.place.public_key),
            What::Nothing | What::Impossible(_) => None,
        }
    }

    /// Whether it was handed over to another signer and would be taken back.
    pub fn was_handed_over(&self) -> bool {
        let back = |take: &Take| {
            let current = &take.current;
            matches!(current, Current::Own { handed_over, .. } if *handed_over)
        };
        matches!(&self.what, What::Take(take) if back(take))
    }

    /// The old files that would be taken over.
    pub fn old_states(&self) -> Vec<&OldState> {
        match &self.what {
            What::Take(take) => take.all(),
            What::Nothing | What::Impossible(_) => Vec::new(),
        }
    }
}

/// Without its age.
fn bare(told: &str) -> String {
    told.rsplit_once(" (")
        .map_or(told, |(bare, _)| bare)
        .to_owned()
}

fn nothing_found(place: &StateFile, current: &Current) -> String {
    let (commands, chain) = (&place.commands, &place.chain_id);
    match current {
        Current::Tombstone(kept) => format!(
            "a take-over did not come to its end: the old state is {}; run `{}`",
            kept.display(),
            commands.import(chain, kept)
        ),
        _ => format!(
            "no state was found; if this key has never signed here run `{}`, otherwise `{}` with the last height it signed",
            commands.init_never_signed(chain),
            commands.init_height(chain)
        ),
    }
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

    fn describe(&self) -> String {
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

/// Whether the old signer's file at this path was taken over before.
pub(in crate::cli) fn is_tombstone(path: &Path) -> bool {
    crate::gate::foreign::reading::Reading::of(path)
        .is_ok_and(|reading| fence::is_tombstone(&reading.bytes))
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn only_the_age_is_left_out() {
        for (told, shown) in [
            ("61 (whole height) (3 s ago)", "61 (whole height)"),
            ("61/0/prevote (2 h ago)", "61/0/prevote"),
            ("no state", "no state"),
        ] {
            assert_eq!(bare(told), shown);
        }
    }
}
