//! The little of YAML that other signers' configurations need.

use std::path::Path;

use saphyr::{LoadableYamlNode, Yaml};

use super::error::SourceError;

/// The longest configuration of another signer that is read, in bytes.
const LONGEST: usize = 1024 * 1024;

/// Reads a YAML file and hands its first document on.
pub(super) fn document<T>(
    file: &Path,
    read: impl FnOnce(&Yaml<'_>) -> T,
) -> Result<T, SourceError> {
    let failed = |why: String| SourceError::OldConfig {
        path: file.to_owned(),
        why,
    };
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    if text.len() > LONGEST {
        return Err(failed("it is longer than any configuration".to_owned()));
    }
    let documents = Yaml::load_from_str(&text).map_err(|error| failed(error.to_string()))?;
    match documents.first() {
        Some(root) if root.is_mapping() => Ok(read(root)),
        _ => Err(failed("it holds no settings".to_owned())),
    }
}

/// The entries of a list, none where there is no such list.
pub(super) fn list<'a, 'b>(node: &'a Yaml<'b>, key: &str) -> Vec<&'a Yaml<'b>> {
    node.as_mapping_get(key)
        .and_then(|value| value.as_vec())
        .map(|values| values.iter().collect())
        .unwrap_or_default()
}

/// A text or a number, as text.
pub(super) fn text(node: &Yaml<'_>, key: &str) -> Option<String> {
    let value = node.as_mapping_get(key)?;
    value
        .as_str()
        .map(str::to_owned)
        .or_else(|| value.as_integer().map(|number| number.to_string()))
        .filter(|text| !text.is_empty())
}
