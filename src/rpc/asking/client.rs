//! One request to a node's RPC, with a limit for every wait and every byte.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::https::{Client, Limits, Tls, TlsWords};
use crate::rpc::address::RpcAddress;
use crate::rpc::trouble::RpcTrouble;

/// How long each request may take.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    request: Duration::from_secs(5),
};
/// Where this host keeps the authorities of the web, on Debian, Fedora, SUSE and Alpine, and on a BSD.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// What the settings are called where TLS fails, with an authority of the operator's own.
const OWN_AUTHORITY: TlsWords = TlsWords {
    issuer: "the authority in `rpc_ca_file`; put there the one that issued it",
    name: "`rpc`",
    no_client: "tmkms has none for `rpc`, so name an address of the node that asks for none",
    client: None,
};
/// The same, with the authorities of this host.
const HOST_AUTHORITIES: TlsWords = TlsWords {
    issuer: "an authority that this host knows; name its authority in `rpc_ca_file` if it is one of your own",
    ..OWN_AUTHORITY
};

/// Asks one address.
pub(super) struct RpcClient {
    address: RpcAddress,
    ca_file: Option<PathBuf>,
    /// Made with the first question: the file of authorities may not be there yet.
    client: Option<Client>,
}

impl RpcClient {
    /// Nobody is asked yet.
    pub fn new(address: &RpcAddress, ca_file: Option<&Path>) -> Self {
        Self {
            address: address.clone(),
            ca_file: ca_file.map(Path::to_path_buf),
            client: None,
        }
    }

    /// Scheme, host and port.
    pub fn name(&self) -> String {
        self.address.to_string()
    }

    /// The body of an answer. A node gives its errors status 500, with JSON.
    ///
    /// # Errors
    /// [`RpcTrouble`]: no answer in time, a longer one, or a status that no node gives.
    pub fn get(&mut self, question: &str, longest: u64) -> Result<Vec<u8>, RpcTrouble> {
        let no_answer = |why: String| RpcTrouble::NoAnswer(why);
        let client = match &self.client {
            Some(client) => client,
            None => {
                let tls = self.tls().map_err(no_answer)?;
                let client = Client::new(self.address.base(), tls.as_ref(), LIMITS);
                self.client.insert(client)
            }
        };
        let answer = client.get_up_to(question, self.address.authorization(), longest);
        let answer = answer.map_err(|failure| no_answer(failure.to_string()))?;
        match answer.status {
            200 | 500 => Ok(answer.body),
            other => Err(RpcTrouble::Status(other)),
        }
    }

    fn tls(&self) -> Result<Option<Tls>, String> {
        if !self.address.is_secure() {
            return Ok(None);
        }
        let (file, words) = match &self.ca_file {
            Some(file) => (file.as_path(), OWN_AUTHORITY),
            None => (
                authorities(AUTHORITIES.map(Path::new)).ok_or_else(no_authorities)?,
                HOST_AUTHORITIES,
            ),
        };
        let tls = Tls::load(file, None, words);
        tls.map(Some).map_err(|error| error.to_string())
    }
}

/// The first of these files that is there.
fn authorities<const N: usize>(usual: [&Path; N]) -> Option<&Path> {
    usual.into_iter().find(|path| path.is_file())
}

fn no_authorities() -> String {
    format!(
        "this host has no certificates of authorities ({}): install the package `ca-certificates`, or name the authority of the \
         node in `rpc_ca_file`",
        AUTHORITIES.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_of_authorities_that_is_there_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        assert_eq!(authorities([&one, &two]), None);
        std::fs::copy("tests/tls/ca.crt", &two).unwrap();
        assert_eq!(authorities([&one, &two]), Some(two.as_path()));
        Tls::load(&two, None, HOST_AUTHORITIES).unwrap();
        let told = no_authorities();
        assert!(
            told.contains("`rpc_ca_file`") && told.contains("/etc/ssl/cert.pem"),
            "{told}"
        );
    }
}
