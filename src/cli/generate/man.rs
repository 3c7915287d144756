//! `tmkms man`: a page for each command, with what clap does not know, and `tmkms.toml(5)` from the example.

use std::path::{Path, PathBuf};

use clap::Args;

use super::roff;
use crate::cli::report::{Failure, status};
use crate::os::files::folders::make_folders;
use crate::os::files::replace::{Flush, Readers, replace};

/// The example shows every setting with its default and what it is for, and a test holds it to that.
const EXAMPLE: &str = include_str!("../../../tmkms.toml.example");

/// Manual pages.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms man /usr/local/share/man/man1\n  tmkms man . && man ./tmkms-state-import.1\n\n\
                  tmkms.toml.5 goes into the man5 beside a folder that is called man1, and into the same folder otherwise."
)]
pub(in crate::cli) struct Man {
    /// The folder to write them into: tmkms.1, one page a command, and tmkms.toml.5
    folder: PathBuf,
}

impl Man {
    /// `definition` is that of the command line.
    pub(in crate::cli) fn run(self, definition: clap::Command) -> Result<(), Failure> {
        let mut command = definition;
        command.build();
        make(&self.folder)?;
        let pages = write_pages(&command, "tmkms", &self.folder)?;
        let folder = match self.folder.file_name() {
            Some(name) if name == "man1" => self.folder.with_file_name("man5"),
            _ => self.folder.clone(),
        };
        let path = folder.join("tmkms.toml.5");
        make(&folder)?;
        write(&path, configuration().as_bytes())?;
        status(
            "Wrote",
            format!(
                "{pages} pages into {}, and {}",
                self.folder.display(),
                path.display()
            ),
        );
        Ok(())
    }
}

fn not_written(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be written: {error}", path.display()))
}

/// A manual is for everybody.
fn make(folder: &Path) -> Result<(), Failure> {
    make_folders(folder, Readers::Everyone)
        .map_err(|error| Failure::new(format!("{} cannot be made: {error}", folder.display())))
}

fn write(path: &Path, text: &[u8]) -> Result<(), Failure> {
    replace(path, text, Readers::Everyone, Flush::Passing)
        .map_err(|error| not_written(path, &error))
}

fn write_pages(command: &clap::Command, name: &str, folder: &Path) -> Result<usize, Failure> {
    let path = folder.join(format!("{name}.1"));
    let mut text = Vec::new();
    let page = command
        .clone()
        .name(name.to_owned())
        .version(crate::VERSION);
    clap_mangen::Man::new(page)
        .render(&mut text)
        .map_err(|error| not_written(&path, &error))?;
    text.extend_from_slice(more(command, name).as_bytes());
    write(&path, &text)?;
    let mut pages = 1;
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        pages += write_pages(sub, &format!("{name}-{}", sub.get_name()), folder)?;
    }
    Ok(pages)
}

/// The sections behind those of clap. A page of a command that reads no configuration has nothing to say of its variables.
fn more(command: &clap::Command, name: &str) -> String {
    let reads = command
        .get_arguments()
        .any(|argument| argument.get_id() == "config");
    let mut text = String::new();
    let mut variables = Vec::new();
    if reads {
        variables.extend(OF_CONFIGURATION);
    }
    if ["tmkms", "tmkms-start"].contains(&name) {
        variables.extend(OF_START);
    }
    variables.extend(OF_TERMINAL);
    text.push_str(&roff::heading("ENVIRONMENT"));
    text.push_str(&roff::list(variables));
    text.push_str(&roff::heading("EXIT STATUS"));
    text.push_str(&roff::list(EXIT));
    if name.starts_with("tmkms-harness") {
        text.push_str(&roff::list([(
            "10 and above",
            "the check that failed; each has its own",
        )]));
    }
    if reads {
        text.push_str(&roff::heading("FILES"));
        text.push_str(&roff::list(FILES));
    }
    text.push_str(&roff::heading("SEE ALSO"));
    text.push_str(match name {
        "tmkms" => "\\fBtmkms.toml\\fR(5)\n",
        _ => "\\fBtmkms\\fR(1), \\fBtmkms.toml\\fR(5)\n",
    });
    text
}

const OF_CONFIGURATION: [(&str, &str); 4] = [
    (
        "TMKMS_CONFIG_FILE",
        "the configuration, or its folder, where -c names none; empty is as good as not set",
    ),
    (
        "HOME",
        "what ~ and $HOME at the start of a path in the configuration mean",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "where systemd put the credentials that the configuration names as credential:NAME",
    ),
    (
        "NAME",
        "any variable that the configuration names as env:NAME: a secret, or, for start and check, the address of a node",
    ),
];

const OF_START: [(&str, &str); 5] = [
    (
        "TMKMS_LOG",
        "how much start logs: error, warn, info (the default), debug or trace, for all or for parts, as in info,tmkms::link=trace. \
         RUST_LOG is read where it is not set; --verbose is debug, whatever it says",
    ),
    (
        "TMKMS_LOG_FORMAT",
        "for whom start logs: auto, text, json or journald, where --log-format does not say",
    ),
    (
        "JOURNAL_STREAM",
        "set by systemd: by it start knows that journald reads its standard error",
    ),
    (
        "NOTIFY_SOCKET",
        "set by systemd: where start says that it is ready, and what it does",
    ),
    (
        "WATCHDOG_USEC",
        "set by systemd: how often start has to say that it lives",
    ),
];

const OF_TERMINAL: [(&str, &str); 2] = [
    (
        "NO_COLOR",
        "set to anything but nothing: no colour on a terminal. What is no terminal gets none",
    ),
    ("TERM", "a terminal that is called dumb gets no colour"),
];

const EXIT: [(&str, &str); 3] = [
    ("0", "done, or as asked for already"),
    (
        "1",
        "something outside of the configuration is wrong: a key, a state, a device, a node, a disk",
    ),
    (
        "2",
        "the command line or the configuration is wrong; a service manager need not try again",
    ),
];

const FILES: [(&str, &str); 6] = [
    ("./tmkms.toml", "the configuration: tmkms.toml(5)"),
    (
        "secrets/",
        "identity keys, keys in files and passwords; private, and never overwritten",
    ),
    (
        "state/CHAIN-consensus.json",
        "the double-sign watermark of a chain. Never restore it from a backup and never copy it to a second host",
    ),
    (
        "state/CHAIN-consensus.json.stopped",
        "the mark of a clean stop; it belongs to the state",
    ),
    (
        "state/CHAIN-consensus.json.taken-over",
        "the old signer's files that start looks at before it signs",
    ),
    (
        "tmkms.sock",
        "where the running service answers tmkms status: beside the configuration, or at control_socket",
    ),
];

/// `tmkms.toml(5)`.
fn configuration() -> String {
    let version = crate::VERSION;
    let mut page = format!(
        ".TH tmkms.toml 5 \"\" \"tmkms {version}\"\n.SH NAME\ntmkms.toml \\- the configuration of tmkms\n.SH DESCRIPTION\n"
    );
    let mut before = LineKind::Blank;
    for line in EXAMPLE.lines() {
        let (kind, shown) = LineKind::of(line);
        if before == LineKind::Setting && kind != LineKind::Setting {
            page.push_str(".fi\n.RE\n");
        }
        match kind {
            LineKind::Blank => {}
            LineKind::Table => page.push_str(&format!(".SH \"{}\"\n", roff::text(shown))),
            LineKind::Words => {
                if before != LineKind::Words {
                    page.push_str(".PP\n");
                }
                page.push_str(&format!("{}\n", roff::text(shown)));
            }
            LineKind::Setting => {
                if before != LineKind::Setting {
                    page.push_str(".RS 4\n.nf\n");
                }
                page.push_str(&format!("{}\n", roff::text(shown)));
            }
        }
        before = kind;
    }
    if before == LineKind::Setting {
        page.push_str(".fi\n.RE\n");
    }
    page.push_str(
        ".SH SEE ALSO\n\\fBtmkms\\fR(1), \\fBtmkms\\-start\\fR(1), \\fBtmkms\\-check\\fR(1)\n",
    );
    page
}

/// What a line of the example is, whether or not it is commented out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineKind {
    Blank,
    /// `[metrics]`, `[[chain]]`.
    Table,
    /// `name = value`.
    Setting,
    /// What it says about them.
    Words,
}

impl LineKind {
    fn of(line: &str) -> (Self, &str) {
        let shown = line.trim_start_matches('#').trim();
        let name = shown.split_once(" = ").map_or("", |(name, _)| name);
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        let kind = match shown {
            "" => Self::Blank,
            table if table.starts_with('[') && table.ends_with(']') => Self::Table,
            _ if is_name(name) => Self::Setting,
            _ => Self::Words,
        };
        (kind, shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_example_is_known_for_what_it_is() {
        for (line, kind) in [
            ("", LineKind::Blank),
            ("#", LineKind::Blank),
            ("[[chain]]", LineKind::Table),
            ("# [etcd]", LineKind::Table),
            ("id = \"cosmoshub-4\"", LineKind::Setting),
            ("#   key_file = \"etcd/signer.key\"", LineKind::Setting),
            ("# Seconds without a byte = silence", LineKind::Words),
            ("# One section for each chain.", LineKind::Words),
        ] {
            assert_eq!(LineKind::of(line).0, kind, "{line}");
        }
        assert_eq!(
            LineKind::of("# timeout = 15"),
            (LineKind::Setting, "timeout = 15")
        );
    }

    #[test]
    fn every_setting_of_the_example_stands_in_the_page() {
        let page = configuration();
        for name in [
            "lock_dir",
            "max_height",
            "raw_bytes",
            "serial_number",
            "transport",
            "endpoints",
        ] {
            let setting = format!("\n{} = ", roff::text(name));
            assert!(page.contains(&setting), "{name}");
        }
        assert!(page.contains(".SH \"[[providers.yubihsm]]\"\n"));
    }
}
