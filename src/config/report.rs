//! Problems shown with file, line, caret, cause and remedy.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::settings::Problem;

/// How many problems are shown. More than these have one cause, or are mended after the first ones.
const MOST: usize = 50;

/// All problems in the order of the file, up to [`MOST`] of them.
pub(super) fn errors(text: &str, name: &str, problems: &mut Vec<Problem>) -> String {
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
    problems.dedup();
    let text = without_secrets(text);
    let mut shown: Vec<String> = problems
        .iter()
        .take(MOST)
        .map(|problem| render(Level::ERROR, &text, name, problem))
        .collect();
    if let Some(more) = problems.len().checked_sub(MOST).filter(|more| *more > 0) {
        shown.push(format!(
            "{more} more problems of {name} are not shown; correct these first"
        ));
    }
    shown.join("\n\n")
}

/// One warning.
pub(super) fn warning(text: &str, name: &str, problem: &Problem) -> String {
    render(Level::WARNING, &without_secrets(text), name, problem)
}

/// One warning as one line, for the log.
pub(super) fn line(text: &str, name: &str, problem: &Problem) -> String {
    let before = text.get(..problem.span.start).unwrap_or(text);
    let number = before.matches('\n').count() + 1;
    let Problem {
        title, label, help, ..
    } = problem;
    format!("{name}, line {number}: {title} ({label}); {help}")
}

fn render(level: Level<'_>, text: &str, name: &str, problem: &Problem) -> String {
    let end = problem.span.end.min(text.len());
    let start = problem.span.start.min(end);
    // A section's span is its whole text; its first line is place enough.
    let line_end = text
        .get(start..end)
        .and_then(|part| part.find('\n'))
        .map(|at| start + at);
    let span = start..line_end.unwrap_or(end);
    let snippet = Snippet::source(text).path(name).annotation(
        AnnotationKind::Primary
            .span(span)
            .label(problem.label.as_str()),
    );
    let report = &[level
        .primary_title(problem.title.as_str())
        .element(snippet)
        .element(Level::HELP.message(problem.help.as_str()))];
    Renderer::plain().render(report)
}

/// The text with what follows each `password =` and the like, and what looks like a key, replaced byte for byte, so that
/// places stay right: a line with a mistake is shown whole, and the mistake may stand beside a secret (W14).
fn without_secrets(text: &str) -> String {
    without_keys(&without_passwords(text))
}

/// Without words that may be private keys, which belong into files of their own. A peer id and an address have 40 digits.
fn without_keys(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.contains("public_key") {
            true => shown.push_str(line),
            false => without_key(line, &mut shown),
        }
    }
    shown
}

fn without_key(line: &str, shown: &mut String) {
    let of_word =
        |char: char| char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '_' | '-');
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let is_word = of_word(first);
        let end = rest.find(|char| of_word(char) != is_word);
        let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
        match is_word && may_be_key(part) {
            true => shown.push_str(&stars(part)),
            false => shown.push_str(part),
        }
        rest = after;
    }
}

/// Whether a word may be 32 bytes or more in hexadecimal digits, or 30 in base64.
fn may_be_key(word: &str) -> bool {
    let is_hex = word.len() >= 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Of 40 random digits of base64 some 16 are capitals, and hardly any path has six.
    let capitals = word.bytes().filter(u8::is_ascii_uppercase).count();
    let is_base64 = word.len() >= 40 && capitals >= 6;
    is_hex || is_base64
}

fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut within = None;
    for line in text.split_inclusive('\n') {
        // A text of several lines ends with the quotes that it began with.
        if let Some(quotes) = within {
            shown.push_str(&stars(line));
            if line.contains(quotes) {
                within = None;
            }
            continue;
        }
        let Some(start) = secret_in(line) else {
            shown.push_str(line);
            continue;
        };
        let (before, secret) = line.split_at(start);
        shown.push_str(before);
        shown.push_str(&stars(secret));
        within = ["\"\"\"", "\'\'\'"]
            .into_iter()
            .find(|quotes| secret.matches(quotes).count() == 1);
    }
    shown
}

/// Whether a secret stands in the text itself, and not in a file that it names.
pub(super) fn holds_secret(text: &str) -> bool {
    let lines = text.lines();
    lines
        .filter(|line| !line.trim_start().starts_with('#'))
        .any(|line| secret_in(line).is_some())
}

/// Where in a line the value of a secret begins.
fn secret_in(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    let mut from = 0;
    for (at, mark) in lower.match_indices(['=', ':']) {
        let key = lower.get(from..at).unwrap_or_default();
        let key = key.trim_end().trim_end_matches(['"', '\'']);
        let secret = ["passw", "pasw", "passphrase", "mnemonic", "pin"]
            .iter()
            .any(|word| match *word {
                "pin" => key.ends_with("pin"),
                word => key.contains(word),
            });
        if secret && !key.ends_with("_file") {
            return Some(at + mark.len());
        }
        from = at + mark.len();
    }
    None
}

fn stars(text: &str) -> String {
    let hide = |char: char| match char {
        '\n' | '\r' => char.to_string(),
        _ => "*".repeat(char.len_utf8()),
    };
    text.chars().map(hide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_key_is_hidden_wherever_it_stands() {
        for (text, shown) in [
            (
                "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
                "*******************************************=",
            ),
            (
                "path = \"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA\"\nx",
                "path = \"*******************************************\"\nx",
            ),
            (
                "# 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
                "# ****************************************************************",
            ),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }

    #[test]
    fn secrets_are_hidden_and_places_stay() {
        for (text, shown) in [
            ("password = \"é1\"\n", "password =******\n"),
            ("password_file = \"a\"\n", "password_file = \"a\"\n"),
            (
                "auth = { key = 1, Password=\"x\" }",
                "auth = { key = 1, Password=*****",
            ),
            ("pasword: x", "pasword:**"),
            ("pin = 1\nspinning = 2", "pin =**\nspinning = 2"),
            (
                "mnemonic = \"\"\"\nab\ncd\"\"\"\nid = 1",
                "mnemonic =****\n**\n*****\nid = 1",
            ),
        ] {
            assert_eq!(without_secrets(text), shown);
            assert_eq!(without_secrets(text).len(), text.len());
            assert_eq!(holds_secret(text), text != shown, "{text}");
        }
        // Peer ids and paths stay.
        let addr = "addr = \"tcp://f8a65d35c3a79ccc7062ea0838c0262c01e5230d@10.0.0.1:26659\"";
        assert_eq!(without_secrets(addr), addr);
        let path = "path = \"/home/Validator1/kms/secrets/cosmoshub-4-consensus.key\"";
        assert_eq!(without_secrets(path), path);
        assert!(!holds_secret("  # password = \"x\"\n"));
    }
}
