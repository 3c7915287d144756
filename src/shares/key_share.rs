//! This program's own file of a share: `share.json`.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::consensus::PublicKey;
use crate::text::base64;

use super::public_shares::{PublicShares, PublicSharesError};
use super::quorum::{Quorum, QuorumError};
use super::shard::{Shard, ShardError};

/// The version of the file that is written and read.
const FORMAT: u32 = 1;

/// A share with what is known of the others: how many there are and are needed, and their public halves.
pub struct KeyShare {
    shard: Shard,
    quorum: Quorum,
    id: u16,
    public_shares: PublicShares,
}

/// Why a file is no share of this program, or is not right in itself. No value of the file is shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyShareError {
    /// The JSON is another, or none.
    #[error(
        "it is not the JSON of a share of this program: {fault} (line {line}, column {column})"
    )]
    Json {
        /// What the parser found.
        fault: ShareJsonFault,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A later program wrote it.
    #[error(
        "it is of format {0}, and this program reads format {FORMAT}; use the program that wrote it"
    )]
    Format(u32),
    /// `threshold` of `members`.
    #[error("{0}")]
    Quorum(#[from] QuorumError),
    /// The id is that of no member.
    #[error("its `id` is {id}, and the {members} members have the ids 1 to {members}")]
    Id {
        /// As it stands there.
        id: u32,
        /// So many members.
        members: u16,
    },
    /// `public_key` is damaged.
    #[error("its `public_key` is not an Ed25519 public key in base64")]
    PublicKey,
    /// `share` is damaged.
    #[error(
        "its `share` is not a number from 1 to below the order of Ed25519 in 32 bytes of base64"
    )]
    Value,
    /// A public share is damaged.
    #[error("the public share of member {0} in it is not 32 bytes of base64")]
    PublicShare(u16),
    /// The share is not that of its own public half.
    #[error(
        "its `share` is not the one whose public half stands in it as that of member {0}: one of the two is damaged"
    )]
    OtherShare(u16),
    /// The public shares are not of one dealing.
    #[error("{0}: the file is damaged, or put together from two splittings")]
    PublicShares(#[from] PublicSharesError),
}

/// What is wrong with the JSON of a share. Of what stands there only names of fields are shown, and only such as are names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareJsonFault {
    /// It is no JSON.
    #[error("it is damaged or breaks off")]
    Broken,
    /// A field is not there.
    #[error("it has no `{0}`")]
    Missing(String),
    /// A field that a share does not have.
    #[error("it has a field `{0}`, which a share does not have")]
    Unknown(String),
    /// A field stands there twice, a value is of another type, or what the parser says is not known.
    #[error("a field has another value than it should, or stands there twice")]
    Value,
}

impl ShareJsonFault {
    fn of(error: &serde_json::Error) -> Self {
        if !error.is_data() {
            return Self::Broken;
        }
        // The words of the parser quote values, too.
        let told = error.to_string();
        let field = |begin: &str| {
            let (name, _) = told.strip_prefix(begin)?.split_once('`')?;
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_@".contains(&byte);
            ((1..=24).contains(&name.len()) && name.bytes().all(is_name)).then(|| name.to_owned())
        };
        let missing = field("missing field `").map(Self::Missing);
        let unknown = || field("unknown field `").map(Self::Unknown);
        missing.or_else(unknown).unwrap_or(Self::Value)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShareJson {
    tmkms_share: u32,
    id: u32,
    threshold: u16,
    members: u16,
    public_key: String,
    share: Zeroizing<String>,
    public_shares: BTreeMap<u16, String>,
}

impl KeyShare {
    /// A share of a dealing, with the public shares that are known; its own is added.
    ///
    /// # Errors
    /// They do not belong together.
    pub fn new(
        shard: Shard,
        quorum: Quorum,
        mut public_shares: PublicShares,
    ) -> Result<Self, KeyShareError> {
        let members = quorum.members();
        let id = u16::try_from(shard.id)
            .ok()
            .filter(|id| (1..=members).contains(id));
        let id = id.ok_or(KeyShareError::Id {
            id: shard.id,
            members,
        })?;
        let own = shard.public_share();
        if public_shares.get(id).is_some_and(|said| *said != own) {
            return Err(KeyShareError::OtherShare(id));
        }
        public_shares.insert(id, own);
        // A share of zero has the identity as its public half, which is refused here, too.
        match public_shares.verify(quorum, &shard.public_key) {
            Err(PublicSharesError::Point(point)) if point == id => Err(KeyShareError::Value),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(Self {
                shard,
                quorum,
                id,
                public_shares,
            }),
        }
    }

    /// Reads `share.json`.
    ///
    /// # Errors
    /// It is something else, damaged, or not right in itself.
    pub fn from_json(text: &[u8]) -> Result<Self, KeyShareError> {
        let written: ShareJson =
            serde_json::from_slice(text).map_err(|error| KeyShareError::Json {
                fault: ShareJsonFault::of(&error),
                line: error.line(),
                column: error.column(),
            })?;
        if written.tmkms_share != FORMAT {
            return Err(KeyShareError::Format(written.tmkms_share));
        }
        let quorum = Quorum::new(written.threshold, written.members)?;
        let public_key = bytes(written.public_key.as_bytes()).ok_or(KeyShareError::PublicKey)?;
        let value = bytes(written.share.as_bytes()).ok_or(KeyShareError::Value)?;
        let mut public_shares = PublicShares::default();
        for (id, share) in &written.public_shares {
            let share = bytes(share.as_bytes()).ok_or(KeyShareError::PublicShare(*id))?;
            public_shares.insert(*id, *share);
        }
        let shard = Shard::new(written.id, *public_key, &value).map_err(|error| match error {
            ShardError::PublicKey => KeyShareError::PublicKey,
            ShardError::Id => KeyShareError::Id {
                id: written.id,
                members: written.members,
            },
            ShardError::Json { .. } | ShardError::Value => KeyShareError::Value,
        })?;
        Self::new(shard, quorum, public_shares)
    }

    /// The text of its file.
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let value = self.shard.to_bytes();
        // Room for all of it from the start: a vector that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(2048));
        let mut line = |part: &str| text.extend_from_slice(part.as_bytes());
        line(&format!(
            "{{\n  \"tmkms_share\": {FORMAT},\n  \"id\": {},\n  \"threshold\": {},\n  \"members\": {},\n  \"public_key\": \"{}\",\n",
            self.id,
            self.quorum.threshold(),
            self.quorum.members(),
            Base64::encode_string(self.shard.public_key.as_bytes()),
        ));
        let value = Zeroizing::new(Base64::encode_string(&*value));
        line("  \"share\": \"");
        line(&value);
        line("\",\n  \"public_shares\": {\n");
        let known: Vec<String> = self
            .public_shares
            .iter()
            .map(|(id, share)| format!("    \"{id}\": \"{}\"", Base64::encode_string(share)))
            .collect();
        line(&known.join(",\n"));
        line("\n  }\n}\n");
        text
    }

    /// The same, without what only this program knows.
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Gives the rest up.
    pub fn into_shard(self) -> Shard {
        self.shard
    }

    /// Which member's it is.
    pub fn id(&self) -> u16 {
        self.id
    }

    /// How many of how many sign.
    pub fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// The key that it is a share of.
    pub fn public_key(&self) -> &PublicKey {
        &self.shard.public_key
    }

    /// The public halves of the members' shares that are known; its own always is.
    pub fn public_shares(&self) -> &PublicShares {
        &self.public_shares
    }
}

fn bytes(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(base64::decode(text)?);
    <[u8; 32]>::try_from(bytes.as_slice())
        .ok()
        .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of horcrux's dealing of 3 of 5.
    fn shares(known: &[u16]) -> Vec<KeyShare> {
        let shard = |id: u16| {
            let path = format!("tests/horcrux/3-5/{id}_shard.json");
            Shard::from_json(&std::fs::read(path).unwrap()).unwrap()
        };
        let mut public = PublicShares::default();
        known
            .iter()
            .for_each(|id| public.insert(*id, shard(*id).public_share()));
        let quorum = Quorum::new(3, 5).unwrap();
        (1..=5)
            .map(|id| KeyShare::new(shard(id), quorum, public.clone()).unwrap())
            .collect()
    }

    fn edited(edit: impl Fn(&mut serde_json::Value)) -> Result<(), KeyShareError> {
        let text = shares(&[1, 2, 3, 4, 5])[1].to_json();
        let mut value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        edit(&mut value);
        KeyShare::from_json(value.to_string().as_bytes()).map(drop)
    }

    #[test]
    fn what_is_written_is_read_again() {
        for known in [&[1, 2, 3, 4, 5][..], &[], &[4]] {
            for share in shares(known) {
                let text = share.to_json();
                assert!(text.len() < 2048, "it grew");
                let again = KeyShare::from_json(&text).unwrap();
                assert_eq!(*again.to_json(), *text);
                assert_eq!(again.id(), share.id());
                assert_eq!(again.public_key(), share.public_key());
                assert_eq!(*again.shard().to_bytes(), *share.shard().to_bytes());
                let missing = share.public_shares().missing(share.quorum());
                assert_eq!(missing.contains(&4), known.is_empty() && share.id() != 4);
            }
        }
        assert_eq!(edited(|_| {}), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_named_and_not_shown() {
        let b64 = |bytes: [u8; 32]| serde_json::Value::from(Base64::encode_string(&bytes));
        assert_eq!(
            edited(|file| file["tmkms_share"] = 2.into()),
            Err(KeyShareError::Format(2))
        );
        assert_eq!(
            edited(|file| file["threshold"] = 2.into()),
            Err(KeyShareError::Quorum(QuorumError::NoMajority {
                threshold: 2,
                members: 5
            }))
        );
        // Any three give the key, so four are not needed.
        assert_eq!(
            edited(|file| file["threshold"] = 4.into()),
            Err(KeyShareError::PublicShares(PublicSharesError::Fewer(4)))
        );
        for id in [0_u32, 6, 70_000] {
            let error = edited(|file| file["id"] = id.into());
            assert_eq!(error, Err(KeyShareError::Id { id, members: 5 }));
        }
        assert_eq!(
            edited(|file| file["id"] = 3.into()),
            Err(KeyShareError::OtherShare(3))
        );
        for share in [b64([0xff; 32]), "".into(), "*".into()] {
            let error = edited(|file| file["share"] = share.clone());
            assert_eq!(error, Err(KeyShareError::Value));
        }
        // Zero, with its own public half.
        let zero = edited(|file| {
            file["share"] = b64([0; 32]);
            file["public_shares"].as_object_mut().unwrap().remove("2");
        });
        assert_eq!(zero, Err(KeyShareError::Value));
        assert_eq!(
            edited(|file| file["public_key"] = b64([0; 32])),
            Err(KeyShareError::PublicKey)
        );
        let other =
            crate::backends::softsign::key::SoftKey::from_bytes(&[7; 32], Default::default());
        let other: [u8; 32] = other.unwrap().public_key().as_bytes().try_into().unwrap();
        assert_eq!(
            edited(|file| file["public_key"] = b64(other)),
            Err(KeyShareError::PublicShares(PublicSharesError::OtherKey))
        );
        assert_eq!(
            edited(|file| file["public_shares"]["4"] = b64(other)),
            Err(KeyShareError::PublicShares(PublicSharesError::Stranger(4)))
        );
        assert_eq!(
            edited(|file| file["public_shares"]["6"] = b64(other)),
            Err(KeyShareError::PublicShares(PublicSharesError::Id(6)))
        );
        assert_eq!(
            edited(|file| file["public_shares"]["5"] = b64([0xff; 32])),
            Err(KeyShareError::PublicShares(PublicSharesError::Point(5)))
        );
        assert_eq!(
            edited(|file| file["public_shares"]["5"] = "x".into()),
            Err(KeyShareError::PublicShare(5))
        );
        // A point with a part of small order is not of the group.
        let mixed = curve25519_dalek::edwards::CompressedEdwardsY(other)
            .decompress()
            .unwrap()
            + curve25519_dalek::constants::EIGHT_TORSION[1];
        assert_eq!(
            edited(|file| file["public_shares"]["5"] = b64(mixed.compress().to_bytes())),
            Err(KeyShareError::PublicShares(PublicSharesError::Point(5)))
        );
        for text in ["", "{", "[]", "{}", r#"{"tmkms_share":1}"#] {
            let error = KeyShare::from_json(text.as_bytes()).map(drop);
            assert!(matches!(error, Err(KeyShareError::Json { .. })), "{text}");
        }
        let fault = |text: &str| match KeyShare::from_json(text.as_bytes()) {
            Err(KeyShareError::Json { fault, .. }) => fault,
            other => panic!("{:?}", other.map(drop)),
        };
        assert_eq!(fault("{"), ShareJsonFault::Broken);
        let missing = |name: &str| ShareJsonFault::Missing(name.to_owned());
        assert_eq!(fault("{}"), missing("tmkms_share"));
        assert_eq!(fault(r#"{"tmkms_share":1}"#), missing("id"));
        let unknown = |name: &str| ShareJsonFault::Unknown(name.to_owned());
        assert_eq!(fault(r#"{"more":1}"#), unknown("more"));
        // What may be a secret in the wrong place is not shown.
        for text in [
            r#"{"81Gwb3AOZU7nEGOa7obd4EOjf/7pwaHuETJAhzNIOw8=":1}"#,
            r#"{"share":81}"#,
            r#"{"id":"81Gwb3AOZU7nEGOa"}"#,
            r#"{"id":1,"id":1}"#,
        ] {
            assert_eq!(fault(text), ShareJsonFault::Value, "{text}");
        }
        let more = edited(|file| file["more"] = 1.into());
        let more = more.unwrap_err().to_string();
        assert!(more.contains("a field `more`"), "{more}");
    }
}
