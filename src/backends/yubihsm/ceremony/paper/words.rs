//! The mnemonic between the person, the private screen and the paper: shown, printed where that is wished, asked for
//! again, and typed.
//!
//! Words are only on the private screen and on paper. A mnemonic counts as written down when the person has typed words
//! of it from the paper, and from each printed sheet.

use std::io;

use zeroize::Zeroizing;

use crate::terminal::{Terminal, privately};

use super::super::error::CeremonyError;
use super::super::error::SetupError;
use super::super::found::ForeignDevice;
use super::super::mnemonic::{Mnemonic, WORDS};
use super::super::target::SetupTarget;
use super::printout::Printout;
use super::sheets::Heading;

/// Words that are asked for again, at least.
const QUIZ: usize = 4;
/// How often the mnemonic may be entered.
const TRIES: usize = 5;

/// What is to be printed, and the mnemonic where it exists already.
#[derive(Default)]
pub struct MnemonicSheets<'a> {
    /// Where sheets with the words go, if they are wished for.
    pub printout: Option<&'a mut Printout>,
    /// The mnemonic that was typed, kept only for the sheets.
    pub(in super::super) typed: Option<Mnemonic>,
}

impl MnemonicSheets<'_> {
    /// Makes a mnemonic from the device's random bytes and ours, and has it written down.
    pub(in super::super) fn new_mnemonic(
        &mut self,
        target: &SetupTarget<'_>,
        foreign: &ForeignDevice,
        heading: Heading,
        terminal: &mut dyn Terminal,
    ) -> Result<Mnemonic, SetupError> {
        let random = {
            let mut login = target
                .need(&foreign.credentials)
                .map_err(SetupError::Step)?;
            let random = login.random();
            random.map_err(|error| SetupError::Step(CeremonyError::Device(error)))?
        };
        let mnemonic = Mnemonic::generate(&random).map_err(io::Error::other)?;
        terminal.say(match self.printout {
            None => "The mnemonic comes on a screen of its own. Have pen and paper ready; nobody and no camera should see it.",
            Some(_) => "The mnemonic comes on a screen of its own, and is printed. Nobody and no camera should see either.",
        })?;
        write_down(&mnemonic, self.printout.as_deref_mut(), heading, terminal)?;
        Ok(mnemonic)
    }

    /// Prints sheets of a mnemonic that was typed, where they are wished for, and has them proven.
    pub(in super::super) fn print_typed(
        &mut self,
        heading: Heading,
        terminal: &mut dyn Terminal,
    ) -> Result<(), SetupError> {
        match (self.typed.take(), self.printout.as_deref_mut()) {
            (Some(_), Some(_)) if !terminal.is_interactive() => Err(SetupError::NoTerminal),
            (Some(mnemonic), Some(printout)) => {
                write_down(&mnemonic, Some(printout), heading, terminal)
            }
            _ => Ok(()),
        }
    }
}

/// Shows the words, prints them where that is wished, and asks for some of them until they are right.
fn write_down(
    mnemonic: &Mnemonic,
    mut printout: Option<&mut Printout>,
    heading: Heading,
    terminal: &mut dyn Terminal,
) -> Result<(), SetupError> {
    const ENDED: SetupError =
        SetupError::GivenUp("the input ended before the mnemonic was confirmed");
    let copies = printout.as_ref().map(|printout| printout.holders());
    loop {
        let shown = privately(terminal, |terminal| {
            terminal.say(&screen(mnemonic))?;
            let request = match &mut printout {
                None => "Write all 24 words down, then press Enter; the screen is wiped, and some of them are asked for."
                    .to_owned(),
                Some(printout) => {
                    let printed = printout.print(mnemonic, heading);
                    printed.map_err(SetupError::Sheets)?;
                    printout.request()
                }
            };
            terminal.ask(&request).map_err(SetupError::Terminal)
        })?;
        shown.ok_or(ENDED)?;
        match privately(terminal, |terminal| quiz(mnemonic, copies, terminal))? {
            Some(true) => break,
            Some(false) => terminal.say("One of the words was not right: here they are again.")?,
            None => return Err(ENDED),
        }
    }
    if let Some(printout) = printout {
        printout.proven();
    }
    Ok(())
}

/// The words in four columns, with their numbers.
fn screen(mnemonic: &Mnemonic) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(1024));
    text.push_str(
        "THE MNEMONIC: anyone who has it has the keys of every device set up from it.\n\n",
    );
    let rows = WORDS / 4;
    for row in 1..=rows {
        for column in 0..4 {
            let number = column * rows + row;
            text.push_str(&Zeroizing::new(format!(
                "{number:>4}. {:<10}",
                mnemonic.word(number)
            )));
        }
        text.push('\n');
    }
    text
}

/// Asks for some words, in a random order, and from each printed copy in turn. `None` at the end of input.
fn quiz(
    mnemonic: &Mnemonic,
    copies: Option<u8>,
    terminal: &mut dyn Terminal,
) -> io::Result<Option<bool>> {
    let mut left: Vec<usize> = (1..=WORDS).collect();
    let copies = copies.map_or(1, usize::from).max(1);
    for asked in 0..QUIZ.max(copies) {
        let mut random = [0; 8];
        getrandom::getrandom(&mut random).map_err(io::Error::other)?;
        let count = u64::try_from(left.len()).unwrap_or(1).max(1);
        let at = usize::try_from(u64::from_be_bytes(random) % count).unwrap_or(0);
        let number = left.swap_remove(at);
        let question = match copies {
            1 => format!("Word {number}:"),
            _ => format!(
                "Word {number}, from copy {} of {copies}:",
                asked % copies + 1
            ),
        };
        let Some(word) = terminal.ask(&question)? else {
            return Ok(None);
        };
        if !word.trim().eq_ignore_ascii_case(mnemonic.word(number)) {
            return Ok(Some(false));
        }
    }
    Ok(Some(true))
}

/// Asks for a mnemonic until it is one. What is wrong with it is said on the private screen.
pub fn ask_mnemonic(terminal: &mut dyn Terminal) -> Result<Mnemonic, SetupError> {
    let found = privately(terminal, |terminal| {
        let mut question = "The 24 words of the mnemonic (they are not shown while you type):";
        for _ in 0..TRIES {
            let Some(text) = terminal.ask_secret(question)? else {
                return Ok(None);
            };
            match Mnemonic::parse(&text) {
                Ok(mnemonic) => return Ok(Some(mnemonic)),
                // In a pipe there is no second try, and what is said goes into somebody's log.
                Err(_) if !terminal.is_interactive() => return Ok(None),
                Err(error) => terminal.say(&Zeroizing::new(error.to_string()))?,
            }
            question = "Again, all 24 words:";
        }
        Ok::<_, io::Error>(None)
    })?;
    found.ok_or(SetupError::GivenUp(
        "no valid mnemonic of 24 words was entered; in a terminal this command says what is wrong with one",
    ))
}
