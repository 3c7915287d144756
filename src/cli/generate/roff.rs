//! The little of roff that manual pages need beside what clap writes.

/// A text as roff reads it back: no request, no escape, and hyphens that can be searched and pasted.
pub(super) fn text(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        if line.starts_with(['.', '\'']) {
            out.push_str("\\&");
        }
        out.push_str(&line.replace('\\', "\\e").replace('-', "\\-"));
    }
    out
}

/// A section.
pub(super) fn heading(title: &str) -> String {
    format!(".SH \"{title}\"\n")
}

/// A list: each a word in bold, and what it means.
pub(super) fn list<'a>(items: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    items
        .into_iter()
        .map(|(word, meaning)| format!(".TP\n\\fB{}\\fR\n{}\n", text(word), text(meaning)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_taken_for_roff() {
        assert_eq!(text(".x\n'y -c \\ z"), "\\&.x\n\\&'y \\-c \\e z");
        assert_eq!(
            list([("-c", "it"), (".d", "")]),
            ".TP\n\\fB\\-c\\fR\nit\n.TP\n\\fB\\&.d\\fR\n\n"
        );
    }
}
