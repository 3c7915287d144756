//! What goes wrong in a ceremony: with a step on the device, and with the conversation as a whole.

use std::io;

use crate::backends::yubihsm::protocol::commands::DeviceCommands;
use crate::backends::yubihsm::protocol::error::Error;
use crate::backends::yubihsm::protocol::identity::Serial;
use crate::text::count::count;

use super::paper::printout::PrintoutError;

/// What goes wrong in a ceremony.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// The device.
    #[error("{0}")]
    Device(Error),
    /// The person cannot be talked to.
    #[error("the terminal cannot be used: {0}")]
    Terminal(io::Error),
    /// Nobody may log in.
    #[error(
        "{device}: nothing logs in: not the mnemonic's keys, not `auth` of the configuration, not the factory's \
         password. If this was an unfinished setup of the older tmkms, or the mnemonic is lost, hold the metal ring for \
         ten seconds while plugging the device in: that erases it, and this command works again"
    )]
    Locked {
        /// The device, in words.
        device: String,
    },
    /// The login is not allowed to erase.
    #[error(
        "{device}: authentication key 0x{auth:04x} logs in and may not erase the device; configure one that may (the \
         administrator, 0x0001), or repeat this with `--restore` and the mnemonic that the device was set up from"
    )]
    MayNotErase {
        /// The device, in words.
        device: String,
        /// Who logged in.
        auth: u16,
    },
    /// It was not erased.
    #[error(
        "{device}: the device says that it was erased, and {found}; nothing more was done, do not use it"
    )]
    NotErased {
        /// The device, in words.
        device: String,
        /// What speaks against it.
        found: String,
    },
}

/// Why a setup ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A step failed.
    #[error("{0}")]
    Step(CeremonyError),
    /// The person cannot be talked to.
    #[error("the terminal cannot be used: {0}")]
    Terminal(#[from] io::Error),
    /// A pipe cannot answer.
    #[error(
        "nothing was changed: a device is erased in a terminal only, where its serial number is typed and the mnemonic \
         is shown; `--print-only` works without one"
    )]
    NoTerminal,
    /// The sheets cannot be printed.
    #[error("nothing was changed: {0}")]
    Sheets(PrintoutError),
    /// Keys would be lost.
    #[error(
        "nothing was changed: YubiHSM {serial} holds {} ({}); back each up with `{}`, prove that with \
         `{}`, and repeat this with `--destroy-keys {serial}` to lose them", count(keys.len(), "signing key"), keys.join(", "),
        commands.line(["keys", "export", "-i", "ID", "FILE"]), commands.verify_backup("FILE")
    )]
    HoldsKeys {
        /// The device.
        serial: Serial,
        /// The keys.
        keys: Vec<String>,
        /// The commands about it.
        commands: DeviceCommands,
    },
    /// Keys may be hidden.
    #[error(
        "nothing was changed: the login may erase YubiHSM {0} and is not in all of its domains, so keys that sign may be \
         hidden from it; log in as the administrator, or repeat this with `--destroy-keys {0}` to lose what is there"
    )]
    Hidden(Serial),
    /// The person named another one.
    #[error("nothing was changed: the serial number that was typed is not {0}")]
    OtherSerial(Serial),
    /// The person gave up.
    #[error("nothing was changed: {0}")]
    GivenUp(&'static str),
    /// No role logs in.
    #[error(
        "{0} was not set up from this mnemonic: none of the mnemonic's roles logs in, and nothing was changed; is it the \
         right device, and are these its words?"
    )]
    Stranger(String),
    /// The proof failed.
    #[error(
        "YubiHSM {serial} is not what was planned:\n{}\ndo not use it; `{}` sets it up again from the mnemonic",
        wrong.join("\n"), commands.line(["setup", "--restore", "--anew"])
    )]
    Differs {
        /// The device.
        serial: Serial,
        /// What differs.
        wrong: Vec<String>,
        /// The commands about it.
        commands: DeviceCommands,
    },
}
