//! What taking over one chain would change, and doing it.

use std::path::{Path, PathBuf};

use crate::cli::state::takeover::{Current, LookError, higher, keep_aside, read_foreign, shown};
use crate::cli::state::{find, place, unusable};
use crate::config::Config;
use crate::gate::foreign::Foreign;
use crate::gate::store::file::Place;
use crate::gate::watermark::Watermark;
use crate::os::replace::{Flush, Readers, replace};

use super::source::{Candidate, same_file};

/// One chain, before anything is changed. Holds its locks where it has a state file of this program already.
pub(super) struct Plan {
    /// The chain id.
    pub chain: String,
    key: String,
    old: String,
    now: String,
    /// What is to be done.
    pub what: What,
}

/// What is to be done for a chain.
pub(super) enum What {
    /// All is well as it is.
    Nothing,
    /// It cannot be taken over: why, and the remedy.
    Impossible(String),
    /// It can.
    Take(Box<Take>),
}

/// All that is needed to take a chain over.
pub(super) struct Take {
    place: Place,
    current: Current,
    raised: Watermark,
    /// The old files with what they said when they were read.
    old: Vec<(PathBuf, Foreign)>,
    format: Option<crate::gate::foreign::Format>,
}

/// What became of a chain.
pub(super) struct Applied {
    /// The chain id.
    pub chain: String,
    /// The new watermark, and what happened to the old files.
    pub shown: String,
    /// Whether it worked.
    pub result: Result<(), String>,
}

/// Looks at one chain.
pub(super) fn plan(config: &Config, candidate: Candidate) -> Plan {
    let mut plan = Plan {
        chain: candidate.chain.clone(),
        key: "?".to_owned(),
        old: "?".to_owned(),
        now: "?".to_owned(),
        what: What::Nothing,
    };
    plan.what = match look(config, candidate, &mut plan) {
        Ok(what) => what,
        Err(why) => What::Impossible(why),
    };
    plan
}

fn look(config: &Config, candidate: Candidate, plan: &mut Plan) -> Result<What, String> {
    if let Some(trouble) = candidate.trouble {
        return Err(trouble);
    }
    let chain = find(config, &candidate.chain).map_err(|_| {
        format!(
            "{} has no [[chain]] {}; add it with its key and node, and repeat the command",
            config.name, candidate.chain
        )
    })?;
    let place = place(chain).map_err(|failure| failure.to_string())?;
    plan.key = place.public_key.address().to_string();
    let current = Current::look(&place).map_err(|error| match error {
        LookError::Foreign(why) => why,
        open => unusable(config, open).to_string(),
    })?;
    plan.now = shown(current.watermark.as_ref());
    let mut old = Vec::new();
    for path in &candidate.states {
        // What lies at our own place is looked at above.
        let own = same_file(path, &place.path) && !current.foreign;
        if !own && !is_tombstone(path) {
            old.push((path.clone(), read_foreign(path, candidate.format, &place)?));
        }
    }
    let mut raised = current.watermark.clone();
    for (_, foreign) in &old {
        raised = Some(higher(raised.as_ref(), &foreign.watermark));
    }
    plan.old = match old.as_slice() {
        [] => "none".to_owned(),
        some => some
            .iter()
            .map(|(_, foreign)| shown(Some(&foreign.watermark)))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let Some(raised) = raised else {
        return Err(format!(
            "no state was found; if this key has never signed here run `tmkms state init {} --never-signed`, \
             otherwise `tmkms state init {} --height H` with the last height it signed",
            candidate.chain, candidate.chain
        ));
    };
    if old.is_empty() && !current.copied {
        return Ok(What::Nothing);
    }
    Ok(What::Take(Box::new(Take {
        place,
        current,
        raised,
        old,
        format: candidate.format,
    })))
}

impl Plan {
    /// Its line of the table.
    pub fn row(&self) -> Vec<String> {
        let (then, what) = match &self.what {
            What::Nothing => (self.now.clone(), "nothing".to_owned()),
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

    /// Does it.
    pub fn apply(self) -> Applied {
        let What::Take(take) = self.what else {
            return Applied {
                chain: self.chain,
                shown: "nothing to do".to_owned(),
                result: Ok(()),
            };
        };
        let mut notes = vec![format!("goes on above {}", shown(Some(&take.raised)))];
        let result = take.apply(&mut notes);
        Applied {
            chain: self.chain,
            shown: notes.join("; "),
            result,
        }
    }
}

impl Take {
    fn describe(&self) -> String {
        let mut parts = Vec::new();
        let ours = self.place.path.display();
        if self.current.foreign {
            parts.push(format!("{ours} is converted, the old one kept beside it"));
        } else if self.current.copied {
            parts.push(format!("{ours}, a copy, is taken over"));
        } else {
            parts.push(format!("{ours} is written"));
        }
        for (path, _) in self.others() {
            parts.push(format!(
                "{} is kept beside and made unusable",
                path.display()
            ));
        }
        parts.join("; ")
    }

    /// The old files that do not lie at our own place.
    fn others(&self) -> impl Iterator<Item = &(PathBuf, Foreign)> {
        self.old
            .iter()
            .filter(|(path, _)| !same_file(path, &self.place.path))
    }

    fn apply(self, notes: &mut Vec<String>) -> Result<(), String> {
        for (path, before) in &self.old {
            let now = read_foreign(path, self.format, &self.place)?;
            if now != *before {
                return Err(format!(
                    "{} changed meanwhile, so another signer still writes to it; nothing was changed: stop that signer first",
                    path.display()
                ));
            }
        }
        let others: Vec<PathBuf> = self.others().map(|(path, _)| path.clone()).collect();
        let ours = self.place.path.display().to_string();
        if let Some(kept) = self.current.write(&self.place, &self.raised)? {
            notes.push(format!("the old file is {}", kept.display()));
        }
        for path in others {
            let kept = bury(&path, &self.place, &ours)?;
            notes.push(format!("{} is now {}", path.display(), kept.display()));
        }
        Ok(())
    }
}

const TOMBSTONE: &str = "This state was taken over by tmkms";

fn is_tombstone(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(TOMBSTONE.as_bytes()))
}

/// Keeps a copy of an old state file beside it and puts a text in its place. The old signer cannot parse that and ends;
/// without any file it would begin at height 0.
fn bury(path: &Path, place: &Place, ours: &str) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| {
        format!(
            "the chain was taken over, but {} is still usable by the old signer ({error}): move it away yourself",
            path.display()
        )
    };
    let kept = keep_aside(path)?;
    let text = format!(
        "{TOMBSTONE} for chain {} and is kept in {ours}.\n\
         Two signers for one key are a double sign in waiting. The way back: tmkms state export {}\n",
        place.chain_id, place.chain_id
    );
    replace(path, text.as_bytes(), Readers::Owner, Flush::Durable).map_err(failed)?;
    Ok(kept)
}
