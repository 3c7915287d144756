//! What the operator has to say before another signer's state is taken over.

use std::time::Duration;

use clap::Args;

use crate::cli::report::Failure;
use crate::cli::state::height::Sure;
use crate::migrate::takeover::plan::TakenBack;
use crate::terminal::Terminal;
use crate::text::date::Date;

#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct Consent {
    #[command(flatten)]
    pub sure: Sure,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Move the node's own priv_validator_key.json aside afterwards, so that the node cannot sign with it
    #[arg(long)]
    pub move_key: bool,
    /// Take back a chain that was handed over, or believe what is said against a state file nearby: the chain id again
    #[arg(long, value_name = "CHAIN")]
    pub insist: Vec<String>,
}

impl Consent {
    /// Asks the one question, unless it was answered on the command line.
    ///
    /// # Errors
    /// Everything but a yes.
    pub fn ask(&self, question: Option<&str>, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !terminal.is_interactive() {
            return Err(
                Failure::new("nothing was changed: there is no terminal to ask on").hint(
                    "repeat the command with `--yes`, once you are sure that the old signer is stopped",
                ),
            );
        }
        let question = question.unwrap_or(
            "Is the old signer stopped for good, here and on every other host, and is this its newest state?",
        );
        match confirm(terminal, question)? {
            true => Ok(()),
            false => Err(Failure::new("nothing was changed")),
        }
    }

    /// Asks for the chain id of a chain that was handed over.
    ///
    /// # Errors
    /// Everything but that.
    pub fn insist(
        &self,
        chain: &str,
        of: TakenBack,
        terminal: &mut dyn Terminal,
    ) -> Result<(), Failure> {
        if self.insist.iter().any(|said| said == chain) {
            return Ok(());
        }
        let handed_over = match of {
            TakenBack::OfSigner => format!(
                "chain {chain} was handed over to another signer, which must be stopped for good, and its newest state taken over"
            ),
            TakenBack::OfHost(moved) => format!(
                "chain {chain} was handed over at {} to bundle {}, which must not sign on any host, now or later, and nothing above the \
                 watermark here may have been signed with it",
                Date::of(Duration::from_secs(moved.at)),
                moved.bundle
            ),
        };
        if !terminal.is_interactive() {
            return Err(
                Failure::new(format!("nothing was changed: {handed_over}")).hint(format!(
                    "repeat the command with `--insist {chain}`, once that is so"
                )),
            );
        }
        let answer = terminal
            .ask(&format!("{handed_over}. Type the chain id if that is so:"))
            .map_err(|error| Failure::new(format!("the terminal cannot be read: {error}")))?;
        match answer.is_some_and(|answer| answer.trim() == chain) {
            true => Ok(()),
            false => Err(Failure::new(
                "that is not the chain id; nothing was changed",
            )),
        }
    }

    /// Whether the node's own key may be moved aside.
    pub fn moves_key(&self, terminal: &mut dyn Terminal, question: &str) -> Result<bool, Failure> {
        match self.move_key || self.yes || !terminal.is_interactive() {
            true => Ok(self.move_key),
            false => confirm(terminal, question),
        }
    }
}

fn confirm(terminal: &mut dyn Terminal, question: &str) -> Result<bool, Failure> {
    terminal
        .confirm(question)
        .map_err(|error| Failure::new(format!("the terminal cannot be read: {error}")))
}
