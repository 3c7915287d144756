//! Under which names the port may be asked for.
//!
//! A page in somebody's browser can make a name of its own lead to this host and then read what is served here (DNS
//! rebinding): the browser sends that name as `Host`. Such a name is always one of the public DNS, so an IP address,
//! `localhost`, this host's own name and names without a dot (a container, a service) are nobody else's; any other must be
//! named in the configuration.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hyper::Request;
use hyper::header::HOST;
use hyper::http::uri::Authority;

use crate::text::excerpt::Excerpt;

/// The names of this host.
pub(crate) struct Hosts(BTreeSet<String>);

impl Hosts {
    /// The configured names, and this host's own.
    pub fn new(configured: &[String]) -> Self {
        let own = rustix::system::uname();
        let own = own.nodename().to_string_lossy().into_owned();
        let all = configured.iter().chain([&own]);
        Self(all.map(|name| plain(name)).collect())
    }

    /// Whether a request asks for this host; `Err` is what else it asks for. One without any name comes from no browser.
    pub fn admit<T>(&self, request: &Request<T>) -> Result<(), Excerpt> {
        let header = request.headers().get_all(HOST).iter();
        let header = header.map(|value| value.as_bytes());
        let target = request.uri().authority();
        let target = target.map(|authority| authority.as_str().as_bytes());
        for name in header.chain(target) {
            if !self.is_ours(name) {
                return Err(Excerpt::of(name));
            }
        }
        Ok(())
    }

    fn is_ours(&self, name: &[u8]) -> bool {
        let Ok(authority) = Authority::try_from(name) else {
            return false;
        };
        // With a user before it, a name can look like another.
        if authority.as_str().contains('@') {
            return false;
        }
        let name = plain(authority.host());
        let literal = name.trim_start_matches('[').trim_end_matches(']');
        !name.contains('.') && !name.is_empty()
            || literal.parse::<IpAddr>().is_ok()
            || self.0.contains(&name)
    }
}

/// As names are compared.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(names: &[&str], target: &str) -> bool {
        let mut request = Request::builder().uri(target);
        for name in names {
            request = request.header(HOST, *name);
        }
        let hosts = Hosts::new(&["Signer.Example.Com".to_owned()]);
        hosts.admit(&request.body(()).unwrap()).is_ok()
    }

    #[test]
    fn addresses_and_names_of_this_host_are_fine_and_others_are_not() {
        for name in [
            "127.0.0.1",
            "127.0.0.1:26660",
            "10.1.2.3:80",
            "[::1]",
            "[fd00::1]:26660",
            "localhost",
            "LocalHost:26660",
            "localhost.",
            "tmkms:26660",
            "signer.example.com",
            "SIGNER.example.com.:26660",
        ] {
            assert!(asks(&[name], "/"), "{name}");
        }
        for name in [
            "",
            "evil.example",
            "evil.example:26660",
            "127.0.0.1.evil.example",
            "signer.example.com.evil.example",
            "signer.example.com@evil.example",
            "evil.example@127.0.0.1",
            "localhost.evil.example",
            "2130706433.example",
            "evil.example/",
            ".",
            "a b",
        ] {
            assert!(!asks(&[name], "/"), "{name}");
        }
        assert!(asks(&[], "/"), "no browser");
        assert!(!asks(&["localhost", "evil.example"], "/"));
        assert!(!asks(&["localhost"], "http://evil.example/"));
        assert!(asks(&["localhost"], "http://127.0.0.1:26660/live"));
        let own = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        assert!(asks(&[&own], "/"));
    }
}
