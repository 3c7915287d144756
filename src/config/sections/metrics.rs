//! `[metrics]`: where metrics, health and the status page are served, or the file they are written to.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::settings::{Base, Problem};

use crate::config::file::RawConfig;

/// What is served to Prometheus; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// The address to listen on.
    pub listen: Option<SocketAddr>,
    /// The file to write.
    pub textfile: Option<PathBuf>,
    /// Names of this host under which it may be asked for, besides those that are nobody else's.
    pub hosts: Vec<String>,
}

pub(in crate::config) fn metrics(
    written: &RawConfig,
    base: &Base,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Metrics {
    let listen = written.listen.as_ref().and_then(|written| {
        let Ok(address) = written.value.parse::<SocketAddr>() else {
            problems.push(Problem::at(
                written.span.clone(),
                "this is not an address to listen on",
                "expected an IP address and a port",
                "write `listen = \"127.0.0.1:28567\"`; names are not resolved",
            ));
            return None;
        };
        if !address.ip().is_loopback() {
            warnings.push(Problem::at(
                written.span.clone(),
                "metrics and the status page are open to other hosts",
                "reachable from other hosts",
                "there is no password: let a firewall or a proxy admit only Prometheus, or listen on 127.0.0.1",
            ));
        }
        Some(address)
    });
    let textfile = written.textfile.as_ref().and_then(|written| {
        if !written.value.ends_with(".prom") {
            problems.push(Problem::at(
                written.span.clone(),
                "this file would not be read",
                "the node exporter reads files that end with .prom",
                "write a path such as `textfile = \"/var/lib/prometheus/node-exporter/tmkms.prom\"`",
            ));
            return None;
        }
        base.path(written, problems)
    });
    let hosts = written.hosts.iter().filter_map(|written| {
        let name = &written.value;
        if is_name(name) {
            return Some(name.clone());
        }
        problems.push(Problem::at(
            written.span.clone(),
            "this is not a host name",
            "expected a name without a port",
            "write `hosts = [\"signer.example.com\"]`; IP addresses, `localhost` and names without a dot are always allowed",
        ));
        None
    });
    let hosts = hosts.collect();
    Metrics {
        listen,
        textfile,
        hosts,
    }
}

fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !part.is_empty() && part.len() < 64 && part.bytes().all(legal)
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() < 254 && name.split('.').all(part)
}
