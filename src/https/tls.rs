//! Whom we believe, and who we are: the operator's certificate authority and an optional client certificate.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, parse_pem};

use crate::secret_file::{self, SecretFileError, SecretSource};

use super::words::{TlsWords, in_words};

/// The longest file of certificates that is read, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// Certificates for connections to one service. Clones share them.
#[derive(Clone)]
pub struct Tls {
    roots: Arc<Vec<Certificate<'static>>>,
    client: Option<ClientCert>,
    provider: Arc<CryptoProvider>,
    words: TlsWords,
}

/// Why certificates cannot be used. Each text names the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of certificates cannot be read.
    #[error("{path}: {source}; correct its path")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No certificate in the file.
    #[error("{0} holds no certificate; it must be PEM, with lines `-----BEGIN CERTIFICATE-----`")]
    NoCertificate(String),
    /// No private key in the file.
    #[error(
        "{0} holds no private key; it must be PEM, with a line `-----BEGIN PRIVATE KEY-----` or the like"
    )]
    NoKey(String),
    /// The private key's file.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// The certificate and its key do not belong together, or are of a kind that TLS does not know.
    #[error("the client certificate {certificate} cannot be used with the key {key}: {why}")]
    Unusable {
        /// The certificate's file.
        certificate: String,
        /// The key's file.
        key: String,
        /// What is wrong.
        why: String,
    },
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("roots", &self.roots.len())
            .field("client", &self.client.is_some())
            .finish()
    }
}

impl Tls {
    /// Reads the authority's file and, where there is one, the client's certificate with its key. `words` are those of the
    /// settings that named them.
    ///
    /// # Errors
    /// A file that cannot be read or used.
    pub fn load(
        ca: &Path,
        client: Option<(&Path, &SecretSource)>,
        words: TlsWords,
    ) -> Result<Self, TlsError> {
        let roots = certificates(ca)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = client
            .map(|(certificate, key)| client_certificate(certificate, key, &provider, &words))
            .transpose()?;
        Ok(Self {
            roots: Arc::new(roots),
            client,
            provider,
            words,
        })
    }

    pub(super) fn roots(&self) -> Arc<Vec<Certificate<'static>>> {
        self.roots.clone()
    }

    pub(super) fn client(&self) -> Option<ClientCert> {
        self.client.clone()
    }

    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        self.provider.clone()
    }

    pub(super) fn words(&self) -> TlsWords {
        self.words
    }

    /// The client's certificate in DER, where there is one.
    pub fn client_der(&self) -> Option<Vec<u8>> {
        let first = self.client.as_ref()?.certs().first()?;
        Some(first.der().to_vec())
    }

    /// The authority's certificates in DER.
    pub fn roots_der(&self) -> impl Iterator<Item = &[u8]> {
        self.roots.iter().map(Certificate::der)
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, TlsError> {
    use std::io::Read;
    let name = || path.display().to_string();
    let unreadable = |source| TlsError::Unreadable {
        path: name(),
        source,
    };
    let mut pem = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut pem))
        .map_err(unreadable)?;
    let found: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    match found.is_empty() {
        true => Err(TlsError::NoCertificate(name())),
        false => Ok(found),
    }
}

fn client_certificate(
    path: &Path,
    key: &SecretSource,
    provider: &CryptoProvider,
    words: &TlsWords,
) -> Result<ClientCert, TlsError> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain = certificates(path)?;
    let secret = secret_file::read(key)?;
    let parsed =
        PrivateKey::from_pem(&secret.bytes).map_err(|_| TlsError::NoKey(key.to_string()))?;
    // That they belong together would otherwise show with the first vote.
    let unusable = |why: rustls::Error| TlsError::Unusable {
        certificate: path.display().to_string(),
        key: key.to_string(),
        why: in_words(&why, words),
    };
    let der = PrivateKeyDer::from_pem_slice(&secret.bytes)
        .map_err(|_| TlsError::NoKey(key.to_string()))?;
    let plain = chain
        .iter()
        .map(|certificate| CertificateDer::from(certificate.der().to_vec()))
        .collect();
    let pair = rustls::sign::CertifiedKey::from_der(plain, der, provider).map_err(unusable)?;
    pair.keys_match().map_err(unusable)?;
    Ok(ClientCert::new_with_certs(&chain, parsed))
}
