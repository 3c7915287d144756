//! Files that import each other, folders with too many files, and folders whose own module is not within.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::imports::{Module, imports, module};
use super::{all_sources, shipped};

/// More files than this in one folder are hard to take in.
const MOST: usize = 12;

/// Whom each file reaches, by any number of steps.
fn reached(imports: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut all = BTreeMap::new();
    for from in imports.keys() {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Module> = imports[from].iter().collect();
        while let Some(next) = open.pop() {
            if seen.insert(next.clone()) {
                open.extend(imports.get(next).into_iter().flatten());
            }
        }
        all.insert(from.clone(), seen);
    }
    all
}

fn circles(sources: &[(Module, String)]) -> BTreeSet<Vec<String>> {
    let modules: BTreeSet<Module> = sources.iter().map(|(module, _)| module.clone()).collect();
    let imports = sources
        .iter()
        .map(|(from, text)| (from.clone(), imports(from, text, &modules)))
        .collect();
    let reached = reached(&imports);
    reached
        .iter()
        .filter(|(module, seen)| seen.contains(*module))
        .map(|(module, seen)| {
            let back =
                |other: &&Module| reached.get(*other).is_some_and(|all| all.contains(module));
            seen.iter()
                .filter(back)
                .map(|module| module.join("::"))
                .collect()
        })
        .collect()
}

#[test]
fn no_files_import_each_other() {
    let sources: Vec<(Module, String)> = all_sources()
        .into_iter()
        .map(|(path, text)| (module(&path), text))
        .filter(|(module, _)| !["lib", "main"].contains(&module[0].as_str()))
        .collect();
    let found = circles(&sources);
    assert!(found.is_empty(), "files that import each other: {found:#?}");
}

#[test]
fn a_circle_is_found_over_several_files_and_both_kinds_of_path() {
    let source = |name: &str, text: &str| {
        let parts = name.split("::").map(str::to_owned).collect();
        (parts, text.to_owned())
    };
    let mut sources = vec![
        source("a", "use crate::b::{self, One};"),
        source("b", "use crate::c::{deep::Two, Three};"),
        source("c", "pub mod deep;\n// use crate::b;"),
        source(
            "c::deep",
            "fn x() { super::super::d::y() }\n#[cfg(test)] use crate::b;",
        ),
        source("d", "// use crate::a;\n"),
    ];
    assert!(circles(&sources).is_empty(), "{:?}", circles(&sources));
    sources[4].1.push_str("use crate::a::One;");
    let circle = ["a", "b", "c::deep", "d"].map(str::to_owned).to_vec();
    assert_eq!(circles(&sources), BTreeSet::from([circle]));
}

#[test]
fn a_folder_has_a_dozen_files() {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for (path, _) in all_sources() {
        let folder = path.parent().unwrap().display().to_string();
        *folders.entry(folder).or_default() += 1;
    }
    for (folder, files) in &folders {
        assert!(
            *files <= MOST,
            "{folder} has {files} files: make folders in it"
        );
    }
}

/// The file that stands beside the folder of its own submodules, where `mod.rs` in that folder would be it.
fn beside_its_folder(path: &Path, folders: &BTreeSet<PathBuf>) -> bool {
    folders.contains(&path.with_extension(""))
}

#[test]
fn a_folder_has_its_mod_rs_within() {
    let files: BTreeSet<PathBuf> = all_sources().into_iter().map(|(path, _)| path).collect();
    let folders: BTreeSet<PathBuf> = files
        .iter()
        .filter_map(|path| path.parent())
        .map(Path::to_owned)
        .collect();
    for path in &files {
        let name = path.display();
        assert!(
            !beside_its_folder(path, &folders),
            "{name} stands beside its folder: make it the mod.rs there"
        );
    }
    for folder in folders.iter().filter(|folder| *folder != Path::new("src")) {
        let name = folder.display();
        assert!(files.contains(&folder.join("mod.rs")), "{name}: no mod.rs");
    }
}

#[test]
fn only_the_command_line_knows_clap() {
    for (path, text) in all_sources() {
        let own = path.starts_with("src/cli") || path == Path::new("src/main.rs");
        let words = shipped(&text);
        assert!(
            own || !(words.contains("clap::") || words.contains("use clap")),
            "{} names clap",
            path.display()
        );
    }
}
