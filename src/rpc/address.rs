//! Where a chain's RPC is asked. An address may hold a password or a token, which is never shown.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use base64ct::{Base64, Encoding};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

/// Where a chain's RPC is asked, as `rpc` of its section says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RpcSettings {
    /// The nodes' RPC addresses; none where nobody is asked.
    pub endpoints: Vec<RpcAddress>,
    /// The authority that is believed for https; without it those of this host.
    pub ca_file: Option<PathBuf>,
}

/// One RPC address.
#[derive(Clone, PartialEq, Eq)]
pub struct RpcAddress {
    shown: String,
    base: Zeroizing<String>,
    authorization: Option<Zeroizing<String>>,
    secure: bool,
    near: bool,
}

/// Why a text is not such an address. The text itself is never shown: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RpcAddressError {
    /// Another scheme, or none.
    #[error(
        "write http:// or https:// before it, as `http://127.0.0.1:26657`: the node's `laddr` of [rpc], not that of its signer"
    )]
    Scheme,
    /// The name or number of the host.
    #[error("write a host name or an address after the scheme, as `http://127.0.0.1:26657`")]
    Host,
    /// The port.
    #[error("write a port from 1 to 65535, as `http://127.0.0.1:26657`")]
    Port,
    /// What comes after.
    #[error("write a path of plain characters, without `?` and `#`")]
    Path,
    /// The user or the password.
    #[error(
        "write `https://USER:PASSWORD@HOST`, with `%40` for an @ and `%3A` for a colon in them"
    )]
    User,
}

impl RpcAddress {
    /// Reads `http[s]://[user:password@]host[:port][/path]`.
    ///
    /// # Errors
    /// [`RpcAddressError`].
    pub fn parse(text: &str) -> Result<Self, RpcAddressError> {
        let (scheme, rest) = text
            .trim()
            .split_once("://")
            .ok_or(RpcAddressError::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(RpcAddressError::Scheme),
        };
        let (place, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let path = path.trim_end_matches('/');
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte);
        if !path.bytes().all(plain) {
            return Err(RpcAddressError::Path);
        }
        let (user, place) = match place.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, place),
        };
        let authorization = user.map(authorization).transpose()?;
        let (host, port) = split_port(place)?;
        let name = host.to_ascii_lowercase();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let scheme = if secure { "https" } else { "http" };
        let shown = match port {
            Some(port) => format!("{scheme}://{name}:{port}"),
            None => format!("{scheme}://{name}"),
        };
        Ok(Self {
            near: bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
            base: Zeroizing::new(format!("{shown}{path}")),
            shown,
            authorization,
            secure,
        })
    }

    /// With all that requests need; not to be shown: its path may be a token.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The value of the header `Authorization`, where the address has a user.
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_ref().map(|text| text.as_str())
    }

    /// Whether it is https.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether its password goes over a network as everybody on the way can read it.
    pub fn is_exposed(&self) -> bool {
        !self.secure && !self.near && self.authorization.is_some()
    }
}

/// Scheme, host and port: never user, password and path.
impl fmt::Display for RpcAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RpcAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RpcAddress({})", self.shown)
    }
}

fn authorization(user: &str) -> Result<Zeroizing<String>, RpcAddressError> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(|text| Zeroizing::new(text.into_owned()))
            .map_err(|_| RpcAddressError::User)
    };
    let (name, password) = (decoded(name)?, decoded(password)?);
    let control = |text: &str| text.chars().any(char::is_control);
    if name.is_empty() || name.contains(':') || control(&name) || control(&password) {
        return Err(RpcAddressError::User);
    }
    let both = Zeroizing::new(format!("{}:{}", *name, *password));
    let encoded = Zeroizing::new(Base64::encode_string(both.as_bytes()));
    Ok(Zeroizing::new(format!("Basic {}", *encoded)))
}

fn split_port(place: &str) -> Result<(&str, Option<u16>), RpcAddressError> {
    let (host, port) = match place.rsplit_once(':') {
        // The last colon of an IPv6 address in brackets is not before a port.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (place, None),
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let good = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            !host.is_empty() && host.bytes().all(plain)
        }
    };
    if !good {
        return Err(RpcAddressError::Host);
    }
    let port = port.map(|port| port.parse().ok().filter(|port| *port != 0));
    match port {
        Some(None) => Err(RpcAddressError::Port),
        Some(port) => Ok((host, port)),
        None => Ok((host, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_operators_write_them() {
        let read = |text: &str| RpcAddress::parse(text).map(|found| found.base().to_owned());
        for (text, meant) in [
            ("http://127.0.0.1:26657", "http://127.0.0.1:26657"),
            ("HTTPS://Rpc.Example.com/", "https://rpc.example.com"),
            ("http://[::1]:26657/a/B/", "http://[::1]:26657/a/B"),
            ("https://[::1]", "https://[::1]"),
            ("https://u:p@h:1/x", "https://h:1/x"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(meant), "{text}");
        }
        for (text, why) in [
            ("127.0.0.1:26657", RpcAddressError::Scheme),
            ("tcp://127.0.0.1:26657", RpcAddressError::Scheme),
            ("", RpcAddressError::Scheme),
            ("http://", RpcAddressError::Host),
            ("http://:26657", RpcAddressError::Host),
            ("http://::1:26657", RpcAddressError::Host),
            ("http://a b", RpcAddressError::Host),
            ("http://a\r\nX: y", RpcAddressError::Host),
            ("http://a:0", RpcAddressError::Port),
            ("http://a:65536", RpcAddressError::Port),
            ("http://a:", RpcAddressError::Port),
            ("http://a/?x=1", RpcAddressError::Path),
            ("http://a/\r\nX: y", RpcAddressError::Path),
            ("http://@a", RpcAddressError::User),
            ("http://a%3Ab:c@a", RpcAddressError::User),
            ("http://a:%0d%0a@a", RpcAddressError::User),
            ("http://%ff@a", RpcAddressError::User),
        ] {
            assert_eq!(read(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_password_and_a_token_are_used_and_never_shown() {
        let address = RpcAddress::parse("https://me:s%40cret@h:1/t0ken").unwrap();
        assert_eq!(address.authorization(), Some("Basic bWU6c0BjcmV0"));
        for shown in [address.to_string(), format!("{address:?}")] {
            assert!(shown.contains("https://h:1"), "{shown}");
            for secret in ["me", "cret", "t0ken", "bWU6"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
        let exposed = |text| RpcAddress::parse(text).unwrap().is_exposed();
        assert!(exposed("http://u:p@10.0.0.1:1"));
        assert!(!exposed("https://u:p@10.0.0.1:1") && !exposed("http://u:p@localhost:1"));
        assert!(!exposed("http://10.0.0.1:1"));
    }
}
