//! The value under the shared key: one line of JSON that ends with a SHA-256 of all bytes before it.
//!
//! It says which host wrote it, under a number that no other host has, so that a host knows its own record again: a
//! comparison that fails on our own bytes means that an earlier try of ours was applied.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use subtle_encoding::{base64, hex};

use crate::consensus::{ChainId, PublicKey};
use crate::gate::store::file::format::{WatermarkText, watermark_of};
use crate::gate::store::record::{Origin, Record};
use crate::gate::store::sealed::{seal, unseal};
use crate::gate::watermark::Watermark;

const FORMAT: u32 = 1;
/// The longest value that is read, in bytes; ours have at most about 4 KiB.
const LONGEST: usize = 8 * 1024;

/// Whose record it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Made at random once, and kept in the host's state file.
    pub id: u64,
    /// The host's name, for the operator's eyes.
    pub name: String,
}

/// What the key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedValue {
    /// The shared watermark.
    pub record: Record,
    /// Who wrote it.
    pub host: Host,
    /// The sharing was ended by that host: nobody signs by this key any more.
    pub sealed: bool,
}

/// Why a value is not used. A plain text: it is shown, never matched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadValue(pub String);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueBody<'a> {
    format: u32,
    sequence: u64,
    #[serde(borrow)]
    chain_id: Cow<'a, str>,
    #[serde(borrow)]
    key_type: Cow<'a, str>,
    #[serde(borrow)]
    public_key: Cow<'a, str>,
    #[serde(borrow)]
    height: Cow<'a, str>,
    #[serde(borrow)]
    round: Cow<'a, str>,
    step: u8,
    #[serde(borrow)]
    sign_bytes: Option<Cow<'a, str>>,
    #[serde(borrow)]
    origin: Cow<'a, str>,
    /// Seconds since 1970-01-01 UTC.
    written: u64,
    /// In hexadecimal digits.
    #[serde(borrow)]
    host_id: Cow<'a, str>,
    #[serde(borrow)]
    host: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_false")]
    sealed: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Writes the value.
pub fn encode(value: &SharedValue, chain_id: &ChainId, public_key: &PublicKey) -> Vec<u8> {
    let record = &value.record;
    let hrs = record.watermark.hrs();
    let body = ValueBody {
        format: FORMAT,
        sequence: record.sequence,
        chain_id: Cow::Borrowed(chain_id.as_str()),
        key_type: Cow::Borrowed(public_key.key_type().as_str()),
        public_key: text(base64::encode(public_key.as_bytes())),
        height: Cow::Owned(record.watermark.height().to_string()),
        round: Cow::Owned(hrs.map_or(0, |hrs| hrs.round.get()).to_string()),
        step: hrs.map_or(0, |hrs| hrs.step.number()),
        sign_bytes: match &record.watermark {
            Watermark::Message(last) => Some(text(hex::encode(last.bytes().as_slice()))),
            Watermark::Never | Watermark::UpTo(_) => None,
        },
        origin: Cow::Borrowed(record.origin.word()),
        written: record.written.as_secs(),
        host_id: Cow::Owned(format!("{:016x}", value.host.id)),
        host: Cow::Borrowed(&value.host.name),
        sealed: value.sealed,
    };
    // None of these types can fail to be written.
    let mut line = serde_json::to_vec(&body).unwrap_or_default();
    seal(&mut line);
    line
}

/// Reads the value of this chain and key.
///
/// # Errors
/// Whatever was not written by this program for this chain and key.
pub fn decode(
    bytes: &[u8],
    chain_id: &ChainId,
    public_key: &PublicKey,
) -> Result<SharedValue, BadValue> {
    let bad = |why: &str| BadValue(why.to_owned());
    if bytes.len() > LONGEST {
        return Err(bad("it is longer than any record"));
    }
    let line = std::str::from_utf8(bytes).map_err(|_| bad("it is not text"))?;
    let body = unseal(line).map_err(bad)?;
    let body: ValueBody<'_> = serde_json::from_str(&body)
        .map_err(|error| BadValue(format!("it is not a record: {error}")))?;
    if body.format != FORMAT {
        return Err(BadValue(format!(
            "it has format {}, and this program reads format {FORMAT}; use one version on all hosts",
            body.format
        )));
    }
    if body.chain_id != chain_id.as_str() {
        return Err(BadValue(format!("it belongs to chain {}", body.chain_id)));
    }
    let key = text(base64::encode(public_key.as_bytes()));
    if body.key_type != public_key.key_type().as_str() || body.public_key != key {
        return Err(bad("it belongs to another key"));
    }
    value(&body).ok_or_else(|| bad("one of its values is impossible"))
}

fn value(body: &ValueBody<'_>) -> Option<SharedValue> {
    Some(SharedValue {
        record: Record {
            sequence: body.sequence,
            watermark: watermark_of(
                &WatermarkText {
                    height: &body.height,
                    round: &body.round,
                    step: body.step,
                    sign_bytes: body.sign_bytes.as_deref(),
                    signature: None,
                },
                &body.chain_id,
            )?,
            // What was handed over is not shared.
            origin: Origin::of_word(&body.origin).filter(|it| !it.is_given_away())?,
            written: Duration::from_secs(body.written),
        },
        host: Host {
            id: u64::from_str_radix(&body.host_id, 16).ok()?,
            name: body
                .host
                .chars()
                .filter(|char| !char.is_control())
                .take(64)
                .collect(),
        },
        sealed: body.sealed,
    })
}

fn text(bytes: Vec<u8>) -> Cow<'static, str> {
    // Base64 and hexadecimal digits are ASCII.
    Cow::Owned(String::from_utf8(bytes).unwrap_or_default())
}
