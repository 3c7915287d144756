//! Twenty-four words for 32 bytes of entropy, checked when they are entered.
//!
//! Words are lower case and one space apart, because the phrase itself is the administrator's password. What an error
//! says quotes words of the secret: it belongs on the private screen. Source: BIP 39 and its English word list, without
//! its seed derivation (the entropy itself is the root here, as for the older tmkms).

use hkdf::Hkdf;
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

/// The number of words of the only length that is used.
pub const WORDS: usize = 24;
/// Bytes of entropy.
pub const ENTROPY: usize = 32;

const LIST: &str = include_str!("bip39-english.txt");
const BITS: usize = 11;
/// So many letters decide a word of the list.
const DECIDING: usize = 4;

/// A mnemonic and its entropy; wiped when dropped, never shown by `Debug`.
pub struct Mnemonic {
    phrase: Zeroizing<String>,
    entropy: Zeroizing<[u8; ENTROPY]>,
}

/// What is wrong with words that were entered. Quotes them: for the private screen only.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum MnemonicError {
    /// Too few or too many.
    #[error(
        "these are {0} words, and a mnemonic here has {WORDS}: one was left out or typed twice, or this is the \
         mnemonic of something else"
    )]
    Count(usize),
    /// Words that are not in the list.
    #[error("{}", list(.0))]
    Unknown(Vec<Unknown>),
    /// All words are in the list and do not belong together.
    #[error(
        "each word is in the list, but the checksum is wrong: a word was mistaken for another, or two are in the wrong \
         order; compare them one by one"
    )]
    Checksum,
}

impl std::fmt::Debug for MnemonicError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Count(_) => "Count",
            Self::Unknown(_) => "Unknown",
            Self::Checksum => "Checksum",
        })
    }
}

/// A word that is not in the list.
#[derive(Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Which one, from 1.
    pub number: usize,
    /// As it was typed.
    pub word: Zeroizing<String>,
    /// What may have been meant, likeliest first.
    pub meant: Vec<&'static str>,
}

impl Mnemonic {
    /// Reads words with any white space between them.
    pub fn parse(text: &str) -> Result<Self, MnemonicError> {
        let text = Zeroizing::new(text.to_lowercase());
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() != WORDS {
            return Err(MnemonicError::Count(words.len()));
        }
        let all: Vec<&'static str> = LIST.lines().collect();
        let mut numbers = Zeroizing::new([0_u16; WORDS]);
        let mut unknown = Vec::new();
        for (at, (word, number)) in words.iter().zip(numbers.iter_mut()).enumerate() {
            match all.binary_search(word) {
                Ok(found) => *number = u16::try_from(found).unwrap_or_default(),
                Err(_) => unknown.push(Unknown {
                    number: at + 1,
                    word: Zeroizing::new((*word).to_owned()),
                    meant: meant(word, &all),
                }),
            }
        }
        if !unknown.is_empty() {
            return Err(MnemonicError::Unknown(unknown));
        }
        let mut bytes = Zeroizing::new([0_u8; ENTROPY + 1]);
        let bits = numbers
            .iter()
            .flat_map(|number| (0..BITS).rev().map(move |bit| number >> bit & 1 == 1));
        for (at, bit) in bits.enumerate() {
            if let Some(byte) = bytes.get_mut(at / 8) {
                *byte |= u8::from(bit) << (7 - at % 8);
            }
        }
        let (entropy, checksum) = bytes.split_first_chunk().ok_or(MnemonicError::Checksum)?;
        if checksum != [checksum_of(entropy)] {
            return Err(MnemonicError::Checksum);
        }
        Ok(Self::from_entropy(entropy))
    }

    /// The words for this entropy.
    pub fn from_entropy(entropy: &[u8; ENTROPY]) -> Self {
        let bytes = Zeroizing::new([&entropy[..], &[checksum_of(entropy)]].concat());
        let mut phrase = Zeroizing::new(String::with_capacity(WORDS * 9));
        for word in 0..WORDS {
            let number = (0..BITS).fold(0, |number, bit| {
                let at = word * BITS + bit;
                let byte = bytes.get(at / 8).copied().unwrap_or_default();
                number << 1 | usize::from(byte >> (7 - at % 8) & 1)
            });
            if word > 0 {
                phrase.push(' ');
            }
            phrase.push_str(LIST.lines().nth(number).unwrap_or_default());
        }
        Self {
            phrase,
            entropy: Zeroizing::new(*entropy),
        }
    }

    /// A new one from the device's random bytes and the system's: neither decides it by itself.
    pub fn generate(device: &[u8; ENTROPY]) -> Result<Self, getrandom::Error> {
        let mut system = Zeroizing::new([0; ENTROPY]);
        getrandom::getrandom(&mut *system)?;
        Ok(Self::mix(device, &system))
    }

    fn mix(device: &[u8; ENTROPY], system: &[u8; ENTROPY]) -> Self {
        let both = Zeroizing::new([&device[..], system].concat());
        let mut entropy = Zeroizing::new([0; ENTROPY]);
        let hkdf = Hkdf::<Sha512>::new(None, &both);
        // 32 bytes are never too many for HKDF-SHA512.
        let _ = hkdf.expand(b"yubihsm setup BIP39 derivation", &mut *entropy);
        Self::from_entropy(&entropy)
    }

    /// The words with one space between them: also the administrator's password.
    pub fn phrase(&self) -> &str {
        &self.phrase
    }

    /// One word, counted from 1.
    pub fn word(&self, number: usize) -> &str {
        let words = &mut self.phrase.split(' ');
        words.nth(number.saturating_sub(1)).unwrap_or_default()
    }

    /// The root of all derived secrets.
    pub fn entropy(&self) -> &[u8; ENTROPY] {
        &self.entropy
    }
}

/// The place in the list of a word, or of the only one that begins with these letters, which are four at least.
///
/// # Errors
/// What may have been meant.
pub(super) fn complete(word: &str) -> Result<u16, Vec<&'static str>> {
    let all: Vec<&'static str> = LIST.lines().collect();
    let place = |at: usize| u16::try_from(at).unwrap_or_default();
    if let Ok(found) = all.binary_search(&word) {
        return Ok(place(found));
    }
    let begins = |(_, known): &(usize, &&str)| known.starts_with(word);
    let mut found = all.iter().enumerate().filter(begins);
    match (word.chars().count() >= DECIDING, found.next(), found.next()) {
        (true, Some((only, _)), None) => Ok(place(only)),
        _ => Err(meant(word, &all)),
    }
}

/// The word at this place of the list.
pub(super) fn word_at(place: u16) -> &'static str {
    LIST.lines().nth(place.into()).unwrap_or_default()
}

fn checksum_of(entropy: &[u8; ENTROPY]) -> u8 {
    Sha256::digest(entropy).first().copied().unwrap_or_default()
}

/// Up to three words of the list: those with the same four first letters, or else the nearest.
fn meant(word: &str, all: &[&'static str]) -> Vec<&'static str> {
    let start: String = word.chars().take(4).collect();
    let mut near: Vec<(usize, &'static str)> = all
        .iter()
        .map(|known| {
            let same = start.chars().count() == 4 && known.starts_with(&start);
            (if same { 0 } else { distance(word, known) }, *known)
        })
        .filter(|(distance, _)| *distance <= 2)
        .collect();
    near.sort();
    let best = near.first().map_or(0, |(distance, _)| *distance);
    let best = near.iter().take_while(|(distance, _)| *distance == best);
    best.take(3).map(|(_, known)| *known).collect()
}

/// Letters to insert, drop, replace or swap with their neighbour.
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=two.len()).collect();
    let mut previous = None;
    for (row, a) in one.chars().enumerate() {
        let mut line = vec![row + 1];
        for (column, b) in two.iter().enumerate() {
            let get = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (get(&last, column) + usize::from(a != *b))
                .min(get(&last, column + 1) + 1)
                .min(get(&line, column) + 1);
            let left = column.checked_sub(1).and_then(|at| two.get(at));
            if previous == Some(*b) && left == Some(&a) {
                best = best.min(get(&before, column - 1) + 1);
            }
            line.push(best);
        }
        previous = Some(a);
        before = std::mem::replace(&mut last, line);
    }
    last.last().copied().unwrap_or_default()
}

fn list(unknown: &[Unknown]) -> String {
    let lines: Vec<String> = unknown
        .iter()
        .map(
            |Unknown {
                 number,
                 word,
                 meant,
             }| {
                let hint = match &meant[..] {
                    [] => "nothing in the list is like it".to_owned(),
                    some => format!("did you mean {}?", some.join(" or ")),
                };
                format!("word {number}, `{}`, is not in the list: {hint}", **word)
            },
        )
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> [u8; 32] {
        let bytes = subtle_encoding::hex::decode(text).unwrap();
        bytes.try_into().unwrap()
    }

    /// The list of BIP 39 itself.
    #[test]
    fn the_list_is_that_of_the_specification() {
        let digest = subtle_encoding::hex::encode(Sha256::digest(LIST));
        assert_eq!(
            String::from_utf8(digest).unwrap(),
            "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
        );
        assert!(LIST.lines().is_sorted());
    }

    #[test]
    fn both_sources_of_randomness_are_mixed_as_the_older_program_mixes_them() {
        let mnemonic = Mnemonic::mix(&[0x11; 32], &[0x22; 32]);
        assert_eq!(
            mnemonic.phrase(),
            "liquid arrest comic blanket assault spell trial tumble blossom time suggest drip rotate ankle arch shadow \
             sure detect spot cancel age open sing roof"
        );
        assert_eq!(
            *mnemonic.entropy(),
            hex("82418cb90ba0d9a27a0f52181c4b63a19bc21242c626da078f4b10904d367255")
        );
        let count = |start: u8| std::array::from_fn(|at| start + u8::try_from(at).unwrap());
        assert_eq!(
            *Mnemonic::mix(&count(0), &count(32)).entropy(),
            hex("84daa7a52184f741aee1327c3609ebba1b64389edf9b1e99fb3b9924c4fd1097")
        );
    }

    #[test]
    fn what_is_wrong_with_words_is_said_of_each() {
        let error = |text: &str| Mnemonic::parse(text).err().unwrap();
        let zoo = "zoo ".repeat(23);
        assert_eq!(error("one two"), MnemonicError::Count(2));
        assert!(
            error(&"abandon ".repeat(12))
                .to_string()
                .contains("12 words")
        );
        assert_eq!(error(&format!("{zoo}zoo")), MnemonicError::Checksum);
        assert_eq!(
            Mnemonic::parse(&format!("  {zoo}\tVOTE\n"))
                .ok()
                .unwrap()
                .word(24),
            "vote"
        );
        let told = |word: &str| error(&format!("{word} {zoo}")).to_string();
        assert!(
            told("abnadon")
                .contains("word 1, `abnadon`, is not in the list: did you mean abandon?")
        );
        assert!(told("abandoned").contains("did you mean abandon?"));
        assert!(told("aband").contains("did you mean abandon?"));
        assert!(told("xxxxxxxx").contains("nothing in the list"));
        assert!(!format!("{:?}", error(&format!("secretword {zoo}"))).contains("secretword"));
    }

    proptest::proptest! {
        #[test]
        fn words_and_entropy_are_the_same_thing(entropy: [u8; 32]) {
            let phrase = Mnemonic::from_entropy(&entropy);
            let back = Mnemonic::parse(phrase.phrase()).ok().unwrap();
            assert_eq!(back.entropy(), &entropy);
        }

        #[test]
        fn any_text_is_a_mnemonic_or_an_error(text: String) {
            assert!(Mnemonic::parse(&text).is_err());
        }
    }
}
