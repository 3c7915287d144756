//! Where a node listens: `tcp://[peer_id@]host:port` or `unix:///path`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::identity::PeerId;

/// The longest path of a Unix socket in bytes: `sun_path` of Linux with its closing zero is 108, of others 104.
const LONGEST_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The address of a node's `priv_validator_laddr`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// SecretConnection over TCP.
    Tcp {
        /// The key that the listener must have. Stock nodes make a fresh one at every start.
        peer_id: Option<PeerId>,
        /// A name or an IP address, an IPv6 one without its brackets.
        host: String,
        /// The port, at least 1.
        port: u16,
    },
    /// A Unix socket, protected by file permissions alone.
    Unix(PathBuf),
}

/// Why a text is not an address. Each says what an address looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no scheme, or none that nodes know.
    #[error(
        "an address begins with `tcp://` or `unix://`, as in tcp://127.0.0.1:26659 or unix:///run/node/privval.sock"
    )]
    Scheme,
    /// A noise link.
    #[error("`noise://` links are not supported by this version; use tcp:// or unix://")]
    Noise,
    /// The path of a Unix socket is relative.
    #[error(
        "`{0}` names a relative path; a Unix socket's address has three slashes, as in unix:///run/node/privval.sock"
    )]
    RelativePath(String),
    /// The path of a Unix socket is longer than the system's addresses are.
    #[error(
        "the path of this Unix socket has {0} bytes, and a socket's address holds {LONGEST_PATH}; choose a shorter one"
    )]
    LongPath(usize),
    /// The part before the `@` is not a peer id.
    #[error("`{0}` is not a peer id: 40 hexadecimal digits are expected before the `@`")]
    PeerId(String),
    /// The port is missing, no number, or 0.
    #[error("the port is missing or is not a number from 1 to 65535, as in tcp://127.0.0.1:26659")]
    Port,
    /// The host is missing or cannot be one.
    #[error(
        "the host is missing or malformed; an IPv6 address stands in brackets, as in tcp://[::1]:26659"
    )]
    Host,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix://") {
            return match path.starts_with('/') && path.len() > 1 {
                true if path.len() > LONGEST_PATH => Err(AddressError::LongPath(path.len())),
                true => Ok(Self::Unix(PathBuf::from(path))),
                false => Err(AddressError::RelativePath(text.to_owned())),
            };
        }
        if text.starts_with("noise://") {
            return Err(AddressError::Noise);
        }
        let rest = text.strip_prefix("tcp://").ok_or(AddressError::Scheme)?;
        let (peer_id, rest) = match rest.rsplit_once('@') {
            Some((id, rest)) => (
                Some(
                    id.parse()
                        .map_err(|_| AddressError::PeerId(id.to_owned()))?,
                ),
                rest,
            ),
            None => (None, rest),
        };
        let (host, port) = rest.rsplit_once(':').ok_or(AddressError::Port)?;
        let port = port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or(AddressError::Port)?;
        Ok(Self::Tcp {
            peer_id,
            host: read_host(host)?,
            port,
        })
    }
}

fn read_host(host: &str) -> Result<String, AddressError> {
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        return match inner.parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok(inner.to_owned()),
            Err(_) => Err(AddressError::Host),
        };
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match !host.is_empty() && host.chars().all(plain) {
        true => Ok(host.to_owned()),
        false => Err(AddressError::Host),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp {
                peer_id,
                host,
                port,
            } => {
                f.write_str("tcp://")?;
                if let Some(id) = peer_id {
                    write!(f, "{id}@")?;
                }
                match host.contains(':') {
                    true => write!(f, "[{host}]:{port}"),
                    false => write!(f, "{host}:{port}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_were() {
        for text in [
            "tcp://127.0.0.1:26659",
            "tcp://[::1]:26659",
            "tcp://validator-1.example.com:26658",
            "tcp://f88883b673fc69d7869cab098de3bafc2ff76eb8@node_1:1",
            "unix:///run/node/privval.sock",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        let upper = "tcp://F88883B673FC69D7869CAB098DE3BAFC2FF76EB8@host:1".parse::<Address>();
        assert!(upper.is_ok());
    }

    #[test]
    fn what_is_no_address_is_told_apart() {
        let error = |text: &str| text.parse::<Address>().unwrap_err();
        assert_eq!(error("127.0.0.1:26659"), AddressError::Scheme);
        assert_eq!(error("http://127.0.0.1:26659"), AddressError::Scheme);
        assert_eq!(error("noise://id@127.0.0.1:26659"), AddressError::Noise);
        assert!(matches!(
            error("unix://run/x"),
            AddressError::RelativePath(_)
        ));
        let long = format!("unix:///{}", "x".repeat(107));
        assert_eq!(error(&long), AddressError::LongPath(108));
        assert!(
            long.get(..long.len() - 5)
                .unwrap()
                .parse::<Address>()
                .is_ok()
        );
        assert!(matches!(error("unix://"), AddressError::RelativePath(_)));
        assert!(matches!(error("tcp://abc@host:1"), AddressError::PeerId(_)));
        for text in [
            "tcp://host",
            "tcp://host:",
            "tcp://host:0",
            "tcp://host:65536",
            "tcp://host:x",
        ] {
            assert_eq!(error(text), AddressError::Port, "{text}");
        }
        for text in [
            "tcp://:1",
            "tcp://::1:1",
            "tcp://[::1:1",
            "tcp://a b:1",
            "tcp://a/b:1",
        ] {
            assert_eq!(error(text), AddressError::Host, "{text}");
        }
    }
}
