//! Why a state file is not used, and what the operator does about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use time::OffsetDateTime;

use crate::consensus::{ChainId, PublicKey};
use crate::gate::store::moved::Moved;
use crate::os::files::strangers::Exposed;
use crate::os::pair_lock::{Held, PairLockError};
use crate::os::process::holder::Holder;
use crate::os::users::user_name;
use crate::remedy::{self, Commands};

use super::format::BadCopy;
use super::layout::Layout;
use super::restored::familiar::Unfamiliar;

/// Why a state file is not used. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file.
    #[error(
        "there is no state file {}; if this key has never signed on this chain run `{}`, if it has, bring its state with \
         `{}` or say the last height with `{}`",
        path.display(), commands.init_never_signed(chain), commands.import(chain, "FILE".as_ref()),
        commands.init_height(chain)
    )]
    Missing {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// What the text says to run.
        commands: Commands,
    },
    /// The file is empty, as after a crash of a program that does not flush.
    #[error(
        "the state file {} of chain {chain} is empty; look up the last height this key signed and run `{}`, which keeps \
         the empty file aside", path.display(), commands.init_height(chain)
    )]
    Empty {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// What the text says to run.
        commands: Commands,
    },
    /// The file is a symbolic link.
    #[error("the state file {} is a symbolic link; name the file itself in `state_file`", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// The path is a folder, a device or the like.
    #[error("the state file {} is not a regular file; name a file in `state_file`", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Every user of the host can put another file in its place.
    #[error("the state file {} is not safe: {exposed}, and look at its content", path.display())]
    Replaceable {
        /// The file.
        path: PathBuf,
        /// How, and the remedy.
        exposed: Exposed,
    },
    /// Somebody else may write to the file.
    #[error(
        "others may write to the state file {}; run `{}`{} and look at its content",
        path.display(), remedy::make_private(path), remedy::as_user(*owner)
    )]
    Writable {
        /// The file.
        path: PathBuf,
        /// The owner's number, who may take the right from others.
        owner: u32,
    },
    /// Another user, who is not root, owns the file.
    #[error(
        "the state file {} belongs to user {}, who may change it at will; run `{}`{} and look at its content",
        path.display(), user_name(*owner), remedy::give_to(*me, path), remedy::as_user(0)
    )]
    Owner {
        /// The file.
        path: PathBuf,
        /// The owner's number.
        owner: u32,
        /// The number of the user this process runs as.
        me: u32,
    },
    /// Another process has the file locked.
    #[error(
        "the state file {} is in use by another process{}; two signers with one key will double-sign: \
         stop the other one first", path.display(), holder.in_words()
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// Who has it, as far as that can be seen.
        holder: Holder,
    },
    /// Another process (or another chain entry) signs with this key on this chain.
    #[error("{}", pair_locked(chain, held))]
    PairLocked {
        /// The chain.
        chain: ChainId,
        /// Which lock, and who has it.
        held: Held,
    },
    /// The locks on chain and key cannot be had: another process may sign.
    #[error("chain {chain} and its key cannot be locked against a second signer: {why}")]
    NoPairLock {
        /// The chain.
        chain: ChainId,
        /// What is wrong.
        why: PairLockError,
    },
    /// The file system forgets, or is shared with other hosts.
    #[error(
        "the state file {} lies on {kind}, which does not protect it; move it to a local disk, or, if you accept \
         the loss of double-sign protection, set `allow_ephemeral_state = true` in this [[chain]]", path.display()
    )]
    Ephemeral {
        /// The file.
        path: PathBuf,
        /// The file system.
        kind: &'static str,
    },
    /// The file is not one of ours.
    #[error(
        "the state file {} is not in this program's format (it has {size} bytes, and a state has {}, or {} with a key \
         of type ml_dsa_65); if it is the state of \
         another signer, stop that one and take its state over, which shows the heights first: with `{}` for all chains, \
         with `{}` for this one; if it is nobody's, look up the last height this key signed and run `{}`, which keeps the \
         file aside",
        path.display(), Layout::SHORT.file(), Layout::LONG.file(), commands.line(["adopt"]), commands.import(chain, path),
        commands.init_height(chain)
    )]
    Foreign {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// What the text says to run.
        commands: Commands,
    },
    /// Neither half of the file can be read.
    #[error(
        "the state file {} of chain {chain} cannot be read (first half: {first}; second half: {second}); look up the last \
         height this key signed and run `{}`, which keeps the file aside", path.display(), commands.init_height(chain)
    )]
    Unreadable {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// What is wrong with the first slot.
        first: BadCopy,
        /// What is wrong with the second slot.
        second: BadCopy,
        /// What the text says to run.
        commands: Commands,
    },
    /// The two halves do not follow each other.
    #[error(
        "the two halves of the state file {} of chain {chain} do not follow each other ({why}): a part of it was restored \
         or written by another program; look up the last height this key signed and run `{}`, which keeps the file aside",
        path.display(), commands.init_height(chain)
    )]
    NotNeighbours {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// What contradicts what.
        why: String,
        /// What the text says to run.
        commands: Commands,
    },
    /// The file belongs to another chain.
    #[error("the state file {} belongs to chain {found}, not to {chain}; correct `state_file`", path.display())]
    OtherChain {
        /// The chain configured.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// The chain in the file.
        found: ChainId,
    },
    /// The file belongs to another key.
    #[error(
        "the state file {} of chain {chain} belongs to the key {found:?}, and the key configured is {configured:?}; \
         after a change of keys give the new key a state file of its own", path.display()
    )]
    OtherKey {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// The key in the file.
        found: PublicKey,
        /// The key configured.
        configured: PublicKey,
    },
    /// The file belongs to another share of the key, or to the whole key.
    #[error(
        "the state file {} of chain {chain} is that of {}, and {} is configured; {}",
        path.display(), share_in_words(*found), share_in_words(*configured),
        own_state(*found, *configured, chain, path, commands)
    )]
    OtherShare {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// The share in the file; none of the whole key.
        found: Option<u16>,
        /// The share configured.
        configured: Option<u16>,
        /// What the text says to run.
        commands: Commands,
    },
    /// The file is not the one that this program wrote last (W15).
    #[error(
        "the state file {} of chain {chain} is not as this program left it: {why}. So what it says may be older than the \
         last signature. {}, which shows heights and ages first: with `{}` for all chains, with `{}` for this one. If it \
         may be from a backup, look up the last height that this key signed, add a margin, and run `{}`, which keeps the \
         file aside",
        path.display(), before(why), commands.line(["adopt"]), commands.import(chain, path),
        commands.init_height(chain)
    )]
    Copied {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// How that is known.
        why: Unfamiliar,
        /// What the text says to run.
        commands: Commands,
    },
    /// Another signer goes on from it (`state export --retire`).
    #[error(
        "chain {chain} was handed over to another signer {}, so this program does not sign for it (state file {}). If it is \
         to come back: stop that signer for good, and take its state over with `{}`",
        at(*written), path.display(), commands.import(chain, Path::new("FILE"))
    )]
    HandedOver {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// When, since 1970-01-01 UTC.
        written: Duration,
        /// What the text says to run.
        commands: Commands,
    },
    /// Another host goes on from it (`state move out`).
    #[error(
        "chain {chain} was handed over {}, to bundle {}, so this host does not sign for it (state file {}). When the other host \
         signs, remove its [[chain]] here. If it is to come back, take in the bundle that the other host makes, or this one if \
         no host took it in, with `{}`. If this bundle is lost, `{}` writes it again",
        at(Duration::from_secs(moved.at)), moved.bundle, path.display(), commands.move_in(Path::new("FILE")),
        commands.move_out(chain, Path::new("FILE"))
    )]
    MovedOut {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// When, and to which bundle.
        moved: Moved,
        /// What the text says to run.
        commands: Commands,
    },
    /// The chain's watermark is in etcd, and this file is only the floor under it (W17).
    #[error(
        "the state file {} belongs to a chain whose watermark is shared by several hosts in etcd, and cannot be used \
         alone; write `store = \"etcd\"` into its [[chain]] again. To go back to one host, end the sharing after that with \
         `{}`",
        path.display(), commands.line(["state", "leave", chain.as_str()])
    )]
    Shared {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// What messages tell the operator to run.
        commands: Commands,
    },
    /// The system said no.
    #[error("the state file {} cannot be used: {doing}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// `at 2026-11-28 02:30:00 UTC`, for a time since 1970-01-01 UTC.
fn at(written: Duration) -> String {
    let seconds = i64::try_from(written.as_secs()).unwrap_or(0);
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, (hour, minute, second)) = (time.date(), time.to_hms());
    format!("at {date} {hour:02}:{minute:02}:{second:02} UTC")
}

fn pair_locked(chain: &ChainId, held: &Held) -> String {
    match held.is_squatted() {
        true => format!("chain {chain} and its key cannot be locked: {held}"),
        false => format!(
            "another process on this host already signs for chain {chain} with this key: {held}; stop it first, or remove one of the \
             two configurations"
        ),
    }
}

/// What comes before the commands that take it over.
fn before(why: &Unfamiliar) -> &'static str {
    match why {
        Unfamiliar::Links(_) => {
            "Remove its other names; or, if it is the newest state all the same and no signer has run since, take it over"
        }
        _ => {
            "If it is the newest state all the same, because it was only moved or changed and no signer has run since, take \
             it over"
        }
    }
}

fn share_in_words(share: Option<u16>) -> String {
    share.map_or_else(|| "the whole key".to_owned(), |id| format!("share {id}"))
}

/// What to do with a state of another share of the key, or of the whole key.
fn own_state(
    found: Option<u16>,
    configured: Option<u16>,
    chain: &ChainId,
    path: &Path,
    commands: &Commands,
) -> String {
    match (found, configured) {
        (None, _) => format!(
            "name another file as `state_file` of the [[chain]], and take over what the whole key has signed with `{}`",
            commands.import(chain, path)
        ),
        (Some(found), Some(own)) => format!(
            "each member has a state of its own, and that of share {own} may be higher. If the share is the wrong one, bring share \
             {found} again. Otherwise move the file away with `{}` and bring the state of share {own}; where that is lost, look up \
             the highest watermark of all members, H, and run `{}`",
            remedy::move_aside(path),
            commands.init_height(chain)
        ),
        (Some(_), None) => format!(
            "a member may be behind the others: name another file as `state_file` of the [[chain]], look up the last height that \
             this key signed, and run `{}`",
            commands.init_height(chain)
        ),
    }
}

impl OpenError {
    /// Whether another process holds this chain; such a chain is not dialled at all (W7).
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::PairLocked { .. })
    }

    /// Whether there is a file of which nothing can be believed, so that a height has to be said by hand.
    pub fn says_nothing(&self) -> bool {
        matches!(
            self,
            Self::Empty { .. } | Self::Unreadable { .. } | Self::NotNeighbours { .. }
        )
    }
}
