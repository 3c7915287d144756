//! What is written is true: the example configuration parses, and settings, commands and codes are documented.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tmkms::config::Config;
use tmkms::settings::Base;

fn read(text: &str) -> Result<Config, String> {
    let base = Base {
        folder: "/etc/tmkms".into(),
        home: Some("/root".into()),
        ..Base::default()
    };
    Config::read(text, "tmkms.toml", &base).map_err(|error| error.to_string())
}

#[test]
fn the_example_parses_as_it_is_and_with_every_setting_in_force() {
    let example = fs::read_to_string("tmkms.toml.example").unwrap();
    let config = read(&example).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.chains.len(), 1);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let setting = |line: &str| {
        let rest = line.strip_prefix("# ")?;
        let (key, _) = rest.split_once(" = ")?;
        key.chars()
            .all(|c| c.is_ascii_lowercase() || c == '_')
            .then(|| rest.to_owned())
    };
    let all: Vec<String> = example
        .lines()
        .map(|line| setting(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    let config = read(&all.join("\n")).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        config.warnings.is_empty(),
        "the defaults warn of nothing: {:?}",
        config.warnings
    );
}

#[test]
fn every_setting_stands_in_the_example() {
    let example = fs::read_to_string("tmkms.toml.example").unwrap();
    for file in [
        "src/config/file.rs",
        "src/backends/softsign/config.rs",
        "src/backends/yubihsm/config.rs",
        "src/backends/ledger/config.rs",
        "src/backends/cosign/config/mod.rs",
        "src/backends/cosign/config/listen.rs",
        "src/backends/cosign/config/members.rs",
    ] {
        let text = fs::read_to_string(file).unwrap();
        for call in [
            ".text(",
            ".required(",
            ".boolean(",
            ".number(",
            ".texts(",
            ".section(",
            ".any(",
        ] {
            for part in text.split(call).skip(1) {
                let Some(key) = part
                    .trim_start()
                    .strip_prefix('"')
                    .and_then(|rest| rest.split('"').next())
                else {
                    continue;
                };
                if key == "protocol_version" || key == "providers" {
                    continue; // read for the older program's files; nothing to set
                }
                assert!(
                    example.contains(key),
                    "{key} of {file} is not in tmkms.toml.example"
                );
            }
        }
    }
}

#[test]
fn every_command_stands_in_the_readme_and_has_help() {
    let readme = fs::read_to_string("README.md").unwrap();
    for command in [
        "init",
        "networks",
        "start",
        "state show",
        "state init",
        "state import",
        "state export",
        "check",
        "status",
        "adopt",
        "softsign import",
        "completions",
        "man",
        "state raise",
        "keys show",
        "keys peer-id",
        "softsign keygen",
        "cosign split",
        "cosign import",
        "cosign verify",
        "cosign recover",
        "cosign encrypt",
        "cosign decrypt",
        "cosign status",
        "yubihsm detect",
        "yubihsm test",
        "yubihsm keys list",
        "ledger list",
        "ledger pubkey",
        "ledger status",
        "ledger init",
        "yubihsm setup",
        "yubihsm derive",
        "yubihsm keys generate",
        "yubihsm keys import",
        "yubihsm keys export",
        "yubihsm keys verify-backup",
        "yubihsm keys delete",
        "demo",
        "harness run",
        "harness bench",
        "version",
    ] {
        assert!(readme.contains(&format!("`{command}`")), "{command}");
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push("--help");
        let help = Command::new(env!("CARGO_BIN_EXE_tmkms"))
            .args(&arguments)
            .output()
            .unwrap();
        assert!(help.status.success(), "{command} --help");
        let text = String::from_utf8(help.stdout).unwrap();
        assert!(
            text.contains("Examples:"),
            "{command} --help has no examples"
        );
    }
}

#[test]
fn every_invariant_stands_with_its_tests() {
    let watermark = fs::read_to_string("docs/watermark.md").unwrap();
    for number in 1..=24 {
        assert!(watermark.contains(&format!("| W{number} |")), "W{number}");
    }
    // Each test that is named there exists.
    let mut sources = String::new();
    for folder in [
        "tests",
        "tests/it",
        "tests/it/remedies",
        "tests/state_files",
    ] {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    // Tests within a module are named by the module.
    let is_module = |name: &str| {
        let path = format!("src/{}", name.replace("::", "/"));
        Path::new(&format!("{path}.rs")).is_file() || Path::new(&path).is_dir()
    };
    for name in watermark
        .split('`')
        .filter(|part| part.contains("::") || part.starts_with('…'))
    {
        let test = name
            .rsplit("::")
            .next()
            .unwrap()
            .trim_matches('…')
            .trim_matches('_');
        let known = sources.contains(test) || is_module(name) || test == "errors_quote_no_secret";
        assert!(
            known,
            "{name} is named in docs/watermark.md and does not exist"
        );
    }
}

fn markdown(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(markdown(path.to_str().unwrap()));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The targets of a page's links, without those to other hosts and to places in the page itself.
fn links(page: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(page).unwrap();
    let folder = page.parent().unwrap();
    text.split("](")
        .skip(1)
        .filter_map(|part| part.split([')', '#']).next())
        .filter(|link| !link.is_empty() && !link.contains("://"))
        .map(|link| folder.join(link))
        .collect()
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let top = [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "deploy/README.md",
        "deploy/kubernetes/README.md",
    ];
    let pages = top.iter().map(PathBuf::from).chain(markdown("docs"));
    let mut wrong = Vec::new();
    for page in pages {
        for link in links(&page) {
            if !link.exists() {
                wrong.push(format!("{}: {}", page.display(), link.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Each reason for which nothing is signed is explained among the log lines, by its label.
#[test]
fn every_reason_has_its_log_line() {
    let operations = fs::read_to_string("docs/operations.md").unwrap();
    for reason in tmkms::reason::ReasonKind::ALL {
        let label = reason.label();
        let row = match label {
            "conflict" => "| `double sign refused` (ERROR) |".to_owned(),
            "signer_failed" | "late" => format!("| `{label}` |"),
            _ => format!("| `refused ({label})` |"),
        };
        assert!(operations.contains(&row), "no {row}");
    }
}

#[test]
fn every_path_for_contributors_exists() {
    let mut pages = markdown("docs/adr");
    pages.extend(
        [
            "CONTRIBUTING.md",
            "docs/architecture.md",
            "docs/glossary.md",
            "docs/releasing.md",
        ]
        .map(PathBuf::from),
    );
    let folders = [
        "src/",
        "tests/",
        "docs/",
        "deploy/",
        "interop/",
        "fuzz/",
        "examples/",
        ".ci/",
        ".github/",
    ];
    let mut wrong = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let words = text.split(|c: char| c.is_whitespace() || c == '`');
        for word in words.map(|word| word.trim_end_matches(['.', ',', ';', ':', ')'])) {
            let named = folders.iter().any(|folder| word.starts_with(folder));
            let pattern = word.contains(['*', '<', '(']);
            if named && !pattern && !Path::new(word).exists() {
                wrong.push(format!("{}: {word}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_document_stands_in_the_index() {
    let index = links(Path::new("docs/README.md"));
    let listed = |page: &Path| {
        let page = page.canonicalize().unwrap();
        index
            .iter()
            .any(|link| link.canonicalize().unwrap() == page)
    };
    for page in markdown("docs") {
        let own = page == Path::new("docs/README.md");
        let decision = page.starts_with("docs/adr") && !page.ends_with("README.md");
        assert!(own || decision || listed(&page), "{}", page.display());
    }
}

#[test]
fn every_decision_has_its_parts_and_a_line_in_the_list() {
    let list = links(Path::new("docs/adr/README.md"));
    let decisions: Vec<PathBuf> = markdown("docs/adr")
        .into_iter()
        .filter(|page| !page.ends_with("README.md"))
        .collect();
    assert_eq!(list, decisions, "in the order of their numbers, each once");
    for (number, page) in decisions.iter().enumerate() {
        let text = fs::read_to_string(page).unwrap();
        let name = page.file_name().unwrap().to_str().unwrap();
        let number = format!("{:04}", number + 1);
        assert!(name.starts_with(&format!("{number}-")), "{name}");
        assert!(text.starts_with(&format!("# {number}: ")), "{name}");
        for part in [
            "**Status:** ",
            "## Context",
            "## Decision",
            "## Consequences",
        ] {
            assert!(text.contains(&format!("\n{part}")), "{name} has no {part}");
        }
    }
}

#[test]
fn one_oldest_rust_is_promised_and_is_what_is_tried() {
    let cargo = fs::read_to_string("Cargo.toml").unwrap();
    let version = cargo
        .split("\nrust-version = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    for (file, words) in [
        ("Dockerfile", format!("FROM rust:{version}-slim")),
        ("CONTRIBUTING.md", format!("Rust {version} or later")),
        // It reads the number from Cargo.toml.
        (".ci/rust-version", "s/^rust-version = ".to_owned()),
        (
            ".ci/run",
            "part \"oldest Rust\" .ci/rust-version\n".to_owned(),
        ),
    ] {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(&words), "{file} does not say {words:?}");
    }
}

/// A name that no test has would run nothing, and pass.
#[test]
fn every_test_binary_and_module_that_is_named_exists() {
    let mut files = markdown("docs");
    files.extend(
        [
            "CONTRIBUTING.md",
            "justfile",
            ".cargo/config.toml",
            ".cargo/mutants.toml",
        ]
        .map(PathBuf::from),
    );
    for folder in [".ci", "tests/it", "tests/state_files"] {
        let entries = fs::read_dir(folder).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in files.iter().filter(|file| file.is_file()) {
        let text = fs::read_to_string(file).unwrap();
        for line in text.lines() {
            let Some((_, after)) = line.split_once("--test") else {
                continue;
            };
            let after = after.trim_start_matches([' ', '"', ',']);
            let mut words = after.split_whitespace();
            let name = words
                .next()
                .unwrap_or_default()
                .trim_end_matches(['"', ',', '`']);
            if !name.chars().all(|c| c.is_alphanumeric() || c == '_') || name.is_empty() {
                continue;
            }
            seen += 1;
            let folder = Path::new("tests").join(name);
            if !folder.with_extension("rs").is_file() && !folder.join("main.rs").is_file() {
                wrong.push(format!("{}: --test {name}", file.display()));
            }
            for module in words.filter_map(|word| word.split_once("::").map(|(module, _)| module)) {
                if !folder.join(module).with_extension("rs").is_file() {
                    wrong.push(format!("{}: {name} {module}::", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 10, "{seen}");
}
