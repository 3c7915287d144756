//! The commands that messages print: an operator pastes them as they stand, from any folder.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes the commands of this program for one configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// Absolute; `None` where a command needs no configuration, or none has a name (a pipe).
    config: Option<Arc<Path>>,
}

/// A command of this program, quoted for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine(String);

impl Commands {
    /// For the configuration at `path`, which may be relative to the working directory.
    pub fn with_config(path: &Path) -> Self {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self {
            config: Some(absolute.into()),
        }
    }

    /// `tmkms WORDS -c CONFIG`. A word of capitals stands for what only the operator knows.
    pub fn line<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> CommandLine {
        let mut line = "tmkms".to_owned();
        for word in words {
            line.push(' ');
            line.push_str(&quoted(word.as_ref()));
        }
        if let Some(config) = &self.config {
            line.push_str(" -c ");
            line.push_str(&quoted(config.as_os_str()));
        }
        CommandLine(line)
    }

    /// The command that takes over every chain from what lies at `path`.
    pub fn adopt(&self, path: &Path) -> CommandLine {
        self.line([OsStr::new("adopt"), absolute(path).as_os_str()])
    }

    /// The command that begins the watermark of a chain whose key never signed.
    pub fn init_never_signed(&self, chain: impl fmt::Display) -> CommandLine {
        self.line(["state", "init", &chain.to_string(), "--never-signed"])
    }

    /// The command that begins the watermark of a chain at a height that only the operator can look up.
    pub fn init_height(&self, chain: impl fmt::Display) -> CommandLine {
        self.line(["state", "init", &chain.to_string(), "--height", "H"])
    }

    /// The command that takes the state file of one chain over.
    pub fn import(&self, chain: impl fmt::Display, file: &Path) -> CommandLine {
        let chain = chain.to_string();
        let file = absolute(file);
        self.line([
            OsStr::new("state"),
            OsStr::new("import"),
            OsStr::new(&chain),
            file.as_os_str(),
        ])
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `FILE` stands for a name that the operator knows, and stays as it is.
fn absolute(path: &Path) -> PathBuf {
    if path == Path::new("FILE") {
        return path.to_owned();
    }
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A word as `sh` reads it back.
pub fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_its_configuration_from_any_folder() {
        let here = std::env::current_dir().unwrap();
        let commands = Commands::with_config(Path::new("tmkms.toml"));
        assert_eq!(
            commands.init_height("c-1").to_string(),
            format!(
                "tmkms state init c-1 --height H -c {}",
                quoted(here.join("tmkms.toml").as_os_str())
            )
        );
        let bare = Commands::default();
        assert_eq!(bare.line(["networks"]).to_string(), "tmkms networks");
        assert_eq!(
            bare.import("c-1", Path::new("FILE")).to_string(),
            "tmkms state import c-1 FILE"
        );
        assert_eq!(
            bare.import("c-1", Path::new("s.json")).to_string(),
            format!(
                "tmkms state import c-1 {}",
                quoted(here.join("s.json").as_os_str())
            )
        );
    }

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        for word in ["a b", "it's", "$(x)", "*", "", "plain", "a\"b", "~x", "ü"] {
            let line = format!("printf %s {}", quoted(OsStr::new(word)));
            let output = std::process::Command::new("sh")
                .args(["-c", &line])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word, "{line}");
        }
    }
}
