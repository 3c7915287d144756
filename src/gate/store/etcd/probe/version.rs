//! Which versions of etcd may keep a watermark.
//!
//! Source: etcd's own `tests/robustness/README.md` and CHANGELOG files, read in November 2026.

use std::fmt;

/// A version of etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

/// What is known against a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// Nothing.
    Good,
    /// It works, and should be replaced soon.
    Old(&'static str),
    /// It loses what it acknowledged.
    Unsafe(&'static str),
}

impl Version {
    /// Reads `3.5.16`, and `3.6.0-rc.1` as `3.6.0`.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.split(['-', '+']).next()?;
        let mut parts = plain.split('.').map(|part| part.parse::<u32>().ok());
        Some(Self {
            major: parts.next()??,
            minor: parts.next()??,
            patch: parts.next()??,
        })
    }

    /// What is known against it in a cluster of so many members.
    pub fn verdict(self, members: usize) -> Support {
        let single = members == 1;
        match (self.major, self.minor, self.patch) {
            (0..=2, ..) | (3, 0..=3, _) => {
                Support::Unsafe("it has no gateway that this program can use")
            }
            (3, 5, 0..=2) => Support::Unsafe("its members may disagree after a crash (etcd#13766)"),
            (3, 4, 0..=20) | (3, 5, 0..=4) if single => {
                Support::Unsafe("a single member of it may lose what it acknowledged (etcd#14370)")
            }
            (3, 4, 0..=41) => Support::Old(
                "it has known holes (CVE-2026-33413) and gets no corrections any more; upgrade to 3.6 or newer",
            ),
            (3, 4, _) => Support::Old("it gets no corrections any more; upgrade to 3.6 or newer"),
            (3, 5, 0..=27) => Support::Old(
                "it has known holes (CVE-2026-33413) and may read stale data after a pause (etcd#20418); upgrade to \
                 3.5.28 or newer",
            ),
            (3, 6, 0..=8) => Support::Old(
                "it has known holes (CVE-2026-33413) and may read stale data after a pause (etcd#20418); upgrade to \
                 3.6.9 or newer",
            ),
            _ => Support::Good,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_lost_data_are_refused_and_old_ones_warned_of() {
        let verdict = |text: &str, members| Version::parse(text).unwrap().verdict(members);
        for (text, members) in [
            ("3.5.0", 3),
            ("3.5.2", 3),
            ("3.3.27", 3),
            ("3.4.20", 1),
            ("3.5.4", 1),
        ] {
            assert!(
                matches!(verdict(text, members), Support::Unsafe(_)),
                "{text}"
            );
        }
        for text in [
            "3.4.20", "3.4.23", "3.4.45", "3.5.3", "3.5.16", "3.5.27", "3.6.8",
        ] {
            assert!(matches!(verdict(text, 3), Support::Old(_)), "{text}");
        }
        for text in [
            "3.5.28",
            "3.6.9",
            "3.7.0",
            "3.7.3",
            "3.8.0-alpha.0",
            "4.0.0",
        ] {
            assert_eq!(verdict(text, 3), Support::Good, "{text}");
            assert_eq!(verdict(text, 1), Support::Good, "{text}");
        }
        for bad in ["", "3", "3.5", "x.y.z", "3.5.99999999999"] {
            assert_eq!(Version::parse(bad), None);
        }
    }
}
