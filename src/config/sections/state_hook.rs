//! `state_hook` of a [[chain]]: a program that says how high the chain is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::settings::{Base, Problem, Spanned, TableReader};

/// How long the program may run, where nothing is said.
const TIME: Duration = Duration::from_secs(5);

/// A program that says how high a chain is, run when the chain is armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateHook {
    /// The program, then its arguments. A path is absolute; a plain name is looked for in `PATH`.
    pub command: Vec<String>,
    /// How long it may run.
    pub time: Duration,
    /// The chain is not armed where the program fails.
    pub fail_closed: bool,
}

impl StateHook {
    /// The file that is run, where it is named by its path.
    pub fn file(&self) -> Option<PathBuf> {
        let program = self.command.first().map(Path::new)?;
        program.is_absolute().then(|| program.to_owned())
    }
}

pub(in crate::config) fn state_hook(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Option<StateHook> {
    let mut table = section.section("state_hook", problems)?;
    let span = table.span.clone();
    let command = table.texts("cmd", problems);
    let time = table.number("timeout_secs", 1..=60, problems);
    let fail_closed = table.boolean("fail_closed", problems);
    table.finish(problems);
    let mut words = command.unwrap_or_default().into_iter();
    let Some(program) = words.next().filter(|program| !program.value.is_empty()) else {
        problems.push(Problem::at(
            span,
            "`state_hook` has no program",
            "`cmd` is missing or empty",
            "write `cmd = [\"/usr/local/bin/chain-height\"]`, with its arguments as further texts, or remove the line",
        ));
        return None;
    };
    Some(StateHook {
        command: std::iter::once(resolved(program, base, problems)?)
            .chain(words.map(|word| word.value))
            .collect(),
        time: time.map_or(TIME, |found| Duration::from_secs(found.value)),
        fail_closed: fail_closed.is_some_and(|found| found.value),
    })
}

/// A path is one from the configuration's folder; a name is left to `PATH`.
fn resolved(program: Spanned<String>, base: &Base, problems: &mut Vec<Problem>) -> Option<String> {
    if !program.value.contains('/') {
        return Some(program.value);
    }
    let path = base.path(&program, problems)?;
    Some(
        std::path::absolute(&path)
            .unwrap_or(path)
            .display()
            .to_string(),
    )
}
