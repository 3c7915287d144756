//! `tmkms cosign verify`: what shares are of, and whether they belong together.

use std::path::PathBuf;

use base64ct::{Base64, Encoding};
use clap::Args;

use crate::cli::report::{Failure, output};
use crate::consensus::key_text;

use super::shards::ReadShards;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms cosign verify shares/member-1/share.json shares/member-3/share.json\n  \
                  tmkms cosign verify host-1/cosmoshub-4_shard.json host-2/cosmoshub-4_shard.json\n\n\
                  Shares on one host are as good as the key: do this on a host without network, and delete them afterwards. One share alone, on its\n\
                  own host, gives its `public_share` and the public key, and the exit code 1, because it does not give the key."
)]
pub(in crate::cli) struct Verify {
    /// The share.json of members, or the CHAIN_shard.json of horcrux's cosigners, as many as there are at hand
    #[arg(required = true, value_name = "SHARE")]
    shards: Vec<PathBuf>,
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        let read = ReadShards::read(self.shards)?;
        // Also of one share alone, which does not give the key: these are the lines of a configuration.
        let mut text = match read.of_one_key() {
            Some(key) => format!(
                "public key: {}\naddress: {}\n",
                key_text::to_json(key),
                key.address()
            ),
            None => String::new(),
        };
        for shard in &read.shards {
            let public = Base64::encode_string(&shard.public_share());
            text.push_str(&format!(
                "member {}: public_share = \"{public}\"\n",
                shard.id
            ));
        }
        output(&text)?;
        let found = read.fitted()?;
        let (count, needed) = (found.shards().len(), found.fit.threshold);
        output(&format!(
            "needed: {needed}\nbelonging together: {} of {count}\n",
            count - found.fit.strangers.len(),
        ))?;
        match found.tell_strangers() {
            true => Err(Failure::new("not all of these shares belong together")),
            false => Ok(()),
        }
    }
}
