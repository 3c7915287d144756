//! `tmkms harness run`.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::harness::checks::{CHECKS, Outcome, Row, SignerUnderTest, examine};
use crate::text::count::count;

use super::super::report::{Failure, output, status};
use super::common::Common;

/// Test a signer that dials.
#[derive(Args)]
#[command(after_help = after_help())]
pub(in crate::cli) struct Run {
    #[command(flatten)]
    common: Common,
    /// How long the link is kept with nothing but pings, in seconds; a node pings every 3.3
    #[arg(long, value_name = "S", default_value_t = 7.0)]
    keep_alive: f64,
    /// Do only these checks
    #[arg(long, value_name = "CHECK,...", value_delimiter = ',', value_parser = names(), hide_possible_values = true)]
    only: Vec<String>,
    /// Leave these checks out
    #[arg(long, value_name = "CHECK,...", value_delimiter = ',', value_parser = names(), hide_possible_values = true)]
    skip: Vec<String>,
}

fn names() -> clap::builder::PossibleValuesParser {
    CHECKS
        .iter()
        .map(|check| check.name)
        .collect::<Vec<_>>()
        .into()
}

fn after_help() -> String {
    let mut text = "Exit codes: 0 all passed, 1 the harness itself failed, 2 wrong usage; of several checks that \
                    failed the first one counts:\n\n"
        .to_owned();
    for check in CHECKS {
        let _ = writeln!(text, "  {}  {:<18} {}", check.code, check.name, check.what);
    }
    text.push_str(
        "\nExamples:\n  \
         tmkms harness run --listen tcp://127.0.0.1:26659 --chain-id harness-1\n  \
         tmkms harness run --listen unix:///tmp/harness.sock --chain-id harness-1 --skip skip-extension --json\n  \
         tmkms harness run --listen tcp://0.0.0.0:26659 --chain-id my-testnet-1        only public key and ping\n\n\
         docs/harness.md says what to configure in the signer.",
    );
    text
}

impl Run {
    pub(super) fn run(self) -> Result<(), Failure> {
        let json = self.common.json;
        let keep_alive = Duration::try_from_secs_f64(self.keep_alive)
            .ok()
            .filter(|time| *time <= Duration::from_secs(86_400))
            .ok_or_else(|| Failure::usage("--keep-alive is a number of seconds from 0 to 86400"))?;
        let mut subject = self
            .common
            .subject(|settings| crate::harness::checks::Settings {
                keep_alive,
                only: self.only.clone(),
                skip: self.skip.clone(),
                ..settings
            })?;
        let mut told = Ok(());
        if !json {
            told = output(&format!(
                "{:<5} {:<18} {:<6} {:>9}  {}\n",
                "CODE", "CHECK", "RESULT", "TIME", "WHY"
            ));
        }
        let rows = examine(&mut subject, |row| match json {
            true if row.result == Outcome::NotApplicable => {}
            true => status(row.result.as_str(), row.name),
            false if told.is_ok() => told = output(&line(row)),
            false => {}
        });
        told?;
        if json {
            output(&format!("{:#}\n", report(&subject, &rows)))?;
        }
        verdict(&rows)
    }
}

fn line(row: &Row) -> String {
    format!(
        "{:<5} {:<18} {:<6} {:>6.1} ms  {}\n",
        row.code,
        row.name,
        row.result.as_str(),
        row.took.as_secs_f64() * 1000.0,
        row.reason
    )
}

fn report(subject: &SignerUnderTest, rows: &[Row]) -> serde_json::Value {
    let checks: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "code": row.code,
                "name": row.name,
                "result": row.result.as_str().to_ascii_lowercase(),
                "reason": row.reason,
                "milliseconds": row.took.as_secs_f64() * 1000.0,
            })
        })
        .collect();
    let key = subject.key();
    json!({
        "chain_id": subject.settings().chain_id,
        "signed": subject.settings().may_sign,
        "key_type": key.map(|key| key.kind.clone()),
        "address": key.and_then(|key| key.address()).map(|address| address.to_string()),
        "exit_code": first_failed(rows).map_or(0, |row| row.code),
        "checks": checks,
    })
}

fn first_failed(rows: &[Row]) -> Option<&Row> {
    rows.iter().find(|row| row.result == Outcome::Fail)
}

fn verdict(rows: &[Row]) -> Result<(), Failure> {
    let of = |result| rows.iter().filter(|row| row.result == result).count();
    status(
        "Done",
        format!(
            "{} passed, {} failed, {} did not apply",
            count(of(Outcome::Pass), "check"),
            of(Outcome::Fail),
            of(Outcome::NotApplicable)
        ),
    );
    match first_failed(rows) {
        None => Ok(()),
        Some(row) => Err(Failure::check(
            row.code,
            format!("check `{}` failed: {}", row.name, row.reason),
        )
        .hint(format!(
            "exit code {}; docs/harness.md tells what each check asks",
            row.code
        ))),
    }
}
