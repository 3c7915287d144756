//! What a valid file means.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::backends::KeySource;
use crate::consensus::key_text::KeyFormat;
use crate::consensus::{ChainId, Height, PublicKey};
use crate::gate;
use crate::gate::pause::PauseFile;
use crate::gate::store;
use crate::gate::store::file::StateFile;
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
    /// The state file, absolute or relative to the working directory.
    pub state_file: PathBuf,
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
    /// The nodes that may ask; at least one.
    pub nodes: Vec<NodeConfig>,
    /// The commands of this program for this file, as messages print them.
    pub commands: Commands,
}

impl ChainConfig {
    /// Where the state of this chain and of the key that was opened for it lies.
    pub fn place(&self, public_key: PublicKey) -> StateFile {
        StateFile {
            chain_id: self.id.clone(),
            public_key,
            path: self.state_file.clone(),
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
            commands: self.commands.clone(),
        }
    }

    /// Where a pause of this chain is kept.
    pub fn pause_file(&self) -> PauseFile {
        PauseFile::beside(&self.state_file, &self.id, &self.commands)
    }

    /// The same, with the key opened for its public half.
    pub fn place_of_key(&self) -> Result<StateFile, KeyNotOpened> {
        let opened = self.key.open().map_err(|source| KeyNotOpened {
            chain: self.id.clone(),
            source,
        })?;
        Ok(self.place(opened.signer.public_key()))
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
