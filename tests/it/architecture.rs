//! The modules: who may import whom is read from docs/architecture.md, and a new arrow that points upwards fails.

mod circles;
mod imports;
mod names;
mod parents;
mod wings;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    sources(Path::new("src"), &mut found);
    found.sort();
    found
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// The top module of a file: the first folder below `src`, or the file's own name.
fn top_module(path: &Path) -> String {
    let first = path
        .components()
        .nth(1)
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The part of a file that ships.
fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

/// Each module's layer in the list, counted from the top.
fn layers() -> BTreeMap<String, usize> {
    let text = fs::read_to_string("docs/architecture.md").unwrap();
    let list = text
        .split("```layers\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let lines = list.lines().enumerate();
    lines
        .flat_map(|(line, modules)| {
            modules
                .split_whitespace()
                .map(move |name| (name.to_owned(), line))
        })
        .collect()
}

#[test]
fn imports_point_downwards_only() {
    let layers = layers();
    let mut wrong = Vec::new();
    let mut modules = BTreeSet::new();
    for (path, text) in all_sources() {
        let from = top_module(&path);
        if from == "lib" || from == "main" {
            continue;
        }
        modules.insert(from.clone());
        let own = *layers
            .get(&from)
            .unwrap_or_else(|| panic!("{from} has no layer in docs/architecture.md"));
        for part in shipped(&text).split("crate::").skip(1) {
            let to: String = part
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if let Some(line) = layers.get(&to)
                && *line > own
            {
                wrong.push(format!("{} imports {to}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let listed: BTreeSet<String> = layers.into_keys().collect();
    assert_eq!(
        modules, listed,
        "docs/architecture.md lists the modules that there are"
    );
}

#[test]
fn modules_keep_their_rules() {
    for (path, text) in all_sources() {
        let (name, code) = (path.display().to_string(), shipped(&text));
        let forbid = |words: &str, except: &[&str]| {
            let allowed = except.iter().any(|place| name.starts_with(place));
            assert!(allowed || !code.contains(words), "{name} says {words:?}");
        };
        let switches = [
            "src/backends/mod.rs",
            "src/cli/mod.rs",
            "src/consensus/key/",
            "src/backends/softsign/key/mod.rs",
        ];
        forbid("feature = \"", &switches);
        forbid("process::exit", &[]);
        forbid("static mut", &[]);
        forbid("thread_local!", &[]);
        // In one question and in one nonce's commitments, not for the whole process.
        let once = ["src/backends/cosign/ask.rs", "src/backends/cosign/frost.rs"];
        forbid("OnceLock", &once);
        forbid("LazyLock", &[]);
        forbid(
            "env::var",
            &["src/config/load.rs", "src/secret_file/", "src/cli/"],
        );
        let makers = [
            "src/gate/judging.rs",
            "src/gate/raw.rs",
            "src/gate/share/cosigned.rs",
        ];
        forbid("Permit::new", &makers);
        forbid("println!", &[]);
        // Locks are parking_lot's: a panic poisons none, and every waiting thread gets its turn.
        for words in [
            "PoisonError",
            "sync::Mutex",
            "sync::RwLock",
            "sync::Condvar",
        ] {
            forbid(words, &[]);
        }
        let lists = code.split("std::sync::{").skip(1);
        let mut lists = lists.filter_map(|list| list.split('}').next());
        let locks = ["Mutex", "RwLock", "Condvar"];
        let of_std = lists.any(|list| locks.iter().any(|lock| list.contains(lock)));
        assert!(!of_std, "{name} takes a lock of the standard library");
        // Whole files under names that nobody can plant: `os::files::replace`, and the state file's own way.
        for words in [
            "fs::write(",
            "File::create",
            "create_new(",
            "OpenOptions::new().write",
            "set_permissions(",
            "fs::rename(",
            "fs::copy(",
        ] {
            forbid(words, &["src/gate/store/file/"]);
        }
        // What it has to say and to ask is the command line's.
        if name.starts_with("src/migrate/") {
            for words in ["crate::terminal", "stderr()", "stdout()"] {
                assert!(!code.contains(words), "{name} says {words:?}");
            }
        }
        let lines = code.lines().count();
        assert!(lines <= 400, "{name} has {lines} lines without its tests");
        assert!(code.starts_with("//!"), "{name} says no purpose");
    }
}

/// Whether a thread is started here: by the standard library's words, or by a `spawn` with something to run.
fn starts_a_thread(code: &str) -> bool {
    let imports = code.split("thread::{").skip(1);
    let mut lists = imports.map(|rest| rest.split('}').next().unwrap());
    let named = |words: &str| code.contains(&format!("thread::{words}"));
    named("Builder")
        || named("spawn")
        || lists.any(|list| list.contains("Builder") || list.contains("spawn"))
        // A command is spawned with nothing in the parentheses.
        || code.split(".spawn(").skip(1).any(|rest| !rest.starts_with(')'))
}

#[test]
fn threads_are_started_in_one_module() {
    for (path, text) in all_sources() {
        let own = path.starts_with("src/threads");
        assert!(
            own || !starts_a_thread(shipped(&text)),
            "{}: crate::threads gives a thread its name, its stack and a rule for a panic",
            path.display()
        );
    }
    for code in [
        "std::thread::spawn(work)",
        "thread::Builder::new()",
        "use std::thread::{self, Builder, JoinHandle};",
        "scope.spawn(|| 1)",
    ] {
        assert!(starts_a_thread(code), "{code}");
    }
    for code in [
        "Command::new(\"x\").spawn()",
        "thread::sleep(LONG)",
        "spawn(\"a\", STACK, f)",
    ] {
        assert!(!starts_a_thread(code), "{code}");
    }
}

#[test]
fn a_permit_is_made_in_the_gate_alone_and_cannot_be_copied() {
    let text = fs::read_to_string("src/gate/permit.rs").unwrap();
    assert!(text.contains("pub(super) fn new"));
    let derive = text
        .split("pub struct Permit")
        .next()
        .unwrap()
        .rsplit("#[derive")
        .next()
        .unwrap();
    assert!(!derive.contains("Clone"), "{derive}");
}

/// By the types a request's bytes are taken by the gate, and what it judged is taken by the admission. What is left to see
/// here is that nobody beside that way builds or judges them once more.
#[test]
fn a_request_is_judged_once_and_its_bytes_are_built_once() {
    let makers = |what: &str, folders: &[&str]| -> Vec<String> {
        all_sources()
            .into_iter()
            .filter(|(path, _)| folders.iter().any(|folder| path.starts_with(folder)))
            .flat_map(|(path, text)| {
                let found = shipped(&text).matches(what).count();
                vec![path.display().to_string(); found]
            })
            .collect()
    };
    let way = [
        "src/link",
        "src/codec",
        "src/session.rs",
        "src/chain",
        "src/gate",
        "src/signer.rs",
        "src/backends",
        "src/reply.rs",
        "src/service",
    ];
    assert_eq!(makers(".sign_bytes()", &way), ["src/gate/prepared.rs"]);
    // What a node asks for, whole or jointly, and what another member asks a share for.
    let judges =
        ["joint.rs", "member.rs", "whole.rs"].map(|file| format!("src/chain/signing/{file}"));
    assert_eq!(makers("gate.judge(", &way), judges);
    // In the gate: the request, and again only after another host has moved a shared watermark.
    let again = "judge(self.durable.watermark(), position)";
    assert_eq!(makers(again, &way), ["src/gate/judging.rs"; 2]);
}
