//! What is different after a reload.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::consensus::{ChainId, Height};
use crate::observe::log::LogFormat;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    ChainAdded(ChainId),
    ChainRemoved(ChainId),
    /// The key is opened in another way, at this place.
    KeyReopened(ChainId, String),
    /// The key at this place takes over at a height.
    KeyAdded(ChainId, String, Option<Height>),
    /// The key at this place signs no more.
    KeyRemoved(ChainId, String),
    /// The key at this place signs from another height on.
    KeyHeight(ChainId, String, Option<Height>),
    Setting(ChainId, Setting),
    NodeAdded(ChainId, String),
    NodeRemoved(ChainId, String),
    /// The same listener, dialled in another way.
    NodeChanged(ChainId, String),
    MaxHeight(ChainId, String, Option<Height>),
    MetricsListen(Option<SocketAddr>),
    MetricsHosts,
    Textfile(Option<PathBuf>),
    LogLevel(Option<String>),
    LogFormat(Option<LogFormat>),
    /// This key of [log] was changed in vain.
    LogOverruled(&'static str),
}

impl Change {
    /// Takes the port that the kernel chose for port 0 of the metrics.
    pub fn found_at(&mut self, at: Option<SocketAddr>) {
        if let (Self::MetricsListen(told @ Some(_)), Some(_)) = (self, at) {
            *told = at;
        }
    }
}

/// A setting of a chain that a gate follows while it is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    SignExtensions,
    MaxGap(u64),
    MaxBlocksPerSecond(u32),
    RawBytes,
    /// To one node at a time, and the next after so long.
    Nodes(Option<Duration>),
    StateHook,
    KeyFormat,
    Rpc,
    Guard,
}

/// The heights of a key, in words.
struct FromHeight(Option<Height>);

impl fmt::Display for FromHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(height) => write!(f, "from height {height} on"),
            None => f.write_str("from the first height on"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChainAdded(id) => write!(f, "{id}: added"),
            Self::ChainRemoved(id) => write!(f, "{id}: removed"),
            Self::KeyReopened(id, place) => write!(f, "{id}: the key is opened anew: {place}"),
            Self::KeyAdded(id, place, from) => {
                write!(
                    f,
                    "{id}: the {place} is added and signs {}",
                    FromHeight(*from)
                )
            }
            Self::KeyRemoved(id, place) => write!(f, "{id}: the {place} signs no more"),
            Self::KeyHeight(id, place, from) => {
                write!(f, "{id}: the {place} signs {}", FromHeight(*from))
            }
            Self::Setting(id, setting) => write!(f, "{id}: {setting}"),
            Self::NodeAdded(id, addr) => write!(f, "{id}: dials {addr}"),
            Self::NodeRemoved(id, addr) => write!(f, "{id}: leaves {addr}"),
            Self::NodeChanged(id, addr) => {
                write!(f, "{id}: dials {addr} again with its new settings")
            }
            Self::MaxHeight(id, addr, Some(max)) => {
                write!(f, "{id}: `max_height` of {addr} is {max}")
            }
            Self::MaxHeight(id, addr, None) => write!(f, "{id}: {addr} has no `max_height`"),
            Self::MetricsListen(Some(at)) => {
                write!(f, "metrics and the status page are at http://{at}/")
            }
            Self::MetricsListen(None) => f.write_str("metrics are not served over HTTP"),
            Self::MetricsHosts => f.write_str("`hosts` of [metrics] changed"),
            Self::Textfile(Some(path)) => {
                write!(f, "metrics are written to {}", path.display())
            }
            Self::Textfile(None) => f.write_str("metrics are not written to a file"),
            Self::LogLevel(Some(level)) => write!(f, "`level` of [log] is {level}"),
            Self::LogLevel(None) => f.write_str("[log] has no `level`"),
            Self::LogFormat(Some(format)) => write!(f, "`format` of [log] is {format}"),
            Self::LogOverruled(key) => write!(
                f,
                "`{key}` of [log] is not followed: the command line or a variable of the service counts more"
            ),
            Self::LogFormat(None) => f.write_str("`format` of [log] is auto"),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignExtensions => f.write_str("`sign_extensions` changed"),
            Self::MaxGap(gap) => write!(f, "`max_gap` is {gap}"),
            Self::MaxBlocksPerSecond(rate) => write!(f, "`max_blocks_per_second` is {rate}"),
            Self::RawBytes => f.write_str("`raw_bytes` changed"),
            Self::Nodes(None) => f.write_str("`nodes` is any"),
            Self::Nodes(Some(patience)) => {
                write!(f, "`nodes` is sticky, for {} s", patience.as_secs())
            }
            Self::StateHook => {
                f.write_str("`state_hook` changed; it is run when the chain is armed the next time")
            }
            Self::KeyFormat => f.write_str("`key_format` changed"),
            Self::Guard => f.write_str(
                "`floor` or `doppelganger` changed; what is waited for before the first signature is waited for at the next start",
            ),
            Self::Rpc => f.write_str("`rpc` changed"),
        }
    }
}
