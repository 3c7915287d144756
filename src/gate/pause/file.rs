//! The file that keeps a pause over restarts: `STATE.paused`, beside the state file.
//!
//! A file that is not there is no pause. One that is there and cannot be understood, or that another user can write, may
//! be one, so the chain is not armed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::consensus::{ChainId, Height};
use crate::os::files::paths::folder_of;
use crate::os::files::replace::{Flush, Readers, replace};
use crate::os::files::strangers::{self, Who};
use crate::os::users::user_name;
use crate::remedy::{self, CommandLine, Commands};
use crate::text::excerpt::Excerpt;

use super::order::{Pause, PauseWhy};

/// What the name of the file adds to that of the state file.
const END: &str = ".paused";
/// The longest file that is read, in bytes.
const LONGEST: u64 = 8 * 1024;

/// Where a chain's pause is kept.
#[derive(Clone, Debug)]
pub struct PauseFile {
    path: PathBuf,
    chain: ChainId,
    commands: Commands,
}

/// What stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PauseRecord {
    format: u32,
    chain_id: String,
    /// As text, as all heights of the state are.
    from: Option<String>,
    why: Option<String>,
    /// In seconds since 1970.
    asked: u64,
}

/// Why the file does not say whether the chain is paused. Displayed with the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{} {what}, so whether the chain is paused is not known; {remedy}", path.display())]
pub struct PauseFileError {
    path: PathBuf,
    what: String,
    remedy: String,
}

impl PauseFile {
    /// The one beside a chain's state file.
    pub fn beside(state: &Path, chain: &ChainId, commands: &Commands) -> Self {
        let mut name = state.file_name().unwrap_or_default().to_owned();
        name.push(END);
        Self {
            path: state.with_file_name(name),
            chain: chain.clone(),
            commands: commands.clone(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The command that ends the pause of this chain.
    pub fn resume(&self) -> CommandLine {
        self.commands.line(["resume", self.chain.as_str()])
    }

    /// What it says; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read, is not what this program writes, or can be written by others.
    pub fn read(&self) -> Result<Option<Pause>, PauseFileError> {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
            .open(&self.path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                return Err(self.rewrite("is a link"));
            }
            Err(error) => return Err(self.unreadable(&error)),
        };
        let found = file.metadata().map_err(|error| self.unreadable(&error))?;
        if !found.is_file() {
            let aside = remedy::move_aside(&self.path);
            return Err(self.error(
                "is not a file",
                format!(
                    "`{aside}` moves it away, and the chain is not paused then; to keep it so, run `{}` afterwards",
                    self.pause()
                ),
            ));
        }
        if let Some(exposed) = strangers::of_file(&self.path, &found) {
            match exposed.who {
                // A volume of Kubernetes with `fsGroup` gives every file to its group.
                Who::Group(_) => {}
                Who::Everyone => {
                    let mend = remedy::make_private(&self.path);
                    return Err(self.error(
                        "can be written by everybody",
                        format!("`{mend}` mends that"),
                    ));
                }
                Who::Owner(owner) => {
                    let owner = user_name(owner);
                    return Err(self.error(format!("belongs to user {owner}"), self.taken_back()));
                }
            }
        }
        let mut text = Vec::new();
        file.take(LONGEST)
            .read_to_end(&mut text)
            .map_err(|error| self.unreadable(&error))?;
        self.understand(&text).map(Some)
    }

    fn understand(&self, text: &[u8]) -> Result<Pause, PauseFileError> {
        let kept: PauseRecord = serde_json::from_slice(text)
            .map_err(|error| self.rewrite(format!("cannot be understood ({error})")))?;
        if kept.format != 1 {
            return Err(self.rewrite(format!(
                "has format {}, which this version does not know",
                kept.format
            )));
        }
        if kept.chain_id != self.chain.as_str() {
            let other = Excerpt::of(kept.chain_id.as_bytes());
            return Err(self.rewrite(format!("is of chain {other} and not of `{}`", self.chain)));
        }
        let height = |text: String| text.parse().ok().and_then(Height::new);
        let from = match kept.from.map(height) {
            Some(None) => return Err(self.rewrite("has a height that is none")),
            Some(some) => some,
            None => None,
        };
        let why = kept.why.as_deref().map(PauseWhy::new).transpose();
        Ok(Pause {
            from,
            why: why
                .map_err(|error| self.rewrite(format!("has a reason that is none ({error})")))?,
            asked: Duration::from_secs(kept.asked),
        })
    }

    /// Writes it, durably, in the place of an older one. Nobody but the service's user may read it.
    ///
    /// # Errors
    /// What the system said; then the older one is untouched.
    pub fn write(&self, pause: &Pause) -> io::Result<()> {
        let kept = PauseRecord {
            format: 1,
            chain_id: self.chain.to_string(),
            from: pause.from.map(|from| from.to_string()),
            why: pause.why.as_ref().map(PauseWhy::to_string),
            asked: pause.asked.as_secs(),
        };
        let mut text = serde_json::to_vec(&kept)?;
        text.push(b'\n');
        replace(&self.path, &text, Readers::Owner, Flush::Durable)
            .map_err(|error| self.named(error))
    }

    /// Removes it, durably; a link itself and not what it names. Whether there was one.
    ///
    /// # Errors
    /// What the system said; then the chain is still paused after a restart.
    pub fn remove(&self) -> io::Result<bool> {
        let removed = match std::fs::remove_file(&self.path) {
            Ok(()) => File::open(folder_of(&self.path))
                .and_then(|folder| folder.sync_all())
                .map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        };
        removed.map_err(|error| self.named(error))
    }

    fn named(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
    }

    fn pause(&self) -> CommandLine {
        self.commands.line(["pause", self.chain.as_str()])
    }

    fn error(&self, what: impl Into<String>, remedy: impl Into<String>) -> PauseFileError {
        PauseFileError {
            path: self.path.clone(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// Either command puts something in its place that is understood.
    fn rewrite(&self, what: impl Into<String>) -> PauseFileError {
        let remedy = format!(
            "`{}` writes it again, `{}` removes it",
            self.pause(),
            self.resume()
        );
        self.error(what, remedy)
    }

    /// What makes it this user's.
    fn taken_back(&self) -> String {
        let me = rustix::process::geteuid().as_raw();
        let (mend, root) = (remedy::give_to(me, &self.path), remedy::as_user(0));
        format!("`{mend}`{root} mends that")
    }

    fn unreadable(&self, error: &io::Error) -> PauseFileError {
        let what = format!("cannot be read ({error})");
        match error.kind() {
            io::ErrorKind::PermissionDenied => self.error(what, self.taken_back()),
            _ => self.rewrite(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn file(folder: &Path) -> PauseFile {
        let chain = "test-1".parse().unwrap();
        PauseFile::beside(&folder.join("state.json"), &chain, &Commands::default())
    }

    fn pause(from: Option<i64>, why: Option<&str>) -> Pause {
        Pause {
            from: from.and_then(Height::new),
            why: why.map(|why| PauseWhy::new(why).unwrap()),
            asked: Duration::from_secs(1_795_251_661),
        }
    }

    #[test]
    fn what_was_written_is_read_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        assert_eq!(file.read().unwrap(), None);
        for pause in [
            pause(None, None),
            pause(Some(7), Some("moving\nto \"b\"")),
            pause(Some(i64::MAX), Some(&"\u{1}".repeat(60))),
        ] {
            file.write(&pause).unwrap();
            assert_eq!(file.read().unwrap(), Some(pause));
            let mode = fs::metadata(file.path()).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600);
        }
        assert!(file.remove().unwrap());
        assert!(!file.remove().unwrap());
        assert_eq!(file.read().unwrap(), None);
    }

    #[test]
    fn what_is_not_understood_is_no_word_that_the_chain_signs() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        file.write(&pause(Some(7), Some("why"))).unwrap();
        let good = fs::read_to_string(file.path()).unwrap();
        let cut = &good[..good.len() / 2];
        let other = good.replace("test-1", "test-2");
        let later = good.replace("\"format\":1", "\"format\":2");
        let more = good.replace("\"format\":1", "\"format\":1,\"until\":3");
        let zero = good.replace("\"7\"", "\"0\"");
        let huge = good.replace("\"7\"", "\"9223372036854775808\"");
        let long = good.replace("why\":\"why", &format!("why\":\"{}", "x".repeat(10_240)));
        for bad in [
            "", "{}", "null", cut, &other, &later, &more, &zero, &huge, &long,
        ] {
            assert_ne!(bad, good);
            fs::write(file.path(), bad).unwrap();
            let told = file.read().unwrap_err().to_string();
            assert!(
                told.contains("`tmkms pause test-1` writes it again"),
                "{told}"
            );
            assert!(told.contains("`tmkms resume test-1` removes it"), "{told}");
        }
    }

    #[test]
    fn what_others_have_put_there_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        file.write(&pause(None, None)).unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(file.path(), &elsewhere).unwrap();
        for target in [elsewhere.as_path(), Path::new("nowhere")] {
            symlink(target, file.path()).unwrap();
            let told = file.read().unwrap_err().to_string();
            assert!(told.contains("is a link"), "{told}");
            fs::remove_file(file.path()).unwrap();
        }
        // Neither command follows a link.
        symlink(&elsewhere, file.path()).unwrap();
        file.remove().unwrap();
        assert!(elsewhere.exists());
        symlink(&elsewhere, file.path()).unwrap();
        file.write(&pause(Some(7), None)).unwrap();
        assert!(file.read().unwrap().unwrap().from.is_some());
        let open =
            |mode| fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        open(0o660);
        assert!(file.read().is_ok(), "a volume with fsGroup");
        open(0o666);
        let told = file.read().unwrap_err().to_string();
        assert!(told.contains("can be written by everybody"), "{told}");
        file.remove().unwrap();
        fs::create_dir(file.path()).unwrap();
        let told = file.read().unwrap_err().to_string();
        assert!(told.contains("mv -n"), "{told}");
        assert!(file.write(&pause(None, None)).is_err() && file.remove().is_err());
    }
}
