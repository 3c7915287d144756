//! How long something took or is ago, in words.

/// A number of seconds as people say it.
pub fn humanize(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::humanize;

    #[test]
    fn spans_are_short() {
        let shown: Vec<String> = [0, 119, 120, 7_200, 200_000].map(humanize).into();
        assert_eq!(shown, ["0 s", "119 s", "2 min", "2 h", "2 days"]);
    }
}
