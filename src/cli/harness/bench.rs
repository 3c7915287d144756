//! `tmkms harness bench`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;
use serde_json::json;

use crate::harness::bench::{BenchError, Measured, Plan, Series, measure};
use crate::harness::checks::SignerUnderTest;
use crate::os::files::replace::{Readers, create};
use crate::remedy::CommandLine;
use crate::text::count::count;

use super::super::report::{Failure, output, status};
use super::common::{Common, seconds};
use super::picture;

/// The exit code when the slowest median is above the bound.
const SLOW: u8 = 40;
/// The exit code when a request was not answered as it must be.
const WRONG: u8 = 41;
/// The exit code when nobody dials: that of the check `link`.
const NOBODY: u8 = 10;

/// Measure a signer that dials.
#[derive(Args)]
#[command(
    after_help = "The time of a request is what a node sees: from before it is written until its reply is read. Requests go \
                  one after the other over one link. Verdict: the slowest median of the types that sign is held against \
                  --bound-ms; Celestia asks for 10 ms.\n\n\
                  Exit codes: 0 within the bound, 1 the harness itself failed, 2 wrong usage, 10 nobody dialled,\n\
                  40 above the bound, 41 a request was refused, unanswered or wrongly signed\n\n\
                  Examples:\n  \
                  tmkms harness bench --listen tcp://127.0.0.1:26659 --chain-id harness-1\n  \
                  tmkms harness bench --listen unix:///tmp/harness.sock --chain-id harness-1 --seconds 30 --svg latency.svg\n  \
                  tmkms harness bench --listen tcp://127.0.0.1:26659 --chain-id harness-1 -n 200 --bound-ms 5 --json"
)]
pub(in crate::cli) struct Bench {
    #[command(flatten)]
    common: Common,
    /// How many requests of each type; 1000 unless --seconds is given
    #[arg(short, long = "number", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    number: Option<u64>,
    /// Stop after so many seconds
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,
    /// The bound of the verdict, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10.0)]
    bound_ms: f64,
    /// Draw the histograms into this new file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Failure> {
        let plan = Plan {
            count: match (self.number, self.seconds) {
                (Some(number), _) => number,
                (None, Some(_)) => u64::MAX,
                (None, None) => 1000,
            },
            time: match self.seconds {
                Some(number) => seconds("--seconds", number)?,
                None => Duration::MAX,
            },
        };
        let bound = Duration::try_from_secs_f64(self.bound_ms / 1000.0)
            .ok()
            .filter(|bound| !bound.is_zero())
            .ok_or_else(|| Failure::usage("--bound-ms is a number of milliseconds above 0"))?;
        if let Some(path) = self
            .svg
            .as_ref()
            .filter(|path| path.symlink_metadata().is_ok())
        {
            return Err(Failure::usage(format!(
                "{} exists; --svg makes a new file",
                path.display()
            )));
        }
        let mut subject = self.common.subject(|settings| settings)?;
        let mut progress = Progress::new(&plan);
        let measured = measure(&mut subject, &plan, |so_far| progress.show(so_far));
        progress.end();
        let measured = measured.map_err(|error| match error {
            BenchError::Gone(words) => Failure::check(NOBODY, words),
            BenchError::Failed(words) => {
                let (listen, chain) = (&*self.common.listen, &*self.common.chain_id);
                let run = ["harness", "run", "--listen", listen, "--chain-id", chain];
                let run = CommandLine::without_config(run);
                Failure::check(WRONG, words).hint(format!("`{run}` tells more"))
            }
        })?;
        let median = measured.slowest_median();
        match self.common.json {
            true => output(&format!(
                "{:#}\n",
                report(&subject, &measured, median, bound)
            ))?,
            false => output(&table(&measured))?,
        }
        if let Some(path) = &self.svg {
            save(path, &picture::svg(&measured, bound))?;
            status("Drawn", path.display());
        }
        match median {
            None => Ok(()),
            Some(median) if median <= bound => {
                status(
                    "Verdict",
                    format!("within the bound: {}", words(median, bound)),
                );
                Ok(())
            }
            Some(median) => Err(Failure::check(
                SLOW,
                format!("above the bound: {}", words(median, bound)),
            )),
        }
    }
}

fn words(median: Duration, bound: Duration) -> String {
    format!(
        "the slowest median is {:.3} ms, the bound {} ms",
        millis(median),
        millis(bound)
    )
}

fn save(path: &Path, text: &str) -> Result<(), Failure> {
    create(path, text.as_bytes(), Readers::Everyone)
        .map_err(|error| Failure::new(format!("{} cannot be made: {error}", path.display())))
}

const SHARES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

fn table(measured: &Measured) -> String {
    let mut text = format!("{:<25} {:>8}", "MILLISECONDS", "COUNT");
    for (name, _) in SHARES {
        text.push_str(&format!(" {name:>9}"));
    }
    text.push_str(&format!(" {:>9} {:>10}\n", "max", "PER SECOND"));
    for series in &measured.series {
        text.push_str(&format!(
            "{:<25} {:>8}",
            series.kind.as_str(),
            series.times.len()
        ));
        for (_, share) in SHARES {
            text.push_str(&format!(" {:>9.3}", millis(series.quantile(share))));
        }
        text.push_str(&format!(
            " {:>9.3} {:>10.0}\n",
            millis(series.quantile(1.0)),
            series.rate()
        ));
    }
    text.push_str(&histogram(measured));
    text.push_str(&format!(
        "\n{} in {:.1} s over one link, {:.0} per second with the verification of each signature\n",
        count(measured.requests(), "request"),
        measured.wall.as_secs_f64(),
        measured.requests() as f64 / measured.wall.as_secs_f64().max(1e-9)
    ));
    text
}

/// Those that sign, if any were measured.
fn shown(measured: &Measured) -> impl Iterator<Item = &Series> {
    let any = measured.slowest_median().is_some();
    measured
        .series
        .iter()
        .filter(move |series| series.kind.signs() || !any)
}

/// Rows of doubling width, each with a bar.
fn histogram(measured: &Measured) -> String {
    let mut all = Histogram::<u64>::new(3);
    if let Ok(all) = &mut all {
        shown(measured).for_each(|series| {
            let _ = all.add(&series.times);
        });
    }
    let Ok(all) = all else {
        return String::new();
    };
    let mut text = match measured.slowest_median() {
        Some(_) => "\nAll requests for a signature:\n".to_owned(),
        None => "\nAll requests:\n".to_owned(),
    };
    let (mut low, mut high) = (0_u64, 8_000_u64);
    while low < all.max() {
        let count = all.count_between(low, high.saturating_sub(1));
        if count > 0 {
            let share = count.saturating_mul(50).div_ceil(all.len().max(1));
            let bar = "#".repeat(usize::try_from(share).unwrap_or(0));
            let edge = |nanos: u64| nanos as f64 / 1e6;
            text.push_str(&format!(
                "{:>10.3} to {:>9.3} ms {count:>8}  {bar}\n",
                edge(low),
                edge(high)
            ));
        }
        (low, high) = (high, high.saturating_mul(2));
    }
    text
}

fn report(
    subject: &SignerUnderTest,
    measured: &Measured,
    median: Option<Duration>,
    bound: Duration,
) -> serde_json::Value {
    let series: Vec<_> = measured
        .series
        .iter()
        .map(|series| {
            let at = |share| millis(series.quantile(share));
            json!({
                "message": series.kind.as_str(),
                "signs": series.kind.signs(),
                "count": series.times.len(),
                "per_second": series.rate(),
                "milliseconds": {
                    "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p99.9": at(0.999), "max": at(1.0),
                    "mean": series.times.mean() / 1e6,
                },
            })
        })
        .collect();
    json!({
        "chain_id": subject.settings().chain_id,
        "key_type": subject.key().map(|key| key.kind.clone()),
        "extension_bytes": subject.settings().extension_bytes,
        "seconds": measured.wall.as_secs_f64(),
        "slowest_median_ms": median.map(millis),
        "bound_ms": millis(bound),
        "within_bound": median.map(|median| median <= bound),
        "series": series,
    })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A line on standard error: rewritten on a terminal, one every second otherwise.
struct Progress {
    count: Option<u64>,
    time: Option<Duration>,
    terminal: bool,
    last: Instant,
}

impl Progress {
    fn new(plan: &Plan) -> Self {
        Self {
            count: Some(plan.count).filter(|count| *count != u64::MAX),
            time: Some(plan.time).filter(|time| *time != Duration::MAX),
            terminal: std::io::stderr().is_terminal(),
            last: Instant::now(),
        }
    }

    fn show(&mut self, measured: &Measured) {
        let period = if self.terminal { 100 } else { 1000 };
        if self.last.elapsed() < Duration::from_millis(period) {
            return;
        }
        self.last = Instant::now();
        let Some(last) = shown(measured).last() else {
            return;
        };
        let of = match (self.count, self.time) {
            (Some(count), _) => format!(" of {count}"),
            (None, Some(time)) => format!(
                ", {:.0} of {} s",
                measured.wall.as_secs_f64(),
                time.as_secs_f64()
            ),
            (None, None) => String::new(),
        };
        let line = format!(
            "{}{of} of each type; {} at p50 {:.3} ms, p99 {:.3} ms",
            last.times.len(),
            last.kind.as_str(),
            millis(last.quantile(0.5)),
            millis(last.quantile(0.99))
        );
        match self.terminal {
            true => {
                let _ = write!(std::io::stderr(), "\r\x1b[K{:>12} {line}", "Measuring");
            }
            false => status("Measuring", line),
        }
    }

    fn end(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
