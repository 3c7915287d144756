//! The style of the page: ours, and the only text in it that is not escaped.

/// The style sheet.
pub(super) const STYLE: &str = include_str!("page.css");
