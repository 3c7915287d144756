//! The proof that a device is what the plan says, at any time after its setup.
//!
//! Nothing is taken from memory: each role logs in, every object is read back, and the wrap key encrypts random bytes that
//! are then decrypted on this host with the mnemonic's wrap key.

use crate::backends::yubihsm::backup::wrap;
use crate::backends::yubihsm::protocol::codes::{algorithm, object};
use crate::backends::yubihsm::protocol::error::{Error, ErrorKind};
use crate::backends::yubihsm::protocol::info::DeviceInfo;
use crate::backends::yubihsm::session::objects::Objects;
use crate::backends::yubihsm::session::objects::Planned;
use crate::remedy::CommandLine;

use super::derive::Role;
use super::error::CeremonyError;
use super::plan::{self, TEMPORARY};
use super::steps::unaudited;
use super::target::LOGIN;
use super::target::{Secrets, SetupTarget};

/// What a proof found.
#[derive(Debug, Default)]
pub struct Proof {
    /// What the device says of itself, if any role logs in.
    pub info: Option<DeviceInfo>,
    /// What is as planned.
    pub good: Vec<String>,
    /// What is not, and what to do.
    pub wrong: Vec<String>,
    /// Keys on the device that sign: id, algorithm and label.
    pub keys: Vec<String>,
}

/// Compares a device with the plan.
pub fn verify(target: &SetupTarget<'_>, secrets: &Secrets) -> Result<Proof, CeremonyError> {
    let mut proof = Proof::default();
    let mut admin = None;
    let mut target = SetupTarget {
        name: target.name.clone(),
        commands: target.commands.clone(),
        ..*target
    };
    for role in Role::ALL {
        let (name, id) = (role.name(), role.id());
        let mut login = target.login(id, secrets.role(role))?;
        if let (None, Some(login)) = (&proof.info, &mut login) {
            let info = login.open(LOGIN).map_err(CeremonyError::Device)?;
            // From here on it is this device and no other.
            target.serial = Some(info.serial);
            proof.info = Some(info);
        }
        match login {
            Some(login) if role == Role::Admin => admin = Some(login),
            Some(_) => proof.good.push(format!("{name} (0x{id:04x}) logs in")),
            None => proof.wrong.push(format!(
                "{name} (0x{id:04x}) does not log in with the mnemonic's password"
            )),
        }
    }
    let Some(mut login) = admin else {
        proof.wrong.push(
            "the administrator does not log in, so nothing else can be seen: is this the mnemonic of this device?"
                .to_owned(),
        );
        return Ok(proof);
    };
    proof.good.push("admin (0x0001) logs in".to_owned());
    for planned in plan::whole() {
        compare(&mut login, &planned, &mut proof)?;
    }
    let restore = target.commands.line(["setup", "--restore"]);
    strangers(&mut login, &restore, &mut proof)?;
    wrap_key(&mut login, secrets, &mut proof)?;
    let off = unaudited(&mut login)?;
    match off.len() {
        0 => proof.good.push("whatever makes, moves or removes keys is logged".to_owned()),
        some => proof.wrong.push(format!(
            "{some} commands that concern keys are not logged; `{restore}` turns that on and erases nothing"
        )),
    }
    Ok(proof)
}

fn compare(login: &mut Objects, planned: &Planned, proof: &mut Proof) -> Result<(), CeremonyError> {
    let name = format!("0x{:04x} `{}`", planned.id, planned.name);
    let found = login
        .info(planned.kind, planned.id)
        .map_err(CeremonyError::Device)?;
    let Some(found) = found else {
        proof.wrong.push(format!("{name} is missing"));
        return Ok(());
    };
    let wanted = (
        planned.capabilities,
        planned.delegated,
        planned.domains,
        planned.algorithm,
    );
    let there = (
        found.capabilities,
        found.delegated,
        found.domains,
        found.algorithm,
    );
    if there == wanted && found.label.starts_with(planned.name) {
        proof.good.push(format!("{name} is as planned"));
        return Ok(());
    }
    proof.wrong.push(format!(
        "{name} differs: it may {}; may give {}; is in domains 0x{:04x}, algorithm {}, label {:?}; planned is {}",
        plan::rights(found.capabilities),
        plan::rights(found.delegated),
        found.domains,
        found.algorithm,
        found.label,
        plan::line(planned)
    ));
    Ok(())
}

/// Keys of the plan's types that the plan does not know.
fn strangers(
    login: &mut Objects,
    restore: &CommandLine,
    proof: &mut Proof,
) -> Result<(), CeremonyError> {
    let device = CeremonyError::Device;
    let planned = plan::whole();
    for listed in login.list().map_err(device)? {
        let (kind, id) = (listed.kind, listed.id);
        let known = planned.iter().any(|one| (one.kind, one.id) == (kind, id));
        if known {
            continue;
        }
        let info = login.info(kind, id).map_err(device)?;
        let (label, code) = info.map_or_else(Default::default, |info| (info.label, info.algorithm));
        match kind {
            object::AUTHENTICATION_KEY if id == TEMPORARY => proof.wrong.push(format!(
                "a temporary key (0xfffe) is left over, which may do everything; `{restore}` removes it"
            )),
            object::AUTHENTICATION_KEY => proof.wrong.push(format!(
                "somebody else may log in: authentication key 0x{id:04x} {label:?} is not of the plan"
            )),
            object::WRAP_KEY => proof.wrong.push(format!(
                "keys may leave under another wrap key: 0x{id:04x} {label:?} is not of the plan"
            )),
            object::ASYMMETRIC_KEY => {
                let name = algorithm::name(code).unwrap_or("signs no votes");
                proof.keys.push(format!("0x{id:04x} {name} {label:?}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The device's wrap key is the mnemonic's if this host can read what it encrypts.
fn wrap_key(
    login: &mut Objects,
    secrets: &Secrets,
    proof: &mut Proof,
) -> Result<(), CeremonyError> {
    let mut sample = [0; 32];
    getrandom::getrandom(&mut sample).map_err(|error| {
        let kind = ErrorKind::Garbage(format!("no random numbers: {error}"));
        CeremonyError::Device(login.error(kind))
    })?;
    let sealed = match login.wrap_data(plan::WRAP_KEY, &sample) {
        Ok(sealed) => sealed,
        // Told above already.
        Err(Error {
            kind: ErrorKind::NoKey { .. },
            ..
        }) => return Ok(()),
        Err(error) => return Err(CeremonyError::Device(error)),
    };
    match wrap::open_data(&sealed, &secrets.wrap).is_ok_and(|opened| *opened == sample) {
        true => proof.good.push(
            "the wrap key is the mnemonic's: what the device encrypted was decrypted here".to_owned(),
        ),
        false => proof.wrong.push(
            "the wrap key is not the mnemonic's: backups made with it cannot be opened by the mnemonic; make none, and \
             set the device up again"
                .to_owned(),
        ),
    }
    Ok(())
}
