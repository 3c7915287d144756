//! Where the state of a key lies.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::consensus::{ChainId, PublicKey};

/// Where the state of a key lies: the file that was named, or, for a key that takes over at a height, one that is named after
/// the key, which is known once it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatePath {
    /// This file, absolute or relative to the working directory.
    At(PathBuf),
    /// `CHAIN-ADDRESS.json` in this folder.
    OfAddress {
        /// The folder.
        folder: PathBuf,
        /// The chain.
        chain: ChainId,
    },
}

impl StatePath {
    /// The file for this key.
    pub fn of(&self, key: &PublicKey) -> PathBuf {
        match self {
            Self::At(path) => path.clone(),
            Self::OfAddress { folder, chain } => {
                folder.join(format!("{chain}-{}.json", key.address()))
            }
        }
    }

    /// The file, where it does not depend on the key.
    pub fn fixed(&self) -> Option<&Path> {
        match self {
            Self::At(path) => Some(path),
            Self::OfAddress { .. } => None,
        }
    }

    /// The files that may be it: the one that was named, or those there are that are named after a key.
    pub fn candidates(&self) -> Vec<PathBuf> {
        let (folder, chain) = match self {
            Self::At(path) => return vec![path.clone()],
            Self::OfAddress { folder, chain } => (folder, chain),
        };
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| is_after_a_key(path, chain))
            .collect();
        found.sort();
        found
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        match self {
            Self::At(path) => path.parent().unwrap_or(Path::new("")),
            Self::OfAddress { folder, .. } => folder,
        }
    }

    /// The file for this key, or the path with the word `ADDRESS` where the key is not known.
    pub fn shown(&self, key: Option<&PublicKey>) -> String {
        key.map_or_else(
            || self.to_string(),
            |key| self.of(key).display().to_string(),
        )
    }
}

/// Whether a file is named `CHAIN-ADDRESS.json`.
fn is_after_a_key(path: &Path, chain: &ChainId) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let address = name
        .and_then(|name| name.strip_suffix(".json"))
        .and_then(|name| name.strip_prefix(chain.as_str()))
        .and_then(|name| name.strip_prefix('-'));
    address.is_some_and(|address| {
        address.len() == 40 && address.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

impl fmt::Display for StatePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(path) => path.display().fmt(f),
            Self::OfAddress { folder, chain } => folder
                .join(format!("{chain}-ADDRESS.json"))
                .display()
                .fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_its_key_unless_it_has_a_name_of_its_own() {
        let key = PublicKey::Ed25519([7; 32]);
        let named = StatePath::At("state/a.json".into());
        assert_eq!(named.of(&key), Path::new("state/a.json"));
        assert_eq!(named.shown(None), "state/a.json");
        let after = StatePath::OfAddress {
            folder: "state".into(),
            chain: "test-1".parse().unwrap(),
        };
        let path = format!("state/test-1-{}.json", key.address());
        assert_eq!(after.of(&key), Path::new(&path));
        assert_eq!(after.shown(Some(&key)), path);
        assert_eq!(after.shown(None), "state/test-1-ADDRESS.json");
        assert_eq!((after.fixed(), after.folder()), (None, Path::new("state")));
        let chain = "test-1".parse().unwrap();
        assert!(is_after_a_key(Path::new(&path), &chain));
        for other in [
            "state/test-1-consensus.json",
            "state/test-10-0000000000000000000000000000000000000000.json",
            "state/test-1-0000000000000000000000000000000000000000.json.paused",
        ] {
            assert!(!is_after_a_key(Path::new(other), &chain), "{other}");
        }
    }
}
