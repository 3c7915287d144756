//! What must not happen to a shared key. Once one of these was seen, the chain signs nothing more in this process:
//! somebody has to look.

use std::fmt;
use std::time::Duration;

use crate::consensus::{ChainId, Hrs};
use crate::gate::store::record::Seen;
use crate::remedy::Commands;
use crate::text::date::Date;

use super::client::api::Header;
use super::value::BadValue;

/// Why a shared key is not believed any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Latch {
    /// Somebody deleted the key.
    Missing,
    /// Somebody deleted the key and made it again.
    Recreated {
        /// The revision that created the key that this host joined.
        pinned: i64,
        /// The revision that created the one that is there.
        found: i64,
    },
    /// Another cluster answers.
    OtherCluster {
        /// The cluster that this host joined.
        pinned: u64,
        /// The cluster that answers.
        found: u64,
    },
    /// The cluster was set back.
    RevisionFell {
        /// The highest revision that this host saw.
        known: i64,
        /// The revision that it is at now.
        found: i64,
    },
    /// The record is older than one that this host has seen.
    Lowered {
        /// The watermark that this host has seen.
        known: Option<Hrs>,
        /// What the key says.
        found: Option<Hrs>,
    },
    /// The value was not written by this program for this chain and key.
    Foreign(BadValue),
    /// A host ended the sharing.
    Left {
        /// Which.
        host: String,
        /// When, since 1970-01-01 UTC.
        at: Duration,
        /// It was this one.
        by_us: bool,
    },
}

/// Asks of an answer's head whether it comes from the cluster that was joined and was not set back. `known` is the
/// revision that was known when the request was sent: answers overtake each other.
pub fn of_header(header: &Header, pinned: &Seen, known: i64) -> Result<(), Latch> {
    if header.cluster_id != pinned.cluster_id {
        return Err(Latch::OtherCluster {
            pinned: pinned.cluster_id,
            found: header.cluster_id,
        });
    }
    if header.revision < known {
        return Err(Latch::RevisionFell {
            known,
            found: header.revision,
        });
    }
    Ok(())
}

/// A latch as the operator sees it, with the chain's commands.
pub struct LatchMessage<'a> {
    /// What happened.
    pub latch: &'a Latch,
    /// The chain.
    pub chain: &'a ChainId,
    /// The key in etcd.
    pub key: &'a str,
    /// What messages tell the operator to run.
    pub commands: &'a Commands,
}

impl fmt::Display for LatchMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            latch,
            chain,
            key,
            commands,
        } = self;
        let line = |word: &str| commands.line(["state", word, chain.as_str()]);
        match latch {
            Latch::Missing => write!(
                f,
                "the key {key} is gone from etcd; nothing is signed until the hosts agree again: stop tmkms on all hosts, \
                 run `{}` on the one whose `state show` is highest, then `{}` on the others",
                line("share"),
                line("join")
            ),
            Latch::Recreated { pinned, found } => write!(
                f,
                "the key {key} in etcd was deleted and created again (created at revision {found}, this host joined {pinned}); \
                 stop tmkms on all hosts, then run `{}` on each of them before any starts again",
                line("join")
            ),
            Latch::OtherCluster { pinned, found } => write!(
                f,
                "another etcd cluster answers ({found:x}, this host joined {pinned:x}): a wrong address, or a cluster that \
                 was restored from a snapshot; correct `endpoints`, or after a restore stop tmkms on all hosts and run `{}` \
                 on each of them before any starts again",
                line("join")
            ),
            Latch::RevisionFell { known, found } => write!(
                f,
                "etcd was set back to an older revision ({found}, this host saw {known}); stop tmkms on all hosts, then run \
                 `{}` on each of them before any starts again",
                line("join")
            ),
            Latch::Lowered { known, found } => write!(
                f,
                "the watermark in etcd is lower than this host has seen ({}, where {} was signed or asked for): somebody set it back; \
                 stop tmkms on all hosts, then run `{}` on each of them before any starts again",
                shown(*found),
                shown(*known),
                line("join")
            ),
            Latch::Foreign(bad) => write!(
                f,
                "the key {key} in etcd does not hold a watermark of this chain and key: {bad}; find out who wrote it, \
                 delete it with `etcdctl del {key}`, and begin again with `{}` on the host whose `state show` is highest",
                line("share")
            ),
            Latch::Left { host, at, by_us } => {
                let host = match by_us {
                    true => "this host".to_owned(),
                    false => format!("host {host}"),
                };
                write!(
                    f,
                    "{host} ended the sharing at {} and may now sign without the others; to share again run `{}` there and `{}` here",
                    Date::of(*at),
                    line("share"),
                    line("join")
                )
            }
        }
    }
}

fn shown(hrs: Option<Hrs>) -> String {
    hrs.map_or_else(|| "nothing".to_owned(), |hrs| hrs.to_string())
}
