//! Taking over what another signer has used up: one piece of code for `adopt`, `state import` and `softsign import`.
//!
//! The higher position counts. Nothing may work in the old signer's home; its files are read again a second later, after
//! the question was answered, and while they are made unusable for it; and `start` looks at their places once more (W20).

pub(in crate::cli) mod around;
pub(in crate::cli) mod bury;
pub(in crate::cli) mod consent;
mod claim;
mod current;
pub(in crate::cli) mod node_key;
mod old;
pub(in crate::cli) mod plan;
pub(in crate::cli) mod running;
mod topology;

use std::path::Path;
use std::time::Duration;

use crate::cli::report::{Failure, columns, status};
use crate::cli::state::height::Source;
use crate::gate::watermark::Watermark;
use crate::terminal::Terminal;

use consent::Consent;
pub(in crate::cli) use current::{Current, LookError};
use plan::{Applied, Plan, What};
use running::Quiet;

/// How long a signer that still runs is given to betray itself by a write.
const A_WHILE: Duration = Duration::from_secs(1);

/// The chains that are to be taken over.
pub(in crate::cli) struct TakeOver {
    /// One each.
    pub plans: Vec<Plan>,
    /// Where nothing may work meanwhile.
    pub quiet: Quiet,
}

impl TakeOver {
    /// One line for each chain.
    pub fn table(&self) -> String {
        let mut rows = vec![
            ["CHAIN", "KEY", "OLD", "NOW", "THEN", "WHAT CHANGES"]
                .map(str::to_owned)
                .to_vec(),
        ];
        rows.extend(self.plans.iter().map(Plan::row));
        columns(&rows)
    }

    /// Says what the table has no room for, and how many chains cannot be taken over.
    pub fn explain(&self) -> usize {
        let mut impossible = 0;
        for plan in &self.plans {
            for note in &plan.notes {
                status("Note", format!("[{}] {note}", plan.chain));
            }
            if let What::Impossible(why) = &plan.what {
                impossible += 1;
                status("Problem", format!("[{}] {why}", plan.chain));
            }
        }
        impossible
    }

    /// Whether there is a chain to take over.
    pub fn has_work(&self) -> bool {
        let mut whats = self.plans.iter().map(|plan| &plan.what);
        whats.any(|what| matches!(what, What::Take(_)))
    }

    /// Looks for the old signer, asks, and looks again.
    ///
    /// # Errors
    /// Everything but a yes, and every sign of an old signer that runs.
    pub fn settle(
        &self,
        consent: &Consent,
        question: Option<&str>,
        terminal: &mut dyn Terminal,
    ) -> Result<(), Failure> {
        self.quiet.tell_unseen();
        self.quiet.check()?;
        let old = || self.plans.iter().flat_map(Plan::old_states);
        if old().next().is_some() {
            std::thread::sleep(A_WHILE);
        }
        let still = || {
            old()
                .try_for_each(old::OldState::still)
                .map_err(|why| Failure::new(format!("nothing was changed: {why}")))
        };
        still()?;
        for plan in self.plans.iter().filter(|plan| plan.was_handed_over()) {
            consent.insist(&plan.chain, terminal)?;
        }
        for claim in self.plans.iter().filter_map(Plan::claim) {
            let source = Source::File(claim.path);
            consent
                .sure
                .of(claim.height, source, claim.known, claim.chain, terminal)?;
        }
        let remote = self.plans.iter().any(|plan| plan.remote_signer);
        let question = question.or(remote.then_some(topology::QUESTION));
        consent.ask(question, terminal)?;
        self.quiet.check()?;
        still()
    }

    /// Does it, chain by chain.
    pub fn apply(self) -> Vec<Applied> {
        let mut done = Vec::new();
        for plan in self.plans {
            if let What::Take(take) = plan.what {
                done.push(take.apply(plan.chain));
            }
        }
        done
    }
}

/// A watermark in words.
pub(in crate::cli) fn shown(watermark: Option<&Watermark>) -> String {
    match watermark.map(Watermark::hrs) {
        None => "no state".to_owned(),
        Some(None) => "nothing signed yet".to_owned(),
        Some(Some(hrs)) => hrs.to_string(),
    }
}

/// Whether two paths name one file.
pub(in crate::cli) fn same_file(one: &Path, other: &Path) -> bool {
    match (std::fs::canonicalize(one), std::fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// The higher of the two. At equal positions the bytes are kept only if both know the same ones.
pub(in crate::cli) fn higher(current: Option<&Watermark>, other: &Watermark) -> Watermark {
    let Some(current) = current else {
        return other.clone();
    };
    match current.hrs().cmp(&other.hrs()) {
        std::cmp::Ordering::Less => other.clone(),
        std::cmp::Ordering::Greater => current.clone(),
        std::cmp::Ordering::Equal => match (current, other) {
            (Watermark::Message(one), Watermark::Message(two)) if one.bytes() != two.bytes() => {
                Watermark::UpTo(one.position().hrs)
            }
            (Watermark::Message(one), Watermark::Message(two)) if one.signature().is_none() => {
                Watermark::Message(two.clone())
            }
            (Watermark::Message(one), Watermark::Message(_)) => Watermark::Message(one.clone()),
            // What was signed there is not known to one of them, so nothing is signed there again.
            (Watermark::Message(last), _) | (_, Watermark::Message(last)) => {
                Watermark::UpTo(last.position().hrs)
            }
            _ => current.clone(),
        },
    }
}
