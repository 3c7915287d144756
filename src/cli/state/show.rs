//! `tmkms state show`: safe beside a running service, because it takes no lock.

use clap::Args;

use crate::config::ChainConfig;
use crate::gate::store::Origin;
use crate::gate::store::file::{Newest, newest};
use crate::gate::used_up::UsedUp;
use crate::gate::watermark::Watermark;
use crate::os::clock::{Clock, SystemClock};

use super::{ConfigFile, Failure, find, output, read_bounded};

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
        let mut unreadable = 0;
        for chain in &config.chains {
            if self
                .chain
                .as_ref()
                .is_some_and(|wanted| wanted != chain.id.as_str())
            {
                continue;
            }
            match describe(chain) {
                Ok(lines) => text.push_str(&lines),
                Err(why) => {
                    unreadable += 1;
                    text.push_str(&format!("{}: {why}\n", chain.id));
                }
            }
        }
        output(&text)?;
        match unreadable {
            0 => Ok(()),
            _ => Err(Failure::new(format!(
                "{unreadable} state file(s) cannot be read; see above"
            ))),
        }
    }
}

/// Reads without locks. A write that happens meanwhile shows as one bad half, so such a read is tried again.
fn describe(chain: &ChainConfig) -> Result<String, String> {
    let path = &chain.state_file;
    let mut found = None;
    for _ in 0..5 {
        let bytes = read_bounded(path)?;
        match newest(&bytes) {
            Newest::Good(entry, None) => {
                found = Some((entry, None));
                break;
            }
            Newest::Good(entry, damage) => found = Some((entry, damage)),
            Newest::Unreadable(..) | Newest::NotNeighbours(..) => {}
        }
    }
    let Some((entry, damage)) = found else {
        return Err(format!(
            "{} is no readable state file of this program; another signer's is taken over with \
             `tmkms state import {} {}`",
            path.display(),
            chain.id,
            path.display()
        ));
    };
    let used_up = UsedUp::of(&entry.record, damage.is_some());
    let last = match used_up.watermark() {
        Watermark::Never => "nothing signed yet".to_owned(),
        Watermark::UpTo(hrs) => format!("used up to {hrs}"),
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
    };
    let mut text = format!(
        "{}: {last} ({by}, {age} s ago)\n  file {}, key {:?} (address {})\n",
        entry.chain_id,
        path.display(),
        entry.public_key,
        entry.public_key.address()
    );
    if let (Some(damage), Some(floor)) = (damage, used_up.floor()) {
        text.push_str(&format!(
            "  damaged: {damage}; height {floor} counts as used up, because it may have been signed\n"
        ));
    }
    Ok(text)
}
