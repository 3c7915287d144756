//! A height that somebody types, or that an old state file holds, before it becomes a watermark for good.

use std::fmt;
use std::path::Path;

use clap::Args;

use crate::cli::report::{Failure, status};
use crate::consensus::{ChainId, Height};
use crate::gate::heights::plausible::Claim;
use crate::terminal::Terminal;

/// How sure the operator is.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Sure {
    /// The height is right, although it is far above what is known; without a terminal nobody can be asked
    #[arg(long)]
    pub yes_this_height: bool,
}

/// Where a height comes from.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum HeightSource<'a> {
    /// It was typed.
    Typed,
    /// It stands in a file.
    File(&'a Path),
    /// A key of etcd holds it, and this host wrote it.
    Etcd {
        /// The key.
        key: &'a str,
        /// The host.
        host: &'a str,
    },
}

impl fmt::Display for HeightSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed => Ok(()),
            Self::File(path) => write!(f, ", which {} says,", path.display()),
            Self::Etcd { host, .. } => write!(f, ", which etcd holds from host {host},"),
        }
    }
}

impl Sure {
    /// Lets a plausible height pass, asks for any other once more, and refuses one above which nothing could be signed.
    ///
    /// # Errors
    /// When nothing must be changed.
    pub(in crate::cli) fn of(
        self,
        height: Height,
        source: HeightSource<'_>,
        known: Option<Height>,
        chain: &ChainId,
        terminal: &mut dyn Terminal,
    ) -> Result<(), Failure> {
        let why = match Claim::of(height, known) {
            Claim::Plausible => return Ok(()),
            Claim::Final => {
                return Err(Failure::new(format!(
                    "nothing was changed: above height {height}{source} chain {chain} could never be signed for again"
                ))
                .hint(match source {
                    HeightSource::Typed => "look up the last height of the chain, and say that".to_owned(),
                    HeightSource::File(path) => format!(
                        "{} is damaged, or was never the state of this chain: take the newest state of its signer",
                        path.display()
                    ),
                    HeightSource::Etcd { key, .. } => format!(
                        "no signer of this chain wrote that: find out who did, delete it with `etcdctl del {key}`, and begin \
                         again on the host whose state file is right, as docs/two-hosts.md says"
                    ),
                }));
            }
            Claim::Implausible { known: Some(known) } => {
                format!(
                    "height {height}{source} is far above {known}, the watermark of chain {chain}"
                )
            }
            Claim::Implausible { known: None } => {
                format!("height {height}{source} is more than nearly all chains have reached")
            }
        };
        if self.yes_this_height {
            return Ok(());
        }
        let silence =
            "a watermark that is too high silences the validator until the chain gets there";
        if !terminal.is_interactive() {
            return Err(Failure::new(format!("nothing was changed: {why}")).hint(format!(
                "{silence}; look the height up, and if it is right repeat the command with `--yes-this-height`"
            )));
        }
        status("Careful", format!("{why}; {silence}"));
        let typed = terminal
            .ask("If it is right, type the height again:")
            .map_err(|error| Failure::new(format!("the terminal cannot be read: {error}")))?;
        match typed.is_some_and(|typed| typed.trim() == height.to_string()) {
            true => Ok(()),
            false => Err(Failure::new("that is another height; nothing was changed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    /// A person who types one line, or nobody.
    struct Person {
        line: Option<&'static str>,
        asked: usize,
    }

    impl Terminal for Person {
        fn is_interactive(&self) -> bool {
            self.line.is_some()
        }

        fn say(&mut self, _: &str) -> std::io::Result<()> {
            Ok(())
        }

        fn confirm(&mut self, _: &str) -> std::io::Result<bool> {
            panic!("a yes is typed too easily");
        }

        fn ask(&mut self, _: &str) -> std::io::Result<Option<Zeroizing<String>>> {
            self.asked += 1;
            Ok(self.line.map(|line| Zeroizing::new(line.to_owned())))
        }
    }

    fn sure(
        height: i64,
        known: Option<i64>,
        line: Option<&'static str>,
        flag: bool,
    ) -> (bool, usize) {
        let mut person = Person { line, asked: 0 };
        let sure = Sure {
            yes_this_height: flag,
        };
        let height = Height::new(height).unwrap();
        let known = known.and_then(Height::new);
        let passed = sure.of(
            height,
            HeightSource::Typed,
            known,
            &"c-1".parse().unwrap(),
            &mut person,
        );
        (passed.is_ok(), person.asked)
    }

    #[test]
    fn what_is_plausible_is_not_asked_for() {
        assert_eq!(sure(28_000_001, Some(28_000_000), None, false), (true, 0));
        assert_eq!(sure(28_000_000, None, Some(""), false), (true, 0));
    }

    #[test]
    fn one_digit_too_many_is_typed_again_or_flagged() {
        let (height, known) = (280_000_000, Some(28_000_000));
        for known in [known, None] {
            assert_eq!(sure(height, known, Some("280000000"), false), (true, 1));
            for line in ["28000000", "", "y", "yes", "280_000_000"] {
                assert_eq!(sure(height, known, Some(line), false), (false, 1), "{line}");
            }
            assert_eq!(sure(height, known, None, false), (false, 0));
            assert_eq!(sure(height, known, None, true), (true, 0));
            assert_eq!(sure(height, known, Some("280000000"), true), (true, 0));
        }
    }

    #[test]
    fn the_last_height_is_refused_whatever_is_said() {
        for height in [i64::MAX, i64::MAX - 1] {
            assert_eq!(
                sure(height, None, Some("9223372036854775807"), true),
                (false, 0)
            );
            assert_eq!(sure(height, Some(i64::MAX - 9), None, true), (false, 0));
        }
    }
}
