//! The conversation of a setup: what will happen, the serial number typed, the mnemonic written down and asked for again,
//! and only then the device.
//!
//! Nothing is erased before the person has shown that the mnemonic is on paper, and nothing at all by a dry run. How
//! the mnemonic gets onto paper is in `paper`, what is done to the device in `steps`.

use crate::backends::yubihsm::protocol::auth_key::Credentials;
use crate::backends::yubihsm::protocol::identity::Serial;
use crate::backends::yubihsm::protocol::info::DeviceInfo;
use crate::os::clock::{Clock, SystemClock};
use crate::terminal::Terminal;
use crate::text::date::Date;

use super::consent::{Agreed, agree, describe, may_erase};
use super::error::SetupError;
use super::found::FoundDevice;
use super::paper::printout::Printout;
use super::paper::sheets::Heading;
use super::paper::words::{MnemonicSheets, ask_mnemonic};
use super::report::{device_report, file_report};
use super::steps::{self, say};
use super::target::{self, Secrets, SetupTarget};
use super::verify::{Proof, verify};

/// What the operator wants.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetupOptions {
    /// Say what would happen, and change nothing.
    pub dry_run: bool,
    /// From a mnemonic that exists.
    pub restore: bool,
    /// Erase a device that was set up from this very mnemonic, too.
    pub anew: bool,
    /// The serial number of the device whose signing keys may be destroyed.
    pub destroy_keys: Option<Serial>,
    /// Compare only.
    pub verify: bool,
}

/// What was done.
#[derive(Debug)]
pub struct SetupOutcome {
    /// The device.
    pub info: DeviceInfo,
    /// Whether anything was changed.
    pub changed: bool,
    /// What was compared in the end.
    pub proof: Option<Proof>,
    /// For the report's file: no secrets.
    pub report: String,
}

/// The whole conversation, which begins with the mnemonic where there is one.
pub fn run(
    target: &SetupTarget<'_>,
    options: &SetupOptions,
    configured: Option<&Credentials>,
    printout: Option<&mut Printout>,
    terminal: &mut dyn Terminal,
) -> Result<SetupOutcome, SetupError> {
    let mut paper = MnemonicSheets {
        printout,
        typed: None,
    };
    let factory = &target::factory();
    let logins = Logins {
        factory,
        configured,
    };
    // As without words: the device first, then its serial number, then the words.
    let asks_first = options.restore && !options.dry_run && terminal.is_interactive();
    let agreed = match asks_first {
        true => Some(agree(target, options.destroy_keys, factory, terminal)?),
        false => {
            // Nobody types 24 words for a device that is not there.
            let there = target.introduce().map_err(SetupError::Step)?;
            if options.verify {
                let (serial, firmware) = (there.serial, there.firmware);
                terminal.say(&format!("YubiHSM {serial}, firmware {firmware}"))?;
            }
            None
        }
    };
    let secrets = match options.restore || options.verify {
        true => {
            let mnemonic = ask_mnemonic(terminal)?;
            let secrets = Secrets::of(&mnemonic);
            paper.typed = paper.printout.is_some().then_some(mnemonic);
            Some(secrets)
        }
        false => None,
    };
    let secrets = secrets.as_ref();
    carry_out(target, options, logins, secrets, agreed, paper, terminal)
}

/// Who may log in besides the mnemonic's roles.
#[derive(Clone, Copy)]
pub struct Logins<'a> {
    /// The factory's login.
    pub factory: &'a Credentials,
    /// That of the configuration.
    pub configured: Option<&'a Credentials>,
}

/// The conversation after the mnemonic; without secrets a new one is made. What was agreed to before the words is not asked
/// for again.
pub fn carry_out(
    target: &SetupTarget<'_>,
    options: &SetupOptions,
    logins: Logins<'_>,
    secrets: Option<&Secrets>,
    agreed: Option<Agreed>,
    mut paper: MnemonicSheets<'_>,
    terminal: &mut dyn Terminal,
) -> Result<SetupOutcome, SetupError> {
    let Logins {
        factory,
        configured,
    } = logins;
    let step = SetupError::Step;
    if let (true, Some(secrets)) = (options.verify, secrets) {
        return compare(target, secrets, terminal);
    }
    // The one that was agreed on, whatever is plugged in meanwhile.
    let serial = agreed.as_ref().map(Agreed::serial).or(target.serial);
    let target = &SetupTarget {
        name: target.name.clone(),
        serial,
        commands: target.commands.clone(),
        ..*target
    };
    let found = steps::look(target, secrets, options.anew, configured, factory);
    let found = found.map_err(step)?;
    let info = match &found {
        FoundDevice::Ours(info) => info.clone(),
        FoundDevice::Other(foreign) => foreign.info.clone(),
    };
    // From here on it is this device and no other.
    let target = SetupTarget {
        name: format!("YubiHSM {}", info.serial),
        serial: Some(info.serial),
        commands: target.commands.clone(),
        ..*target
    };
    let now = Date::of(SystemClock.now().wall);
    let covered = match (&found, &agreed) {
        (FoundDevice::Other(foreign), Some(agreed)) => agreed.covers(foreign),
        _ => false,
    };
    if !covered {
        for line in describe(&info, &found) {
            terminal.say(&line)?;
        }
    }
    if options.dry_run {
        terminal.say("Dry run: nothing was changed.")?;
        return Ok(SetupOutcome {
            report: String::new(),
            info,
            changed: false,
            proof: None,
        });
    }
    let heading = Heading {
        serial: info.serial,
        date: now,
    };
    let made;
    let secrets = match (found, secrets) {
        (FoundDevice::Ours(_), Some(secrets)) => {
            paper.print_typed(heading, terminal)?;
            secrets
        }
        (FoundDevice::Ours(_), None) => return Err(SetupError::GivenUp("there is no mnemonic")),
        (FoundDevice::Other(foreign), secrets) => {
            if !covered {
                may_erase(&target, &foreign, options.destroy_keys, terminal)?;
            }
            let secrets = match secrets {
                Some(secrets) => {
                    paper.print_typed(heading, terminal)?;
                    secrets
                }
                None => {
                    let mnemonic = paper.new_mnemonic(&target, &foreign, heading, terminal)?;
                    made = Secrets::of(&mnemonic);
                    &made
                }
            };
            let empty = steps::erase(&target, &foreign.credentials, factory, terminal);
            steps::take_over(empty.map_err(step)?, secrets, terminal).map_err(step)?;
            secrets
        }
    };
    let date = now.to_string();
    let report = device_report(info.serial, now);
    steps::complete(&target, secrets, &date, report.as_bytes(), terminal).map_err(step)?;
    say(terminal, &format!("Verifying    all of {}", target.name)).map_err(step)?;
    let proof = verify(&target, secrets).map_err(step)?;
    finish(&target, info, true, proof, now, terminal)
}

/// Compares a device with its mnemonic, and changes nothing.
fn compare(
    target: &SetupTarget<'_>,
    secrets: &Secrets,
    terminal: &mut dyn Terminal,
) -> Result<SetupOutcome, SetupError> {
    let step = SetupError::Step;
    terminal.say(&format!("Verifying    all of {}", target.name))?;
    let proof = verify(target, secrets).map_err(step)?;
    let stranger = || SetupError::Stranger(target.name.clone());
    let info = proof.info.clone().ok_or_else(stranger)?;
    finish(
        target,
        info,
        false,
        proof,
        Date::of(SystemClock.now().wall),
        terminal,
    )
}

fn finish(
    target: &SetupTarget<'_>,
    info: DeviceInfo,
    changed: bool,
    proof: Proof,
    now: Date,
    terminal: &mut dyn Terminal,
) -> Result<SetupOutcome, SetupError> {
    for line in &proof.good {
        terminal.say(&format!("Proven       {line}"))?;
    }
    for key in &proof.keys {
        terminal.say(&format!("Key          {key}"))?;
    }
    if !proof.wrong.is_empty() {
        return Err(SetupError::Differs {
            serial: info.serial,
            wrong: proof.wrong,
            commands: target.commands.clone(),
        });
    }
    let report = file_report(&info, &proof, now);
    Ok(SetupOutcome {
        info,
        changed,
        proof: Some(proof),
        report,
    })
}
