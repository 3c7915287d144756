//! Bytes as upper-case hexadecimal digits.

use std::fmt;

/// Shows bytes as upper-case hexadecimal digits.
pub(super) struct Digits<'a>(pub(super) &'a [u8]);

impl fmt::Display for Digits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}
