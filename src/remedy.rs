//! The commands that messages print: an operator pastes them as they stand, from any folder.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::os::files::paths;
use crate::os::users::user_name;

/// Makes the commands of this program for one configuration. A word of capitals, such as `FILE`, stands for what only the
/// operator knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// Absolute; `None` where a command needs no configuration, or none has a name (a pipe).
    config: Option<Arc<Path>>,
    /// The address of the key that a command about a state is for, where its chain has several.
    key: Option<Arc<str>>,
}

/// A command, quoted for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine(String);

impl CommandLine {
    /// `PROGRAM WORDS`: a command of the system.
    pub fn of_system<W: AsRef<OsStr>>(program: &str, words: impl IntoIterator<Item = W>) -> Self {
        let mut line = program.to_owned();
        for word in words {
            line.push(' ');
            line.push_str(&quoted(word.as_ref()));
        }
        Self(line)
    }

    /// `PROGRAM WORDS FILE`: a command of the system about a file, which may be relative to the working directory.
    pub fn on_file(program: &str, words: &[&str], file: &Path) -> Self {
        let file = absolute(file);
        let file = &*file.to_string_lossy();
        Self::of_system(program, words.iter().chain([&file]))
    }

    /// `tmkms WORDS`, of a command that reads no configuration.
    pub fn without_config<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Self {
        Self::of_system("tmkms", words)
    }
}

impl Commands {
    /// For the configuration at `path`, which may be relative to the working directory.
    pub fn with_config(path: &Path) -> Self {
        let absolute = paths::absolute(path);
        Self {
            config: Some(absolute.into()),
            key: None,
        }
    }

    /// For whatever configuration the operator means: `-c PATH`.
    pub fn of_any_config() -> Self {
        Self {
            config: Some(Path::new("PATH").into()),
            key: None,
        }
    }

    /// The same, where a command about a state has to say which key of its chain it means.
    pub fn of_key(&self, address: impl fmt::Display) -> Self {
        Self {
            key: Some(address.to_string().into()),
            ..self.clone()
        }
    }

    /// `tmkms WORDS -c CONFIG`.
    pub fn line<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> CommandLine {
        let words: Vec<W> = words.into_iter().collect();
        let mut first = words.iter().map(AsRef::as_ref);
        // A bundle has its key in it.
        let names_key = first.next() == Some(OsStr::new("state"))
            && first.next().is_some_and(|word| word != "move");
        let CommandLine(mut line) = CommandLine::without_config(words);
        if let Some(key) = self.key.as_ref().filter(|_| names_key) {
            line.push_str(" --key ");
            line.push_str(key);
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

    /// The command that raises the watermark to a height.
    pub fn raise(&self, chain: impl fmt::Display, height: impl fmt::Display) -> CommandLine {
        let (chain, height) = (chain.to_string(), height.to_string());
        self.line(["state", "raise", &chain, "--height", &height])
    }

    /// The command that hands a chain over to another host, in a bundle at `file`.
    pub fn move_out(&self, chain: impl fmt::Display, file: &Path) -> CommandLine {
        let (chain, file) = (chain.to_string(), absolute(file));
        self.line([
            OsStr::new("state"),
            OsStr::new("move"),
            OsStr::new("out"),
            OsStr::new(&chain),
            file.as_os_str(),
        ])
    }

    /// The command that takes the chain of the bundle at `file` in.
    pub fn move_in(&self, file: &Path) -> CommandLine {
        let words = ["state", "move", "in"].map(OsStr::new);
        let file = absolute(file);
        self.line(words.into_iter().chain([file.as_os_str()]))
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

/// The command that makes a new key in a new file.
pub fn keygen(path: &Path) -> CommandLine {
    CommandLine::without_config(["softsign", "keygen", &*absolute(path).to_string_lossy()])
}

/// The command that encrypts the key in a file, into [`encrypted`]. `kind` is the word for its type, where the file does not say it.
pub fn encrypt(path: &Path, kind: Option<&str>) -> CommandLine {
    into("encrypt", kind, path, &encrypted(path))
}

/// The command that decrypts the key in a file, into [`decrypted`].
pub fn decrypt(path: &Path) -> CommandLine {
    into("decrypt", None, path, &decrypted(path))
}

/// The name of a key's file once it is encrypted.
pub fn encrypted(path: &Path) -> PathBuf {
    let is_pem = path.extension().is_some_and(|ending| ending == "pem");
    ending(path, if is_pem { ".encrypted.pem" } else { ".pem" })
}

/// The name of a key's file once it is decrypted.
pub fn decrypted(path: &Path) -> PathBuf {
    ending(path, ".base64")
}

fn ending(path: &Path, with: &str) -> PathBuf {
    let mut new = absolute(path).into_os_string();
    new.push(with);
    new.into()
}

fn into(verb: &str, kind: Option<&str>, path: &Path, new: &Path) -> CommandLine {
    let path = absolute(path);
    let words = ["softsign", verb].into_iter().map(OsStr::new);
    let kind = kind
        .into_iter()
        .flat_map(|kind| ["-t", kind])
        .map(OsStr::new);
    let files = [path.as_os_str(), new.as_os_str()];
    CommandLine::without_config(words.chain(kind).chain(files))
}

/// The command that takes all rights to a file from everybody but its owner.
pub fn make_private(path: &Path) -> CommandLine {
    CommandLine::on_file("chmod", &["600"], path)
}

/// The command that takes the right to write from everybody (`o`), or from a group (`g`).
pub fn shut_out(whom: &str, path: &Path) -> CommandLine {
    CommandLine::on_file("chmod", &[&format!("{whom}-w")], path)
}

/// The command with which root gives a file to this user.
pub fn give_to(user: u32, path: &Path) -> CommandLine {
    CommandLine::on_file("chown", &[&user_name(user)], path)
}

/// The command that moves a file out of the way; it overwrites nothing.
pub fn move_aside(path: &Path) -> CommandLine {
    let path = absolute(path);
    let mut aside = path.clone().into_os_string();
    aside.push(".old");
    CommandLine::of_system("mv", [OsStr::new("-n"), path.as_os_str(), &aside])
}

/// The command that makes a private folder, and those above it.
pub fn make_folder(path: &Path) -> CommandLine {
    CommandLine::on_file("mkdir", &["-p", "-m", "700"], path)
}

/// The command that removes a file.
pub fn remove(path: &Path) -> CommandLine {
    CommandLine::on_file("rm", &[], path)
}

/// The command that overwrites a file and removes it.
pub fn shred(path: &Path) -> CommandLine {
    CommandLine::on_file("shred", &["-u"], path)
}

/// Who else has to run a command that only `needed` (and root) may run: ` as root`, or nothing.
pub fn as_user(needed: u32) -> String {
    let me = rustix::process::geteuid().as_raw();
    match me == needed || me == 0 {
        true => String::new(),
        false => format!(" as {}", user_name(needed)),
    }
}

/// A word of capitals stands for a name that the operator knows, and stays as it is.
fn absolute(path: &Path) -> PathBuf {
    let text = path.as_os_str().as_encoded_bytes();
    if text
        .iter()
        .all(|byte| byte.is_ascii_uppercase() || *byte == b'-')
    {
        return path.to_owned();
    }
    paths::absolute(path)
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
    fn a_command_about_a_state_names_its_key_where_there_are_several() {
        let commands = Commands::default().of_key("AB12");
        assert_eq!(
            commands.init_never_signed("c-1").to_string(),
            "tmkms state init c-1 --never-signed --key AB12"
        );
        assert_eq!(
            commands.line(["resume", "c-1"]).to_string(),
            "tmkms resume c-1"
        );
        assert_eq!(
            commands.move_in(Path::new("FILE")).to_string(),
            "tmkms state move in FILE"
        );
    }

    #[test]
    fn commands_of_the_system_name_files_and_users_as_they_are_typed() {
        let here = std::env::current_dir().unwrap();
        let path = Path::new("a b/it's.key");
        let shown = quoted(here.join(path).as_os_str());
        assert_eq!(make_private(path).to_string(), format!("chmod 600 {shown}"));
        assert_eq!(give_to(0, path).to_string(), format!("chown root {shown}"));
        assert_eq!(
            give_to(4_000_000_001, path).to_string(),
            format!("chown 4000000001 {shown}"),
            "who has no name"
        );
        assert_eq!(
            move_aside(path).to_string(),
            format!(
                "mv -n {shown} {}",
                quoted(here.join("a b/it's.key.old").as_os_str())
            )
        );
        assert_eq!(
            keygen(path).to_string(),
            format!("tmkms softsign keygen {shown}")
        );
        assert_eq!(
            Commands::of_any_config().line(["status"]).to_string(),
            "tmkms status -c PATH"
        );
        let me = rustix::process::geteuid().as_raw();
        assert_eq!(as_user(me), "");
        if me != 0 {
            assert_eq!(as_user(0), " as root");
        }
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
