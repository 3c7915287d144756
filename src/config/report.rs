//! Problems shown with file, line, caret, cause and remedy.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::settings::Problem;
use crate::text::count::count;
use crate::text::masked::{keys_in, stars, without};

use super::error::WrongConfig;

/// How many problems are shown. More than these have one cause, or are mended after the first ones.
const MOST: usize = 50;

/// All problems in the order of the file, up to [`MOST`] of them.
pub(super) fn errors(text: &str, name: &str, problems: &mut Vec<Problem>) -> WrongConfig {
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
    problems.dedup();
    let shown = problems.iter().take(MOST);
    let mut lines: Vec<String> = shown.map(|problem| line(text, name, problem)).collect();
    let text = SafeText::of(text);
    let mut shown: Vec<String> = problems
        .iter()
        .take(MOST)
        .map(|problem| text.render(Level::ERROR, name, problem))
        .collect();
    if let Some(more) = problems.len().checked_sub(MOST).filter(|more| *more > 0) {
        let more = format!(
            "not shown: {} of {name}; correct these first",
            count(more, "more problem")
        );
        lines.push(more.clone());
        shown.push(more);
    }
    WrongConfig {
        rendered: shown.join("\n\n"),
        lines,
    }
}

/// One warning.
pub(super) fn warning(text: &str, name: &str, problem: &Problem) -> String {
    SafeText::of(text).render(Level::WARNING, name, problem)
}

/// One problem as one line, for the log.
pub(super) fn line(text: &str, name: &str, problem: &Problem) -> String {
    let before = text.get(..problem.span.start).unwrap_or(text);
    let number = before.matches('\n').count() + 1;
    let Problem {
        title, label, help, ..
    } = problem;
    without(
        &format!("{name}, line {number}: {title} ({label}); {help}"),
        &keys_in(text),
    )
}

/// A configuration as it may be shown: without passwords, and without words that may be keys, neither in its lines nor in
/// what is said of them.
struct SafeText<'a> {
    text: String,
    keys: Vec<&'a str>,
}

impl<'a> SafeText<'a> {
    fn of(text: &'a str) -> Self {
        let keys = keys_in(text);
        Self {
            text: without(&without_passwords(text), &keys),
            keys,
        }
    }

    fn render(&self, level: Level<'_>, name: &str, problem: &Problem) -> String {
        let end = problem.span.end.min(self.text.len());
        let start = problem.span.start.min(end);
        // A section's span is its whole text; its first line is place enough.
        let line_end = self
            .text
            .get(start..end)
            .and_then(|part| part.find('\n'))
            .map(|at| start + at);
        let span = start..line_end.unwrap_or(end);
        let [title, label, help] =
            [&problem.title, &problem.label, &problem.help].map(|words| without(words, &self.keys));
        let snippet = Snippet::source(&self.text)
            .path(name)
            .annotation(AnnotationKind::Primary.span(span).label(&label));
        let report = &[level
            .primary_title(&title)
            .element(snippet)
            .element(Level::HELP.message(&help))];
        Renderer::plain().render(report)
    }
}

/// The text with what follows each `password =` and the like replaced, byte for byte, so that places stay right: a line
/// with a mistake is shown whole, and the mistake may stand beside a secret (W14).
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
    // A password in the address of a node's RPC.
    let schemes = ["http://", "https://"].into_iter();
    let mut users = schemes.flat_map(|scheme| lower.match_indices(scheme));
    users.find_map(|(at, scheme)| {
        let place = lower
            .get(at + scheme.len()..)?
            .split(['/', '"', '\''])
            .next()?;
        place.contains('@').then_some(at + scheme.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("rpc = [\"https://u:p@a\"]", "rpc = [\"https://*******"),
            ("addr = \"tcp://id@a:1\"", "addr = \"tcp://id@a:1\""),
            ("rpc = [\"http://a:1/@\"]", "rpc = [\"http://a:1/@\"]"),
            ("pin = 1\nspinning = 2", "pin =**\nspinning = 2"),
            (
                "mnemonic = \"\"\"\nab\ncd\"\"\"\nid = 1",
                "mnemonic =****\n**\n*****\nid = 1",
            ),
        ] {
            assert_eq!(without_passwords(text), shown);
            assert_eq!(without_passwords(text).len(), text.len());
            assert_eq!(holds_secret(text), text != shown, "{text}");
        }
        assert!(!holds_secret("  # password = \"x\"\n"));
    }
}
