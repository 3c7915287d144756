//! What a person is told of a device before it is touched, and agrees to by typing its serial number.

use crate::backends::yubihsm::protocol::auth_key::Credentials;
use crate::backends::yubihsm::protocol::codes::algorithm;
use crate::backends::yubihsm::protocol::identity::Serial;
use crate::backends::yubihsm::protocol::info::DeviceInfo;
use crate::terminal::Terminal;
use crate::text::count::count;

use super::error::{CeremonyError, SetupError};
use super::found::{ForeignDevice, FoundDevice, SigningKey};
use super::plan;
use super::steps;
use super::target::SetupTarget;

/// What the person has agreed to before the words were typed.
pub enum Agreed {
    /// This is the device. What is on it was not to be seen without the words.
    Device(Serial),
    /// All that was seen on this device is erased, unless it came from the words.
    Erasure(SeenDevice),
}

/// What a person saw of a device when agreeing to its erasure.
#[derive(Debug, PartialEq, Eq)]
pub struct SeenDevice {
    serial: Serial,
    /// The keys that sign. Their loss needs a word of its own, so that they count by name.
    keys: Vec<SigningKey>,
    /// All objects.
    objects: usize,
    /// Whether nothing was hidden.
    sees_all: bool,
}

impl SeenDevice {
    fn of(foreign: &ForeignDevice) -> Self {
        Self {
            serial: foreign.info.serial,
            keys: foreign.keys.clone(),
            objects: foreign.objects,
            sees_all: foreign.sees_all,
        }
    }
}

/// Says what can be seen of a device before the words, and has its serial number typed.
pub(super) fn agree(
    target: &SetupTarget<'_>,
    destroy_keys: Option<Serial>,
    factory: &Credentials,
    terminal: &mut dyn Terminal,
) -> Result<Agreed, SetupError> {
    let found = match steps::look(target, None, false, None, factory) {
        Ok(found) => found,
        // Somebody has set it up: from these words, it may be.
        Err(CeremonyError::Locked { .. } | CeremonyError::MayNotErase { .. }) => {
            let info = target.introduce().map_err(SetupError::Step)?;
            let (serial, firmware) = (info.serial, info.firmware);
            terminal.say(&format!(
                "YubiHSM {serial}, firmware {firmware}\nSomebody has set it up. Whether that was from the words is seen once \
                 they are typed: then nothing of it is erased, and of any other device nothing without another question."
            ))?;
            typed_serial(
                serial,
                "Type its serial number to go on with this device:",
                terminal,
            )?;
            return Ok(Agreed::Device(serial));
        }
        Err(error) => return Err(SetupError::Step(error)),
    };
    let foreign = match &found {
        FoundDevice::Other(foreign) => foreign,
        // Nothing is anybody's without words.
        FoundDevice::Ours(info) => return Ok(Agreed::Device(info.serial)),
    };
    for line in describe(&foreign.info, &found) {
        terminal.say(&line)?;
    }
    terminal.say("What a setup with the same words began on it is recognised once they are typed, and completed.")?;
    may_erase(target, foreign, destroy_keys, terminal)?;
    Ok(Agreed::Erasure(SeenDevice::of(foreign)))
}

impl Agreed {
    pub(super) fn serial(&self) -> Serial {
        match self {
            Self::Device(serial) | Self::Erasure(SeenDevice { serial, .. }) => *serial,
        }
    }

    /// Whether the person has seen and agreed to what erasing this device erases.
    pub(super) fn covers(&self, foreign: &ForeignDevice) -> bool {
        matches!(self, Self::Erasure(seen) if *seen == SeenDevice::of(foreign))
    }
}

/// The plan in words, before anything happens.
pub(super) fn describe(info: &DeviceInfo, found: &FoundDevice) -> Vec<String> {
    let mut lines = vec![format!(
        "YubiHSM {}, firmware {}, {} of {} places of its log in use",
        info.serial, info.firmware, info.log_used, info.log_size
    )];
    match found {
        FoundDevice::Ours(_) => {
            lines.push(
                "It was set up, or its setup began, from this mnemonic. Nothing is erased; what is missing is added."
                    .to_owned(),
            );
        }
        FoundDevice::Other(foreign) => {
            lines.push(format!(
                "It holds {}, {} that can sign among them. ALL OF THEM ARE ERASED.",
                count(foreign.objects, "object"),
                count(foreign.keys.len(), "key")
            ));
            let keys = foreign.keys.iter();
            lines.extend(keys.map(|key| format!("  0x{:04x} {:?}", key.id, key.label)));
        }
    }
    if !info.has(algorithm::ED25519) {
        lines.push(
            "WARNING: Ed25519 is disabled on this device, as in FIPS mode: it can hold no consensus key of most chains."
                .to_owned(),
        );
    }
    lines.push("Afterwards it holds:".to_owned());
    lines.extend(
        plan::whole()
            .iter()
            .map(|planned| format!("  {}", plan::line(planned))),
    );
    lines.push("and logs whatever makes, moves or removes keys.".to_owned());
    lines
}

/// Has the serial number typed of a device whose loss costs no key, or only keys that were given up (`destroy_keys`).
pub(super) fn may_erase(
    target: &SetupTarget<'_>,
    foreign: &ForeignDevice,
    destroy_keys: Option<Serial>,
    terminal: &mut dyn Terminal,
) -> Result<(), SetupError> {
    let serial = foreign.info.serial;
    if !foreign.keys.is_empty() && destroy_keys != Some(serial) {
        let keys = foreign.keys.iter();
        return Err(SetupError::HoldsKeys {
            serial,
            keys: keys
                .map(|key| format!("0x{:04x} {:?}", key.id, key.label))
                .collect(),
            commands: target.commands.clone(),
        });
    }
    if !foreign.sees_all && destroy_keys != Some(serial) {
        return Err(SetupError::Hidden(serial));
    }
    if !terminal.is_interactive() {
        return Err(SetupError::NoTerminal);
    }
    // A device that does not blink is not worth stopping for.
    if let Ok(mut login) = target.need(&foreign.credentials) {
        let _ = login.blink();
    }
    let question = "The device that will be erased blinks now for ten seconds. Type its serial number to erase it:";
    typed_serial(serial, question, terminal)
}

fn typed_serial(
    serial: Serial,
    question: &str,
    terminal: &mut dyn Terminal,
) -> Result<(), SetupError> {
    let typed = terminal.ask(question)?.unwrap_or_default();
    let digits = typed.trim().trim_start_matches('#');
    match digits.parse() == Ok(serial.0) {
        true => Ok(()),
        false => Err(SetupError::OtherSerial(serial)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(serial: u32, keys: &[(u16, &str)], objects: usize, sees_all: bool) -> ForeignDevice {
        let data = [&[2, 4, 0][..], &serial.to_be_bytes(), &[62, 3, 46]].concat();
        ForeignDevice {
            credentials: Credentials::nobody(),
            info: DeviceInfo::read(&data).unwrap(),
            keys: keys
                .iter()
                .map(|(id, label)| SigningKey {
                    id: *id,
                    label: (*label).to_owned(),
                })
                .collect(),
            objects,
            sees_all,
        }
    }

    /// Somebody else may reach the device, over its connector, while 24 words are typed.
    #[test]
    fn an_erasure_is_agreed_to_for_what_was_seen_and_nothing_else() {
        let seen = |device: &ForeignDevice| Agreed::Erasure(SeenDevice::of(device));
        let empty = || device(7, &[], 2, true);
        let one = || device(7, &[(1, "consensus")], 2, true);
        assert!(seen(&empty()).covers(&empty()) && seen(&one()).covers(&one()));
        for other in [
            one(),
            device(8, &[], 2, true),
            device(7, &[], 3, true),
            device(7, &[], 2, false),
        ] {
            assert!(
                !seen(&empty()).covers(&other),
                "{:?}",
                SeenDevice::of(&other)
            );
        }
        for other in [
            empty(),
            device(7, &[(2, "consensus")], 2, true),
            device(7, &[(1, "account")], 2, true),
        ] {
            assert!(!seen(&one()).covers(&other), "{:?}", SeenDevice::of(&other));
        }
        assert!(!Agreed::Device(Serial(7)).covers(&empty()));
    }
}
