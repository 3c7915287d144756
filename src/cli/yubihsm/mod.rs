//! `tmkms yubihsm`.

mod derive;
mod detect;
mod keys;
mod setup;
mod test;

use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::backends::yubihsm::config::{ProviderSection, read_written};
use crate::backends::yubihsm::device::provider::Provider;
use crate::backends::yubihsm::protocol::identity::Serial;
use crate::config;

use crate::os::process::harden::harden;
use crate::remedy::CommandLine;
use crate::terminal::Guard;

use super::report::{Failure, status};
use super::{ConfigFile, wrong};

/// YubiHSM 2 devices.
#[derive(Subcommand)]
pub(super) enum Yubihsm {
    /// List the YubiHSMs that are plugged in; none is opened or disturbed
    Detect(detect::Detect),
    /// Set a device up from a mnemonic, or compare one with it; ERASES what is not from that mnemonic
    Setup(setup::Setup),
    /// Derive passwords and wrap key from a mnemonic, without a device
    Derive(derive::Derive),
    /// Sign harmless texts with a key and say how long that takes
    Test(test::Test),
    /// The keys in a device
    #[command(subcommand)]
    Keys(keys::Keys),
}

impl Yubihsm {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Detect(command) => command.run(),
            Self::Setup(command) => command.run(),
            Self::Derive(command) => command.run(),
            Self::Test(command) => command.run(),
            Self::Keys(command) => command.run(),
        }
    }
}

/// A key's id as it is typed, in decimal or hexadecimal digits.
fn key_id(text: &str) -> Result<u16, String> {
    let id = match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    id.filter(|id| *id != 0)
        .ok_or_else(|| "a key's id is a number from 1 to 65535 (0xffff)".to_owned())
}

/// Before a secret is typed or shown: none of it goes into swap or a core dump, and a signal puts the terminal back.
fn careful() -> Result<Guard, Failure> {
    for warning in harden() {
        status("Warning", warning);
    }
    Guard::new().map_err(|error| Failure::new(format!("signals cannot be taken: {error}")))
}

/// Which of the configured devices.
#[derive(Args)]
pub(super) struct Which {
    #[command(flatten)]
    config: ConfigFile,
    /// The device with this `serial_number`, where several are configured
    #[arg(long, value_name = "SERIAL")]
    serial: Option<u32>,
}

impl Which {
    /// The configured devices that are meant; at least one.
    fn providers(&self) -> Result<Vec<Arc<Provider>>, Failure> {
        let path = &self.config.config;
        let written = config::providers(path, "yubihsm", read_written).map_err(wrong)?;
        let all: Vec<Arc<Provider>> = written
            .into_iter()
            .map(|ProviderSection { provider, .. }| provider)
            .collect();
        if all.is_empty() {
            return Err(
                Failure::usage(format!("{} has no [[providers.yubihsm]]", path.display()))
                    .hint("add one with `adapter` and `auth`; tmkms.toml.example shows it"),
            );
        }
        let Some(serial) = self.serial.map(Serial) else {
            return Ok(all);
        };
        let named: Vec<Arc<Provider>> = all
            .into_iter()
            .filter(|provider| provider.serial == Some(serial))
            .collect();
        match named.is_empty() {
            true => Err(Failure::usage(format!(
                "no [[providers.yubihsm]] has `serial_number = \"{serial}\"`"
            ))
            .hint(format!(
                "write it into the section of that device; `{}` lists what is plugged in",
                CommandLine::without_config(["yubihsm", "detect"])
            ))),
            false => Ok(named),
        }
    }

    /// The one device that is meant.
    fn provider(&self) -> Result<Arc<Provider>, Failure> {
        match &self.providers()?[..] {
            [only] => Ok(only.clone()),
            several => {
                let places: Vec<String> = several
                    .iter()
                    .map(|provider| provider.place.to_string())
                    .collect();
                Err(Failure::usage(format!(
                    "several devices are configured: {}",
                    places.join(", ")
                ))
                .hint("name one with `--serial`"))
            }
        }
    }
}
