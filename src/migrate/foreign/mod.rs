//! Other programs' state files, read so that nothing below what they remember is signed again.
//!
//! A file is told by its fields. In doubt the higher position is taken: it costs a vote at most, the lower one
//! could cost the stake. The sign bytes and the signature are taken over only if they fit each other, the chain and
//! the key.

pub mod reading;

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use subtle_encoding::hex;

use crate::consensus::{ChainId, Height, Hrs, PublicKey, Round, SignBytes, Signature, Step};

use crate::gate::store::file::layout::Layout;
use crate::gate::store::file::{Newest, newest};
use crate::gate::store::{Moved, Origin};
use crate::gate::used_up::UsedUp;
use crate::gate::watermark::{Last, Watermark};
use crate::secret_file::kind::{self, FileKind};
use crate::text::masked::{keys_in, without};

pub use reading::LONGEST;

/// Who wrote a state file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The older tmkms: `block_id`, steps 0 to 2.
    Tmkms,
    /// CometBFT's file signer and cosmos/kms: `signbytes`, steps 1 to 3.
    Cometbft,
    /// horcrux: `nonce_public`, steps 1 to 3.
    Horcrux,
    /// This program.
    Own,
}

impl Format {
    /// The name as it is typed after `--from`.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Tmkms => "tmkms",
            Format::Cometbft => "cometbft",
            Format::Horcrux => "horcrux",
            Format::Own => "this program",
        }
    }
}

/// What a foreign file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Who wrote it; `None` where its fields do not tell.
    pub format: Option<Format>,
    /// The watermark.
    pub watermark: Watermark,
    /// For the operator: what was not taken over, and why.
    pub notes: Vec<String>,
    /// It is a state of this program from which another host goes on: not to be taken over (W21).
    pub moved_out: Option<Moved>,
    /// It is a state of this program, of this share of the key.
    pub share: Option<u16>,
}

/// Why a file is not a state. Anyone who asked for it knows the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignError {
    /// Nothing in it.
    #[error("it is empty, as after a crash")]
    Empty,
    /// Not JSON, or not an object.
    #[error("it is not the JSON of a state file ({0})")]
    NotJson(String),
    /// Another kind of file, such as a key.
    #[error("{0}; name the signer's state file")]
    OtherKind(FileKind),
    /// A field is missing or impossible.
    #[error("its field `{0}` is missing or impossible")]
    Field(&'static str),
    /// It says that nothing was ever signed.
    #[error("it says that nothing was signed yet (height 0)")]
    NothingSigned,
    /// It is not of the format that was named.
    #[error("it looks like the state of {found}, not of {named}; leave `--from` out")]
    OtherFormat {
        /// What its fields say.
        found: &'static str,
        /// What `--from` says.
        named: &'static str,
    },
    /// It belongs to another chain.
    #[error("it belongs to chain {0}; name the right chain or the right file")]
    OtherChain(String),
    /// It belongs to another key.
    #[error("it belongs to another key than the one configured for this chain")]
    OtherKey,
    /// One of this program's files, damaged in both halves.
    #[error("it is a state file of this program of which neither half can be read")]
    Damaged,
}

/// Reads a state file of any known program; `named` is what the operator says it is. Nothing of a key that was named by
/// mistake stands in the error.
pub fn read(
    bytes: &[u8],
    named: Option<Format>,
    chain: &ChainId,
    key: &PublicKey,
) -> Result<Foreign, ForeignError> {
    read_state(bytes, named, chain, key).map_err(|error| match error {
        ForeignError::NotJson(_) | ForeignError::Field(_) => match kind::look(bytes) {
            None | Some(FileKind::State(_) | FileKind::OtherJson | FileKind::BrokenJson(..)) => {
                error
            }
            Some(other) => ForeignError::OtherKind(other),
        },
        _ => error,
    })
}

fn read_state(
    bytes: &[u8],
    named: Option<Format>,
    chain: &ChainId,
    key: &PublicKey,
) -> Result<Foreign, ForeignError> {
    if bytes.trim_ascii().is_empty() {
        return Err(ForeignError::Empty);
    }
    if Layout::of_file(bytes.len()).is_some() {
        return own(bytes, chain, key);
    }
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(ForeignError::NotJson("it begins with no `{`".to_owned()));
    }
    let Once(fields) = serde_json::from_slice(bytes).map_err(|error| {
        let words = error.to_string();
        ForeignError::NotJson(without(&words, &keys_in(&words)))
    })?;
    let told = tell(&fields);
    if let (Some(found), Some(named)) = (told, named)
        && found != named
    {
        return Err(ForeignError::OtherFormat {
            found: found.as_str(),
            named: named.as_str(),
        });
    }
    let format = told.or(named);
    let hrs = position(&fields, format)?;
    let mut notes = Vec::new();
    let watermark = match remembered(&fields, hrs, (chain, key), format, &mut notes)? {
        Some(last) => Watermark::Message(last),
        None => Watermark::UpTo(hrs),
    };
    Ok(Foreign {
        format,
        watermark,
        notes,
        moved_out: None,
        share: None,
    })
}

/// The fields of an object in which each name stands once: of two heights neither can be believed.
struct Once(Map<String, Value>);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Once;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Once, A::Error> {
                let mut fields = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if fields.contains_key(&name) {
                        let twice = format!("its field `{name}` stands there twice");
                        return Err(serde::de::Error::custom(twice));
                    }
                    fields.insert(name, value);
                }
                Ok(Once(fields))
            }
        }
        from.deserialize_map(Fields)
    }
}

/// The chain that a state file says it belongs to: this program's own files, and those that hold sign bytes.
pub fn chain_of(bytes: &[u8]) -> Option<String> {
    if Layout::of_file(bytes.len()).is_some() {
        return match newest(bytes) {
            Newest::Good(entry, _) => Some(entry.chain_id.to_string()),
            _ => None,
        };
    }
    let Once(fields) = serde_json::from_slice(bytes).ok()?;
    let text = fields.get("signbytes")?.as_str()?;
    let bytes = hex::decode(text.to_ascii_lowercase()).ok()?;
    let (_, position) = SignBytes::from_record(bytes).ok()?;
    Some(position.chain_id.to_string())
}

fn own(bytes: &[u8], chain: &ChainId, key: &PublicKey) -> Result<Foreign, ForeignError> {
    let Newest::Good(entry, damage) = newest(bytes) else {
        return Err(ForeignError::Damaged);
    };
    if entry.chain_id != *chain {
        return Err(ForeignError::OtherChain(entry.chain_id.to_string()));
    }
    if entry.public_key != *key {
        return Err(ForeignError::OtherKey);
    }
    let used_up = UsedUp::of(&entry.record, damage.is_some());
    let mut notes = Vec::new();
    if let (Some(damage), Some(height)) = (damage, used_up.floor()) {
        notes.push(format!("{damage}; height {height} counts as signed, too"));
    }
    Ok(Foreign {
        format: Some(Format::Own),
        moved_out: match used_up.origin() {
            Origin::MovedOut => entry.moved,
            _ => None,
        },
        share: entry.share,
        watermark: used_up.into_watermark(),
        notes,
    })
}

/// Only the older tmkms has `block_id`, only horcrux `nonce_public`; whatever else has signed writes its signature. A
/// bare position is nobody's: people write such files by hand.
fn tell(fields: &Map<String, Value>) -> Option<Format> {
    if fields.contains_key("block_id") {
        Some(Format::Tmkms)
    } else if fields.contains_key("nonce_public") || fields.contains_key("noncePublic") {
        Some(Format::Horcrux)
    } else if fields.contains_key("signbytes") || fields.contains_key("signature") {
        Some(Format::Cometbft)
    } else {
        None
    }
}

fn position(fields: &Map<String, Value>, format: Option<Format>) -> Result<Hrs, ForeignError> {
    let height = number(fields, "height")?;
    if height == 0 {
        return Err(ForeignError::NothingSigned);
    }
    let height = Height::new(height).ok_or(ForeignError::Field("height"))?;
    let round = i32::try_from(number(fields, "round")?)
        .ok()
        .and_then(Round::new);
    let round = round.ok_or(ForeignError::Field("round"))?;
    let step = number(fields, "step")?;
    // Recovery scripts write round 2147483647 and step 127 as a ceiling.
    if round == Round::CEILING || step == 127 {
        return Ok(Hrs::end_of(height));
    }
    let step = match (format, step) {
        (Some(Format::Tmkms), 0) => Step::Propose,
        (Some(Format::Tmkms), 1) => Step::Prevote,
        (Some(Format::Tmkms), 2) => Step::Precommit,
        (Some(_), 0..=3) => {
            Step::from_number(u8::try_from(step).unwrap_or(0).max(1)).unwrap_or(Step::Precommit)
        }
        // Either numbering: the higher of the two meanings.
        (None, 0) => Step::Propose,
        (None, 1) => Step::Prevote,
        (None, 2 | 3) => Step::Precommit,
        _ => return Err(ForeignError::Field("step")),
    };
    Ok(Hrs {
        height,
        round,
        step,
    })
}

/// A number, as such or as text; these programs disagree.
fn number(fields: &Map<String, Value>, name: &'static str) -> Result<i64, ForeignError> {
    match fields.get(name) {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    }
    .ok_or(ForeignError::Field(name))
}

/// The last message with its signature, where both are there and right.
fn remembered(
    fields: &Map<String, Value>,
    hrs: Hrs,
    (chain, key): (&ChainId, &PublicKey),
    format: Option<Format>,
    notes: &mut Vec<String>,
) -> Result<Option<Last>, ForeignError> {
    let Some(text) = fields
        .get("signbytes")
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    let Some((bytes, found)) = hex::decode(text.to_ascii_lowercase())
        .ok()
        .and_then(|bytes| SignBytes::from_record(bytes).ok())
    else {
        notes.push("its sign bytes are not a vote or proposal; they were left out".to_owned());
        return Ok(None);
    };
    if found.chain_id != *chain {
        return Err(ForeignError::OtherChain(found.chain_id.to_string()));
    }
    if found.hrs != hrs {
        notes.push(format!(
            "its sign bytes are of {}, not of {hrs}; they were left out",
            found.hrs
        ));
        return if found.hrs > hrs {
            Err(ForeignError::Field("signbytes"))
        } else {
            Ok(None)
        };
    }
    let signature = fields
        .get("signature")
        .and_then(Value::as_str)
        .and_then(|text| crate::text::base64::decode(text.as_bytes()))
        .map(Signature::from_bytes);
    match signature {
        Some(signature) if key.verify(bytes.as_slice(), &signature) => {
            Ok(Last::new(bytes, Some(signature)))
        }
        // A cosigner keeps the signature of its share of the key.
        Some(_) if format == Some(Format::Horcrux) => {
            notes.push("its signature is that of a share of the key; it was left out".to_owned());
            Ok(None)
        }
        Some(_) => Err(ForeignError::OtherKey),
        None => {
            notes.push("it holds no signature; the same message will be signed again".to_owned());
            Ok(Last::new(bytes, None))
        }
    }
}

#[cfg(test)]
mod tests;
