//! What the removal of more and more costs: accuracy, paired with that of the original, against size and speed.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::error::PruneError;
use super::pruner::{Level, Pruner};
use crate::data::{DataError, Part, Task};
use crate::embed::{Embedder, inference_by};
use crate::fewshot::{EpisodeSampler, Metric};
use crate::gpu::{Gpu, Program};
use crate::measure::{Spread, made_up, timed};
use crate::model::{Network, Storage};
use crate::model_file::Model;
use crate::ops::AdamW;
use crate::score::{Estimate, System, evaluate};
use crate::settings::Learner;
use crate::train::{Shaping, StepShape, TrainingStep};

/// Clips that a network embeds at a time where its speed is measured.
const BATCH: usize = 128;

/// Time that the turns of two networks may take.
const BUDGET: Duration = Duration::from_secs(4);

/// Most and fewest turns.
const TURNS: [usize; 2] = [3, 60];

/// How the test files are asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Question {
    /// Of each episode.
    pub task: Task,
    /// Episodes.
    pub episodes: usize,
    /// Their seed.
    pub seed: u64,
}

/// How much quicker a network is than the original: the times of both in turns, that of the original divided by its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quicker {
    /// The median of the turns.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

/// What a model is, beside the original.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was removed; none of the original.
    pub level: Option<Level>,
    /// The same in words.
    pub name: String,
    /// Edges with splines, and how many of them are zero.
    pub edges: [usize; 2],
    /// Parameters, and how many of them are not zero.
    pub parameters: [usize; 2],
    /// Floating-point operations of a clip, and those of edges that are not zero.
    pub flops: [u64; 2],
    /// Bytes of the file.
    pub bytes: u64,
    /// Accuracy on the test files.
    pub accuracy: Estimate,
    /// The same less that of the original, on the same episodes and files.
    pub difference: Estimate,
    /// Mean cosine of its embeddings of the test files with those of the original.
    pub cosine: f64,
    /// Of embedding.
    pub inference: Quicker,
    /// Of a training step by prototypes.
    pub step: Quicker,
    /// Seconds that its removal and fine-tuning took.
    pub seconds: f64,
}

/// What rows are made by: the original's embeddings of the test files, which every row is compared with.
#[derive(Debug)]
pub struct Judge<'a> {
    original: &'a Model,
    sampler: EpisodeSampler,
    files: Vec<usize>,
    embeddings: Vec<Vec<f32>>,
    question: Question,
}

impl<'a> Judge<'a> {
    /// Embeds the test files by the original. The pruner's tuner must have read them.
    ///
    /// # Errors
    /// [`PruneError`]: files without labels, too few for the question, a fault of the device.
    pub fn new(pruner: &Pruner<'a>, question: Question) -> Result<Self, PruneError> {
        let tuner = &pruner.tuner;
        if tuner.dataset.tracks {
            return Err(DataError::TracksHaveNoFiles {
                reason: "and accuracy is measured with labels that several files share",
            }
            .into());
        }
        let files = tuner.files(Part::Test);
        let sampler = EpisodeSampler::new(tuner.dataset.pool(&files), question.task)?;
        sampler.check_draws()?;
        let Model {
            network,
            parameters,
            ..
        } = pruner.original;
        let embedder = Embedder::new(&tuner.gpu, network, parameters)?;
        Ok(Self {
            original: pruner.original,
            sampler,
            embeddings: tuner.embed(&embedder, &files)?,
            files,
            question,
        })
    }

    /// Measures a model beside the original; `bytes` are those of its file.
    ///
    /// # Errors
    /// [`PruneError`].
    pub fn row(
        &self,
        pruner: &Pruner,
        level: Option<Level>,
        model: &Model,
        bytes: u64,
        seconds: f64,
    ) -> Result<Row, PruneError> {
        let tuner = &pruner.tuner;
        let embedder = Embedder::new(&tuner.gpu, &model.network, &model.parameters)?;
        let embeddings = tuner.embed(&embedder, &self.files)?;
        let head = |model: &Model| {
            let metric = Metric::of(&model.network.spec);
            model.info.config.learner.head(metric)
        };
        let systems = [
            System::new("original", &self.embeddings, head(self.original)),
            System::new("smaller", &embeddings, head(model)),
        ];
        let Question { episodes, seed, .. } = self.question;
        let found = evaluate(&self.sampler, &systems, episodes, seed)?;
        let cosines = self
            .files
            .iter()
            .map(|&file| cosine(&self.embeddings[file], &embeddings[file]));
        let mut edges = [0; 2];
        let mut idle = 0;
        let mut zeros = 0;
        let tally = model.network.tally();
        for tensor in model.network.edge_tensors() {
            let removed = tensor.removed(&model.parameters);
            if tensor.has_splines() {
                edges[0] += tensor.edges();
                edges[1] += removed;
            }
            zeros += removed * tensor.slots;
            let flops = tally[tensor.layer].flops;
            idle += flops * removed as u64 / tensor.edges().max(1) as u64;
        }
        let (parameters, flops) = (model.network.parameter_count(), model.network.flops());
        let pair = [self.original, model];
        Ok(Row {
            level,
            name: level.map_or_else(|| "the original".to_owned(), |level| level.name()),
            edges,
            parameters: [parameters, parameters - zeros],
            flops: [flops, flops - idle],
            bytes,
            accuracy: found.systems[1].accuracy,
            difference: found.less(1, 0),
            cosine: cosines.sum::<f64>() / self.files.len().max(1) as f64,
            inference: quicker_inference(&tuner.gpu, pair)?,
            step: quicker_step(&tuner.gpu, pair.map(|model| &model.network))?,
            seconds,
        })
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
        products.sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f64::MIN_POSITIVE)
}

/// Times two runs in turns, so that what slows the machine down slows both.
fn in_turns<T>(
    mut first: impl FnMut() -> Result<Duration, T>,
    mut second: impl FnMut() -> Result<Duration, T>,
) -> Result<Quicker, T> {
    // The driver compiles.
    first()?;
    second()?;
    let begin = Instant::now();
    let mut ratios = Vec::new();
    while ratios.len() < TURNS[0] || ratios.len() < TURNS[1] && begin.elapsed() < BUDGET {
        let (original, own) = (first()?, second()?);
        ratios.push(original.as_secs_f64() / own.as_secs_f64());
    }
    let Spread { median, min, max } = Spread::of(&ratios);
    Ok(Quicker { median, min, max })
}

fn quicker_inference(gpu: &Gpu, models: [&Model; 2]) -> Result<Quicker, PruneError> {
    let program = |model: &Model| {
        let network = &model.network;
        let taps = network.tap_lists(gpu.class(), &model.parameters);
        let (plan, [parameters, clips, _]) =
            inference_by(gpu.tuning(), network, &Storage::Floats, &taps, BATCH);
        let program = Program::new(gpu, plan)?;
        program.write(parameters, &model.parameters);
        program.write(clips, &made_up(clips.len()));
        Ok::<_, PruneError>(program)
    };
    let [first, second] = [program(models[0])?, program(models[1])?];
    Ok(in_turns(|| timed(&first), || timed(&second))?)
}

fn quicker_step(gpu: &Gpu, networks: [&Network; 2]) -> Result<Quicker, PruneError> {
    let step = |network| {
        let shape = StepShape {
            network,
            task: Task::new(12, 2, 2),
            augment: Default::default(),
            optimizer: AdamW::default(),
            learner: Learner::default(),
            banks: &[],
            shaping: Shaping::default(),
            teacher: None,
        };
        TrainingStep::new(gpu, &shape)
    };
    let (mut first, mut second) = (step(networks[0])?, step(networks[1])?);
    Ok(in_turns(|| first.run(), || second.run())?)
}
