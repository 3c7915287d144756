//! Names of environment variables and credentials.

/// Whether a text can name a variable or a credential, and nothing that lies elsewhere.
pub fn is_plain(name: &str) -> bool {
    !name.trim().is_empty() && !name.contains(['/', '=', '\0']) && !name.starts_with('.')
}
