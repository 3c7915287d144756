//! Where the state of each key lies: each in a file of its own.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use crate::consensus::ChainId;
use crate::settings::{Base, Problem};

use super::keys::KeyOfChain;
use crate::config::file::Chain;
use crate::config::state_path::StatePath;

/// The state files by now, each with its chain.
#[derive(Default)]
pub(super) struct StateFiles(BTreeMap<PathBuf, ChainId>);

/// Those of one chain.
pub(super) struct StatesOfChain {
    /// The one that the chain has, whatever its keys have: a pause is kept beside it.
    pub chain: PathBuf,
    /// Those of its keys, in their order.
    pub keys: Vec<StatePath>,
    /// All of these, and where they lie when nothing is said.
    pub places: Vec<StatePath>,
}

impl StateFiles {
    /// `None` where a path cannot be used.
    pub fn of_chain(
        &mut self,
        chain: &Chain,
        id: &ChainId,
        keys: &[KeyOfChain],
        base: &Base,
        problems: &mut Vec<Problem>,
    ) -> Option<StatesOfChain> {
        let default = base.in_folder(&format!("state/{id}-consensus.json"));
        let own = match &chain.state_file {
            Some(written) => base.path(written, problems)?,
            None => default.clone(),
        };
        let of_address = StatePath::OfAddress {
            folder: base.in_folder("state"),
            chain: id.clone(),
        };
        let mut states = Vec::new();
        // That of a key that was removed, or of none, is the chain's all the same.
        self.take(own.clone(), id, chain_span(chain), problems);
        no_file_name(id, chain.state_file.is_none(), chain_span(chain), problems);
        for key in keys {
            let first = key.turn.activation_height.is_none();
            let path = match &key.turn.state_file {
                Some(written) => {
                    let path = base.path(written, problems)?;
                    if !(first && path == own) {
                        self.take(path.clone(), id, written.span.clone(), problems);
                    }
                    StatePath::At(path)
                }
                None if first => StatePath::At(own.clone()),
                None => {
                    let height = key.turn.activation_height.as_ref();
                    let span = height.map_or(chain_span(chain), |height| height.span.clone());
                    // Otherwise it is told above.
                    no_file_name(id, chain.state_file.is_some(), span, problems);
                    of_address.clone()
                }
            };
            states.push(path);
        }
        let mut places = vec![StatePath::At(own.clone())];
        for place in states
            .iter()
            .cloned()
            .chain([StatePath::At(default), of_address])
        {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        Some(StatesOfChain {
            chain: own,
            keys: states,
            places,
        })
    }

    fn take(
        &mut self,
        path: PathBuf,
        id: &ChainId,
        span: Range<usize>,
        problems: &mut Vec<Problem>,
    ) {
        let shown = path.display().to_string();
        let Some(other) = self.0.insert(path, id.clone()) else {
            return;
        };
        problems.push(match other == *id {
            true => Problem::at(
                span,
                format!("two keys of {id} share one state file"),
                format!("{shown} is also the state file of its other key"),
                "a state belongs to one key: each needs a `state_file` of its own",
            ),
            false => Problem::at(
                span,
                "two chains share one state file",
                format!("{shown} is also the state file of {other}"),
                "each chain needs a `state_file` of its own",
            ),
        });
    }
}

/// What would be named after the chain id.
fn no_file_name(id: &ChainId, named_after: bool, span: Range<usize>, problems: &mut Vec<Problem>) {
    if named_after && id.as_str().contains('/') {
        problems.push(Problem::at(
            span,
            "this chain id cannot name a file",
            "the id holds a slash",
            "add a `state_file` of your own choice to this [[chain]], or to the section of a key that takes over",
        ));
    }
}

fn chain_span(chain: &Chain) -> Range<usize> {
    chain
        .state_file
        .as_ref()
        .map_or(chain.span.clone(), |file| file.span.clone())
}
