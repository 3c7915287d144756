//! `floor` and `doppelganger` of a [[chain]]: what follows from what its nodes say of our votes.

use crate::gate::word::settings::{FloorMode, GuardSettings, SecondSigner};
use crate::settings::{Problem, Spanned, TableReader};

/// As it is written.
pub(in crate::config) struct RawGuard {
    floor: Option<Spanned<FloorMode>>,
    blocks: Option<Spanned<u64>>,
    second: Option<Spanned<SecondSigner>>,
}

pub(in crate::config) fn read(
    section: &mut TableReader<'_>,
    problems: &mut Vec<Problem>,
) -> RawGuard {
    let floor = [
        ("off", FloorMode::Off),
        ("warn", FloorMode::Warn),
        ("refuse", FloorMode::Refuse),
    ];
    let second = [("pause", SecondSigner::Pause), ("warn", SecondSigner::Warn)];
    RawGuard {
        floor: word(section, "floor", &floor, problems),
        blocks: section.number("doppelganger_blocks", 0..=1_000, problems),
        second: word(section, "doppelganger", &second, problems),
    }
}

/// One of several words.
fn word<T: Copy>(
    section: &mut TableReader<'_>,
    key: &'static str,
    words: &[(&str, T)],
    problems: &mut Vec<Problem>,
) -> Option<Spanned<T>> {
    let found = section.text(key, problems)?;
    let meant = words.iter().find(|(word, _)| *word == found.value);
    let Some((_, value)) = meant else {
        let known: Vec<String> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        problems.push(Problem::at(
            found.span,
            format!("`{}` is nothing that `{key}` can be", found.value),
            format!("expected {}", known.join(" or ")),
            "see tmkms.toml.example, or leave the line out",
        ));
        return None;
    };
    Some(Spanned {
        value: *value,
        span: found.span,
    })
}

/// With whom a chain is signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Company {
    /// This host alone.
    None,
    /// Other hosts, by a watermark that is shared in etcd.
    Etcd,
    /// Other hosts, which have the other shares of the key.
    Members,
}

/// What it means for a chain that has `rpc` or not.
pub(in crate::config) fn meaning(
    written: &RawGuard,
    has_rpc: bool,
    company: Company,
    problems: &mut Vec<Problem>,
) -> GuardSettings {
    let RawGuard {
        floor,
        blocks,
        second,
    } = written;
    let spans = [
        ("floor", floor.as_ref().map(|found| found.span.clone())),
        (
            "doppelganger_blocks",
            blocks.as_ref().map(|found| found.span.clone()),
        ),
        (
            "doppelganger",
            second.as_ref().map(|found| found.span.clone()),
        ),
    ];
    for (key, span) in spans {
        let Some(span) = span else {
            continue;
        };
        if !has_rpc {
            problems.push(Problem::at(
                span,
                format!("`{key}` has nobody to ask"),
                "this [[chain]] has no `rpc`",
                "add `rpc = [\"http://127.0.0.1:26657\"]` with the RPC addresses of nodes, or remove the line",
            ));
        } else if key != "floor" {
            let (with, label, help) = match company {
                Company::None => continue,
                Company::Etcd => (
                    "`store = \"etcd\"`",
                    "hosts that share the watermark sign for each other",
                    "remove the line: etcd keeps them from signing against each other",
                ),
                Company::Members => (
                    "shares of a key",
                    "members sign votes of which this one does not know",
                    "remove the line: a vote that this member had no part in is no second signer",
                ),
            };
            problems.push(Problem::at(
                span,
                format!("`{key}` does not go with {with}"),
                label,
                help,
            ));
        }
    }
    let blocks = blocks.as_ref().map_or(0, |found| found.value);
    GuardSettings {
        floor: match has_rpc {
            false => FloorMode::Off,
            true => floor.as_ref().map(|found| found.value).unwrap_or_default(),
        },
        blocks: u32::try_from(blocks).unwrap_or(u32::MAX),
        second: match company {
            Company::Etcd | Company::Members => SecondSigner::Ignore,
            Company::None => second.as_ref().map(|found| found.value).unwrap_or_default(),
        },
    }
}
