//! What is wrong in a configuration, or worth a warning.

use std::ops::Range;

/// Something wrong, or worth a warning, at a place of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, in bytes of the file.
    pub span: Range<usize>,
    /// What, in one line.
    pub title: String,
    /// What the place is told.
    pub label: String,
    /// What to do.
    pub help: String,
}

impl Problem {
    /// A problem at a place.
    pub fn at(
        span: Range<usize>,
        title: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            span,
            title: title.into(),
            label: label.into(),
            help: help.into(),
        }
    }
}
