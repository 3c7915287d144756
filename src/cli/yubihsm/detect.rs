//! `tmkms yubihsm detect`.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Args;

use crate::backends::yubihsm::config::read_written;
use crate::backends::yubihsm::device::provider::Provider;
use crate::backends::yubihsm::protocol::error::ErrorKind;
use crate::backends::yubihsm::protocol::transport::{DeviceAddress, list};
use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, output, status};
use crate::config;

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
        let plugged = list::plugged().unwrap_or_else(|why| {
            status("Warning", format!("the USB of this host: {why}"));
            Vec::new()
        });
        let usb = plugged
            .iter()
            .map(|device| format!("- Serial #{} (bus {})\n", device.serial, device.bus));
        let usb: String = usb.collect();
        let mut connected = String::new();
        for (address, provider) in self.connectors() {
            match provider.look() {
                Ok(info) => connected.push_str(&format!(
                    "- Serial #{} (connector {address}, firmware {})\n",
                    info.serial, info.firmware
                )),
                Err(error) => {
                    if let ErrorKind::WrongSerial { found, .. } = error.kind {
                        connected.push_str(&format!("- Serial #{found} (connector {address})\n"));
                    }
                    status("Warning", error);
                }
            }
        }
        if usb.is_empty() && connected.is_empty() {
            return Err(Failure::new("no YubiHSM2 devices detected")
                .hint("look for 1050:0030 in `lsusb`; a virtual machine or a container needs the device passed in"));
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

    /// The connectors of the configuration, each once. Without a configuration there are none.
    fn connectors(&self) -> Vec<(String, Arc<Provider>)> {
        let path = &self.config.config;
        if !path.exists() {
            return Vec::new();
        }
        let Ok(sections) = config::providers(path, "yubihsm", read_written) else {
            let commands = config::commands(path);
            let check = commands.line(["check"]);
            let path = path.display();
            status(
                "Note",
                format!(
                    "{path} cannot be used as it is (`{check}` says why), so no connector of it is asked"
                ),
            );
            return Vec::new();
        };
        let mut seen = BTreeSet::new();
        let all = sections.into_iter().map(|section| section.provider);
        all.filter_map(|provider| match &provider.place {
            DeviceAddress::Http(address) => Some((address.clone(), provider)),
            DeviceAddress::Usb(_) => None,
        })
        .filter(|(address, _)| seen.insert(address.clone()))
        .collect()
    }
}
