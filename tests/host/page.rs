//! The built page is that of its sources.

use std::path::{Path, PathBuf};

/// Every file below a folder, with `/`, relative to `web/`.
fn files(folder: &str) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = walkdir::WalkDir::new(Path::new("web").join(folder))
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix("web").unwrap();
            (
                path.to_string_lossy().replace('\\', "/"),
                entry.path().into(),
            )
        })
        .collect();
    found.sort();
    found
}

/// `web/build.mjs` writes what its sources were into `web/dist/sources`.
#[test]
fn the_page_in_the_binary_is_built_of_its_sources() {
    let single = |name: &str| (name.to_owned(), Path::new("web").join(name));
    let mut hash = blake3::Hasher::new();
    let singles = ["build.mjs", "package-lock.json"].map(single);
    for (name, path) in files("src")
        .into_iter()
        .chain(files("static"))
        .chain(singles)
    {
        hash.update(format!("{name}\n").as_bytes());
        hash.update(&std::fs::read(path).unwrap());
    }
    let built = std::fs::read_to_string("web/dist/sources").unwrap();
    assert_eq!(
        built.trim(),
        hash.finalize().to_string(),
        "web/dist is not what web/src and web/static give: run `make web`"
    );
}
