//! The configuration file that all commands take.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};

use crate::config::{Config, ConfigError};
use crate::os::files::paths::{absolute, folder_of};
use crate::remedy::{CommandLine, Commands};
use crate::secret_file::Variables;
use crate::settings::KnownDevices;

use super::report::Failure;
use super::typed::empty_variable::EmptyVariable;

/// What it is called in a home.
pub(super) const NAME: &str = "tmkms.toml";

/// The file that all commands read.
#[derive(Args, Clone, Debug)]
pub struct ConfigFile {
    /// The configuration file, or the folder of a `tmkms.toml`
    #[arg(
        short,
        long = "config",
        env = "TMKMS_CONFIG_FILE",
        default_value = NAME,
        value_name = "PATH",
        value_parser = file_or_home()
    )]
    pub(super) config: PathBuf,
}

impl ConfigFile {
    pub(super) fn load(&self) -> Result<Config, Failure> {
        Config::load(&self.config).map_err(wrong)
    }

    /// For a command that dials the nodes, or tells whether they could be.
    pub(super) fn load_to_dial(&self) -> Result<Config, Failure> {
        self.load()?.for_dialling().map_err(wrong)
    }

    /// For a service: a file that cannot be read may come with a mount that is late, and one that everybody
    /// may change with a `chmod`, so these are worth another start.
    pub(super) fn load_to_serve(
        &self,
        handed: Variables,
        devices: &KnownDevices,
    ) -> Result<Config, Failure> {
        let read = Config::load_with(&self.config, handed, devices);
        read.and_then(Config::for_dialling)
            .map_err(|error| match error {
                ConfigError::Unreadable { .. } | ConfigError::Exposed { .. } => {
                    wrong(error).may_heal()
                }
                ConfigError::AnotherFile { .. } | ConfigError::Wrong(_) => wrong(error),
            })
    }
}

impl ConfigFile {
    /// For a service that runs: the file as it is now, or what is wrong with it.
    pub(super) fn load_again(
        &self,
        handed: Variables,
        devices: &KnownDevices,
    ) -> Result<Config, String> {
        // Whoever reads the log does not stand where the service does.
        let path = absolute(&self.config);
        // The end of a pipe would be waited for.
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(format!(
                "{} is no file any more; put the configuration back there",
                path.display()
            ));
        }
        Config::load_with(&path, handed, devices)
            .and_then(Config::for_dialling)
            .map_err(|error| error.in_one_line())
    }
}

/// Reads the path of a configuration. A folder stands for the `tmkms.toml` in it.
fn file_or_home() -> impl TypedValueParser<Value = PathBuf> {
    EmptyVariable {
        parser: PathBufValueParser::new().map(|path| match path.is_dir() {
            true => path.join(NAME),
            false => path,
        }),
        unset: PathBuf::from(NAME),
    }
}

/// What a configuration that cannot be used ends a command with.
pub(super) fn wrong(error: ConfigError) -> Failure {
    match error {
        ConfigError::Unreadable { path, source } if source.kind() == io::ErrorKind::NotFound => {
            let path = absolute(&path);
            Failure::usage(format!("there is no configuration {}", path.display()))
                .hint(where_from(&path))
        }
        ConfigError::Unreadable { .. } => Failure::usage(&error)
            .hint("name another one with `-c PATH` or in TMKMS_CONFIG_FILE, or correct this one"),
        ConfigError::Exposed { .. } | ConfigError::AnotherFile { .. } => Failure::usage(error),
        ConfigError::Wrong(text) => Failure::usage(text),
    }
}

/// How to come by a configuration, where there is none.
fn where_from(path: &Path) -> String {
    let home = match path.extension() {
        Some(_) => folder_of(path),
        // As homes are called, and no configuration.
        None => path,
    };
    let path = &home.join(NAME);
    let init = CommandLine::on_file("tmkms", &["init", "-n", "NAME"], home);
    let networks = CommandLine::without_config(["networks"]);
    let commands = Commands::with_config(path);
    let adopt = commands.adopt(Path::new("HOME"));
    format!(
        "if it lies elsewhere, name it with `-c PATH` or in TMKMS_CONFIG_FILE; `{init}` makes a new home with a {NAME} \
         (`{networks}` lists the names); `{adopt}` takes another signer over"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_home_is_where_the_configuration_was_looked_for() {
        for (asked, home) in [
            ("/srv/kms/tmkms.toml", "/srv/kms"),
            ("/srv/kms/mainnet.toml", "/srv/kms"),
            ("/srv/kms", "/srv/kms"),
            ("/srv/kms/", "/srv/kms/"),
            ("/tmkms.toml", "/"),
            ("/.tmkms", "/.tmkms"),
        ] {
            let said = where_from(Path::new(asked));
            let init = format!("`tmkms init -n NAME {home}`");
            assert!(said.contains(&init), "{asked}: {said}");
            let adopt = format!("-c {}`", Path::new(home).join(NAME).display());
            assert!(said.contains(&adopt), "{asked}: {said}");
        }
    }
}
