//! How etcd is reached.

use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::https::{Tls, TlsError, TlsWords};
use crate::secret_file::{self, SecretFileError, SecretSource};

use super::client::members::Credentials;

/// What its settings are called where TLS fails.
const WORDS: TlsWords = TlsWords {
    issuer: "the authority in `ca_file`",
    name: "`endpoints`",
    no_client: "set `cert_file` and `key_file`",
    client: Some("in `cert_file`"),
};

/// `[etcd]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdSettings {
    /// `https://host:port`, without a slash at the end; at least one.
    pub endpoints: Vec<String>,
    /// Who issued the members' certificates; needed for `https://`.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate and its key.
    pub client: Option<(PathBuf, SecretSource)>,
    /// The user and the place of its password.
    pub user: Option<(String, SecretSource)>,
    /// What all keys begin with, as `/tmkms/v1`.
    pub prefix: String,
}

/// Why etcd cannot be reached with these settings. Each text names the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum EtcdSettingsError {
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The password.
    #[error("the password of [etcd]: {0}")]
    Password(#[from] SecretFileError),
    /// The password is not text.
    #[error("the password of [etcd] in {0} is not text")]
    NotText(SecretSource),
    /// No thread can be had.
    #[error("a thread could not be started: {0}; look at this host's limits of threads and memory")]
    Thread(#[from] std::io::Error),
}

impl EtcdSettings {
    /// Reads the certificates.
    ///
    /// # Errors
    /// They cannot be read or used.
    pub fn tls(&self) -> Result<Option<Tls>, EtcdSettingsError> {
        let Some(ca) = &self.ca_file else {
            return Ok(None);
        };
        let client = self
            .client
            .as_ref()
            .map(|(certificate, key)| (certificate.as_path(), key));
        Ok(Some(Tls::load(ca, client, WORDS)?))
    }

    /// Reads the password.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn credentials(&self) -> Result<Option<Arc<Credentials>>, EtcdSettingsError> {
        let Some((username, source)) = &self.user else {
            return Ok(None);
        };
        let secret = secret_file::read(source)?;
        let password = std::str::from_utf8(&secret.bytes)
            .map_err(|_| EtcdSettingsError::NotText(source.clone()))?;
        Ok(Some(Arc::new(Credentials {
            username: username.clone(),
            password: Zeroizing::new(password.trim_end_matches(['\n', '\r']).to_owned()),
        })))
    }
}
