//! What goes wrong with a YubiHSM: one kind for each thing that an operator can do about it.

use crate::remedy::CommandLine;

use super::codes::{ErrorCode, command};
use super::commands::DeviceCommands;
use super::frame::FrameError;
use super::identity::{Firmware, Serial};
use super::password::PasswordFlaw;
use super::scp03::ChannelError;

/// Something went wrong with a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{device}: {kind}")]
pub struct Error {
    /// Which device, in words.
    pub device: String,
    /// What.
    pub kind: ErrorKind,
}

/// What went wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// Not on the USB.
    #[error("not plugged in; check cable and port (`{detect}` lists what is there)")]
    Absent {
        /// The command that lists what is plugged in.
        detect: CommandLine,
    },
    /// The connector is there and the device is not.
    #[error(
        "the connector is there and has no device; plug the YubiHSM in where the connector runs. If it is plugged in \
         there, the connector may not open it: its user needs a udev rule (udev/10-yubihsm.rules), nothing else may hold \
         the device, and a `serial` in yubihsm-connector.yaml must be this device's"
    )]
    AbsentThere,
    /// The connector takes requests for other host names only.
    #[error(
        "the connector refuses requests for the host `{0}` (HTTP 403): its list of host names has another; start it with \
         `--host-header-allowlist={0}`, or write one that it has into `addr` (localhost and 127.0.0.1, if it has no list \
         of its own)"
    )]
    HostRefused(String),
    /// The connector has a device and could not carry the exchange.
    #[error(
        "the connector is there, has a device, and could not exchange anything with it (HTTP {0}); look at the connector's \
         own log, and plug the device out and in there"
    )]
    ConnectorFailed(u16),
    /// Somebody else has it.
    #[error(
        "in use by another process; stop it (yubihsm-connector, another tmkms?), or share the device through a \
         connector with `adapter = {{ type = \"http\", addr = \"tcp://127.0.0.1:12345\" }}`"
    )]
    Busy,
    /// The system does not let us.
    #[error(
        "no permission to open the USB device; install udev/10-yubihsm.rules, put this user into its group, and plug \
         the device in again; for the service: deploy/systemd/device.conf, whose head has the steps"
    )]
    Permission,
    /// Several devices, and none named.
    #[error("several YubiHSMs are plugged in ({}); choose one with `serial_number`", list(.0))]
    Ambiguous(Vec<Serial>),
    /// Another device than the one named.
    #[error(
        "the device there has the serial number {found}, and `serial_number` names {wanted}; correct one of the two"
    )]
    WrongSerial {
        /// The device's.
        found: Serial,
        /// The configuration's.
        wanted: Serial,
    },
    /// The connector cannot be reached.
    #[error(
        "the connector does not answer as one ({0}); start yubihsm-connector there, or correct `addr`"
    )]
    NoConnector(String),
    /// The USB itself failed.
    #[error("the USB transfer failed ({0}); check cable and port")]
    Usb(String),
    /// No answer in time.
    #[error("no answer in time; the device or its connector hangs or is busy with something long")]
    Late,
    /// The password's file cannot be read.
    #[error("the password cannot be read: {0}")]
    Password(String),
    /// The device does not know the authentication key that is configured here.
    #[error(
        "the device did not prove that it knows authentication key 0x{auth:04x}: another device, or another password. It \
         calls itself {}; nothing that depends on the password was sent to it. {} (it is asked again in a minute, or as soon \
         as the password's file is corrected)", named(.serial), cause(.flaw)
    )]
    Unproven {
        /// The authentication key.
        auth: u16,
        /// What the device says that its serial number is; nothing proves that either.
        serial: Option<Serial>,
        /// What is odd about the password itself.
        flaw: Option<PasswordFlaw>,
    },
    /// The device knows the key and does not take our proof of it.
    #[error(
        "the device proved that it knows authentication key 0x{0:04x}, and refused the proof that this program sent: \
         something in between changes what is sent; look at the connector (it is tried again in a minute)"
    )]
    ProofRefused(u16),
    /// No such authentication key.
    #[error("the device has no authentication key 0x{auth:04x}; {}", unknown(.flaw))]
    UnknownAuthKey {
        /// The authentication key.
        auth: u16,
        /// What is odd about the password; it may be another key's.
        flaw: Option<PasswordFlaw>,
    },
    /// No free session.
    #[error(
        "all 16 sessions of the device are taken; stop other programs that use it, or wait: a session that nobody uses \
         ends after 30 s"
    )]
    SessionsFull,
    /// No room for an object.
    #[error("the device has no room for another object; delete one first")]
    StorageFull,
    /// Forced audit stopped the device.
    #[error(
        "the audit log is full and force-audit is on, so the device does nothing more; read the log and set its index \
         (yubihsm-shell: audit get, audit set)"
    )]
    LogFull,
    /// The key is not there, or not for us.
    #[error(
        "no key 0x{key:04x} that authentication key 0x{auth:04x} may see; `{list}` shows the others, \
         and a key in a domain that the authentication key is not in looks as if it were absent"
    )]
    NoKey {
        /// The key.
        key: u16,
        /// Who asked.
        auth: u16,
        /// The command that lists those it may see.
        list: CommandLine,
    },
    /// The key is of another type than the configuration says.
    #[error("key 0x{key:04x} is {found}, and `type` wants {wanted}; correct `key` or `type`")]
    KeyType {
        /// The key.
        key: u16,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// The key on the device is not the one that it was.
    #[error(
        "key 0x{key:04x} is another key now ({found}) than the one this service signs with ({wanted}); the device was \
         set up again or swapped: bring the right one back"
    )]
    OtherKey {
        /// The key's id.
        key: u16,
        /// What is there, in base64.
        found: String,
        /// What should be, in base64.
        wanted: String,
    },
    /// The authentication key may not do this.
    #[error("authentication key 0x{auth:04x} may not do this ({}); give it the capability, or use another", command::name(*.command))]
    Forbidden {
        /// Who asked.
        auth: u16,
        /// For what.
        command: u8,
    },
    /// The key may not be used so.
    #[error("key 0x{key:04x} does not let itself be used to {}: it lacks the capability, or is of another type", command::name(*.command))]
    KeyForbids {
        /// The key.
        key: u16,
        /// For what.
        command: u8,
    },
    /// Switched off, as in FIPS mode.
    #[error(
        "{algorithm} is disabled on this device, as it is in FIPS mode (firmware {firmware}: before 2.4 that excludes \
         Ed25519, from 2.4 on secp256k1); use a device that is not in FIPS mode"
    )]
    Disabled {
        /// Which algorithm.
        algorithm: &'static str,
        /// The firmware.
        firmware: Firmware,
    },
    /// Any other error of the device.
    #[error("the device answered `{code}` to {}", command::name(*.command))]
    Device {
        /// The command.
        command: u8,
        /// The device's code.
        code: ErrorCode,
    },
    /// The session does not exist any more on the device.
    #[error("the session was lost ({0}); the device lost power or was reset")]
    Lost(ErrorCode),
    /// What came back is not an answer.
    #[error("the answer is not a YubiHSM's: {0}")]
    Garbage(String),
    /// A signature was asked for as if it were any command.
    #[error("signatures are made with a permit of the gate only")]
    NoPermit,
    /// The service is ending.
    #[error("the service is stopping")]
    Stopped,
}

impl ErrorKind {
    /// What the device's error means for this command about this key, asked by this authentication key.
    pub fn explain(
        error: ErrorCode,
        code: u8,
        key: Option<u16>,
        auth: u16,
        firmware: Option<Firmware>,
        commands: &DeviceCommands,
    ) -> Self {
        match (error, key) {
            (ErrorCode::OBJECT_NOT_FOUND, Some(key)) => Self::NoKey {
                key,
                auth,
                list: commands.keys_list(),
            },
            (ErrorCode::STORAGE_FAILED, _) => Self::StorageFull,
            (ErrorCode::LOG_FULL, _) => Self::LogFull,
            (ErrorCode::INSUFFICIENT_PERMISSIONS, _) => Self::Forbidden {
                auth,
                command: code,
            },
            (ErrorCode::ALGORITHM_DISABLED, _) => Self::Disabled {
                algorithm: match code {
                    command::SIGN_EDDSA => "ed25519",
                    command::SIGN_ECDSA => "secp256k1",
                    _ => "this algorithm",
                },
                firmware: firmware.unwrap_or(Firmware(0, 0, 0)),
            },
            // Firmware before 2.5 says so of keys that lack the capability.
            (ErrorCode::INVALID_DATA, Some(key)) if command::signs(code) => {
                Self::KeyForbids { key, command: code }
            }
            _ => Self::Device {
                command: code,
                code: error,
            },
        }
    }

    /// That no device is there, for those who know no configuration.
    pub fn absent() -> Self {
        let detect = DeviceCommands::default().detect();
        Self::Absent { detect }
    }

    /// The same with the commands of the configuration.
    pub fn with_commands(self, commands: &DeviceCommands) -> Self {
        match self {
            Self::Absent { .. } => Self::Absent {
                detect: commands.detect(),
            },
            other => other,
        }
    }

    /// Whether a new connection and session may cure it, now.
    pub fn is_loss(&self) -> bool {
        matches!(
            self,
            Self::Absent { .. }
                | Self::AbsentThere
                | Self::ConnectorFailed(_)
                | Self::NoConnector(_)
                | Self::Usb(_)
                | Self::Late
                | Self::SessionsFull
                | Self::Lost(_)
                | Self::Garbage(_)
        )
    }

    /// Whether trying again soon would be of no use, or harm.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Unproven { .. }
                | Self::ProofRefused(_)
                | Self::UnknownAuthKey { .. }
                | Self::WrongSerial { .. }
        )
    }

    /// Whether the next try may end otherwise without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        self.is_loss() || matches!(self, Self::Busy)
    }

    /// Whether it says that the device cannot be used at all, and not that it refused one command.
    pub fn is_absence(&self) -> bool {
        let taken = matches!(
            self,
            Self::Busy | Self::Permission | Self::Ambiguous(_) | Self::HostRefused(_)
        );
        taken || self.is_loss() || self.is_final()
    }

    /// Whether the command is known not to have been executed.
    pub fn is_unexecuted(&self) -> bool {
        matches!(self, Self::Lost(_))
    }
}

impl From<FrameError> for ErrorKind {
    fn from(error: FrameError) -> Self {
        Self::Garbage(error.to_string())
    }
}

impl From<ChannelError> for ErrorKind {
    fn from(error: ChannelError) -> Self {
        Self::Garbage(error.to_string())
    }
}

fn named(serial: &Option<Serial>) -> String {
    serial.map_or_else(|| "nothing".to_owned(), |serial| serial.to_string())
}

fn cause(flaw: &Option<PasswordFlaw>) -> String {
    match flaw {
        None => "Correct `auth`, or look at what answers there".to_owned(),
        Some(flaw) => format!("Look at the password first: {flaw}"),
    }
}

fn unknown(flaw: &Option<PasswordFlaw>) -> String {
    match flaw {
        None => "correct `key` in `auth`, or set the device up if it is new".to_owned(),
        Some(flaw @ PasswordFlaw::OfRole { .. }) => flaw.to_string(),
        Some(flaw) => format!("correct `key` in `auth`, and the password: {flaw}"),
    }
}

fn list(serials: &[Serial]) -> String {
    let texts: Vec<String> = serials.iter().map(Serial::to_string).collect();
    texts.join(", ")
}
