//! Things that are counted, in words.

use std::fmt::Display;

/// `1 chain`, `2 chains`: a number and the things themselves, whose plural ends with an s.
pub fn count<N: Display + PartialEq + From<u8>>(number: N, one: &str) -> String {
    match number == N::from(1) {
        true => format!("{number} {one}"),
        false => format!("{number} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_not_several() {
        assert_eq!(count(0_usize, "chain"), "0 chains");
        assert_eq!(count(1_u64, "chain"), "1 chain");
        assert_eq!(count(2_u32, "state file"), "2 state files");
    }
}
