//! The last move of a chain from one host to another, as its record remembers it.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The random number of a bundle; in text 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleId(u128);

impl BundleId {
    /// A new one.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::getrandom(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A text that is not the number of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 32 hexadecimal digits")]
pub struct NoBundleId;

impl FromStr for BundleId {
    type Err = NoBundleId;

    fn from_str(text: &str) -> Result<Self, NoBundleId> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 32 || !text.bytes().all(digit) {
            return Err(NoBundleId);
        }
        u128::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| NoBundleId)
    }
}

impl Serialize for BundleId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BundleId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The last move of a chain: away from this host where the record's origin says so, otherwise to it.
///
/// Each move counts one more than the one before, on whatever hosts they were, so of two bundles the later one is known,
/// and a bundle that was taken in once is not taken in again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// How many moves there were, this one included.
    pub count: u64,
    /// The bundle.
    pub bundle: BundleId,
    /// When the chain was handed over, in seconds since 1970-01-01 UTC.
    pub at: u64,
}

impl Moved {
    /// The move after `before`, with a bundle of its own, at the wall time `now`.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn after(before: Option<Self>, now: Duration) -> io::Result<Self> {
        Ok(Self {
            count: before.map_or(0, |before| before.count).saturating_add(1),
            bundle: BundleId::random()?,
            at: now.as_secs(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_and_read_in_one_way_only() {
        let id = BundleId(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
        let text = "0102030405060708090a0b0c0d0e0f10";
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<BundleId>(&json).unwrap(), id);
        for wrong in [
            "",
            "0102030405060708090a0b0c0d0e0f1",
            "0102030405060708090A0b0c0d0e0f10",
            "+102030405060708090a0b0c0d0e0f10",
            "0102030405060708090a0b0c0d0e0f100",
        ] {
            assert_eq!(wrong.parse::<BundleId>(), Err(NoBundleId), "{wrong}");
        }
        assert_ne!(BundleId::random().unwrap(), BundleId::random().unwrap());
    }

    #[test]
    fn each_move_counts_one_more() {
        let now = Duration::from_millis(5_900);
        let first = Moved::after(None, now).unwrap();
        let second = Moved::after(Some(first), now).unwrap();
        assert_eq!((first.count, second.count, second.at), (1, 2, 5));
        assert_ne!(first.bundle, second.bundle);
    }
}
