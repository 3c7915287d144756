//! The question of a probe, answered the same way over HTTP and on the command line.

use std::fmt;

use crate::text::excerpt::brief;

use super::verdict::ChainVerdict;
use crate::observe::status::chain::ChainStatus;
use crate::observe::status::pause::PauseStatus;

/// The longest name of a chain that is said back, in bytes.
const LONGEST_ID: usize = 100;

/// What a probe asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthQuestion {
    /// Whether the chain holds its key and state, and the key can sign: all that a node needs to begin.
    Armed,
    /// Whether it can answer a node: armed, durable, not stuck, with a device that answers, and linked.
    Ready,
}

impl HealthQuestion {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Armed => "armed",
            Self::Ready => "ready",
        }
    }

    /// Why the answer is no, if so. A chain that the operator has paused is not ready for those who name it, and as it was
    /// meant for those who ask about all.
    pub fn about(self, verdict: ChainVerdict, named: bool) -> Option<String> {
        match self {
            Self::Armed => verdict.not_armed,
            Self::Ready => verdict
                .not_ready
                .or_else(|| verdict.paused.filter(|_| named)),
        }
    }

    /// The same for a chain whose status was told.
    pub fn about_told(self, chain: &ChainStatus, named: bool) -> Option<String> {
        let verdict = ChainVerdict {
            not_armed: chain.not_armed.clone(),
            trouble: chain.trouble.clone(),
            not_ready: chain.not_ready.clone(),
            paused: chain.paused_now().map(PauseStatus::line),
        };
        self.about(verdict, named)
    }
}

/// About which chains a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// All of the configuration.
    All,
    /// These; at least one.
    These(Vec<String>),
}

/// A probe names chains, and none of the names has a letter in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no chain is named in `expect`: write expect=CHAIN,CHAIN, or leave it out to ask about every chain"
)]
pub struct NothingAsked;

impl Expected {
    /// These chains; blank names, as after the last comma, do not count.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn these(ids: impl IntoIterator<Item = String>) -> Result<Self, NothingAsked> {
        let ids: Vec<String> = ids.into_iter().filter(|id| !id.trim().is_empty()).collect();
        match ids.is_empty() {
            true => Err(NothingAsked),
            false => Ok(Self::These(ids)),
        }
    }

    /// Whether this chain is named, and not only one of all.
    pub fn names(&self, id: &str) -> bool {
        match self {
            Self::All => false,
            Self::These(ids) => ids.iter().any(|asked| asked == id),
        }
    }

    fn is_about(&self, id: &str) -> bool {
        *self == Self::All || self.names(id)
    }
}

/// Chains about which the answer is no: each with its id and the reason; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct No(Vec<(String, String)>);

impl No {
    /// The chains with their reasons.
    pub fn chains(&self) -> &[(String, String)] {
        &self.0
    }

    /// One `CHAIN: reason` for each.
    pub fn lines(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|(id, why)| format!("{id}: {why}"))
            .collect()
    }
}

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("; "))
    }
}

/// How many chains it is true of, or those of which it is not. `chains` are all of the configuration, each with the reason
/// why not.
///
/// # Errors
/// It is not true of one that was asked about, or one that was asked about is not configured.
pub fn probe(
    chains: impl IntoIterator<Item = (String, Option<String>)>,
    asked: &Expected,
) -> Result<usize, No> {
    let mut unknown = match asked {
        Expected::All => Vec::new(),
        Expected::These(ids) => ids.clone(),
    };
    let (mut count, mut failing) = (0_usize, Vec::new());
    for (id, why) in chains {
        if !asked.is_about(&id) {
            continue;
        }
        unknown.retain(|asked| *asked != id);
        count += 1;
        failing.extend(why.map(|why| (id, why)));
    }
    for id in unknown {
        // The asker's word, not ours.
        let id = id.replace(char::is_control, "?");
        let id = brief(&id, LONGEST_ID).into_owned();
        failing.push((id, "no such chain in the configuration".to_owned()));
    }
    match failing.is_empty() {
        true => Ok(count),
        false => Err(No(failing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains() -> Vec<(String, Option<String>)> {
        let why = |text: &str| Some(text.to_owned());
        vec![("a".to_owned(), None), ("b".to_owned(), why("no key"))]
    }

    fn these(ids: &[&str]) -> Expected {
        Expected::these(ids.iter().map(|id| (*id).to_owned())).unwrap()
    }

    #[test]
    fn only_chains_that_are_asked_about_count() {
        assert_eq!(probe(chains(), &these(&["a"])), Ok(1));
        let no = |asked: &Expected| probe(chains(), asked).unwrap_err().lines();
        assert_eq!(no(&Expected::All), ["b: no key"]);
        assert_eq!(no(&these(&["b", "a"])), ["b: no key"]);
        let unknown = "\u{7}: no such chain in the configuration".replace('\u{7}', "?");
        assert_eq!(no(&these(&["a", "\u{7}"])), [unknown]);
    }

    #[test]
    fn a_question_about_nothing_is_none() {
        for ids in [vec![], vec![""], vec!["", " "]] {
            let ids = ids.into_iter().map(str::to_owned);
            assert_eq!(Expected::these(ids), Err(NothingAsked));
        }
        assert_eq!(these(&["a", ""]), Expected::These(vec!["a".to_owned()]));
    }
}
