//! `tmkms status`: asks the running service.

use clap::Args;

use crate::config::Config;
use crate::observe::serve::control;
use crate::observe::status::{ChainStatus, LinkStatus, ServiceStatus, humanize};
use crate::remedy::Commands;
use crate::service::NOTICED;
use crate::text::excerpt::printable;

use super::config_file::ConfigFile;
use super::report::{Failure, output};

/// What the running service does.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms status -c tmkms.toml\n  tmkms status --json | jq '.chains[] | select(.armed | not) | .id'\n\n\
                  Exit code 0: the service runs and every chain is armed (with --ready: and linked). 1: it does not run, or a chain is in \
                  trouble."
)]
pub(super) struct Status {
    #[command(flatten)]
    config: ConfigFile,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Say only whether every chain can answer a node: armed, and linked
    #[arg(long, conflicts_with = "json")]
    ready: bool,
    /// With --ready: ask only about these chains
    #[arg(long, value_name = "CHAIN", value_delimiter = ',', requires = "ready")]
    expect: Vec<String>,
}

impl Status {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let answer = ask(&config)?;
        if self.ready {
            return ready(&answer, &self.expect);
        }
        if self.json {
            let text = serde_json::to_string_pretty(&answer).map_err(|error| {
                Failure::new(format!("the answer cannot be written as JSON: {error}"))
            })?;
            output(&format!("{text}\n"))?;
        } else {
            output(&printable(&shown(&answer, &config.commands)))?;
        }
        let troubled: Vec<&str> = answer
            .chains
            .iter()
            .filter(|chain| chain.trouble.is_some())
            .map(|chain| chain.id.as_str())
            .collect();
        match troubled.as_slice() {
            [] => Ok(()),
            some => Err(Failure::new(format!(
                "{} of {} chains in trouble: {}",
                some.len(),
                answer.chains.len(),
                some.join(", ")
            ))),
        }
    }
}

/// For health checks: exit code 0 or 1, and a line for each chain that is not ready.
fn ready(answer: &ServiceStatus, expected: &[String]) -> Result<(), Failure> {
    let asked = |id: &str| expected.is_empty() || expected.iter().any(|expected| expected == id);
    let failing = answer.chains.iter().filter(|chain| asked(&chain.id));
    let mut failing: Vec<String> = failing
        .filter_map(|chain| Some(format!("{}: {}", chain.id, chain.not_ready.as_ref()?)))
        .collect();
    for id in expected {
        if !answer.chains.iter().any(|chain| chain.id == *id) {
            failing.push(format!("{id}: no such chain in the configuration"));
        }
    }
    match failing.is_empty() {
        true => output("ready\n"),
        false => Err(Failure::new(format!("not ready: {}", failing.join("; ")))),
    }
}

fn ask(config: &Config) -> Result<ServiceStatus, Failure> {
    control::ask(&config.control).map_err(|error| {
        let path = config.control.display();
        Failure::new(format!(
            "no service answers for {} (at {path}: {error})",
            config.name
        ))
        .hint(format!(
            "start it with `{}`; if it runs, ask as the same user and with the same configuration file",
            config.commands.line(["start"])
        ))
    })
}

/// The service of this configuration, if it runs.
pub(super) fn service_of(config: &Config) -> Option<ServiceStatus> {
    control::ask(&config.control).ok()
}

/// Its process.
pub(super) fn process_of(config: &Config) -> Option<u32> {
    service_of(config).map(|service| service.pid)
}

fn shown(answer: &ServiceStatus, commands: &Commands) -> String {
    let mut text = format!(
        "tmkms {} ({}) runs as process {} for {}, up {}\n",
        answer.version,
        answer.commit,
        answer.pid,
        answer.config,
        humanize(answer.uptime_seconds)
    );
    if let Some(trouble) = &answer.trouble {
        text.push_str(&format!("trouble: {trouble}\n"));
    }
    for chain in &answer.chains {
        text.push_str(&chain_lines(chain, commands));
    }
    text
}

fn chain_lines(chain: &ChainStatus, commands: &Commands) -> String {
    let state = match (chain.armed, &chain.trouble) {
        (true, None) => "armed",
        (true, Some(_)) => "armed, in trouble",
        (false, _) => "NOT ARMED",
    };
    let mut text = format!("\n{}: {state}\n", chain.id);
    let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:<10} {value}\n"));
    if let Some(trouble) = &chain.trouble {
        line("trouble", trouble);
    }
    if !chain.armed {
        line("", NOTICED);
    }
    match chain.held {
        true => line("watermark", chain.watermark_in_words()),
        false => line(
            "watermark",
            &format!(
                "{}; `{}` reads the state file",
                chain.watermark_in_words(),
                commands.line(["state", "show", &chain.id])
            ),
        ),
    }
    match (&chain.public_key, &chain.address) {
        (Some(key), Some(address)) => {
            line("key", &format!("{key} (address {address}), {}", chain.key));
        }
        _ => line("key", &chain.key),
    }
    for device in &chain.devices {
        line("device", &format!("{} {}", device.name, device.line()));
    }
    if let Some(backup) = &chain.backup {
        line("backup", backup);
    }
    line("state", &chain.state_file);
    if let Some(shared) = &chain.shared {
        for (at, part) in shared.lines().iter().enumerate() {
            line(if at == 0 { "shared" } else { "" }, part);
        }
    }
    if chain.history.missed_heights > 0 {
        let missed = format!("{} heights since the start", chain.history.missed_heights);
        line("missed", &missed);
    }
    for link in &chain.links {
        for (at, part) in link_lines(link).iter().enumerate() {
            line(if at == 0 { "node" } else { "" }, part);
        }
    }
    text
}

fn link_lines(link: &LinkStatus) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {} for {}, {} connects, {} signed, {} replayed, {} refused, {} failed",
        link.addr,
        link.state,
        humanize(link.since_seconds),
        link.connects,
        link.signed,
        link.replayed,
        link.refused,
        link.failed
    )];
    if let Some(trouble) = &link.trouble {
        lines.push(format!("why: {}", trouble.message));
    }
    if let Some(last) = &link.last_signed {
        lines.push(format!(
            "last signed {} {} ago in {:.2} ms",
            last.position,
            humanize(last.seconds_ago),
            last.took_ms
        ));
    }
    if let Some(last) = &link.last_refusal {
        lines.push(format!(
            "last refused ({}) {} ago: {}",
            last.code,
            humanize(last.seconds_ago),
            last.message
        ));
    }
    lines
}
