//! What a device holds once it is set up: the plan that a ceremony carries out and a verification compares with.
//!
//! Ids, capabilities and domains are those of the older tmkms 0.15.0, whose devices this program takes as they are.

use super::codes::{algorithm, capability, command, object};
use super::derive::Role;

/// All domains.
pub const ALL_DOMAINS: u16 = 0xffff;
/// The id of the ceremony's own authentication key, and, of another type, of the report.
pub const TEMPORARY: u16 = 0xfffe;
/// The label of that key.
pub const TEMPORARY_LABEL: &str = "tmkms setup, goes when it is done";
/// The wrap key for backups.
pub const WRAP_KEY: u16 = 1;

/// Capabilities without a name elsewhere in this program.
const PUT_HMAC_KEY: u64 = 1 << 0x14;
const GENERATE_HMAC_KEY: u64 = 1 << 0x15;

/// An object of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The type.
    pub kind: u8,
    /// The id.
    pub id: u16,
    /// The start of its label, and its name in messages.
    pub name: &'static str,
    /// The domains.
    pub domains: u16,
    /// What it may do.
    pub capabilities: u64,
    /// What it may give to others.
    pub delegated: u64,
    /// The algorithm.
    pub algorithm: u8,
}

/// The authentication key of a role.
pub fn role(role: Role) -> Planned {
    let (capabilities, delegated) = match role {
        Role::Admin => (u64::MAX, u64::MAX),
        Role::Operator => (
            capability::GET_OPAQUE
                | capability::PUT_ASYMMETRIC_KEY
                | capability::GENERATE_ASYMMETRIC_KEY
                | capability::EXPORT_WRAPPED
                | capability::IMPORT_WRAPPED
                | capability::GET_OPTION
                | PUT_HMAC_KEY
                | GENERATE_HMAC_KEY
                | capability::GET_LOG_ENTRIES
                | capability::SIGN_ATTESTATION_CERTIFICATE,
            u64::MAX,
        ),
        Role::Auditor => (
            capability::GET_OPAQUE
                | capability::SET_OPTION
                | capability::GET_OPTION
                | capability::GET_LOG_ENTRIES,
            0,
        ),
        Role::Validator => (
            capability::SIGN_ECDSA
                | capability::SIGN_EDDSA
                | capability::GET_LOG_ENTRIES
                | capability::SIGN_ATTESTATION_CERTIFICATE,
            0,
        ),
    };
    Planned {
        kind: object::AUTHENTICATION_KEY,
        id: role.id(),
        name: role.name(),
        domains: match role {
            Role::Validator => 1,
            _ => ALL_DOMAINS,
        },
        capabilities,
        delegated,
        algorithm: algorithm::AES128_YUBICO_AUTHENTICATION,
    }
}

/// The wrap key: it wraps and unwraps, and never leaves the device itself.
pub fn wrap_key() -> Planned {
    Planned {
        kind: object::WRAP_KEY,
        id: WRAP_KEY,
        name: "primary",
        domains: ALL_DOMAINS,
        capabilities: capability::EXPORT_WRAPPED
            | capability::IMPORT_WRAPPED
            | capability::WRAP_DATA
            | capability::UNWRAP_DATA,
        delegated: u64::MAX,
        algorithm: algorithm::AES256_CCM_WRAP,
    }
}

/// The report: when, by what program.
pub fn report() -> Planned {
    Planned {
        kind: object::OPAQUE,
        id: TEMPORARY,
        name: "yubihsm.rs setup report",
        domains: ALL_DOMAINS,
        capabilities: capability::GET_OPAQUE,
        delegated: 0,
        algorithm: algorithm::OPAQUE_DATA,
    }
}

/// The ceremony's own authentication key: everything, until the ceremony deletes it.
pub fn temporary() -> Planned {
    Planned {
        id: TEMPORARY,
        name: TEMPORARY_LABEL,
        ..role(Role::Admin)
    }
}

/// All that stays, in the order of a list.
pub fn whole() -> Vec<Planned> {
    let roles = Role::ALL.map(role);
    roles.into_iter().chain([wrap_key(), report()]).collect()
}

/// What is logged from the ceremony on, where the firmware can: whatever makes, moves or removes keys, and changes of the
/// rules. Signatures and logins are left out: they would push the rest out of the 62 places within minutes.
pub const AUDITED: &[u8] = &[
    command::RESET_DEVICE,
    command::PUT_OPAQUE,
    command::PUT_AUTHENTICATION_KEY,
    command::PUT_ASYMMETRIC_KEY,
    command::GENERATE_ASYMMETRIC_KEY,
    command::EXPORT_WRAPPED,
    command::IMPORT_WRAPPED,
    command::PUT_WRAP_KEY,
    command::SET_OPTION,
    command::DELETE_OBJECT,
    command::GENERATE_WRAP_KEY,
    command::SET_LOG_INDEX,
    command::WRAP_DATA,
    command::UNWRAP_DATA,
    command::CHANGE_AUTHENTICATION_KEY,
];

/// A role's or object's line for people.
pub fn line(planned: &Planned) -> String {
    let kind = match planned.kind {
        object::AUTHENTICATION_KEY => "authentication key",
        object::WRAP_KEY => "wrap key",
        object::OPAQUE => "report",
        _ => "object",
    };
    let domains = match planned.domains {
        ALL_DOMAINS => "all domains".to_owned(),
        1 => "domain 1".to_owned(),
        other => format!("domains 0x{other:04x}"),
    };
    format!(
        "0x{:04x} {kind} `{}`, {domains}, may 0x{:x}, may give 0x{:x}",
        planned.id, planned.name, planned.capabilities, planned.delegated
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that the older program's devices hold.
    #[test]
    fn capabilities_are_those_of_the_older_program() {
        let words = Role::ALL.map(|one| role(one).capabilities);
        assert_eq!(words, [u64::MAX, 0x4_0134_3019, 0x106_0001, 0x4_0100_0180]);
        assert_eq!(wrap_key().capabilities, 0x60_0000_3000);
    }
}
