//! Standard base64 with padding (RFC 4648), read strictly and without a panic.
//!
//! `subtle-encoding` 0.5.1 decodes in constant time, but underflows on padding that stands where none can (`=`,
//! `====`, `=A==`), so the shape is checked before it sees anything.

use subtle_encoding::base64;

/// The bytes, or `None` where the text is not base64.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let digits = text
        .strip_suffix(b"==")
        .or_else(|| text.strip_suffix(b"="))
        .unwrap_or(text);
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    // One digit alone holds no byte.
    let whole = text.len().is_multiple_of(4) && digits.len() % 4 != 1 && !digits.is_empty();
    if !whole || !digits.iter().all(digit) {
        return None;
    }
    base64::decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn padding_where_none_can_stand_is_no_panic() {
        for text in [
            "=", "==", "===", "====", "=A==", "A===", "A=AA", "AA=A", "A", "AA", "AAA", "AAAA=",
            "AA==AAAA",
        ] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
        assert_eq!(decode(b""), Some(Vec::new()));
        assert_eq!(decode(b"AA=="), Some(vec![0]));
    }

    proptest! {
        #[test]
        fn any_text_is_no_panic_and_bytes_come_back(text in "[A=/+ a]{0,12}", bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(text.as_bytes());
            prop_assert_eq!(decode(&base64::encode(&bytes)), Some(bytes));
        }
    }
}
