//! What is said to etcd's JSON gateway and what it answers.
//!
//! Keys and values are base64; numbers of 64 bits are texts; whatever is false, zero or empty is left out of an answer.
//! The field names are those of etcd's protocol buffers, and every version since 3.4 writes them so.

use std::borrow::Cow;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use subtle_encoding::base64;

/// Where transactions go.
pub const TXN: &str = "/v3/kv/txn";
/// Where a token comes from.
pub const AUTHENTICATE: &str = "/v3/auth/authenticate";
/// A member's own state.
pub const STATUS: &str = "/v3/maintenance/status";
/// The members of the cluster.
pub const MEMBERS: &str = "/v3/cluster/member/list";
/// Alarms, such as a full database.
pub const ALARM: &str = "/v3/maintenance/alarm";

/// The head of each answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Header {
    /// The cluster.
    #[serde(deserialize_with = "number")]
    pub cluster_id: u64,
    /// The member that answered.
    #[serde(deserialize_with = "number")]
    pub member_id: u64,
    /// The store's revision.
    #[serde(deserialize_with = "number")]
    pub revision: i64,
}

/// A transaction's answer.
#[derive(Debug, Deserialize)]
pub struct TxnAnswer {
    /// Always there: an answer without it is not etcd's.
    pub header: Header,
    /// Whether the comparison held.
    #[serde(default)]
    pub succeeded: bool,
    /// One for each operation of the branch that ran.
    #[serde(default)]
    pub responses: Vec<TxnResponse>,
}

/// What one operation gave.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TxnResponse {
    /// Of a range.
    pub response_range: Option<Range>,
    /// Of a put.
    pub response_put: Option<serde::de::IgnoredAny>,
    /// Of a delete.
    pub response_delete_range: Option<serde::de::IgnoredAny>,
}

/// What a range found.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Range {
    /// One key, or none.
    pub kvs: Vec<KeyValue>,
}

/// A key as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct KeyValue {
    /// The revision that created it.
    #[serde(deserialize_with = "number")]
    pub create_revision: i64,
    /// The revision that wrote it last.
    #[serde(deserialize_with = "number")]
    pub mod_revision: i64,
    /// Its value.
    #[serde(deserialize_with = "bytes")]
    pub value: Vec<u8>,
}

/// An error's answer: `code` is that of gRPC. Up to 3.5 the text stands in `error`, too.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ErrorAnswer {
    /// gRPC's code.
    pub code: u32,
    /// What etcd says.
    pub message: String,
    /// What older versions say.
    pub error: String,
}

impl ErrorAnswer {
    /// What etcd says, cut to a length that fits a line.
    pub fn text(&self) -> String {
        let text = match self.message.is_empty() {
            true => &self.error,
            false => &self.message,
        };
        text.chars()
            .filter(|char| !char.is_control())
            .take(200)
            .collect()
    }
}

/// A token.
#[derive(Deserialize)]
pub struct TokenAnswer {
    /// Good for one member, until it forgets it.
    pub token: String,
}

/// A member's own state.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct StatusAnswer {
    /// As `3.7.3`.
    pub version: String,
    /// The leader; 0 without one.
    #[serde(deserialize_with = "number")]
    pub leader: u64,
    /// The size of the database in bytes.
    #[serde(rename = "dbSize", deserialize_with = "number")]
    pub db_size: u64,
    /// The limit of that size; 0 where the version does not tell.
    #[serde(rename = "dbSizeQuota", deserialize_with = "number")]
    pub db_quota: u64,
    /// The member itself and its cluster.
    pub header: Header,
}

/// The members.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MembersAnswer {
    /// Each of them.
    pub members: Vec<Member>,
}

/// One member.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Member {
    /// Its number.
    #[serde(rename = "ID", deserialize_with = "number")]
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Where other members find it.
    #[serde(rename = "peerURLs")]
    pub peer_urls: Vec<String>,
    /// It votes not yet.
    #[serde(rename = "isLearner")]
    pub is_learner: bool,
}

/// The alarms that are up.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AlarmAnswer {
    /// Each of them.
    pub alarms: Vec<Alarm>,
}

/// One alarm.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Alarm {
    /// `NOSPACE` or `CORRUPT`.
    pub alarm: String,
}

/// A number that may be written as a text.
fn number<'de, D, T>(input: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr + serde::Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<'a, T> {
        #[serde(borrow)]
        Text(Cow<'a, str>),
        Number(T),
    }
    match Either::deserialize(input)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text
            .parse()
            .map_err(|_| D::Error::custom("not a number of 64 bits")),
    }
}

fn bytes<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<u8>, D::Error> {
    let text = Cow::<'de, str>::deserialize(input)?;
    crate::text::base64::decode(text.as_bytes()).ok_or_else(|| D::Error::custom("not base64"))
}

#[derive(Serialize)]
struct Txn<'a> {
    compare: Vec<Compare<'a>>,
    success: [Operation<'a>; 1],
    failure: [Operation<'a>; 1],
}

#[derive(Serialize)]
struct Compare<'a> {
    key: &'a str,
    target: &'static str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mod_revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_revision: Option<String>,
}

#[derive(Serialize)]
enum Operation<'a> {
    #[serde(rename = "request_put")]
    Put { key: &'a str, value: String },
    #[serde(rename = "request_range")]
    Range { key: &'a str },
    #[serde(rename = "request_delete_range")]
    DeleteRange { key: &'a str },
}

impl<'a> Compare<'a> {
    fn modified_at(key: &'a str, revision: i64) -> Self {
        Self {
            key,
            target: "MOD",
            result: "EQUAL",
            mod_revision: Some(revision.to_string()),
            create_revision: None,
        }
    }

    fn created_at(key: &'a str, revision: i64) -> Self {
        Self {
            key,
            target: "CREATE",
            result: "EQUAL",
            mod_revision: None,
            create_revision: Some(revision.to_string()),
        }
    }
}

/// The compare-and-swap of a vote: the key is what it was at `modified` and was created at `created`.
pub fn swap(key: &str, modified: i64, created: i64, value: &[u8]) -> Vec<u8> {
    let key = &text(key.as_bytes());
    json(&Txn {
        compare: vec![
            Compare::modified_at(key, modified),
            Compare::created_at(key, created),
        ],
        success: [Operation::Put {
            key,
            value: text(value),
        }],
        failure: [Operation::Range { key }],
    })
}

/// Makes the key, where there is none.
pub fn create(key: &str, value: &[u8]) -> Vec<u8> {
    let key = &text(key.as_bytes());
    json(&Txn {
        compare: vec![Compare::created_at(key, 0)],
        success: [Operation::Put {
            key,
            value: text(value),
        }],
        failure: [Operation::Range { key }],
    })
}

/// Reads the key by way of Raft. The comparison is never true, and the branch that would run then holds a write, so no
/// member may answer from what it believes to know: such reads were stale after a pause (etcd#20418).
pub fn read(key: &str, scratch: &str) -> Vec<u8> {
    let (key, scratch) = (&text(key.as_bytes()), &text(scratch.as_bytes()));
    json(&Txn {
        compare: vec![Compare::created_at(key, -1)],
        success: [Operation::DeleteRange { key: scratch }],
        failure: [Operation::Range { key }],
    })
}

/// Asks for a token.
pub fn authenticate(name: &str, password: &str) -> zeroize::Zeroizing<Vec<u8>> {
    #[derive(Serialize)]
    struct AuthenticateRequest<'a> {
        name: &'a str,
        password: &'a str,
    }
    zeroize::Zeroizing::new(json(&AuthenticateRequest { name, password }))
}

fn text(bytes: &[u8]) -> String {
    // Base64 digits are ASCII.
    String::from_utf8(base64::encode(bytes)).unwrap_or_default()
}

/// None of these types can fail to be written.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
