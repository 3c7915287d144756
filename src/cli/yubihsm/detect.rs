//! `tmkms yubihsm detect`.

use clap::Args;

use crate::backends::yubihsm::protocol::transport::list;
use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, output};

/// List what is plugged in.
#[derive(Args)]
#[command(after_help = "Examples:\n  tmkms yubihsm detect")]
pub(in crate::cli) struct Detect {
    /// Accepted for scripts of the older program; nothing is read from it
    #[command(flatten)]
    _config: ConfigFile,
    /// Accepted for scripts of the older program
    #[arg(short = 'v', long = "verbose")]
    _verbose: bool,
}

impl Detect {
    pub(super) fn run(self) -> Result<(), Failure> {
        let found = list::plugged().map_err(Failure::new)?;
        if found.is_empty() {
            return Err(Failure::new("no YubiHSM2 devices detected")
                .hint("look for 1050:0030 in `lsusb`; a virtual machine or a container needs the device passed in"));
        }
        let lines = found
            .iter()
            .map(|device| format!("- Serial #{} (bus {})\n", device.serial, device.bus));
        output(&format!(
            "Detected YubiHSM2 USB devices:\n{}",
            lines.collect::<String>()
        ))
    }
}
