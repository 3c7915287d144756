//! The run book of docs/operations.md, so that the address in an alert opens, at night and without a network: each alert's
//! section under its name in small letters.

use maud::{DOCTYPE, PreEscaped, html};

/// The document that is searched for it.
const OPERATIONS: &str = include_str!("../../../docs/operations.md");

const STYLE: &str = ":root { color-scheme: light dark } body { margin: 0 auto; padding: 1rem; max-width: 60rem; \
    font: 16px/1.45 system-ui, sans-serif } p { white-space: pre-line; overflow-wrap: anywhere } :target { outline: 2px solid }";

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
                        @for paragraph in text.split("\n\n") { p { (paragraph.trim()) } }
                    }
                }
            }
        }
    }
    .into_string()
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
    fn only_the_chapter_of_alerts_is_taken_and_every_text_is_escaped() {
        let text = "# Operations\n\n## Log lines\n\n### No\n\nx\n\n## Alerts\n\nWhat\n\n### One\n\na < b\n\n### Two\n\nc\n\n## Then\n\n### No";
        let found: Vec<_> = sections(text)
            .map(|(name, text)| (name, text.trim()))
            .collect();
        assert_eq!(found, [("One", "a < b"), ("Two", "c")]);
        assert!(!render().contains("<instance"));
    }
}
