//! What a device says of itself and of its objects.

use crate::consensus::PublicKey;

use super::codes::command;
use super::codes::{algorithm, object};
use super::error::ErrorKind;
use super::frame::FrameError;
use super::identity::{Firmware, Serial};

/// The answer to `device info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The firmware's version; it never changes on a device.
    pub firmware: Firmware,
    /// The serial number.
    pub serial: Serial,
    /// Entries that the audit log can hold.
    pub log_size: u8,
    /// Entries in the audit log.
    pub log_used: u8,
    /// Algorithms that are enabled, known here or not.
    pub algorithms: Vec<u8>,
}

impl DeviceInfo {
    /// Reads the answer.
    pub fn read(data: &[u8]) -> Result<Self, ErrorKind> {
        let Some(([major, minor, patch, a, b, c, d, log_size, log_used], algorithms)) =
            data.split_first_chunk()
        else {
            return Err(FrameError::Data {
                code: command::DEVICE_INFO,
                got: data.len(),
            }
            .into());
        };
        Ok(Self {
            firmware: Firmware(*major, *minor, *patch),
            serial: Serial(u32::from_be_bytes([*a, *b, *c, *d])),
            log_size: *log_size,
            log_used: *log_used,
            algorithms: algorithms.to_vec(),
        })
    }

    /// The longest message that the device signs with Ed25519, in bytes. Yubico's own tests go up to 2019 where the
    /// message buffer has 2048 bytes (before firmware 2.4); the buffer has 3136 since.
    pub fn longest_message(&self) -> usize {
        match self.firmware < Firmware(2, 4, 0) {
            true => 2019,
            false => 2019 + 3136 - 2048,
        }
    }

    /// Whether an algorithm is enabled.
    pub fn has(&self, algorithm: u8) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether it leaks secp256k1 keys.
    pub fn ecdsa_leak(&self) -> Option<EcdsaLeak> {
        (self.firmware < Firmware(2, 4, 0)).then_some(EcdsaLeak(self.firmware))
    }
}

/// Infineon's ECDSA leaked timings to anyone who holds the device, before firmware 2.4 (EUCLEAK). Displayed with what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "firmware {0} leaks secp256k1 keys to anyone who can measure the device for some time (EUCLEAK, mended in 2.4); keep the \
     device locked up, or use one with newer firmware"
)]
pub struct EcdsaLeak(Firmware);

/// One line of `list objects`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The id.
    pub id: u16,
    /// The type, known here or not.
    pub kind: u8,
    /// How often the id was used before.
    pub sequence: u8,
}

/// Reads the answer to `list objects`.
pub fn read_list(data: &[u8]) -> Result<Vec<Listed>, ErrorKind> {
    if !data.len().is_multiple_of(4) {
        return Err(FrameError::Data {
            code: command::LIST_OBJECTS,
            got: data.len(),
        }
        .into());
    }
    let entries = data.chunks_exact(4).filter_map(|entry| match entry {
        [high, low, kind, sequence] => Some(Listed {
            id: u16::from_be_bytes([*high, *low]),
            kind: *kind,
            sequence: *sequence,
        }),
        _ => None,
    });
    Ok(entries.collect())
}

/// The answer to `get object info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// What it may do.
    pub capabilities: u64,
    /// The id.
    pub id: u16,
    /// Its size in bytes.
    pub size: u16,
    /// The domains that it is in, one a bit.
    pub domains: u16,
    /// The type.
    pub kind: u8,
    /// The algorithm.
    pub algorithm: u8,
    /// How often the id was used before.
    pub sequence: u8,
    /// Where it comes from.
    pub origin: u8,
    /// The label, without its padding.
    pub label: String,
    /// What it may give to others.
    pub delegated: u64,
}

impl ObjectInfo {
    /// Reads the answer.
    pub fn read(data: &[u8]) -> Result<Self, ErrorKind> {
        let wrong = || -> ErrorKind {
            FrameError::Data {
                code: command::GET_OBJECT_INFO,
                got: data.len(),
            }
            .into()
        };
        let bytes: &[u8; 66] = data.try_into().map_err(|_| wrong())?;
        let (capabilities, rest) = bytes.split_first_chunk::<8>().ok_or_else(wrong)?;
        let ([a, b, c, d, e, f], rest) = rest.split_first_chunk::<6>().ok_or_else(wrong)?;
        let ([kind, algorithm, sequence, origin], rest) =
            rest.split_first_chunk::<4>().ok_or_else(wrong)?;
        let (label, delegated) = rest.split_first_chunk::<40>().ok_or_else(wrong)?;
        let label = label.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Self {
            capabilities: u64::from_be_bytes(*capabilities),
            id: u16::from_be_bytes([*a, *b]),
            size: u16::from_be_bytes([*c, *d]),
            domains: u16::from_be_bytes([*e, *f]),
            kind: *kind,
            algorithm: *algorithm,
            sequence: *sequence,
            origin: *origin,
            label: String::from_utf8_lossy(label).into_owned(),
            delegated: u64::from_be_bytes(delegated.try_into().map_err(|_| wrong())?),
        })
    }

    /// Whether it is a key that can sign votes.
    pub fn signs_votes(&self) -> bool {
        self.kind == object::ASYMMETRIC_KEY && algorithm::name(self.algorithm).is_some()
    }
}

/// The answer to `get public key`, for messages: the algorithm and base64.
pub fn show_key(answer: &[u8]) -> String {
    let (algorithm, public) = answer.split_first().unwrap_or((&0, &[]));
    let name = algorithm::name(*algorithm).unwrap_or("another algorithm");
    let text = String::from_utf8(subtle_encoding::base64::encode(public)).unwrap_or_default();
    format!("{name} {text}")
}

/// The answer to `get public key`: the algorithm, then 32 bytes or two coordinates.
pub fn read_public_key(answer: &[u8]) -> Result<PublicKey, ErrorKind> {
    let (code, public) = answer.split_first().unwrap_or((&0, &[]));
    let key = match *code {
        algorithm::ED25519 => PublicKey::from_bytes("ed25519", public),
        _ => {
            let compressed = k256::ecdsa::VerifyingKey::from_sec1_bytes(&[&[4], public].concat())
                .map_err(|_| ErrorKind::Garbage("a public key that is not a point".to_owned()))?
                .to_encoded_point(true);
            PublicKey::from_bytes("secp256k1", compressed.as_bytes())
        }
    };
    key.map_err(|error| ErrorKind::Garbage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_follow_the_firmware() {
        let info = |firmware: [u8; 3]| {
            let data = [&firmware[..], &[0, 0, 0, 42, 62, 3, 46, 15, 200]].concat();
            DeviceInfo::read(&data).unwrap()
        };
        let old = info([2, 3, 1]);
        assert_eq!(
            (old.longest_message(), old.ecdsa_leak().is_some()),
            (2019, true)
        );
        let new = info([2, 4, 0]);
        assert_eq!(
            (new.longest_message(), new.ecdsa_leak().is_some()),
            (3107, false)
        );
        assert_eq!(new.serial.to_string(), "0000000042");
        assert!(new.has(algorithm::ED25519) && !new.has(1));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = DeviceInfo::read(&bytes);
            let _ = ObjectInfo::read(&bytes);
            if let Ok(list) = read_list(&bytes) {
                assert_eq!(list.len() * 4, bytes.len());
            }
        }
    }
}
