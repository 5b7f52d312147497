//! What runs over paths and over manifests have in common: checks, what hears the files, and a loop that can be stopped.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use crate::cli::common::{Common, front_end, one_line};
use crate::cli::interrupt::Stopping;
use crate::embed::{Embedder, FileEmbedding, embed_files};
use crate::features::{FeatureError, FrontEnd, SegmentShape};
use crate::files::Outputs;
use crate::model_file::Model;

use super::args::Args;
use super::partial::partial_path;

/// Files handed to the embedder at a time; an interrupt waits for so many at most.
const FILES_AT_ONCE: usize = 64;

/// Checks before hours of work that all files can go where they shall.
pub(super) fn outputs(args: &Args) -> anyhow::Result<Outputs> {
    let mut outputs = Outputs::default();
    outputs.add(&args.output)?;
    outputs.add(&partial_path(&args.output))?;
    args.errors.iter().try_for_each(|path| outputs.add(path))?;
    outputs.spare([&args.model])?;
    Ok(outputs)
}

/// How files are cut into segments.
pub(super) fn segments(args: &Args, model: &Model) -> anyhow::Result<SegmentShape> {
    let segment = model.info.segment;
    match args.hop {
        None => Ok(segment),
        Some(hop) => {
            let hop = SegmentShape::from_seconds(&model.info.preset, hop, hop).hop();
            SegmentShape::new(segment.frames(), hop).map_err(anyhow::Error::msg)
        }
    }
}

/// What hears files.
pub(super) struct Hearing {
    pub(super) front_end: FrontEnd,
    pub(super) embedder: Embedder,
    segment: SegmentShape,
}

impl Hearing {
    /// For about so many `files`.
    pub(super) fn new(
        args: &Args,
        common: &Common,
        model: &Model,
        segment: SegmentShape,
        files: usize,
    ) -> anyhow::Result<Self> {
        let gpu = common.gpu()?;
        Ok(Self {
            front_end: front_end(args.engine, &gpu, model, args.strict)?,
            embedder: Embedder::for_files(&gpu, model, files)?,
            segment,
        })
    }

    /// Hears files, a part of them at a time: `before` is asked for what to know of each file of a part, and `each` gets that with
    /// what was heard, in the order of the files. Says which files are damaged or cut. Returns whether it got to the end; an
    /// interrupt stops it before the next part, when `partial` keeps what is done and `again` says what goes on.
    pub(super) fn hear<T>(
        &self,
        common: &Common,
        files: &[PathBuf],
        partial: &Path,
        again: &str,
        before: impl Fn(&[PathBuf]) -> Vec<T>,
        mut each: impl FnMut(usize, &T, Result<FileEmbedding, FeatureError>) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        let partial = partial.display();
        let stopping = Stopping::new(format!(
            "stopping after the files at hand, at most {FILES_AT_ONCE}; {partial} keeps what is done for {again}, also if you press it again"
        ));
        let bar = common.bar(files.len(), "embedding");
        let mut cut = 0;
        let mut done = 0;
        for part in files.chunks(FILES_AT_ONCE) {
            if stopping.flag().load(Ordering::Relaxed) {
                bar.finish_and_clear();
                common.note(&format!(
                    "stopped; {again} goes on ({partial} keeps what is done)"
                ));
                return Ok(false);
            }
            let known = before(part);
            let mut trouble = None;
            embed_files(
                &self.front_end,
                &self.embedder,
                self.segment,
                part,
                |index, result| {
                    if let Ok(file) = &result {
                        cut += usize::from(file.info.stopped);
                        for warning in &file.info.warnings {
                            let text = format!("{}: {warning}", part[index].display());
                            bar.suspend(|| common.note(&one_line(&text)));
                        }
                    }
                    if let Err(error) = each(done + index, &known[index], result) {
                        trouble.get_or_insert(error);
                    }
                    bar.inc(1);
                },
            )?;
            if let Some(error) = trouble {
                return Err(error);
            }
            done += part.len();
        }
        bar.finish_and_clear();
        if let Some(note) = self.front_end.hearing().cut_note(cut) {
            common.note(&note);
        }
        Ok(true)
    }
}
