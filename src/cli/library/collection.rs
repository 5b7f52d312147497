//! A library's tracks with their embeddings, and the track that a user means.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::data::{hash_file, read_all_tags};
use crate::ear::Ear;
use crate::fewshot::Metric;
use crate::files::{self, Outputs};
use crate::gpu::Gpu;
use crate::library::{Embeddings, KnownModel, Library, Track};
use crate::mel::EngineChoice;
use crate::model_file::Model;
use crate::playlist::m3u;
use crate::words::count;
use anyhow::{anyhow, bail};

use super::store::Store;
use crate::cli::common::{Common, one_line};

/// Tracks that are named where one was to be meant.
const NAMED: usize = 20;

/// A library in memory.
pub(in crate::cli) struct Collection {
    library: Library,
    known: KnownModel,
    model: Model,
    pub gpu: Gpu,
    /// Of several copies of a file the first.
    pub heard: Embeddings,
    /// The others.
    copies: Vec<Track>,
}

/// A track that a user means, of the library or not.
pub(in crate::cli) struct Meant {
    pub track: Track,
    pub embedding: Vec<f32>,
}

impl Collection {
    pub(in crate::cli) fn open(store: &Store, common: &Common) -> anyhow::Result<Self> {
        let (library, known, model) = store.open_heard()?;
        let mut heard = library.embeddings()?;
        if heard.tracks.is_empty() {
            bail!(
                "{}: holds no track that is there; `gamaka library scan FOLDER` adds some",
                library.path().display()
            );
        }
        let copies = take_out_copies(&mut heard);
        Ok(Self {
            library,
            known,
            model,
            gpu: common.gpu()?,
            heard,
            copies,
        })
    }

    /// How embeddings are compared.
    pub(in crate::cli) fn metric(&self) -> Metric {
        Metric::of(&self.model.network.spec)
    }

    pub(in crate::cli) fn library(&self) -> &Library {
        &self.library
    }

    /// The track that a user means: an audio file, or the one whose title, artist or path holds the text; of several the one
    /// whose name the text is.
    pub(in crate::cli) fn find(&mut self, meant: &OsStr) -> anyhow::Result<Meant> {
        let path = Path::new(meant);
        if path.is_file() {
            return self.file(path);
        }
        let text = meant.to_string_lossy();
        let all = self.heard.tracks.iter().chain(&self.copies);
        let found: Vec<&Track> = all.filter(|track| track.is_like(&text)).collect();
        let whole = found.iter().filter(|track| track.is_called(&text));
        let whole: Vec<&Track> = whole.copied().collect();
        let one = |tracks: &[&Track]| {
            let (first, others) = tracks.split_first()?;
            let same = others.iter().all(|other| other.hash == first.hash);
            self.of_content(&first.hash).filter(|_| same)
        };
        match one(&found).or_else(|| one(&whole)) {
            Some(meant) => Ok(meant),
            None if found.is_empty() && path.is_dir() => {
                bail!("{}: is a folder; name a file in it", path.display())
            }
            None if found.is_empty() => bail!(
                "{}: no such file, and no track of the library has this in its title, artist or path; check the spelling, or scan the folder that it lies in",
                one_line(&text)
            ),
            None => {
                let name = |track: &&Track| {
                    let path = track.path.display().to_string();
                    let name = match track.title {
                        Some(_) => format!("{}: {path}", track.name()),
                        None => path,
                    };
                    format!("\n  {}", one_line(&name))
                };
                let named: String = found.iter().take(NAMED).map(name).collect();
                let more = match found.len().saturating_sub(NAMED) {
                    0 => String::new(),
                    more => format!("\n  and {more} more"),
                };
                Err(anyhow!(
                    "{}: {} have this in their title, artist or path; say more of one, or name its file:{named}{more}",
                    one_line(&text),
                    count(found.len(), "track", "tracks")
                ))
            }
        }
    }

    /// The first track of a content.
    fn of_content(&self, hash: &str) -> Option<Meant> {
        let tracks = &self.heard.tracks;
        let known = tracks.iter().position(|track| track.hash == hash)?;
        Some(Meant {
            track: tracks[known].clone(),
            embedding: self.heard.embedding(known).to_vec(),
        })
    }

    /// A file, which is heard if no file of its content was.
    fn file(&mut self, path: &Path) -> anyhow::Result<Meant> {
        let hash = hash_file(path)?;
        if let Some(known) = self.of_content(&hash) {
            return Ok(known);
        }
        let ear = Ear::on(&self.gpu, self.model.clone(), EngineChoice::Auto, false, 1)?;
        let paths = [path.to_path_buf()];
        let mut heard = self.library.hear(&|| Ok(&ear), &self.known, &paths)?;
        let heard = match heard.pop() {
            Some(Ok(heard)) => heard,
            Some(Err(reason)) => bail!("{}: {reason}", path.display()),
            None => bail!("{}: was not heard", path.display()),
        };
        let tags = read_all_tags(path);
        let tag = |name: &str| tags.get(name).cloned();
        let track = Track {
            id: 0,
            path: std::fs::canonicalize(path).unwrap_or_else(|_| path.into()),
            hash: heard.hash,
            size: std::fs::metadata(path).map_or(0, |found| found.len()),
            modified_ns: 0,
            seconds: heard.seconds,
            title: tag("title"),
            artist: tag("artist"),
            album: tag("album"),
            genre: tag("genre"),
        };
        Ok(Meant {
            track,
            embedding: heard.embedding,
        })
    }
}

/// Takes out of each content all tracks but the first.
fn take_out_copies(heard: &mut Embeddings) -> Vec<Track> {
    let (mut seen, mut copies) = (HashSet::new(), Vec::new());
    let (mut tracks, mut kept) = (Vec::new(), 0);
    for (k, track) in std::mem::take(&mut heard.tracks).into_iter().enumerate() {
        if seen.insert(track.hash.clone()) {
            let row = k * heard.width..(k + 1) * heard.width;
            heard.values.copy_within(row, kept * heard.width);
            tracks.push(track);
            kept += 1;
        } else {
            copies.push(track);
        }
    }
    heard.values.truncate(kept * heard.width);
    heard.tracks = tracks;
    copies
}

/// Checks before the work that a list can go where it shall.
pub(in crate::cli) fn list_output(path: Option<&PathBuf>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    if !["m3u", "m3u8"].contains(&ending.to_lowercase().as_str()) {
        bail!(
            "{}: the name of a list must end in .m3u or .m3u8",
            path.display()
        );
    }
    Ok(Outputs::default().add(path)?)
}

/// Writes a list as an m3u file, if a user wants it.
pub(in crate::cli) fn write_list(
    path: Option<&PathBuf>,
    tracks: &[&Track],
    common: &Common,
) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let whole = std::path::absolute(path)?;
    let folder = whole.parent().unwrap_or(&whole);
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.into());
    let (text, left_out) = m3u(tracks, &folder);
    files::write(path, text.as_bytes())?;
    if left_out > 0 {
        common.note(&format!(
            "{}: {} left out, for a path that holds a line end cannot be in a list",
            path.display(),
            count(left_out, "track", "tracks")
        ));
    }
    Ok(())
}
