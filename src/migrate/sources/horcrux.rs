//! horcrux: `config.yaml` in its home. Facts: `signer/config.go` of github.com/strangelove-ventures/horcrux, v3.

use std::collections::BTreeSet;
use std::path::Path;

use saphyr::Yaml;

use crate::consensus::KeyType;
use crate::migrate::candidate::Candidate;
use crate::migrate::foreign::Format;
use crate::os::files::paths::{absolute, folder_of};
use crate::remedy::{CommandLine, Commands};

use super::error::SourceError;
use super::new_config::{ChainText, KeyText, NewConfig};
use super::source::Source;
use super::yaml::{document, list, text};

const KEY: &str = "_priv_validator_key.json";
const SHARD: &str = "_shard.json";
/// A key that was put together from shards.
const RECOVERED: &str = ".key";
const STATES: [&str; 2] = ["_priv_validator_state.json", "_share_sign_state.json"];

/// Reads a home or its `config.yaml`.
pub(super) fn find(path: &Path, commands: &Commands) -> Result<Source, SourceError> {
    let (file, home) = match path.is_dir() {
        true => (path.join("config.yaml"), path.to_owned()),
        false => (path.to_owned(), folder_of(path).to_owned()),
    };
    document(&file, |root| read(root, &home, commands))
}

/// How many of how many cosigners sign, as `config.yaml` of horcrux says; `None` where it is of a single signer.
///
/// # Errors
/// It cannot be read.
pub fn horcrux_quorum(config: &Path) -> Result<Option<(u16, u16)>, SourceError> {
    document(config, |root| {
        let cluster = Cluster::of(root)?;
        let threshold = cluster.threshold?.parse().ok()?;
        Some((threshold, u16::try_from(cluster.members.len()).ok()?))
    })
}

fn read(root: &Yaml<'_>, home: &Path, commands: &Commands) -> Source {
    let home = absolute(home);
    let keys = text(root, "keyDir").map_or_else(|| home.clone(), |folder| home.join(folder));
    let states = home.join("state");
    let mut ids: BTreeSet<String> = BTreeSet::new();
    for (folder, ends) in [(&keys, &[KEY, SHARD][..]), (&states, &STATES[..])] {
        ids.extend(names(folder, ends));
    }
    let nodes: Vec<String> = list(root, "chainNodes")
        .into_iter()
        .filter_map(|node| text(node, "privValAddr"))
        .collect();
    let mut source = Source::default();
    if let Some(cluster) = Cluster::of(root) {
        source.notes.extend(cluster.notes(&ids, commands));
        source.question = Some(cluster.question());
    }
    // horcrux asks each node which chain it is of; its files do not say.
    let guess = ids.len() > 1;
    if guess {
        source.notes.push(format!(
            "horcrux does not keep which of its nodes is of which chain; give each [[validator]] its `chain_id` among {}, \
             and repeat the command",
            ids.iter().cloned().collect::<Vec<_>>().join(", ")
        ));
    }
    let mut chains = Vec::new();
    let mut candidates = Vec::new();
    for (at, id) in ids.into_iter().enumerate() {
        let files: Vec<_> = STATES
            .iter()
            .map(|end| states.join(format!("{id}{end}")))
            .filter(|path| path.is_file())
            .collect();
        let key = keys.join(format!("{id}{KEY}"));
        let trouble = if files.is_empty() {
            Some(format!("there is no state of it in {}", states.display()))
        } else if nodes.is_empty() {
            Some("config.yaml names no `chainNodes`".to_owned())
        } else {
            None
        };
        let recovered = keys.join(format!("{id}{RECOVERED}"));
        let json = key.is_file() || !recovered.is_file();
        if !key.is_file() && json {
            let recover = [
                "cosign",
                "recover",
                "SHARD1",
                "SHARD2",
                &recovered.to_string_lossy(),
            ];
            source.notes.push(format!(
                "[{id}] its key is split into shards; bring the whole key (the backup it was split from) to {}, or put it together \
                 from the shards of enough cosigners with `{}`",
                key.display(),
                CommandLine::without_config(recover)
            ));
        }
        chains.push(ChainText {
            id: id.clone(),
            key: KeyText {
                path: if json { key } else { recovered },
                json,
                key_type: KeyType::Ed25519,
            },
            // The first chain gets them all, with a chain id that has to be filled in.
            nodes: match guess && at > 0 {
                true => Vec::new(),
                false => nodes.clone(),
            },
            nodes_are_known: !guess,
        });
        candidates.push(Candidate {
            chain: id,
            states: files,
            format: Some(Format::Horcrux),
            trouble,
        });
    }
    source.new_config = NewConfig::new("horcrux", &chains);
    source.chains = Some(candidates);
    source
}

/// The cosigners, each of which has a share of the key and a state of its own.
struct Cluster {
    /// How many sign together.
    threshold: Option<String>,
    /// Where they listen to each other.
    members: Vec<String>,
}

impl Cluster {
    /// `None` where this is the only signer.
    fn of(root: &Yaml<'_>) -> Option<Self> {
        let mode = root.as_mapping_get("thresholdMode")?;
        let members: Vec<String> = list(mode, "cosigners")
            .into_iter()
            .filter_map(|member| text(member, "p2pAddr"))
            .collect();
        (members.len() > 1).then_some(Self {
            threshold: text(mode, "threshold"),
            members,
        })
    }

    fn notes(&self, chains: &BTreeSet<String>, commands: &Commands) -> Vec<String> {
        let (members, count) = (self.members.join(", "), self.members.len());
        let threshold = match &self.threshold {
            Some(threshold) => format!("any {threshold} of them sign together"),
            None => "some of them sign together".to_owned(),
        };
        let mut notes = vec![format!(
            "this home is one of {count} cosigners ({members}), and {threshold}, without this one, too: stop all {count} \
             for good, and see that nothing starts them again"
        )];
        notes.extend(chains.iter().map(|chain| {
            format!(
                "[{chain}] the state of this cosigner may be behind the others', and the highest of all counts: before the \
                 start bring each other's state file here and run `{}`, or look up the last height that the cluster signed \
                 and run `{}`",
                commands.import(chain, Path::new("FILE")),
                commands.line(["state", "raise", chain, "--height", "H"])
            )
        }));
        notes
    }

    fn question(&self) -> String {
        format!(
            "Are all {} cosigners stopped for good, and is the highest of their states among these?",
            self.members.len()
        )
    }
}

/// The chain ids in a folder's file names.
fn names(folder: &Path, ends: &[&str]) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| {
            ends.iter()
                .find_map(|end| name.strip_suffix(end))
                .filter(|id| !id.is_empty())
                .map(str::to_owned)
        })
        .collect()
}
