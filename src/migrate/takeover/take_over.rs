//! All chains of one take-over: the looks at the old signer, what the operator has to answer between them, and doing it.

use std::time::Duration;

use crate::consensus::PublicKey;

use super::claim::HeightClaim;
use super::old_state::OldState;
use super::plan::{Plan, TakenBack, What};
use super::quiet::{Quiet, StillRuns};
use super::take::Applied;
use super::topology;

/// How long a signer that still runs is given to betray itself by a write.
const A_WHILE: Duration = Duration::from_secs(1);

/// The chains that are to be taken over.
pub struct TakeOver {
    /// One each.
    pub plans: Vec<Plan>,
    /// Where nothing may work meanwhile.
    pub quiet: Quiet,
}

/// What the operator has to answer before anything is changed.
pub enum Question<'a> {
    /// A chain was handed over: is it to be taken back?
    TakeBack(&'a str, TakenBack),
    /// A height that the watermark would be raised to, for good: is it plausible?
    Height(HeightClaim<'a>),
    /// Is the old signer stopped? With the words where they are not the usual ones.
    Stopped(Option<&'static str>),
}

/// A sign of an old signer that runs.
#[derive(Debug, thiserror::Error)]
pub enum NotQuiet {
    /// Something works in its home.
    #[error(transparent)]
    Runs(#[from] StillRuns),
    /// Somebody wrote to its files.
    #[error("{0}")]
    Changed(String),
}

/// A take-over after the second look: the only one that can be done.
pub struct Settled(Vec<Plan>);

impl TakeOver {
    /// Whether there is a chain to take over.
    pub fn has_work(&self) -> bool {
        let mut whats = self.plans.iter().map(|plan| &plan.what);
        whats.any(|what| matches!(what, What::Take(_)))
    }

    /// The chains that would be taken over, with their keys.
    pub fn keys(&self) -> Vec<(String, PublicKey)> {
        self.plans
            .iter()
            .filter_map(|plan| Some((plan.chain.clone(), plan.public_key()?)))
            .collect()
    }

    /// Looks for the old signer, and gives one that runs a while to betray itself.
    ///
    /// # Errors
    /// Every sign of one that runs.
    pub fn look(&self) -> Result<(), NotQuiet> {
        self.quiet.check()?;
        if self.old_states().next().is_some() {
            std::thread::sleep(A_WHILE);
        }
        self.still()
    }

    /// What has to be answered with yes, in this order.
    pub fn questions(&self) -> Vec<Question<'_>> {
        let mut questions: Vec<Question<'_>> = (self.plans.iter())
            .filter_map(|plan| Some(Question::TakeBack(&plan.chain, plan.taken_back()?)))
            .collect();
        let claims = self.plans.iter().filter_map(Plan::claim);
        questions.extend(claims.map(Question::Height));
        let remote = self.plans.iter().any(|plan| plan.remote_signer);
        questions.push(Question::Stopped(remote.then_some(topology::QUESTION)));
        questions
    }

    /// Looks again, after all was answered.
    ///
    /// # Errors
    /// Every sign of an old signer that runs.
    pub fn look_again(self) -> Result<Settled, NotQuiet> {
        self.quiet.check()?;
        self.still()?;
        Ok(Settled(self.plans))
    }

    fn old_states(&self) -> impl Iterator<Item = &OldState> {
        self.plans.iter().flat_map(Plan::old_states)
    }

    fn still(&self) -> Result<(), NotQuiet> {
        self.old_states()
            .try_for_each(OldState::still)
            .map_err(NotQuiet::Changed)
    }
}

impl Settled {
    /// Does it, chain by chain.
    pub fn apply(self) -> Vec<Applied> {
        let mut done = Vec::new();
        for plan in self.0 {
            if let What::Take(take) = plan.what {
                done.push(take.apply(plan.chain));
            }
        }
        done
    }
}
