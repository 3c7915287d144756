//! `tmkms yubihsm detect`.

use std::collections::BTreeSet;
use std::io;
use std::time::Instant;

use clap::Args;

use crate::backends::yubihsm::config::{DevicePlace, read_place};
use crate::backends::yubihsm::device::provider::LOOK;
use crate::backends::yubihsm::protocol::auth_key::Credentials;
use crate::backends::yubihsm::protocol::error::{Error, ErrorKind};
use crate::backends::yubihsm::protocol::info::DeviceInfo;
use crate::backends::yubihsm::protocol::transport::{DeviceAddress, list};
use crate::backends::yubihsm::session::client::DeviceClient;
use crate::backends::yubihsm::session::login::introduce;
use crate::cli::config_file::{ConfigFile, NAME, wrong};
use crate::cli::report::{Failure, output, status};
use crate::config::{self, ConfigError};

/// List what is plugged in.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms yubihsm detect\n  tmkms yubihsm detect -c tmkms.toml\n\n\
                  The USB of this host is looked at, and each connector of the configuration is asked, if there is one. No \
                  device is opened or disturbed, and nobody logs in."
)]
pub(in crate::cli) struct Detect {
    /// Its connectors are asked
    #[command(flatten)]
    config: ConfigFile,
    /// Accepted for scripts of the older program
    #[arg(short = 'v', long = "verbose")]
    _verbose: bool,
}

impl Detect {
    pub(super) fn run(self) -> Result<(), Failure> {
        let places = self.places()?;
        let mut warned = false;
        let mut warn = |text: String| {
            status("Warning", text);
            warned = true;
        };
        let plugged = list::plugged().unwrap_or_else(|why| {
            warn(format!("the USB of this host: {why}"));
            Vec::new()
        });
        let usb = plugged
            .iter()
            .map(|device| format!("- Serial #{} (bus {})\n", device.serial, device.bus));
        let usb: String = usb.collect();
        let mut connected = String::new();
        for (connector, place) in connectors(places) {
            match look(place) {
                Ok(info) => connected.push_str(&format!(
                    "- Serial #{} (connector {connector}, firmware {})\n",
                    info.serial, info.firmware
                )),
                Err(error) => {
                    if let ErrorKind::WrongSerial { found, .. } = error.kind {
                        connected.push_str(&format!("- Serial #{found} (connector {connector})\n"));
                    }
                    warn(error.to_string());
                }
            }
        }
        if usb.is_empty() && connected.is_empty() {
            let hint = match warned {
                true => "see the warnings above",
                false => {
                    "look for 1050:0030 in `lsusb`; a virtual machine or a container needs the device passed in"
                }
            };
            return Err(Failure::new("no YubiHSM2 devices detected").hint(hint));
        }
        let mut text = String::new();
        for (title, lines) in [
            ("Detected YubiHSM2 USB devices:", usb),
            ("Detected YubiHSM2 devices at connectors:", connected),
        ] {
            if !lines.is_empty() {
                text.push_str(&format!("{title}\n{lines}"));
            }
        }
        output(&text)
    }

    /// Where the devices of the configuration are. Only one that nobody named may be absent.
    fn places(&self) -> Result<Vec<DevicePlace>, Failure> {
        let path = &self.config.config;
        let mut unusable = false;
        let read = config::providers(path, "yubihsm", |section, base, _| {
            let place = read_place(section, base);
            unusable |= place.is_none();
            place
        });
        let read = read.map(|(places, warnings)| {
            for warning in warnings {
                status("Warning", warning);
            }
            places
        });
        let (what, places) = match read {
            Ok(places) if unusable => (format!("an `adapter` in {}", path.display()), places),
            Ok(places) => return Ok(places),
            Err(ConfigError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound && path.as_os_str() == NAME =>
            {
                let text = format!(
                    "there is no {NAME} here, so no connector is asked; `-c PATH` names one"
                );
                status("Note", text);
                return Ok(Vec::new());
            }
            Err(error @ ConfigError::Unreadable { .. }) => return Err(wrong(error)),
            Err(_) => (path.display().to_string(), Vec::new()),
        };
        let commands = config::commands(path);
        let check = commands.line(["check"]);
        status(
            "Note",
            format!(
                "{what} cannot be used as it is (`{check}` says why), so no connector of it is asked"
            ),
        );
        Ok(places)
    }
}

/// The connectors, each once.
fn connectors(places: Vec<DevicePlace>) -> impl Iterator<Item = (String, DevicePlace)> {
    let mut seen = BTreeSet::new();
    let all = places.into_iter().filter_map(|place| match &place.address {
        DeviceAddress::Http(connector) => Some((connector.clone(), place)),
        DeviceAddress::Usb(_) => None,
    });
    all.filter(move |(connector, _)| seen.insert(connector.clone()))
}

/// What the device there says of itself.
fn look(place: DevicePlace) -> Result<DeviceInfo, Error> {
    let mut client = DeviceClient::new(
        place.address.to_string(),
        place.address.transport(),
        place.serial,
        Credentials::nobody(),
        place.timeout,
        place.commands,
    );
    introduce(&mut client, Instant::now() + LOOK)
}
