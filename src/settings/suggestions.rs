//! Known words that a word may be a slip for.

/// The known word that is at most two letters off, or a third of a long word.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|other| (strsim::levenshtein(word, other), *other))
        .filter(|(distance, other)| *distance <= 2.max(other.len() / 4))
        .min()
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        assert_eq!(
            nearest("reconect", &["reconnect", "addr"]),
            Some("reconnect")
        );
        assert_eq!(
            nearest("statefile", &["state_file", "id"]),
            Some("state_file")
        );
        assert_eq!(nearest("banana", &["reconnect", "addr"]), None);
    }
}
