//! `tmkms cosign status`: which members are there, how far away they are, and what may still fail.

use clap::Args;

use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, columns, output};
use crate::cli::state::chain::find;
use crate::cli::status::{ask, other_service};
use crate::config::Config;
use crate::observe::status::{
    ChainStatus, CosignerStatus, CosignersStatus, ServiceStatus, humanize,
};
use crate::text::excerpt::printable;

/// Show which members of a shared key the running service sees, and what may still fail
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms cosign status -c tmkms.toml\n  tmkms cosign status cosmoshub-4\n  \
                  tmkms status --json | jq '.chains[].cosigners'\n\n\
                  Exit code 0: of each chain that is shown as many members as are needed are there, this one included. 1: too few are, the \
                  chain is not armed, or the service does not run. What else somebody should look at changes no exit code."
)]
pub(in crate::cli) struct CosignStatus {
    #[command(flatten)]
    config: ConfigFile,
    /// Only this chain
    chain: Option<String>,
}

impl CosignStatus {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        if let Some(chain) = &self.chain {
            find(&config, chain)?;
        }
        let shares = shares(&config, self.chain.as_deref())?;
        let answer = ask(&config)?;
        let mut failing = Vec::new();
        let mut text = String::new();
        for id in shares {
            let chain = chain_of(&answer, &id).ok_or_else(|| {
                Failure::new(format!("the running service does not know chain {id}"))
                    .hint(other_service(&config))
            })?;
            let (told, well) = shown(chain);
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&told);
            if !well {
                failing.push(id);
            }
        }
        output(&printable(&text))?;
        match failing.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "nothing is signed for {}",
                failing.join(", ")
            ))),
        }
    }
}

/// The chains of whose keys this host has a share, by the configuration.
fn shares(config: &Config, only: Option<&str>) -> Result<Vec<String>, Failure> {
    let asked = |id: &str| only.is_none_or(|only| only == id);
    let chains = config.chains.iter();
    let chains = chains.filter(|chain| chain.key.traits().is_share && asked(chain.id.as_str()));
    let ids: Vec<String> = chains.map(|chain| chain.id.to_string()).collect();
    match (ids.is_empty(), only) {
        (false, _) => Ok(ids),
        (true, Some(chain)) => Err(Failure::new(format!(
            "the key of {chain} is not in shares: there is no [[providers.cosign]] for it"
        ))),
        (true, None) => Err(Failure::new(
            "no key of this configuration is in shares: there is no [[providers.cosign]]",
        )),
    }
}

fn chain_of<'a>(answer: &'a ServiceStatus, id: &str) -> Option<&'a ChainStatus> {
    answer.chains.iter().find(|chain| chain.id == id)
}

/// The members of one chain, and whether as many as are needed are there.
fn shown(chain: &ChainStatus) -> (String, bool) {
    let id = &chain.id;
    let Some(seen) = &chain.cosigners else {
        let why = chain.not_armed.as_deref();
        let why =
            why.unwrap_or("the service does not tell; it has another version than this command");
        return (
            format!("{id}: not armed, so it has no links to other members: {why}\n"),
            false,
        );
    };
    let mut text = format!("{id}: {}\n", seen.summary());
    if let Some(counts) = seen.counts() {
        text.push_str(&format!("  {counts}\n"));
    }
    for line in columns(&rows(seen)).lines() {
        text.push_str(&format!("  {line}\n"));
    }
    for concern in seen.serious().into_iter().chain(seen.concerns()) {
        text.push_str(&format!("  look at: {concern}\n"));
    }
    (text, seen.too_few().is_none())
}

const HEAD: [&str; 11] = [
    "MEMBER",
    "ADDRESS",
    "LINK",
    "ROUND TRIP",
    "NONCES",
    "SHARES",
    "LOCKED",
    "REFUSED",
    "LATE",
    "BAD",
    "BEHIND",
];

/// All members by their ids, this one with them.
fn rows(seen: &CosignersStatus) -> Vec<Vec<String>> {
    let mut own = vec![
        seen.own.to_string(),
        seen.listens.clone().unwrap_or_else(|| "-".to_owned()),
        "this host".to_owned(),
    ];
    own.resize(HEAD.len(), "-".to_owned());
    let mut members: Vec<(u16, Vec<String>)> = vec![(seen.own, own)];
    members.extend(seen.others.iter().map(|other| (other.id, row(other))));
    members.sort_by_key(|(id, _)| *id);
    let head = HEAD.map(str::to_owned).to_vec();
    let rows = members.into_iter().map(|(_, row)| row);
    [head].into_iter().chain(rows).collect()
}

fn row(other: &CosignerStatus) -> Vec<String> {
    let none = || "-".to_owned();
    let state = if other.up { "up" } else { "down" };
    let time = other.round_trip_ms.filter(|_| other.up);
    vec![
        other.id.to_string(),
        other.address.clone(),
        format!("{state} {}", humanize(other.since_seconds)),
        time.map_or_else(none, |time| format!("{time:.1} ms")),
        other.nonces.to_string(),
        format!("{} of {}", other.shares, other.asked),
        other.locked.to_string(),
        (other.refused + other.lost).to_string(),
        other.late.to_string(),
        other.bad.to_string(),
        other
            .heights_behind
            .map_or_else(none, |behind| behind.to_string()),
    ]
}
