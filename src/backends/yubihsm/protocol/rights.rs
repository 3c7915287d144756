//! What an authentication key in service may do beyond signing.
//!
//! A password in service is on a host that many programs share. Who gets it may do what its authentication key may do:
//! sign, which cannot be helped, and nothing by which the validator's key could be lost, taken away or given to others.

use super::auth_key::Credentials;
use super::codes::{capability, object};
use super::info::ObjectInfo;

/// By these a key is lost, leaves, or is given to others; in the words of Yubico's capability names.
const HARMFUL: &[(u64, &str)] = &[
    (capability::RESET_DEVICE, "erase the device"),
    (capability::DELETE_ASYMMETRIC_KEY, "delete keys"),
    (capability::EXPORT_WRAPPED, "export keys"),
    (
        capability::PUT_WRAP_KEY | capability::GENERATE_WRAP_KEY,
        "make wrap keys",
    ),
    (capability::DELETE_WRAP_KEY, "delete wrap keys"),
    (
        capability::PUT_AUTHENTICATION_KEY
            | capability::CHANGE_AUTHENTICATION_KEY
            | capability::DELETE_AUTHENTICATION_KEY,
        "change who logs in",
    ),
];

/// What is wrong with a login that is in service, although it works.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginRisk {
    /// Everybody knows the password.
    #[error(
        "authentication key 0x{auth:04x} has the factory's password, which everybody knows: whoever reaches the device \
         signs with the validator's key{}", and_may(.harm)
    )]
    Factory {
        /// Who logs in.
        auth: u16,
        /// What else it may do.
        harm: Vec<&'static str>,
    },
    /// It may do more than sign.
    #[error(
        "authentication key 0x{auth:04x} may do more than sign: whoever gets its password from this host can {}",
        harm.join(", ")
    )]
    Powerful {
        /// Who logs in.
        auth: u16,
        /// What else it may do, never empty.
        harm: Vec<&'static str>,
    },
}

impl LoginRisk {
    /// Judges a login by its password, and by what the device says of its authentication key, if it says anything.
    pub fn of(login: &Credentials, info: Option<&ObjectInfo>) -> Option<Self> {
        let auth = login.id;
        let found = info.filter(|info| info.kind == object::AUTHENTICATION_KEY);
        let may = found.map_or(0, |info| info.capabilities);
        let harm: Vec<&'static str> = HARMFUL
            .iter()
            .filter(|(some, _)| may & some != 0)
            .map(|(_, words)| *words)
            .collect();
        if login.key.is_of_factory() {
            return Some(Self::Factory { auth, harm });
        }
        (!harm.is_empty()).then_some(Self::Powerful { auth, harm })
    }
}

fn and_may(harm: &[&str]) -> String {
    match harm {
        [] => String::new(),
        some => format!(", and can {}", some.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::yubihsm::ceremony::derive::Role;
    use crate::backends::yubihsm::ceremony::plan;
    use crate::backends::yubihsm::protocol::auth_key::{AuthKey, FACTORY_PASSWORD};

    fn told(password: &[u8], capabilities: Option<u64>) -> String {
        let login = Credentials {
            id: 4,
            key: AuthKey::from_password(password),
        };
        let info = capabilities.map(|capabilities| ObjectInfo {
            capabilities,
            id: 4,
            size: 40,
            domains: 1,
            kind: object::AUTHENTICATION_KEY,
            algorithm: 0,
            sequence: 0,
            origin: 2,
            label: String::new(),
            delegated: 0,
        });
        LoginRisk::of(&login, info.as_ref()).map_or_else(String::new, |risk| risk.to_string())
    }

    #[test]
    fn who_may_do_more_than_sign_is_told_what() {
        let may = |role| Some(plan::role(role).capabilities);
        // The older program's validator reads the log and attests, too, and takes no key away by that.
        assert_eq!(told(b"its own", may(Role::Validator)), "");
        assert_eq!(told(b"its own", may(Role::Auditor)), "");
        assert_eq!(told(b"its own", None), "");
        assert!(told(b"its own", may(Role::Operator)).ends_with("can export keys"));
        let admin = told(b"its own", may(Role::Admin));
        assert!(
            admin.ends_with(
                "can erase the device, delete keys, export keys, make wrap keys, delete wrap keys, change who logs in"
            ),
            "{admin}"
        );
        let deletes = told(b"its own", Some(capability::DELETE_WRAP_KEY));
        assert!(deletes.ends_with("can delete wrap keys"), "{deletes}");
        let rekeys = told(b"its own", Some(capability::CHANGE_AUTHENTICATION_KEY));
        assert!(rekeys.ends_with("can change who logs in"), "{rekeys}");
    }

    #[test]
    fn the_factory_password_is_told_whatever_its_key_may() {
        let weak = told(FACTORY_PASSWORD, may_sign());
        assert!(weak.ends_with("signs with the validator's key"), "{weak}");
        assert_eq!(told(FACTORY_PASSWORD, None), weak);
        let all = told(FACTORY_PASSWORD, Some(u64::MAX));
        assert!(all.contains("everybody knows") && all.contains("and can erase the device"));
    }

    fn may_sign() -> Option<u64> {
        Some(capability::SIGN_EDDSA)
    }
}
