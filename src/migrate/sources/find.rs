//! Whose files lie at a path, and where the state of each chain is.

use std::path::Path;

use crate::config::Config;
use crate::migrate::candidate::Candidate;
use crate::migrate::foreign::{self, Format, LONGEST};
use crate::os::files::bounded;
use crate::os::files::paths::same_file;
use crate::remedy::Commands;

use super::cosmos_kms;
use super::error::SourceError;
use super::horcrux;
use super::node::node;
use super::old_signer::OldSigner;
use super::source::Source;

/// Looks at a home, a configuration or a state file.
pub fn find(
    from: Option<OldSigner>,
    path: &Path,
    ours: &Path,
    chain: Option<&str>,
) -> Result<Source, SourceError> {
    if !path.exists() {
        return Err(SourceError::Missing(path.to_owned()));
    }
    let kind = match from.or_else(|| tell(path)) {
        Some(kind) => kind,
        None if path.is_file() => return one_file(path, None, ours, chain),
        None => return Err(SourceError::NoHome(path.to_owned())),
    };
    match kind {
        OldSigner::Tmkms => match is_state(path) {
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
        OldSigner::Cometbft => match path.is_dir() {
            true => node(path, chain, &Commands::with_config(ours)),
            false => one_file(path, Some(Format::Cometbft), ours, chain),
        },
        OldSigner::Horcrux => match is_state(path) {
            true => one_file(path, Some(Format::Horcrux), ours, chain),
            false => horcrux::find(path, &Commands::with_config(ours)),
        },
        OldSigner::CosmosKms => match is_state(path) {
            true => one_file(path, Some(Format::Cometbft), ours, chain),
            false => cosmos_kms::find(path),
        },
    }
}

fn tell(path: &Path) -> Option<OldSigner> {
    let has = |name: &str| path.join(name).is_file();
    if path.is_dir() {
        return if has("tmkms.toml") {
            Some(OldSigner::Tmkms)
        } else if has("kms.yaml") {
            Some(OldSigner::CosmosKms)
        } else if has("data/priv_validator_state.json") || has("config/priv_validator_key.json") {
            Some(OldSigner::Cometbft)
        } else if has("config.yaml") {
            Some(OldSigner::Horcrux)
        } else {
            None
        };
    }
    match path.extension()?.to_str()? {
        "toml" => Some(OldSigner::Tmkms),
        "yaml" | "yml" => Some(match path.file_stem()?.to_str()? {
            "kms" => OldSigner::CosmosKms,
            _ => OldSigner::Horcrux,
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

/// One state file: of the chain that is named, that keeps its state there, whose bytes it holds, or the only one.
fn one_file(
    path: &Path,
    format: Option<Format>,
    ours: &Path,
    chain: Option<&str>,
) -> Result<Source, SourceError> {
    let config = Config::load(ours)?;
    let here = |other: &Path| same_file(path, other);
    let told = foreign::chain_of(&bounded::read(path, LONGEST)?);
    let found = match chain {
        Some(chain) => Some(chain.to_owned()),
        None => config
            .keys()
            .find(|key| key.state_file.candidates().iter().any(|state| here(state)))
            .map(|chain| chain.id.to_string())
            .or(told)
            .or_else(|| match config.chains.as_slice() {
                [one] => Some(one.id.to_string()),
                _ => None,
            }),
    };
    let Some(chain) = found else {
        return Err(SourceError::NoChain(path.to_owned()));
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
