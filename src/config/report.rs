//! Problems shown with file, line, caret, cause and remedy.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::written::Problem;

/// All problems, in the order of the file.
pub(super) fn errors(text: &str, name: &str, problems: &mut [Problem]) -> String {
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
    let shown: Vec<String> = problems
        .iter()
        .map(|problem| render(Level::ERROR, text, name, problem))
        .collect();
    shown.join("\n\n")
}

/// One warning.
pub(super) fn warning(text: &str, name: &str, problem: &Problem) -> String {
    render(Level::WARNING, text, name, problem)
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
