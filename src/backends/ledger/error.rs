//! Why a Ledger does not do what it is asked, each reason with its remedy.

use crate::consensus::{PublicKey, key_text};
use crate::remedy::CommandLine;

use super::apdu::{StatusMeaning, StatusWord, parser_says};
use super::transport::TransportError;

/// What is wrong with one device. The text goes behind the device's name and a colon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceFault {
    /// The cable.
    #[error("{0}")]
    Transport(#[source] TransportError),
    /// Nothing came back.
    #[error(
        "it does not answer; if its screen says \"Init validation\", press a button (right accepts, left refuses), \
         otherwise unplug it, plug it in again and open the Tendermint app"
    )]
    NoAnswer,
    /// Another app is open.
    #[error("the app {0} is open; close it and open the Tendermint app")]
    OtherApp(String),
    /// No app is open.
    #[error("no app is open; open the Tendermint app")]
    Dashboard,
    /// It is locked.
    #[error(
        "it is locked ({0}); enter its PIN, open the Tendermint app, and switch its automatic lock off"
    )]
    Locked(StatusWord),
    /// It was never set up.
    #[error("it is not set up ({0}); set it up with its seed first")]
    NotSetUp(StatusWord),
    /// It has stopped.
    #[error("it has stopped ({0}); unplug it and plug it in again")]
    Halted(StatusWord),
    /// The system has put a screen in front.
    #[error("a screen of its system stands in front ({0}); close it")]
    Busy(StatusWord),
    /// The app is another version than 0.9.
    #[error(
        "version {0} of the Tendermint app is open, and this program speaks with 0.9 only; 0.10 and later sign a hash in \
         place of the message, which no node accepts"
    )]
    Version(String),
    /// The app is a build for tests, with a key that everybody knows.
    #[error(
        "the Tendermint app on it is a build for tests, whose key everybody knows; install the released 0.9"
    )]
    TestBuild,
    /// The key is not the configured one.
    #[error(
        "its key is {}, and `public_key` of the configuration is {}; plug in the Ledger with that seed, or correct the \
         configuration",
        key_text::to_base64(found),
        key_text::to_base64(wanted)
    )]
    KeyDiffers {
        /// On the device.
        found: PublicKey,
        /// In the configuration.
        wanted: PublicKey,
    },
    /// The position is not above the one that the app remembers.
    #[error(
        "it has signed at or above this position already: its answer was lost, or it signed for something else; nothing \
         is wrong with the validator, and it goes on with the next position; if it does not, close the app and open it \
         again"
    )]
    NotAbove,
    /// The left button was pressed.
    #[error("the height was refused on it (left button)")]
    Rejected,
    /// The app's parser did not like a message that we thought it would.
    #[error("its app refused the message ({0})")]
    Unparsable(&'static str),
    /// What came is not a signature of this message.
    #[error(
        "what came back is not a signature of {} and was discarded; the device is broken or was swapped: compare \
         `{compare}` with the validator's key",
        key_text::to_base64(key)
    )]
    WrongSignature {
        /// Whose signature it should have been.
        key: PublicKey,
        /// The command that shows the device's key.
        compare: CommandLine,
    },
    /// An answer that does not fit the question.
    #[error("it answered {0}; unplug it, plug it in again and open the Tendermint app")]
    Odd(String),
}

impl DeviceFault {
    /// What a status word other than 9000 says.
    pub fn of(status: StatusWord, data: &[u8]) -> Self {
        match status.meaning() {
            StatusMeaning::NotAbove => Self::NotAbove,
            StatusMeaning::Rejected => Self::Rejected,
            StatusMeaning::Unparsable => Self::Unparsable(parser_says(data)),
            StatusMeaning::Locked => Self::Locked(status),
            StatusMeaning::OtherApp => Self::OtherApp("of another name".to_owned()),
            StatusMeaning::Dashboard => Self::Dashboard,
            StatusMeaning::Busy => Self::Busy(status),
            StatusMeaning::NotSetUp => Self::NotSetUp(status),
            StatusMeaning::Halted => Self::Halted(status),
            StatusMeaning::Done | StatusMeaning::Overflow | StatusMeaning::Unknown => {
                Self::Odd(format!("status {status}"))
            }
        }
    }

    /// Whether the device is still what it was, so that the next message may be tried on the same handle.
    pub fn is_about_the_message(&self) -> bool {
        matches!(self, Self::NotAbove | Self::Unparsable(_))
    }
}

impl From<TransportError> for DeviceFault {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

/// Why the configured device cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// The bus cannot be looked at.
    #[error("Ledgers cannot be looked for: {0}")]
    List(#[source] TransportError),
    /// Nothing is plugged in.
    #[error("no Ledger is plugged in; plug it in, unlock it and open the Tendermint app")]
    Nothing,
    /// The device at a place.
    #[error("the Ledger at {path}: {reason}")]
    Device {
        /// Where.
        path: String,
        /// What is wrong with it.
        reason: DeviceFault,
    },
    /// Several devices, and each has something wrong.
    #[error("none of {} Ledgers has the key {}: {}", reasons.len(), key_text::to_base64(wanted), list(reasons))]
    NoMatch {
        /// The configured key.
        wanted: PublicKey,
        /// Each place with its reason.
        reasons: Vec<(String, DeviceFault)>,
    },
    /// Several devices and nothing to choose by.
    #[error(
        "several Ledgers are plugged in ({}); add `public_key` to the [[providers.ledgertm]], as `{list}` shows it",
        paths.join(", ")
    )]
    Several {
        /// Where they are.
        paths: Vec<String>,
        /// The command that shows their keys.
        list: CommandLine,
    },
    /// Several devices with the same key.
    #[error(
        "the Ledgers at {} have the same key; unplug all but one: two devices that remember different heights protect \
         nothing", .0.join(" and ")
    )]
    SameKey(Vec<String>),
}

fn list(reasons: &[(String, DeviceFault)]) -> String {
    let texts: Vec<String> = reasons
        .iter()
        .map(|(path, reason)| format!("{path}: {reason}"))
        .collect();
    texts.join("; ")
}
