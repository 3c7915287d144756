//! A bundle: what one host hands over to another, as one line of JSON that ends with a SHA-256 of all bytes before it.
//!
//! It holds no key and no secret. The checksum finds damage, and nobody who wants to deceive.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use subtle_encoding::{base64, hex};

use crate::consensus::{ChainId, PublicKey};
use crate::gate::store::Moved;
use crate::gate::store::file::format::{WatermarkText, watermark_of};
use crate::gate::store::sealed::{seal, unseal};
use crate::gate::watermark::Watermark;
use crate::secret_file::kind::{self, FileKind};

use super::terms::Terms;

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// The longest bundle in bytes.
pub const LONGEST: usize = 64 * 1024;

/// The name of the first field, by which a bundle is known.
const NAME: &str = "tmkms_move";

/// The longest name of a host, in bytes.
const LONGEST_HOST: usize = 256;

/// What is handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Which move it is.
    pub moved: Moved,
    /// The name of the host that hands over.
    pub host: String,
    /// The chain.
    pub chain_id: ChainId,
    /// The key.
    pub public_key: PublicKey,
    /// Which share of the key, where it is one.
    pub share: Option<u16>,
    /// Nothing at or below it is signed again.
    pub watermark: Watermark,
    /// When it was reached, since 1970-01-01 UTC.
    pub written: Duration,
    /// The settings there.
    pub terms: Terms,
}

/// Why bytes are not a bundle that can be taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Something else, as far as it is known.
    #[error("it is not a bundle of `state move out`{}", .0.as_ref().map_or_else(String::new, |kind| format!(": {kind}")))]
    NotABundle(Option<FileKind>),
    /// Longer than any bundle.
    #[error("it is longer than {LONGEST} bytes, and no bundle is")]
    TooLong,
    /// Written by another version of this program.
    #[error(
        "it is a bundle of version {0}, and this program reads version {VERSION}; use one tmkms on both hosts"
    )]
    Version(u32),
    /// Not as it was written.
    #[error("the bundle is cut off, edited or damaged: {0}")]
    Damaged(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    // Also in `NAME`.
    tmkms_move: u32,
    id: crate::gate::store::BundleId,
    /// How many moves there were, this one included.
    count: u64,
    /// Seconds since 1970-01-01 UTC.
    handed_over: u64,
    host: String,
    chain_id: String,
    public_key: BundleKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share: Option<u16>,
    record: RecordText,
    settings: Terms,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleKey {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

/// As in a state file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordText {
    height: String,
    round: String,
    step: u8,
    sign_bytes: Option<String>,
    signature: Option<String>,
    /// Seconds since 1970-01-01 UTC.
    written: u64,
}

/// Read before the rest, so that another version is told as such.
#[derive(Deserialize)]
struct VersionNumber {
    tmkms_move: u32,
}

impl Bundle {
    /// The file's content.
    ///
    /// # Errors
    /// It could not be read again: it is longer than [`LONGEST`], for instance. Nothing may be sealed for such a bundle.
    pub fn to_text(&self) -> Result<String, BundleError> {
        let damaged = |error: &dyn std::fmt::Display| BundleError::Damaged(error.to_string());
        let mut line = serde_json::to_vec(&self.body()).map_err(|error| damaged(&error))?;
        seal(&mut line);
        line.push(b'\n');
        let text = String::from_utf8(line).map_err(|error| damaged(&error))?;
        match Self::parse(text.as_bytes())? == *self {
            true => Ok(text),
            false => Err(damaged(&"it would be read as another one")),
        }
    }

    fn body(&self) -> Body {
        let hrs = self.watermark.hrs();
        let last = match &self.watermark {
            Watermark::Message(last) => Some(last),
            Watermark::Never | Watermark::UpTo(_) => None,
        };
        let signature = last.and_then(|last| last.signature());
        Body {
            tmkms_move: VERSION,
            id: self.moved.bundle,
            count: self.moved.count,
            handed_over: self.moved.at,
            host: self.host.clone(),
            chain_id: self.chain_id.to_string(),
            public_key: BundleKey {
                kind: self.public_key.key_type().as_str().to_owned(),
                value: ascii(base64::encode(self.public_key.as_bytes())),
            },
            share: self.share,
            record: RecordText {
                height: self.watermark.height().to_string(),
                round: hrs.map_or(0, |hrs| hrs.round.get()).to_string(),
                step: hrs.map_or(0, |hrs| hrs.step.number()),
                sign_bytes: last.map(|last| ascii(hex::encode(last.bytes().as_slice()))),
                signature: signature.map(|signature| ascii(base64::encode(signature.as_slice()))),
                written: self.written.as_secs(),
            },
            settings: self.terms.clone(),
        }
    }

    /// Reads a file's content.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > LONGEST {
            return Err(BundleError::TooLong);
        }
        let damaged = |why: &str| BundleError::Damaged(why.to_owned());
        let text = std::str::from_utf8(bytes).ok();
        let Some(text) = text.filter(|text| text.contains(NAME)) else {
            return Err(BundleError::NotABundle(kind::look(bytes)));
        };
        let line = text.trim();
        // The words of the parser quote what stands there, which is for nobody's log.
        let VersionNumber { tmkms_move } =
            serde_json::from_str(line).map_err(|_| damaged("it is not whole"))?;
        if tmkms_move != VERSION {
            return Err(BundleError::Version(tmkms_move));
        }
        let body = unseal(line).map_err(damaged)?;
        let body: Body = serde_json::from_str(&body)
            .map_err(|_| damaged("its fields are not those of a bundle"))?;
        Self::of(body).map_err(damaged)
    }

    fn of(body: Body) -> Result<Self, &'static str> {
        let Body {
            id,
            count,
            handed_over,
            host,
            chain_id,
            public_key,
            share,
            record,
            settings,
            ..
        } = body;
        if count == 0 || host.len() > LONGEST_HOST || host.chars().any(char::is_control) {
            return Err("one of its values is impossible");
        }
        let key = crate::text::base64::decode(public_key.value.as_bytes())
            .and_then(|key| PublicKey::from_bytes(&public_key.kind, &key).ok())
            .ok_or("its public key is none")?;
        let record_text = WatermarkText {
            height: &record.height,
            round: &record.round,
            step: record.step,
            sign_bytes: record.sign_bytes.as_deref(),
            signature: record.signature.as_deref(),
        };
        let watermark = watermark_of(&record_text, &chain_id)
            .ok_or("its record contradicts itself or is of another chain")?;
        if let Watermark::Message(last) = &watermark
            && let Some(signature) = last.signature()
            && !key.verify(last.bytes().as_slice(), signature)
        {
            return Err("the signature in it is not by its key");
        }
        Ok(Self {
            moved: Moved {
                count,
                bundle: id,
                at: handed_over,
            },
            host,
            chain_id: chain_id.parse().map_err(|_| "its chain id is none")?,
            public_key: key,
            share,
            watermark,
            written: Duration::from_secs(record.written),
            terms: settings,
        })
    }
}

/// Base64 and hexadecimal digits are ASCII.
fn ascii(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::softsign::key::SoftKey;
    use crate::consensus::KeyType;
    use crate::gate::Settings;

    fn bundle() -> Bundle {
        Bundle {
            moved: Moved {
                count: 3,
                bundle: "0102030405060708090a0b0c0d0e0f10".parse().unwrap(),
                at: 1_800_000_000,
            },
            host: "one".to_owned(),
            chain_id: "test-1".parse().unwrap(),
            public_key: SoftKey::from_bytes(&[7; 32], KeyType::Ed25519)
                .unwrap()
                .public_key(),
            share: None,
            watermark: Watermark::UpTo(crate::consensus::Hrs::end_of(
                crate::consensus::Height::new(1 << 62).unwrap(),
            )),
            written: Duration::from_secs(1_799_999_990),
            terms: Terms::new(&Settings::default(), None),
        }
    }

    /// The line with another text in it and a checksum that fits.
    fn edited(from: &str, to: &str) -> Result<Bundle, BundleError> {
        let text = bundle().to_text().unwrap();
        let mut line = unseal(text.trim()).unwrap();
        assert!(line.contains(from), "{from} in {line}");
        line = line.replace(from, to);
        let mut line = line.into_bytes();
        seal(&mut line);
        Bundle::parse(&line)
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let text = bundle().to_text().unwrap();
        assert!(text.ends_with("}\n") && text.lines().count() == 1);
        assert_eq!(Bundle::parse(text.as_bytes()), Ok(bundle()));
    }

    #[test]
    fn cut_off_anywhere_or_changed_anywhere_it_is_none() {
        let text = bundle().to_text().unwrap();
        let bytes = text.trim_end().as_bytes();
        for end in 0..bytes.len() {
            assert!(Bundle::parse(&bytes[..end]).is_err(), "{end}");
        }
        for at in 0..bytes.len() {
            for bit in [1, 32] {
                let mut bytes = bytes.to_vec();
                bytes[at] ^= bit;
                assert!(Bundle::parse(&bytes).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn values_that_cannot_be_are_refused_whatever_the_checksum_says() {
        for (from, to) in [
            ("\"count\":3", "\"count\":0"),
            ("\"count\":3", "\"count\":-1"),
            ("\"host\":\"one\"", "\"host\":\"\\u001b[31m\""),
            ("\"test-1\"", "\"\""),
            ("ed25519", "ed448"),
            ("\"step\":3", "\"step\":4"),
            ("\"step\":3", "\"step\":0"),
            ("4611686018427387904", "9999999999999999999"),
            ("4611686018427387904", "-1"),
            ("\"sign_bytes\":null", "\"sign_bytes\":\"00\""),
            ("\"signature\":null", "\"signature\":\"AA==\""),
            ("\"count\":3", "\"count\":3,\"count\":3"),
            ("\"count\":3", "\"count\":3,\"more\":1"),
        ] {
            let read = edited(from, to);
            assert!(
                matches!(read, Err(BundleError::Damaged(_))),
                "{to}: {read:?}"
            );
        }
        assert_eq!(
            edited("\"tmkms_move\":1", "\"tmkms_move\":9"),
            Err(BundleError::Version(9))
        );
        assert!(edited("\"count\":3", "\"count\":4").is_ok());
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let long = Bundle {
            host: "x".repeat(LONGEST),
            ..bundle()
        };
        assert_eq!(long.to_text(), Err(BundleError::TooLong));
        let odd = Bundle {
            host: "two\nlines".to_owned(),
            ..bundle()
        };
        assert!(odd.to_text().is_err());
    }
}
