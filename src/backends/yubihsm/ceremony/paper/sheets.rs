//! The paper that the words are kept on: empty sheets to write on, and sheets with the words for a printer.
//!
//! The text of the second kind is a secret. It is made in one piece of memory that is wiped, and goes nowhere but to a
//! `printout`.

use zeroize::Zeroizing;

use crate::backends::yubihsm::protocol::identity::Serial;
use crate::text::date::Date;

use super::super::mnemonic::{Mnemonic, WORDS};

/// Room for one sheet, in bytes: a text that grows leaves copies behind.
const SHEET: usize = 3072;
/// Lines of words; each has two.
const ROWS: usize = WORDS / 2;
/// To be filled in by hand.
const BLANK: &str = "________________________";
/// What stands above every sheet, and ends every page.
const WARNING: &str = "Anyone who reads these words has the keys of every device set up from them. Keep them in an\n\
                       envelope, sealed and signed, apart from the devices, the backups and the other copies.\n\n";
const PAGE: &str = "\x0c\n";

/// Sheets to print before the ceremony, one for each holder, with room for the words to be written by hand.
pub fn empty(holders: u8) -> String {
    let mut text = String::new();
    for holder in 1..=holders {
        text.push_str(&title(holder, holders));
        text.push_str(WARNING);
        text.push_str(&format!(
            "Holder: {BLANK}   Date: ______________   Signature: {BLANK}\n\n\
             Devices: ______________   ______________   ______________\n\n"
        ));
        for row in rows(|_| BLANK) {
            text.push_str(&row);
            text.push_str("\n\n");
        }
        text.push_str(
            "Checked against the other copies: ______________   Tried (`tmkms yubihsm keys verify-backup`): ______________\n",
        );
        text.push_str(PAGE);
    }
    text
}

/// What a sheet says of the device that it was made with.
#[derive(Clone, Copy, Debug)]
pub struct Heading {
    /// The device.
    pub serial: Serial,
    /// When.
    pub date: Date,
}

/// Sheets with the words, one for each holder.
pub(super) fn filled(mnemonic: &Mnemonic, heading: Heading, holders: u8) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(SHEET * usize::from(holders)));
    let Heading { serial, date } = heading;
    for holder in 1..=holders {
        text.push_str(&title(holder, holders));
        text.push_str(WARNING);
        text.push_str(&format!(
            "Set up: YubiHSM {serial}, {date}   Further devices: ______________   ______________\n\n\
             Holder: {BLANK}   Signature: {BLANK}\n\n"
        ));
        for row in rows(|number| mnemonic.word(number)) {
            text.push_str(&row);
            text.push_str("\n\n");
        }
        text.push_str(
            "What to do with them: type all 24 in this order, with a space between them, where tmkms asks for the\n\
             mnemonic, and nowhere else; never photograph or copy them into a file.\n\
             - another device like the first one:  tmkms yubihsm setup --restore\n\
             - bring a key back from its backup:   tmkms yubihsm keys verify-backup FILE --into SERIAL\n\
             - every 90 days, is the backup good:  tmkms yubihsm keys verify-backup FILE\n\n\
             The consensus key does not follow from the words: its backup is needed, too. Public key:\n\n\
             __________________________________________________________________________________\n",
        );
        text.push_str(PAGE);
    }
    text
}

/// The lines of words as every sheet and the private screen have them, so that one is copied from the other line by line.
pub(super) fn rows<'a>(word: impl Fn(usize) -> &'a str) -> impl Iterator<Item = Zeroizing<String>> {
    (1..=ROWS).map(move |row| {
        let (left, right) = (word(row), word(row + ROWS));
        let line = format!("{row:>4}. {left:<24}      {:>4}. {right}", row + ROWS);
        Zeroizing::new(line)
    })
}

fn title(holder: u8, holders: u8) -> String {
    format!("MNEMONIC OF A VALIDATOR'S YubiHSMs, copy {holder} of {holders}\n\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_holder_has_all_words_on_a_page_and_no_copy_was_left_behind() {
        let mnemonic = Mnemonic::from_entropy(&[7; 32]);
        let heading = Heading {
            serial: Serial(u32::MAX),
            date: Date::of(Duration::from_secs(1_795_000_000)),
        };
        let text = filled(&mnemonic, heading, 20);
        assert!(text.len() <= SHEET * 20, "{}", text.len());
        let pages: Vec<&str> = text.split('\x0c').collect();
        assert_eq!(pages.len(), 21);
        assert_eq!(pages[20], "\n", "the last page comes out, too");
        for (at, page) in pages[..20].iter().enumerate() {
            assert!(page.contains(&format!("copy {} of 20\n", at + 1)));
            assert!(page.contains("YubiHSM 4294967295, 2026-11-18T"), "{page}");
            for number in 1..=24 {
                let word = format!("{number:>4}. {}", mnemonic.word(number));
                assert_eq!(page.matches(&word).count(), 1, "{word}");
            }
            assert!(page.lines().count() < 60, "one page");
            assert!(page.lines().all(|line| line.len() <= 110), "{page}");
        }
    }
}
