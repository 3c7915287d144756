//! The table of outcomes: what an answer, or the lack of one, says about a transaction. Pure. Where there is doubt
//! it says so, because a write that was taken for "not applied" and was is a double sign.

use crate::https::{Answer, Failure};

use super::api::{ErrorAnswer, Header, KeyValue, TxnAnswer};

/// What became of one transaction at one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxnOutcome {
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

impl TxnOutcome {
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
pub fn outcome(answer: &Result<Answer, Failure>) -> TxnOutcome {
    match answer {
        Err(Failure::NotSent(why)) => TxnOutcome::NotApplied(why.clone()),
        Err(Failure::Unknown(why)) => TxnOutcome::Ambiguous(why.clone()),
        Ok(answer) if answer.status == 200 => accepted(&answer.body),
        Ok(answer) => refused(answer),
    }
}

fn accepted(body: &[u8]) -> TxnOutcome {
    let strange = |why: &str| {
        TxnOutcome::Ambiguous(format!(
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
        (true, Some(response)) if response.response_put.is_some() => TxnOutcome::Applied(header),
        (false, Some(response)) => match response.response_range.map(|mut range| {
            let kv = range.kvs.pop();
            (kv, range.kvs.is_empty())
        }) {
            Some((None, _)) => TxnOutcome::Missing(header),
            Some((Some(kv), true)) if kv.create_revision > 0 && kv.mod_revision > 0 => {
                TxnOutcome::Holds(header, kv)
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

fn refused(answer: &Answer) -> TxnOutcome {
    let status = answer.status;
    if is_about_common_name(answer) {
        return TxnOutcome::NotApplied(COMMON_NAME.to_owned());
    }
    let Ok(error) = serde_json::from_slice::<ErrorAnswer>(&answer.body) else {
        // Something before etcd answered; only what cannot come after it was asked is certain.
        return match status {
            401 | 403 | 404 => TxnOutcome::NotApplied(format!(
                "HTTP status {status} and no JSON; is this address etcd's client port, with its gateway on?"
            )),
            _ => TxnOutcome::Ambiguous(format!("HTTP status {status} and no JSON")),
        };
    };
    let text = error.text();
    let said = format!("etcd says: {text}");
    match (status, error.code) {
        (401, grpc::UNAUTHENTICATED) => TxnOutcome::NoToken(said),
        // No token at all, or one from before a change of users.
        (400, grpc::INVALID_ARGUMENT)
            if text.contains("user name is empty") || text.contains("auth store is old") =>
        {
            TxnOutcome::NoToken(said)
        }
        (400, grpc::INVALID_ARGUMENT) => TxnOutcome::NotApplied(said),
        (403, grpc::PERMISSION_DENIED) => TxnOutcome::NotApplied(format!(
            "{said}; the user needs a role with readwrite on the prefix"
        )),
        (401 | 403 | 404, _) => TxnOutcome::NotApplied(format!(
            "HTTP status {status}: {text}; is this address etcd's client port, with its gateway on?"
        )),
        // The same status stands for a full database, and then the transaction may have been applied (etcd#16659).
        (429, grpc::RESOURCE_EXHAUSTED) if text.contains("too many requests") => {
            TxnOutcome::NotApplied(said)
        }
        (429, grpc::RESOURCE_EXHAUSTED) if text.contains("database space exceeded") => {
            TxnOutcome::Ambiguous(format!(
                "{said}; compact and defragment etcd, then `etcdctl alarm disarm`"
            ))
        }
        _ => TxnOutcome::Ambiguous(format!("{said} (HTTP status {status})")),
    }
}

/// The table of outcomes: each row an answer, or the lack of one, and what it says about the transaction.
#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        r#""header":{"cluster_id":"77","member_id":"1","revision":"9","raft_term":"2"}"#;
    const KV: &str =
        r#"{"key":"aw==","create_revision":"3","mod_revision":"8","version":"5","value":"dg=="}"#;

    fn answer(status: u16, body: &str) -> TxnOutcome {
        outcome(&Ok(Answer {
            status,
            body: body.as_bytes().to_vec(),
            date: None,
        }))
    }

    fn said(status: u16, code: u32, text: &str) -> [TxnOutcome; 2] {
        // Up to 3.5, and since 3.6.
        [
            format!(r#"{{"error":"{text}","code":{code},"message":"{text}"}}"#),
            format!(r#"{{"code":{code},"message":"{text}","details":[]}}"#),
        ]
        .map(|body| answer(status, &body))
    }

    fn header() -> Header {
        Header {
            cluster_id: 77,
            member_id: 1,
            revision: 9,
        }
    }

    #[test]
    fn succeeded_means_applied_at_the_revision_of_the_head() {
        let body = format!(
            r#"{{{HEAD},"succeeded":true,"responses":[{{"response_put":{{"header":{{"revision":"9"}}}}}}]}}"#
        );
        assert_eq!(answer(200, &body), TxnOutcome::Applied(header()));
    }

    #[test]
    fn a_comparison_that_failed_tells_what_the_key_holds() {
        // `succeeded` is left out where it is false, `count` and `kvs` where there is nothing.
        let body = format!(
            r#"{{{HEAD},"responses":[{{"response_range":{{"kvs":[{KV}],"count":"1"}}}}]}}"#
        );
        let kv = KeyValue {
            create_revision: 3,
            mod_revision: 8,
            value: b"v".to_vec(),
        };
        assert_eq!(answer(200, &body), TxnOutcome::Holds(header(), kv));
        for range in ["{}", r#"{"header":{"revision":"9"}}"#, r#"{"kvs":[]}"#] {
            let body = format!(r#"{{{HEAD},"responses":[{{"response_range":{range}}}]}}"#);
            assert_eq!(answer(200, &body), TxnOutcome::Missing(header()), "{range}");
        }
    }

    #[test]
    fn what_did_not_leave_was_not_applied() {
        let failed = Err(Failure::NotSent("no connection in time".to_owned()));
        assert!(matches!(outcome(&failed), TxnOutcome::NotApplied(_)));
    }

    #[test]
    fn what_etcd_turns_away_before_it_writes_was_not_applied() {
        for (status, code, text) in [
            (400, 3, "etcdserver: request is too large"),
            (400, 3, "etcdserver: duplicate key given in txn request"),
            (403, 7, "etcdserver: permission denied"),
            (404, 5, "Not Found"),
            (429, 8, "etcdserver: too many requests"),
        ] {
            for outcome in said(status, code, text) {
                assert!(matches!(outcome, TxnOutcome::NotApplied(_)), "{outcome:?}");
            }
        }
        for (status, body) in [
            (401, "<html>who are you?</html>"),
            (403, "no"),
            (404, "404 page not found"),
            (
                400,
                "CommonName of client sending a request against gateway will be ignored and not used as expected\n",
            ),
        ] {
            let outcome = answer(status, body);
            assert!(matches!(outcome, TxnOutcome::NotApplied(_)), "{outcome:?}");
        }
    }

    #[test]
    fn a_forgotten_token_is_asked_for_again() {
        for (status, code, text) in [
            (401, 16, "etcdserver: invalid auth token"),
            (400, 3, "etcdserver: user name is empty"),
            (400, 3, "etcdserver: revision of auth store is old"),
        ] {
            for outcome in said(status, code, text) {
                assert!(matches!(outcome, TxnOutcome::NoToken(_)), "{outcome:?}");
            }
        }
    }

    #[test]
    fn whatever_may_have_been_applied_is_ambiguous() {
        for why in [
            "no answer in time",
            "the connection broke",
            "its answer broke off",
        ] {
            let failed = Err(Failure::Unknown(why.to_owned()));
            assert!(
                matches!(outcome(&failed), TxnOutcome::Ambiguous(_)),
                "{why}"
            );
        }
        for (status, code, text) in [
            (503, 14, "etcdserver: request timed out"),
            (
                503,
                14,
                "etcdserver: request timed out, possibly due to previous leader failure",
            ),
            (
                503,
                14,
                "etcdserver: request timed out, possibly due to connection lost",
            ),
            (503, 14, "etcdserver: leader changed"),
            (503, 14, "etcdserver: no leader"),
            (503, 14, "error reading from server: EOF"),
            (504, 4, "context deadline exceeded"),
            (500, 13, "etcdserver: corrupt cluster"),
            (500, 2, "etcdserver: server stopped"),
            (499, 1, "context canceled"),
            (409, 10, "aborted"),
            // One status for two things: this one may come after the write (etcd#16659).
            (429, 8, "etcdserver: mvcc: database space exceeded"),
            (429, 8, "some other limit"),
            (429, 0, "slow down, says a proxy: too many requests"),
            // A proxy's words under a status of its own, with numbers that gRPC knows.
            (502, 7, "bad gateway"),
            (502, 16, "bad gateway"),
            (500, 3, "bad"),
            (400, 9, "etcdserver: authentication is not enabled"),
            (302, 0, "elsewhere"),
        ] {
            for outcome in said(status, code, text) {
                assert!(matches!(outcome, TxnOutcome::Ambiguous(_)), "{outcome:?}");
            }
        }
        for status in [
            100, 201, 204, 301, 307, 400, 408, 409, 429, 499, 500, 502, 503, 504, 599,
        ] {
            for body in ["", "<html>", "null", "[]", "\u{0}"] {
                let outcome = answer(status, body);
                assert!(
                    matches!(outcome, TxnOutcome::Ambiguous(_)),
                    "{status}: {outcome:?}"
                );
            }
        }
    }

    /// Whatever else says 200 on that port, or an etcd whose answers changed, has not said that nothing was written.
    #[test]
    fn foreign_json_says_nothing_for_certain() {
        let wide = "9".repeat(40);
        for body in [
            String::new(),
            "null".to_owned(),
            "{}".to_owned(),
            "[]".to_owned(),
            "\"ok\"".to_owned(),
            r#"{"succeeded":true}"#.to_owned(),
            r#"{"health":"true"}"#.to_owned(),
            r#"{"status":"success","data":{"result":[]}}"#.to_owned(),
            format!("{{{HEAD}}}"),
            // The branch and the operation contradict each other.
            format!(r#"{{{HEAD},"succeeded":true}}"#),
            format!(r#"{{{HEAD},"succeeded":true,"responses":[]}}"#),
            format!(r#"{{{HEAD},"succeeded":true,"responses":[{{}}]}}"#),
            format!(r#"{{{HEAD},"succeeded":true,"responses":[{{"response_range":{{}}}}]}}"#),
            format!(r#"{{{HEAD},"succeeded":true,"responses":[{{"response_delete_range":{{}}}}]}}"#),
            format!(r#"{{{HEAD},"responses":[{{"response_put":{{}}}}]}}"#),
            format!(r#"{{{HEAD},"succeeded":"true","responses":[{{"response_put":{{}}}}]}}"#),
            // More than was asked for.
            format!(r#"{{{HEAD},"responses":[{{"response_range":{{"kvs":[{KV},{KV}]}}}}]}}"#),
            format!(r#"{{{HEAD},"responses":[{{"response_range":{{}}}},{{"response_range":{{}}}}]}}"#),
            format!(
                r#"{{{HEAD},"succeeded":true,"responses":[{{"response_put":{{}}}},{{"response_put":{{}}}}]}}"#
            ),
            // Numbers that etcd does not give.
            r#"{"header":{"cluster_id":"0","revision":"9"},"succeeded":true,"responses":[{"response_put":{}}]}"#
                .to_owned(),
            r#"{"header":{"cluster_id":"77"},"succeeded":true,"responses":[{"response_put":{}}]}"#.to_owned(),
            r#"{"header":{"cluster_id":"77","revision":"-9"},"succeeded":true,"responses":[{"response_put":{}}]}"#
                .to_owned(),
            format!(
                r#"{{"header":{{"cluster_id":"77","revision":"{wide}"}},"succeeded":true,"responses":[{{"response_put":{{}}}}]}}"#
            ),
            r#"{"header":{"cluster_id":"77","revision":9.5},"succeeded":true,"responses":[{"response_put":{}}]}"#
                .to_owned(),
            format!(r#"{{{HEAD},"responses":[{{"response_range":{{"kvs":[{{}}]}}}}]}}"#),
            format!(
                r#"{{{HEAD},"responses":[{{"response_range":{{"kvs":[{{"create_revision":"3","mod_revision":"8","value":"!"}}]}}}}]}}"#
            ),
            // Two answers, and one without an end.
            format!("{{{HEAD}}}{{{HEAD}}}"),
            "[".repeat(60_000),
        ] {
            let outcome = answer(200, &body);
            assert!(matches!(outcome, TxnOutcome::Ambiguous(_)), "{body:.200}: {outcome:?}");
            assert_eq!(outcome.header(), None);
        }
    }
}
