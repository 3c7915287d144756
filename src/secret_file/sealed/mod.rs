//! Private keys in PEM, as OpenSSL writes them: plain, or encrypted with a passphrase.

pub mod block;
pub mod pbes2;
