//! `[log]`: how much is logged, and for whom. What the command line or a variable says counts more.

use crate::observe::log::{LogFormat, is_filter};
use crate::settings::Problem;

use crate::config::file::RawConfig;

/// How much is logged, and for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// A level, or directives as `RUST_LOG` has them; `None` where the file does not say.
    pub level: Option<String>,
    /// For whom; `None` is for journald where it reads standard error, otherwise for people.
    pub format: Option<LogFormat>,
}

pub(in crate::config) fn log(written: &RawConfig, problems: &mut Vec<Problem>) -> Log {
    let level = written.log_level.as_ref().and_then(|written| {
        let level = written.value.clone();
        if is_filter(&level) {
            return Some(level);
        }
        problems.push(Problem::at(
            written.span.clone(),
            "this is not a level of the log",
            "expected \"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
            "write `level = \"info\"`, or directives as RUST_LOG has them",
        ));
        None
    });
    let format = written
        .log_format
        .as_ref()
        .and_then(|written| match &*written.value {
            "auto" => None,
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            "journald" => Some(LogFormat::Journald),
            other => {
                problems.push(Problem::at(
                    written.span.clone(),
                    format!("`{other}` is not a format of the log"),
                    "expected \"auto\", \"text\", \"json\" or \"journald\"",
                    "auto is for journald where it reads standard error, otherwise for people",
                ));
                None
            }
        });
    Log { level, format }
}
