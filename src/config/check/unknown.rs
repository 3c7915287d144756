//! Chains that a section names and that no [[chain]] is.

use crate::settings::{Problem, Spanned, nearest};

/// The problem, with the nearest known id.
pub(super) fn unknown_chain(id: &Spanned<String>, known: &[&str]) -> Problem {
    let help = match nearest(&id.value, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "add a [[chain]] with `id = \"{}\"`, or correct the name",
            id.value
        ),
    };
    Problem::at(
        id.span.clone(),
        format!("there is no [[chain]] {}", id.value),
        "no such chain here",
        help,
    )
}
