//! horcrux: `config.yaml` in its home. Facts: `signer/config.go` of github.com/strangelove-ventures/horcrux, v3.

use std::collections::BTreeSet;
use std::path::Path;

use saphyr::Yaml;

use crate::backends::is_here;
use crate::config::member_section::host_and_port;
use crate::consensus::KeyType;
use crate::migrate::candidate::Candidate;
use crate::migrate::foreign::Format;
use crate::os::files::paths::{absolute, folder_of};
use crate::remedy::{CommandLine, Commands};
use crate::secret_file::{self, SecretSource};
use crate::shares::{Quorum, Shard};

use super::error::SourceError;
use super::new_config::{ChainText, KeyText, NewConfig, ShareText};
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
    let cluster = Cluster::of(root);
    if let Some(cluster) = &cluster {
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
        let is_split = !key.is_file() && json;
        let shard = keys.join(format!("{id}{SHARD}"));
        let share = match cluster.as_ref().filter(|_| is_split && is_here("cosign")) {
            Some(cluster) => cluster.share(&id, &shard, at),
            None => None,
        };
        if is_split {
            let recover = [
                "cosign",
                "recover",
                "SHARD1",
                "SHARD2",
                &recovered.to_string_lossy(),
            ];
            let recover = CommandLine::without_config(recover);
            source.notes.push(match &share {
                Some(share) => format!(
                    "[{id}] this host becomes member {} of {}, of which {} sign together; to sign with the whole key on one host instead, \
                     put it together from the shards of enough cosigners with `{recover}` first",
                    share.own,
                    share.quorum.members(),
                    share.quorum.threshold()
                ),
                None => format!(
                    "[{id}] its key is split into shards; bring the whole key (the backup it was split from) to {}, or put it together \
                     from the shards of enough cosigners with `{recover}`",
                    key.display(),
                ),
            });
        }
        let whole = || KeyText::File {
            path: if json { key } else { recovered },
            json,
            key_type: KeyType::Ed25519,
        };
        chains.push(ChainText {
            id: id.clone(),
            key: share.map_or_else(whole, KeyText::Share),
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
    /// The same with their ids, where each has one and an address.
    places: Vec<(u16, String, u16)>,
}

impl Cluster {
    /// `None` where this is the only signer.
    fn of(root: &Yaml<'_>) -> Option<Self> {
        let mode = root.as_mapping_get("thresholdMode")?;
        let members: Vec<String> = list(mode, "cosigners")
            .into_iter()
            .filter_map(|member| text(member, "p2pAddr"))
            .collect();
        let place = |member: &_| {
            let id = text(member, "shardID")?.parse().ok()?;
            let (host, port) = host_and_port(&text(member, "p2pAddr")?).ok()?;
            Some((id, host, port))
        };
        let mut places: Vec<_> = list(mode, "cosigners")
            .into_iter()
            .filter_map(place)
            .collect();
        places.sort_unstable();
        (members.len() > 1).then_some(Self {
            threshold: text(mode, "threshold"),
            members,
            places,
        })
    }

    /// This host as a member: of the chain with this shard, the one so many places behind the first. Each chain has a key, and so a
    /// port, of its own, the same one on all hosts: the chains stand in the order of their ids. `None` where the shards cannot sign so:
    /// half of them are enough, or the shard is damaged or of somebody who is not among them.
    fn share(&self, chain: &str, shard: &Path, place: usize) -> Option<ShareText> {
        let quorum = Quorum::new(
            self.threshold.as_ref()?.parse().ok()?,
            u16::try_from(self.members.len()).ok()?,
        );
        let quorum = quorum.ok()?;
        let read =
            Shard::from_json(&secret_file::contents(&SecretSource::File(shard.to_owned())).ok()?);
        let read = read.ok()?;
        let own = u16::try_from(read.id).ok()?;
        let behind = u16::try_from(place).ok()?;
        let moved = |(id, host, port): &(u16, String, u16)| {
            Some((*id, host.clone(), port.checked_add(behind)?))
        };
        let places: Vec<_> = self.places.iter().filter_map(moved).collect();
        let ids = places.iter().map(|(id, ..)| *id);
        if !ids.eq(1..=quorum.members()) || !(1..=quorum.members()).contains(&own) {
            return None;
        }
        let own = (own, read.public_share());
        Some(ShareText::new(chain, shard.to_owned(), quorum, own, places))
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
