//! Bytes as digits of the bases in which peer ids are written: 58 and 36 as one large number, 32 by bits, 16 by pairs.

/// Bitcoin's digits, without 0, O, I and l.
const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BASE36: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
const BASE32: &str = "abcdefghijklmnopqrstuvwxyz234567";

/// A base by its multibase prefix (`github.com/multiformats/multibase`): those in which libp2p's ids are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Multibase {
    Base58,
    Base36,
    Base32,
    Base16,
}

impl Multibase {
    /// What the first character of a CID says.
    pub(super) fn of_prefix(prefix: char) -> Option<Self> {
        Some(match prefix {
            'z' => Self::Base58,
            'k' | 'K' => Self::Base36,
            'b' | 'B' => Self::Base32,
            'f' | 'F' => Self::Base16,
            _ => return None,
        })
    }

    /// The bytes, or the first character that is none of the base's digits; `None` in the error where the digits are whole but
    /// do not end with a byte.
    pub(super) fn decode(self, text: &str) -> Result<Vec<u8>, Option<char>> {
        match self {
            Self::Base58 => large_number(text, BASE58),
            Self::Base36 => large_number(&text.to_ascii_lowercase(), BASE36),
            Self::Base32 => by_bits(&text.to_ascii_lowercase(), BASE32, 5),
            Self::Base16 => by_bits(&text.to_ascii_lowercase(), "0123456789abcdef", 4),
        }
    }
}

/// In base 58, as peer ids are shown.
pub(super) fn to_base58(bytes: &[u8]) -> String {
    let digits: Vec<char> = BASE58.chars().collect();
    // Digits of base 58, the lowest first.
    let mut number: Vec<usize> = Vec::new();
    for byte in bytes {
        let mut carry = usize::from(*byte);
        for digit in &mut number {
            carry += *digit * 256;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            number.push(carry % 58);
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).map(|_| &0);
    let all = zeros.chain(number.iter().rev());
    all.filter_map(|digit| digits.get(*digit)).collect()
}

fn value(digit: char, alphabet: &str) -> Result<usize, Option<char>> {
    alphabet.find(digit).ok_or(Some(digit))
}

/// Leading zeros stand for bytes of zero.
fn large_number(text: &str, alphabet: &str) -> Result<Vec<u8>, Option<char>> {
    let base = alphabet.len();
    // Bytes, the lowest first.
    let mut number: Vec<u8> = Vec::new();
    for digit in text.chars() {
        let mut carry = value(digit, alphabet)?;
        for byte in &mut number {
            carry += usize::from(*byte) * base;
            *byte = u8::try_from(carry % 256).unwrap_or(0);
            carry /= 256;
        }
        while carry > 0 {
            number.push(u8::try_from(carry % 256).unwrap_or(0));
            carry /= 256;
        }
    }
    let zero = alphabet.chars().next();
    let zeros = text
        .chars()
        .take_while(|digit| Some(*digit) == zero)
        .count();
    number.resize(number.len() + zeros, 0);
    number.reverse();
    Ok(number)
}

/// RFC 4648 without padding; bits left over at the end must be zero and fewer than those of one digit.
fn by_bits(text: &str, alphabet: &str, bits: u32) -> Result<Vec<u8>, Option<char>> {
    let (mut bytes, mut held, mut count) = (Vec::new(), 0_u32, 0);
    for digit in text.chars() {
        let digit = u32::try_from(value(digit, alphabet)?).unwrap_or(0);
        held = (held << bits) | digit;
        count += bits;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((held >> count) & 0xff).unwrap_or(0));
        }
        held &= (1 << count) - 1;
    }
    match count < bits && held == 0 {
        true => Ok(bytes),
        false => Err(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `draft-msporny-base58-03`, 5, and RFC 4648, 10.
    #[test]
    fn known_answers() {
        for (bytes, text) in [
            (&b"Hello World!"[..], "2NEpo7TZRRrLZSi2U"),
            (
                b"The quick brown fox jumps over the lazy dog.",
                "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
            ),
            (&[0, 0, 0x28, 0x7f, 0xb4, 0xcd], "11233QC4"),
        ] {
            assert_eq!(to_base58(bytes), text);
            assert_eq!(Multibase::Base58.decode(text).unwrap(), bytes);
        }
        assert_eq!(Multibase::Base32.decode("mzxw6yq").unwrap(), b"foob");
        assert_eq!(Multibase::Base32.decode("MZXW6YTBOI").unwrap(), b"foobar");
        assert_eq!(Multibase::Base16.decode("666F6f").unwrap(), b"foo");
        // `multibase/tests/basic.csv`: "yes mani !".
        assert_eq!(
            Multibase::Base36.decode("2lcpzo5yikidynfl").unwrap(),
            b"yes mani !"
        );
    }

    #[test]
    fn what_is_no_digit_is_named() {
        assert_eq!(Multibase::Base58.decode("12O4"), Err(Some('O')));
        assert_eq!(Multibase::Base32.decode("abc1"), Err(Some('1')));
        assert_eq!(Multibase::Base16.decode("abc"), Err(None));
        assert_eq!(Multibase::Base32.decode("b"), Err(None));
        assert_eq!(Multibase::Base36.decode("ü"), Err(Some('ü')));
    }

    proptest! {
        #[test]
        fn base58_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            prop_assert_eq!(Multibase::Base58.decode(&to_base58(&bytes)).unwrap(), bytes);
        }
    }
}
