//! `[etcd]`: the cluster that keeps the watermark of chains which several hosts sign for.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use crate::gate::store::etcd::EtcdSettings;
use crate::settings::{Base, Problem, Spanned, TableReader};

/// Where keys lie where nothing else was written.
const PREFIX: &str = "/tmkms/v1";
/// More members than etcd advises for any cluster.
const MOST: usize = 9;

/// The section as it was written.
pub(in crate::config) struct RawEtcd {
    span: Range<usize>,
    endpoints: Vec<Spanned<String>>,
    ca_file: Option<Spanned<String>>,
    cert_file: Option<Spanned<String>>,
    key_file: Option<Spanned<String>>,
    username: Option<Spanned<String>>,
    password_file: Option<Spanned<String>>,
    prefix: Option<Spanned<String>>,
    plaintext: bool,
}

/// Where a chain keeps its watermark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::config) enum StoreKind {
    #[default]
    File,
    Etcd,
}

pub(in crate::config) fn read(
    root: &mut TableReader<'_>,
    problems: &mut Vec<Problem>,
) -> Option<RawEtcd> {
    let mut section = root.section("etcd", problems)?;
    section.name = "[etcd]".to_owned();
    let read = RawEtcd {
        span: section.span.clone(),
        endpoints: section.texts("endpoints", problems).unwrap_or_default(),
        ca_file: section.text("ca_file", problems),
        cert_file: section.text("cert_file", problems),
        key_file: section.text("key_file", problems),
        username: section.text("username", problems),
        password_file: section.text("password_file", problems),
        prefix: section.text("prefix", problems),
        plaintext: section
            .boolean("plaintext", problems)
            .is_some_and(|found| found.value),
    };
    section.finish(problems);
    Some(read)
}

/// `store` of a [[chain]].
pub(in crate::config) fn store_kind(
    section: &mut TableReader<'_>,
    problems: &mut Vec<Problem>,
) -> Spanned<StoreKind> {
    let span = section.span.clone();
    let Some(found) = section.text("store", problems) else {
        return Spanned {
            value: StoreKind::File,
            span,
        };
    };
    let value = match &*found.value {
        "file" => StoreKind::File,
        "etcd" => StoreKind::Etcd,
        other => {
            problems.push(Problem::at(
                found.span.clone(),
                format!("`{other}` is not a store"),
                "expected \"file\" or \"etcd\"",
                "leave it out on a single host; \"etcd\" is for several hosts with one key, see docs/two-hosts.md",
            ));
            StoreKind::File
        }
    };
    Spanned {
        value,
        span: found.span,
    }
}

/// What the section means. `None` where there is none, or it cannot be used, which is reported then.
pub(in crate::config) fn settings(
    written: &RawEtcd,
    base: &Base,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<Arc<EtcdSettings>> {
    let before = problems.len();
    let endpoints = endpoints(written, problems, warnings);
    let secure = endpoints.iter().any(|url| url.starts_with("https://"));
    let ca_file = written
        .ca_file
        .as_ref()
        .and_then(|path| base.path(path, problems));
    if secure && written.ca_file.is_none() {
        problems.push(Problem::at(
            written.span.clone(),
            "`ca_file` is missing",
            "nothing says whose members are to be believed",
            "add `ca_file = \"etcd/ca.crt\"`: the authority that issued the members' certificates",
        ));
    }
    let client = pair(
        written,
        ["cert_file", "key_file"],
        [&written.cert_file, &written.key_file],
        problems,
    )
    .and_then(|(certificate, key)| {
        Some((
            base.path(certificate, problems)?,
            base.secret(key, problems)?,
        ))
    });
    let user = pair(
        written,
        ["username", "password_file"],
        [&written.username, &written.password_file],
        problems,
    )
    .and_then(|(name, password)| Some((name.value.clone(), base.secret(password, problems)?)));
    let prefix = prefix(written, problems);
    (problems.len() == before).then(|| {
        Arc::new(EtcdSettings {
            endpoints,
            ca_file: ca_file.filter(|_| secure),
            client,
            user,
            prefix,
        })
    })
}

/// Two settings of which each needs the other.
fn pair<'a>(
    written: &RawEtcd,
    names: [&str; 2],
    values: [&'a Option<Spanned<String>>; 2],
    problems: &mut Vec<Problem>,
) -> Option<(&'a Spanned<String>, &'a Spanned<String>)> {
    let [one, two] = values;
    let [first, second] = names;
    match (one, two) {
        (Some(one), Some(two)) => return Some((one, two)),
        (None, None) => {}
        (Some(_), None) | (None, Some(_)) => problems.push(Problem::at(
            written.span.clone(),
            format!("`{first}` and `{second}` belong together"),
            "one of the two is missing",
            format!("write both `{first}` and `{second}`, or neither"),
        )),
    }
    None
}

fn endpoints(
    written: &RawEtcd,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Vec<String> {
    if written.endpoints.is_empty() || written.endpoints.len() > MOST {
        problems.push(Problem::at(
            written.span.clone(),
            "`endpoints` must name the members of the cluster",
            format!("expected 1 to {MOST} addresses"),
            "write `endpoints = [\"https://etcd-1:2379\", \"https://etcd-2:2379\", \"https://etcd-3:2379\"]`",
        ));
    }
    let mut found = Vec::new();
    let mut schemes = BTreeSet::new();
    for endpoint in &written.endpoints {
        let Some(url) = Url::parse(&endpoint.value) else {
            problems.push(Problem::at(
                endpoint.span.clone(),
                "this is not the address of an etcd member",
                "expected https://HOST:PORT",
                "write the member's client address, as `https://etcd-1.example.com:2379`, without a path",
            ));
            continue;
        };
        schemes.insert(url.secure);
        if !url.secure && !url.is_loopback() {
            match written.plaintext {
                true => warnings.push(Problem::at(
                    endpoint.span.clone(),
                    "the watermark travels unencrypted, and anybody on the way may lower it",
                    "http:// to another host",
                    "use https:// with `ca_file`; `plaintext = true` is for networks that encrypt themselves",
                )),
                false => problems.push(Problem::at(
                    endpoint.span.clone(),
                    "http:// to another host is refused",
                    "anybody on the way may lower the watermark",
                    "use https:// with `ca_file`, or write `plaintext = true` where the network itself encrypts",
                )),
            }
        }
        let text = url.text();
        if found.contains(&text) {
            problems.push(Problem::at(
                endpoint.span.clone(),
                "this member stands here twice",
                "the same address stands before it",
                "name each member once",
            ));
        }
        found.push(text);
    }
    if schemes.len() > 1 {
        problems.push(Problem::at(
            written.span.clone(),
            "`endpoints` mix http:// and https://",
            "all members speak TLS, or none does",
            "use https:// for all of them",
        ));
    }
    found
}

fn prefix(written: &RawEtcd, problems: &mut Vec<Problem>) -> String {
    let Some(prefix) = &written.prefix else {
        return PREFIX.to_owned();
    };
    let text = &prefix.value;
    let good = text.len() <= 200
        && text.strip_prefix('/').is_some_and(|rest| !rest.is_empty())
        && !text.ends_with('/')
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !good {
        problems.push(Problem::at(
            prefix.span.clone(),
            "this prefix cannot be used",
            "expected a text such as /tmkms/v1",
            "begin with a slash, end without one, and use printable characters without blanks",
        ));
    }
    text.clone()
}

/// An address without path, user or anything else that would be ignored.
struct Url<'a> {
    secure: bool,
    host: &'a str,
    port: u16,
}

impl<'a> Url<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (secure, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://")?),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = rest.rsplit_once(':')?;
        let inner = host
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'));
        let good = match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
            }
        };
        let port = port.parse().ok().filter(|port| *port != 0)?;
        good.then_some(Self { secure, host, port })
    }

    fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    fn text(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!(
            "{scheme}://{}:{}",
            self.host.to_ascii_lowercase(),
            self.port
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_members() {
        for (text, meant) in [
            ("https://A:2379", Some("https://a:2379")),
            ("http://127.0.0.1:2379/", Some("http://127.0.0.1:2379")),
            ("https://[::1]:2379", Some("https://[::1]:2379")),
            ("https://a", None),
            ("https://a:0", None),
            ("https://a:2379/v3", None),
            ("https://user@a:2379", None),
            ("https://:2379", None),
            ("ftp://a:2379", None),
            ("a:2379", None),
            ("https://::1:2379", None),
            ("https://a b:2379", None),
        ] {
            let found = Url::parse(text).map(|url| url.text());
            assert_eq!(found.as_deref(), meant, "{text}");
        }
        let near = |text| Url::parse(text).is_some_and(|url| url.is_loopback());
        assert!(near("http://localhost:1") && near("http://[::1]:1") && near("http://127.9.9.9:1"));
        assert!(!near("http://localhost.example.com:1") && !near("http://10.0.0.1:1"));
    }
}
