//! What a valid file means.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::backends::KeySource;
use crate::consensus::key_text::KeyFormat;
use crate::consensus::{ChainId, Height, Hrs, PublicKey};
use crate::gate;
use crate::gate::pause::PauseFile;
use crate::gate::store;
use crate::gate::store::file::StateFile;
use crate::gate::watermark::Watermark;
use crate::gate::word::settings::GuardSettings;
use crate::link::Timeouts;
use crate::os::pair_lock::Scopes;
use crate::remedy::Commands;
use crate::rpc::RpcSettings;
use crate::secret_file::{SecretSource, Variable};

use super::error::{KeyNotOpened, WrongConfig};
use super::node_address::NodeAddress;
use super::sections::log::Log;
use super::sections::metrics::Metrics;
use super::sections::state_hook::StateHook;
use super::state_path::StatePath;

/// What a valid file means.
pub struct Config {
    /// The chains, in the order of the file; at least one.
    pub chains: Vec<ChainConfig>,
    /// The file as it was named.
    pub name: String,
    /// Where the service answers `tmkms status`.
    pub control: PathBuf,
    /// What is served to Prometheus.
    pub metrics: Metrics,
    /// How much is logged, and for whom.
    pub log: Log,
    /// Worth saying, and no reason to stop; rendered with their places.
    pub warnings: Vec<String>,
    /// The same, each in one line.
    pub warning_lines: Vec<String>,
    /// The commands of this program for this file, as messages print them.
    pub commands: Commands,
    /// The variables in which its secrets are: every `env:NAME`.
    pub variables: Vec<Variable>,
    /// What is said of the nodes whose address is to be in a variable and is not; rendered with their places.
    pub(super) without_address: Option<WrongConfig>,
}

/// One chain with its key and nodes.
#[derive(Clone)]
pub struct ChainConfig {
    /// The chain id.
    pub id: ChainId,
    /// How to open the key.
    pub key: Arc<dyn KeySource>,
    /// How the key is shown.
    pub key_format: KeyFormat,
    /// The height from which on this key signs; `None` for the key that signs from the first height on.
    pub activation_height: Option<Height>,
    /// The height from which on the key after this one signs; `None` for the last one.
    pub replaced_at: Option<Height>,
    /// The keys that take over from this one, by rising heights. Each is the same chain with another key and another state,
    /// without nodes and without keys after it.
    pub later: Vec<ChainConfig>,
    /// Whether this is one of several keys.
    pub one_of_several: bool,
    /// Where the state lies.
    pub state_file: StatePath,
    /// Where states of this chain's keys lie, or lie where nothing else is said: those of all of its keys, the chain's own and
    /// both defaults. One key has one state, so a second one of it would lie there.
    pub state_places: Vec<StatePath>,
    /// A pause is kept beside this path, whichever key signs.
    pub pause_beside: PathBuf,
    /// Where an older program may have kept the state: named in messages, never used.
    pub older_state_files: Vec<PathBuf>,
    /// Where the watermark is shared with other hosts; `None` where the state file is all there is.
    pub etcd: Option<Arc<store::etcd::EtcdSettings>>,
    /// Any file system will do for the state.
    pub allow_ephemeral_state: bool,
    /// A folder that every signer of this host locks chain and key in, whatever container it is in.
    pub lock_dir: Option<PathBuf>,
    /// Extensions and token bucket.
    pub gate: gate::Settings,
    /// Signatures of raw bytes, where the operator allowed them.
    pub raw: Option<gate::raw::RawPolicy>,
    /// The chain is served to one node at a time, and to another when that one was silent for so long; `None`: to all of them.
    pub sticky: Option<Duration>,
    /// What says how high the chain is when it is armed.
    pub state_hook: Option<StateHook>,
    /// Where the chain itself is asked whether our votes are in its commits.
    pub rpc: RpcSettings,
    /// What follows from that.
    pub guard: GuardSettings,
    /// The nodes that may ask; at least one.
    pub nodes: Vec<NodeConfig>,
    /// The commands of this program for this file, as messages print them.
    pub commands: Commands,
}

impl Config {
    /// Each key of each chain: see [`ChainConfig::keys`].
    pub fn keys(&self) -> impl Iterator<Item = &ChainConfig> {
        self.chains.iter().flat_map(ChainConfig::keys)
    }

    /// The key of which this is the state.
    pub fn key_of(&self, place: &StateFile) -> Option<&ChainConfig> {
        let mut keys = self.keys();
        keys.find(|key| {
            key.id == place.chain_id && key.state_file.of(&place.public_key) == place.path
        })
    }
}

impl ChainConfig {
    /// Where the state of this chain and of the key that was opened for it lies.
    pub fn place(&self, public_key: PublicKey) -> StateFile {
        StateFile {
            chain_id: self.id.clone(),
            public_key: public_key.clone(),
            // One that was not read yet is that of no member.
            share: (self.key.traits().is_share).then(|| self.key.share_id().unwrap_or_default()),
            path: self.state_file.of(&public_key),
            allow_ephemeral: self.allow_ephemeral_state,
            scopes: Scopes {
                key_file: self
                    .key
                    .traits()
                    .file
                    .as_ref()
                    .map(|file| file.path.clone()),
                lock_dir: self.lock_dir.clone(),
            },
            shared: self.etcd.is_some(),
            commands: match self.one_of_several {
                true => self.commands.of_key(public_key.address()),
                false => self.commands.clone(),
            },
        }
    }

    /// The watermark of this key where it never signed: what is below its first height is the key's before it.
    pub fn unsigned(&self) -> Watermark {
        let from = self.activation_height.map(Height::get);
        let before = from.and_then(|from| Height::new(from.saturating_sub(1)));
        before.map_or(Watermark::Never, |height| {
            Watermark::UpTo(Hrs::end_of(height))
        })
    }

    /// Where a pause of this chain is kept.
    pub fn pause_file(&self) -> PauseFile {
        PauseFile::beside(&self.pause_beside, &self.id, &self.commands)
    }

    /// Each key of the chain, as if it were the only one, in the order in which they sign.
    pub fn keys(&self) -> impl Iterator<Item = &ChainConfig> {
        std::iter::once(self).chain(&self.later)
    }

    /// The same, with the key looked at for its public half.
    pub fn place_of_key(&self) -> Result<StateFile, KeyNotOpened> {
        let seen = self.key.inspect().map_err(|source| KeyNotOpened {
            chain: self.id.clone(),
            source,
        })?;
        Ok(self.place(seen.public_key))
    }
}

/// One `[[validator]]`: a node to dial.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Where it listens.
    pub address: NodeAddress,
    /// Our identity on a TCP link; none on a Unix socket, whatever `secret_key` says there.
    pub identity: Option<SecretSource>,
    /// Dial again when the link ends.
    pub reconnect: bool,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Refuse heights above.
    pub max_height: Option<Height>,
}
