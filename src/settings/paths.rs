//! Where a configuration lies, and how paths and secrets' places are written in it.

use std::path::{Component, Path, PathBuf};

use crate::remedy::Commands;
use crate::secret_file::{SecretSource, Variables};
use crate::text::masked::may_be_key;

use super::known_devices::KnownDevices;
use super::plain_name::is_plain;
use super::problem::Problem;
use super::spanned::Spanned;

/// Where a configuration lies: what its paths are relative to, and the commands that messages about it print.
#[derive(Clone, Debug)]
pub struct Base {
    /// The folder of the configuration file; absolute, because messages name what lies in it.
    pub folder: PathBuf,
    /// The operator's home, for `~` and `$HOME`.
    pub home: Option<PathBuf>,
    /// The commands of this program for this file.
    pub commands: Commands,
    /// The variables in which secrets are.
    pub variables: Variables,
    /// The variables that are no secrets, by their names.
    pub environment: fn(&str) -> Option<String>,
    /// The devices that this process has open already.
    pub devices: KnownDevices,
}

/// No folder, no home, and an environment with nothing in it.
impl Default for Base {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            home: None,
            commands: Commands::default(),
            variables: Variables::default(),
            environment: |_| None,
            devices: KnownDevices::default(),
        }
    }
}

impl Base {
    /// A path of the configuration folder, whatever its first characters are.
    pub fn in_folder(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// A path as written, made absolute. What a shell would expand and this program does not is a problem, because
    /// it would be taken for a name otherwise.
    pub fn path(&self, written: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<PathBuf> {
        let text = &*written.value;
        let mut refuse = |title: &str, help: &str| {
            problems.push(Problem::at(
                written.span.clone(),
                title,
                "this path cannot be used",
                help,
            ));
            None
        };
        if text.is_empty() {
            return refuse("the path is empty", "name a file, or remove the line");
        }
        for start in ["~/", "$HOME/", "${HOME}/"] {
            if let Some(rest) = text.strip_prefix(start) {
                return match &self.home {
                    Some(home) => Some(home.join(rest)),
                    None => refuse(
                        "the environment variable HOME is not set",
                        "write the whole path: services are often started without HOME",
                    ),
                };
            }
        }
        if text.starts_with('~') || text.starts_with('$') {
            return refuse(
                "only `~/` and `$HOME/` are expanded at the start of a path",
                "write the whole path; a file whose name begins with this character is written as `./NAME`",
            );
        }
        Some(self.folder.join(Path::new(text)))
    }

    /// A secret's place as written: a path, `env:NAME` or `credential:NAME`.
    pub fn secret(
        &self,
        written: &Spanned<String>,
        problems: &mut Vec<Problem>,
    ) -> Option<SecretSource> {
        let variable = written.value.strip_prefix("env:");
        let credential = written.value.strip_prefix("credential:");
        let Some(name) = variable.or(credential) else {
            let path = self.path(written, problems)?;
            if may_be_key(written.value.trim_end_matches('=')) && !path.exists() {
                problems.push(Problem::at(
                    written.span.clone(),
                    "this looks like a key itself",
                    "the name of a file is wanted here",
                    "put the key into a file of its own with mode 600, and name that; from here take it away",
                ));
                return None;
            }
            return Some(SecretSource::File(path));
        };
        if !is_plain(name) {
            problems.push(Problem::at(
                written.span.clone(),
                format!("`{name}` is not a name"),
                "not the name of a variable or a credential",
                "write `env:NAME` or `credential:NAME` with a plain name, or the path of a file",
            ));
            return None;
        }
        Some(match variable {
            Some(name) => SecretSource::Environment(self.variables.named(name)),
            None => SecretSource::Credential(name.to_owned()),
        })
    }
}

/// One text for one place, however it is written: to see that two sections name the same file.
pub fn place_of(source: &SecretSource) -> String {
    let SecretSource::File(path) = source else {
        return source.to_string();
    };
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| {
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir if plain.file_name().is_some() => {
                    plain.pop();
                }
                other => plain.push(other),
            }
        }
        plain
    });
    path.display().to_string()
}
