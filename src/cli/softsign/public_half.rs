//! What is told of a key that was made, brought or put into another file.

use crate::cli::report::{Failure, output};
use crate::consensus::{PublicKey, key_text};

/// Writes the public half of a key to standard output.
pub(super) fn show(public: &PublicKey) -> Result<(), Failure> {
    output(&format!(
        "public key: {}\naddress: {}\n",
        key_text::to_json(public),
        public.address()
    ))
}
