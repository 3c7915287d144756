//! The mnemonic between the person, the private screen and the paper: shown, printed where that is wished, asked for
//! again, and typed.
//!
//! What has to be read before the words is said before them, and waits for Enter: the private screen hides it. What went
//! wrong on the private screen is said there, and waits, too.
//!
//! Words are only on the private screen and on paper. A mnemonic counts as written down when the person has typed words
//! of it from the paper, and from each printed sheet.

use std::io;

use zeroize::Zeroizing;

use crate::backends::yubihsm::protocol::identity::Serial;
use crate::terminal::{Terminal, privately};

use super::super::error::CeremonyError;
use super::super::error::SetupError;
use super::super::found::ForeignDevice;
use super::super::mnemonic::{Mnemonic, WORDS};
use super::super::target::SetupTarget;
use super::printout::Printout;
use super::sheets::{Heading, rows};
use super::typed::{BACK, TypedWords};

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
        let before = match self.printout {
            None => {
                "The mnemonic comes on a screen of its own. Have pen and paper ready; nobody and no camera should see it. \
                 Press Enter when that is so."
            }
            Some(_) => {
                "The mnemonic comes on a screen of its own, and is printed. Nobody and no camera should see either. Press \
                 Enter when that is so."
            }
        };
        terminal.ask(before)?.ok_or(ENDED)?;
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

const ENDED: SetupError = SetupError::GivenUp("the input ended before the mnemonic was confirmed");

/// How a quiz ended.
enum Quiz {
    Passed,
    /// This word was not right.
    Wrong(usize),
    /// Nobody answers any more.
    Ended,
}

/// Shows the words, prints them where that is wished, and asks for some of them until they are right.
fn write_down(
    mnemonic: &Mnemonic,
    mut printout: Option<&mut Printout>,
    heading: Heading,
    terminal: &mut dyn Terminal,
) -> Result<(), SetupError> {
    let mut wrong = None;
    let copies = printout.as_ref().map(|printout| printout.holders());
    loop {
        let shown = privately(terminal, |terminal| {
            if let Some(number) = wrong {
                terminal.say(&format!(
                    "Word {number} was not right. Here are all 24 again: compare it with what is on the paper.\n"
                ))?;
            }
            terminal.say(&screen(mnemonic, heading.serial))?;
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
            Quiz::Passed => break,
            Quiz::Wrong(number) => wrong = Some(number),
            Quiz::Ended => return Err(ENDED),
        }
    }
    if let Some(printout) = printout {
        printout.proven();
    }
    Ok(())
}

/// The words with their numbers, as the sheets have them.
fn screen(mnemonic: &Mnemonic, serial: Serial) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(1536));
    text.push_str(&format!(
        "THE MNEMONIC (YubiHSM {serial}): anyone who has it has the keys of every device set up from it.\n\n"
    ));
    for row in rows(|number| mnemonic.word(number)) {
        text.push_str(&row);
        text.push('\n');
    }
    text
}

/// Asks for some words, in a random order, and from each printed copy in turn.
fn quiz(mnemonic: &Mnemonic, copies: Option<u8>, terminal: &mut dyn Terminal) -> io::Result<Quiz> {
    let mut left: Vec<usize> = (1..=WORDS).collect();
    let copies = copies.map_or(1, usize::from).max(1);
    let questions = QUIZ.max(copies);
    for asked in 0..questions {
        let mut random = [0; 8];
        getrandom::getrandom(&mut random).map_err(io::Error::other)?;
        let count = u64::try_from(left.len()).unwrap_or(1).max(1);
        let at = usize::try_from(u64::from_be_bytes(random) % count).unwrap_or(0);
        let number = left.swap_remove(at);
        let from = match copies {
            1 => "the paper".to_owned(),
            _ => format!("copy {} of {copies}", asked % copies + 1),
        };
        let question = format!("Word {number} ({} of {questions}), from {from}:", asked + 1);
        let Some(word) = terminal.ask(&question)? else {
            return Ok(Quiz::Ended);
        };
        if !word.trim().eq_ignore_ascii_case(mnemonic.word(number)) {
            return Ok(Quiz::Wrong(number));
        }
    }
    Ok(Quiz::Passed)
}

/// Asks for a mnemonic until it is one. What is wrong with it is said on the private screen.
pub fn ask_mnemonic(terminal: &mut dyn Terminal) -> Result<Mnemonic, SetupError> {
    const NONE: SetupError = SetupError::GivenUp(
        "no valid mnemonic of 24 words was entered; in a terminal this command says what is wrong with one",
    );
    if !terminal.is_interactive() {
        // In a pipe there is no second try, and what is said goes into somebody's log.
        let line = privately(terminal, |terminal| terminal.ask_secret(""))?;
        let mnemonic = line.and_then(|line| Mnemonic::parse(&line).ok());
        return mnemonic.ok_or(NONE);
    }
    let before = "The 24 words of the mnemonic are typed on a screen of its own, which is wiped afterwards. Press Enter to go on \
                  to it.";
    terminal.ask(before)?.ok_or(NONE)?;
    let found = privately(terminal, |terminal| {
        for turn in 1..=TRIES {
            let Some(typed) = type_words(turn, terminal)? else {
                return Ok(None);
            };
            match typed.mnemonic() {
                Ok(mnemonic) => return Ok(Some(mnemonic)),
                Err(error) => terminal.say(&Zeroizing::new(error.to_string()))?,
            }
        }
        // Otherwise it would be wiped before anybody has read it.
        terminal.ask("Press Enter to wipe this screen.")?;
        Ok::<_, io::Error>(None)
    })?;
    found.ok_or(NONE)
}

/// Asks for the words one by one; a line may have several. `None` at the end of input.
fn type_words(turn: usize, terminal: &mut dyn Terminal) -> io::Result<Option<TypedWords>> {
    let mut typed = TypedWords::new();
    let start = match turn {
        1 => "",
        _ => "again, ",
    };
    while let Some(number) = typed.next() {
        let question = match number {
            1 => format!(
                "Four letters of a word are enough; several words may stand in a line; {BACK} goes back by one.\n\
                 Word 1 of {WORDS} ({start}not shown while you type):"
            ),
            _ => format!("Word {number} of {WORDS}:"),
        };
        let Some(line) = terminal.ask_secret(&question)? else {
            return Ok(None);
        };
        if let Err(error) = typed.take(&line) {
            terminal.say(&Zeroizing::new(error.to_string()))?;
        }
    }
    Ok(Some(typed))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::sheets::{empty, filled};
    use super::*;
    use crate::text::date::Date;

    #[test]
    fn the_screen_has_the_very_lines_of_the_sheets() {
        let mnemonic = Mnemonic::from_entropy(&[7; 32]);
        let heading = Heading {
            serial: Serial(7),
            date: Date::of(Duration::from_secs(1_795_000_000)),
        };
        let shown = screen(&mnemonic, heading.serial);
        assert!(shown.starts_with("THE MNEMONIC (YubiHSM 0000000007): "));
        let words: Vec<&str> = shown.lines().skip(2).collect();
        assert_eq!(words.len(), 12, "a terminal has 24 lines");
        let printed = filled(&mnemonic, heading, 1);
        let blank = empty(1);
        let numbers = |line: &str| -> Vec<String> {
            let words = line.split_whitespace();
            let numbers = words.filter(|word| word.ends_with('.'));
            numbers.map(str::to_owned).collect()
        };
        for line in words {
            assert_eq!(printed.lines().filter(|found| *found == line).count(), 1);
            let same = |found: &&str| numbers(found) == numbers(line);
            assert_eq!(blank.lines().filter(same).count(), 1, "{line}");
        }
    }
}
