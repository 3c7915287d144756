//! The configuration: what was written (`file`), all that is wrong with it at once (`check`), and what it means
//! ([`Config`]).

mod check;
mod etcd;
mod file;
mod metrics;
mod nodes;
mod keys;
mod permissions;
mod report;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backends::{Base, KeySource, OpenKeyError};
use crate::consensus::key_text::KeyFormat;
use crate::consensus::{ChainId, Height, PublicKey};
use crate::gate;
use crate::gate::store;
use crate::gate::store::file::StateFile;
use crate::link::{Address, Timeouts};
use crate::os::files::paths::absolute;
use crate::os::files::replace::folder_of;
use crate::os::files::strangers::Exposed;
use crate::os::pair_lock::Scopes;
use crate::remedy::Commands;
use crate::secret_file::{SecretSource, Variable, Variables};
use crate::settings::{Problem, TableReader};

pub use metrics::Metrics;

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
    /// Worth saying, and no reason to stop; rendered with their places.
    pub warnings: Vec<String>,
    /// The same, each in one line.
    pub warning_lines: Vec<String>,
    /// The commands of this program for this file, as messages print them.
    pub commands: Commands,
    /// The variables in which its secrets are: every `env:NAME`.
    pub variables: Vec<Variable>,
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
    pub etcd: Option<Arc<store::etcd::Settings>>,
    /// Any file system will do for the state.
    pub allow_ephemeral_state: bool,
    /// A folder that every signer of this host locks chain and key in, whatever container it is in.
    pub lock_dir: Option<PathBuf>,
    /// Extensions and token bucket.
    pub gate: gate::Settings,
    /// Signatures of raw bytes, where the operator allowed them.
    pub raw: Option<gate::raw::RawPolicy>,
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
                key_file: self.key.file().map(|file| file.path.to_owned()),
                lock_dir: self.lock_dir.clone(),
            },
            shared: self.etcd.is_some(),
            commands: self.commands.clone(),
        }
    }

    /// The same, with the key opened for its public half.
    pub fn place_of_key(&self) -> Result<StateFile, KeyNotOpened> {
        let (signer, _) = self.key.open().map_err(|source| KeyNotOpened {
            chain: self.id.clone(),
            source,
        })?;
        Ok(self.place(signer.public_key()))
    }
}

/// A key could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the key of chain {chain} cannot be opened: {source}")]
pub struct KeyNotOpened {
    /// The chain.
    pub chain: ChainId,
    /// What the backend said.
    pub source: OpenKeyError,
}

/// One `[[validator]]`: a node to dial.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Where it listens.
    pub address: Address,
    /// Our identity on TCP links.
    pub identity: Option<SecretSource>,
    /// Dial again when the link ends.
    pub reconnect: bool,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Refuse heights above.
    pub max_height: Option<Height>,
}

/// The file cannot be used. Exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error(
        "the configuration {} cannot be read: {source}; name it with `-c PATH` or in TMKMS_CONFIG_FILE", path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Everybody may change it.
    #[error("the configuration {} is not used, because it is not safe: {exposed}", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Why, and the remedy.
        exposed: Exposed,
    },
    /// It is wrong; all problems with their places, rendered.
    #[error("{0}")]
    Wrong(String),
}

impl Config {
    /// Reads a file; a pipe will do, too.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_with(path, Variables::default())
    }

    /// The same, where values of variables were handed over.
    pub fn load_with(path: &Path, variables: Variables) -> Result<Self, ConfigError> {
        let (text, mut base, mut exposed) = open(path)?;
        base.variables = variables;
        let mut config = Self::read(&text, &path.display().to_string(), &base)?;
        exposed.extend(permissions::around(&config));
        config.warnings.extend(exposed.iter().cloned());
        config.warning_lines.extend(exposed);
        Ok(config)
    }

    /// What a text would mean as the file at `path`, which may not be there yet.
    pub fn read_for(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let folder = folder_of(path);
        let base = Base {
            folder: absolute(folder),
            home: user_home(),
            commands: Commands::with_config(path),
            ..Base::default()
        };
        Self::read(text, &path.display().to_string(), &base)
    }

    /// Reads a text that is called `name`.
    pub fn read(text: &str, name: &str, base: &Base) -> Result<Self, ConfigError> {
        let (written, mut problems) = file::read(text, base);
        let mut warnings = Vec::new();
        let meant = written.map(|written| {
            let control = match &written.control {
                Some(path) => base.path(path, &mut problems).unwrap_or_default(),
                None => base.in_folder(&control_name(name)),
            };
            let metrics = metrics::metrics(&written, base, &mut problems, &mut warnings);
            let chains = check::check(written, base, &mut problems, &mut warnings);
            (chains, control, metrics)
        });
        match meant {
            Some((chains, control, metrics)) if problems.is_empty() => {
                let warning_lines = warnings
                    .iter()
                    .map(|warning| report::line(text, name, warning))
                    .collect();
                let warnings = warnings
                    .iter()
                    .map(|warning| report::warning(text, name, warning))
                    .collect();
                let name = name.to_owned();
                Ok(Self {
                    chains,
                    name,
                    control,
                    metrics,
                    warnings,
                    warning_lines,
                    commands: base.commands.clone(),
                    variables: base.variables.all_named(),
                })
            }
            _ => Err(ConfigError::Wrong(report::errors(
                text,
                name,
                &mut problems,
            ))),
        }
    }
}

/// Reads the sections of one backend alone, for its commands: before a device is set up there may be no chain.
pub fn providers<T>(
    path: &Path,
    backend: &'static str,
    mut read: impl FnMut(&mut TableReader<'_>, &Base, &mut Vec<Problem>) -> Option<T>,
) -> Result<Vec<T>, ConfigError> {
    let (text, base, _) = open(path)?;
    let mut problems = Vec::new();
    let found = file::sections_of(&text, backend, &mut problems, |section, problems| {
        read(section, &base, problems)
    });
    match problems.is_empty() {
        true => Ok(found),
        false => Err(ConfigError::Wrong(report::errors(
            &text,
            &path.display().to_string(),
            &mut problems,
        ))),
    }
}

/// A file's text, what its paths are relative to, and warnings about who can change or read it.
fn open(path: &Path) -> Result<(String, Base, Vec<String>), ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(unreadable)?;
    let judged = permissions::judge(path, &file, &text).map_err(unreadable)?;
    let warnings = judged.map_err(|exposed| ConfigError::Exposed {
        path: path.to_owned(),
        exposed,
    })?;
    let home = user_home();
    // A pipe has no folder of its own, so its paths are relative to the working directory.
    let place = if is_place(path) {
        path
    } else {
        Path::new("tmkms.toml")
    };
    let place = std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
    let base = Base {
        folder: place.parent().unwrap_or(Path::new(".")).to_owned(),
        home,
        commands: commands(path),
        variables: Variables::default(),
    };
    Ok((text, base, warnings))
}

/// The home folder of whoever runs this, as `HOME` says.
pub fn user_home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

/// The commands for the configuration at `path`, which may be relative to the working directory.
pub fn commands(path: &Path) -> Commands {
    match is_place(path) {
        true => Commands::with_config(path),
        // What came through a pipe cannot be named again.
        false => Commands::of_any_config(),
    }
}

/// Whether a file lies there that a command can name again: no pipe, and no `/dev/stdin`, which may be a link to a file.
pub fn is_place(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file())
        && !["/dev", "/proc"].iter().any(|root| path.starts_with(root))
}

/// `hub.toml` is answered for on `hub.sock`, so that two services may share a folder.
fn control_name(file: &str) -> String {
    let stem = Path::new(file)
        .file_name()
        .and_then(|name| name.to_str()?.strip_suffix(".toml"));
    format!("{}.sock", stem.unwrap_or("tmkms"))
}
