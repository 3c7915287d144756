//! The commands about one device that messages print.

use crate::remedy::{CommandLine, Commands};

use super::identity::Serial;

/// Makes the commands of `tmkms yubihsm` for one configured device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceCommands {
    commands: Commands,
    /// The `serial_number` of its section: what `--serial` chooses by.
    serial: Option<Serial>,
}

impl DeviceCommands {
    /// For the device of the section with this `serial_number`, if it has one.
    pub fn new(commands: Commands, serial: Option<Serial>) -> Self {
        Self { commands, serial }
    }

    /// `tmkms yubihsm WORDS`, with the device and the configuration.
    pub fn line<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> CommandLine {
        let mut all = vec!["yubihsm".to_owned()];
        all.extend(words.into_iter().map(str::to_owned));
        if let Some(serial) = self.serial {
            all.extend(["--serial".to_owned(), serial.to_string()]);
        }
        self.commands.line(all)
    }

    /// The command that brings the key of a backup into the device, which was set up from the mnemonic that opens it.
    pub fn bring(&self, file: &str) -> CommandLine {
        match self.serial {
            Some(serial) => self.bring_into(file, &serial.to_string()),
            None => self.line(["keys", "import", "--mnemonic", file]),
        }
    }

    /// The command that brings the key of a backup into another device, whose serial number is to be filled in.
    pub fn second(&self, file: &str) -> CommandLine {
        self.bring_into(file, "SERIAL")
    }

    fn bring_into(&self, file: &str, serial: &str) -> CommandLine {
        let words = ["yubihsm", "keys", "verify-backup", file, "--into", serial];
        self.commands.line(words)
    }

    /// The command that lists what is plugged in, and what the connectors of the configuration have.
    pub fn detect(&self) -> CommandLine {
        self.commands.line(["yubihsm", "detect"])
    }

    /// The command that lists the keys of the device.
    pub fn keys_list(&self) -> CommandLine {
        self.line(["keys", "list"])
    }

    /// The command that proves a backup. It needs no device.
    pub fn verify_backup(&self, file: &str) -> CommandLine {
        self.commands
            .line(["yubihsm", "keys", "verify-backup", file])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_is_named_where_it_has_a_number() {
        let one = DeviceCommands::default();
        assert_eq!(one.keys_list().to_string(), "tmkms yubihsm keys list");
        let named = DeviceCommands::new(Commands::of_any_config(), Some(Serial(7)));
        assert_eq!(
            named.keys_list().to_string(),
            "tmkms yubihsm keys list --serial 0000000007 -c PATH"
        );
        assert_eq!(named.detect().to_string(), "tmkms yubihsm detect -c PATH");
        assert_eq!(
            named.second("FILE").to_string(),
            "tmkms yubihsm keys verify-backup FILE --into SERIAL -c PATH"
        );
        assert_eq!(
            one.bring("FILE").to_string(),
            "tmkms yubihsm keys import --mnemonic FILE"
        );
        assert_eq!(
            named.bring("FILE").to_string(),
            "tmkms yubihsm keys verify-backup FILE --into 0000000007 -c PATH"
        );
        assert_eq!(
            named.verify_backup("FILE").to_string(),
            "tmkms yubihsm keys verify-backup FILE -c PATH"
        );
    }
}
