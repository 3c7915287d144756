//! Where a node listens: `tcp://[peer_id@]host:port`, `noise://peer_id@host:port` or `unix:///path`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

use super::identity::PeerId;
use super::noise::{Libp2pId, NotALibp2pId};
use crate::text::excerpt;

/// The longest path of a Unix socket in bytes: `sun_path` of Linux with its closing zero is 108, of others 104.
const LONGEST_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// How much of what is no address is shown, in bytes.
const LONGEST_SHOWN: usize = 80;

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
    /// Noise over TCP (CometBFT v0.40 and later).
    Noise {
        /// Who the node is: the id of its node key.
        peer_id: Libp2pId,
        /// A name or an IP address, an IPv6 one without its brackets.
        host: String,
        /// The port, at least 1.
        port: u16,
    },
    /// A Unix socket, protected only by file permissions.
    Unix(PathBuf),
}

/// Why a text is not an address. Each says what would be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing there.
    #[error(
        "the address is empty; write one such as tcp://127.0.0.1:26659 or unix:///run/node/privval.sock"
    )]
    Empty,
    /// There is no scheme; what it is with one.
    #[error("it has no scheme; write {0}")]
    NoScheme(String),
    /// A scheme that no node listens with for its signer.
    #[error(
        "`{0}://` is not how a node listens for its signer; an address begins with `tcp://`, `noise://` or `unix://`, as \
         the node's priv_validator_laddr does"
    )]
    Scheme(String),
    /// A noise link to nobody in particular.
    #[error(
        "the node's peer id is missing; write noise://PEER_ID@{0} with the one that `cometbft show-node-id --libp2p` prints on \
         the node"
    )]
    NoLibp2pId(String),
    /// The part before the `@` of a noise link is not a libp2p peer id.
    #[error("{0}")]
    Libp2pId(NotALibp2pId),
    /// A libp2p peer id where `tcp://` has another one.
    #[error(
        "`{0}` is a libp2p peer id, which is for noise:// links; with `priv_validator_laddr = \"noise://…\"` on the node write \
         noise:// here, too, otherwise remove the id"
    )]
    Libp2pIdOnTcp(Libp2pId),
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
    /// A path or a query behind the port.
    #[error("a tcp:// or noise:// address ends with its port; remove `{0}`")]
    Path(String),
    /// There is no port.
    #[error(
        "the port is missing, as in tcp://127.0.0.1:26659; a node has it in its priv_validator_laddr"
    )]
    NoPort,
    /// The port is no number, or 0.
    #[error(
        "`{0}` is not a port: a number from 1 to 65535 is expected, as in tcp://127.0.0.1:26659"
    )]
    Port(String),
    /// There is no host.
    #[error("the host is missing, as in tcp://127.0.0.1:26659")]
    NoHost,
    /// An IPv6 address without its brackets, or something else in them.
    #[error("`{0}` is not an IPv6 address in brackets, as in tcp://[::1]:26659")]
    Ipv6(String),
    /// Digits and dots that are no IPv4 address.
    #[error(
        "`{0}` is not an IPv4 address: that has four numbers from 0 to 255, without leading zeros"
    )]
    Ipv4(String),
    /// An address to which nobody can connect.
    #[error(
        "`{0}` is an address of many hosts at once, and a link goes to one; write the node's own address"
    )]
    ManyHosts(String),
    /// A name that no host can have.
    #[error(
        "`{0}` is not a host's name: letters, digits, `-` and `_` between dots are, 63 of them at most"
    )]
    Host(String),
}

impl FromStr for Address {
    type Err = AddressError;

    /// Blanks around it, a scheme in capitals and a slash at the end are no matter: the older program dialled such, too.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(without_scheme(text));
        };
        match &*scheme.to_ascii_lowercase() {
            "tcp" => tcp(rest),
            "unix" => match rest.starts_with('/') && rest.len() > 1 {
                true if rest.len() > LONGEST_PATH => Err(AddressError::LongPath(rest.len())),
                true => Ok(Self::Unix(PathBuf::from(rest))),
                false => Err(AddressError::RelativePath(shown(text))),
            },
            "noise" => noise(rest),
            _ => Err(AddressError::Scheme(shown(scheme))),
        }
    }
}

/// What of a text that is wrong stands in a message.
fn shown(text: &str) -> String {
    excerpt::brief(text, LONGEST_SHOWN).into_owned()
}

/// What somebody meant who wrote no `://`: a path, or what stands behind `tcp://`.
fn without_scheme(text: &str) -> AddressError {
    let (tcp_only, unix_only) = (text.strip_prefix("tcp:"), text.strip_prefix("unix:"));
    let meant = match (unix_only.unwrap_or(text), tcp_only.unwrap_or(text)) {
        (path, _) if path.starts_with('/') && !path.starts_with("//") => format!("unix://{path}"),
        (_, rest) => format!("tcp://{}", rest.trim_start_matches('/')),
    };
    match meant.parse::<Address>() {
        Ok(meant) => AddressError::NoScheme(meant.to_string()),
        Err(error) => error,
    }
}

fn tcp(rest: &str) -> Result<Address, AddressError> {
    let (id, rest) = id_and_rest(rest);
    let peer_id = id.map(|id| id.parse().map_err(|_| not_a_node_id(id)));
    let peer_id = peer_id.transpose()?;
    let (host, port) = host_and_port(rest)?;
    Ok(Address::Tcp {
        peer_id,
        host,
        port,
    })
}

fn not_a_node_id(id: &str) -> AddressError {
    match id.parse() {
        Ok(id) => AddressError::Libp2pIdOnTcp(id),
        Err(_) => AddressError::PeerId(shown(id)),
    }
}

fn noise(rest: &str) -> Result<Address, AddressError> {
    let (id, rest) = id_and_rest(rest);
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return Err(AddressError::NoLibp2pId(shown(rest)));
    };
    let peer_id = id.parse().map_err(AddressError::Libp2pId)?;
    let (host, port) = host_and_port(rest)?;
    Ok(Address::Noise {
        peer_id,
        host,
        port,
    })
}

/// What stands before the last `@`, and what behind it; a slash at the end is no matter.
fn id_and_rest(text: &str) -> (Option<&str>, &str) {
    let text = text.strip_suffix('/').unwrap_or(text);
    match text.rsplit_once('@') {
        Some((id, rest)) => (Some(id), rest),
        None => (None, text),
    }
}

fn host_and_port(text: &str) -> Result<(String, u16), AddressError> {
    if let Some(at) = text.find(['/', '?', '#']) {
        return Err(AddressError::Path(shown(text.get(at..).unwrap_or(text))));
    }
    let (host, port) = split_port(text)?;
    // A number's sign is none of a port's.
    let digits = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = digits
        .and_then(|digits| digits.parse().ok())
        .filter(|port| *port != 0)
        .ok_or_else(|| AddressError::Port(shown(port)))?;
    Ok((host, port))
}

fn split_port(text: &str) -> Result<(String, &str), AddressError> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let host = read_host(host)?;
    match port {
        "" => Err(AddressError::NoPort),
        port => Ok((host, port)),
    }
}

fn read_host(host: &str) -> Result<String, AddressError> {
    if host.is_empty() {
        return Err(AddressError::NoHost);
    }
    if host.contains([':', '[', ']']) {
        let inner = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let address = inner.and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        return match (address, inner) {
            (Some(address), _) if address.is_multicast() => {
                Err(AddressError::ManyHosts(shown(host)))
            }
            (Some(_), Some(inner)) => Ok(inner.to_owned()),
            _ => Err(AddressError::Ipv6(shown(host))),
        };
    }
    // No name ends with a part of digits (RFC 3696, 2).
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or(name);
    if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return match host.parse::<Ipv4Addr>() {
            Ok(address) if address.is_multicast() || address.is_broadcast() => {
                Err(AddressError::ManyHosts(shown(host)))
            }
            Ok(_) => Ok(host.to_owned()),
            Err(_) => Err(AddressError::Ipv4(shown(host))),
        };
    }
    match name.len() <= 253 && name.split('.').all(is_label) {
        true => Ok(host.to_owned()),
        false => Err(AddressError::Host(shown(host))),
    }
}

/// One part of a host's name (RFC 1123, 2.1), with the `_` that containers have in theirs.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp {
                peer_id: None,
                host,
                port,
            } => write!(f, "tcp://{}", HostPort(host, *port)),
            Self::Tcp {
                peer_id: Some(id),
                host,
                port,
            } => write!(f, "tcp://{id}@{}", HostPort(host, *port)),
            Self::Noise {
                peer_id,
                host,
                port,
            } => write!(f, "noise://{peer_id}@{}", HostPort(host, *port)),
        }
    }
}

/// An IPv6 address gets its brackets back.
struct HostPort<'a>(&'a str, u16);

impl fmt::Display for HostPort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(host, port) = self;
        match host.contains(':') {
            true => write!(f, "[{host}]:{port}"),
            false => write!(f, "{host}:{port}"),
        }
    }
}

impl Address {
    /// Host and port, of links over TCP.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        match self {
            Self::Tcp { host, port, .. } | Self::Noise { host, port, .. } => Some((host, *port)),
            Self::Unix(_) => None,
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
            "noise://12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7@10.0.0.1:26659",
            "noise://16Uiu2HAm12A2heuphsgWqFjE3jcHVXNBfte9HU1fuQYRSKh6JSpN@[::1]:1",
            "noise://12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7@node.example:26659",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        let upper = "tcp://F88883B673FC69D7869CAB098DE3BAFC2FF76EB8@host:1".parse::<Address>();
        assert!(upper.is_ok());
    }

    /// As the older program dials them.
    #[test]
    fn spellings_that_mean_the_same_are_the_same() {
        for (text, meant) in [
            ("TCP://127.0.0.1:26659", "tcp://127.0.0.1:26659"),
            ("tcp://127.0.0.1:26659/", "tcp://127.0.0.1:26659"),
            (" tcp://node.example:1\n", "tcp://node.example:1"),
            ("Unix:///run/x", "unix:///run/x"),
            ("tcp://node.example.:1", "tcp://node.example.:1"),
            ("tcp://[::ffff:1.2.3.4]:1/", "tcp://[::ffff:1.2.3.4]:1"),
            (
                "Noise://bafzaajaiaejcb2sknrr6fhcsbk7pkud3cmxml6mvi53k5pv6pojeehxknekenurm@h:1/",
                "noise://12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7@h:1",
            ),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), meant);
        }
    }

    #[test]
    fn what_is_no_address_is_told_apart() {
        use AddressError as E;
        let error = |text: &str| text.parse::<Address>().unwrap_err();
        let own = |text: &str| text.to_owned();
        for (text, meant) in [
            ("127.0.0.1:26659", "tcp://127.0.0.1:26659"),
            ("localhost:26659", "tcp://localhost:26659"),
            ("tcp:127.0.0.1:1", "tcp://127.0.0.1:1"),
            ("tcp:/127.0.0.1:1", "tcp://127.0.0.1:1"),
            ("//127.0.0.1:1", "tcp://127.0.0.1:1"),
            ("/run/x.sock", "unix:///run/x.sock"),
            ("unix:/run/x.sock", "unix:///run/x.sock"),
        ] {
            assert_eq!(error(text), E::NoScheme(own(meant)), "{text}");
        }
        assert_eq!(error("http://127.0.0.1:26659"), E::Scheme(own("http")));
        assert_eq!(error("tpc://127.0.0.1:26659"), E::Scheme(own("tpc")));
        assert_eq!(error("nonsense"), E::NoPort);
        assert_eq!(error("256.1.1.1:1"), E::Ipv4(own("256.1.1.1")));
        assert_eq!(error("  "), E::Empty);
        assert!(matches!(error("unix://run/x"), E::RelativePath(_)));
        let long = format!("unix:///{}", "x".repeat(107));
        assert_eq!(error(&long), E::LongPath(108));
        assert!(
            long.get(..long.len() - 5)
                .unwrap()
                .parse::<Address>()
                .is_ok()
        );
        assert!(matches!(error("unix://"), E::RelativePath(_)));
        assert!(matches!(error("tcp://abc@host:1"), E::PeerId(_)));
        for text in [
            "tcp://host",
            "tcp://host:",
            "tcp://[::1]",
            "tcp://127.0.0.1/",
        ] {
            assert_eq!(error(text), E::NoPort, "{text}");
        }
        for port in ["0", "65536", "x", "-1", "26659 ", "+5", "+26659", "٣"] {
            let text = format!("tcp://host:{port}/");
            assert_eq!(error(&text), E::Port(own(port)), "{text}");
        }
        for (text, path) in [
            ("tcp://a:1/b", "/b"),
            ("tcp://a/b:1", "/b:1"),
            ("tcp://a:1?x", "?x"),
            ("tcp://a:1//", "/"),
        ] {
            assert_eq!(error(text), E::Path(own(path)), "{text}");
        }
        for host in [
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1",
            "a.b.1",
            "1.2.3.4.",
        ] {
            assert_eq!(error(&format!("tcp://{host}:1")), E::Ipv4(own(host)));
        }
        for host in [
            "::1",
            "[::1",
            "::1]",
            "[]",
            "[1.2.3.4]",
            "[fe80::1%eth0]",
            "[::g]",
        ] {
            assert_eq!(error(&format!("tcp://{host}:1")), E::Ipv6(own(host)));
        }
        for host in ["224.0.0.1", "255.255.255.255", "[ff02::1]"] {
            assert_eq!(error(&format!("tcp://{host}:1")), E::ManyHosts(own(host)));
        }
        let label = "a".repeat(64);
        for host in ["a b", "a..b", ".a", "-a", "a-.b", "ü", "a,b", &label] {
            assert!(
                matches!(error(&format!("tcp://{host}:1")), E::Host(_)),
                "{host}"
            );
        }
        assert_eq!(error("tcp://:1"), E::NoHost);
        let id = "12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7";
        let noise = |rest: &str| error(&format!("noise://{id}@{rest}"));
        assert_eq!(noise("host"), E::NoPort);
        assert_eq!(noise(""), E::NoHost);
        assert_eq!(noise("host:0"), E::Port(own("0")));
        assert_eq!(noise("host:1/x"), E::Path(own("/x")));
        assert_eq!(noise("1.2.3:1"), E::Ipv4(own("1.2.3")));
        assert_eq!(error("noise://h:1"), E::NoLibp2pId(own("h:1")));
        assert_eq!(error("noise://@h:1"), E::NoLibp2pId(own("h:1")));
        assert!(matches!(error("noise://x@h:1"), E::Libp2pId(_)));
        let hex = "noise://f88883b673fc69d7869cab098de3bafc2ff76eb8@h:1";
        assert!(matches!(error(hex), E::Libp2pId(NotALibp2pId::NodeId(_))));
        let on_tcp = error(&format!("tcp://{id}@h:1"));
        assert_eq!(on_tcp, E::Libp2pIdOnTcp(id.parse().unwrap()));
    }

    #[test]
    fn however_long_what_is_no_address_is_its_message_is_short() {
        let (long, digits) = ("x".repeat(3000), "1".repeat(3000));
        for text in [
            long.clone(),
            format!("{long}://host:1"),
            format!("unix://{long}"),
            format!("unix:///{long}"),
            format!("unix:/{long}"),
            format!("tcp://{long}@host:1"),
            format!("tcp://host:1/{long}"),
            format!("noise://{long}@host:1"),
            format!("noise://{long}"),
            format!("noise://@{digits}:1"),
            format!("tcp://host:{digits}"),
            format!("tcp://host:{}", "ü".repeat(3000)),
            format!("tcp://{long}:1"),
            format!("tcp://{digits}:1"),
            format!("tcp://[{long}]:1"),
            format!("tcp://[::1%{long}]:1"),
            format!("[{digits}"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            let told = error.to_string();
            assert!(told.len() < 400, "{} bytes: {told}", told.len());
        }
    }
}
