//! `tmkms cosign recover`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::backends::softsign::key::SoftKey;
use crate::cli::report::{Failure, output, status};
use crate::consensus::{KeyType, key_text};
use crate::os::files::paths::absolute;
use crate::remedy::{CommandLine, Commands};
use crate::secret_file;
use crate::shares::expanded_key;

use super::shards::{Shards, is_share};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms cosign recover member-1/share.json member-3/share.json secrets/cosmoshub-4.key\n  tmkms cosign recover host-1/cosmoshub-4_shard.json host-3/cosmoshub-4_shard.json \\\n      \
                  ~/.horcrux/cosmoshub-4.key\n\n\
                  Every cosigner must be stopped for good before this key signs: together they sign without it."
)]
pub(in crate::cli) struct Recover {
    /// The share.json of members, or the CHAIN_shard.json of horcrux's cosigners: as many as are needed, or more
    #[arg(required = true, value_name = "SHARE")]
    shards: Vec<PathBuf>,
    /// The key file to make; never overwritten
    #[arg(value_name = "OUT", required = true)]
    to: PathBuf,
}

impl Recover {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.check_out()?;
        let found = Shards::read(self.shards)?;
        found.tell_strangers();
        let enough = found.fit.enough.iter();
        let enough: Vec<_> = enough
            .filter_map(|place| found.shards().get(*place))
            .collect();
        let key = expanded_key(&enough)
            .map_err(|why| Failure::new(format!("these shares cannot be put together: {why}")))?;
        let key = SoftKey::from_bytes(&*key, KeyType::Ed25519).map_err(Failure::new)?;
        let public = key.public_key();
        let text = key.to_file().map_err(Failure::new)?;
        secret_file::create(&self.to, &text).map_err(Failure::new)?;
        status(
            "Recovered",
            format!(
                "{} key into {}, of {}",
                public.key_type(),
                self.to.display(),
                crate::text::count::count(found.fit.threshold, "share")
            ),
        );
        let commands = Commands::of_any_config();
        let next = match found.are_of_horcrux() {
            true => format!(
                "stop every cosigner for good, then take the chain over with its state: `{}`; delete the copies of the shares here",
                commands.line(["adopt", "HOME"])
            ),
            false => format!(
                "stop every member for good, and name this key as `path` of a [[providers.softsign]] in place of the [[providers.cosign]]. Its \
                 state begins at the highest watermark of all members: look at `{}` on each, move the state file of the share away where \
                 the key is to sign (a member's own state is refused beside the whole key), and run `{}`. Delete the copies of the shares \
                 here",
                commands.line(["state", "show"]),
                commands.line(["state", "init", "CHAIN", "--height", "HIGHEST"])
            ),
        };
        status("Next", next);
        output(&format!(
            "public key: {}\naddress: {}\n",
            key_text::to_json(&public),
            public.address()
        ))
    }

    /// Who forgets OUT names a share in its place, and is not to move that away: the whole key would be put there.
    fn check_out(&self) -> Result<(), Failure> {
        if !is_share(&self.to) {
            return Ok(());
        }
        let named = self.shards.iter().chain([&self.to]);
        let named = named.map(|path| absolute(path).into_os_string());
        let words: Vec<OsString> = ["cosign", "recover"]
            .map(OsString::from)
            .into_iter()
            .chain(named)
            .chain(["OUT".into()])
            .collect();
        Err(Failure::usage(format!(
            "{} is a share, and the file for the key to be made is missing at the end of the command; nothing was written",
            self.to.display()
        ))
        .hint(format!(
            "name a file that is not there yet as OUT: `{}`",
            CommandLine::without_config(words)
        )))
    }
}
