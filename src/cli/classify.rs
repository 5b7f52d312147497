//! `gamaka classify`: your own genres, from example files of each; without these, those of the library.

mod own;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::audio;
use crate::data::{Dataset, hash_file};
use crate::embed::{Embedder, FileEmbedding, embed_files};
use crate::fewshot::{Answer, Examples};
use crate::mel::EngineChoice;
use anyhow::bail;

use super::common::{
    Common, INCLUDED, conclude, engine, failed_json, front_end, load_model, print, print_json,
};
use super::hints;
use super::library::Store;
use super::table::{Align, Table};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Audio files, and folders to look for audio files in
    #[arg(required_unless_present = "all")]
    files: Vec<PathBuf>,
    /// A folder with one folder of example files for each genre, instead of the library's genres
    #[arg(short, long, value_name = "DIR")]
    examples: Option<PathBuf>,
    /// The model, with --examples: a file that `gamaka train` wrote, or `included` for the one that comes with gamaka
    /// [default: included]
    #[arg(short, long, requires = "examples", value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Every file of the library
    #[arg(long, conflicts_with_all = ["files", "examples"])]
    all: bool,
    /// Print a row for each file, with a head, separated by commas
    #[arg(long, conflicts_with = "examples")]
    csv: bool,
    /// Which engine computes mel frames: auto, gpu or cpu
    #[arg(long, default_value = "auto", value_parser = engine)]
    engine: EngineChoice,
    /// Count a damaged file as failed, instead of using what can be decoded
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    match &args.examples {
        Some(examples) => by_examples(args, examples, common),
        None => own::run(
            &own::Asked {
                files: &args.files,
                all: args.all,
                csv: args.csv,
                engine: args.engine,
                strict: args.strict,
                store: &args.store,
            },
            common,
        ),
    }
}

/// Genres of a folder of examples.
fn by_examples(args: &Args, folder: &Path, common: &Common) -> anyhow::Result<ExitCode> {
    let model_name = args.model.as_deref().unwrap_or(Path::new(INCLUDED));
    let model = load_model(model_name, common)?;
    let dataset = common.while_waiting("looking through the examples", || Dataset::open(folder))?;
    dataset.warnings.iter().for_each(|w| common.note(w));
    let gpu = common.gpu()?;
    let front_end = front_end(args.engine, &gpu, &model, args.strict)?;
    let found = audio::find(&args.files);
    let files = dataset.items.len() + found.files.len();
    let embedder = Embedder::for_files(&gpu, &model, files)?;
    let mut failed: Vec<(PathBuf, String)> = found
        .problems
        .iter()
        .map(|e| (e.path.clone(), e.to_string()))
        .collect();

    let example_paths: Vec<PathBuf> = dataset
        .items
        .iter()
        .map(|item| dataset.file(item))
        .collect();
    let bar = common.bar(example_paths.len() + found.files.len(), "listening");
    let mut examples = Examples::new(dataset.classes.clone());
    let mut unusable = Vec::new();
    let mut cut = 0;
    // A silent file is like none, and has no place in a ranking.
    let heard = |path: &Path, file: &FileEmbedding| {
        let at = |warning| format!("{}: {warning}", path.display());
        if let Some(silence) = file.info.silence() {
            return Err(at(silence));
        }
        let warnings = file.info.warnings.iter().map(at);
        warnings.for_each(|warning| bar.suspend(|| common.note(&warning)));
        Ok(file.mean())
    };
    let mut listen = |paths: &[PathBuf], take: &mut dyn FnMut(usize, Result<Vec<f32>, String>)| {
        let shape = model.info.segment;
        embed_files(&front_end, &embedder, shape, paths, |index, file| {
            bar.inc(1);
            cut += usize::from(file.as_ref().is_ok_and(|file| file.info.stopped));
            let file = file.map_err(|error| hints::told(&error));
            take(index, file.and_then(|file| heard(&paths[index], &file)));
        })
    };
    listen(&example_paths, &mut |index, embedding| match embedding {
        Ok(embedding) => {
            let class = dataset.items[index].class;
            examples.add(class, example_paths[index].clone(), embedding);
        }
        Err(reason) => unusable.push(reason),
    })?;
    for reason in &unusable {
        bar.suspend(|| common.note(&format!("example left out: {reason}")));
    }
    if args.strict && !unusable.is_empty() {
        bail!(
            "{} example files are damaged; the first: {}",
            unusable.len(),
            unusable[0]
        );
    }
    for genre in examples.leave_out_empty() {
        bar.suspend(|| {
            common.note(&format!(
                "left out: no example of `{genre}` can be heard; put at least one good file into its folder"
            ));
        });
    }
    if examples.genres.len() < 2 {
        bail!(
            "{}: only {} of its classes has an example that can be heard, and two are needed; put good files into the others",
            folder.display(),
            examples.genres.len()
        );
    }

    let metric = model.metric(examples.fewest());
    for path in &found.files {
        let hash = hash_file(path).unwrap_or_default();
        if dataset.items.iter().any(|item| item.hash == hash) {
            bar.suspend(|| {
                common.note(&format!(
                    "{} is itself among the examples: its answer says little",
                    path.display()
                ));
            });
        }
    }
    let mut answers = Vec::new();
    let mut trouble = None;
    listen(&found.files, &mut |index, embedding| {
        let path = found.files[index].clone();
        match embedding {
            Ok(embedding) => match examples.answer(path, &embedding, metric) {
                Ok(answer) => answers.push(answer),
                Err(error) => drop(trouble.get_or_insert(error)),
            },
            Err(reason) => failed.push((path, reason)),
        }
    })?;
    bar.finish_and_clear();
    if let Some(note) = front_end.hearing().cut_note(cut) {
        common.note(&note);
    }
    if let Some(error) = trouble {
        return Err(error.into());
    }
    if common.json {
        print_json(&serde_json::json!({
            "model": model_name.display().to_string(),
            "network": model.network.spec.name,
            "genres": examples.genres,
            "files": answers,
            "failed": failed_json(&failed),
        }))?;
    } else {
        print(&answers.iter().map(words).collect::<String>())?;
    }
    Ok(conclude(&failed, answers.len() + failed.len(), args.strict))
}

fn words(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.path.display());
    let mut table = Table::new([("", Align::Left); 3]);
    for r in &answer.ranked {
        table.row([
            format!("  {}", r.genre),
            format!("{:5.1} %", r.probability * 100.0),
            format!("distance {:.3}", r.distance),
        ]);
    }
    text.push_str(&table.text());
    for n in &answer.nearest {
        let _ = writeln!(
            text,
            "    like {} ({}), distance {:.3}",
            n.path.display(),
            n.genre,
            n.distance
        );
    }
    text
}
