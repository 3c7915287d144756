//! Values of a `[[chain]]` that have forms of their own.

use std::time::Duration;

use toml::de::DeValue;

use crate::backends::replicas::Policy;
use crate::consensus::key_text::KeyFormat;
use crate::gate::SignExtensions;
use crate::gate::raw::{DEFAULT_MAX_BYTES, Dialect, RawPolicy};
use crate::settings::{Problem, Spanned, TableReader};

pub(in crate::config) fn sign_extensions(
    section: &mut TableReader<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Spanned<SignExtensions>> {
    let found = section.any("sign_extensions")?;
    let value = match found.value {
        DeValue::Boolean(true) => SignExtensions::Always,
        DeValue::Boolean(false) => SignExtensions::Never,
        DeValue::String(text) if text == "auto" => SignExtensions::Auto,
        _ => {
            problems.push(Problem::at(
                found.span,
                "`sign_extensions` has a value of the wrong kind",
                "expected \"auto\", true or false",
                "leave it out, or write \"auto\": then vote extensions are signed where the node wants them",
            ));
            return None;
        }
    };
    Some(Spanned {
        value,
        span: found.span,
    })
}

pub(in crate::config) fn raw_bytes(
    section: &mut TableReader<'_>,
    problems: &mut Vec<Problem>,
) -> Option<RawPolicy> {
    let mut table = section.section("raw_bytes", problems)?;
    let dialect = table.required("dialect", "\"celestia\"", problems);
    let ids = table.texts("ids", problems);
    let max_bytes = table.number("max_bytes", 1..=1_048_576, problems);
    let span = table.span.clone();
    table.finish(problems);
    let dialect = dialect?;
    let dialect = match (&*dialect.value, ids) {
        ("cometbft-v1", None) => Dialect::CometbftV1,
        ("cometbft-v1", Some(_)) => {
            problems.push(Problem::at(
                span,
                "`ids` belong to the dialect \"celestia\"",
                "nodes of v1.0 name no purpose",
                "remove `ids`, or correct `dialect`",
            ));
            return None;
        }
        ("celestia", Some(ids)) if !ids.is_empty() => Dialect::Celestia {
            ids: ids.into_iter().map(|id| id.value).collect(),
        },
        ("celestia", _) => {
            problems.push(Problem::at(
                span,
                "`ids` are missing",
                "no purpose is allowed",
                "name the `unique_id` of each purpose that nodes may have bytes signed for, as in ids = [\"fibre\"]",
            ));
            return None;
        }
        (other, _) => {
            problems.push(Problem::at(
                dialect.span,
                format!("`{other}` is not a dialect of raw bytes"),
                "expected \"celestia\" or \"cometbft-v1\"",
                "leave `raw_bytes` out unless the chain's nodes need it",
            ));
            return None;
        }
    };
    Some(RawPolicy {
        dialect,
        max_bytes: max_bytes
            .and_then(|found| usize::try_from(found.value).ok())
            .unwrap_or(DEFAULT_MAX_BYTES),
    })
}

/// For how long a chain stays with a silent node, where nothing else is said.
const STICKY: Duration = Duration::from_secs(30);

/// Whether a chain is served to one node at a time: after how long to another one.
pub(in crate::config) fn sticky(
    section: &mut TableReader<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Duration> {
    let nodes = section.text("nodes", problems);
    let seconds = section.number("sticky_seconds", 1..=86_400, problems);
    match nodes.as_ref().map(|found| &*found.value) {
        Some("sticky") => {
            return Some(seconds.map_or(STICKY, |found| Duration::from_secs(found.value)));
        }
        None | Some("any") => {}
        Some(other) => {
            let span = nodes.as_ref().map_or(0..0, |found| found.span.clone());
            problems.push(Problem::at(
                span,
                format!("`{other}` is not a way to serve nodes"),
                "expected \"any\" or \"sticky\"",
                "\"any\", the default, serves all nodes of a chain; \"sticky\" serves one at a time",
            ));
            return None;
        }
    }
    if let Some(seconds) = seconds {
        problems.push(Problem::at(
            seconds.span,
            "`sticky_seconds` says nothing here",
            "every node of this chain is served",
            "add `nodes = \"sticky\"`, or remove the line",
        ));
    }
    None
}

pub(in crate::config) fn replicas(
    section: &mut TableReader<'_>,
    problems: &mut Vec<Problem>,
) -> Policy {
    let Some(found) = section.text("replicas", problems) else {
        return Policy::default();
    };
    match &*found.value {
        "failover" => Policy::Failover,
        "least-busy" => Policy::LeastBusy,
        other => {
            problems.push(Problem::at(
                found.span,
                format!("`{other}` is not a way to use replicas"),
                "expected \"failover\" or \"least-busy\"",
                "it only matters when several devices hold this chain's key; failover is the default",
            ));
            Policy::default()
        }
    }
}

pub(in crate::config) fn key_format(
    section: &mut TableReader<'_>,
    problems: &mut Vec<Problem>,
) -> KeyFormat {
    let Some(mut table) = section.section("key_format", problems) else {
        return KeyFormat::default();
    };
    let kind = table.required("type", "\"bech32\"", problems);
    // Prefixes stand beside `cosmos-json` in many files; they have no meaning there.
    let account = table.text("account_key_prefix", problems);
    let consensus = table.text("consensus_key_prefix", problems);
    for prefix in [&account, &consensus].into_iter().flatten() {
        if !crate::consensus::key_text::is_prefix(&prefix.value) {
            problems.push(Problem::at(
                prefix.span.clone(),
                "this is not a Bech32 prefix",
                "1 to 83 printable characters, no blanks, no capitals",
                "write the chain's prefix, as `cosmosvalconspub`",
            ));
        }
    }
    let span = table.span.clone();
    table.finish(problems);
    match kind {
        None => KeyFormat::default(),
        Some(kind) => match &*kind.value {
            "cosmos-json" => KeyFormat::CosmosJson,
            "hex" => KeyFormat::Hex,
            "bech32" => match (account, consensus) {
                (Some(account), Some(consensus)) => KeyFormat::Bech32 {
                    account: account.value,
                    consensus: consensus.value,
                },
                _ => {
                    problems.push(Problem::at(
                        span,
                        "`key_format` of type bech32 needs two prefixes",
                        "a prefix is missing",
                        "add `account_key_prefix = \"cosmospub\"` and `consensus_key_prefix = \"cosmosvalconspub\"`, \
                         with the prefixes of this chain",
                    ));
                    KeyFormat::default()
                }
            },
            other => {
                problems.push(Problem::at(
                    kind.span,
                    format!("`{other}` is not a key format"),
                    "expected \"bech32\", \"cosmos-json\" or \"hex\"",
                    "it only says how the public key is shown",
                ));
                KeyFormat::default()
            }
        },
    }
}
