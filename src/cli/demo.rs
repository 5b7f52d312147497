//! `gamaka demo`: the whole way on the corpus that comes with gamaka, and a report with pictures.

mod edge;
mod page;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::data::{Dataset, Task};
use crate::evaluate::{Embedded, EvaluatePart, HeadChoice, Reader, Report, embed_dataset};
use crate::features::FrontEnd;
use crate::fewshot::{Answer, Examples};
use crate::files::{self, OutputFolder, Outputs};
use crate::gpu::Gpu;
use crate::settings::TrainConfig;
use crate::site::CORPUS;
use crate::train::{TrainError, TrainOptions, Trained, checkpoint_path, train};
use anyhow::{Context, bail};
use include_dir::Dir;

use super::common::{Common, print, print_json};
use super::eval;
use super::interrupt::{INTERRUPTED, Stopping};
use super::numbers::whole;
use super::train::Display;

/// Name of the model file.
const MODEL: &str = "model.safetensors";

/// Name of the state of a demo that was stopped.
const STATE: &str = "model.safetensors.checkpoint";

/// Name of the page.
const REPORT: &str = "report.html";

/// What is written, beside the corpus.
const FILES: [&str; 10] = [
    MODEL,
    STATE,
    REPORT,
    "pictures/accuracy.svg",
    "pictures/differences.svg",
    "pictures/confusion.svg",
    "pictures/map.svg",
    "pictures/training.svg",
    "pictures/edges.svg",
    "pictures/splines.svg",
];

/// Training episodes: about two minutes on two CPU cores.
const EPISODES: usize = 400;

/// Episodes of each evaluation.
const EVALUATION: usize = 1000;

/// Example clips of each style that the two clips are classified by.
const SHOTS: usize = 5;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Where the report, the model and the corpus go
    #[arg(short, long, default_value = "gamaka-demo", value_name = "DIR")]
    out: PathBuf,
    /// Training episodes
    #[arg(long, default_value_t = EPISODES, allow_negative_numbers = true, value_parser = whole(TrainConfig::EPISODES))]
    episodes: usize,
}

/// A clip that the demo classifies.
struct Listened {
    path: PathBuf,
    truth: String,
    answer: Answer,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let corpus = args.out.join("corpus");
    let folder = OutputFolder::new(&args.out);
    folder.check(&mut Outputs::default(), &FILES)?;
    unpack(&CORPUS, &corpus)?;
    folder.begins(STATE)?;
    let manifest = corpus.join("manifest.csv");
    let dataset = Dataset::open(&manifest)?;

    let config = TrainConfig {
        episodes: args.episodes,
        // The clips are short: half a second gives each four segments.
        hop_seconds: 0.5,
        ..TrainConfig::default()
    };
    let model_path = args.out.join(MODEL);
    let stopping = Stopping::new(format!(
        "stopping after what is at hand; {} keeps what is done, and the same command goes on",
        args.out.display()
    ));
    let options = TrainOptions {
        device: common.device.clone(),
        model: &model_path,
        resume: checkpoint_path(&model_path).exists(),
        memory: None,
        strict: true,
        half: false,
        features: None,
        stop: stopping.flag(),
        teacher: None,
        from: None,
    };
    let mut display = Display::new(common, config.episodes);
    let trained = train(&dataset, None, &config, &options, &mut |event| {
        display.show(&event)
    });
    display.bar.finish_and_clear();
    drop(stopping);
    let stopped = |when: &str| {
        common.note(&format!(
            "stopped {when}; run the same command again to go on"
        ));
        Ok(ExitCode::from(INTERRUPTED))
    };
    let trained = match trained {
        Err(TrainError::Unstarted) => return stopped("before the training"),
        Err(TrainError::Interrupted { episode, .. }) => {
            return stopped(&format!("after episode {episode}"));
        }
        Err(TrainError::Checkpoint { path, .. }) => bail!(
            "{}: is the state of another training, or of a demo with other --episodes, or damaged: give the same options, or choose another folder with --out",
            path.display()
        ),
        other => other?,
    };
    folder.wrote(MODEL)?;

    let gpu = common.gpu()?;
    let front_end = FrontEnd::new(config.engine()?, Some(&gpu), config.hearing(true))?;
    let reader = Reader::new(&gpu, &trained.model, &front_end)?;
    let dataset = Dataset::open(&manifest)?;
    let embedded = common.counted("listening", |on| {
        embed_dataset(&reader, dataset, EvaluatePart::Test, on)
    })?;
    let classes = embedded.dataset.pool(&embedded.files).classes.len();
    let way = config.way.min(classes);
    let score = |shot| {
        let task = Task::new(way, shot, config.query);
        embedded.score(task, EVALUATION, 1, HeadChoice::Auto)
    };
    let (one_shot, five_shot) = (score(1)?, score(5)?);
    let listened = listen(&embedded)?;

    let demo = Demo {
        config,
        gpu,
        trained,
        embedded,
        one_shot,
        five_shot,
        listened,
        folder,
        started,
    };
    let page = demo.page().context("the report cannot be drawn")?;
    let report = demo.folder.write(REPORT, page.html().as_bytes())?;
    if common.json {
        print_json(&demo.json(&report))?;
    } else {
        print(&demo.words(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes what a folder of the program holds, where it is not there already.
fn unpack(from: &Dir, to: &Path) -> anyhow::Result<()> {
    files::make_folder(to)?;
    for file in from.files() {
        let name = file.path().file_name().unwrap_or_default();
        files::provide(&to.join(name), file.contents())?;
    }
    for folder in from.dirs() {
        let name = folder.path().file_name().unwrap_or_default();
        unpack(folder, &to.join(name))?;
    }
    Ok(())
}

/// Classifies a clip of each of two styles that the network never trained on, by five example clips of
/// each style; no example shares a group with the clip.
fn listen(embedded: &Embedded) -> anyhow::Result<Vec<Listened>> {
    let dataset = &embedded.dataset;
    let pool = dataset.pool(&embedded.files);
    let mut listened = Vec::new();
    for class in [0, pool.classes.len() / 2] {
        let clip = pool.files[class][0];
        let mut examples = Examples::new(pool.classes.clone());
        for (genre, files) in pool.files.iter().enumerate() {
            let others = files
                .iter()
                .filter(|&&f| pool.group_of[f] != pool.group_of[clip])
                .take(SHOTS);
            for &file in others {
                let path = dataset.file(&dataset.items[file]);
                examples.add(genre, path, embedded.network[file].clone());
            }
        }
        let path = dataset.file(&dataset.items[clip]);
        let answer = examples.answer(
            path.clone(),
            &embedded.network[clip],
            embedded.calibrated_metric(SHOTS),
        )?;
        listened.push(Listened {
            path,
            truth: pool.classes[class].clone(),
            answer,
        });
    }
    Ok(listened)
}

/// Everything that the report tells.
struct Demo {
    config: TrainConfig,
    gpu: Gpu,
    trained: Trained,
    embedded: Embedded,
    one_shot: Report,
    five_shot: Report,
    listened: Vec<Listened>,
    /// Where report and pictures go.
    folder: OutputFolder,
    started: Instant,
}

/// Why a clip was given its style.
fn reason(listened: &Listened) -> String {
    let Answer {
        ranked, nearest, ..
    } = &listened.answer;
    let [best, next] = [&ranked[0], &ranked[1]];
    let like: Vec<&str> = nearest.iter().map(|n| n.genre.as_str()).collect();
    format!(
        "Nearest to the mean of the {} examples, at distance {:.2}; {} comes next, at {:.2}. The nearest single clips are {}.",
        best.genre,
        best.distance,
        next.genre,
        next.distance,
        like.join(", ")
    )
}

impl Demo {
    fn network(&self) -> &str {
        &self.trained.model.network.spec.name
    }

    fn words(&self, report: &Path) -> String {
        let mut text = String::new();
        for report in [&self.one_shot, &self.five_shot] {
            text.push_str(&eval::words(report, self.network()));
            text.push('\n');
        }
        for listened in &self.listened {
            let best = &listened.answer.ranked[0];
            text.push_str(&format!(
                "{}: {} ({:.0} %), in truth {}\n  {}\n",
                listened.path.display(),
                best.genre,
                best.probability * 100.0,
                listened.truth,
                reason(listened)
            ));
        }
        let network = &self.trained.model.network;
        text.push_str(&format!(
            "\nnetwork {} with {} parameters, {} episodes in {:.0} s on {}; {:.0} s in all\nreport: {}\n",
            self.network(),
            network.parameter_count(),
            self.trained.log.len(),
            self.trained.seconds,
            self.gpu.adapter.name,
            self.started.elapsed().as_secs_f64(),
            report.display()
        ));
        text
    }

    fn json(&self, report: &Path) -> serde_json::Value {
        let network = &self.trained.model.network;
        let listened = self.listened.iter().map(|listened| {
            serde_json::json!({"path": listened.path.display().to_string(), "truth": listened.truth, "answer": listened.answer})
        });
        serde_json::json!({
            "network": self.network(),
            "parameters": network.parameter_count(),
            "adapter": self.gpu.adapter.name,
            "one_shot": self.one_shot,
            "five_shot": self.five_shot,
            "clips": listened.collect::<Vec<_>>(),
            "training_seconds": self.trained.seconds,
            "seconds": self.started.elapsed().as_secs_f64(),
            "report": report.display().to_string(),
        })
    }
}
