//! What a device holds once it is set up: the plan that a ceremony carries out and a verification compares with.
//!
//! Ids, capabilities and domains are those of the older tmkms 0.15.0, whose devices this program takes as they are.

use crate::backends::yubihsm::protocol::codes::{algorithm, capability, command, object};
use crate::backends::yubihsm::session::objects::Planned;

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

/// Names of capabilities, in the order of their bits.
const NAMES: &[(u64, &str)] = &[
    (capability::GET_OPAQUE, "get-opaque"),
    (capability::PUT_OPAQUE, "put-opaque"),
    (capability::PUT_AUTHENTICATION_KEY, "put-authentication-key"),
    (capability::PUT_ASYMMETRIC_KEY, "put-asymmetric-key"),
    (
        capability::GENERATE_ASYMMETRIC_KEY,
        "generate-asymmetric-key",
    ),
    (capability::SIGN_ECDSA, "sign-ecdsa"),
    (capability::SIGN_EDDSA, "sign-eddsa"),
    (capability::EXPORT_WRAPPED, "export-wrapped"),
    (capability::IMPORT_WRAPPED, "import-wrapped"),
    (capability::PUT_WRAP_KEY, "put-wrap-key"),
    (capability::GENERATE_WRAP_KEY, "generate-wrap-key"),
    (capability::EXPORTABLE_UNDER_WRAP, "exportable-under-wrap"),
    (capability::SET_OPTION, "set-option"),
    (capability::GET_OPTION, "get-option"),
    (capability::GET_PSEUDO_RANDOM, "get-pseudo-random"),
    (PUT_HMAC_KEY, "put-hmac-key"),
    (GENERATE_HMAC_KEY, "generate-hmac-key"),
    (capability::GET_LOG_ENTRIES, "get-log-entries"),
    (capability::RESET_DEVICE, "reset-device"),
    (
        capability::SIGN_ATTESTATION_CERTIFICATE,
        "sign-attestation-certificate",
    ),
    (capability::WRAP_DATA, "wrap-data"),
    (capability::UNWRAP_DATA, "unwrap-data"),
    (capability::DELETE_OPAQUE, "delete-opaque"),
    (
        capability::DELETE_AUTHENTICATION_KEY,
        "delete-authentication-key",
    ),
    (capability::DELETE_ASYMMETRIC_KEY, "delete-asymmetric-key"),
    (capability::DELETE_WRAP_KEY, "delete-wrap-key"),
    (
        capability::CHANGE_AUTHENTICATION_KEY,
        "change-authentication-key",
    ),
];

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

/// An object's type, id and name for people.
pub fn name(planned: &Planned) -> String {
    let kind = match planned.kind {
        object::AUTHENTICATION_KEY => "authentication key",
        object::WRAP_KEY => "wrap key",
        object::OPAQUE => "report",
        _ => "object",
    };
    format!("0x{:04x} {kind} `{}`", planned.id, planned.name)
}

/// Capabilities by the names of Yubico's command reference.
pub fn rights(capabilities: u64) -> String {
    let mut left = capabilities;
    let mut names = Vec::new();
    match capabilities {
        0 => return "nothing".to_owned(),
        u64::MAX => return "everything".to_owned(),
        _ => {}
    }
    for (bit, name) in NAMES {
        if left & bit != 0 {
            names.push((*name).to_owned());
            left &= !bit;
        }
    }
    if left != 0 {
        names.push(format!("0x{left:x}"));
    }
    names.join(", ")
}

/// An object's line for people: what it is, and what it may.
pub fn line(planned: &Planned) -> String {
    let domains = match planned.domains {
        ALL_DOMAINS => "all domains".to_owned(),
        1 => "domain 1".to_owned(),
        other => format!("domains 0x{other:04x}"),
    };
    format!(
        "{}, {domains}, may {}; may give {}",
        name(planned),
        rights(planned.capabilities),
        rights(planned.delegated)
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

    #[test]
    fn rights_are_told_in_words() {
        assert_eq!(
            line(&role(Role::Auditor)),
            "0x0003 authentication key `auditor`, all domains, may get-opaque, set-option, get-option, get-log-entries; \
             may give nothing"
        );
        assert_eq!(rights(u64::MAX), "everything");
        assert_eq!(rights(1 << 63 | 1 << 8), "sign-eddsa, 0x8000000000000000");
        for planned in whole() {
            assert!(!line(&planned).contains("may 0x"), "{}", line(&planned));
        }
    }
}
