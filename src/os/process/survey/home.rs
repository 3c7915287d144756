//! What belongs to a home: its folder and all below it, or one loose file.

use crate::os::files::paths::absolute;
use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Files by which a folder is known as the home of a node or signer.
const MARKS: [&str; 8] = [
    "tmkms.toml",
    "kms.yaml",
    "config.yaml",
    "config/config.toml",
    "config/genesis.json",
    "config/priv_validator_key.json",
    "config/priv_validator_state.json",
    "data/priv_validator_state.json",
];
/// Folders of a home in which keys and state lie.
const PARTS: [&str; 4] = ["config", "data", "secrets", "state"];
/// How deep a home is searched for files that a process may have open under another name, and how many are remembered.
const DEEPEST: usize = 3;
const MOST: usize = 50_000;

/// Where a signer works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The folder, or the loose file.
    tree: PathBuf,
    /// The working directory that betrays a signer: the folder, or the one in which the loose file lies.
    folder: PathBuf,
    /// How messages name it.
    shown: PathBuf,
    /// How else it may be named.
    names: Vec<String>,
    /// Device and inode of what lies there: a container sees it under another path.
    inodes: HashSet<(u64, u64)>,
}

impl Home {
    /// The home to which `path` belongs: itself if it is a folder, the home in which it lies if it is a file. A file in
    /// no home, such as one in /tmp, stands for itself. `None` if nothing lies there.
    pub fn of(path: &Path) -> Option<Self> {
        let real = std::fs::canonicalize(path).ok()?;
        let shown = absolute(path);
        if real.is_dir() {
            return Some(Self::new(real.clone(), real, shown));
        }
        let folder = real.parent()?.to_owned();
        let above = folder.parent().filter(|above| {
            let name = folder.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| PARTS.contains(&name)) && is_marked(above)
        });
        let home = above
            .map(Path::to_owned)
            .or_else(|| is_marked(&folder).then(|| folder.clone()));
        Some(match home {
            Some(home) => Self::new(home.clone(), home.clone(), home),
            None => Self::new(real, folder, shown),
        })
    }

    /// Only one file, whatever else lies in its folder. `None` if nothing lies there.
    pub fn of_file(path: &Path) -> Option<Self> {
        let real = std::fs::canonicalize(path).ok()?;
        let shown = absolute(path);
        Some(Self::new(real.clone(), real, shown))
    }

    /// Whether a path lies in it.
    pub fn contains(&self, path: &Path) -> bool {
        std::fs::canonicalize(path).is_ok_and(|path| path.starts_with(&self.tree))
    }

    fn new(tree: PathBuf, folder: PathBuf, shown: PathBuf) -> Self {
        let mut names = vec![tree.display().to_string()];
        let other = plain(&shown).display().to_string();
        if !names.contains(&other) {
            names.push(other);
        }
        // The root is in every path.
        names.retain(|name| name != "/");
        let mut inodes = HashSet::new();
        if let Ok(meta) = std::fs::metadata(&tree) {
            inodes.insert(identity(&meta));
            if meta.is_dir() {
                remember(&tree, DEEPEST, &mut inodes);
            }
        }
        Self {
            tree,
            folder,
            shown,
            names,
            inodes,
        }
    }

    /// How messages name it.
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// Whether a process that works in this folder works here.
    pub(super) fn has_folder(&self, folder: &Path, meta: Option<&Metadata>) -> bool {
        let same = meta.is_some_and(|meta| self.inodes.contains(&identity(meta)));
        folder == self.folder || folder.starts_with(&self.tree) || same
    }

    /// Whether a file belongs to it.
    pub(super) fn has_file(&self, path: &Path, meta: Option<&Metadata>) -> bool {
        let same = meta.is_some_and(|meta| self.inodes.contains(&identity(meta)));
        path.starts_with(&self.tree) || same
    }

    /// Whether an argument names it, for a process that works in `folder`.
    pub(super) fn is_named(&self, argument: &str, folder: Option<&Path>) -> bool {
        // `--home=PATH`, `-v PATH:PATH`, `src=PATH,dst=PATH`, `-cPATH`.
        let attached = argument.strip_prefix('-').and_then(|word| word.get(1..));
        let words = [Some(argument), attached].into_iter().flatten();
        self.names.iter().any(|name| contains(argument, name))
            || words
                .flat_map(|word| word.split(['=', ':', ',']))
                .filter(|word| !word.is_empty())
                .any(|word| self.is_path(Path::new(word), folder))
    }

    fn is_path(&self, word: &Path, folder: Option<&Path>) -> bool {
        // `/dev/fd/3` is another file to each process.
        if ["/dev", "/proc"].iter().any(|root| word.starts_with(root)) {
            return false;
        }
        let path = match folder {
            Some(folder) => folder.join(word),
            None if word.is_absolute() => word.to_owned(),
            None => return false,
        };
        plain(&path).starts_with(&self.tree)
            || std::fs::canonicalize(path).is_ok_and(|path| path.starts_with(&self.tree))
    }
}

fn is_marked(folder: &Path) -> bool {
    MARKS.iter().any(|mark| folder.join(mark).is_file())
}

fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

fn remember(folder: &Path, deep: usize, inodes: &mut HashSet<(u64, u64)>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if inodes.len() >= MOST {
            return;
        }
        // Not by the number in the folder itself: it names something else at a mount point, and on an overlay, the root of
        // most containers, it is the number of the layer below, which a foreign folder may have here.
        let Ok(meta) = entry.metadata() else {
            continue;
        };
        inodes.insert(identity(&meta));
        if meta.is_dir() && deep > 1 {
            remember(&entry.path(), deep - 1, inodes);
        }
    }
}

/// Without `.` and `..`, by the words only.
fn plain(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                found.pop();
            }
            other => found.push(other),
        }
    }
    found
}

/// Whether a text names a path, and not one that only begins or ends alike.
fn contains(text: &str, path: &str) -> bool {
    let of_name = |char: char| char.is_alphanumeric() || "._-/".contains(char);
    text.match_indices(path).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text
            .get(at + path.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(of_name) && !after.is_some_and(|char| of_name(char) && char != '/')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_text_ends_where_its_name_ends() {
        for yes in [
            "/a/gaia",
            "--home=/a/gaia",
            "cd /a/gaia && gaiad start",
            "/a/gaia/config",
            "'/a/gaia'",
        ] {
            assert!(contains(yes, "/a/gaia"), "{yes}");
        }
        for no in [
            "/a/gaia2",
            "/a/gaia-old",
            "/b/a/gaia",
            "/a/gai",
            "/a/gaia.bak",
        ] {
            assert!(!contains(no, "/a/gaia"), "{no}");
        }
    }

    #[test]
    fn a_file_belongs_to_the_home_in_which_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(folder.path()).unwrap();
        let make = |name: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            path
        };
        let tree = |path: &Path| Home::of(path).unwrap().tree;
        let state = make("node/data/priv_validator_state.json");
        assert_eq!(tree(&state), root.join("node"));
        assert_eq!(tree(&root.join("node")), root.join("node"));
        make("hx/config.yaml");
        assert_eq!(tree(&make("hx/state/c-1.json")), root.join("hx"));
        assert_eq!(tree(&make("hx/loose.json")), root.join("hx"));
        // A folder that is only called so is not a home, and all of /tmp is nobody's.
        let loose = make("x/data/old.json");
        assert_eq!(tree(&loose), loose);
        assert_eq!(Home::of(&loose).unwrap().folder, root.join("x/data"));
        assert_eq!(Home::of(&root.join("nowhere")), None);
    }

    /// In the folder itself a mount point has the number of what lies below it.
    #[test]
    #[cfg(target_os = "linux")]
    fn what_lies_in_a_home_is_known_as_those_who_have_it_open_know_it() {
        let devices = Home::of(Path::new("/dev")).unwrap();
        let there: HashSet<(u64, u64)> = std::fs::read_dir("/dev")
            .unwrap()
            .filter_map(|entry| std::fs::symlink_metadata(entry.ok()?.path()).ok())
            .map(|meta| identity(&meta))
            .collect();
        let other: Vec<_> = there.difference(&devices.inodes).collect();
        assert!(other.is_empty(), "{other:?}");
    }

    #[test]
    fn arguments_name_a_home_in_many_ways() {
        let folder = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(folder.path()).unwrap();
        std::fs::create_dir_all(root.join("gaia/config")).unwrap();
        std::os::unix::fs::symlink(root.join("gaia"), root.join("link")).unwrap();
        let home = Home::of(&root.join("gaia")).unwrap();
        let at = |words: &str| words.replace("ROOT", root.to_str().unwrap());
        for yes in [
            "ROOT/gaia",
            "--home=ROOT/gaia",
            "ROOT/gaia/config/config.toml",
            "ROOT/link",
            "--home=ROOT/link/",
            "gaia",
            "--home=./gaia",
            "../x/../gaia",
            "sh -c 'gaiad start --home ROOT/gaia'",
            "ROOT/gaia:/data",
            "-vROOT/gaia:/data",
            "-cROOT/gaia/tmkms.toml",
            "type=bind,src=ROOT/gaia,dst=/data",
        ] {
            let folder = match yes.starts_with("../") {
                true => root.join("y"),
                false => root.clone(),
            };
            assert!(home.is_named(&at(yes), Some(&folder)), "{yes}");
        }
        for no in [
            "ROOT/gaia2",
            "ROOT",
            "start",
            "--home",
            "other",
            "",
            "-",
            "/dev/fd/3",
        ] {
            assert!(!home.is_named(&at(no), Some(&root)), "{no}");
        }
        assert!(!home.is_named("gaia", None));
        // By a link to it, too.
        let by_link = Home::of(&root.join("link")).unwrap();
        assert!(by_link.is_named(&at("--home=ROOT/link"), None));
        assert!(by_link.is_named(&at("--home=ROOT/gaia"), None));
    }
}
