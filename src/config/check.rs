//! All that is wrong between the sections, at once; what is left is what the file means.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::backends::{Base, KeySource};
use crate::consensus::{ChainId, Height};
use crate::gate::bucket::Rate;
use crate::gate::{Settings, SignExtensions};
use crate::link::{Address, Timeouts};
use crate::written::{At, Problem, nearest};

use super::file::{Chain, Validator, Written};
use super::{ChainConfig, NodeConfig};

/// The longest that a connect may take, whatever `timeout` says.
const CONNECT: u64 = 5;

pub(super) fn check(
    written: Written,
    base: &Base,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Vec<ChainConfig> {
    if written.chains.is_empty() {
        // What was meant to be one is reported already, and everything else would only follow from it.
        if !problems.is_empty() {
            return Vec::new();
        }
        problems.push(Problem::at(
            0..0,
            "there is no [[chain]]",
            "nothing to sign for",
            "add a [[chain]], a [[validator]] and a [[providers.softsign]]; see tmkms.toml.example",
        ));
    }
    let ids = chain_ids(&written.chains, problems);
    let known: Vec<&str> = ids.keys().map(ChainId::as_str).collect();
    let mut keys = keys(&written, &known, problems);
    let mut nodes = nodes(&written, &known, base, problems, warnings);
    let mut seen = BTreeSet::new();
    let mut state_files = BTreeMap::new();
    let mut chains = Vec::new();
    for chain in &written.chains {
        let Some(id) = chain
            .id
            .as_ref()
            .and_then(|id| id.value.parse::<ChainId>().ok())
        else {
            continue;
        };
        let path = state_file(chain, &id, base);
        if !seen.insert(id.clone()) {
            continue;
        }
        if chain.state_file.is_none() && id.as_str().contains('/') {
            problems.push(Problem::at(
                chain.span.clone(),
                "this chain id cannot name a file",
                "the id holds a slash",
                "add a `state_file` of your own choice to this [[chain]]",
            ));
        }
        if let Some(other) = state_files.insert(path.clone(), id.clone()) {
            problems.push(Problem::at(
                chain
                    .state_file
                    .as_ref()
                    .map_or(chain.span.clone(), |file| file.span.clone()),
                "two chains share one state file",
                format!("{} is also the state file of {other}", path.display()),
                "each chain needs a `state_file` of its own",
            ));
        }
        let key = keys.remove(id.as_str());
        if key.is_none() && !written.absent_provider {
            problems.push(lonely(
                chain,
                &id,
                "key",
                "a [[providers.softsign]] section whose `chain_ids` name it",
            ));
        }
        let nodes = nodes.remove(id.as_str()).unwrap_or_default();
        if nodes.is_empty() && !written.validators.iter().any(|node| names(node, &id)) {
            problems.push(lonely(
                chain,
                &id,
                "node",
                "a [[validator]] section with its `chain_id` and the node's `addr`",
            ));
        }
        if let Some(found) = chain
            .sign_extensions
            .as_ref()
            .filter(|found| found.value == SignExtensions::Never)
        {
            warnings.push(Problem::at(
                found.span.clone(),
                format!("vote extensions of {id} are not signed"),
                "an old default",
                "nodes of a chain with vote extensions halt without them; remove the line unless the chain has none",
            ));
        }
        if let Some(key) = key {
            chains.push(chain_config(chain, id, key, path, nodes, base));
        }
    }
    chains
}

fn chain_config(
    chain: &Chain,
    id: ChainId,
    key: Arc<dyn KeySource>,
    state_file: PathBuf,
    nodes: Vec<NodeConfig>,
    base: &Base,
) -> ChainConfig {
    let default = Rate::default();
    let rate = Rate {
        max_gap: chain
            .max_gap
            .as_ref()
            .map_or(default.max_gap, |found| found.value),
        max_blocks_per_second: chain
            .max_blocks_per_second
            .as_ref()
            .and_then(|found| u32::try_from(found.value).ok())
            .unwrap_or(default.max_blocks_per_second),
    };
    ChainConfig {
        older_state_files: older_state_files(chain, &id, base),
        id,
        key,
        key_format: chain.key_format.clone(),
        state_file,
        allow_ephemeral_state: chain.allow_ephemeral_state,
        gate: Settings {
            sign_extensions: chain
                .sign_extensions
                .as_ref()
                .map(|found| found.value)
                .unwrap_or_default(),
            rate,
        },
        nodes,
    }
}

fn state_file(chain: &Chain, id: &ChainId, base: &Base) -> PathBuf {
    match &chain.state_file {
        Some(written) => base.path(&written.value),
        None => base.path(&format!("state/{id}-consensus.json")),
    }
}

/// The older program resolved paths against its working directory, and had another default.
fn older_state_files(chain: &Chain, id: &ChainId, base: &Base) -> Vec<PathBuf> {
    let default = format!("{id}_priv_validator_state.json");
    match &chain.state_file {
        Some(written) => vec![PathBuf::from(&written.value)],
        None => vec![PathBuf::from(&default), base.path(&default)],
    }
}

fn chain_ids(chains: &[Chain], problems: &mut Vec<Problem>) -> BTreeMap<ChainId, Range<usize>> {
    let mut ids = BTreeMap::new();
    for written in chains.iter().filter_map(|chain| chain.id.as_ref()) {
        match written.value.parse::<ChainId>() {
            Err(error) => problems.push(Problem::at(
                written.span.clone(),
                error.to_string(),
                "no chain id",
                "write the chain id as it stands in the genesis file",
            )),
            Ok(id) => {
                if ids.insert(id.clone(), written.span.clone()).is_some() {
                    problems.push(Problem::at(
                        written.span.clone(),
                        format!("chain {id} stands here twice"),
                        "this id has a [[chain]] already",
                        "keep one [[chain]] per chain id; several nodes are several [[validator]] sections",
                    ));
                }
            }
        }
    }
    ids
}

/// The key of each chain.
fn keys(
    written: &Written,
    known: &[&str],
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Arc<dyn KeySource>> {
    let mut keys: BTreeMap<String, Arc<dyn KeySource>> = BTreeMap::new();
    let mut sources: BTreeMap<&str, ()> = BTreeMap::new();
    for provided in &written.provided {
        if sources.insert(&provided.source.value, ()).is_some() {
            problems.push(Problem::at(
                provided.source.span.clone(),
                "one key stands in two sections",
                format!("{} is named above already", provided.source.value),
                "name all of its chains in the `chain_ids` of one section; a key of its own for each chain is safer",
            ));
        }
        for id in &provided.chain_ids {
            if !known.contains(&&*id.value) {
                problems.push(unknown_chain(id, known));
            } else if let Some(other) = keys.insert(id.value.clone(), provided.key.clone()) {
                problems.push(Problem::at(
                    id.span.clone(),
                    format!("chain {} has two keys", id.value),
                    format!("it has the {} already", other.describe()),
                    "keep the section of the key that the chain knows, and remove the chain from the other one",
                ));
            }
        }
    }
    keys
}

fn nodes(
    written: &Written,
    known: &[&str],
    base: &Base,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> BTreeMap<String, Vec<NodeConfig>> {
    let mut nodes: BTreeMap<String, Vec<NodeConfig>> = BTreeMap::new();
    let mut addresses: BTreeMap<String, ()> = BTreeMap::new();
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
            .and_then(|addr| address(addr, base, problems))
        else {
            continue;
        };
        if let Some(addr) = &validator.addr
            && addresses.insert(without_peer_id(&address), ()).is_some()
        {
            problems.push(Problem::at(
                addr.span.clone(),
                "two [[validator]] sections have one address",
                "this address stands above already",
                "a node has one place for a signer: remove one of the two",
            ));
        }
        if matches!(address, Address::Tcp { .. }) && validator.secret_key.is_none() {
            problems.push(Problem::at(
                validator.addr.as_ref().map_or(validator.span.clone(), |addr| addr.span.clone()),
                "`secret_key` is missing",
                "a tcp:// link needs an identity key",
                "add `secret_key = \"secrets/kms-identity.key\"`; `tmkms softsign keygen PATH` makes one",
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
            nodes
                .entry(id.value.clone())
                .or_default()
                .push(node(validator, address, base));
        }
    }
    nodes
}

fn node(validator: &Validator, address: Address, base: &Base) -> NodeConfig {
    let default = Timeouts::default();
    let seconds = validator.timeout.as_ref().map(|timeout| timeout.value);
    NodeConfig {
        address,
        identity: validator
            .secret_key
            .as_ref()
            .map(|path| base.secret(&path.value)),
        reconnect: validator.reconnect,
        timeouts: Timeouts {
            silence: seconds.map_or(default.silence, Duration::from_secs),
            connect: seconds.map_or(default.connect, |found| {
                Duration::from_secs(found.min(CONNECT))
            }),
            ..default
        },
        max_height: validator
            .max_height
            .as_ref()
            .and_then(|max| i64::try_from(max.value).ok())
            .and_then(Height::new),
    }
}

fn address(addr: &At<String>, base: &Base, problems: &mut Vec<Problem>) -> Option<Address> {
    // A home may stand in the path of a socket, too.
    let text = match addr.value.strip_prefix("unix://") {
        Some(path) if path.starts_with("~/") || path.starts_with('$') => {
            format!("unix://{}", base.path(path).display())
        }
        _ => addr.value.clone(),
    };
    match text.parse::<Address>() {
        Ok(address) => Some(address),
        Err(error) => {
            problems.push(Problem::at(
                addr.span.clone(),
                "this is no address of a node",
                "not understood",
                error.to_string(),
            ));
            None
        }
    }
}

fn without_peer_id(address: &Address) -> String {
    match address {
        Address::Tcp { host, port, .. } => format!("{host}:{port}"),
        Address::Unix(path) => path.display().to_string(),
    }
}

fn names(validator: &Validator, id: &ChainId) -> bool {
    validator
        .chain_id
        .as_ref()
        .is_some_and(|found| found.value == id.as_str())
}

fn unknown_chain(id: &At<String>, known: &[&str]) -> Problem {
    let help = match nearest(&id.value, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "add a [[chain]] with `id = \"{}\"`, or correct the name",
            id.value
        ),
    };
    Problem::at(
        id.span.clone(),
        format!("there is no [[chain]] {}", id.value),
        "no such chain here",
        help,
    )
}

fn lonely(chain: &Chain, id: &ChainId, what: &str, remedy: &str) -> Problem {
    Problem::at(
        chain
            .id
            .as_ref()
            .map_or(chain.span.clone(), |id| id.span.clone()),
        format!("chain {id} has no {what}"),
        format!("no {what} is configured for it"),
        format!("add {remedy}, or remove this [[chain]]"),
    )
}
