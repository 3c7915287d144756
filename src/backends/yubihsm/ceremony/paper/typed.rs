//! A mnemonic as it is typed: word by word, each judged when it comes, and completed from the list.
//!
//! Four letters decide a word of the list (BIP 39), so more of it need not be typed. What an error says quotes what was
//! typed: it belongs on the private screen.

use zeroize::Zeroizing;

use super::super::mnemonic::{Mnemonic, MnemonicError, Unknown, WORDS, complete, word_at};

/// Typed instead of a word: the one before is typed again.
pub(super) const BACK: &str = "-";

/// The words that were typed so far, as their places in the list.
pub(super) struct TypedWords {
    places: Zeroizing<[u16; WORDS]>,
    count: usize,
}

impl TypedWords {
    pub(super) fn new() -> Self {
        Self {
            places: Zeroizing::new([0; WORDS]),
            count: 0,
        }
    }

    /// The word that comes next, from 1; `None` when all are there.
    pub(super) fn next(&self) -> Option<usize> {
        (self.count < WORDS).then_some(self.count + 1)
    }

    /// Takes a line of one word or several. Those before one that is wrong count, those after it do not. One too many is of no
    /// mnemonic, or was typed twice: then all begins again.
    pub(super) fn take(&mut self, line: &str) -> Result<(), MnemonicError> {
        let line = Zeroizing::new(line.to_lowercase());
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            if word == BACK {
                self.count = self.count.saturating_sub(1);
                continue;
            }
            let Some(free) = self.places.get_mut(self.count) else {
                self.count = 0;
                return Err(MnemonicError::Count(WORDS + 1 + words.count()));
            };
            *free = complete(word).map_err(|meant| {
                MnemonicError::Unknown(vec![Unknown {
                    number: self.count + 1,
                    word: Zeroizing::new(word.to_owned()),
                    meant,
                }])
            })?;
            self.count += 1;
        }
        Ok(())
    }

    /// The mnemonic of all words. A checksum that is wrong does not tell which word is.
    pub(super) fn mnemonic(&self) -> Result<Mnemonic, MnemonicError> {
        if self.count < WORDS {
            return Err(MnemonicError::Count(self.count));
        }
        let mut phrase = Zeroizing::new(String::with_capacity(WORDS * 9));
        for place in self.places.iter() {
            phrase.push_str(word_at(*place));
            phrase.push(' ');
        }
        Mnemonic::parse(&phrase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(typed: &mut TypedWords, line: &str) -> String {
        typed.take(line).err().unwrap().to_string()
    }

    #[test]
    fn words_come_one_by_one_or_all_at_once_and_four_letters_are_enough() {
        let zoo = "zoo ".repeat(23);
        for lines in [
            vec![format!("{zoo}vote")],
            vec![zoo.clone(), " VOTE\t".to_owned()],
            "zoo "
                .repeat(23)
                .split(' ')
                .map(str::to_owned)
                .chain(["vote".to_owned()])
                .collect(),
        ] {
            let mut typed = TypedWords::new();
            assert_eq!(typed.next(), Some(1));
            for line in lines {
                typed.take(&line).unwrap();
            }
            assert_eq!(typed.next(), None);
            assert_eq!(typed.mnemonic().ok().unwrap().word(24), "vote");
        }
        let mnemonic = Mnemonic::from_entropy(&[7; 32]);
        let short: Vec<String> = mnemonic
            .phrase()
            .split(' ')
            .map(|word| word.chars().take(4).collect())
            .collect();
        let mut typed = TypedWords::new();
        typed.take(&short.join(" ")).unwrap();
        assert_eq!(typed.mnemonic().ok().unwrap().phrase(), mnemonic.phrase());
    }

    #[test]
    fn what_is_wrong_is_said_of_the_word_and_those_before_it_count() {
        let mut typed = TypedWords::new();
        let said = told(&mut typed, "zoo zoo abnadon zoo zoo");
        assert!(
            said.contains("word 3, `abnadon`, is not in the list: did you mean abandon?"),
            "{said}"
        );
        assert_eq!(typed.next(), Some(3));
        // Too little to decide by is `ac`; `act` is a word, and only one begins with `acti`.
        typed.take("acti").unwrap();
        assert_eq!(typed.places[2], complete("action").unwrap());
        typed.take("- act").unwrap();
        assert_eq!(typed.places[2], complete("act").unwrap());
        assert!(told(&mut typed, "ac").contains("word 4, `ac`"));
        assert!(told(&mut typed, "abandoned").contains("did you mean abandon?"));
        assert_eq!(typed.next(), Some(4));
        // The word before was another.
        typed.take("- - zoo zoo").unwrap();
        assert_eq!(typed.next(), Some(4));
        typed.take(&"zoo ".repeat(20)).unwrap();
        typed.take("vote").unwrap();
        assert_eq!(
            typed.take("vote vote").err(),
            Some(MnemonicError::Count(26))
        );
        assert_eq!(typed.next(), Some(1));
        typed.take(&"zoo ".repeat(24)).unwrap();
        assert_eq!(typed.mnemonic().err(), Some(MnemonicError::Checksum));
    }
}
