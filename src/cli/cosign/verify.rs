//! `tmkms cosign verify`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::report::{Failure, output};
use crate::consensus::key_text;

use super::shards::Shards;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms cosign verify shares/member-1/share.json shares/member-3/share.json\n  \
                  tmkms cosign verify host-1/cosmoshub-4_shard.json host-2/cosmoshub-4_shard.json\n\n\
                  Shares on one host are as good as the key: do this on a host without network, and delete them afterwards."
)]
pub(in crate::cli) struct Verify {
    /// The share.json of members, or the CHAIN_shard.json of horcrux's cosigners, as many as there are at hand
    #[arg(required = true, value_name = "SHARE")]
    shards: Vec<PathBuf>,
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        let found = Shards::read(self.shards)?;
        let (count, needed) = (found.shards.len(), found.fit.threshold);
        if let Some(shard) = found.shards.first() {
            output(&format!(
                "public key: {}\naddress: {}\nneeded: {needed}\nbelonging together: {} of {count}\n",
                key_text::to_json(&shard.public_key),
                shard.public_key.address(),
                count - found.fit.strangers.len(),
            ))?;
        }
        match found.tell_strangers() {
            true => Err(Failure::new("not all of these shares belong together")),
            false => Ok(()),
        }
    }
}
