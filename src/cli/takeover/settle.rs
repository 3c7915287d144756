//! The looks at the old signer with the questions between them (W20).

use crate::cli::report::Failure;
use crate::cli::state::height::HeightSource;
use crate::migrate::takeover::take_over::{NotQuiet, Question, Settled, TakeOver};
use crate::terminal::Terminal;

use super::consent::Consent;
use super::quiet;

/// Looks for the old signer, asks, and looks again. `question` is the last question, where it is not the usual one.
///
/// # Errors
/// Everything but a yes, and every sign of an old signer that runs.
pub(in crate::cli) fn settle(
    taking: TakeOver,
    consent: &Consent,
    question: Option<&str>,
    terminal: &mut dyn Terminal,
) -> Result<Settled, Failure> {
    quiet::tell_unseen(&taking.quiet);
    taking.look().map_err(not_quiet)?;
    for asked in taking.questions() {
        match asked {
            Question::TakeBack(chain, of) => consent.insist(chain, of, terminal)?,
            Question::Height(claim) => {
                let source = HeightSource::File(claim.path);
                consent
                    .sure
                    .of(claim.height, source, claim.known, claim.chain, terminal)?;
            }
            Question::Stopped(usual) => consent.ask(question.or(usual), terminal)?,
        }
    }
    taking.look_again().map_err(not_quiet)
}

fn not_quiet(error: NotQuiet) -> Failure {
    match error {
        NotQuiet::Runs(error) => quiet::still_runs(error),
        NotQuiet::Changed(why) => Failure::new(format!("nothing was changed: {why}")),
    }
}
