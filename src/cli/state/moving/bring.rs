//! `tmkms state move in`: shows a bundle, asks, and arms its chain here, once.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, status};
use crate::cli::state::chain::{place, unusable};
use crate::cli::state::height::{HeightSource, Sure};
use crate::cli::takeover::nearby::not_against_evidence;
use crate::config::{ChainConfig, Config};
use crate::consensus::Height;
use crate::gate::watermark::Watermark;
use crate::migrate::moving::bundle::{Bundle, BundleError};
use crate::migrate::moving::bundle_file::{self, BundleNotRead};
use crate::migrate::moving::take_in::{self, Arrival, Known, NotTakenIn};
use crate::migrate::moving::terms::Terms;
use crate::migrate::watermarks::shown;
use crate::observe::serve::control::{self, MoveAnswer};
use crate::observe::status::humanize;
use crate::os::clock::{Clock, SystemClock};
use crate::terminal::Terminal;
use crate::text::date::Date;

use super::etcd::not_in_etcd;
use super::one_key::has_one_key;
use super::paused::paused;
use super::service;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state move in -c tmkms.toml cosmoshub-4.bundle\n  \
                  tmkms state move in -c tmkms.toml cosmoshub-4.bundle --yes   (where there is no terminal)\n\n\
                  The chain of the bundle must be in the configuration, with the same key. A bundle is taken in once; this host cannot \
                  know whether another one has taken it in, too."
)]
pub(in crate::cli) struct In {
    #[command(flatten)]
    config: ConfigFile,
    /// The bundle that `state move out` made
    file: PathBuf,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Take back the bundle that this host made, or believe one although a state file nearby says more: the chain id again
    #[arg(long, value_name = "CHAIN")]
    insist: Option<String>,
    #[command(flatten)]
    sure: Sure,
}

impl In {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let (bundle, exposed) = bundle_file::read(&self.file).map_err(unreadable)?;
        if let Some(exposed) = exposed {
            status("Careful", exposed);
        }
        let config = self.config.load()?;
        let chain = self.chain(&config, &bundle)?;
        has_one_key(chain)?;
        not_in_etcd(&config, chain)?;
        let runs = service::has(&config, chain);
        let place = match runs {
            // The service compares it with the key that it has, which may be in a device of which it has the only session.
            true if !chain.key.traits().is_share => chain.place(bundle.public_key.clone()),
            _ => place(chain)?,
        };
        let now = SystemClock.now().wall;
        let not = |error| not_taken_in(&config, error);
        let known = take_in::look(&place).map_err(not)?;
        let arrival = take_in::judge(&bundle, &place, known.as_ref(), now).map_err(not)?;
        let insist = self.insist.as_deref();
        not_against_evidence(&config, chain, &place, &arrival.watermark, insist)?;
        tell(chain, &bundle, known.as_ref(), &arrival, now);
        self.is_plausible(&bundle, known.as_ref(), &arrival, terminal)?;
        self.confirm(chain, &arrival, terminal)?;
        let taken_in = match runs {
            true => in_the_service(&config, chain, &bundle)?,
            false => TakenIn {
                watermark: take_in::take_in(&place, &bundle, SystemClock.now().wall)
                    .map_err(not)?
                    .shown(),
                trouble: None,
            },
        };
        status(
            "Taken in",
            format!(
                "chain {}: goes on above {}; bundle {} is not taken in here again",
                chain.id, taken_in.watermark, bundle.moved.bundle
            ),
        );
        if let Some(why) = taken_in.trouble {
            return Err(Failure::new(format!(
                "chain {} was taken in, and the running service does not sign for it yet: {why}",
                chain.id
            )));
        }
        match (runs, paused(&config, chain)) {
            (_, Some(pause)) => {
                let resume = config.commands.line(["resume", chain.id.as_str()]);
                let paused = format!("chain {} is {pause}; `{resume}` ends that", chain.id);
                status("Paused", paused);
            }
            (true, None) => status(
                "Armed",
                format!("chain {}: the running service signs for it", chain.id),
            ),
            (false, None) => {}
        }
        if !runs {
            status("Next", format!("`{}`", config.commands.line(["start"])));
        }
        Ok(())
    }

    fn chain<'a>(&self, config: &'a Config, bundle: &Bundle) -> Result<&'a ChainConfig, Failure> {
        let mut chains = config.chains.iter();
        let found = chains.find(|chain| chain.id == bundle.chain_id);
        found.ok_or_else(|| {
            Failure::usage(format!(
                "{} is a bundle of chain {}, and {} has no such [[chain]]",
                self.file.display(),
                bundle.chain_id,
                config.name
            ))
            .hint("add it with its node and the key of the bundle, and repeat the command; or name the right bundle")
        })
    }

    /// A height with a digit too many would silence the chain for good.
    fn is_plausible(
        &self,
        bundle: &Bundle,
        known: Option<&Known>,
        arrival: &Arrival,
        terminal: &mut dyn Terminal,
    ) -> Result<(), Failure> {
        let here = known.map_or(0, |known| known.used_up.watermark().height());
        let height = arrival.watermark.height();
        let Some(height) = Height::new(height).filter(|_| height > here) else {
            return Ok(());
        };
        // What the key signed is known.
        let proven = match &bundle.watermark {
            Watermark::Message(last) => last.signature().is_some(),
            Watermark::Never | Watermark::UpTo(_) => false,
        };
        let known = match proven {
            true => Some(height),
            false => Height::new(here),
        };
        let source = HeightSource::File(&self.file);
        self.sure
            .of(height, source, known, &bundle.chain_id, terminal)
    }

    /// Asks what this host cannot know.
    fn confirm(
        &self,
        chain: &ChainConfig,
        arrival: &Arrival,
        terminal: &mut dyn Terminal,
    ) -> Result<(), Failure> {
        match arrival.comes_back {
            true => self.takes_back(chain.id.as_str(), terminal),
            false => self.is_nowhere_else(terminal),
        }
    }

    fn is_nowhere_else(&self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        let question = "Was this bundle taken in on no other host, and will it never be? No host can know that of another.";
        if !terminal.is_interactive() {
            return Err(
                Failure::new("nothing was changed: there is no terminal to ask on").hint(format!(
                    "the question is: {question} Repeat the command with `--yes` if the answer is yes; etcd keeps two hosts apart \
                     (docs/two-hosts.md)"
                )),
            );
        }
        let sure = terminal.confirm(question).map_err(not_read)?;
        match sure {
            true => Ok(()),
            false => Err(Failure::new("nothing was changed")),
        }
    }

    /// The bundle was made to be taken in elsewhere, so a yes is typed too easily.
    fn takes_back(&self, chain: &str, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        if self.insists_on(chain) {
            return Ok(());
        }
        let danger = format!(
            "this host made the bundle and would take chain {chain} back; if any other host took it in, both sign, and this host \
             cannot know that"
        );
        if !terminal.is_interactive() {
            return Err(
                Failure::new(format!("nothing was changed: {danger}")).hint(format!(
                    "if no host did and none will, repeat the command with `--insist {chain}`; otherwise bring the bundle that the \
                     other host makes"
                )),
            );
        }
        let typed = terminal
            .ask(&format!(
                "{danger}. If no host did and none will, type the chain id:"
            ))
            .map_err(not_read)?;
        match typed.is_some_and(|typed| typed.trim() == chain) {
            true => Ok(()),
            false => Err(Failure::new(
                "that is not the chain id; nothing was changed",
            )),
        }
    }

    fn insists_on(&self, chain: &str) -> bool {
        self.insist.as_deref() == Some(chain)
    }
}

fn not_read(error: std::io::Error) -> Failure {
    Failure::new(format!("the terminal cannot be read: {error}"))
}

/// What became of it.
struct TakenIn {
    /// The watermark, in words.
    watermark: String,
    /// Why the running service does not sign yet, if so.
    trouble: Option<String>,
}

fn in_the_service(
    config: &Config,
    chain: &ChainConfig,
    bundle: &Bundle,
) -> Result<TakenIn, Failure> {
    let silent = |error| service::silent(config, chain, &error);
    let text = bundle
        .to_text()
        .map_err(|error| Failure::new(format!("nothing was changed: {error}")))?;
    match control::tell_move_in(&text, &config.control).map_err(silent)? {
        MoveAnswer::TakenIn { watermark, trouble } => Ok(TakenIn { watermark, trouble }),
        MoveAnswer::Error(why) => Err(service::refused(chain, &why)),
        MoveAnswer::HandedOver { .. } => Err(silent(service::other_version())),
    }
}

/// What the bundle says, and what is known here.
fn tell(
    chain: &ChainConfig,
    bundle: &Bundle,
    known: Option<&Known>,
    arrival: &Arrival,
    now: Duration,
) {
    let handed_over = Duration::from_secs(bundle.moved.at);
    status(
        "Bundle",
        format!(
            "{}: chain {}, key {}, handed over by host {} at {} ({} ago)",
            bundle.moved.bundle,
            bundle.chain_id,
            bundle.public_key.address(),
            bundle.host,
            Date::of(handed_over),
            humanize(now.saturating_sub(handed_over).as_secs())
        ),
    );
    status("Says", shown(Some(&bundle.watermark)));
    let here = known.map(|known| known.used_up.watermark());
    status("Here", shown(here));
    status("Then", format!("goes on above {}", arrival.shown()));
    for line in Terms::of(chain).differences(&bundle.terms) {
        status("Differs", line);
    }
}

fn not_taken_in(config: &Config, error: NotTakenIn) -> Failure {
    match error {
        NotTakenIn::State(error) => unusable(config, error),
        other => Failure::new(format!("nothing was changed: {other}")),
    }
}

fn unreadable(error: BundleNotRead) -> Failure {
    let failure = Failure::new(format!("nothing was changed: {error}"));
    match error {
        BundleNotRead::Content {
            why: BundleError::Damaged(_),
            ..
        } => failure.hint(
            "copy it again from the host that handed the chain over; there, the same `state move out` with another FILE writes it \
             again",
        ),
        BundleNotRead::Content {
            why: BundleError::NotABundle(_) | BundleError::TooLong,
            ..
        } => failure.hint("name the file that `state move out` made on the host that handed the chain over"),
        _ => failure,
    }
}
