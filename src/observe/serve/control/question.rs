//! What may be asked at the control socket: one line, a word and what belongs to it.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use super::pause_asked::PauseAsked;

/// The longest question in bytes: a word and a bundle.
const LONGEST: u64 = 66 * 1024;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ControlQuestion {
    /// What the service does.
    Status,
    /// Somebody has seen the refused double signs of the chain with this id.
    Acknowledge(String),
    /// The configuration is to be read again, if it is the one at this path.
    Reload(String),
    /// The chain with this id goes to another host.
    MoveOut(String),
    /// A chain comes from another host, in the bundle with this text.
    MoveIn(String),
    /// Nothing is to be signed for a chain.
    Pause(PauseAsked),
    /// The chain with this id is to be signed for again.
    Resume(String),
}

/// What is no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnknownQuestion;

impl fmt::Display for UnknownQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the only questions are `status`, `acknowledge CHAIN`, `reload JSON`, `pause JSON`, `resume CHAIN`, `move-out CHAIN` and \
             `move-in BUNDLE`"
        )
    }
}

impl ControlQuestion {
    /// Reads one line, or as much of it as a question may be long.
    ///
    /// # Errors
    /// The client says nothing for too long, or is gone.
    pub fn read(from: impl Read) -> io::Result<Result<Self, UnknownQuestion>> {
        let mut line = Vec::new();
        BufReader::new(from.take(LONGEST)).read_until(b'\n', &mut line)?;
        // What ends without an end of line is a part of a question.
        let Some(line) = line.strip_suffix(b"\n") else {
            return Ok(Err(UnknownQuestion));
        };
        Ok(std::str::from_utf8(line).map_or(Err(UnknownQuestion), Self::of))
    }

    fn of(line: &str) -> Result<Self, UnknownQuestion> {
        match line.split_once(' ') {
            None if line == "status" => Ok(Self::Status),
            Some(("reload", path)) => serde_json::from_str(path)
                .map(Self::Reload)
                .map_err(|_| UnknownQuestion),
            Some(("acknowledge", chain)) => Ok(Self::Acknowledge(chain.to_owned())),
            Some(("move-out", chain)) => Ok(Self::MoveOut(chain.to_owned())),
            Some(("move-in", bundle)) => Ok(Self::MoveIn(bundle.to_owned())),
            Some(("pause", asked)) => serde_json::from_str(asked)
                .map(Self::Pause)
                .map_err(|_| UnknownQuestion),
            Some(("resume", chain)) => Ok(Self::Resume(chain.to_owned())),
            _ => Err(UnknownQuestion),
        }
    }

    /// The line, with its end.
    pub fn line(&self) -> String {
        match self {
            Self::Status => "status\n".to_owned(),
            Self::Reload(path) => format!("reload {}\n", serde_json::json!(path)),
            Self::Acknowledge(chain) => format!("acknowledge {chain}\n"),
            Self::MoveOut(chain) => format!("move-out {chain}\n"),
            Self::MoveIn(bundle) => format!("move-in {bundle}\n"),
            // JSON escapes what would end the line.
            Self::Pause(asked) => format!("pause {}\n", serde_json::json!(asked)),
            Self::Resume(chain) => format!("resume {chain}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[u8]) -> Result<ControlQuestion, UnknownQuestion> {
        ControlQuestion::read(line).unwrap()
    }

    #[test]
    fn what_is_asked_is_what_is_heard() {
        for question in [
            ControlQuestion::Status,
            ControlQuestion::Reload("/etc/a file\nof lines".to_owned()),
            ControlQuestion::Acknowledge("test-1".to_owned()),
            ControlQuestion::Acknowledge("a chain with spaces".to_owned()),
            ControlQuestion::MoveOut("test-1".to_owned()),
            ControlQuestion::MoveIn("{\"tmkms_move\":1}".to_owned()),
            ControlQuestion::Resume("test-1".to_owned()),
            ControlQuestion::Pause(PauseAsked {
                chain: "test \"1\"".to_owned(),
                from: Some(i64::MAX),
                why: Some("two\nlines".to_owned()),
            }),
        ] {
            assert_eq!(read(question.line().as_bytes()), Ok(question));
        }
    }

    #[test]
    fn anything_else_is_no_question() {
        let long = [b"acknowledge ", &[b'x'; 66 * 1024][..], b"\n"].concat();
        let bad: [&[u8]; 9] = [
            b"",
            b"\n",
            b"status",
            b"status of what\n",
            b"acknowledge\n",
            b"pause test-1\n",
            b"pause {\"chain\":\"a\",\"from\":null,\"why\":null,\"until\":1}\n",
            b"\xff\xfe\n",
            &long,
        ];
        for line in bad {
            assert_eq!(read(line), Err(UnknownQuestion), "{line:?}");
        }
    }
}
