//! What the operator has to say before another signer's state is taken over.

use clap::Args;

use crate::cli::report::Failure;
use crate::terminal::Terminal;

#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct Consent {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Move the node's own priv_validator_key.json aside afterwards, so that the node cannot sign with it
    #[arg(long)]
    pub move_key: bool,
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
