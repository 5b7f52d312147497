//! Files are written in one place, and the terminal is written to in one place.

use std::path::Path;

/// Calls that make, change or remove files, outside src/files/.
const WRITING: [&str; 13] = [
    "fs::write",
    "File::create",
    "OpenOptions",
    "File::options",
    "fs::rename",
    "fs::copy",
    "fs::hard_link",
    "remove_file",
    "remove_dir",
    "create_dir",
    "tempfile::",
    "set_permissions",
    ".extract(",
];

/// What may stay: the features of a data set, and those that are to be kept, lie in a file without a name, which nobody else can lose.
const MAY_WRITE: [(&str, &str); 2] = [
    ("features/kept.rs", "tempfile::tempfile()"),
    ("features/store.rs", "tempfile::tempfile()"),
];

/// Calls that print, outside src/cli/common.rs.
const PRINTING: [&str; 6] = [
    "print!(",
    "println!(",
    "eprint!(",
    "eprintln!(",
    "io::stdout()",
    "io::stderr()",
];

/// What may stay: an output that is named /dev/stdout.
const MAY_PRINT: [(&str, &str); 1] = [("files/write.rs", "io::stdout()")];

/// Lines of the program, its tests left out, that hold one of `words` and are neither in `home` nor in `allowed`.
fn found(words: &[&str], home: Option<&str>, allowed: &[(&str, &str)]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(&root) {
        let path = entry.unwrap().into_path();
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let name = name.replace('\\', "/");
        if !name.ends_with(".rs") || name.ends_with("tests.rs") || name.contains("tests/") {
            continue;
        }
        if home.is_some_and(|home| name.starts_with(home)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let program = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        for line in program.lines() {
            let excepted = allowed
                .iter()
                .any(|(file, call)| *file == name && line.contains(call));
            if words.iter().any(|word| line.contains(word)) && !excepted {
                found.push(format!("{name}: {}", line.trim()));
            }
        }
    }
    found
}

#[test]
fn files_are_written_by_the_one_writer() {
    let none: Vec<String> = Vec::new();
    assert_eq!(found(&WRITING, Some("files/"), &MAY_WRITE), none);
    // The search finds what it is for.
    assert!(!found(&WRITING, None, &MAY_WRITE).is_empty());
}

#[test]
fn the_terminal_gets_its_text_from_one_place() {
    let none: Vec<String> = Vec::new();
    assert_eq!(found(&PRINTING, Some("cli/common.rs"), &MAY_PRINT), none);
    assert!(!found(&PRINTING, None, &MAY_PRINT).is_empty());
}
