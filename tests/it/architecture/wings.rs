//! The wings of a folder: docs/architecture.md lists them, and a wing imports only from itself and from the lines above its
//! own. Two wings of one line do not know each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::all_sources;
use super::imports::{Module, imports, module};

/// The wings of one folder: its module, and the line of each wing.
struct Wings {
    folder: Module,
    lines: BTreeMap<String, usize>,
}

/// Each block that begins with "```wings FOLDER".
fn listed(text: &str) -> Vec<Wings> {
    let blocks = text.split("```wings ").skip(1);
    blocks
        .map(|block| {
            let (folder, rest) = block.split_once('\n').unwrap();
            let list = rest.split("```").next().unwrap();
            let lines = list.lines().enumerate().flat_map(|(line, wings)| {
                let names = wings.split_whitespace();
                names.map(move |wing| (wing.to_owned(), line))
            });
            Wings {
                folder: folder.split('/').map(str::to_owned).collect(),
                lines: lines.collect(),
            }
        })
        .collect()
}

/// The wing of a file of this folder; none for the folder's own `mod.rs` and for files elsewhere.
fn wing<'a>(wings: &Wings, file: &'a Module) -> Option<&'a String> {
    file.strip_prefix(wings.folder.as_slice())?.first()
}

/// What is wrong with the imports of one folder.
fn wrong(wings: &Wings, sources: &[(Module, String)]) -> Vec<String> {
    let modules: BTreeSet<Module> = sources.iter().map(|(module, _)| module.clone()).collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (from, text) in sources {
        let Some(own) = wing(wings, from) else {
            continue;
        };
        seen.insert(own.clone());
        let Some(line) = wings.lines.get(own) else {
            wrong.push(format!("{own} is not listed"));
            continue;
        };
        for to in imports(from, text, &modules) {
            let other = wing(wings, &to).filter(|other| *other != own);
            let above = other.and_then(|other| wings.lines.get(other));
            if above.is_some_and(|above| above >= line) {
                wrong.push(format!("{} imports {}", from.join("::"), to.join("::")));
            }
        }
    }
    let gone = wings.lines.keys().filter(|wing| !seen.contains(*wing));
    wrong.extend(gone.map(|wing| format!("{wing} is listed and does not exist")));
    wrong
}

#[test]
fn a_wing_imports_only_from_those_above_it() {
    let text = fs::read_to_string("docs/architecture.md").unwrap();
    let all = listed(&text);
    let folders: Vec<String> = all.iter().map(|wings| wings.folder.join("/")).collect();
    assert_eq!(folders, ["backends/yubihsm", "observe"]);
    let sources: Vec<(Module, String)> = all_sources()
        .into_iter()
        .map(|(path, text)| (module(&path), text))
        .collect();
    for wings in &all {
        let wrong = wrong(wings, &sources);
        assert!(wrong.is_empty(), "{}: {wrong:#?}", wings.folder.join("/"));
    }
}

#[test]
fn what_a_wing_must_not_import_is_found() {
    let all = listed("text\n```wings a/b\nlow\nleft right\n```\n");
    let [wings] = all.as_slice() else {
        panic!("one block");
    };
    let check = |low: &str, left: &str| {
        let source = |name: &str, text: &str| {
            let parts: Module = name.split("::").map(str::to_owned).collect();
            (parts, text.to_owned())
        };
        let sources = [
            source("a::b", "pub mod low; pub mod left; pub mod right;"),
            source("a::b::low", low),
            source("a::b::left::inner", left),
            source("a::b::left", "pub mod inner;"),
            source("a::b::right", "use super::low::One;"),
        ];
        wrong(wings, &sources)
    };
    assert!(check("", "use crate::a::b::low::One; use super::Two;").is_empty());
    let up = check("use super::left::inner::Up;", "");
    assert_eq!(up, ["a::b::low imports a::b::left::inner"]);
    let aside = check("", "fn x() { super::super::right::y() }");
    assert_eq!(aside, ["a::b::left::inner imports a::b::right"]);
}
