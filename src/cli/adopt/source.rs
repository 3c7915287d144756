//! Whose files lie at a path, and where the state of each chain is.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::Config;
use crate::gate::foreign::{self, Format};
use crate::remedy::Commands;

use super::super::report::Failure;
use super::write::Written;
use super::{Candidate, From, cosmos_kms, horcrux, same_file};

/// What another signer leaves behind.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The format that the operator named, for all state files.
    pub format: Option<Format>,
    /// The chains; `None`: those of the configuration.
    pub chains: Option<Vec<Candidate>>,
    /// The configuration to use, where it is the old signer's own.
    pub config: Option<PathBuf>,
    /// A configuration of ours with the same meaning as the old signer's, to be written where there is none.
    pub written: Option<Written>,
    /// The home of a node.
    pub node_home: Option<PathBuf>,
    /// The key that a node has itself.
    pub node_key: Option<PathBuf>,
    /// The question before anything is changed, where it is not the usual one.
    pub question: Option<String>,
    /// For the operator.
    pub notes: Vec<String>,
}

/// Looks at a home, a configuration or a state file.
pub(super) fn find(
    from: Option<From>,
    path: &Path,
    ours: &Path,
    chain: Option<&str>,
) -> Result<Source, Failure> {
    if !path.exists() {
        return Err(Failure::new(format!("there is no {}", path.display())));
    }
    let kind = match from.or_else(|| tell(path)) {
        Some(kind) => kind,
        None if path.is_file() => return one_file(path, None, ours, chain),
        None => {
            return Err(Failure::new(format!(
                "{} is no home of a signer or node: no tmkms.toml, kms.yaml, config.yaml or config/priv_validator_key.json",
                path.display()
            ))
            .hint("name the home, the configuration or one state file; `--from` says whose it is"));
        }
    };
    match kind {
        From::Tmkms => match is_state(path) {
            true => one_file(path, Some(Format::Tmkms), ours, chain),
            false => {
                let config = match path.is_dir() {
                    true => path.join("tmkms.toml"),
                    false => path.to_owned(),
                };
                Ok(Source {
                    config: Some(config),
                    ..Source::default()
                })
            }
        },
        From::Cometbft => match path.is_dir() {
            true => node(path, chain, &Commands::with_config(ours)),
            false => one_file(path, Some(Format::Cometbft), ours, chain),
        },
        From::Horcrux => match is_state(path) {
            true => one_file(path, Some(Format::Horcrux), ours, chain),
            false => horcrux::find(path, &Commands::with_config(ours)),
        },
        From::CosmosKms => match is_state(path) {
            true => one_file(path, Some(Format::Cometbft), ours, chain),
            false => cosmos_kms::find(path),
        },
    }
}

fn tell(path: &Path) -> Option<From> {
    let has = |name: &str| path.join(name).is_file();
    if path.is_dir() {
        return if has("tmkms.toml") {
            Some(From::Tmkms)
        } else if has("kms.yaml") {
            Some(From::CosmosKms)
        } else if has("data/priv_validator_state.json") || has("config/priv_validator_key.json") {
            Some(From::Cometbft)
        } else if has("config.yaml") {
            Some(From::Horcrux)
        } else {
            None
        };
    }
    match path.extension()?.to_str()? {
        "toml" => Some(From::Tmkms),
        "yaml" | "yml" => Some(match path.file_stem()?.to_str()? {
            "kms" => From::CosmosKms,
            _ => From::Horcrux,
        }),
        _ => None,
    }
}

/// Whether it is a state file rather than a home or a configuration.
fn is_state(path: &Path) -> bool {
    path.is_file()
        && !["toml", "yaml", "yml"]
            .iter()
            .any(|end| path.extension().is_some_and(|found| found == *end))
}

/// A node's home: one chain, named in its genesis file.
fn node(home: &Path, chain: Option<&str>, commands: &Commands) -> Result<Source, Failure> {
    #[derive(Deserialize)]
    struct Genesis {
        chain_id: String,
    }
    let files = NodeFiles::of(home)?;
    let id = match chain {
        Some(chain) => chain.to_owned(),
        None => {
            File::open(&files.genesis)
                .map_err(|error| error.to_string())
                .and_then(|file| {
                    serde_json::from_reader::<_, Genesis>(BufReader::new(file))
                        .map_err(|error| error.to_string())
                })
                .map_err(|error| {
                    Failure::new(format!(
                        "the chain id cannot be read from {}: {error}",
                        files.genesis.display()
                    ))
                    .hint("say it with `--chain ID`")
                })?
                .chain_id
        }
    };
    let trouble = (!files.state.is_file()).then(|| {
        format!(
            "there is no {}; say the last height this key signed with `{}`",
            files.state.display(),
            commands.init_height(&id)
        )
    });
    Ok(Source {
        chains: Some(vec![Candidate {
            chain: id,
            states: vec![files.state],
            format: Some(Format::Cometbft),
            trouble,
        }]),
        node_home: Some(home.to_owned()),
        node_key: Some(files.key).filter(|path| path.is_file()),
        ..Source::default()
    })
}

/// Where a node has its files: as `config/config.toml` says, or as CometBFT does by default.
struct NodeFiles {
    genesis: PathBuf,
    key: PathBuf,
    state: PathBuf,
}

impl NodeFiles {
    fn of(home: &Path) -> Result<Self, Failure> {
        #[derive(Default, Deserialize)]
        struct Settings {
            genesis_file: Option<PathBuf>,
            priv_validator_key_file: Option<PathBuf>,
            priv_validator_state_file: Option<PathBuf>,
        }
        let path = home.join("config/config.toml");
        let settings: Settings = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Settings::default(),
            read => read
                .map_err(|error| error.to_string())
                .and_then(|text| toml::from_str(&text).map_err(|error| error.to_string()))
                .map_err(|error| {
                    Failure::new(format!("{} cannot be read: {error}", path.display()))
                        .hint("name the node's state file itself instead of its home")
                })?,
        };
        let file = |named: Option<PathBuf>, usual: &str| home.join(named.unwrap_or(usual.into()));
        Ok(Self {
            genesis: file(settings.genesis_file, "config/genesis.json"),
            key: file(
                settings.priv_validator_key_file,
                "config/priv_validator_key.json",
            ),
            state: file(
                settings.priv_validator_state_file,
                "data/priv_validator_state.json",
            ),
        })
    }
}

/// One state file: of the chain that is named, that keeps its state there, whose bytes it holds, or the only one.
fn one_file(
    path: &Path,
    format: Option<Format>,
    ours: &Path,
    chain: Option<&str>,
) -> Result<Source, Failure> {
    let config = Config::load(ours).map_err(Failure::usage)?;
    let here = |other: &Path| same_file(path, other);
    let told = foreign::chain_of(&super::super::state::read_bounded(path).map_err(Failure::new)?);
    let found = match chain {
        Some(chain) => Some(chain.to_owned()),
        None => config
            .chains
            .iter()
            .find(|chain| here(&chain.state_file))
            .map(|chain| chain.id.to_string())
            .or(told)
            .or_else(|| match config.chains.as_slice() {
                [one] => Some(one.id.to_string()),
                _ => None,
            }),
    };
    let Some(chain) = found else {
        return Err(Failure::new(format!(
            "{} does not say which chain it belongs to",
            path.display()
        ))
        .hint("say it with `--chain ID`"));
    };
    Ok(Source {
        chains: Some(vec![Candidate {
            chain,
            states: vec![path.to_owned()],
            format,
            trouble: None,
        }]),
        ..Source::default()
    })
}
