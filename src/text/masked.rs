//! Texts that may hold a private key by mistake, shown without it: words that may be keys become stars, byte for byte, so
//! that places stay right (W14).

/// The words of a text that may be private keys, which belong into files of their own. What stands in a line about a
/// `public_key` is none; an address and a peer id on `tcp://` links have
/// 40 digits.
pub fn keys_in(text: &str) -> Vec<&str> {
    let of_word =
        |char: char| char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '_' | '-');
    let lines = text.lines().filter(|line| !line.contains("public_key"));
    let words = lines.flat_map(|line| line.split(move |char| !of_word(char)));
    words.filter(|word| may_be_key(word)).collect()
}

/// The text with each of these words as stars.
pub fn without(text: &str, words: &[&str]) -> String {
    words.iter().fold(text.to_owned(), |shown, word| {
        shown.replace(word, &stars(word))
    })
}

/// Whether a word may be 32 bytes or more in hexadecimal digits, or 30 in base64.
pub fn may_be_key(word: &str) -> bool {
    if word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return word.len() >= 64;
    }
    // A node's id on noise links is public, and has to be seen to be corrected.
    let bare = word.trim_start_matches('/');
    if ["12D3Koo", "16Uiu2H", "Qm"]
        .iter()
        .any(|id| bare.starts_with(id))
    {
        return false;
    }
    // Of 40 random digits of base64 some 16 are capitals, and hardly any path has six.
    let capitals = word.bytes().filter(u8::is_ascii_uppercase).count();
    word.len() >= 40 && capitals >= 6
}

/// As many stars as the text has bytes; line ends stay.
pub fn stars(text: &str) -> String {
    let hide = |char: char| match char {
        '\n' | '\r' => char.to_string(),
        _ => "*".repeat(char.len_utf8()),
    };
    text.chars().map(hide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_key_is_hidden_wherever_it_stands() {
        for (text, shown) in [
            (
                "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
                "*******************************************=",
            ),
            (
                "path = \"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA\"\nx",
                "path = \"*******************************************\"\nx",
            ),
            (
                "# 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
                "# ****************************************************************",
            ),
        ] {
            assert_eq!(without(text, &keys_in(text)), shown);
        }
        for stays in [
            "addr = \"tcp://f8a65d35c3a79ccc7062ea0838c0262c01e5230d@10.0.0.1:26659\"",
            "addr = \"noise://12D3KooWLt6EHrrmcvt9jV3Apz3CX3fAiahjbc7H6HCL5xyP2hUt@10.0.0.1:26659\"",
            "path = \"/home/Validator1/kms/secrets/cosmoshub-4-consensus.key\"",
            "BB0C07A8F391494B47D3D1046911C7227540C34C",
            "public_key = \"4CB862F2BE162F32EE858811F4FE7FCD5D11017A496D3121910F036B6105B696\"",
        ] {
            assert!(keys_in(stays).is_empty(), "{stays}");
        }
    }
}
