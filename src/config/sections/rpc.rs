//! `rpc` of a [[chain]]: the nodes that are asked whether our votes are in the commits.

use crate::config::file::Chain;
use crate::rpc::{RpcAddress, RpcSettings};
use crate::settings::{Base, Problem, Spanned, is_plain};
use crate::text::excerpt::brief;

/// More nodes say nothing that these do not.
const MOST: usize = 5;
/// How much of what is no name is shown, in bytes.
const LONGEST_SHOWN: usize = 80;

/// What the lines mean. What keeps only the commands that dial from their work goes to `undialled`.
pub(in crate::config) fn rpc(
    chain: &Chain,
    base: &Base,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
    undialled: &mut Vec<Problem>,
) -> RpcSettings {
    let mut settings = RpcSettings::default();
    if let Some(beyond) = chain.rpc.get(MOST) {
        problems.push(Problem::at(
            beyond.span.clone(),
            "these are too many `rpc` addresses",
            format!("at most {MOST}"),
            "two or three nodes that are not each other's are enough: what more than half of them say counts",
        ));
    }
    for written in chain.rpc.iter().take(MOST) {
        let Some(address) = address(written, base, problems, undialled) else {
            continue;
        };
        if address.is_exposed() {
            warnings.push(Problem::at(
                written.span.clone(),
                "this password goes over the network as everybody on the way can read it",
                "http:// to another host",
                "use https://, or a node of this host",
            ));
        }
        let shown = address.to_string();
        if settings
            .endpoints
            .iter()
            .any(|other| other.to_string() == shown)
        {
            problems.push(Problem::at(
                written.span.clone(),
                "this `rpc` address stands here twice",
                "the same host and port stand before it",
                "name each node once: one that is asked twice would agree with itself",
            ));
            continue;
        }
        settings.endpoints.push(address);
    }
    settings.ca_file = chain
        .rpc_ca_file
        .as_ref()
        .and_then(|path| base.path(path, problems));
    if let Some(written) = chain.rpc_ca_file.as_ref().filter(|_| {
        chain.rpc.is_empty()
            || (undialled.is_empty() && !settings.endpoints.iter().any(RpcAddress::is_secure))
    }) {
        problems.push(Problem::at(
            written.span.clone(),
            "`rpc_ca_file` has nothing to do",
            "no address of `rpc` begins with https://",
            "remove the line, or write an https:// address",
        ));
    }
    settings
}

/// The address that is written there, or in the environment variable that is named there as `env:NAME`.
fn address(
    written: &Spanned<String>,
    base: &Base,
    problems: &mut Vec<Problem>,
    undialled: &mut Vec<Problem>,
) -> Option<RpcAddress> {
    let wrong = |title: String, label: &str, help: String| {
        Problem::at(written.span.clone(), title, label, help)
    };
    let text = written.value.trim();
    let variable = text
        .split_once(':')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("env"));
    let Some((_, name)) = variable else {
        let read = RpcAddress::parse(text).map_err(|error| {
            let title = "this is not an RPC address".to_owned();
            problems.push(wrong(title, "not understood", error.to_string()));
        });
        return read.ok();
    };
    let name = name.trim();
    if !is_plain(name) {
        problems.push(wrong(
            format!("`{}` is not a name", brief(name, LONGEST_SHOWN)),
            "not the name of a variable",
            "write `env:NAME` with the plain name of an environment variable, or the address itself"
                .to_owned(),
        ));
        return None;
    }
    // It may hold a password, so it is kept as one.
    let Some(value) = base.variables.named(name).value() else {
        undialled.push(wrong(
            format!("the environment variable {name} is not set"),
            "an RPC address is to be there",
            format!(
                "set {name} where this command is run, to an address such as http://127.0.0.1:26657"
            ),
        ));
        return None;
    };
    let text = std::str::from_utf8(&value).unwrap_or_default();
    let read = RpcAddress::parse(text).map_err(|error| {
        let title = format!("the environment variable {name} does not hold an RPC address");
        undialled.push(wrong(title, "taken from there", error.to_string()));
    });
    read.ok()
}
