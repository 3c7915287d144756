//! The bytes of one record: a line of JSON padded with spaces to 4 KiB, twice in a slot of 8 KiB; to three times as much for
//! keys of ML-DSA.
//!
//! `jq` reads a state file as a stream of four records. The last field is a SHA-256 of all bytes before it, so
//! that a torn or rotten copy is known as such.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use subtle_encoding::{base64, hex};

use crate::consensus::{ChainId, Height, Hrs, PublicKey, Round, SignBytes, Signature, Step};
use crate::gate::store::file::layout::Layout;
use crate::gate::store::moved::Moved;
use crate::gate::store::record::{Origin, Record, Seen};
use crate::gate::store::sealed::{seal, unseal};
use crate::gate::watermark::{Last, Watermark};
use crate::os::files::filesystem::Provenance;

/// One copy of a record in bytes, for nearly all types of keys.
pub const COPY: usize = Layout::SHORT.copy();
/// One slot in bytes: two copies.
pub const SLOT: usize = Layout::SHORT.slot();
/// The whole file in bytes: two slots.
pub const FILE: usize = Layout::SHORT.file();

/// What is written. Format 1, which is still read, had neither stamp nor file system, nor the origin `raise`.
const FORMAT: u32 = 2;
/// What is written of a chain that was moved from one host to another: format 2 with the move. A program that does not know
/// of moves must not use it.
const FORMAT_MOVED: u32 = 3;
/// What is written for a share of a key, whether or not it was moved. A program that takes the state for that of the whole key must
/// not use it.
const FORMAT_SHARE: u32 = 4;

/// A record together with what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The chain.
    pub chain_id: ChainId,
    /// The key.
    pub public_key: PublicKey,
    /// Watermark, origin, sequence, time.
    pub record: Record,
    /// The file that it was written into (W15).
    pub provenance: Provenance,
    /// When it was written into it, by the wall clock that gives the file its times; `None` in format 1.
    pub stamp: Option<Duration>,
    /// What this host has seen of the shared store; `None` for a chain that only this host signs for (W17).
    pub shared: Option<Seen>,
    /// The last move of the chain, where there was one.
    pub moved: Option<Moved>,
    /// Which share of the key, where it is one.
    pub share: Option<u16>,
}

/// Why a copy is not a record. A plain text: it is shown, never matched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCopy(pub String);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordBody<'a> {
    format: u32,
    sequence: u64,
    #[serde(borrow)]
    chain_id: Cow<'a, str>,
    #[serde(borrow)]
    public_key: Key<'a>,
    #[serde(borrow)]
    height: Cow<'a, str>,
    #[serde(borrow)]
    round: Cow<'a, str>,
    step: u8,
    #[serde(borrow)]
    sign_bytes: Option<Cow<'a, str>>,
    #[serde(borrow)]
    signature: Option<Cow<'a, str>>,
    #[serde(borrow)]
    origin: Cow<'a, str>,
    /// Seconds since 1970-01-01 UTC.
    written: u64,
    inode: u64,
    birth: Option<(i64, u32)>,
    /// In hexadecimal: a program that reads numbers as floating point would round it.
    #[serde(borrow, default)]
    filesystem: Option<Cow<'a, str>>,
    /// Seconds and nanoseconds since 1970-01-01 UTC.
    #[serde(default)]
    stamp: Option<(u64, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shared: Option<Seen>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moved: Option<Moved>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share: Option<u16>,
}

/// Read before the rest, so that a later format is told as such.
#[derive(Deserialize)]
struct FormatNumber {
    format: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

/// Writes the record's slot: two equal copies. `slot` is reused; afterwards it holds exactly [`Layout::slot`] bytes.
pub fn encode(entry: &Entry, slot: &mut Vec<u8>) -> Result<(), BadCopy> {
    slot.clear();
    let copy = Layout::of(entry.public_key.key_type()).copy();
    let record = &entry.record;
    let hrs = record.watermark.hrs();
    let (sign_bytes, signature) = match &record.watermark {
        Watermark::Message(last) => (
            Some(text(hex::encode(last.bytes().as_slice()))),
            last.signature()
                .map(|signature| text(base64::encode(signature.as_slice()))),
        ),
        Watermark::Never | Watermark::UpTo(_) => (None, None),
    };
    let body = RecordBody {
        // What was read without a stamp is no more than it was.
        format: match (entry.stamp, entry.moved, entry.share) {
            (None, _, _) => 1,
            (Some(_), _, Some(_)) => FORMAT_SHARE,
            (Some(_), None, None) => FORMAT,
            (Some(_), Some(_), None) => FORMAT_MOVED,
        },
        sequence: record.sequence,
        chain_id: Cow::Borrowed(entry.chain_id.as_str()),
        public_key: Key {
            kind: Cow::Borrowed(entry.public_key.key_type().as_str()),
            value: text(base64::encode(entry.public_key.as_bytes())),
        },
        height: Cow::Owned(record.watermark.height().to_string()),
        round: Cow::Owned(hrs.map_or(0, |hrs| hrs.round.get()).to_string()),
        step: hrs.map_or(0, |hrs| hrs.step.number()),
        sign_bytes,
        signature,
        origin: Cow::Borrowed(record.origin.word()),
        written: record.written.as_secs(),
        inode: entry.provenance.inode,
        birth: entry.provenance.birth,
        filesystem: (entry.provenance.filesystem).map(|id| Cow::Owned(format!("{id:016x}"))),
        stamp: (entry.stamp).map(|stamp| (stamp.as_secs(), stamp.subsec_nanos())),
        shared: entry.shared,
        moved: entry.moved,
        share: entry.share,
    };
    serde_json::to_writer(&mut *slot, &body).map_err(|error| BadCopy(error.to_string()))?;
    seal(slot);
    if slot.len() >= copy {
        return Err(BadCopy(format!(
            "the record has {} bytes, a copy holds {copy}",
            slot.len()
        )));
    }
    slot.resize(copy - 1, b' ');
    slot.push(b'\n');
    slot.extend_from_within(..);
    Ok(())
}

/// Reads one copy.
pub fn decode(copy: &[u8]) -> Result<Entry, BadCopy> {
    let bad = |why: &str| BadCopy(why.to_owned());
    if copy.iter().all(|byte| *byte == 0) {
        return Err(bad("it is all zeros"));
    }
    let line = std::str::from_utf8(copy).map_err(|_| bad("it is not text"))?;
    let line = line
        .strip_suffix('\n')
        .ok_or_else(|| bad("its last byte is not a line end"))?;
    let line = line.trim_end_matches(' ');
    let body = unseal(line).map_err(bad)?;
    let no_record = |error| BadCopy(format!("it is not a record: {error}"));
    let FormatNumber { format } = serde_json::from_str(&body).map_err(no_record)?;
    if !(1..=FORMAT_SHARE).contains(&format) {
        return Err(BadCopy(format!(
            "it has format {format}, and this program reads formats 1 to {FORMAT_SHARE}; use the program that wrote it"
        )));
    }
    let body: RecordBody<'_> = serde_json::from_str(&body).map_err(no_record)?;
    entry(&body).ok_or_else(|| bad("one of its values is impossible"))
}

fn entry(body: &RecordBody<'_>) -> Option<Entry> {
    // A record of this format without its stamp would pass for an older one, of which less is asked.
    if (body.format >= FORMAT) != body.stamp.is_some() {
        return None;
    }
    let origin = Origin::of_word(&body.origin)?;
    // Without its move a record would pass for one that never went anywhere.
    let may_have_moved = [FORMAT_MOVED, FORMAT_SHARE].contains(&body.format);
    if (body.format == FORMAT_MOVED && body.moved.is_none())
        || (body.moved.is_some() && !may_have_moved)
        || (origin == Origin::MovedOut && body.moved.is_none())
    {
        return None;
    }
    // Without its share a record would pass for one of the whole key.
    if (body.format == FORMAT_SHARE) != body.share.is_some() || body.share == Some(0) {
        return None;
    }
    let stamp = match body.stamp {
        Some((seconds, nanos)) if nanos < 1_000_000_000 => Some(Duration::new(seconds, nanos)),
        Some(_) => return None,
        None => None,
    };
    let filesystem = match &body.filesystem {
        Some(id) => Some(u64::from_str_radix(id, 16).ok()?),
        None => None,
    };
    let key = crate::text::base64::decode(body.public_key.value.as_bytes())?;
    let watermark = watermark(body)?;
    Some(Entry {
        chain_id: body.chain_id.parse().ok()?,
        public_key: PublicKey::from_bytes(&body.public_key.kind, &key).ok()?,
        record: Record {
            sequence: body.sequence,
            watermark,
            origin,
            written: Duration::from_secs(body.written),
        },
        provenance: Provenance {
            inode: body.inode,
            birth: body.birth,
            filesystem,
        },
        stamp,
        shared: body.shared,
        moved: body.moved,
        share: body.share,
    })
}

fn watermark(body: &RecordBody<'_>) -> Option<Watermark> {
    watermark_of(
        &WatermarkText {
            height: &body.height,
            round: &body.round,
            step: body.step,
            sign_bytes: body.sign_bytes.as_deref(),
            signature: body.signature.as_deref(),
        },
        &body.chain_id,
    )
}

/// A watermark as every store, and every bundle, writes it.
pub(crate) struct WatermarkText<'a> {
    pub height: &'a str,
    pub round: &'a str,
    pub step: u8,
    /// In hexadecimal digits.
    pub sign_bytes: Option<&'a str>,
    /// In base64.
    pub signature: Option<&'a str>,
}

/// The watermark, or `None` where its parts contradict each other or are not of this chain.
pub(crate) fn watermark_of(text: &WatermarkText<'_>, chain_id: &str) -> Option<Watermark> {
    let height: i64 = text.height.parse().ok()?;
    let round: i32 = text.round.parse().ok()?;
    let Some(bytes) = text.sign_bytes else {
        if text.signature.is_some() {
            return None;
        }
        if (height, round, text.step) == (0, 0, 0) {
            return Some(Watermark::Never);
        }
        let (height, round) = (Height::new(height)?, Round::new(round)?);
        return Some(Watermark::UpTo(Hrs {
            height,
            round,
            step: Step::from_number(text.step)?,
        }));
    };
    let (bytes, position) = SignBytes::from_record(hex::decode(bytes.as_bytes()).ok()?).ok()?;
    let agrees = position.hrs.height.get() == height
        && position.hrs.round.get() == round
        && position.hrs.step.number() == text.step
        && position.chain_id.as_str() == chain_id;
    let signature = match text.signature {
        Some(text) => Some(Signature::from_bytes(crate::text::base64::decode(
            text.as_bytes(),
        )?)),
        None => None,
    };
    agrees
        .then(|| Last::new(bytes, signature).map(Watermark::Message))
        .flatten()
}

fn text(bytes: Vec<u8>) -> Cow<'static, str> {
    // Base64 and hexadecimal digits are ASCII.
    Cow::Owned(String::from_utf8(bytes).unwrap_or_default())
}
