//! All that is wrong between the sections, at once; what is left is what the file means.

mod keys;
mod nodes;
mod states;
mod unknown;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::backends::KeySource;
use crate::consensus::ChainId;
use crate::gate::heights::bucket::Rate;
use crate::gate::raw::Dialect;
use crate::gate::word::settings::GuardSettings;
use crate::gate::{Settings, SignExtensions};
use crate::remedy::CommandLine;
use crate::rpc::RpcSettings;
use crate::settings::{Base, Problem};
use crate::threads::give_way;

use super::file::{Chain, RawConfig, Validator};
use super::meaning::ChainConfig;
use super::sections::etcd::{self, StoreKind};
use super::sections::guard::Company;
use super::sections::{guard, rpc};
use super::state_path::StatePath;
use keys::{KeyOfChain, keys};
pub(super) use nodes::may_need_identity;
use nodes::nodes;
use states::StateFiles;

/// What keeps only the commands that dial from their work goes to `undialled`.
pub(super) fn check(
    written: RawConfig,
    base: &Base,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
    undialled: &mut Vec<Problem>,
) -> Vec<ChainConfig> {
    if written.chains.is_empty() {
        // What was meant to be one is reported already, and everything else would only follow from it.
        if !problems.is_empty() {
            return Vec::new();
        }
        problems.push(no_chain(&written, base));
    }
    let ids = chain_ids(&written.chains, problems);
    let known: Vec<&str> = ids.keys().map(ChainId::as_str).collect();
    let mut keys = keys(&written, &known, problems, warnings);
    let mut nodes = nodes(&written, &known, base, problems, warnings, undialled);
    let lock_dir = written.lock_dir.as_ref();
    let lock_dir = lock_dir.and_then(|written| base.path(written, problems));
    let etcd = written
        .etcd
        .as_ref()
        .and_then(|section| etcd::settings(section, base, problems, warnings));
    let mut seen = BTreeSet::new();
    let mut states = StateFiles::default();
    let mut chains = Vec::new();
    for chain in &written.chains {
        give_way();
        let Some(id) = chain
            .id
            .as_ref()
            .and_then(|id| id.value.parse::<ChainId>().ok())
        else {
            continue;
        };
        if !seen.insert(id.clone()) {
            continue;
        }
        let keys = keys.remove(id.as_str()).unwrap_or_default();
        let Some(states) = states.of_chain(chain, &id, &keys, base, problems) else {
            continue;
        };
        if keys.is_empty() && !written.unread_provider {
            problems.push(lonely(
                chain,
                &id,
                "key",
                &format!(
                    "a [[providers.{}]] section whose `chain_ids` name it",
                    written.backend_of_choice()
                ),
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
        if keys.iter().any(|key| !key.source.traits().signs_extensions) {
            votes_only(chain, &id, problems);
        } else if let Some(found) = chain
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
        if let Some(span) = chain.raw_span.clone().filter(|_| keys.len() > 1) {
            problems.push(Problem::at(
                span,
                format!("{id} has several keys, and raw bytes have no height"),
                "which of the keys is to sign them is not known",
                "remove `raw_bytes` until the rotation is over and one key is left",
            ));
        }
        if let Some(span) = chain
            .raw_span
            .clone()
            .filter(|_| matches!(&chain.raw, Some(policy) if policy.dialect == Dialect::CometbftV1))
        {
            warnings.push(Problem::at(
                span,
                format!("nodes of {id} may have any bytes signed"),
                "this dialect has no purpose and no prefix",
                "consensus messages are refused; whatever else verifies signatures of this key has to be safe from it",
            ));
        }
        let etcd = match chain.store.value {
            StoreKind::File => None,
            StoreKind::Etcd => {
                if written.etcd.is_none() {
                    problems.push(Problem::at(
                        chain.store.span.clone(),
                        "there is no [etcd]",
                        "nothing says where the cluster is",
                        "add an [etcd] section with its `endpoints`; see tmkms.toml.example",
                    ));
                }
                etcd.clone()
            }
        };
        let rpc = rpc::rpc(chain, base, problems, warnings, undialled);
        let has_share = keys.iter().any(|key| key.source.traits().is_share);
        if has_share {
            shares_alone(chain, &id, keys.len(), problems);
        }
        let company = match (has_share, chain.store.value) {
            (true, _) => Company::Members,
            (false, StoreKind::Etcd) => Company::Etcd,
            (false, StoreKind::File) => Company::None,
        };
        let guard = guard::meaning(&chain.guard, !chain.rpc.is_empty(), company, problems);
        let mut after = keys.iter().skip(1).filter_map(KeyOfChain::from);
        let mut in_turn = keys
            .iter()
            .zip(states.keys)
            .map(|(key, state_file)| ChainConfig {
                activation_height: key.from(),
                replaced_at: after.next(),
                one_of_several: keys.len() > 1,
                etcd: etcd.clone(),
                rpc: rpc.clone(),
                guard,
                lock_dir: lock_dir.clone(),
                pause_beside: states.chain.clone(),
                state_places: states.places.clone(),
                ..chain_config(chain, id.clone(), key.source.clone(), state_file, base)
            });
        if let Some(first) = in_turn.next() {
            chains.push(ChainConfig {
                older_state_files: older_state_files(chain, &id, base),
                later: in_turn.collect(),
                nodes,
                ..first
            });
        }
    }
    chains
}

fn no_chain(written: &RawConfig, base: &Base) -> Problem {
    let (label, help) = match written.commented_out {
        true => (
            "its sections are commented out",
            format!(
                "take the leading `# ` away from the lines of a [[chain]], a [[validator]] and a provider and set their values, \
                 or have them written with `{}`",
                CommandLine::on_file("tmkms", &["init", "-n", "NAME"], &base.folder)
            ),
        ),
        false => (
            "nothing to sign for",
            format!(
                "add a [[chain]], a [[validator]] and a [[providers.{}]]; see tmkms.toml.example",
                written.backend_of_choice()
            ),
        ),
    };
    Problem::at(0..0, "there is no [[chain]]", label, help)
}

/// What a chain may not ask of a key that signs votes and proposals only.
fn votes_only(chain: &Chain, id: &ChainId, problems: &mut Vec<Problem>) {
    let written = chain.sign_extensions.as_ref();
    if written.is_none_or(|found| found.value != SignExtensions::Never) {
        problems.push(Problem::at(
            written.map_or(chain.span.clone(), |found| found.span.clone()),
            format!("the key of {id} cannot sign vote extensions"),
            "this [[chain]] would have them signed",
            "write `sign_extensions = false` if the chain has none (its nodes halt otherwise); a chain that has them needs \
             another kind of key than a Ledger",
        ));
    }
    if let Some(span) = chain.raw_span.clone() {
        problems.push(Problem::at(
            span,
            format!("the key of {id} cannot sign raw bytes"),
            "a Ledger signs votes and proposals only",
            "remove the line, or use another kind of key",
        ));
    }
}

/// What a chain whose key is a share cannot have besides.
fn shares_alone(chain: &Chain, id: &ChainId, keys: usize, problems: &mut Vec<Problem>) {
    if chain.store.value == StoreKind::Etcd {
        problems.push(Problem::at(
            chain.store.span.clone(),
            "`store = \"etcd\"` does not go with shares of a key",
            "each member has a watermark of its own",
            "remove the line: the members keep each other from signing twice, and etcd would only make every vote slower",
        ));
    }
    if keys > 1 {
        problems.push(Problem::at(
            chain
                .id
                .as_ref()
                .map_or(chain.span.clone(), |id| id.span.clone()),
            format!("{id} has a share of a key, and another key"),
            "shares sign for their chain at every height",
            "keep the [[providers.cosign]] and remove the chain from all other sections, or the other way round",
        ));
    }
}

fn chain_config(
    chain: &Chain,
    id: ChainId,
    key: Arc<dyn KeySource>,
    state_file: StatePath,
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
        older_state_files: Vec::new(),
        id,
        key,
        activation_height: None,
        replaced_at: None,
        later: Vec::new(),
        one_of_several: false,
        state_places: Vec::new(),
        pause_beside: PathBuf::new(),
        key_format: chain.key_format.clone(),
        state_file,
        etcd: None,
        allow_ephemeral_state: chain.allow_ephemeral_state,
        lock_dir: None,
        gate: Settings {
            sign_extensions: chain
                .sign_extensions
                .as_ref()
                .map(|found| found.value)
                .unwrap_or_default(),
            rate,
        },
        raw: chain.raw.clone(),
        sticky: chain.sticky,
        state_hook: chain.state_hook.clone(),
        rpc: RpcSettings::default(),
        guard: GuardSettings::default(),
        nodes: Vec::new(),
        commands: base.commands.clone(),
    }
}

/// The older program resolved paths against its working directory, and had another default.
fn older_state_files(chain: &Chain, id: &ChainId, base: &Base) -> Vec<PathBuf> {
    let default = format!("{id}_priv_validator_state.json");
    match &chain.state_file {
        Some(written) => vec![PathBuf::from(&written.value)],
        None => vec![PathBuf::from(&default), base.in_folder(&default)],
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

fn names(validator: &Validator, id: &ChainId) -> bool {
    validator
        .chain_id
        .as_ref()
        .is_some_and(|found| found.value == id.as_str())
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
