//! A file borrows nothing from the `mod.rs` of the folder that it is in, nor from one further up: what several files of a
//! folder share has a file of its own there. What is not so yet is listed, and the list may only get shorter.

use std::collections::{BTreeMap, BTreeSet};

use super::all_sources;
use super::imports::{Module, imports, module};

/// Modules of today from whose `mod.rs` files below borrow, and how many files do.
const LENDERS: &[(&str, usize)] = &[
    ("harness", 1),
    ("harness::checks", 5),
    ("https", 1),
    // Its tests.
    ("migrate::foreign", 1),
    // Modules within one file, for one kind of system.
    ("os::process", 2),
];

/// Each file that imports a module which it is in.
fn borrowers(sources: &[(Module, String)]) -> BTreeSet<(String, String)> {
    let modules: BTreeSet<Module> = sources.iter().map(|(module, _)| module.clone()).collect();
    let mut found = BTreeSet::new();
    for (from, text) in sources {
        let above = imports(from, text, &modules);
        let above = above.iter().filter(|to| from.starts_with(to));
        found.extend(above.map(|to| (from.join("::"), to.join("::"))));
    }
    found
}

#[test]
fn no_file_borrows_from_the_mod_rs_above_it_but_those_that_are_listed() {
    let sources: Vec<(Module, String)> = all_sources()
        .into_iter()
        .map(|(path, text)| (module(&path), text))
        .collect();
    let mut lenders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (from, to) in borrowers(&sources) {
        lenders.entry(to).or_default().push(from);
    }
    for (lender, files) in &lenders {
        let listed = LENDERS.iter().find(|(name, _)| name == lender);
        let most = listed.map_or(0, |(_, most)| *most);
        assert_eq!(
            files.len(),
            most,
            "{lender}: with fewer lower the number in the list, with more give what they share a file of its own: {files:#?}"
        );
    }
    for (lender, _) in LENDERS {
        assert!(
            lenders.contains_key(*lender),
            "take {lender} out of the list"
        );
    }
}

#[test]
fn who_borrows_is_found_by_both_kinds_of_path() {
    let source = |name: &str, text: &str| {
        let parts: Module = name.split("::").map(str::to_owned).collect();
        (parts, text.to_owned())
    };
    let found = borrowers(&[
        source("a", "pub mod b; pub use b::One; pub struct Two;"),
        source("a::b", "use super::Two;\nuse super::c::Three;"),
        source(
            "a::c",
            "// use super::Two;\nuse crate::a::b::One; pub(in crate::a) fn x() {}",
        ),
        source("a::c::d", "fn x() -> crate::a::Two { super::y() }"),
    ]);
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let wanted = [
        pair("a::b", "a"),
        pair("a::c::d", "a"),
        pair("a::c::d", "a::c"),
    ];
    assert_eq!(found, BTreeSet::from(wanted));
}
