//! Setting a device up: what is found, erasing it, building what the plan says, in an order that survives a loss of power
//! at any point.
//!
//! At each moment the factory's password, the temporary key or the administrator's password logs in, and the last two
//! follow from the mnemonic: nothing but the mnemonic is needed to go on. The temporary key is put before the factory's
//! key is deleted and deleted when all else is there; each step looks at what is there first. Source of the objects:
//! `plan`.

use std::time::{Duration, Instant};

use crate::backends::yubihsm::protocol::auth_key::Credentials;
use crate::backends::yubihsm::protocol::codes::{capability, object, option};
use crate::backends::yubihsm::session::objects::Objects;
use crate::backends::yubihsm::session::objects::Planned;
use crate::terminal::Terminal;
use crate::text::count::count;

use super::derive::Role;
use super::error::CeremonyError;
use super::found::{ForeignDevice, FoundDevice, SigningKey};
use super::plan::{self, TEMPORARY};
use super::target::LOGIN;
use super::target::{Secrets, SetupTarget};

/// How long a device may take to come back after it was erased. Its address on the USB changes.
const RETURN: Duration = Duration::from_secs(60);
/// Between two words about waiting.
const WORD: Duration = Duration::from_secs(2);
/// The label of the factory's key.
const FACTORY_LABEL: &str = "DEFAULT AUTHKEY CHANGE THIS ASAP";

/// Finds out what a device holds and who may log in. Changes nothing. With `anew` a device of this mnemonic is like any
/// other.
pub fn look(
    target: &SetupTarget<'_>,
    secrets: Option<&Secrets>,
    anew: bool,
    configured: Option<&Credentials>,
    factory: &Credentials,
) -> Result<FoundDevice, CeremonyError> {
    let device = CeremonyError::Device;
    let mut own = Vec::new();
    if let Some(secrets) = secrets {
        own.push(secrets.temporary());
        own.push(secrets.admin());
    }
    if !anew {
        for credentials in &own {
            if let Some(mut login) = target.login(credentials.id, &credentials.key)? {
                return login.open(LOGIN).map(FoundDevice::Ours).map_err(device);
            }
        }
        own.clear();
    }
    let mut harmless = None;
    for credentials in own.iter().chain(configured).chain([factory]) {
        let Some(mut login) = target.login(credentials.id, &credentials.key)? else {
            continue;
        };
        let it = login.info(object::AUTHENTICATION_KEY, credentials.id);
        let it = it.map_err(device)?;
        let may = it.filter(|it| it.capabilities & capability::RESET_DEVICE != 0);
        let Some(it) = may else {
            harmless.get_or_insert(credentials.id);
            continue;
        };
        let info = login.open(LOGIN).map_err(device)?;
        let list = login.list().map_err(device)?;
        let mut keys = Vec::new();
        for listed in list.iter().filter(|one| one.kind == object::ASYMMETRIC_KEY) {
            let found = login.info(listed.kind, listed.id).map_err(device)?;
            keys.push(SigningKey {
                id: listed.id,
                label: found.map_or_else(String::new, |found| found.label),
            });
        }
        return Ok(FoundDevice::Other(ForeignDevice {
            credentials: credentials.clone(),
            info,
            keys,
            objects: list.len(),
            sees_all: it.domains == plan::ALL_DOMAINS,
        }));
    }
    let device = target.name.clone();
    Err(match harmless {
        Some(auth) => CeremonyError::MayNotErase { device, auth },
        None => CeremonyError::Locked { device },
    })
}

/// Erases a device and proves it: the factory's password logs in, its key is the only object, and what logged in before
/// does not any more. Gives the factory's login.
pub fn erase(
    target: &SetupTarget<'_>,
    before: &Credentials,
    factory: &Credentials,
    terminal: &mut dyn Terminal,
) -> Result<Objects, CeremonyError> {
    let device = CeremonyError::Device;
    say(terminal, &format!("Erasing      {}", target.name))?;
    let mut login = target.need(before)?;
    login.reset().map_err(device)?;
    drop(login);
    let began = Instant::now();
    let mut login = loop {
        match target.wait_for(factory.id, &factory.key, WORD) {
            Ok(Some(login)) => break login,
            Ok(None) => {
                return Err(target.not_erased("its factory password does not log in"));
            }
            Err(CeremonyError::Device(error))
                if error.kind.is_loss() && began.elapsed() < RETURN =>
            {
                let seconds = began.elapsed().as_secs();
                let text = format!("Waiting      for the device to come back, {seconds} s");
                say(terminal, &text)?;
            }
            Err(error) => return Err(error),
        }
    };
    let list = login.list().map_err(device)?;
    let label = login.info(object::AUTHENTICATION_KEY, factory.id);
    let label = label
        .map_err(device)?
        .map_or_else(String::new, |info| info.label);
    if list.len() != 1 || label != FACTORY_LABEL {
        return Err(target.not_erased(format!(
            "it still holds {}, and the key that logs in is labelled {label:?}",
            count(list.len(), "object")
        )));
    }
    let is_factory = before.id == factory.id && *before.key.to_bytes() == *factory.key.to_bytes();
    if !is_factory && target.login(before.id, &before.key)?.is_some() {
        return Err(target.not_erased(format!(
            "authentication key 0x{:04x} still logs in as before",
            before.id
        )));
    }
    let text = format!(
        "Proven       that {} is empty: one factory key, and no earlier login",
        target.name
    );
    say(terminal, &text)?;
    Ok(login)
}

/// From the factory's state to the temporary key: from here on the mnemonic is enough.
pub fn take_over(
    mut factory: Objects,
    secrets: &Secrets,
    terminal: &mut dyn Terminal,
) -> Result<(), CeremonyError> {
    let device = CeremonyError::Device;
    audit(&mut factory, terminal)?;
    say(
        terminal,
        "Putting      the temporary key, which follows from the mnemonic",
    )?;
    let planned = plan::temporary();
    let secret = secrets.temporary().key.to_bytes();
    factory.put(&planned, planned.name, &secret).map_err(device)
}

/// Completes a device on which the temporary key or the administrator has logged in. What is there stays.
pub fn complete(
    target: &SetupTarget<'_>,
    secrets: &Secrets,
    date: &str,
    report: &[u8],
    terminal: &mut dyn Terminal,
) -> Result<(), CeremonyError> {
    let device = CeremonyError::Device;
    let Credentials { id, key: admin } = secrets.admin();
    let mut login = match target.login(TEMPORARY, &secrets.temporary().key)? {
        Some(login) => login,
        None => target.need(&secrets.admin())?,
    };
    audit(&mut login, terminal)?;
    if target.login(id, &admin)?.is_none() {
        if login
            .info(object::AUTHENTICATION_KEY, id)
            .map_err(device)?
            .is_some()
        {
            say(terminal, "Deleting     the factory's key")?;
            login
                .delete(object::AUTHENTICATION_KEY, id)
                .map_err(device)?;
        }
        let planned = plan::role(Role::Admin);
        put(&mut login, &planned, date, &admin.to_bytes(), terminal)?;
    }
    for role in Role::ALL {
        let secret = secrets.role(role).to_bytes();
        put(&mut login, &plan::role(role), date, &secret, terminal)?;
    }
    put(
        &mut login,
        &plan::wrap_key(),
        date,
        &secrets.wrap[..],
        terminal,
    )?;
    put(&mut login, &plan::report(), "", report, terminal)?;
    drop(login);
    let mut login = target.need(&secrets.admin())?;
    let kind = object::AUTHENTICATION_KEY;
    if login.info(kind, TEMPORARY).map_err(device)?.is_some() {
        say(terminal, "Deleting     the temporary key")?;
        login.delete(kind, TEMPORARY).map_err(device)?;
    }
    Ok(())
}

/// Puts an object of the plan unless it is there.
fn put(
    login: &mut Objects,
    planned: &Planned,
    date: &str,
    secret: &[u8],
    terminal: &mut dyn Terminal,
) -> Result<(), CeremonyError> {
    let device = CeremonyError::Device;
    if login
        .info(planned.kind, planned.id)
        .map_err(device)?
        .is_some()
    {
        return Ok(());
    }
    say(terminal, &format!("Putting      {}", plan::name(planned)))?;
    let label = match date {
        "" => planned.name.to_owned(),
        date => format!("{}:{date}", planned.name),
    };
    login.put(planned, &label, secret).map_err(device)
}

/// Turns the log on for what [`plan::AUDITED`] names and the firmware knows.
fn audit(login: &mut Objects, terminal: &mut dyn Terminal) -> Result<(), CeremonyError> {
    let off = unaudited(login)?;
    if off.is_empty() {
        return Ok(());
    }
    say(
        terminal,
        &format!("Turning on   the log for {} commands", off.len()),
    )?;
    let pairs: Vec<u8> = off.iter().flat_map(|command| [*command, 1]).collect();
    login
        .set_option(option::COMMAND_AUDIT, &pairs)
        .map_err(CeremonyError::Device)
}

/// Commands of [`plan::AUDITED`] that the device knows and does not log.
pub fn unaudited(login: &mut Objects) -> Result<Vec<u8>, CeremonyError> {
    let pairs = login
        .option(option::COMMAND_AUDIT)
        .map_err(CeremonyError::Device)?;
    let off = pairs.chunks_exact(2).filter_map(|pair| match pair {
        [command, 0] if plan::AUDITED.contains(command) => Some(*command),
        _ => None,
    });
    Ok(off.collect())
}

/// A line for the person.
pub(super) fn say(terminal: &mut dyn Terminal, text: &str) -> Result<(), CeremonyError> {
    terminal.say(text).map_err(CeremonyError::Terminal)
}
