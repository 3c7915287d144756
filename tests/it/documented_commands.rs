//! Every command that is written down can be typed: in the documents, in what is deployed, and in the help itself.
#![cfg(all(feature = "softsign", feature = "yubihsm", feature = "ledger"))]

use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use tmkms::cli::definition;

/// Words of capitals that stand for a number.
const NUMBERS: &[&str] = &[
    "H", "ID", "SERIAL", "N", "HEIGHT", "HOLDERS", "COUNT", "ROUND", "FIRST", "SECOND",
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !["target", ".git", "src", "tests", "fuzz", "interop"].contains(&&*name)
        {
            files(&path, found);
        } else if path.is_file() && is_read(&path) {
            found.push(path);
        }
    }
}

/// What people read and machines run; the log of changes names what was once.
fn is_read(path: &Path) -> bool {
    let name = path.file_name().unwrap();
    let end = path
        .extension()
        .and_then(|end| end.to_str())
        .unwrap_or_default();
    let deployed = path.starts_with("./deploy") && path.metadata().unwrap().len() < 100_000;
    name != "CHANGELOG.md" && (deployed || ["md", "example", "service"].contains(&end))
}

/// Commands of this program in a text, each as its words without the program, and whether it is a name in a sentence.
fn commands(text: &str, markdown: bool) -> Vec<(Vec<String>, bool)> {
    let mut found = Vec::new();
    let mut fenced = false;
    let text = text.replace("\\\n", " ");
    for line in text.lines() {
        if markdown && line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if markdown && !fenced && !line.starts_with("    ") {
            for quoted in line.split('`').skip(1).step_by(2) {
                found.extend(in_shell(quoted).map(|words| (words, true)));
            }
        } else {
            found.extend(in_shell(line).map(|words| (words, false)));
        }
    }
    found
}

/// The commands of one line of a shell.
fn in_shell(line: &str) -> impl Iterator<Item = Vec<String>> {
    let mut all = Vec::new();
    let mut words = split(line).into_iter().peekable();
    let mut program = false;
    while let Some(word) = words.next() {
        let is_program = word == "tmkms" || word.ends_with("/tmkms");
        let next_is_command = words.peek().is_some_and(|next| {
            definition()
                .get_subcommands()
                .any(|one| one.get_name() == next)
        });
        if !is_program || !next_is_command {
            program = false;
            continue;
        }
        assert!(!program);
        let mut command = Vec::new();
        while let Some(next) = words.peek() {
            let ends = ["|", "||", "&&", ";", "&", ")", "#"].contains(&next.as_str());
            let moves = next.contains('>') || next.starts_with('<');
            if ends || moves || next.starts_with('#') {
                break;
            }
            let next = words.next().unwrap();
            let last = next.ends_with(';') || next.ends_with(')');
            command.push(next.trim_end_matches([';', ')', ',']).to_owned());
            if last {
                break;
            }
        }
        all.push(command);
    }
    all.into_iter()
}

/// Words as a shell has them, quotes taken away.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut any) = (Vec::new(), String::new(), None, false);
    for char in line.chars() {
        match (quote, char) {
            (None, '"' | '\'') => (quote, any) = (Some(char), true),
            (Some(open), _) if char == open => quote = None,
            (None, char) if char.is_whitespace() => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            _ => word.push(char),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

/// Why a command cannot be typed.
fn wrong(words: &[String], is_name: bool) -> Option<String> {
    // `a|b` is either, and `[--flag]` may be left out.
    let words: Vec<String> = words
        .iter()
        .map(|word| word.trim_matches(['[', ']']))
        .map(|word| word.split('|').next().unwrap_or_default())
        .map(|word| match NUMBERS.contains(&word) {
            true => "1".to_owned(),
            false => word.to_owned(),
        })
        .filter(|word| !["...", "…", "$@"].contains(&word.as_str()))
        .collect();
    let all = ["tmkms".to_owned()].into_iter().chain(words.clone());
    let error = definition().try_get_matches_from(all).err()?;
    let no_arguments = words
        .iter()
        .all(|word| !word.starts_with('-') && !word.contains('/'));
    match error.kind() {
        ErrorKind::DisplayHelp => None,
        // A sentence may name a command without its arguments.
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            if is_name && no_arguments =>
        {
            None
        }
        _ => Some(error.to_string()),
    }
}

fn helps(command: &clap::Command, name: &str, found: &mut Vec<(String, String)>) {
    let help = [command.get_after_help(), command.get_after_long_help()];
    let text: String = help
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    found.push((name.to_owned(), text));
    for one in command.get_subcommands() {
        helps(one, &format!("{name} {}", one.get_name()), found);
    }
}

#[test]
fn every_command_that_is_written_down_can_be_typed() {
    let mut paths = Vec::new();
    files(Path::new("."), &mut paths);
    paths.sort();
    let mut texts: Vec<(String, String, bool)> = paths
        .iter()
        .filter_map(|path| {
            let markdown = path.extension().is_some_and(|end| end == "md");
            Some((
                path.display().to_string(),
                fs::read_to_string(path).ok()?,
                markdown,
            ))
        })
        .collect();
    let mut help = Vec::new();
    helps(&definition(), "tmkms", &mut help);
    // Remarks stand far to the right of an example.
    texts.extend(help.into_iter().map(|(name, text)| {
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("  "))
            .map(|line| line.trim_start().split("   ").next().unwrap())
            .collect();
        (name, lines.join("\n"), false)
    }));
    let (mut count, mut bad) = (0, Vec::new());
    for (name, text, markdown) in &texts {
        for (words, is_name) in commands(text, *markdown) {
            count += 1;
            if let Some(why) = wrong(&words, is_name) {
                bad.push(format!("{name}: tmkms {}\n{why}", words.join(" ")));
            }
        }
    }
    assert!(count > 150, "{count} commands");
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
