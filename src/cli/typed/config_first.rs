//! `tmkms -c PATH COMMAND`: the configuration before the command, as many programs have it.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command, value_parser};

/// The same option before the commands, for the help. [`behind`] has moved it before it is read.
pub fn option() -> Arg {
    Arg::new("config")
        .short('c')
        .long("config")
        .value_name("PATH")
        .value_parser(value_parser!(OsString))
        .help("The configuration file, or its folder, for any command that reads one; it may stand behind the command, too")
}

/// How many words the configuration takes here: `-c PATH` and `--config PATH` two, `-cPATH` and `--config=PATH` one.
fn words_of_config(word: &OsStr) -> usize {
    match word.as_encoded_bytes() {
        b"-c" | b"--config" => 2,
        word if word.starts_with(b"--config=") || word.starts_with(b"-c") => 1,
        _ => 0,
    }
}

/// Moves the configuration from before the commands to behind them, where each command that reads one takes it, and any
/// other refuses it. A group of commands refuses whatever comes behind it, so that what is wrong there is told alone.
pub fn behind(words: Vec<OsString>, definition: &Command) -> Vec<OsString> {
    let mut rest = words.iter();
    let mut commands: Vec<OsString> = rest.next().cloned().into_iter().collect();
    let mut moved = Vec::new();
    let mut at = definition;
    while let Some(word) = rest.as_slice().first() {
        match (words_of_config(word), at.find_subcommand(word)) {
            (0, None) => break,
            (0, Some(next)) => {
                at = next;
                commands.extend(rest.next().cloned());
            }
            (some, _) => moved.extend(rest.by_ref().take(some).cloned()),
        }
    }
    if commands.len() < 2 {
        return words;
    }
    if !at.has_subcommands() {
        commands.extend(moved);
    }
    commands.extend(rest.cloned());
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        let words = behind(words, &crate::cli::definition());
        let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn a_configuration_before_the_command_goes_behind_it() {
        for (typed, meant) in [
            ("tmkms -c x check", "tmkms check -c x"),
            ("tmkms --config x check", "tmkms check --config x"),
            (
                "tmkms --config=x check --json",
                "tmkms check --config=x --json",
            ),
            ("tmkms -cx start -v", "tmkms start -cx -v"),
            ("tmkms -c x state show c-1", "tmkms state show -c x c-1"),
            ("tmkms state -c x show c-1", "tmkms state show -c x c-1"),
            // A value that is called as a command is.
            ("tmkms -c check check", "tmkms check -c check"),
            // Twice is for clap to refuse.
            ("tmkms -c x check -c y", "tmkms check -c x -c y"),
            // By its other name.
            ("tmkms -c x ack c-1", "tmkms ack -c x c-1"),
        ] {
            assert_eq!(moved(typed), meant);
        }
    }

    #[test]
    fn a_mistake_behind_a_group_is_told_without_the_configuration() {
        for (typed, meant) in [
            ("tmkms -c x state", "tmkms state"),
            ("tmkms state -c x", "tmkms state"),
            ("tmkms --config=x state sho c-1", "tmkms state sho c-1"),
            ("tmkms -cx yubihsm keys lst", "tmkms yubihsm keys lst"),
            ("tmkms -c x state --help", "tmkms state --help"),
        ] {
            assert_eq!(moved(typed), meant);
        }
    }

    #[test]
    fn anything_else_stays_where_it_is() {
        for line in [
            "tmkms",
            "tmkms check -c x",
            "tmkms state init c-1 --height 5 -c x",
            "tmkms -c x",
            "tmkms -c",
            "tmkms -c x nonsense",
            "tmkms --version",
            "tmkms nonsense -c x check",
        ] {
            assert_eq!(moved(line), line);
        }
    }
}
