//! Music that a network hears, so that the curves on its edges are judged by what really reaches them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use rayon::prelude::*;

use crate::audio;
use crate::cli::common::Common;
use crate::cli::hints;
use crate::data::listed;
use crate::features::{FrontEnd, SegmentShape};
use crate::files::{self, Outputs, TemporaryFolder};
use crate::site::CORPUS;
use crate::words::count;

/// Files that are heard of more; they are spread over the list.
const FILES: usize = 48;

/// Clips that are kept, about as many of each file.
const CLIPS: usize = 192;

/// What was heard.
#[derive(Debug, Default)]
pub(super) struct Music {
    /// Band-major `[bands][frames]` each.
    pub(super) clips: Vec<Vec<f32>>,
    /// Files that they are of.
    pub(super) files: usize,
    /// What the files are, in words.
    pub(super) source: String,
    pub(super) failed: Vec<(PathBuf, String)>,
}

impl Music {
    /// Why there is nothing.
    pub(super) fn why_none(&self) -> &str {
        self.failed
            .first()
            .map_or("there are no files", |(_, reason)| reason)
    }
}

/// Hears what `sources` name, or clips of the corpus that comes with gamaka.
pub(super) fn hear(
    sources: &[PathBuf],
    front_end: &FrontEnd,
    shape: SegmentShape,
    outputs: &mut Outputs,
    common: &Common,
) -> anyhow::Result<Music> {
    let mut failed = Vec::new();
    let mut files = Vec::new();
    // Held until all is heard.
    let _corpus = match sources {
        [] => {
            let folder = TemporaryFolder::new("gamaka-explain-")
                .context("the temporary folder cannot be used for clips of the corpus")?;
            files = unpack_one_of_each_style(folder.path())?;
            Some(folder)
        }
        _ => {
            for source in sources {
                if is_list(source) {
                    files.extend(listed(source, |_| true)?.into_iter().map(|row| row.path));
                } else {
                    let found = audio::find(std::slice::from_ref(source));
                    files.extend(found.files);
                    failed.extend(
                        found
                            .problems
                            .iter()
                            .map(|e| (e.path.clone(), e.to_string())),
                    );
                }
            }
            None
        }
    };
    outputs.spare(&files)?;
    let all = files.len();
    let files = spread(files, FILES);
    let bar = common.bar(files.len(), "listening");
    let each = CLIPS.div_ceil(files.len().max(1));
    let heard: Vec<Result<Vec<Vec<f32>>, String>> = files
        .par_iter()
        .map(|path| {
            let mut clips = Vec::new();
            let info = front_end.segments(path, shape, &mut |segment| clips.push(segment.values));
            bar.inc(1);
            let info = info.map_err(|error| hints::told(&error))?;
            match info.silence() {
                Some(silence) => Err(format!("{}: {silence}", path.display())),
                None => Ok(spread(clips, each)),
            }
        })
        .collect();
    bar.finish_and_clear();
    let mut music = Music {
        source: words(sources, all, files.len()),
        ..Music::default()
    };
    for (path, heard) in files.into_iter().zip(heard) {
        match heard {
            Ok(clips) => {
                music.clips.extend(clips);
                music.files += 1;
            }
            Err(reason) => failed.push((path, reason)),
        }
    }
    music.failed = failed;
    Ok(music)
}

fn words(sources: &[PathBuf], all: usize, heard: usize) -> String {
    match sources {
        [] => format!("{heard} clips of the corpus that comes with gamaka, one of each style"),
        [one] if all == 1 => match one.file_name() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => one.display().to_string(),
        },
        _ if heard < all => format!("{heard} of {}", count(all, "file", "files")),
        _ => count(all, "file", "files"),
    }
}

/// Whether a name is that of a list of files.
fn is_list(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    path.is_file() && ["csv", "tsv", "txt"].iter().any(|list| ending == *list)
}

/// At most so many of a list, at equal distances.
fn spread<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let len = all.len();
    let chosen = |k: usize| len <= most || (k * most) / len != ((k + 1) * most) / len;
    let kept = all.into_iter().enumerate().filter(|(k, _)| chosen(*k));
    kept.map(|(_, one)| one).collect()
}

fn unpack_one_of_each_style(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for style in CORPUS.dirs() {
        let clip = style
            .files()
            .find(|f| f.path().extension().is_some_and(|e| e == "ogg"));
        if let Some((clip, name)) = clip.and_then(|clip| Some((clip, clip.path().file_name()?))) {
            let path = folder.join(name);
            files::provide(&path, clip.contents())?;
            paths.push(path);
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_of_a_list_is_spread_over_it() {
        assert_eq!(spread(vec![1, 2, 3], 3), [1, 2, 3]);
        assert_eq!(spread((0..10).collect(), 5), [1, 3, 5, 7, 9]);
        for (len, most) in [(7, 3), (100, 48), (49, 48), (5, 1)] {
            let kept = spread((0..len).collect::<Vec<_>>(), most);
            assert_eq!(kept.len(), most, "{most} of {len}");
        }
    }
}
