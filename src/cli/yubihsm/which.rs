//! Which device and which key a command is about.

use std::sync::Arc;

use clap::Args;

use crate::backends::yubihsm::config::{ProviderSection, read_written};
use crate::backends::yubihsm::device::provider::Provider;
use crate::backends::yubihsm::protocol::identity::Serial;
use crate::backends::yubihsm::protocol::info::DeviceInfo;
use crate::cli::config_file::{ConfigFile, wrong};
use crate::cli::report::{Failure, status};
use crate::config;

/// A key's id as it is typed, in decimal or hexadecimal digits.
pub(super) fn key_id(text: &str) -> Result<u16, String> {
    let id = match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    id.filter(|id| *id != 0)
        .ok_or_else(|| "a key's id is a number from 1 to 65535 (0xffff)".to_owned())
}

/// Asks the device what it is, and says it: nobody need guess which one of several a command is about.
pub(super) fn tell_device(provider: &Provider) -> Result<DeviceInfo, Failure> {
    let info = provider.look().map_err(Failure::new)?;
    let (serial, firmware) = (info.serial, info.firmware);
    status("Device", format!("YubiHSM {serial}, firmware {firmware}"));
    Ok(info)
}

/// Which of the configured devices.
#[derive(Args)]
pub(super) struct Which {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    /// The device with this `serial_number`, where several are configured
    #[arg(long, value_name = "SERIAL")]
    pub(super) serial: Option<u32>,
}

impl Which {
    /// The configured devices that are meant; at least one.
    pub(super) fn providers(&self) -> Result<Vec<Arc<Provider>>, Failure> {
        let path = &self.config.config;
        let read = config::providers(path, "yubihsm", read_written);
        let (written, warnings) = read.map_err(wrong)?;
        for warning in warnings {
            status("Warning", warning);
        }
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
            true => {
                let commands = config::commands(path);
                Err(Failure::usage(format!(
                    "no [[providers.yubihsm]] has `serial_number = \"{serial}\"`"
                ))
                .hint(format!(
                    "write it into the section of that device; `{}` lists what is plugged in",
                    commands.line(["yubihsm", "detect"])
                )))
            }
            false => Ok(named),
        }
    }

    /// The one device that is meant.
    pub(super) fn provider(&self) -> Result<Arc<Provider>, Failure> {
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
