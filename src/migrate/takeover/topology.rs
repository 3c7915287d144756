//! Who else may have signed with a key that is taken over: one file is seldom the whole story.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::ChainConfig;
use crate::gate::store::file::StateFile;
use crate::os::files::bounded;

use crate::migrate::foreign::LONGEST;

/// The question where a remote signer served the node.
pub(super) const QUESTION: &str = "Is the remote signer of this node, and whatever else signed with this key, stopped for \
                                   good on every host, and is the highest of their states among these?";

/// Of a chain with several nodes: there may have been a signer for each.
pub(super) fn several_nodes(chain: &ChainConfig) -> Option<String> {
    let nodes: Vec<String> = chain
        .nodes
        .iter()
        .map(|node| node.address.to_string())
        .collect();
    (nodes.len() > 1).then(|| {
        format!(
            "this program will sign for {} nodes ({}); if there was another signer for any of them, stop that for good, too, \
             and bring its state here with `{}`: the highest counts",
            nodes.len(),
            nodes.join(", "),
            chain.commands.import(&chain.id, Path::new("FILE"))
        )
    })
}

/// Of a node that waits for a remote signer: its own state is not what was signed last.
pub(super) fn remote_signer(
    node: Option<&Path>,
    states: &[PathBuf],
    place: &StateFile,
) -> Option<String> {
    let home = match node {
        Some(home) => home.to_owned(),
        None => states.iter().find_map(|state| home_of(state))?,
    };
    let config = home.join("config/config.toml");
    let address = listens(&config)?;
    let (commands, chain) = (&place.commands, &place.chain_id);
    Some(format!(
        "{} sets `priv_validator_laddr = \"{address}\"`: unless that is for this program, a remote signer has signed for this \
         node, may still run, here or on another host, and its state is above what lies here. Stop it for good, and bring \
         its state here with `{}`, or look up the last height that this key signed and run `{}`",
        config.display(),
        commands.import(chain, Path::new("FILE")),
        commands.line(["state", "raise", chain.as_str(), "--height", "H"])
    ))
}

/// The home of a node whose state lies in the usual folder.
fn home_of(state: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(state).ok()?.parent()?.to_owned();
    folder
        .ends_with("data")
        .then(|| folder.parent().map(Path::to_owned))
        .flatten()
}

/// Where a node waits for a signer, if it does.
fn listens(config: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Settings {
        priv_validator_laddr: String,
    }
    let text = String::from_utf8(bounded::read(config, LONGEST).ok()?).ok()?;
    let settings: Settings = toml::from_str(&text).ok()?;
    Some(settings.priv_validator_laddr).filter(|address| !address.trim().is_empty())
}
