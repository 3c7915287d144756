//! A word that is a command, but not where it was typed.

use clap::Command;
use clap::error::{ContextKind, ContextValue};

use crate::cli::report::Failure;
use crate::remedy::CommandLine;

/// What other signers, or people who have just come, call `start`.
const STARTS: &[&str] = &["run", "serve", "sign", "validate"];

/// What to say of a word that is no command here, and is the last word of others (`keygen` of `softsign keygen`), or another
/// word for `start`.
pub fn failure(error: &clap::Error, definition: &Command) -> Option<Failure> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let mut found = match STARTS.contains(&word.as_str()) {
        true => vec![vec!["start"]],
        false => Vec::new(),
    };
    ending_in(word, definition, &mut Vec::new(), &mut found);
    if found.is_empty() {
        return None;
    }
    let commands: Vec<String> = found
        .iter()
        .map(|words| format!("`{}`", CommandLine::without_config(words)))
        .collect();
    Some(
        Failure::usage(format!("there is no command `{word}` here"))
            .hint(format!("did you mean {}?", commands.join(" or "))),
    )
}

/// All commands whose last word is `word`, each with all of its words.
fn ending_in<'a>(
    word: &str,
    command: &'a Command,
    above: &mut Vec<&'a str>,
    found: &mut Vec<Vec<&'a str>>,
) {
    let shown = |sub: &&Command| !sub.is_hide_set() && sub.get_name() != "help";
    for sub in command.get_subcommands().filter(shown) {
        above.push(sub.get_name());
        if sub.get_name() == word || sub.get_all_aliases().any(|alias| alias == word) {
            found.push(above.clone());
        }
        ending_in(word, sub, above, found);
        above.pop();
    }
}
