//! `tmkms state show`: safe beside a running service, because it takes no lock.

use std::path::Path;

use clap::Args;

use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, output};
use crate::config::ChainConfig;
use crate::consensus::PublicKey;
use crate::gate::store::Origin;
use crate::gate::store::file::{Newest, inspect, newest};
use crate::gate::used_up::UsedUp;
use crate::gate::watermark::Watermark;
use crate::migrate::foreign::LONGEST;
use crate::os::clock::{Clock, SystemClock};
use crate::os::files::bounded;
use crate::service::with_older_files;
use crate::text::count::count;
use crate::text::date::Date;

use super::chain::find;
use super::shared::shown_in_etcd;

/// How often a file is read: a read that meets a write sees half of it.
const TRIES: usize = 5;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state show -c tmkms.toml\n  tmkms state show cosmoshub-4"
)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    config: ConfigFile,
    /// Only this chain
    chain: Option<String>,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        if let Some(chain) = &self.chain {
            find(&config, chain)?;
        }
        let mut text = String::new();
        let mut unusable = 0;
        for chain in config.keys() {
            if self
                .chain
                .as_ref()
                .is_some_and(|wanted| wanted != chain.id.as_str())
            {
                continue;
            }
            let (lines, usable) = describe(chain);
            text.push_str(&lines);
            unusable += usize::from(!usable);
        }
        output(&text)?;
        match unusable {
            0 => Ok(()),
            _ => Err(Failure::new(format!(
                "{} cannot be used; see above",
                count(unusable, "state file")
            ))),
        }
    }
}

/// What a chain's state file says, and why `start` would not use it, if so; and whether it would. The key is not opened:
/// whatever key the file names will do. Of a share it is read which one it is.
fn describe(chain: &ChainConfig) -> (String, bool) {
    let candidates = chain.state_file.candidates();
    match candidates.as_slice() {
        [] => (not_begun(chain), false),
        _ => {
            let each = candidates.iter().map(|path| describe_state(chain, path));
            each.fold((String::new(), true), |(text, all), (lines, usable)| {
                (text + &lines, all && usable)
            })
        }
    }
}

/// A key whose state is named after it, and none is there.
fn not_begun(chain: &ChainConfig) -> String {
    let id = chain.id.as_str();
    let init = ["state", "init", id, "--key", "ADDRESS", "--never-signed"];
    format!(
        "{id}: there is no state file {} of the {}; `{}` begins it (`{}` shows the address)\n",
        chain.state_file,
        chain.key.traits().location,
        chain.commands.line(init),
        chain.commands.line(["keys", "show"])
    )
}

fn describe_state(chain: &ChainConfig, path: &Path) -> (String, bool) {
    let mut found = None;
    for _ in 0..TRIES {
        if let Ok(bytes) = bounded::read(path, LONGEST)
            && let Newest::Good(entry, damage) = newest(&bytes)
        {
            let whole = damage.is_none();
            found = Some((entry, damage));
            if whole {
                break;
            }
        }
    }
    let key = match &found {
        Some((entry, _)) => entry.public_key.clone(),
        None => PublicKey::Ed25519([0; 32]),
    };
    let mut place = chain.place(key);
    place.share = match chain.key.traits().is_share {
        true => own_share(chain).or(found.as_ref().and_then(|(entry, _)| entry.share)),
        false => None,
    };
    if found.is_none() && chain.one_of_several {
        // Which key it is, only the key itself could tell.
        place.commands = chain.commands.of_key("ADDRESS");
    }
    let refused = inspect(&place).err();
    let refused = refused.map(|error| with_older_files(error, chain));
    let Some((entry, damage)) = found else {
        let why = refused.unwrap_or_else(|| "its state file changed while it was read".to_owned());
        return (format!("{}: {why}\n", chain.id), false);
    };
    let used_up = UsedUp::of(&entry.record, damage.is_some());
    let mut text = format!(
        "{}: {}\n  file {}, key {:?} (address {})\n",
        entry.chain_id,
        in_words(&used_up),
        path.display(),
        entry.public_key,
        entry.public_key.address()
    );
    if let Some(share) = entry.share {
        text.push_str(&format!("  of share {share} of this key\n"));
    }
    if let Some(height) = chain.activation_height {
        text.push_str(&format!("  signs from height {height} on\n"));
    }
    if let Some(shared) = shown_in_etcd(chain, &entry.public_key) {
        text.push_str(&format!("  etcd {shared}\n"));
    }
    if let (Some(damage), Some(floor)) = (damage, used_up.floor()) {
        text.push_str(&format!(
            "  damaged: {damage}; height {floor} counts as signed, because it may have been\n"
        ));
    }
    // A pause is that of the chain, and shown once.
    let paused = match chain.activation_height {
        None => chain.pause_file().read(),
        Some(_) => Ok(None),
    };
    match paused {
        Ok(None) => {}
        Ok(Some(pause)) => text.push_str(&format!(
            "  paused {pause}, as asked for at {}\n",
            Date::of(pause.asked)
        )),
        Err(error) => text.push_str(&format!("  not used by `start`: {error}\n")),
    }
    if let Some(why) = &refused {
        text.push_str(&format!("  not used by `start`: {why}\n"));
    }
    (text, refused.is_none())
}

/// Which share is configured, as its file says; none where that cannot be read, as with a key.
fn own_share(chain: &ChainConfig) -> Option<u16> {
    let _ = chain.key.inspect().ok()?;
    chain.key.share_id()
}

fn in_words(used_up: &UsedUp) -> String {
    let last = match used_up.watermark() {
        Watermark::Never => "nothing signed yet".to_owned(),
        Watermark::UpTo(hrs) => format!("watermark at {hrs}"),
        Watermark::Message(last) => {
            let block = last
                .position()
                .block
                .map_or_else(|| "nil".to_owned(), |block| block.to_string());
            format!("last {} for {block}", last.position().hrs)
        }
    };
    let age = used_up.age(SystemClock.now().wall).as_secs();
    let by = match used_up.origin() {
        Origin::Begun | Origin::Raised => "set by hand",
        Origin::Request => "by a request",
        Origin::HandedOver => "handed over to another signer",
        Origin::MovedOut => "handed over to another host",
    };
    format!("{last} ({by}, {age} s ago)")
}
