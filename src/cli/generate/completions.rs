//! `tmkms completions`.

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

use super::chains;
use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, output};
use crate::networks;

/// Completions of a shell.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms completions bash > /etc/bash_completion.d/tmkms\n  tmkms completions zsh > ~/.zfunc/_tmkms\n  \
                  tmkms completions fish > ~/.config/fish/completions/tmkms.fish\n\n\
                  In bash, zsh and fish the chains of the configuration are completed, too, where a command takes one: the one that \
                  `-c` on the line names, TMKMS_CONFIG_FILE, or ./tmkms.toml."
)]
pub(in crate::cli) struct Completions {
    #[command(flatten)]
    config: ConfigFile,
    /// The shell
    #[arg(required_unless_present = "chains")]
    shell: Option<Shell>,
    /// Write the chain ids of the configuration instead, one a line, as completions ask for them
    #[arg(long, conflicts_with = "shell")]
    chains: bool,
}

impl Completions {
    /// `definition` is that of the command line.
    pub(in crate::cli) fn run(self, definition: clap::Command) -> Result<(), Failure> {
        let Some(shell) = self.shell else {
            let config = self.config.load()?;
            let lines = config.chains.iter().map(|chain| format!("{}\n", chain.id));
            return output(&lines.collect::<String>());
        };
        let mut definition = with_networks(definition);
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut definition, "tmkms", &mut text);
        let text = String::from_utf8_lossy(&text);
        output(&chains::completed(shell, &text, &definition))
    }
}

/// `init -n` offers the names of the networks; it takes other words for them as well, so only here.
fn with_networks(definition: clap::Command) -> clap::Command {
    definition.mut_subcommand("init", |init| {
        init.mut_arg("networks", |networks| {
            networks.value_parser(PossibleValuesParser::new(
                networks::all().map(|network| network.name),
            ))
        })
    })
}
