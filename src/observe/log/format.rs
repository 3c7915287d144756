//! How a line of the log looks: for people, for journald, or as JSON for programs.
//!
//! People read only the message; it names everything. JSON has the same message and what it is made of, under names that
//! stay as they are: `time`, `level`, `event`, `message`, `chain`, `node` and so on; docs/operations.md lists the events.
//! What a node says may stand in a message, so control characters are written as escapes everywhere.

use std::fmt::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::text::excerpt::{brief, brief_of};

/// The longest message or field, in bytes: a line does not grow with what others send.
const LONGEST_TEXT: usize = 4096;

/// The event of a line that has no name of its own.
const OTHER: &str = "note";

/// Who reads the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: time, level, message
    Text,
    /// For programs: one JSON object a line
    Json,
    /// For journald, which has its own clock: the level as sd-daemon(3) writes it, and the message
    Journald,
}

/// As the configuration has it.
impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Journald => "journald",
        })
    }
}

impl LogFormat {
    /// What standard error wants when nobody says anything: [`LogFormat::Journald`] when it is the stream that systemd
    /// names in `JOURNAL_STREAM`. Source: systemd.exec(5).
    pub fn of_stderr(stream: &str) -> Self {
        match rustix::fs::fstat(std::io::stderr().as_fd()) {
            Ok(stat) if stream == format!("{}:{}", stat.st_dev, stat.st_ino) => Self::Journald,
            _ => Self::Text,
        }
    }
}

/// The format at this moment.
pub(super) struct CurrentFormat(AtomicU8);

impl CurrentFormat {
    pub fn new(format: LogFormat) -> Self {
        Self(AtomicU8::new(format as u8))
    }

    pub fn set(&self, format: LogFormat) {
        self.0.store(format as u8, Ordering::Relaxed);
    }

    pub fn get(&self) -> LogFormat {
        let now = self.0.load(Ordering::Relaxed);
        let all = [LogFormat::Text, LogFormat::Json, LogFormat::Journald];
        let found = all.into_iter().find(|format| *format as u8 == now);
        found.unwrap_or(LogFormat::Text)
    }
}

/// Writes lines.
pub(super) struct LineFormat {
    pub format: Arc<CurrentFormat>,
    pub color: bool,
}

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut parts = LineParts::default();
        event.record(&mut parts);
        let level = *event.metadata().level();
        let mut time = String::new();
        let format = self.format.get();
        if format != LogFormat::Journald {
            SystemTime.format_time(&mut Writer::new(&mut time))?;
        }
        let line = match format {
            LogFormat::Text => text(&time, level, &parts.message, self.color),
            LogFormat::Journald => {
                format!("<{}>{}", priority(level), Escaped(&parts.message))
            }
            LogFormat::Json => json(time, level, parts),
        };
        writeln!(out, "{line}")
    }
}

fn text(time: &str, level: Level, message: &str, color: bool) -> String {
    let message = Escaped(message);
    if !color {
        return format!("{time} {level:>5} {message}");
    }
    let shade = match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    };
    format!("\x1b[2m{time}\x1b[0m \x1b[{shade}m{level:>5}\x1b[0m {message}")
}

/// Of syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

fn json(time: String, level: Level, parts: LineParts) -> String {
    let event = parts.event.unwrap_or_else(|| OTHER.to_owned());
    let head = [
        ("time", time),
        ("level", level.as_str().to_ascii_lowercase()),
        ("event", event),
        ("message", parts.message),
    ];
    let head = head.map(|(name, text)| (name.to_owned(), Value::String(text)));
    let mut line = String::new();
    for (name, value) in head.into_iter().chain(parts.others) {
        line.push(if line.is_empty() { '{' } else { ',' });
        let pair = format!("{}:{value}", Value::String(name));
        // The standard lets DEL and what follows ASCII stand as they are; some terminals obey them.
        for char in pair.chars() {
            match char.is_control() {
                true => line.push_str(&format!("\\u{:04x}", u32::from(char))),
                false => line.push(char),
            }
        }
    }
    line.push('}');
    line
}

/// What a line is made of.
#[derive(Default)]
struct LineParts {
    message: String,
    event: Option<String>,
    others: Map<String, Value>,
}

impl LineParts {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("event", Value::String(text)) => self.event = Some(text),
            (name, value) => {
                self.others.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for LineParts {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, brief(value, LONGEST_TEXT).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = brief_of(format_args!("{value:?}"), LONGEST_TEXT);
        self.put(field, text.into());
    }
}

/// Text whose control characters are escapes, so that a node cannot write lines or colours of its own.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char.is_control() {
                true => write!(f, "{}", char.escape_default())?,
                false => f.write_char(char)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_journald_read_one_line_whatever_a_node_says() {
        let evil = "a\nERROR b\u{1b}[2J\u{9b}";
        assert_eq!(
            text("T", Level::WARN, evil, false),
            "T  WARN a\\nERROR b\\u{1b}[2J\\u{9b}"
        );
        assert!(text("T", Level::WARN, evil, true).contains("\x1b[33m WARN\x1b[0m a\\nERROR"));
        assert_eq!(priority(Level::ERROR), 3);
    }

    #[test]
    fn programs_read_an_object() {
        let mut parts = LineParts {
            message: "a\n\"b\"\u{9b}2J\u{7f}".to_owned(),
            ..LineParts::default()
        };
        parts.others.insert("height".to_owned(), 5.into());
        assert_eq!(
            json("T".to_owned(), Level::INFO, parts),
            r#"{"time":"T","level":"info","event":"note","message":"a\n\"b\"\u009b2J\u007f","height":5}"#
        );
    }
}
