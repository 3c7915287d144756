//! `/live`, `/armed` and `/ready`: is the process well, does each chain hold its key, can it answer a node?

use std::time::Duration;

use crate::os::clock::{Clock, SystemClock};
use crate::text::count::count;

use super::registry::Registry;
use super::status::{ChainVerdict, Expected, HealthQuestion, NothingAsked, probe};

/// The supervisor takes a turn each second; after so long without one it hangs.
const DEAD: Duration = Duration::from_secs(10);

/// `Err` when the process should be restarted. Trouble with a chain, a disk or a node is not a reason for that.
pub(crate) fn live(registry: &Registry) -> Result<String, String> {
    let since = registry.since_turn();
    if since > DEAD {
        let seconds = since.as_secs();
        return Err(format!("the supervisor has been hanging for {seconds} s\n"));
    }
    Ok("live\n".to_owned())
}

/// Why a probe has no good news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unhealthy {
    /// The answer is no: each chain with the reason.
    No(String),
    /// The question is none.
    Senseless(String),
}

/// Whether the chains are armed, or ready: all of them, or those that `expect=one,two` in the query asks about.
///
/// # Errors
/// A text that names each chain of which it is not true, and why; or that the question names no chain.
pub(crate) fn chains(
    registry: &Registry,
    question: HealthQuestion,
    query: Option<&str>,
) -> Result<String, Unhealthy> {
    let now = SystemClock.now();
    let chains = registry.chains();
    let verdicts = chains
        .iter()
        .map(|chain| (chain.id.clone(), chain.verdict(&now)));
    answer(verdicts, question, query)
}

/// The same from verdicts on all chains of the configuration.
///
/// # Errors
/// As above.
pub(crate) fn answer(
    verdicts: impl IntoIterator<Item = (String, ChainVerdict)>,
    question: HealthQuestion,
    query: Option<&str>,
) -> Result<String, Unhealthy> {
    let word = question.word();
    let asked = asked(query.unwrap_or_default())
        .map_err(|error| Unhealthy::Senseless(format!("{error}\n")))?;
    let verdicts = verdicts.into_iter();
    let chains = verdicts.map(|(id, verdict)| {
        let why = question.about(verdict, asked.names(&id));
        (id, why)
    });
    match probe(chains, &asked) {
        Ok(all) => Ok(format!("{word}: {}\n", count(all, "chain"))),
        Err(no) => {
            let lines = no.lines().join("\n");
            Err(Unhealthy::No(format!("not {word}\n{lines}\n")))
        }
    }
}

/// The chain ids of every `expect=` in a query.
fn asked(query: &str) -> Result<Expected, NothingAsked> {
    let lists: Vec<&str> = query
        .split('&')
        .filter_map(|part| match part.split_once('=') {
            Some(("expect", list)) => Some(list),
            None if part == "expect" => Some(""),
            _ => None,
        })
        .collect();
    match lists.is_empty() {
        true => Ok(Expected::All),
        false => Expected::these(lists.iter().flat_map(|list| list.split(',')).map(decoded)),
    }
}

/// `%41` is `A`; anything else stays as it is.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_named_in_the_query() {
        let ids = |query| match asked(query).unwrap() {
            Expected::These(ids) => ids,
            Expected::All => Vec::new(),
        };
        assert_eq!(ids("expect=a,b"), ["a", "b"]);
        assert_eq!(ids("x=1&expect=%61%2cb,"), ["a,b"]);
        assert_eq!(ids("expect=100%,%zz,%4"), ["100%", "%zz", "%4"]);
        assert_eq!(ids("expect=a&expect=b"), ["a", "b"]);
        for query in ["", "x=1", "expected=a"] {
            assert_eq!(asked(query), Ok(Expected::All), "{query}");
        }
        for query in ["expect=", "expect", "x=1&expect=,", "expect=%20&expect="] {
            assert_eq!(asked(query), Err(NothingAsked), "{query}");
        }
    }
}
