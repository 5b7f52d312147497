//! What each form of a model's parameters costs and saves: a row each, on the same files and episodes.

use std::path::Path;

use serde::Serialize;

use super::calibration::Calibration;
use super::choice::{Choice, Form, QuantizeError, Scales, ShrinkError};
use super::quantise::{check, parameter_bytes, quantise};
use super::seen::{Rounded, packed_by};

use crate::data::{DataError, Part, Task};
use crate::embed::{Embedder, inference_by};
use crate::fewshot::{EpisodeSampler, Head, Metric, ScoreError};
use crate::gpu::{Gpu, GpuError, Program};
use crate::measure::{Spread, made_up, timed};
use crate::model::Storage;
use crate::model_file::Model;
use crate::score::{Estimate, System, evaluate};
use crate::train::{Event, FineTuner};

/// Clips that a calibration looks at.
const CLIPS: usize = 128;

/// Curves of the tables that are compared.
const CURVES: [usize; 4] = [16, 64, 256, 4096];

/// Times that each program runs in turns with the others.
const REPEATS: usize = 9;

/// Quantises models of one original, by what its data set makes of it.
#[derive(Debug)]
pub struct Quantiser<'a> {
    model: &'a Model,
    tuner: &'a FineTuner<'a>,
    calibration: Calibration,
}

impl<'a> Quantiser<'a> {
    /// Looks at what reaches the weights, by clips of training files.
    ///
    /// # Errors
    /// [`ShrinkError`].
    pub fn new(model: &'a Model, tuner: &'a FineTuner<'a>) -> Result<Self, ShrinkError> {
        let clips = tuner.clips(Part::Train, CLIPS)?;
        let calibration = Calibration::new(&tuner.gpu, &model.network, &model.parameters, &clips)?;
        Ok(Self {
            model,
            tuner,
            calibration,
        })
    }

    /// The model in a form, then fine-tuned by as many steps as the tuner's configuration says, if `tuned`. The state of a
    /// fine-tuning goes to `state`, with `.checkpoint` added.
    ///
    /// # Errors
    /// [`ShrinkError`].
    pub fn quantised(
        &self,
        choice: &Choice,
        tuned: bool,
        state: &Path,
        on: &mut dyn FnMut(Event),
    ) -> Result<Model, ShrinkError> {
        let rounded = quantise(self.model, choice, &self.calibration)?;
        if !tuned {
            return Ok(rounded);
        }
        let seen = Rounded::of(&rounded.network, &rounded.packing);
        let seen = seen.ok_or(QuantizeError::CurvesStay)?;
        let latent = Model {
            parameters: seen.latent(&self.model.parameters, &rounded.parameters),
            ..rounded.clone()
        };
        let learned = self.tuner.tune(&latent, Some(&seen), state, on)?;
        let packed = packed_by(learned, &rounded.packing);
        Ok(packed.in_half_precision().map_err(QuantizeError::Half)?)
    }
}

impl Quantiser<'_> {
    /// The model itself.
    pub fn model(&self) -> &Model {
        self.model
    }

    /// A hash of all that its models depend on, but their forms.
    pub fn made_by(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(bytemuck::cast_slice(&self.model.parameters));
        hasher.update(self.model.network.spec.to_toml().as_bytes());
        hasher.update(self.tuner.config.to_toml().as_bytes());
        for file in self.tuner.files(Part::Train) {
            hasher.update(self.tuner.dataset.items[file].hash.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// As [`table`], by the test files that its tuner has read.
    ///
    /// # Errors
    /// [`ShrinkError`].
    pub fn table(
        &self,
        entries: &[Entry],
        task: Task,
        episodes: usize,
        seed: u64,
        on: &mut dyn FnMut(usize, usize),
    ) -> Result<Table, ShrinkError> {
        table(self.tuner, entries, task, (episodes, seed), on)
    }
}

/// A form of a model's parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// In words.
    pub name: String,
    /// How it was quantised; none of the model itself.
    pub choice: Option<Choice>,
    /// Steps of fine-tuning.
    pub steps: usize,
    /// Of its parameters on a device, and of its file.
    pub bytes: Bytes,
    /// Accuracy on the test files.
    pub accuracy: Estimate,
    /// The same less that of the model itself, on the same episodes and files.
    pub difference: Option<Estimate>,
    /// Times of a batch and of a single clip.
    pub speed: [Speed; 2],
}

/// Bytes of a model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bytes {
    /// Of its parameters as they are stored.
    pub parameters: usize,
    /// Of its file, with the list of its training files.
    pub file: u64,
    /// Times that floats of the same parameters are larger.
    pub than_floats: f64,
    /// The same of halves.
    pub than_halves: f64,
}

/// The time of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Speed {
    /// Clips at a time.
    pub clips: usize,
    /// Median in milliseconds.
    pub milliseconds: f64,
    /// Median over runs in turns of the time of the model in halves by this one's: above 1 is faster.
    pub than_halves: f64,
}

/// A table, and what it was made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// What each episode asks.
    pub task: Task,
    /// Episodes.
    pub episodes: usize,
    /// The device of the times.
    pub device: String,
    /// Test files.
    pub files: usize,
    /// The rows: the model in floats, in halves, and in each form.
    pub rows: Vec<Row>,
    /// What is to be known of the intervals.
    pub note: Option<String>,
}

/// A model of a table.
#[derive(Debug)]
pub struct Entry {
    /// In words.
    pub name: String,
    /// How it was quantised.
    pub choice: Option<Choice>,
    /// Steps of fine-tuning.
    pub steps: usize,
    /// The model.
    pub model: Model,
    /// Bytes of its file.
    pub file: u64,
}

/// The forms that a model can take.
pub fn choices(model: &Model) -> Vec<Choice> {
    let integers = [8, 4]
        .into_iter()
        .flat_map(|bits| Scales::ALL.map(|scales| Choice::integers(bits, scales)));
    let books = CURVES.map(Choice::codebook);
    let all = integers.chain(books);
    all.filter(|choice| check(model, choice).is_ok()).collect()
}

/// Whether a form can be fine-tuned.
pub fn can_be_tuned(choice: &Choice) -> bool {
    choice.form == Form::Coefficients
}

/// Scores models on the test files that a tuner has read, and times them in turns. The first is what the others are compared with,
/// the second the model in halves.
///
/// # Errors
/// [`ShrinkError`].
fn table(
    tuner: &FineTuner,
    entries: &[Entry],
    task: Task,
    (episodes, seed): (usize, u64),
    on: &mut dyn FnMut(usize, usize),
) -> Result<Table, ShrinkError> {
    if tuner.dataset.tracks {
        return Err(ShrinkError::Data(DataError::TracksHaveNoFiles {
            reason: "and accuracy is measured with labels that several files share",
        }));
    }
    let files = tuner.files(Part::Test);
    let Some(Entry { model, .. }) = entries.first() else {
        return Err(ShrinkError::NoTest);
    };
    let config = &model.info.config;
    let pool = tuner.dataset.pool(&files);
    let sampler = EpisodeSampler::new(pool, task).map_err(ScoreError::Episode)?;
    let head: Head = config.learner.head(Metric::of(&model.network.spec));
    let mut embeddings = Vec::new();
    for (done, entry) in entries.iter().enumerate() {
        on(done, entries.len());
        let embedder = Embedder::for_files(&tuner.gpu, &entry.model, usize::MAX)?;
        embeddings.push(tuner.embed(&embedder, &files)?);
    }
    on(entries.len(), entries.len());
    let systems: Vec<System> = entries
        .iter()
        .zip(&embeddings)
        .map(|(entry, embeddings)| System::new(&entry.name, embeddings, head))
        .collect();
    let evaluation = evaluate(&sampler, &systems, episodes, seed)?;
    let batch = match tuner.gpu.class().is_software() {
        true => 16,
        false => 128,
    };
    let speeds = [
        speeds(&tuner.gpu, entries, batch)?,
        speeds(&tuner.gpu, entries, 1)?,
    ];
    let parameters: usize = model
        .network
        .named_parameters(&model.parameters)
        .iter()
        .map(|parameter| parameter.values.len())
        .sum();
    let mut rows = Vec::new();
    for (k, entry) in entries.iter().enumerate() {
        let own = match k {
            0 => 4 * parameters,
            _ => parameter_bytes(&entry.model),
        };
        rows.push(Row {
            name: entry.name.clone(),
            choice: entry.choice,
            steps: entry.steps,
            bytes: Bytes {
                parameters: own,
                file: entry.file,
                than_floats: (4 * parameters) as f64 / own as f64,
                than_halves: (2 * parameters) as f64 / own as f64,
            },
            accuracy: evaluation.systems[k].accuracy,
            difference: match k {
                0 => None,
                _ => Some(evaluation.less(k, 0)),
            },
            speed: [speeds[0][k], speeds[1][k]],
        });
    }
    Ok(Table {
        task,
        episodes,
        device: tuner.gpu.adapter.name.clone(),
        files: files.len(),
        rows,
        note: evaluation.note,
    })
}

/// The time of each model's inference of so many clips; the runs of all take turns.
fn speeds(gpu: &Gpu, entries: &[Entry], clips: usize) -> Result<Vec<Speed>, GpuError> {
    let mut programs = Vec::new();
    for (k, Entry { model, .. }) in entries.iter().enumerate() {
        let storage = match k {
            0 => Storage::Floats,
            _ => model.storage(),
        };
        let taps = model.network.tap_lists(gpu.class(), &model.parameters);
        let (plan, [parameters, input, _]) =
            inference_by(gpu.tuning(), &model.network, &storage, &taps, clips);
        let program = Program::new(gpu, plan)?;
        program.write(parameters, &storage.words(&model.parameters));
        program.write(input, &made_up(input.len()));
        timed(&program)?;
        programs.push(program);
    }
    let mut times = vec![Vec::new(); programs.len()];
    for _ in 0..REPEATS {
        for (program, times) in programs.iter().zip(&mut times) {
            times.push(timed(program)?.as_secs_f64());
        }
    }
    let halves = times.get(1).cloned().unwrap_or_default();
    let speed = |times: &Vec<f64>| {
        let ratios = halves.iter().zip(times).map(|(halves, own)| halves / own);
        Speed {
            clips,
            milliseconds: 1e3 * Spread::of(times).median,
            than_halves: Spread::of(&Vec::from_iter(ratios)).median,
        }
    };
    Ok(times.iter().map(speed).collect())
}
