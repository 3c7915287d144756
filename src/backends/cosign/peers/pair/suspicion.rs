//! When a member that comes again while its link answers is one that runs twice, and not one that reads its configuration again.

use std::time::{Duration, Instant};

/// A second process is turned away and comes again within a second or two. After so long another one has come.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// How long somebody has come again and again.
#[derive(Debug, Default)]
pub(super) struct Suspicion(Option<Came>);

#[derive(Debug)]
struct Came {
    first: Instant,
    last: Instant,
}

impl Suspicion {
    /// He came once more; whether it has gone on for `certain` by now. A process that reads its configuration again may have its old
    /// links for a moment while the new ones begin.
    pub(super) fn came(&mut self, now: Instant, certain: Duration) -> bool {
        let is_same = |came: &Came| now.saturating_duration_since(came.last) < FORGOTTEN;
        let first = self.0.take().filter(is_same).map_or(now, |came| came.first);
        self.0 = Some(Came { first, last: now });
        now.saturating_duration_since(first) >= certain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_for_a_moment_is_not_suspected() {
        let (mut suspicion, began) = (Suspicion::default(), Instant::now());
        let certain = Duration::from_secs(5);
        let mut came = |seconds| suspicion.came(began + Duration::from_secs(seconds), certain);
        for second in 0..5 {
            assert!(!came(second), "{second}");
        }
        assert!(came(5) && came(6) && came(15));
        // Another day, another reload.
        assert!(!came(25));
        assert!(!came(29) && came(30));
    }
}
