//! Values with their places, as `toml::Spanned` has them, with both open to anyone who judges them.

use std::ops::Range;

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place, in bytes of the file.
    pub span: Range<usize>,
}
