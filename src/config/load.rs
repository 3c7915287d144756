//! From a file to what it means, or to all that is wrong with it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::os::files::paths::{absolute, folder_of};
use crate::remedy::Commands;
use crate::secret_file::Variables;
use crate::secret_file::kind::{self, FileKind};
use crate::settings::{Base, KnownDevices, Problem, TableReader};

use super::check;
use super::error::ConfigError;
use super::file;
use super::meaning::Config;
use super::named_files::{self, NamedFile};
use super::permissions;
use super::report;
use super::sections::{log, metrics};

impl Config {
    /// Reads a file; a pipe will do, too.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_with(path, Variables::default(), &KnownDevices::default())
    }

    /// The same for a service, which may read it again: with values of variables that were handed over, and with devices
    /// that it has open already.
    pub fn load_with(
        path: &Path,
        variables: Variables,
        devices: &KnownDevices,
    ) -> Result<Self, ConfigError> {
        let (text, mut base, mut exposed) = open(path)?;
        base.variables = variables;
        base.devices = devices.clone();
        let mut config =
            Self::read_and(&text, &path.display().to_string(), &base, named_files::look)?;
        exposed.extend(permissions::around(&config));
        config.warnings.extend(exposed.iter().cloned());
        config.warning_lines.extend(exposed);
        Ok(config)
    }

    /// The same for a command that dials the nodes.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`] where a variable does not hold the address of a node.
    pub fn for_dialling(mut self) -> Result<Self, ConfigError> {
        match self.without_address.take() {
            None => Ok(self),
            Some(told) => Err(ConfigError::Wrong(told)),
        }
    }

    /// What a text would mean as the file at `path`, which may not be there yet.
    pub fn read_for(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let text = &configuration(path, text.as_bytes().to_vec())?;
        let folder = folder_of(path);
        let base = Base {
            folder: absolute(folder),
            home: user_home(),
            commands: Commands::with_config(path),
            environment: variable,
            ..Base::default()
        };
        Self::read(text, &path.display().to_string(), &base)
    }

    /// Reads a text that is called `name`. No file that it names is looked at.
    pub fn read(text: &str, name: &str, base: &Base) -> Result<Self, ConfigError> {
        Self::read_and(text, name, base, |_| Vec::new())
    }

    /// The same; where the text is wrong, `look` says what is wrong with the files that it names.
    fn read_and(
        text: &str,
        name: &str,
        base: &Base,
        look: impl FnOnce(&[NamedFile]) -> Vec<Problem>,
    ) -> Result<Self, ConfigError> {
        let (written, mut problems) = file::read(text, base);
        let mut warnings = Vec::new();
        let mut named = Vec::new();
        let mut undialled = Vec::new();
        let meant = written.map(|written| {
            named = named_files::named(&written, base);
            let control = match &written.control {
                Some(path) => base.path(path, &mut problems).unwrap_or_default(),
                None => base.in_folder(&control_name(name)),
            };
            let metrics = metrics::metrics(&written, base, &mut problems, &mut warnings);
            let log = log::log(&written, &mut problems);
            let chains = check::check(written, base, &mut problems, &mut warnings, &mut undialled);
            (chains, control, metrics, log)
        });
        match meant {
            Some((chains, control, metrics, log)) if problems.is_empty() => {
                let warning_lines = warnings
                    .iter()
                    .map(|warning| report::line(text, name, warning))
                    .collect();
                let warnings = warnings
                    .iter()
                    .map(|warning| report::warning(text, name, warning))
                    .collect();
                let without_address =
                    (!undialled.is_empty()).then(|| report::errors(text, name, &mut undialled));
                let name = name.to_owned();
                Ok(Self {
                    chains,
                    name,
                    control,
                    metrics,
                    log,
                    warnings,
                    warning_lines,
                    commands: base.commands.clone(),
                    variables: base.variables.all_named(),
                    without_address,
                })
            }
            _ => {
                problems.extend(undialled);
                problems.extend(look(&named));
                Err(ConfigError::Wrong(report::errors(
                    text,
                    name,
                    &mut problems,
                )))
            }
        }
    }
}

/// Reads only the sections of one backend, for its commands: before a device is set up there may be no chain. With warnings
/// about who can change or read the file.
pub fn providers<T>(
    path: &Path,
    backend: &'static str,
    mut read: impl FnMut(&mut TableReader<'_>, &Base, &mut Vec<Problem>) -> Option<T>,
) -> Result<(Vec<T>, Vec<String>), ConfigError> {
    let (text, base, warnings) = open(path)?;
    let mut problems = Vec::new();
    let found = file::sections_of(&text, backend, &mut problems, |section, problems| {
        read(section, &base, problems)
    });
    match problems.is_empty() {
        true => Ok((found, warnings)),
        false => Err(ConfigError::Wrong(report::errors(
            &text,
            &path.display().to_string(),
            &mut problems,
        ))),
    }
}

/// The text of a file, if it is TOML or has a section of a configuration. `-c` may have been given a key, a password or words,
/// and of those nothing must be shown.
fn configuration(path: &Path, bytes: Vec<u8>) -> Result<String, ConfigError> {
    let kind = kind::look(&bytes);
    let another = || ConfigError::AnotherFile {
        path: path.to_owned(),
        kind: kind.clone(),
    };
    let text = String::from_utf8(bytes).map_err(|_| another())?;
    let is_toml = toml::de::DeTable::parse(&text).is_ok();
    match is_toml || kind == Some(FileKind::Configuration) {
        true => Ok(text),
        false => Err(another()),
    }
}

/// A file's text, what its paths are relative to, and warnings about who can change or read it.
fn open(path: &Path) -> Result<(String, Base, Vec<String>), ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    let text = configuration(path, bytes)?;
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
    let place = absolute(place);
    let base = Base {
        folder: place.parent().unwrap_or(Path::new(".")).to_owned(),
        home,
        commands: commands(path),
        variables: Variables::default(),
        environment: variable,
        devices: KnownDevices::default(),
    };
    Ok((text, base, warnings))
}

/// A variable that is no secret. One that is empty is not set: that is how containers leave one out.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.into_string().ok()?;
    Some(value).filter(|value| !value.is_empty())
}

/// The home folder of the user that runs this, as `HOME` says.
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
