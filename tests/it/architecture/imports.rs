//! Which files a file imports, as its text says it.

use std::collections::BTreeSet;
use std::path::Path;

use super::shipped;

pub(super) type Module = Vec<String>;

pub(super) fn module(path: &Path) -> Module {
    let inner = path.strip_prefix("src").unwrap().with_extension("");
    let mut parts: Module = inner
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The paths that a `use` or an expression names, from `crate`, `super` or `self` on; a list in braces is several.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    for (at, _) in code.match_indices("::") {
        let before = &code[..at];
        let start = before.rfind(|c| !is_name(c)).map_or(0, |found| found + 1);
        let first = &before[start..];
        let begins =
            ["crate", "super", "self"].contains(&first) && !before[..start].ends_with("::");
        // `pub(in path)` says who may see a thing, and imports nothing.
        if !begins || before[..start].ends_with("pub(in ") {
            continue;
        }
        let mut path = vec![first.to_owned()];
        let mut rest = &code[at..];
        while let Some(after) = rest.strip_prefix("::") {
            if let Some(list) = after.strip_prefix('{') {
                let list = list.split('}').next().unwrap();
                for name in list.split(',') {
                    let parts = name.split("::").map(|part| part.trim().to_owned());
                    found.push(path.iter().cloned().chain(parts).collect());
                }
                break;
            }
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            path.push(after[..end].to_owned());
            rest = &after[end..];
        }
        found.push(path);
    }
    found
}

/// The file of ours that a path leads to, as seen from a module.
fn target(from: &Module, path: &[String], modules: &BTreeSet<Module>) -> Option<Module> {
    let mut at = match path.first()?.as_str() {
        "crate" => Vec::new(),
        _ => from.clone(),
    };
    for part in path {
        match part.as_str() {
            "crate" | "self" => {}
            "super" => drop(at.pop()),
            name => at.push(name.to_owned()),
        }
    }
    while !at.is_empty() && !modules.contains(&at) {
        at.pop();
    }
    (!at.is_empty() && at != *from).then_some(at)
}

/// The files of ours that the part of a file that ships names.
pub(super) fn imports(from: &Module, text: &str, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    let code: Vec<&str> = shipped(text)
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let named = paths(&code.join("\n"));
    let targets = named.iter().filter_map(|path| target(from, path, modules));
    targets.collect()
}
