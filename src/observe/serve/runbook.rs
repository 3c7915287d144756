//! The run book of docs/operations.md, so that the address in an alert opens, at night and without a network: each alert's
//! section under its name in small letters.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The document that is searched for it.
const OPERATIONS: &str = include_str!("../../../docs/operations.md");

const STYLE: &str = ":root { color-scheme: light dark } body { margin: 0 auto; padding: 1rem; max-width: 60rem; \
    font: 16px/1.45 system-ui, sans-serif } p { overflow-wrap: anywhere } :target { outline: 2px solid }";

/// The page, which is the same for as long as the program runs.
pub fn render() -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "What to do at each alert - tmkms" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "What to do at each alert" }
                @for (alert, text) in sections(OPERATIONS) {
                    section id=(alert.to_ascii_lowercase()) {
                        h2 { (alert) }
                        @for paragraph in text.split("\n\n") { p { (marked_up(paragraph.trim())) } }
                    }
                }
            }
        }
    }
    .into_string()
}

/// A part of a paragraph. Others than these are not written there.
#[derive(Debug, PartialEq, Eq)]
enum Inline<'a> {
    Text(&'a str),
    Code(&'a str),
    Strong(&'a str),
    /// The words of a link. What it leads to is not served here.
    Link(&'a str),
}

fn marked_up(paragraph: &str) -> Markup {
    html! {
        @for inline in inlines(paragraph) {
            @match inline {
                Inline::Text(text) | Inline::Link(text) => (text),
                Inline::Code(text) => code { (text) },
                Inline::Strong(text) => strong { (text) },
            }
        }
    }
}

/// The parts of a paragraph of Markdown. A mark that is not closed is text.
fn inlines(paragraph: &str) -> Vec<Inline<'_>> {
    let mut parts = Vec::new();
    let mut rest = paragraph;
    // Where the next mark may stand.
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|text| text.find(['`', '*', '['])) {
        let (before, mark) = rest.split_at(from + at);
        match marked(mark) {
            Some((inline, after)) => {
                parts.extend([Inline::Text(before), inline]);
                (rest, from) = (after, 0);
            }
            None => from += at + 1,
        }
    }
    parts.push(Inline::Text(rest));
    parts.retain(|part| *part != Inline::Text(""));
    parts
}

/// What the text begins with, and what comes after it.
fn marked(text: &str) -> Option<(Inline<'_>, &str)> {
    if let Some(code) = text.strip_prefix('`') {
        let (code, after) = code.split_once('`')?;
        return Some((Inline::Code(code), after));
    }
    if let Some(strong) = text.strip_prefix("**") {
        let (strong, after) = strong.split_once("**")?;
        return Some((Inline::Strong(strong), after));
    }
    let (words, target) = text.strip_prefix('[')?.split_once("](")?;
    let (_, after) = target.split_once(')')?;
    Some((Inline::Link(words), after))
}

/// The sections below `## Alerts`, by their headings.
fn sections(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let chapters = text.split("\n## ");
    let alerts = chapters.filter_map(|chapter| chapter.strip_prefix("Alerts\n"));
    let sections = alerts.flat_map(|chapter| chapter.split("\n### ").skip(1));
    sections.filter_map(|section| section.split_once('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_has_its_section_under_the_name_in_its_address() {
        let page = render();
        let rules = std::fs::read_to_string("deploy/prometheus/tmkms.rules.yml").unwrap();
        let mut alerts = 0;
        for line in rules.lines() {
            let Some((_, name)) = line.split_once("- alert: ") else {
                continue;
            };
            alerts += 1;
            let small = name.to_lowercase();
            let section = format!("<section id=\"{small}\"><h2>{name}</h2><p>");
            assert!(page.contains(&section), "{section}");
        }
        assert!(alerts > 20, "{alerts}");
        assert_eq!(page.matches("<section ").count(), alerts);
    }

    #[test]
    fn no_mark_of_the_document_is_left_on_the_page() {
        use Inline::{Code, Link, Strong, Text};
        for (text, parts) in [
            ("a `b < c` d", vec![Text("a "), Code("b < c"), Text(" d")]),
            ("**not** here", vec![Strong("not"), Text(" here")]),
            ("see [a](b.md#c).", vec![Text("see "), Link("a"), Text(".")]),
            ("`*`, `[x](y)`", vec![Code("*"), Text(", "), Code("[x](y)")]),
            ("2 * 3 `a", vec![Text("2 * 3 `a")]),
            ("[a] ü `b`", vec![Text("[a] ü "), Code("b")]),
            ("", vec![]),
        ] {
            assert_eq!(inlines(text), parts, "{text}");
        }
        let page = render();
        for mark in [
            "`", "**", "](", "\n- ", "\n* ", "\n1. ", "\n|", "<p>- ", "<p>|", "<p>#",
        ] {
            assert!(!page.contains(mark), "{mark:?}");
        }
        assert!(page.contains("<code>systemctl status tmkms</code>"));
        assert!(page.contains("Do <strong>not</strong> start a second signer"));
    }

    #[test]
    fn only_the_chapter_of_alerts_is_taken_and_every_text_is_escaped() {
        let text = "# Operations\n\n## Log lines\n\n### No\n\nx\n\n## Alerts\n\nWhat\n\n### One\n\na < b\n\n### Two\n\nc\n\n## Then\n\n### No";
        let found: Vec<_> = sections(text)
            .map(|(name, text)| (name, text.trim()))
            .collect();
        assert_eq!(found, [("One", "a < b"), ("Two", "c")]);
        assert!(!render().contains("<instance"));
    }
}
