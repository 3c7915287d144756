//! `tmkms completions` and `tmkms man`: made from the very definition of the command line.

use std::path::{Path, PathBuf};

use clap::Args;
use clap_complete::Shell;

use crate::os::files::replace::{Flush, Readers, replace};

use super::report::{Failure, output, status};

/// Completions of a shell.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms completions bash > /etc/bash_completion.d/tmkms\n  tmkms completions zsh > ~/.zfunc/_tmkms"
)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// `definition` is that of the command line.
    pub(super) fn run(self, mut definition: clap::Command) -> Result<(), Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut definition, "tmkms", &mut text);
        output(&String::from_utf8_lossy(&text))
    }
}

/// Manual pages.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms man /usr/local/share/man/man1\n  tmkms man . && man ./tmkms-state-import.1"
)]
pub(super) struct Man {
    /// The folder to write them into: tmkms.1 and one page a command
    folder: PathBuf,
}

impl Man {
    /// As [`Completions::run`].
    pub(super) fn run(self, definition: clap::Command) -> Result<(), Failure> {
        let mut command = definition;
        command.build();
        let pages = write_pages(&command, "tmkms", &self.folder)?;
        status(
            "Wrote",
            format!("{pages} pages into {}", self.folder.display()),
        );
        Ok(())
    }
}

fn write_pages(command: &clap::Command, name: &str, folder: &Path) -> Result<usize, Failure> {
    let path = folder.join(format!("{name}.1"));
    let failed = |error| Failure::new(format!("{} cannot be written: {error}", path.display()));
    let mut text = Vec::new();
    let page = command
        .clone()
        .name(name.to_owned())
        .version(crate::VERSION);
    clap_mangen::Man::new(page)
        .render(&mut text)
        .map_err(failed)?;
    replace(&path, &text, Readers::Everyone, Flush::Passing).map_err(failed)?;
    let mut pages = 1;
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        pages += write_pages(sub, &format!("{name}-{}", sub.get_name()), folder)?;
    }
    Ok(pages)
}
