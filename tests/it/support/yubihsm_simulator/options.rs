//! Options of the whole device, and how the firmware's versions differ.

use std::collections::BTreeMap;

use tmkms::backends::yubihsm::protocol::codes::{ErrorCode, algorithm, command, option};

use super::device::Profile;

/// What the device can do, in this order in its replies.
pub const COMMANDS: &[u8] = &[
    command::ECHO,
    command::CREATE_SESSION,
    command::AUTHENTICATE_SESSION,
    command::SESSION_MESSAGE,
    command::DEVICE_INFO,
    command::RESET_DEVICE,
    command::CLOSE_SESSION,
    command::GET_STORAGE_INFO,
    command::PUT_OPAQUE,
    command::GET_OPAQUE,
    command::PUT_AUTHENTICATION_KEY,
    command::PUT_ASYMMETRIC_KEY,
    command::GENERATE_ASYMMETRIC_KEY,
    command::LIST_OBJECTS,
    command::EXPORT_WRAPPED,
    command::IMPORT_WRAPPED,
    command::PUT_WRAP_KEY,
    command::GET_LOG_ENTRIES,
    command::GET_OBJECT_INFO,
    command::SET_OPTION,
    command::GET_OPTION,
    command::GET_PSEUDO_RANDOM,
    command::GET_PUBLIC_KEY,
    command::SIGN_ECDSA,
    command::DELETE_OBJECT,
    command::GENERATE_WRAP_KEY,
    command::SIGN_ATTESTATION_CERTIFICATE,
    command::SET_LOG_INDEX,
    command::WRAP_DATA,
    command::UNWRAP_DATA,
    command::SIGN_EDDSA,
    command::BLINK_DEVICE,
    command::CHANGE_AUTHENTICATION_KEY,
];

const ALGORITHMS: &[u8] = &[
    algorithm::SECP256K1,
    algorithm::AES128_CCM_WRAP,
    algorithm::OPAQUE_DATA,
    algorithm::OPAQUE_X509,
    algorithm::AES128_YUBICO_AUTHENTICATION,
    algorithm::AES192_CCM_WRAP,
    algorithm::AES256_CCM_WRAP,
    algorithm::ECDSA_SHA256,
    algorithm::ED25519,
];

const FIXED: u8 = 2;

pub struct Options {
    pub force_audit: u8,
    pub command_audit: BTreeMap<u8, u8>,
    pub algorithms: BTreeMap<u8, bool>,
    fips: bool,
}

impl Options {
    pub fn new(profile: &Profile) -> Self {
        // Before 2.3.1 every command was logged from the start.
        let audit = u8::from(profile.version < (2, 3, 1));
        let default = |command: u8| match command {
            command::ECHO
            | command::SESSION_MESSAGE
            | command::DEVICE_INFO
            | command::GET_LOG_ENTRIES => 0,
            _ => audit,
        };
        let disabled = match (profile.fips, profile.version < (2, 4, 0)) {
            (false, _) => None,
            (true, true) => Some(algorithm::ED25519),
            (true, false) => Some(algorithm::SECP256K1),
        };
        Self {
            force_audit: 0,
            command_audit: COMMANDS
                .iter()
                .map(|command| (*command, default(*command)))
                .collect(),
            algorithms: ALGORITHMS
                .iter()
                .map(|found| (*found, Some(*found) != disabled))
                .collect(),
            fips: profile.fips,
        }
    }

    pub fn is_logged(&self, command: u8) -> bool {
        self.command_audit.get(&command).is_some_and(|on| *on != 0)
    }

    pub fn is_enabled(&self, algorithm: u8) -> Result<(), ErrorCode> {
        match self.algorithms.get(&algorithm) {
            Some(true) => Ok(()),
            Some(false) => Err(ErrorCode::ALGORITHM_DISABLED),
            None => Err(ErrorCode::INVALID_DATA),
        }
    }

    pub fn get(&self, tag: u8) -> Result<Vec<u8>, ErrorCode> {
        Ok(match tag {
            option::FORCE_AUDIT => vec![self.force_audit],
            option::COMMAND_AUDIT => self
                .command_audit
                .iter()
                .flat_map(|(command, on)| [*command, *on])
                .collect(),
            option::ALGORITHM_TOGGLE => self
                .algorithms
                .iter()
                .flat_map(|(algorithm, on)| [*algorithm, u8::from(*on)])
                .collect(),
            option::FIPS_MODE if self.fips => vec![1],
            _ => return Err(ErrorCode::INVALID_DATA),
        })
    }

    pub fn set(&mut self, tag: u8, value: &[u8], is_fresh: bool) -> Result<(), ErrorCode> {
        match (tag, value) {
            (option::FORCE_AUDIT, [on @ 0..=2]) if self.force_audit != FIXED => {
                self.force_audit = *on;
            }
            (option::COMMAND_AUDIT, pairs) if pairs.len().is_multiple_of(2) => {
                for pair in pairs.chunks_exact(2) {
                    let may = pair[1] <= FIXED
                        && pair[0] != command::SESSION_MESSAGE
                        && self
                            .command_audit
                            .get(&pair[0])
                            .is_some_and(|on| *on != FIXED);
                    if !may {
                        return Err(ErrorCode::INVALID_DATA);
                    }
                }
                for pair in pairs.chunks_exact(2) {
                    self.command_audit.insert(pair[0], pair[1]);
                }
            }
            (option::ALGORITHM_TOGGLE, pairs) if is_fresh && pairs.len().is_multiple_of(2) => {
                for pair in pairs.chunks_exact(2) {
                    if !self.algorithms.contains_key(&pair[0]) {
                        return Err(ErrorCode::INVALID_DATA);
                    }
                }
                for pair in pairs.chunks_exact(2) {
                    self.algorithms.insert(pair[0], pair[1] != 0);
                }
            }
            _ => return Err(ErrorCode::INVALID_DATA),
        }
        Ok(())
    }
}
