//! How much of a text is kept, where a device, a connector or a file may have had a word in it.

use crate::text::excerpt::brief;

/// The longest text about a chain, a device or a reload, in bytes.
const LONGEST_TEXT: usize = 2048;

/// What of a text is kept.
pub(super) fn kept(text: &str) -> String {
    brief(text, LONGEST_TEXT).into_owned()
}
