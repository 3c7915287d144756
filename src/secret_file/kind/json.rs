//! JSON by the names of its fields. Their values are passed over, because they are secrets; only types are read.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::file_kind::{FileKind, KeyAlgorithm};

/// Whether a field is there, with whatever value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(from).map(|_| Self(true))
    }
}

/// The same of one that is as good as missing where it is `null`: a private half that somebody took out.
fn unless_null<'de, D: Deserializer<'de>>(from: D) -> Result<Present, D::Error> {
    Option::<IgnoredAny>::deserialize(from).map(|value| Present(value.is_some()))
}

const YES: Present = Present(true);
const NO: Present = Present(false);

#[derive(Default, Deserialize)]
#[serde(default)]
struct ObjectFields {
    #[serde(deserialize_with = "unless_null")]
    priv_key: Present,
    pub_key: Present,
    address: Present,
    height: Present,
    round: Present,
    step: Present,
    block_id: Present,
    #[serde(alias = "noncePublic")]
    nonce_public: Present,
    sequence: Present,
    tmkms_move: Present,
    #[serde(rename = "privateShard", alias = "secretShares")]
    share: Present,
    tmkms_share: Present,
    #[serde(rename = "eciesKey", alias = "rsaKey", alias = "RSAKey")]
    cosigner_links: Present,
    #[serde(rename = "@type")]
    at_type: Present,
    key: Present,
    #[serde(rename = "type")]
    kind: Present,
    value: Present,
    genesis_time: Present,
    #[serde(alias = "Crypto")]
    crypto: Present,
}

/// What an object is. Of several one after the other, the first: this program's state files are such.
pub(super) fn object(text: &str) -> FileKind {
    let mut found = serde_json::Deserializer::from_str(text).into_iter::<ObjectFields>();
    let fields = match found.next() {
        Some(Ok(fields)) => fields,
        // Only the place: the words of the parser quote values.
        Some(Err(error)) => return FileKind::BrokenJson(error.line(), error.column()),
        None => return FileKind::OtherJson,
    };
    match fields {
        ObjectFields {
            tmkms_move: YES, ..
        } => FileKind::Bundle,
        ObjectFields {
            tmkms_share: YES, ..
        } => FileKind::OwnShare,
        ObjectFields {
            priv_key: YES,
            pub_key: NO,
            address: NO,
            ..
        } => FileKind::NodeKey,
        ObjectFields { priv_key: YES, .. } => {
            FileKind::KeyJson(KeyAlgorithm::of_json(&type_of_private(text)))
        }
        ObjectFields {
            height: YES,
            round: YES,
            step: YES,
            ..
        } => FileKind::State(state_of(&fields)),
        ObjectFields { share: YES, .. } => FileKind::Share,
        ObjectFields {
            cosigner_links: YES,
            ..
        } => FileKind::CosignerLinks,
        ObjectFields {
            at_type: YES,
            key: YES,
            ..
        } => FileKind::PublicKey("as `show-validator` prints it"),
        ObjectFields {
            kind: YES,
            value: YES,
            ..
        } if is_public(text) => FileKind::PublicKey("as a genesis file has it"),
        ObjectFields { pub_key: YES, .. } => FileKind::WithoutPrivate,
        ObjectFields {
            genesis_time: YES, ..
        } => FileKind::Genesis,
        ObjectFields { crypto: YES, .. } => FileKind::Keystore,
        _ => FileKind::OtherJson,
    }
}

fn state_of(fields: &ObjectFields) -> &'static str {
    if fields.sequence == YES {
        "this program"
    } else if fields.block_id == YES {
        "the older tmkms"
    } else if fields.nonce_public == YES {
        "horcrux"
    } else {
        "CometBFT"
    }
}

/// The type that `priv_key` names, or nothing.
fn type_of_private(text: &str) -> String {
    #[derive(Deserialize)]
    struct File {
        priv_key: TypeOnly,
    }
    serde_json::from_str::<File>(text).map_or_else(|_| String::new(), |file| file.priv_key.kind)
}

fn is_public(text: &str) -> bool {
    serde_json::from_str::<TypeOnly>(text).is_ok_and(|found| found.kind.contains("PubKey"))
}

#[derive(Deserialize)]
struct TypeOnly {
    #[serde(rename = "type")]
    kind: String,
}
