//! What is odd about a password that is not taken: found in its text alone, and told beside the device's refusal.
//!
//! No device is asked. A flaw is a reason and not a verdict, because somebody may have given an authentication key any
//! password; so it is said once a login has failed. Sources: `ceremony::derive` for the form of the passwords of roles,
//! BIP 173 for their checksum.

use subtle_encoding::bech32::Bech32;
use zeroize::Zeroizing;

/// Roles whose password is Bech32, and the id of their authentication key. The administrator's is the mnemonic.
const ROLES: [(&str, u16); 3] = [("operator", 2), ("auditor", 3), ("validator", 4)];
/// The longest text that is judged, in bytes: a mnemonic has 215 at most.
const LONGEST: usize = 1024;
/// Byte order marks of UTF-8 and of UTF-16 in both orders.
const MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];

/// What is odd about a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFlaw {
    /// Nothing at all.
    #[error("the password is empty")]
    Empty,
    /// More than one line.
    #[error("the password has a line break in it: write it as one line")]
    LineBreak,
    /// White space at either end. It does not count at the end of a file, and everywhere else.
    #[error("the password begins or ends with a space: remove it")]
    Space,
    /// As a shell or TOML would want it.
    #[error(
        "the password stands in quotation marks, which a password's file does not want: remove them"
    )]
    Quoted,
    /// What marks a text as Unicode, and is seen by nobody.
    #[error(
        "the password begins with a byte order mark, which no editor shows: save it as plain text without one"
    )]
    Mark,
    /// A role's password in capitals, in part or as a whole.
    #[error("this is the {role}'s password in capitals: write it in small letters")]
    UpperCase {
        /// Whose it is.
        role: &'static str,
    },
    /// The start of a role's password is missing.
    #[error(
        "this is the {role}'s password without its start: write `kms-{role}-password-{}` before it",
        if *.separated { "" } else { "1" }
    )]
    NoPrefix {
        /// Whose it is.
        role: &'static str,
        /// Whether the digit that separates the start from the rest is there.
        separated: bool,
    },
    /// A role's password with a letter too many, too few, or mistaken.
    #[error(
        "the password begins as the {role}'s does and its checksum is wrong: a letter was mistaken, left out or added; \
         copy it again"
    )]
    Mistyped {
        /// Whose it should be.
        role: &'static str,
    },
    /// A whole password, of a role with this authentication key.
    #[error(
        "this is the {role}'s password, whose authentication key is 0x{id:04x}: correct `key` in `auth`"
    )]
    OfRole {
        /// Whose it is.
        role: &'static str,
        /// The id of that role's authentication key.
        id: u16,
    },
}

impl PasswordFlaw {
    /// What is odd about this text as a password.
    pub fn of(password: &[u8]) -> Option<Self> {
        if MARKS.iter().any(|mark| password.starts_with(mark)) {
            return Some(Self::Mark);
        }
        let text = str::from_utf8(password)
            .ok()
            .filter(|text| text.len() <= LONGEST)?;
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Some(Self::Empty);
        }
        if text.contains(['\n', '\r']) {
            return Some(Self::LineBreak);
        }
        if trimmed != text {
            return Some(Self::Space);
        }
        let quoted = |mark| text.len() > 1 && text.starts_with(mark) && text.ends_with(mark);
        if quoted('"') || quoted('\'') {
            return Some(Self::Quoted);
        }
        let lower = Zeroizing::new(text.to_ascii_lowercase());
        let found = ROLES
            .iter()
            .find_map(|(role, id)| of_role(&lower, role, *id));
        match found {
            Some(Self::OfRole { role, .. } | Self::NoPrefix { role, .. }) if *lower != text => {
                Some(Self::UpperCase { role })
            }
            found => found,
        }
    }

    /// Whether it explains that this authentication key was refused.
    pub fn explains(self, auth: u16) -> bool {
        !matches!(self, Self::OfRole { id, .. } if id == auth)
    }
}

/// A text in small letters that is the password of this role, or nearly.
fn of_role(text: &str, role: &'static str, id: u16) -> Option<PasswordFlaw> {
    let prefix = format!("kms-{role}-password-");
    let is_whole = |text: &str| {
        Bech32::lower_case()
            .decode(text)
            .map(|(found, bytes)| (found, Zeroizing::new(bytes)))
            .is_ok_and(|(found, bytes)| found == prefix && bytes.len() == 16)
    };
    if is_whole(text) {
        return Some(PasswordFlaw::OfRole { role, id });
    }
    if text.starts_with(&prefix) {
        return Some(PasswordFlaw::Mistyped { role });
    }
    // Without its start: a checksum of six letters is not right by chance.
    let separated = text.starts_with('1');
    let start = if separated { "" } else { "1" };
    let whole = Zeroizing::new(format!("{prefix}{start}{text}"));
    let is_start_missing = !text.starts_with("kms-") && is_whole(&whole);
    is_start_missing.then_some(PasswordFlaw::NoPrefix { role, separated })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::yubihsm::ceremony::derive::Role;
    use crate::backends::yubihsm::ceremony::mnemonic::Mnemonic;

    /// Printed by the older program.
    const VALIDATOR: &str = "kms-validator-password-168w265r9rr9gjr3wu4j0dtzhkyadyy04";

    #[test]
    fn the_roles_are_those_that_passwords_are_derived_for() {
        let mnemonic = Mnemonic::from_entropy(&[7; 32]);
        for (role, (name, id)) in Role::ALL.iter().skip(1).zip(ROLES) {
            assert_eq!((role.name(), role.id()), (name, id));
            let found = PasswordFlaw::of(role.password(&mnemonic).as_bytes());
            assert_eq!(found, Some(PasswordFlaw::OfRole { role: name, id }));
            assert!(!found.unwrap().explains(id) && found.unwrap().explains(1));
        }
        assert_eq!(PasswordFlaw::of(mnemonic.phrase().as_bytes()), None);
    }

    #[test]
    fn each_flaw_is_found_in_the_text_alone() {
        let role = "validator";
        let (start, rest) = VALIDATOR.split_at("kms-validator-password-".len());
        let cases = [
            (String::new(), PasswordFlaw::Empty),
            ("\n".to_owned(), PasswordFlaw::Empty),
            (format!("{start}\n{rest}"), PasswordFlaw::LineBreak),
            (format!("{VALIDATOR}\n"), PasswordFlaw::LineBreak),
            ("zoo zoo\r\nvote".to_owned(), PasswordFlaw::LineBreak),
            (format!(" {VALIDATOR}"), PasswordFlaw::Space),
            (format!("{VALIDATOR}\t"), PasswordFlaw::Space),
            (format!("\"{VALIDATOR}\""), PasswordFlaw::Quoted),
            (format!("'{VALIDATOR}'"), PasswordFlaw::Quoted),
            (format!("\u{feff}{VALIDATOR}"), PasswordFlaw::Mark),
            (VALIDATOR.to_uppercase(), PasswordFlaw::UpperCase { role }),
            (
                VALIDATOR.replace("kms", "KMS"),
                PasswordFlaw::UpperCase { role },
            ),
            (rest.to_uppercase(), PasswordFlaw::UpperCase { role }),
            (
                VALIDATOR.replace("265", "256"),
                PasswordFlaw::Mistyped { role },
            ),
            (VALIDATOR[..50].to_owned(), PasswordFlaw::Mistyped { role }),
            (format!("{VALIDATOR}4"), PasswordFlaw::Mistyped { role }),
        ];
        for (text, flaw) in cases {
            assert_eq!(PasswordFlaw::of(text.as_bytes()), Some(flaw), "{text:?}");
        }
        for fine in [
            "password",
            "a b",
            "1",
            "it's",
            "68w265r9rr9gjr3wu4j0dtzhkyadyy05",
        ] {
            assert_eq!(PasswordFlaw::of(fine.as_bytes()), None, "{fine}");
        }
        assert_eq!(PasswordFlaw::of(&[0xff]), None);
        assert_eq!(PasswordFlaw::of(b"\xff\xfek\0"), Some(PasswordFlaw::Mark));
    }

    /// With and without the digit that separates, which belongs to neither half for a reader.
    #[test]
    fn the_start_that_is_told_makes_the_password_whole() {
        let operator = "kms-operator-password-1k02vtxh4ggxct5tngncc33rk9yy5yjhk";
        for (whole, prefix) in [
            (VALIDATOR, "kms-validator-password-"),
            (operator, "kms-operator-password-"),
        ] {
            for rest in [&whole[prefix.len()..], &whole[prefix.len() + 1..]] {
                let flaw = PasswordFlaw::of(rest.as_bytes()).unwrap().to_string();
                let (_, told) = flaw.split_once("write `").unwrap();
                let (start, _) = told.split_once('`').unwrap();
                assert_eq!(format!("{start}{rest}"), whole, "{flaw}");
            }
        }
    }
}
