//! What every way of asking a model does: files are read and embedded, and what is found is told.

use std::path::Path;
use std::process::ExitCode;

use super::args::{Args, Mode};
use crate::cli::advice;
use crate::cli::common::{Common, conclude, failed_json, load_model, print, print_json};
use crate::data::{Dataset, Task};
use crate::evaluate::{
    Embedded, EvaluateError, EvaluatePart, LABELS, LabelMap, Reader, check_column, check_task,
    embed_between, embed_dataset,
};
use crate::files::OutputFolder;
use crate::gpu::Gpu;
use crate::model_file::Model;
use crate::report::Svg;
use anyhow::Context;

/// One model that is asked something.
pub(super) struct Asked<'a> {
    pub args: &'a Args,
    pub common: &'a Common,
    pub mode: &'a Mode,
    pub gpu: &'a Gpu,
    /// Where the model lies.
    pub path: &'a Path,
    pub reader: &'a Reader<'a>,
    pub task: Task,
}

impl Asked<'_> {
    /// What the network is called.
    pub(super) fn name(&self) -> &str {
        &self.reader.model.network.spec.name
    }

    /// Reads and embeds the files, of one collection or of two.
    pub(super) fn embed(&self) -> anyhow::Result<Embedded> {
        let Self {
            args,
            common,
            reader,
            mode,
            task,
            ..
        } = *self;
        let open = |path| args.opened(path, reader.front_end.keeps().as_deref(), common);
        let embedded = match (&args.support_from, &args.query_from) {
            (Some(support), Some(query)) => {
                let map = args.label_map.as_deref().map(LabelMap::read).transpose()?;
                let sides = [(support.as_path(), open(support)?), (query, open(query)?)];
                if let Some(column) = &args.by {
                    check_column(&sides[1].1, column)?;
                }
                common.counted("reading", |on| {
                    embed_between(reader, sides, &map.unwrap_or_default(), task.way, on)
                })
            }
            _ => {
                let mut dataset = open(args.data.as_deref().unwrap_or(Path::new("")))?;
                let part = args.split.of(&dataset, reader.model);
                if part == EvaluatePart::All && *mode != Mode::MultiLabel {
                    dataset.leave_out_lone_classes();
                }
                // Before the files are read, which takes long.
                if *mode == Mode::MultiLabel {
                    check_column(&dataset, LABELS)?;
                }
                if let Some(column) = &args.by {
                    check_column(&dataset, column)?;
                }
                // What else is asked of the files is checked elsewhere, and what no tracks can give too.
                if !matches!(mode, Mode::MultiLabel | Mode::Open) && !dataset.tracks {
                    checked(args, &dataset, reader.model, task)?;
                }
                common.counted("reading", |on| embed_dataset(reader, dataset, part, on))
            }
        };
        Ok(embedded?)
    }

    /// Tells the notes on what was read.
    pub(super) fn tell_notes(&self, embedded: &Embedded) {
        if !self.common.json {
            let notes = embedded.notes.iter();
            notes.for_each(|n| self.common.note(&format!("note: {n}")));
        }
    }

    /// What could be read gives no such episodes: which command works.
    pub(super) fn fewer(&self, embedded: &Embedded, error: EvaluateError) -> anyhow::Error {
        advice::smaller(error, self.args.split, self.task, |_, task| {
            embedded.check_task(task).is_ok()
        })
    }

    /// Tells of files that failed, and how the command ends.
    pub(super) fn finish(&self, embedded: &Embedded) -> ExitCode {
        let files = embedded.files.len() + embedded.failed.len();
        conclude(&embedded.failed, files, self.args.strict)
    }

    /// One document: what was evaluated, and the result.
    pub(super) fn json(
        &self,
        embedded: &Embedded,
        result: &impl serde::Serialize,
    ) -> serde_json::Value {
        let (args, model) = (self.args, self.reader.model);
        serde_json::json!({
            "model": self.path.display().to_string(),
            "network": model.network.spec.name,
            "parameters": model.network.parameter_count(),
            "data": args.data,
            "support_from": args.support_from,
            "query_from": args.query_from,
            "files_used": embedded.files.len(),
            "files_failed": failed_json(&embedded.failed),
            "notes": embedded.notes,
            self.mode.names().1: result,
        })
    }

    /// Tells the result: as a document, or in words.
    pub(super) fn tell(
        &self,
        embedded: &Embedded,
        result: &impl serde::Serialize,
        words: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        match self.common.json {
            true => print_json(&self.json(embedded, result)),
            false => print(&words()),
        }
    }
}

/// Checks that a part of a data set gives episodes, or says which command does.
pub(super) fn checked(
    args: &Args,
    dataset: &Dataset,
    model: &Model,
    task: Task,
) -> anyhow::Result<()> {
    let check = |part, task| check_task(dataset, model, part, task);
    check(args.split, task).map_err(|error| {
        advice::smaller(error, args.split, task, |part, task| {
            check(part, task).is_ok()
        })
    })
}

/// A model that can be evaluated as asked.
pub(super) fn opened(args: &Args, path: &Path, common: &Common) -> anyhow::Result<Model> {
    let model = load_model(path, common)?;
    // Before the files are read, which takes long.
    args.head
        .check(&model)
        .with_context(|| path.display().to_string())?;
    Ok(model)
}

/// Writes a picture into a folder, which is made if need be.
pub(super) fn write_picture(
    folder: &Path,
    name: &str,
    picture: &Svg,
    common: &Common,
) -> anyhow::Result<()> {
    let folder = OutputFolder::new(folder);
    let path = folder.write(name, picture.standalone().as_bytes())?;
    common.note(&format!("wrote {}", path.display()));
    Ok(())
}
