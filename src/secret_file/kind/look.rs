//! From bytes to what they are.

use zeroize::Zeroizing;

use super::file_kind::{Armour, FileKind, OddBase64, is_length};
use super::json;
use super::pem;
use crate::text::base64;

/// What editors of Windows put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// How archives and programs begin.
const MAGIC: &[(&[u8], &str)] = &[
    (&[0x1f, 0x8b], "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "an xz archive"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "a zstd archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a database"),
];

/// A file's text: without a byte order mark, blanks and line ends around it.
pub fn text(bytes: &[u8]) -> &[u8] {
    bytes
        .strip_prefix(BYTE_ORDER_MARK)
        .unwrap_or(bytes)
        .trim_ascii()
}

/// What a file holds that is not the key that was expected; `None` where nothing is known of it.
pub fn look(bytes: &[u8]) -> Option<FileKind> {
    if let Some((_, what)) = MAGIC.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Some(FileKind::Binary(what));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Some(FileKind::Utf16);
    }
    if let Some(kind) = der(bytes, Armour::Der) {
        return Some(kind);
    }
    match std::str::from_utf8(text(bytes)) {
        Ok(text) if !text.contains(is_no_text) => of_text(text),
        _ => is_length(bytes.len()).then_some(FileKind::Raw(bytes.len())),
    }
}

/// What stands in bytes and in no text.
fn is_no_text(char: char) -> bool {
    char.is_ascii_control() && !char.is_ascii_whitespace()
}

fn of_text(text: &str) -> Option<FileKind> {
    match text.as_bytes().first()? {
        b'{' => return Some(json::object(text)),
        b'<' => return Some(FileKind::Html),
        _ => {}
    }
    if text.starts_with('[') && serde_json::from_str::<Vec<u8>>(text).is_ok() {
        return Some(FileKind::Numbers);
    }
    if text.starts_with("-----BEGIN ") {
        return Some(pem::pem(text));
    }
    if text.starts_with("age-encryption.org/") {
        return Some(FileKind::Encrypted("age"));
    }
    let words = text.split_whitespace();
    if words.clone().all(is_word) && matches!(words.clone().count(), 12 | 15 | 18 | 21 | 24) {
        return Some(FileKind::Mnemonic(words.count()));
    }
    hex(text)
        .or_else(|| of_base64(text))
        .or_else(|| is_bech32(text).then_some(FileKind::Bech32))
        .or_else(|| is_configuration(text).then_some(FileKind::Configuration))
        .or_else(|| pem_below(text))
}

/// What explains a block stands before it (RFC 7468, section 5.2).
fn pem_below(text: &str) -> Option<FileKind> {
    let at = text.find("\n-----BEGIN ")?;
    Some(pem::pem(text.get(at + 1..)?))
}

fn is_word(word: &str) -> bool {
    (3..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// At least as many digits as a short key has; fewer say nothing.
fn hex(text: &str) -> Option<FileKind> {
    let bare = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let prefix = bare.is_some();
    // In lines, in groups, or byte by byte with colons, as `xxd -p` and OpenSSL write them.
    let digits = bare.unwrap_or(text).bytes();
    let mut digits = digits.filter(|byte| !byte.is_ascii_whitespace() && *byte != b':');
    let count = digits.clone().count();
    let all = count >= 32 && count.is_multiple_of(2) && digits.all(|byte| byte.is_ascii_hexdigit());
    all.then_some(FileKind::Hex {
        bytes: count / 2,
        prefix,
    })
}

fn of_base64(text: &str) -> Option<FileKind> {
    let strict = decoded(text);
    if let Some(kind) = strict.as_ref().and_then(|bytes| of_bytes(bytes)) {
        return Some(kind);
    }
    let bare = text.trim_matches(['"', '\'']);
    let joined: Zeroizing<String> = Zeroizing::new(bare.split_whitespace().collect());
    let padded = |text: &str| {
        let text = text.trim_end_matches('=');
        let missing = (4 - text.len() % 4) % 4;
        Zeroizing::new(format!("{text}{}", "=".repeat(missing)))
    };
    let plain = Zeroizing::new(joined.replace('-', "+").replace('_', "/"));
    let how = [
        (OddBase64::Quoted, Zeroizing::new(bare.to_owned())),
        (OddBase64::Lines, joined.clone()),
        (OddBase64::Unpadded, padded(&joined)),
        (OddBase64::Urls, padded(&plain)),
    ];
    how.into_iter().find_map(|(how, text)| {
        let bytes = decoded(&text)?;
        match of_bytes(&bytes)? {
            FileKind::Base64 => Some(FileKind::OddBase64 {
                how,
                bytes: bytes.len(),
            }),
            other => Some(other),
        }
    })
}

/// What the bytes of a base64 text are.
fn of_bytes(bytes: &[u8]) -> Option<FileKind> {
    match bytes {
        _ if is_length(bytes.len()) => Some(FileKind::Base64),
        // A compressed point of secp256k1 (SEC 1).
        [2 | 3, rest @ ..] if rest.len() == 32 => {
            Some(FileKind::PublicKey("33 bytes of secp256k1"))
        }
        _ => der(bytes, Armour::Base64),
    }
}

fn der(bytes: &[u8], armour: Armour) -> Option<FileKind> {
    match pem::private_key(bytes) {
        Some(kind) => Some(FileKind::Openssl(armour, kind)),
        None => pem::is_public_key(bytes).then_some(FileKind::PublicKey("DER")),
    }
}

fn decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    base64::decode(text.as_bytes()).map(Zeroizing::new)
}

/// A prefix, `1`, and at least the checksum in the alphabet of BIP 173.
fn is_bech32(text: &str) -> bool {
    text.rsplit_once('1').is_some_and(|(prefix, data)| {
        !prefix.is_empty()
            && prefix
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && data.len() >= 20
            && data
                .bytes()
                .all(|byte| b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".contains(&byte))
    })
}

/// TOML or YAML with the sections of a signer.
fn is_configuration(text: &str) -> bool {
    let starts = [
        "[[chain]]",
        "[[validator]]",
        "[[providers.",
        "[chain",
        "[validator",
        "[providers",
        "[etcd]",
        "[metrics]",
        "chains:",
        "validators:",
        "[p2p]",
    ];
    text.lines().any(|line| {
        starts
            .iter()
            .any(|start| line.trim_start().starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = look(&bytes);
            let mut der = vec![0x30, 0x81];
            der.extend(&bytes);
            let _ = look(&der);
        }

        #[test]
        fn any_text_is_no_panic(text in "(-----BEGIN |\\{|\\[|0x|)[A-Za-z0-9+/=_\": \n{}-]{0,100}") {
            let _ = look(text.as_bytes());
        }

        /// Whatever stands where the type is expected: a secret by mistake is not shown.
        #[test]
        fn no_secret_is_shown(secret in "[A-Za-z0-9+/]{43}=") {
            for text in [
                format!(r#"{{"pub_key":1,"priv_key":{{"type":"{secret}"}}}}"#),
                format!(r#"{{"pub_key":1,"priv_key":"{secret}"}}"#),
                format!("\"{secret}\""),
                format!("-----BEGIN {secret}"),
            ] {
                let shown = look(text.as_bytes()).map_or_else(String::new, |kind| format!("{kind} {kind:?}"));
                let lower = secret.to_ascii_lowercase();
                prop_assert!(!shown.contains(&secret) && !shown.contains(&lower[..40]), "{}", shown);
            }
        }
    }
}
