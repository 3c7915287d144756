//! What a file holds that was named as a private key and is none in the form that was expected: told by one look, in the
//! words of whoever wrote it. Nothing of a secret is kept or shown; what is kept are names of forms, types and lengths.

mod file_kind;
mod json;
mod look;
mod pem;
mod remedy;

pub use file_kind::{Armour, FileKind, KeyAlgorithm, OddBase64, PemLabel};
pub use look::{look, text};
pub use pem::private_key;
pub use remedy::{KeyFormatSetting, NamedBy, remedy};
