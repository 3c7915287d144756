//! What a section of the configuration says about keys and the device that they are on.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::consensus::Height;
use crate::settings::{Problem, Spanned, TableReader};

use super::key_source::KeySource;
use super::replicas::ReplicaSource;

/// The keys that one provider section configures.
pub struct ConfiguredKey {
    /// The chains that they sign for.
    pub chain_ids: Vec<Spanned<String>>,
    /// Where it stands among the keys of its chain.
    pub turn: KeyTurn,
    /// What two sections must not share: the key file or the device.
    pub source: Spanned<String>,
    /// The device, where two sections must not share it.
    pub device: Option<SharedDevice>,
    /// Where it listens for others, which no two sections and nothing else of this program may.
    pub listen: Option<Spanned<SocketAddr>>,
    /// How to open the key.
    pub key: Arc<dyn KeySource>,
    /// The same, where the key may be one of several replicas.
    pub replica: Option<Arc<dyn ReplicaSource>>,
}

/// Where a key stands among several of its chain, one of which signs at each height.
#[derive(Clone, Debug, Default)]
pub struct KeyTurn {
    /// It signs from this height on; `None` for the key that signs from the first height on.
    pub activation_height: Option<Spanned<Height>>,
    /// A state file of its own.
    pub state_file: Option<Spanned<String>>,
}

impl KeyTurn {
    /// Reads `activation_height` and `state_file` of a key that has these chains. `None` where a height is written that is none:
    /// the key must not become one that signs from the first height on.
    pub fn read(
        section: &mut TableReader<'_>,
        chain_ids: &[Spanned<String>],
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let height = section.number("activation_height", 1..=i64::MAX.unsigned_abs(), problems);
        let turn = Self {
            activation_height: height.and_then(|found| {
                Some(Spanned {
                    value: Height::new(i64::try_from(found.value).ok()?)?,
                    span: found.span,
                })
            }),
            state_file: section.text("state_file", problems),
        };
        let height = turn.activation_height.as_ref().map(|height| &height.span);
        let file = turn.state_file.as_ref().map(|file| &file.span);
        if let Some(span) = height.or(file).filter(|_| chain_ids.len() > 1) {
            problems.push(Problem::at(
                span.clone(),
                "a height and a state file are those of one chain",
                format!("this key has {} chains", chain_ids.len()),
                "a key that is rotated needs a section of its own for its one chain",
            ));
        }
        let is_written = section.place_of("activation_height").is_some();
        (turn.activation_height.is_some() || !is_written).then_some(turn)
    }
}

/// A device that all chains of its section share.
#[derive(Clone, Debug)]
pub struct SharedDevice {
    /// What it is, and its section.
    pub name: Spanned<String>,
    /// About how many signatures it makes in a second.
    pub signatures_per_second: u32,
}
