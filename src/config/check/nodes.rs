//! The nodes of each chain: addresses, identities, time limits.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::consensus::Height;
use crate::link::address::AddressError;
use crate::link::{Address, Timeouts};
use crate::remedy;
use crate::secret_file::SecretSource;
use crate::settings::{Base, Problem, Spanned, is_plain, place_of};
use crate::text::excerpt::brief;

use super::unknown::unknown_chain;
use crate::config::file::{RawConfig, Validator};
use crate::config::meaning::NodeConfig;
use crate::config::node_address::NodeAddress;

/// How much of what is no name is shown, in bytes.
const LONGEST_SHOWN: usize = 80;

/// Where `tmkms init` makes the identity key of links.
const IDENTITY: &str = "secrets/kms-identity.key";

pub(super) fn nodes(
    written: &RawConfig,
    known: &[&str],
    base: &Base,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
    undialled: &mut Vec<Problem>,
) -> BTreeMap<String, Vec<NodeConfig>> {
    one_max_height(&written.validators, known, problems);
    let mut nodes: BTreeMap<String, Vec<NodeConfig>> = BTreeMap::new();
    let mut addresses = BTreeSet::new();
    for validator in &written.validators {
        if let Some(id) = validator
            .chain_id
            .as_ref()
            .filter(|id| !known.contains(&&*id.value))
        {
            problems.push(unknown_chain(id, known));
        }
        let Some(address) = validator
            .addr
            .as_ref()
            .and_then(|addr| address(addr, base, problems, undialled))
        else {
            continue;
        };
        if let Some(addr) = &validator.addr
            && !addresses.insert(without_peer_id(&address))
        {
            problems.push(Problem::at(
                addr.span.clone(),
                "two [[validator]] sections have one address",
                "this address stands above already",
                "a node accepts one signer connection: remove one of the two",
            ));
        }
        if let Some(addr) = validator.addr.as_ref().filter(|_| dials_itself(&address)) {
            warnings.push(Problem::at(
                addr.span.clone(),
                "this is where a node listens, not where it is",
                "it means this very host",
                "write 127.0.0.1 if the node is on this host, and its own address otherwise",
            ));
        }
        if let Some(addr) = validator.addr.as_ref().filter(|_| is_anybodys(&address)) {
            warnings.push(Problem::at(
                addr.span.clone(),
                "nothing proves that the node at this address is yours",
                "tcp:// without a peer id",
                format!(
                    "a node has a fresh key on such links at every start, and whoever listens in its place gets votes signed: \
                     with CometBFT v0.40 or later use noise://PEER_ID@HOST:PORT with the id that `cometbft show-node-id --libp2p` \
                     prints on the node (the node's line is printed by `{}`), otherwise let this link run through a VPN or a \
                     tunnel",
                    base.commands.line(["keys", "peer-id"])
                ),
            ));
        }
        let identity = validator
            .secret_key
            .as_ref()
            .and_then(|written| Some((base.secret(written, problems)?, written)));
        if let Some((source, written_at)) = &identity
            && let place = place_of(source)
            && written.provided.iter().any(|key| key.source.value == place)
        {
            problems.push(Problem::at(
                written_at.span.clone(),
                "one key stands for two purposes",
                "this is the key that signs votes",
                format!(
                    "name a key of its own for the links, as `secret_key = \"{IDENTITY}\"`, and make it with `{}` unless it \
                     is there",
                    remedy::keygen(&base.in_folder(IDENTITY))
                ),
            ));
        }
        if over_tcp(&address).is_some() && validator.secret_key.is_none() {
            problems.push(Problem::at(
                validator.addr.as_ref().map_or(validator.span.clone(), |addr| addr.span.clone()),
                "`secret_key` is missing",
                "a tcp:// or noise:// link needs an identity key",
                format!(
                    "add `secret_key = \"{IDENTITY}\"`, and make that key with `{}` unless it is there",
                    remedy::keygen(&base.in_folder(IDENTITY))
                ),
            ));
        }
        if let Some(timeout) = validator
            .timeout
            .as_ref()
            .filter(|timeout| timeout.value < 5)
        {
            warnings.push(Problem::at(
                timeout.span.clone(),
                "this `timeout` is short",
                "nodes ping every 3.3 s",
                "with less than 5 s a link is closed for one late ping; 15 is the default",
            ));
        }
        if let Some(id) = &validator.chain_id {
            let identity = identity.filter(|_| !is_unix(&address));
            nodes.entry(id.value.clone()).or_default().push(node(
                validator,
                address,
                identity.map(|(source, _)| source),
            ));
        }
    }
    nodes
}

/// The height at which a chain is to stop is the chain's, and it is written at each of its nodes: a node where it was
/// forgotten, or is higher, would have the chain signed for beyond it.
fn one_max_height(validators: &[Validator], known: &[&str], problems: &mut Vec<Problem>) {
    for id in known {
        let names = |validator: &&Validator| {
            let named = validator.chain_id.as_ref();
            named.is_some_and(|named| named.value == *id)
        };
        let heights = validators.iter().filter(names);
        let written = heights.filter_map(|validator| validator.max_height.as_ref());
        let Some(lowest) = written.map(|height| height.value).min() else {
            continue;
        };
        for validator in validators.iter().filter(names) {
            let (span, label) = match &validator.max_height {
                Some(height) if height.value == lowest => continue,
                Some(height) => (
                    height.span.clone(),
                    format!("another [[validator]] of {id} says {lowest}"),
                ),
                None => (
                    validator.span.clone(),
                    format!("none here, and {lowest} in another [[validator]] of {id}"),
                ),
            };
            problems.push(Problem::at(
                span,
                format!("the nodes of {id} do not have the same `max_height`"),
                label,
                format!(
                    "above {lowest} this node would still be signed for: write `max_height = {lowest}` in every \
                     [[validator]] of {id}, or remove it from all of them"
                ),
            ));
        }
    }
}

fn node(validator: &Validator, address: NodeAddress, identity: Option<SecretSource>) -> NodeConfig {
    let default = Timeouts::default();
    let seconds = validator.timeout.as_ref().map(|timeout| timeout.value);
    NodeConfig {
        address,
        identity,
        reconnect: validator.reconnect,
        timeouts: Timeouts {
            silence: seconds.map_or(default.silence, Duration::from_secs),
            connect: seconds.map_or(default.connect, |found| {
                Duration::from_secs(found).min(default.connect)
            }),
            standby: Timeouts::STANDBY,
            ..default
        },
        max_height: validator
            .max_height
            .as_ref()
            .and_then(|max| i64::try_from(max.value).ok())
            .and_then(Height::new),
    }
}

/// Whether the link to this node may have an identity; a `secret_key` at any other is used by nobody. `true` where the
/// address is wrong.
pub(in crate::config) fn may_need_identity(validator: &Validator, base: &Base) -> bool {
    let address = validator.addr.as_ref();
    // What is wrong with it is told already.
    let address =
        address.and_then(|addr| self::address(addr, base, &mut Vec::new(), &mut Vec::new()));
    address.is_none_or(|address| !is_unix(&address))
}

fn is_unix(address: &NodeAddress) -> bool {
    matches!(address, NodeAddress::Known(Address::Unix(_)))
}

/// The address that is written there, or in the environment variable that is named there as `env:NAME`. A variable that does
/// not hold one is told in `undialled`: it may well be the service's alone.
fn address(
    addr: &Spanned<String>,
    base: &Base,
    problems: &mut Vec<Problem>,
    undialled: &mut Vec<Problem>,
) -> Option<NodeAddress> {
    let wrong = |title: String, label: &str, help: String| {
        Problem::at(addr.span.clone(), title, label, help)
    };
    let Some(name) = variable(&addr.value) else {
        return match read_address(&addr.value, addr, base, problems)? {
            Ok(address) => Some(NodeAddress::Known(address)),
            Err(error) => {
                problems.push(wrong(
                    "this is not a node's address".to_owned(),
                    "not understood",
                    error.to_string(),
                ));
                None
            }
        };
    };
    if !is_plain(name) {
        problems.push(wrong(
            format!("`{}` is not a name", brief(name, LONGEST_SHOWN)),
            "not the name of a variable",
            "write `env:NAME` with the plain name of an environment variable, or the address itself".to_owned(),
        ));
        return None;
    }
    let Some(value) = (base.environment)(name) else {
        undialled.push(wrong(
            format!("the environment variable {name} is not set"),
            "the node's address is to be there",
            format!(
                "set {name} where this command is run, to an address such as tcp://127.0.0.1:26659"
            ),
        ));
        return Some(NodeAddress::Variable(name.to_owned()));
    };
    match read_address(&value, addr, base, undialled) {
        Some(Ok(address)) => Some(NodeAddress::Known(address)),
        Some(Err(error)) => {
            undialled.push(wrong(
                format!("the environment variable {name} does not hold a node's address"),
                "taken from there",
                error.to_string(),
            ));
            Some(NodeAddress::Variable(name.to_owned()))
        }
        None => Some(NodeAddress::Variable(name.to_owned())),
    }
}

/// The name in `env:NAME`. As with an address, blanks and capitals are no matter.
fn variable(text: &str) -> Option<&str> {
    let (scheme, name) = text.trim().split_once(':')?;
    scheme.eq_ignore_ascii_case("env").then(|| name.trim())
}

/// What the text means that was found for `addr`; nothing where a problem is told already.
fn read_address(
    text: &str,
    addr: &Spanned<String>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Option<Result<Address, AddressError>> {
    // A home may stand in the path of a socket, too.
    Some(match text.trim().split_once("://") {
        Some((scheme, path))
            if scheme.eq_ignore_ascii_case("unix") && path.starts_with(['~', '$']) =>
        {
            let path = Spanned {
                value: path.to_owned(),
                span: addr.span.clone(),
            };
            format!("unix://{}", base.path(&path, problems)?.display()).parse()
        }
        _ => text.parse(),
    })
}

/// Host and port of a link over TCP, whichever way it is encrypted.
fn over_tcp(address: &NodeAddress) -> Option<(&str, u16)> {
    match address {
        NodeAddress::Known(address) => address.host_and_port(),
        NodeAddress::Variable(_) => None,
    }
}

/// Whether anybody on the way may listen in the node's place: no id is pinned, and the way leaves this host.
fn is_anybodys(address: &NodeAddress) -> bool {
    match address {
        NodeAddress::Known(Address::Tcp {
            peer_id: None,
            host,
            ..
        }) => {
            let ip = host.parse::<IpAddr>().ok();
            let here = ip.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified());
            !here && !host.eq_ignore_ascii_case("localhost")
        }
        _ => false,
    }
}

/// Where a node listens at every address, `0.0.0.0` stands in its own configuration. Dialled, it is this very host.
fn dials_itself(address: &NodeAddress) -> bool {
    over_tcp(address)
        .and_then(|(host, _)| host.parse::<IpAddr>().ok())
        .is_some_and(|host| host.is_unspecified())
}

fn without_peer_id(address: &NodeAddress) -> String {
    match address {
        NodeAddress::Known(Address::Unix(path)) => path.display().to_string(),
        address => match over_tcp(address) {
            Some((host, port)) => format!("{}:{port}", host.to_ascii_lowercase()),
            None => address.to_string(),
        },
    }
}
