//! A look at the certificate that a service shows, for `check`.

use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::Tls;
use super::words::in_words;

/// The certificate of the service at `base`, as `https://host:2379`, in DER.
///
/// # Errors
/// No connection, or a certificate that is not believed.
pub fn certificate_of(base: &str, tls: &Tls, limit: Duration) -> Result<Vec<u8>, String> {
    let words = tls.words();
    let in_words = |error: &rustls::Error| in_words(error, &words);
    let place = base.strip_prefix("https://").unwrap_or(base);
    let (host, _) = place.rsplit_once(':').ok_or("no port in the address")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for root in tls.roots_der() {
        // One that cannot be parsed issued nothing.
        let _ = roots.add(root.to_vec().into());
    }
    let config = ClientConfig::builder_with_provider(tls.provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| in_words(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(|error| in_words(&error))?;
    let failed = |error: std::io::Error| {
        let inner = error.get_ref();
        let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        tls.map_or_else(|| error.to_string(), &in_words)
    };
    let address = place
        .to_socket_addrs()
        .map_err(failed)?
        .next()
        .ok_or("its name has no address")?;
    let mut socket = TcpStream::connect_timeout(&address, limit).map_err(failed)?;
    socket.set_read_timeout(Some(limit)).map_err(failed)?;
    socket.set_write_timeout(Some(limit)).map_err(failed)?;
    // The members may want a certificate of ours and end the connection; theirs has come by then.
    while connection.peer_certificates().is_none() {
        let ended = connection.complete_io(&mut socket);
        if let (Err(error), None) = (ended, connection.peer_certificates()) {
            return Err(failed(error));
        }
    }
    let shown = connection.peer_certificates().and_then(<[_]>::first);
    shown
        .map(|certificate| certificate.to_vec())
        .ok_or_else(|| "it showed no certificate".to_owned())
}
