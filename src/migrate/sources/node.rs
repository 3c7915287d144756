//! A node that signs with its own key: its files as `config/config.toml` says, or as CometBFT has them by default.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::migrate::candidate::Candidate;
use crate::migrate::foreign::Format;
use crate::remedy::Commands;

use super::error::SourceError;
use super::source::Source;

/// A node's home: one chain, named in its genesis file.
pub(super) fn node(
    home: &Path,
    chain: Option<&str>,
    commands: &Commands,
) -> Result<Source, SourceError> {
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
                .map_err(|why| SourceError::Genesis {
                    path: files.genesis.clone(),
                    why,
                })?
                .chain_id
        }
    };
    let trouble = (!files.state.is_file()).then(|| {
        format!(
            "{}: no such file; say the last height this key signed with `{}`",
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
    fn of(home: &Path) -> Result<Self, SourceError> {
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
                .map_err(|why| SourceError::NodeConfig {
                    path: path.clone(),
                    why,
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
