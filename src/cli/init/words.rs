//! The networks that the words of `-n` mean.

use super::super::networks::table;
use super::super::report::Failure;
use super::text::NewChain;
use crate::networks::{self, Meaning};
use crate::remedy::CommandLine;

/// The command that lists the known networks.
pub(super) fn list() -> CommandLine {
    CommandLine::without_config(["networks"])
}

/// Why a word means no network, and what to type instead.
struct Unclear {
    why: String,
    instead: String,
}

/// The networks that the words mean, each once.
///
/// # Errors
/// All words that mean none, or several, at once.
pub(super) fn resolve(words: &[String]) -> Result<Vec<NewChain>, Failure> {
    let mut found: Vec<NewChain> = Vec::new();
    let mut unclear: Vec<Unclear> = Vec::new();
    let words = words.iter().map(|word| word.trim());
    for word in words.filter(|word| !word.is_empty()) {
        match meant(word) {
            Ok(chain) if found.contains(&chain) => {}
            Ok(chain) => found.push(chain),
            Err(problem) => unclear.push(problem),
        }
    }
    match unclear.as_slice() {
        [] => Ok(found),
        [one] => Err(Failure::usage(&one.why).hint(&one.instead)),
        several => {
            let all = |of: fn(&Unclear) -> &str, between| {
                let each: Vec<&str> = several.iter().map(of).collect();
                each.join(between)
            };
            let why = all(|one| &one.why, "; ");
            Err(Failure::usage(why).hint(all(|one| &one.instead, "\n")))
        }
    }
}

fn meant(word: &str) -> Result<NewChain, Unclear> {
    match networks::find(word) {
        Meaning::One(network) => Ok(network.into()),
        Meaning::Several(several) => Err(Unclear {
            why: format!("`{word}` can mean {} networks", several.len()),
            instead: format!("name one by its chain id:\n\n{}", table(&several)),
        }),
        Meaning::None(near) => Err(Unclear {
            why: format!("no network is known as `{word}`"),
            instead: match near.as_slice() {
                [] => format!(
                    "`{}` lists all; any other chain is `--chain-id ID --prefix PREFIX`",
                    list()
                ),
                near => format!("did you mean {}? `{}` lists all", near.join(", "), list()),
            },
        }),
    }
}
