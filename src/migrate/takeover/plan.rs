//! What taking over one chain would change, and doing it.

use std::path::Path;

use crate::config::Config;
use crate::consensus::PublicKey;
use crate::gate::store::Moved;
use crate::gate::store::file::StateFile;
use crate::gate::watermark::Watermark;
use crate::migrate::around::Around;
use crate::migrate::candidate::Candidate;
use crate::migrate::evidence;
use crate::migrate::fence;
use crate::migrate::watermarks::{higher, shown};
use crate::os::files::paths::same_file;

use super::current::{Current, LookError};
use super::old_state::OldState;
use super::take::Take;
use super::topology;

/// One chain, before anything is changed. Holds its locks where it has a state file of this program already.
pub struct Plan {
    /// The chain id.
    pub chain: String,
    /// What the old files say besides, and who else may have signed, for the operator.
    pub notes: Vec<String>,
    /// Whether a remote signer served the node whose files these are.
    pub remote_signer: bool,
    key: String,
    old: String,
    /// The watermark before, in words.
    pub now: String,
    /// What is to be done.
    pub what: What,
}

/// To whom a chain that would be taken back was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenBack {
    /// Another signer (`state export --retire`).
    OfSigner,
    /// Another host (`state move out`).
    OfHost(Moved),
}

/// A plan as one line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRow {
    /// The chain id.
    pub chain: String,
    /// The key's address.
    pub key: String,
    /// What the old files say.
    pub old: String,
    /// The watermark now.
    pub now: String,
    /// What will be.
    pub then: String,
    /// What happens to which file.
    pub changes: String,
}

/// What is to be done for a chain.
pub enum What {
    /// All is well as it is.
    Nothing,
    /// It cannot be taken over: why, and the remedy.
    Impossible(String),
    /// It can.
    Take(Box<Take>),
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
        let look = match around.takes_back {
            true => Current::look_even_back,
            false => Current::look,
        };
        let current = look(&place).map_err(|error| match error {
            LookError::Foreign(why) => why,
            open => open.told(config, around.service),
        })?;
        self.now = current.told();
        // What lies at our own place is looked at above.
        let mut old = Vec::new();
        for path in &candidate.states {
            let left = matches!(current, Current::Own { .. })
                .then(|| fence::left_at(path))
                .flatten();
            if let Some((_, kept)) = &left
                && !fence::is_listed(&place, path)
            {
                return Err(left_elsewhere(path, kept, &place));
            }
            if left.is_none() && !same_file(path, &place.path) {
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
    pub fn row(&self) -> PlanRow {
        let (then, changes) = match &self.what {
            What::Nothing => (bare(&self.now), "nothing".to_owned()),
            What::Impossible(_) => ("-".to_owned(), "NOT POSSIBLE, see below".to_owned()),
            What::Take(take) => (shown(Some(&take.raised)), take.describe()),
        };
        PlanRow {
            chain: self.chain.clone(),
            key: self.key.clone(),
            old: self.old.clone(),
            now: self.now.clone(),
            then,
            changes,
        }
    }

    /// The key of a chain that would be taken over.
    pub fn public_key(&self) -> Option<PublicKey> {
        match &self.what {
            What::Take(take) => Some(take.place.public_key.clone()),
            What::Nothing | What::Impossible(_) => None,
        }
    }

    /// To whom it was handed over, where it would be taken back.
    pub fn taken_back(&self) -> Option<TakenBack> {
        match &self.what {
            What::Take(take) => match &take.current {
                Current::Own {
                    handed_over: true,
                    moved_out,
                    ..
                } => Some(moved_out.map_or(TakenBack::OfSigner, TakenBack::OfHost)),
                _ => None,
            },
            What::Nothing | What::Impossible(_) => None,
        }
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

/// It says nothing about where the other signer stood, and its file may have a name that means another one here.
fn left_elsewhere(path: &Path, kept: &Path, place: &StateFile) -> String {
    let (chain, commands) = (&place.chain_id, &place.commands);
    format!(
        "{} is what a take-over left in the place of a state, and this state of chain {chain} did not take it over: another host or \
         another home did. What lay there is {} on that host; bring that file, and take it over with `{}`",
        path.display(),
        kept.display(),
        commands.import(chain, Path::new("FILE"))
    )
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
