//! Standard base64 with padding (RFC 4648), read strictly, in constant time and without a panic.

use base64ct::{Base64, Encoding};

/// The bytes, or `None` where the text is not base64.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    Base64::decode_vec(std::str::from_utf8(text).ok()?).ok()
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
            prop_assert_eq!(decode(Base64::encode_string(&bytes).as_bytes()), Some(bytes));
        }
    }
}
