//! The command line: one command a file.

mod acknowledge;
mod adopt;
mod check;
pub mod color;
mod config_file;
mod container;
#[cfg(feature = "cosign")]
mod cosign;
#[cfg(feature = "softsign")]
mod demo;
mod generate;
mod harness;
mod identities;
mod init;
mod keys;
#[cfg(feature = "ledger")]
mod ledger;
mod networks;
mod pause;
pub mod reload;
mod report;
mod softsign;
mod start;
mod state;
mod status;
mod takeover;
mod typed;
mod version;
#[cfg(feature = "yubihsm")]
mod yubihsm;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::backends::absent;
use crate::terminal::Console;
pub use config_file::ConfigFile;
use report::{Exit, Failure};
use typed::{config_first, elsewhere};

/// What `tmkms` understands.
#[derive(Parser)]
#[command(
    name = "tmkms",
    about = "Remote signer for CometBFT (Tendermint) validators: one key, never two signatures",
    long_about = None,
    version = version::text(),
    arg_required_else_help = true,
    after_help = "Examples:\n  tmkms demo                                        see it work, with nothing but this program\n  \
                  tmkms init -n cosmoshub                           make a home\n  \
                  tmkms state init -c tmkms.toml CHAIN --never-signed\n  \
                  tmkms start -c tmkms.toml"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a home: configuration, identity key, folders
    Init(init::Init),
    /// List the networks that `init` knows
    Networks(networks::Networks),
    /// Sign for the configured validators until told to stop
    Start(start::Start),
    /// Say whether `start` would arm every chain, and what is wrong otherwise
    Check(check::Check),
    /// Take over every chain of an older tmkms, a node's own key, horcrux or cosmos/kms
    Adopt(adopt::Adopt),
    /// Show what the running service does
    Status(status::Status),
    /// Take the refused double signs of a chain out of sight, once somebody has seen them
    Acknowledge(acknowledge::Acknowledge),
    Reload(reload::Reload),
    /// Sign nothing for a chain, at all or from a height on
    Pause(pause::PauseChain),
    /// Sign for a paused chain again
    Resume(pause::ResumeChain),
    /// Show, begin or take over the double-sign watermark of a chain
    #[command(subcommand)]
    State(state::State),
    /// The configured keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Keys in files
    #[command(subcommand)]
    Softsign(softsign::Softsign),
    #[cfg(feature = "cosign")]
    #[command(subcommand)]
    Cosign(cosign::Cosign),
    /// YubiHSM 2 devices and the keys in them
    #[cfg(feature = "yubihsm")]
    #[command(subcommand)]
    Yubihsm(yubihsm::Yubihsm),
    /// Ledgers with the Tendermint app
    #[cfg(feature = "ledger")]
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Show it work: a simulated node, a refused double sign, a kill and a restart
    #[cfg(feature = "softsign")]
    Demo(demo::Demo),
    /// Be the node's side: test and measure any remote signer
    #[command(subcommand)]
    Harness(harness::Harness),
    /// Say which program this is
    #[command(after_help = "Examples:\n  tmkms version | head -1")]
    Version,
    /// Write completions for a shell
    Completions(generate::completions::Completions),
    /// Write manual pages
    Man(generate::man::Man),
}

/// The definition of the command line, from which completions and manual pages are made.
pub fn definition() -> clap::Command {
    Arguments::command().arg(config_first::option())
}

/// The commands that hang on a backend, and its name in the configuration.
const OF_BACKENDS: &[(&str, &str)] = &[
    ("demo", "softsign"),
    ("cosign", "cosign"),
    ("yubihsm", "yubihsm"),
    ("ledger", "ledgertm"),
];

/// What to say of a command that is known and that this build was made without.
fn left_out(error: &clap::Error) -> Option<Failure> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let (_, backend) = OF_BACKENDS.iter().find(|(command, _)| command == word)?;
    let (_, remedy) = absent().find(|(name, _)| name == backend)?;
    Some(Failure::usage(format!("this build has no command `{word}`")).hint(remedy))
}

/// Runs the command line and says how it ended.
pub fn run() -> Exit {
    let words = config_first::behind(std::env::args_os().collect(), &definition());
    let parsed = definition().try_get_matches_from(words);
    let arguments = match parsed.and_then(|found| Arguments::from_arg_matches(&found)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let failure = left_out(&error).or_else(|| elsewhere::failure(&error, &definition()));
            if let Some(failure) = failure {
                return failure.print();
            }
            // Help goes to standard output and is not a failure; a closed pipe is none either.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
        }
    };
    let result = match arguments.command {
        Command::Init(command) => command.run(),
        Command::Networks(command) => command.run(),
        Command::Start(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Adopt(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Acknowledge(command) => command.run(),
        Command::Reload(command) => command.run(),
        Command::Pause(command) => command.run(),
        Command::Resume(command) => command.run(&mut Console),
        Command::State(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Softsign(command) => command.run(),
        #[cfg(feature = "cosign")]
        Command::Cosign(command) => command.run(),
        #[cfg(feature = "yubihsm")]
        Command::Yubihsm(command) => command.run(),
        #[cfg(feature = "ledger")]
        Command::Ledger(command) => command.run(),
        #[cfg(feature = "softsign")]
        Command::Demo(command) => command.run(),
        Command::Harness(command) => command.run(),
        Command::Version => version::run(),
        Command::Completions(command) => command.run(definition()),
        Command::Man(command) => command.run(definition()),
    };
    match result {
        Ok(()) => Exit::Done,
        Err(failure) => failure.print(),
    }
}
