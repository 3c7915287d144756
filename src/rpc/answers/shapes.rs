//! The JSON of answers, as far as it is read.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, SeqAccess, Visitor};
use subtle_encoding::hex;

use crate::consensus::{BlockId, Signature};
use crate::rpc::vote::CommitEntry;
use crate::text::base64;

use super::go_time;

/// More validators than this, and more signatures in a commit, are believed of no chain.
pub(super) const MOST: usize = 20_000;

/// The bytes of hexadecimal digits; nodes write capitals.
pub(super) fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    hex::decode_upper(digits.to_ascii_uppercase()).ok()
}

#[derive(Deserialize)]
pub(super) struct RpcAnswer<T> {
    pub result: Option<T>,
    pub error: Option<RpcError>,
}

#[derive(Deserialize)]
pub(super) struct RpcError {
    #[serde(default)]
    pub message: String,
    pub data: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct StatusResult<'a> {
    #[serde(borrow)]
    pub node_info: StatusNode<'a>,
    #[serde(borrow)]
    pub sync_info: SyncInfo<'a>,
}

#[derive(Deserialize)]
pub(super) struct StatusNode<'a> {
    #[serde(borrow)]
    pub network: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct SyncInfo<'a> {
    #[serde(borrow)]
    pub latest_block_height: Cow<'a, str>,
    #[serde(borrow)]
    pub earliest_block_height: Option<Cow<'a, str>>,
    pub catching_up: bool,
}

#[derive(Deserialize)]
pub(super) struct CommitResult<'a> {
    #[serde(borrow)]
    pub signed_header: SignedHeader<'a>,
    pub canonical: bool,
}

#[derive(Deserialize)]
pub(super) struct SignedHeader<'a> {
    #[serde(borrow)]
    pub header: Option<CommitHeader<'a>>,
    #[serde(borrow)]
    pub commit: Option<Commit<'a>>,
}

#[derive(Deserialize)]
pub(super) struct CommitHeader<'a> {
    #[serde(borrow)]
    pub chain_id: Cow<'a, str>,
    #[serde(borrow)]
    pub height: Cow<'a, str>,
    #[serde(borrow)]
    pub validators_hash: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Commit<'a> {
    #[serde(borrow)]
    pub height: Cow<'a, str>,
    pub round: i32,
    #[serde(borrow)]
    pub block_id: CommitBlock<'a>,
    #[serde(borrow)]
    pub signatures: Few<CommitSignature<'a>>,
}

#[derive(Deserialize)]
pub(super) struct CommitBlock<'a> {
    #[serde(borrow)]
    pub hash: Cow<'a, str>,
    #[serde(borrow)]
    pub parts: BlockParts<'a>,
}

#[derive(Deserialize)]
pub(super) struct BlockParts<'a> {
    pub total: u32,
    #[serde(borrow)]
    pub hash: Cow<'a, str>,
}

impl CommitBlock<'_> {
    pub fn read(&self) -> Option<BlockId> {
        let (hash, parts) = (bytes_of(&self.hash)?, bytes_of(&self.parts.hash)?);
        BlockId::from_parts(&hash, self.parts.total, &parts).ok()?
    }
}

#[derive(Deserialize)]
pub(super) struct CommitSignature<'a> {
    pub block_id_flag: u8,
    #[serde(borrow, default)]
    pub validator_address: Cow<'a, str>,
    #[serde(borrow, default)]
    pub timestamp: Cow<'a, str>,
    #[serde(borrow)]
    pub signature: Option<Cow<'a, str>>,
}

impl CommitSignature<'_> {
    /// `None` for one that is absent (`BlockIDFlagAbsent`).
    pub fn read(&self) -> Option<CommitEntry> {
        let for_block = match self.block_id_flag {
            2 => true,
            3 => false,
            _ => return None,
        };
        let signature = self.signature.as_ref();
        let signature = signature.and_then(|text| base64::decode(text.as_bytes()));
        // What cannot be read verifies as nothing, and is told as such.
        Some(CommitEntry {
            for_block,
            timestamp: go_time::read(&self.timestamp).unwrap_or_default(),
            signature: Signature::from_bytes(signature.unwrap_or_default()),
        })
    }
}

#[derive(Deserialize)]
pub(super) struct ValidatorsResult<'a> {
    #[serde(borrow)]
    pub validators: Few<SetMember<'a>>,
    #[serde(borrow)]
    pub total: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct SetMember<'a> {
    #[serde(borrow)]
    pub address: Cow<'a, str>,
    #[serde(borrow)]
    pub voting_power: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct QueryResult<'a> {
    #[serde(borrow)]
    pub response: QueryResponse<'a>,
}

#[derive(Deserialize)]
pub(super) struct QueryResponse<'a> {
    #[serde(default)]
    pub code: u32,
    #[serde(borrow)]
    pub value: Option<Cow<'a, str>>,
}

/// A list of at most [`MOST`] elements.
pub(super) struct Few<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: de::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MOST} elements")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Few<T>, A::Error> {
                let mut found = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if found.len() == MOST {
                        return Err(de::Error::invalid_length(found.len(), &self));
                    }
                    found.push(element);
                }
                Ok(Few(found))
            }
        }
        from.deserialize_seq(Elements(PhantomData))
    }
}
