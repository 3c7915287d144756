//! `tmkms start`.

use std::sync::Arc;

use clap::builder::EnumValueParser;
use clap::{Args, ValueEnum};
use tracing::{error, info, warn};

use crate::config::{self, Config, Log};
use crate::observe::log::{self, LogFormat};
use crate::os::process::handover;
use crate::os::process::harden::{forbid_core_dumps, harden};
use crate::os::process::signals::Signals;
use crate::secret_file::{self, Variable, Variables};
use crate::service::{self, Again, LogOverruled, ServiceError};
use crate::settings::KnownDevices;
use crate::threads::{Reloads, STACK, Shutdown, spawn};

use super::color;
use super::config_file::ConfigFile;
use super::container::Hidden;
use super::report::{Exit, Failure};
use super::typed::empty_variable::EmptyVariable;

/// Sign until told to stop.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms start -c /etc/tmkms/tmkms.toml\n  TMKMS_LOG=debug tmkms start\n  \
                  tmkms start --log-format json 2>&1 | jq 'select(.event == \"refused\")'"
)]
pub(super) struct Start {
    #[command(flatten)]
    config: ConfigFile,
    /// Log more: the public key and pings, too
    #[arg(short, long)]
    verbose: bool,
    /// For whom the log is
    #[arg(
        long,
        env = "TMKMS_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "auto",
        value_parser = EmptyVariable { parser: EnumValueParser::new(), unset: Readers::Auto }
    )]
    log_format: Readers,
    /// Stop when standard input ends: with the process that started it, however that one ends
    #[arg(long, hide = true)]
    until_eof: bool,
}

/// Who reads the log.
#[derive(Clone, Copy, ValueEnum)]
enum Readers {
    /// For journald where it reads standard error, otherwise for people
    Auto,
    /// For people: time, level, message
    Text,
    /// For programs: one JSON object a line
    Json,
    /// For journald, which has its own clock: the level as sd-daemon(3) writes it, and the message
    Journald,
}

impl Readers {
    /// What they read; `journal` is the variable by which systemd says what standard error is.
    fn format(self, journal: &str) -> LogFormat {
        match self {
            Readers::Auto => LogFormat::of_stderr(journal),
            Readers::Text => LogFormat::Text,
            Readers::Json => LogFormat::Json,
            Readers::Journald => LogFormat::Journald,
        }
    }
}

/// What the command line and the variables say of the log, which counts more than what the file says.
struct Logging {
    filter: Option<String>,
    readers: Readers,
    /// What systemd says standard error is.
    journal: String,
}

impl Logging {
    /// How much is logged, and for whom, where the file says this.
    fn of(&self, file: &Log) -> (String, LogFormat) {
        let filter = self.filter.clone().or_else(|| file.level.clone());
        let format = match (self.readers, file.format) {
            (Readers::Auto, Some(format)) => format,
            (readers, _) => readers.format(&self.journal),
        };
        (filter.unwrap_or_else(|| "info".to_owned()), format)
    }
}

impl Start {
    fn logging(&self) -> Logging {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let filter = match self.verbose {
            true => Some("debug".to_owned()),
            false => variable("TMKMS_LOG").or_else(|| variable("RUST_LOG")),
        };
        Logging {
            filter,
            readers: self.log_format,
            journal: variable("JOURNAL_STREAM").unwrap_or_default(),
        }
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        // Before any thread, so that all of them leave signals to the one that reads them.
        let signals =
            Signals::block().map_err(|error| Failure::new(ServiceError::Signals(error)))?;
        // Before any secret is read; `harden` tells what could not be done.
        forbid_core_dumps();
        let variables = handed_over()?;
        let devices = KnownDevices::default();
        let config = self.config.load_to_serve(variables.clone(), &devices)?;
        // Also before any thread: this program may be executed again here.
        let exposed = self.take_out_of_environment(&config);
        let logging = self.logging();
        let (filter, format) = logging.of(&config.log);
        let log = log::start(&filter, format, color::on_stderr());
        let (version, commit) = (crate::VERSION, crate::COMMIT);
        info!(
            event = "starting",
            version, commit, "tmkms {version} starts"
        );
        for warning in &config.warning_lines {
            warn!(event = "configuration", "{warning}");
        }
        if let Some(hidden) = Hidden::locks_here(&config) {
            warn!(event = "configuration", "{hidden}");
        }
        for warning in harden().into_iter().chain(exposed) {
            warn!(event = "hardening", "{warning}");
        }
        let stop = Arc::new(Shutdown::default());
        if self.until_eof {
            ring_at_eof(&stop)?;
        }
        let (reloads, inbox) = Reloads::channel();
        let dial = log.dial();
        let is_place = config::is_place(&self.config.config);
        let again = Again {
            dropped: log.dropped(),
            reloads: reloads.clone(),
            inbox,
            read: Box::new(move || {
                match is_place {
                true => self.config.load_again(variables.clone(), &devices),
                false => Err(
                    "the configuration came through a pipe, which cannot be read again; restart tmkms"
                        .to_owned(),
                ),
            }
            }),
            overruled: LogOverruled {
                level: logging.filter.is_some(),
                format: !matches!(logging.readers, Readers::Auto),
            },
            log: Box::new(move |now| {
                let (filter, format) = logging.of(now);
                dial.turn(&filter, format);
            }),
        };
        let ended = service::watch_signals(signals, &stop, reloads)
            .and_then(|()| service::run(config, again, &stop));
        ended.map_err(|error| {
            // The last line of a log for programs is one for programs, too.
            let told = tracing::enabled!(tracing::Level::ERROR);
            error!(event = "ended", "tmkms ends: {error}");
            match told {
                true => Failure::told(Exit::Failed, error),
                false => Failure::new(error),
            }
        })
    }

    /// Takes the secrets that the configuration names out of this process's environment, which others may read as long as
    /// it runs. Only the execution of a program makes a new environment, so this returns where there is nothing to take
    /// out, or with the reason why it could not be done.
    fn take_out_of_environment(&self, config: &Config) -> Option<String> {
        let there: Vec<&str> = config
            .variables
            .iter()
            .filter(|variable| variable.is_in_environment())
            .map(Variable::name)
            .collect();
        if there.is_empty() {
            return None;
        }
        let why = match config::is_place(&self.config.config) {
            true => {
                let values = secret_file::encode(&config.variables);
                handover::execute_again(&values, there.iter().copied()).to_string()
            }
            false => "the configuration came through a pipe, which cannot be read again".to_owned(),
        };
        Some(format!(
            "what is secret in env:{} stays readable in /proc/{}/environ while this process runs: {why}; keep it in files or \
             systemd credentials",
            there.join(" and env:"),
            std::process::id()
        ))
    }
}

/// The secrets that this program took out of its environment before it executed itself.
fn handed_over() -> Result<Variables, Failure> {
    let Ok(place) = std::env::var(handover::VARIABLE) else {
        return Ok(Variables::default());
    };
    let bytes = handover::take(&place).map_err(|error| {
        Failure::new(format!(
            "the secrets of the variables cannot be read as they were handed over: {error}; start tmkms again"
        ))
    })?;
    Ok(bytes.map_or_else(Variables::default, |bytes| Variables::decode(&bytes)))
}

fn ring_at_eof(stop: &Arc<Shutdown>) -> Result<(), Failure> {
    let stop = stop.clone();
    let thread = spawn("eof", STACK, move || {
        // An error is an end, too.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        stop.trigger();
    });
    thread
        .map(drop)
        .map_err(|error| Failure::new(format!("no thread: {error}")))
}
