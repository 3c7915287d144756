//! Numbers of the YubiHSM 2: commands, object types, algorithms, capabilities, options and error codes.
//!
//! From Yubico's command reference (YubiHSM 2 user guide, "Commands") and the definitions of its Python library 3.1.

/// Commands. A reply carries the command's number with the highest bit set.
#[expect(missing_docs, reason = "the names are those of the command reference")]
pub mod command {
    pub const ECHO: u8 = 0x01;
    pub const CREATE_SESSION: u8 = 0x03;
    pub const AUTHENTICATE_SESSION: u8 = 0x04;
    pub const SESSION_MESSAGE: u8 = 0x05;
    pub const DEVICE_INFO: u8 = 0x06;
    pub const RESET_DEVICE: u8 = 0x08;
    pub const CLOSE_SESSION: u8 = 0x40;
    pub const GET_STORAGE_INFO: u8 = 0x41;
    pub const PUT_OPAQUE: u8 = 0x42;
    pub const GET_OPAQUE: u8 = 0x43;
    pub const PUT_AUTHENTICATION_KEY: u8 = 0x44;
    pub const PUT_ASYMMETRIC_KEY: u8 = 0x45;
    pub const GENERATE_ASYMMETRIC_KEY: u8 = 0x46;
    pub const LIST_OBJECTS: u8 = 0x48;
    pub const EXPORT_WRAPPED: u8 = 0x4a;
    pub const IMPORT_WRAPPED: u8 = 0x4b;
    pub const PUT_WRAP_KEY: u8 = 0x4c;
    pub const GET_LOG_ENTRIES: u8 = 0x4d;
    pub const GET_OBJECT_INFO: u8 = 0x4e;
    pub const SET_OPTION: u8 = 0x4f;
    pub const GET_OPTION: u8 = 0x50;
    pub const GET_PSEUDO_RANDOM: u8 = 0x51;
    pub const GET_PUBLIC_KEY: u8 = 0x54;
    pub const SIGN_ECDSA: u8 = 0x56;
    pub const DELETE_OBJECT: u8 = 0x58;
    pub const GENERATE_WRAP_KEY: u8 = 0x5b;
    pub const SIGN_ATTESTATION_CERTIFICATE: u8 = 0x64;
    pub const SET_LOG_INDEX: u8 = 0x67;
    pub const WRAP_DATA: u8 = 0x68;
    pub const UNWRAP_DATA: u8 = 0x69;
    pub const SIGN_EDDSA: u8 = 0x6a;
    pub const BLINK_DEVICE: u8 = 0x6b;
    pub const CHANGE_AUTHENTICATION_KEY: u8 = 0x6c;
    pub const ERROR: u8 = 0x7f;
    /// Set in replies.
    pub const REPLY: u8 = 0x80;

    /// Whether sending the command twice does what sending it once does.
    pub fn is_repeatable(code: u8) -> bool {
        matches!(
            code,
            ECHO | DEVICE_INFO
                | GET_STORAGE_INFO
                | GET_OPAQUE
                | LIST_OBJECTS
                | GET_LOG_ENTRIES
                | GET_OBJECT_INFO
                | GET_OPTION
                | GET_PSEUDO_RANDOM
                | GET_PUBLIC_KEY
                | SIGN_ECDSA
                | SIGN_EDDSA
                | BLINK_DEVICE
        )
    }

    /// Whether the command makes a signature that a chain could take.
    pub fn signs(code: u8) -> bool {
        matches!(code, SIGN_ECDSA | SIGN_EDDSA)
    }

    /// The command's name, for messages.
    pub fn name(code: u8) -> &'static str {
        match code {
            ECHO => "echo",
            CREATE_SESSION | AUTHENTICATE_SESSION => "open a session",
            SESSION_MESSAGE => "session message",
            DEVICE_INFO => "device info",
            RESET_DEVICE => "reset",
            CLOSE_SESSION => "close the session",
            GET_STORAGE_INFO => "storage info",
            PUT_OPAQUE => "put opaque",
            GET_OPAQUE => "get opaque",
            PUT_AUTHENTICATION_KEY => "put authentication key",
            PUT_ASYMMETRIC_KEY => "put key",
            GENERATE_ASYMMETRIC_KEY => "generate key",
            LIST_OBJECTS => "list objects",
            EXPORT_WRAPPED => "export",
            IMPORT_WRAPPED => "import",
            PUT_WRAP_KEY => "put wrap key",
            GET_LOG_ENTRIES => "get log entries",
            GET_OBJECT_INFO => "object info",
            SET_OPTION => "set option",
            GET_OPTION => "get option",
            GET_PSEUDO_RANDOM => "random bytes",
            GET_PUBLIC_KEY => "public key",
            SIGN_ECDSA => "sign (ECDSA)",
            SIGN_EDDSA => "sign (Ed25519)",
            DELETE_OBJECT => "delete",
            SIGN_ATTESTATION_CERTIFICATE => "attest",
            SET_LOG_INDEX => "set log index",
            _ => "command",
        }
    }
}

/// Object types.
#[expect(missing_docs, reason = "the names are those of the command reference")]
pub mod object {
    pub const OPAQUE: u8 = 1;
    pub const AUTHENTICATION_KEY: u8 = 2;
    pub const ASYMMETRIC_KEY: u8 = 3;
    pub const WRAP_KEY: u8 = 4;
}

/// Algorithms.
#[expect(missing_docs, reason = "the names are those of the command reference")]
pub mod algorithm {
    pub const SECP256K1: u8 = 15;
    pub const AES128_CCM_WRAP: u8 = 29;
    pub const OPAQUE_DATA: u8 = 30;
    pub const OPAQUE_X509: u8 = 31;
    pub const AES128_YUBICO_AUTHENTICATION: u8 = 38;
    pub const AES192_CCM_WRAP: u8 = 41;
    pub const AES256_CCM_WRAP: u8 = 42;
    pub const ECDSA_SHA256: u8 = 43;
    pub const ED25519: u8 = 46;

    /// The algorithm's name, for lists; `None` for those that do not sign votes.
    pub fn name(code: u8) -> Option<&'static str> {
        match code {
            ED25519 => Some("ed25519"),
            SECP256K1 => Some("secp256k1"),
            _ => None,
        }
    }
}

/// Capabilities: bits of a 64-bit word.
#[expect(missing_docs, reason = "the names are those of the command reference")]
pub mod capability {
    pub const GET_OPAQUE: u64 = 1;
    pub const PUT_OPAQUE: u64 = 1 << 1;
    pub const PUT_AUTHENTICATION_KEY: u64 = 1 << 2;
    pub const PUT_ASYMMETRIC_KEY: u64 = 1 << 3;
    pub const GENERATE_ASYMMETRIC_KEY: u64 = 1 << 4;
    pub const SIGN_ECDSA: u64 = 1 << 7;
    pub const SIGN_EDDSA: u64 = 1 << 8;
    pub const EXPORT_WRAPPED: u64 = 1 << 0x0c;
    pub const IMPORT_WRAPPED: u64 = 1 << 0x0d;
    pub const PUT_WRAP_KEY: u64 = 1 << 0x0e;
    pub const GENERATE_WRAP_KEY: u64 = 1 << 0x0f;
    pub const EXPORTABLE_UNDER_WRAP: u64 = 1 << 0x10;
    pub const SET_OPTION: u64 = 1 << 0x11;
    pub const GET_OPTION: u64 = 1 << 0x12;
    pub const GET_PSEUDO_RANDOM: u64 = 1 << 0x13;
    pub const GET_LOG_ENTRIES: u64 = 1 << 0x18;
    pub const RESET_DEVICE: u64 = 1 << 0x1c;
    pub const SIGN_ATTESTATION_CERTIFICATE: u64 = 1 << 0x22;
    pub const WRAP_DATA: u64 = 1 << 0x25;
    pub const UNWRAP_DATA: u64 = 1 << 0x26;
    pub const DELETE_OPAQUE: u64 = 1 << 0x27;
    pub const DELETE_AUTHENTICATION_KEY: u64 = 1 << 0x28;
    pub const DELETE_ASYMMETRIC_KEY: u64 = 1 << 0x29;
    pub const DELETE_WRAP_KEY: u64 = 1 << 0x2a;
    pub const CHANGE_AUTHENTICATION_KEY: u64 = 1 << 0x2e;
}

/// Options of the whole device.
#[expect(missing_docs, reason = "the names are those of the command reference")]
pub mod option {
    pub const FORCE_AUDIT: u8 = 1;
    pub const COMMAND_AUDIT: u8 = 3;
    pub const ALGORITHM_TOGGLE: u8 = 4;
    pub const FIPS_MODE: u8 = 5;
}

/// The error codes of an error reply ("Error codes" of the command reference).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u8);

#[expect(missing_docs, reason = "the names are those of the command reference")]
impl ErrorCode {
    pub const INVALID_COMMAND: Self = Self(0x01);
    pub const INVALID_DATA: Self = Self(0x02);
    pub const INVALID_SESSION: Self = Self(0x03);
    pub const AUTHENTICATION_FAILED: Self = Self(0x04);
    pub const SESSIONS_FULL: Self = Self(0x05);
    pub const SESSION_FAILED: Self = Self(0x06);
    pub const STORAGE_FAILED: Self = Self(0x07);
    pub const WRONG_LENGTH: Self = Self(0x08);
    pub const INSUFFICIENT_PERMISSIONS: Self = Self(0x09);
    pub const LOG_FULL: Self = Self(0x0a);
    pub const OBJECT_NOT_FOUND: Self = Self(0x0b);
    pub const INVALID_ID: Self = Self(0x0c);
    pub const DEMO_MODE: Self = Self(0x10);
    pub const OBJECT_EXISTS: Self = Self(0x11);
    pub const ALGORITHM_DISABLED: Self = Self(0x12);
    pub const UNEXECUTED: Self = Self(0xff);
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match *self {
            Self::INVALID_COMMAND => "invalid command",
            Self::INVALID_DATA => "invalid data",
            Self::INVALID_SESSION => "invalid session",
            Self::AUTHENTICATION_FAILED => "authentication failed",
            Self::SESSIONS_FULL => "sessions full",
            Self::SESSION_FAILED => "session failed",
            Self::STORAGE_FAILED => "storage failed",
            Self::WRONG_LENGTH => "wrong length",
            Self::INSUFFICIENT_PERMISSIONS => "insufficient permissions",
            Self::LOG_FULL => "log full",
            Self::OBJECT_NOT_FOUND => "object not found",
            Self::INVALID_ID => "invalid id",
            Self::DEMO_MODE => "demo mode",
            Self::OBJECT_EXISTS => "object exists",
            Self::ALGORITHM_DISABLED => "algorithm disabled",
            Self::UNEXECUTED => "command not executed",
            _ => "unknown",
        };
        write!(f, "{name} (0x{:02x})", self.0)
    }
}
