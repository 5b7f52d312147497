//! The static site that anyone can open: the page, the bundle that it computes with, and clips to try it on. All of it by
//! path, with what kind each file is of.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use include_dir::{Dir, File, include_dir};

use crate::files::{self, WriteError};

/// The page as it was built from `web/`.
static PAGE: Dir = include_dir!("$CARGO_MANIFEST_DIR/web/dist");

/// Short clips of many styles, rendered, a folder each.
pub static CORPUS: Dir = include_dir!("$CARGO_MANIFEST_DIR/assets/corpus");

/// What tells from which sources the page was built: for a test alone.
const SOURCES: &str = "sources";

/// The styles that the page can be tried on, and how many clips of each are examples: six that are far apart for the
/// included model, so that whoever tries sees what an answer is like, and not how often one is wrong.
const STYLES: [&str; 6] = ["folk", "hip_hop", "mambo", "metal", "polka", "ska"];
const EXAMPLES: usize = 5;

/// Songs of other styles.
const OTHERS: [&str; 1] = ["bluegrass/bluegrass-000.ogg"];

/// What the licence of the clips is, in a line.
const LICENCE: &str =
    "rendered for gamaka, GNU General Public License version 2; not recorded music";

/// A file of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFile {
    /// What it holds.
    pub bytes: Cow<'static, [u8]>,
    /// Its media type.
    pub kind: &'static str,
}

impl AsRef<[u8]> for SiteFile {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The files of the site by path, `/` between folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    files: BTreeMap<String, SiteFile>,
}

impl Site {
    /// The page with the files of a bundle.
    pub fn new(bundle: BTreeMap<String, Vec<u8>>) -> Self {
        let mut site = Self::default();
        site.add_folder(&PAGE);
        site.files.remove(SOURCES);
        for (path, bytes) in bundle {
            site.add(format!("bundle/{path}"), Cow::Owned(bytes));
        }
        site.add_demo();
        site
    }

    /// All files, in the order of their paths.
    pub fn files(&self) -> &BTreeMap<String, SiteFile> {
        &self.files
    }

    /// Writes it into a folder that is not there or is empty: all of it or nothing.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn write(&self, folder: &Path) -> Result<(), WriteError> {
        files::fill_folder(folder, &self.files)
    }

    fn add(&mut self, path: String, bytes: Cow<'static, [u8]>) {
        let kind = kind_of(&path);
        self.files.insert(path, SiteFile { bytes, kind });
    }

    fn add_folder(&mut self, folder: &'static Dir) {
        for file in folder.files() {
            self.add(path_of(file), Cow::Borrowed(file.contents()));
        }
        folder.dirs().for_each(|folder| self.add_folder(folder));
    }

    /// Of each style a few clips as examples and one more to ask about, and one of none of them, listed in `demo/demo.json`.
    fn add_demo(&mut self) {
        let mut genres = Vec::new();
        let mut songs = Vec::new();
        for style in STYLES {
            let clips = CORPUS.get_dir(style).into_iter().flat_map(Dir::files);
            let mut names = Vec::new();
            for clip in clips.take(EXAMPLES + 1) {
                let path = path_of(clip);
                self.add(format!("demo/{path}"), Cow::Borrowed(clip.contents()));
                names.push(path);
            }
            songs.extend(names.split_off(EXAMPLES.min(names.len())));
            genres.push(serde_json::json!({"name": style.replace('_', " "), "files": names}));
        }
        for other in OTHERS.into_iter().filter_map(|path| CORPUS.get_file(path)) {
            let path = path_of(other);
            self.add(format!("demo/{path}"), Cow::Borrowed(other.contents()));
            songs.push(path);
        }
        let demo = serde_json::json!({"licence": LICENCE, "genres": genres, "songs": songs});
        self.add(
            "demo/demo.json".into(),
            Cow::Owned(demo.to_string().into_bytes()),
        );
        if let Some(licence) = CORPUS.get_file("LICENSE.md") {
            self.add("demo/LICENSE.md".into(), Cow::Borrowed(licence.contents()));
        }
    }
}

fn path_of(file: &File) -> String {
    file.path().to_string_lossy().replace('\\', "/")
}

/// The media type that a name stands for.
pub fn kind_of(path: &str) -> &'static str {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "md" | "txt" | "wgsl" => "text/plain; charset=utf-8",
        "mp3" | "mp2" | "mp1" => "audio/mpeg",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "m4a" | "mp4" | "m4b" => "audio/mp4",
        "aac" => "audio/aac",
        "aif" | "aiff" | "aifc" => "audio/aiff",
        "caf" => "audio/x-caf",
        "webm" | "weba" => "audio/webm",
        "mka" | "mkv" => "audio/x-matroska",
        _ => "application/octet-stream",
    }
}
