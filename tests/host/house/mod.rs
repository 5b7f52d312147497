//! The rules that docs/architecture.md states of `src`, and that a file is short or says why not.

mod imports;

use imports::{Token, circles, imports, is_test, tokens};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Lines that a file may have without a reason.
const LINES: usize = 500;

/// How the reason begins, in the file's own words on itself.
const REASON: &str = "Over 500 lines because ";

/// The sources below `src`, by their paths there.
fn sources() -> BTreeMap<String, String> {
    fn read(folder: &Path, below: &str, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                read(&path, &format!("{name}/"), found);
            } else if name.ends_with(".rs") && name != "main.rs" {
                found.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        "",
        &mut found,
    );
    found
}

/// The folder at the top of `src` that a file lies in, or the file's own name.
fn room(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The rooms of the table in docs/architecture.md, from bottom to top.
fn rooms(document: &str) -> Vec<String> {
    let rows = document
        .lines()
        .skip_while(|line| !line.starts_with("| folder |"));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    let cells = rows.map(|row| row.split('|').nth(1).unwrap());
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(|name| room(name).to_owned()).collect()
}

/// What is imported from above, as `from -> to`.
fn upwards(imports: &BTreeMap<String, BTreeSet<String>>, order: &[String]) -> Vec<String> {
    let height = |file: &str| order.iter().position(|other| other == room(file));
    let pairs = imports
        .iter()
        .flat_map(|(from, all)| all.iter().map(move |to| (from, to)));
    let pairs = pairs.filter(|(from, _)| *from != "lib.rs");
    let up = pairs.filter(|(from, to)| room(from) != room(to) && height(from) <= height(to));
    up.map(|(from, to)| format!("{from} -> {to}")).collect()
}

/// Files that no `mod` names, so that nothing compiles them.
fn orphans(sources: &BTreeMap<String, String>) -> Vec<String> {
    let named = |file: &&String| {
        let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
        let (above, name) = path.rsplit_once('/').unwrap_or(("lib", path));
        let parents = [format!("{above}.rs"), format!("{above}/mod.rs")];
        let mut parents = parents.iter().filter_map(|parent| sources.get(parent));
        parents.any(|source| source.contains(&format!("mod {name};")))
    };
    let files = sources.keys().filter(|file| *file != "lib.rs");
    files.filter(|file| !named(file)).cloned().collect()
}

/// Whether a long file lacks its reason.
fn is_too_long(source: &str) -> bool {
    let own = source.lines().take_while(|line| line.starts_with("//!"));
    let own: Vec<&str> = own
        .map(|line| line.trim_start_matches("//!").trim())
        .collect();
    source.lines().count() > LINES && !own.join(" ").contains(REASON)
}

/// The flags that a source's texts speak of.
fn flags(source: &str) -> Vec<String> {
    let texts = tokens(source).into_iter().filter_map(|token| match token {
        Token::Text(text) => Some(text),
        _ => None,
    });
    let flag = |word: &str| {
        let name = word
            .trim_start_matches(['`', '(', '"', '\''])
            .strip_prefix("--");
        name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    let words = |text: String| Vec::from_iter(text.split_whitespace().map(str::to_owned));
    texts.flat_map(words).filter(|word| flag(word)).collect()
}

fn planted(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = files
        .iter()
        .map(|(file, source)| (file.to_string(), source.to_string()));
    owned.collect()
}

#[test]
fn files_import_in_no_circle() {
    let found = circles(&imports(&sources()));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_import_goes_down_in_the_table_of_folders() {
    let document = include_str!("../../../docs/architecture.md");
    let order = rooms(document);
    let up = upwards(&imports(&sources()), &order);
    assert!(up.is_empty(), "{up:#?}");
}

#[test]
fn the_table_of_folders_names_each_that_is_there_and_no_other() {
    let mut named = rooms(include_str!("../../../docs/architecture.md"));
    let sources = sources();
    let there: BTreeSet<&str> = sources.keys().map(|file| room(file)).collect();
    named.sort_unstable();
    let there = Vec::from_iter(there.into_iter().filter(|name| *name != "lib"));
    assert_eq!(named, there);
}

#[test]
fn a_long_file_says_why() {
    let long = sources()
        .into_iter()
        .filter(|(_, source)| is_too_long(source));
    let long: Vec<String> = long.map(|(file, _)| file).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn only_the_command_line_speaks_of_flags() {
    let mut found = Vec::new();
    for (file, source) in sources() {
        let speaks = ["cli", "bench"].contains(&room(&file)) || is_test(&file);
        if !speaks {
            found.extend(
                flags(&source)
                    .into_iter()
                    .map(|flag| format!("{file}: {flag}")),
            );
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_circle_is_found_however_its_files_name_each_other() {
    let lib = ("lib.rs", "pub mod a; pub mod b;");
    for (a, b) in [
        ("use crate::b::B;", "use crate::a::A;"),
        ("use super::{b::{self, x}};", "fn f() { crate::a::g(); }"),
        (
            "use crate::b; fn g() { b::x() }",
            "use super::a::A as Other;",
        ),
        (
            "fn g() -> super::b::B {}",
            "/* a */ fn f() { let x = 'a'; crate::a::g(\"\\\"\") }",
        ),
        ("use crate::b::*;", "use crate::{a::A, c};"),
    ] {
        let files = [lib, ("a.rs", a), ("b.rs", b)];
        let both = ["a.rs", "b.rs"].map(str::to_owned).into();
        assert_eq!(
            circles(&imports(&planted(&files))),
            [both].into(),
            "{a} {b}"
        );
    }
    for (a, b) in [
        (
            "use crate::b::B;",
            "// crate::a::A\nfn f() { \"crate::a::A\" }",
        ),
        (
            "use crate::b::B;",
            "#[cfg(test)] mod tests { use crate::a::A; }",
        ),
        ("pub use crate::b::B;", "use crate::a::A;"),
        ("use other::b::B;", "use crate::a::A;"),
    ] {
        let found = circles(&imports(&planted(&[lib, ("a.rs", a), ("b.rs", b)])));
        assert!(found.is_empty(), "{a} {b}: {found:?}");
    }
}

#[test]
fn a_name_leads_to_the_file_that_defines_it() {
    let files = planted(&[
        ("lib.rs", "pub mod a; pub mod b;"),
        (
            "a/mod.rs",
            "mod x; mod y; pub use x::X; pub(crate) use y::y; pub use all::*; fn own() {}",
        ),
        (
            "a/x.rs",
            "pub struct X; fn f() { super::own(); super::y(); }",
        ),
        ("a/y.rs", "pub fn y() {}"),
        ("a/all.rs", "pub fn each() {}"),
        (
            "b.rs",
            "use crate::a::{self, X}; fn f() { a::y(); a::each(); X::new(); }",
        ),
    ]);
    let of = |file: &str| Vec::from_iter(imports(&files)[file].clone());
    assert_eq!(of("b.rs"), ["a/all.rs", "a/x.rs", "a/y.rs"]);
    // What a parent defines is no child's to use if the parent calls the child.
    assert_eq!(of("a/x.rs"), ["a/mod.rs", "a/y.rs"]);
    assert!(of("a/mod.rs").is_empty());
}

#[test]
fn every_file_is_compiled() {
    let all = sources();
    assert!(orphans(&all).is_empty(), "{:?}", orphans(&all));
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod x;"),
        ("a/x.rs", "mod z;"),
        ("a/x/z.rs", ""),
        ("a/y.rs", ""),
        ("b.rs", ""),
        ("c.rs", ""),
    ];
    assert_eq!(orphans(&planted(&files)), ["a/y.rs", "c.rs"]);
}

#[test]
fn an_import_from_above_is_found() {
    let document =
        "| folder | holds |\n| --- | --- |\n| `low.rs`, `mid/` | `x` |\n| `high/` | y |\n\n`z`";
    let order = rooms(document);
    assert_eq!(order, ["low", "mid", "high"]);
    let files = |low| {
        planted(&[
            ("lib.rs", "mod low; mod mid; mod high; use high::H;"),
            ("low.rs", low),
            ("mid/mod.rs", "mod x; mod y;"),
            ("mid/x.rs", "use super::y::Y; use crate::low::L;"),
            ("mid/y.rs", ""),
            ("high/mod.rs", "use crate::mid::y::Y;"),
        ])
    };
    assert!(upwards(&imports(&files("")), &order).is_empty());
    let up = upwards(&imports(&files("use crate::high::H;")), &order);
    assert_eq!(up, ["low.rs -> high/mod.rs"]);
    // And what the table does not know.
    assert_eq!(upwards(&imports(&files("")), &order[..1]).len(), 2);
}

#[test]
fn a_reason_counts_only_in_the_files_own_words_and_flags_only_in_texts() {
    let long = "\n".repeat(LINES);
    assert!(!is_too_long(&long) && is_too_long(&format!("{long}\n")));
    assert!(is_too_long(&format!("//! Short.\n// {REASON}x\n{long}")));
    assert!(!is_too_long(&format!(
        "//! Long. Over 500 lines\n//! because it is.\n{long}"
    )));
    let source = "// --one\nfn f() { say(\"use --two=3, or `--four`\"); x - --y; r#\"a -- b\"# }";
    assert_eq!(flags(source), ["--two=3,", "`--four`"]);
}
