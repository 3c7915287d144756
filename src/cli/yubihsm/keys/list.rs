//! `tmkms yubihsm keys list`.

use std::time::{Duration, Instant};

use clap::Args;

use crate::backends::yubihsm::device::provider::Provider;
use crate::backends::yubihsm::protocol::codes::{algorithm, command, object};
use crate::backends::yubihsm::protocol::error::Error;
use crate::backends::yubihsm::protocol::info::{Listed, ObjectInfo, read_list, read_public_key};
use crate::backends::yubihsm::session::client::DeviceClient;
use crate::cli::report::{Failure, output};
use crate::config::Config;
use crate::consensus::key_text::{self, KeyFormat};

use crate::cli::yubihsm::which::Which;

/// How long one command to a device may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms yubihsm keys list\n  tmkms yubihsm keys list -c tmkms.toml --serial 0123456789"
)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    which: Which,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        let formats = Config::load(&self.which.config.config).ok();
        for provider in self.which.providers()? {
            let (mut client, _) = provider.client().map_err(Failure::new)?;
            let text = list(&mut client, &provider, formats.as_ref()).map_err(Failure::new)?;
            output(&text)?;
        }
        Ok(())
    }
}

fn list(
    client: &mut DeviceClient,
    provider: &Provider,
    config: Option<&Config>,
) -> Result<String, Error> {
    let name = client.name().to_owned();
    let failed = |kind| Error {
        device: name.clone(),
        kind,
    };
    let until = || Instant::now() + PATIENCE;
    // Only keys: newer firmware has types of objects that nobody here knows.
    let filter = [2, object::ASYMMETRIC_KEY];
    let answer = client.command(command::LIST_OBJECTS, &filter, None, until())?;
    let mut found = read_list(&answer).map_err(failed)?;
    found.sort_by_key(|listed| listed.id);
    let serial = client.info().map(|info| info.serial);
    let serial = serial.map_or_else(String::new, |serial| serial.to_string());
    if found.is_empty() {
        // No failure for the older program, and scripts know it so.
        let text = format!("no keys in this YubiHSM (#{serial})");
        let _ = Failure::new(text)
            .hint(
                "keys in domains that the authentication key is not in look as if they were absent",
            )
            .print();
        return Ok(String::new());
    }
    let mut text = format!("Listing keys in YubiHSM #{serial}:\n");
    for Listed { id, kind, .. } in found {
        let key = id.to_be_bytes();
        let about = [&key[..], &[kind]].concat();
        let answer = client.command(command::GET_OBJECT_INFO, &about, Some(id), until())?;
        let info = ObjectInfo::read(&answer).map_err(failed)?;
        let shown = match info.signs_votes() {
            true => {
                let answer = client.command(command::GET_PUBLIC_KEY, &key, Some(id), until())?;
                let public = read_public_key(&answer).map_err(failed)?;
                let format = config.and_then(|config| format_of(config, provider, id));
                let kind = match info.algorithm {
                    algorithm::ED25519 => "cons",
                    _ => "acct",
                };
                let public =
                    format.map_or_else(|| key_text::to_hex(&public), |format| format.show(&public));
                format!("[{kind}] {public}")
            }
            false => format!("[other] algorithm {}, signs no votes", info.algorithm),
        };
        text.push_str(&format!("- 0x{id:04x}: {shown}\n"));
        text.push_str(&format!("   label: {:?}\n", info.label));
    }
    Ok(text)
}

/// The format of the one chain that uses the key.
fn format_of<'a>(config: &'a Config, provider: &Provider, id: u16) -> Option<&'a KeyFormat> {
    let wanted = provider.key_id(id);
    let mut users = config
        .keys()
        .filter(|chain| chain.key.traits().device_keys.contains(&wanted));
    match (users.next(), users.next()) {
        (Some(only), None) => Some(&only.key_format),
        _ => None,
    }
}
