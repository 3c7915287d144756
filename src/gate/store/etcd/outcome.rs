//! The table of outcomes: what an answer, or the lack of one, says about a transaction. Pure; whoever is in doubt says
//! so, because a write that was taken for "not applied" and was is a double sign.

use crate::https::{Answer, Failure};

use super::api::{ErrorAnswer, Header, KeyValue, TxnAnswer};

/// What became of one transaction at one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The put was made, at the header's revision.
    Applied(Header),
    /// The comparison failed; this is what the key holds, in Raft's order.
    Holds(Header, KeyValue),
    /// The comparison failed, and there is no such key.
    Missing(Header),
    /// Certainly not applied; another member may do it.
    NotApplied(String),
    /// Certainly not applied; the member wants a new token first.
    NoToken(String),
    /// It may have been applied.
    Ambiguous(String),
}

impl Outcome {
    /// The head of a certain answer of etcd's.
    pub fn header(&self) -> Option<&Header> {
        match self {
            Self::Applied(header) | Self::Holds(header, _) | Self::Missing(header) => Some(header),
            Self::NotApplied(_) | Self::NoToken(_) | Self::Ambiguous(_) => None,
        }
    }
}

/// gRPC's codes that are told apart.
mod grpc {
    pub const INVALID_ARGUMENT: u32 = 3;
    pub const PERMISSION_DENIED: u32 = 7;
    pub const RESOURCE_EXHAUSTED: u32 = 8;
    pub const UNAUTHENTICATED: u32 = 16;
}

/// Reads one member's answer to a transaction that puts on success and ranges on failure.
pub fn outcome(answer: &Result<Answer, Failure>) -> Outcome {
    match answer {
        Err(Failure::NotSent(why)) => Outcome::NotApplied(why.clone()),
        Err(Failure::Unknown(why)) => Outcome::Ambiguous(why.clone()),
        Ok(answer) if answer.status == 200 => accepted(&answer.body),
        Ok(answer) => refused(answer),
    }
}

fn accepted(body: &[u8]) -> Outcome {
    let strange = |why: &str| {
        Outcome::Ambiguous(format!(
            "its answer is not that of an etcd member: {why}; is this address etcd's client port?"
        ))
    };
    let mut answer: TxnAnswer = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(error) => return strange(&error.to_string()),
    };
    let header = answer.header;
    if header.cluster_id == 0 || header.revision <= 0 {
        return strange("it names no cluster or no revision");
    }
    let (response, more) = (answer.responses.pop(), !answer.responses.is_empty());
    match (answer.succeeded, response) {
        _ if more => strange("it tells of several operations"),
        (true, Some(response)) if response.response_put.is_some() => Outcome::Applied(header),
        (false, Some(response)) => match response.response_range.map(|mut range| {
            let kv = range.kvs.pop();
            (kv, range.kvs.is_empty())
        }) {
            Some((None, _)) => Outcome::Missing(header),
            Some((Some(kv), true)) if kv.create_revision > 0 && kv.mod_revision > 0 => {
                Outcome::Holds(header, kv)
            }
            _ => strange("it does not tell what the key holds"),
        },
        _ => strange("it tells of another operation"),
    }
}

/// What is said to a client certificate with a common name, where authentication is on: plain text, and no JSON.
pub const COMMON_NAME: &str = "etcd's gateway takes no client certificate that has a CN while authentication is on; make one \
                               with a subjectAltName only";

/// Whether the gateway turned the client's certificate away for its common name.
pub fn is_about_common_name(answer: &Answer) -> bool {
    answer.status == 400 && String::from_utf8_lossy(&answer.body).contains("CommonName")
}

fn refused(answer: &Answer) -> Outcome {
    let status = answer.status;
    if is_about_common_name(answer) {
        return Outcome::NotApplied(COMMON_NAME.to_owned());
    }
    let Ok(error) = serde_json::from_slice::<ErrorAnswer>(&answer.body) else {
        // Something before etcd answered; only what cannot come after it was asked is certain.
        return match status {
            401 | 403 | 404 => Outcome::NotApplied(format!(
                "HTTP status {status} and no JSON; is this address etcd's client port, with its gateway on?"
            )),
            _ => Outcome::Ambiguous(format!("HTTP status {status} and no JSON")),
        };
    };
    let text = error.text();
    let said = format!("etcd says: {text}");
    match (status, error.code) {
        (401, _) | (_, grpc::UNAUTHENTICATED) => Outcome::NoToken(said),
        // No token at all, or one from before a change of users.
        (400, grpc::INVALID_ARGUMENT)
            if text.contains("user name is empty") || text.contains("auth store is old") =>
        {
            Outcome::NoToken(said)
        }
        (400, grpc::INVALID_ARGUMENT) => Outcome::NotApplied(said),
        (403, _) | (_, grpc::PERMISSION_DENIED) => Outcome::NotApplied(format!(
            "{said}; the user needs a role with readwrite on the prefix"
        )),
        (404, _) => Outcome::NotApplied(format!(
            "{said}; is this address etcd's client port, with its gateway on?"
        )),
        // The same status stands for a full database, and then the transaction may have been applied (etcd#16659).
        (429, grpc::RESOURCE_EXHAUSTED) if text.contains("too many requests") => {
            Outcome::NotApplied(said)
        }
        (429, grpc::RESOURCE_EXHAUSTED) if text.contains("database space exceeded") => {
            Outcome::Ambiguous(format!(
                "{said}; compact and defragment etcd, then `etcdctl alarm disarm`"
            ))
        }
        _ => Outcome::Ambiguous(format!("{said} (HTTP status {status})")),
    }
}
