//! Who besides this user and root can put something else in a file's place, or write to it.
//!
//! Anyone who may write to a folder can replace what is in it, whatever the mode of the files, unless the folder has the
//! sticky bit, as `/tmp` has. What everybody can do is no use for keys and states and is refused. A group, and an owner
//! who is neither this user nor root, may be meant (a umask of 002, a volume of Kubernetes with `fsGroup`), and get a
//! warning.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::remedy;

use super::paths::folder_of;
use crate::os::users::user_name;

/// Who can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Every user of this host.
    Everyone,
    /// The members of this group.
    Group(u32),
    /// The owner, who is another user.
    Owner(u32),
}

/// A file or folder that strangers can write to. Displayed with the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Exposed {
    /// Which one.
    pub path: PathBuf,
    /// To whom.
    pub who: Who,
    /// Whether it is a folder, in which files can be replaced.
    pub folder: bool,
    /// Whose it is: who may mend it.
    owner: u32,
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.who {
            Who::Everyone => f.write_str("every user of this host")?,
            Who::Group(group) => write!(f, "the group {group}")?,
            Who::Owner(owner) => write!(f, "user {}", user_name(owner))?,
        }
        let path = self.path.display();
        match self.folder {
            true => write!(f, " can replace files and folders in {path}")?,
            false => write!(f, " can write to {path}")?,
        }
        let (command, needs) = match self.who {
            Who::Everyone => (remedy::shut_out("o", &self.path), self.owner),
            Who::Group(_) => (remedy::shut_out("g", &self.path), self.owner),
            Who::Owner(_) => (remedy::give_to(me(), &self.path), 0),
        };
        write!(f, "; run `{command}`{}", remedy::as_user(needs))?;
        match self.who {
            Who::Everyone => Ok(()),
            Who::Group(_) | Who::Owner(_) => f.write_str(" unless that is meant"),
        }
    }
}

/// Looks at the folder of a file, and at those above it. A folder that is not there, or cannot be looked at, is for
/// the one that opens the file to tell.
///
/// # Errors
/// When every user of this host can replace the file.
pub fn around(file: &Path) -> Result<Option<Exposed>, Exposed> {
    let Ok(folder) = folder_of(file).canonicalize() else {
        return Ok(None);
    };
    if let Some(exposed) = folder_at(&folder) {
        return match exposed.who {
            Who::Everyone => Err(exposed),
            _ => Ok(Some(exposed)),
        };
    }
    // A folder of which this one could be moved away is often a mount that somebody else made.
    let above = folder.ancestors().skip(1).filter_map(folder_at);
    Ok(above.into_iter().find(|found| found.who == Who::Everyone))
}

/// Looks at a file itself.
pub fn of_file(path: &Path, found: &Metadata) -> Option<Exposed> {
    exposed(path, found, false)
}

fn folder_at(path: &Path) -> Option<Exposed> {
    exposed(path, &path.metadata().ok()?, true)
}

fn exposed(path: &Path, found: &Metadata, folder: bool) -> Option<Exposed> {
    Some(Exposed {
        path: path.to_owned(),
        who: who(found.mode(), (found.uid(), found.gid()), me(), folder)?,
        folder,
        owner: found.uid(),
    })
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Who may write besides user `me` and root. Root works for the service's user, so any owner is right for it.
fn who(mode: u32, (owner, group): (u32, u32), me: u32, folder: bool) -> Option<Who> {
    const STICKY: u32 = 0o1000;
    let kept = folder && mode & STICKY != 0;
    if !kept && mode & 0o002 != 0 {
        return Some(Who::Everyone);
    }
    if me != 0 && owner != 0 && owner != me {
        return Some(Who::Owner(owner));
    }
    (!kept && mode & 0o020 != 0).then_some(Who::Group(group))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn everybody_comes_before_an_owner_and_a_group() {
        let at = |mode, owner, me| who(mode, (owner, 7), me, true);
        assert_eq!(at(0o40755, 5, 5), None);
        assert_eq!(at(0o40755, 0, 5), None, "root's");
        assert_eq!(at(0o40777, 5, 5), Some(Who::Everyone));
        assert_eq!(at(0o40772, 6, 5), Some(Who::Everyone));
        assert_eq!(at(0o41777, 0, 5), None, "as /tmp");
        assert_eq!(at(0o41777, 6, 5), Some(Who::Owner(6)));
        assert_eq!(at(0o40700, 6, 5), Some(Who::Owner(6)));
        assert_eq!(at(0o40700, 6, 0), None, "root works for the service's user");
        assert_eq!(at(0o40775, 5, 5), Some(Who::Group(7)));
        assert_eq!(at(0o40775, 5, 0), Some(Who::Group(7)));
        // A file has no use for the sticky bit.
        assert_eq!(who(0o101666, (5, 7), 5, false), Some(Who::Everyone));
    }

    #[test]
    fn a_folder_is_told_with_its_remedy() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().canonicalize().unwrap().join("a b");
        let inner = folder.join("inner");
        fs::create_dir_all(&inner).unwrap();
        let open = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        let file = inner.join("x");
        open(0o755);
        assert_eq!(around(&file), Ok(None));
        assert_eq!(around(&folder.join("x")), Ok(None));
        open(0o775);
        let warning = around(&folder.join("x")).unwrap().unwrap().to_string();
        let shown = folder.display();
        assert!(
            warning.contains(&format!("chmod g-w '{shown}'")),
            "{warning}"
        );
        assert!(warning.ends_with("unless that is meant"), "{warning}");
        open(0o777);
        let refused = around(&folder.join("x")).unwrap_err().to_string();
        assert_eq!(
            refused,
            format!(
                "every user of this host can replace files and folders in {shown}; run `chmod o-w '{shown}'`"
            )
        );
        // One above can be moved away as a whole.
        let above = around(&file).unwrap().unwrap();
        assert_eq!((above.who, above.path), (Who::Everyone, folder.clone()));
        open(0o1777);
        assert_eq!(around(&folder.join("x")), Ok(None));
        assert_eq!(around(&folder.join("no/such/file")), Ok(None));
    }
}
