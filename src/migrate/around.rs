//! What may lie near the old files and say more than they do.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::gate::store::file::StateFile;
use crate::gate::watermark::Watermark;
use crate::remedy::CommandLine;

use super::evidence::{Evidence, Nearby};

/// Where to look for it, and what the operator said about it.
pub struct Around<'a> {
    /// The files that hold the key, besides the configured one.
    pub keys: &'a [&'a Path],
    /// The home of the node whose state it is, where that is known.
    pub node: Option<&'a Path>,
    /// Old files of other chains.
    pub others: &'a [PathBuf],
    /// The chains for which the operator insists.
    pub insist: &'a [String],
    /// The process that serves this configuration, if one does.
    pub service: Option<u32>,
    /// Whether a chain that was handed over to another host may be taken back, once its chain id is typed: by `adopt` only.
    pub takes_back: bool,
    /// The command that takes over a file that says more.
    pub command: &'a dyn Fn(&StateFile, &Evidence) -> CommandLine,
}

impl Around<'_> {
    /// The most that anything nearby says above what would be taken over.
    pub fn against(
        &self,
        config: &Config,
        taken: &[PathBuf],
        place: &StateFile,
        raised: Option<&Watermark>,
    ) -> Option<Evidence> {
        let id = place.chain_id.as_str();
        if self.insist.iter().any(|insisted| insisted == id) {
            return None;
        }
        let chain = config.key_of(place)?;
        let configured = chain.key.traits().file.as_ref().map(|file| &*file.path);
        let keys: Vec<&Path> = configured
            .into_iter()
            .chain(self.keys.iter().copied())
            .collect();
        let nearby = Nearby {
            chain,
            place,
            keys: &keys,
            taken,
            config,
            others: self.others,
        };
        nearby.against(raised)
    }
}
