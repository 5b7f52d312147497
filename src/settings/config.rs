//! The configuration of a training.

use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::{ensure, must_be};
use super::{Learner, Method, SettingsError, Shifts, Sparsity, Teacher};
use crate::data::{Protocol, SHOTS, Task, WAYS};
use crate::features::{Hearing, MAX_SECONDS, SegmentShape};
use crate::fewshot::Geometry;
use crate::gpu::word;
use crate::mel::{EngineChoice, Preset};
use crate::model::{LayerSpec, ModelError, Network, Spec};
use crate::ops::{AdamW, Augment};
use crate::random::Stream;

/// Which collection's validation part chooses the best parameters, where a second one is mixed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValidateOn {
    /// That of the data trained on.
    Data,
    /// That of the collection mixed in.
    Mix,
}

impl FromStr for ValidateOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "data" => Ok(Self::Data),
            "mix" => Ok(Self::Mix),
            _ => Err("choose data or mix".into()),
        }
    }
}

/// A training configuration. Every field has a default, so that a TOML file names only what differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Which classes or files train, validate and test.
    pub protocol: Protocol,
    /// Classes of the task: what validation and evaluation ask, and what every part of a split must allow.
    pub way: usize,
    /// Supports a class of the task.
    pub shot: usize,
    /// Queries a class of the task.
    pub query: usize,
    /// Classes of a training episode, at most; more than the task's teach more (Snell et al. 2017).
    pub train_way: usize,
    /// Supports a class of a training episode, where the classes have enough files.
    pub train_shot: usize,
    /// Queries a class of a training episode, where the classes have enough files.
    pub train_query: usize,
    /// Share of the training classes that are used, above 0 and up to 1: how much does more music teach?
    pub train_share: f64,
    /// Share of the training episodes that are drawn from the collection mixed in, where there is one.
    pub mix_share: f64,
    /// Which collection validates, where one is mixed in.
    pub validate_on: ValidateOn,
    /// Training episodes.
    pub episodes: usize,
    /// Seed of everything: split, initial parameters, episodes, augmentation.
    pub seed: u64,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Share of the episodes in which the learning rate rises; then it falls along a cosine.
    pub warmup: f64,
    /// Weight decay of plain weights; spline coefficients get a tenth, norms and biases none.
    pub weight_decay: f32,
    /// Training episodes from one validation to the next.
    pub validate_every: usize,
    /// Episodes of a validation.
    pub validation_episodes: usize,
    /// Length of a segment in seconds.
    pub segment_seconds: f64,
    /// From one segment to the next in seconds, where a whole file is embedded.
    pub hop_seconds: f64,
    /// Only the beginning of a longer file is heard, here and wherever the model is used.
    pub max_seconds: f64,
    /// Which engine computes mel frames: auto, gpu or cpu.
    pub engine: String,
    /// BLAKE3 of the model whose parameters it starts from; absent where they are drawn.
    pub from: Option<String>,
    /// How clips are varied.
    pub augment: Augment,
    /// Altered copies of the training files, if any.
    pub shifts: Option<Shifts>,
    /// A teacher, if any.
    pub teacher: Option<Teacher>,
    /// What makes edges zero, if anything.
    pub sparsity: Option<Sparsity>,
    /// When the training is done, a metric is fitted on the training files and made part of the network's last layer, a linear
    /// one. Absent: the layer stays as trained.
    pub geometry: Option<Geometry>,
    /// The optimiser's constants.
    pub optimizer: AdamW,
    /// How the network learns from an episode.
    pub learner: Learner,
    /// The mel front end.
    pub preset: Preset,
    /// The network.
    pub network: Spec,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            protocol: Protocol::NovelClasses,
            way: 5,
            shot: 5,
            query: 5,
            train_way: 12,
            train_shot: 2,
            train_query: 2,
            train_share: 1.0,
            mix_share: 0.3,
            validate_on: ValidateOn::Mix,
            episodes: 1000,
            seed: 1,
            learning_rate: 2e-3,
            warmup: 0.2,
            weight_decay: 1e-4,
            validate_every: 50,
            validation_episodes: 400,
            segment_seconds: 3.0,
            hop_seconds: 1.0,
            max_seconds: MAX_SECONDS,
            engine: "auto".into(),
            from: None,
            augment: Augment {
                stretch: 0.1,
                shift: 2,
                gain_db: 6.0,
                tilt_db: 6.0,
                band_masks: 1,
                band_mask: 10,
                frame_masks: 1,
                frame_mask: 16,
                noise: 0.05,
            },
            shifts: None,
            teacher: None,
            sparsity: None,
            geometry: None,
            optimizer: AdamW::default(),
            learner: Learner::default(),
            preset: Preset::gamaka(),
            network: Spec::default(),
        }
    }
}

impl TrainConfig {
    /// Episodes of a training.
    pub const EPISODES: RangeInclusive<usize> = 1..=10_000_000;
    /// Most episodes that a score is made of: all of them are held in memory.
    pub const MOST_SCORED: usize = 1_000_000;
    /// Largest seed: whole numbers in TOML end there.
    pub const LARGEST_SEED: u64 = i64::MAX as u64;
    /// Longest time there may be, in seconds: eleven days.
    pub const MOST_SECONDS: f64 = 1e6;

    /// Reads a configuration from TOML.
    ///
    /// # Errors
    /// [`SettingsError`] with the place of the mistake.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        toml::from_str(text).map_err(|e| SettingsError(e.to_string()))
    }

    /// The configuration as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|e| unreachable!("a configuration is plain data: {e}"))
    }

    /// Length and hop of a segment in frames.
    pub fn segment(&self) -> SegmentShape {
        SegmentShape::from_seconds(&self.preset, self.segment_seconds, self.hop_seconds)
    }

    /// How files are heard.
    pub fn hearing(&self, strict: bool) -> Hearing {
        Hearing {
            preset: self.preset.clone(),
            max_seconds: self.max_seconds,
            strict,
        }
    }

    /// With segments of another length. A mask of frames hides at most half of a short one.
    pub fn with_segment(mut self, seconds: f64) -> Self {
        self.segment_seconds = seconds;
        let half = word(self.segment().frames() / 2);
        self.augment.frame_mask = self.augment.frame_mask.min(half);
        self
    }

    /// Which engine computes mel frames.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn engine(&self) -> Result<EngineChoice, SettingsError> {
        self.engine.parse().map_err(SettingsError)
    }

    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`SettingsError`] naming the first that does not.
    pub fn validate(&self) -> Result<(), SettingsError> {
        // First, because the length of a segment depends on it.
        self.preset
            .validate_for_network()
            .map_err(|e| SettingsError(e.to_string()))?;
        let scored = 2..=Self::MOST_SCORED;
        for (name, number, range) in [
            ("way", self.way, WAYS),
            ("shot", self.shot, SHOTS),
            ("query", self.query, SHOTS),
            ("train_way", self.train_way, WAYS),
            ("train_shot", self.train_shot, SHOTS),
            ("train_query", self.train_query, SHOTS),
            ("episodes", self.episodes, Self::EPISODES),
            ("validate_every", self.validate_every, Self::EPISODES),
            ("validation_episodes", self.validation_episodes, scored),
        ] {
            let ends = format!("from {} to {}", range.start(), range.end());
            must_be(name, number, range.contains(&number), ends)?;
        }
        let most = Self::MOST_SECONDS;
        for (name, value) in [
            ("segment_seconds", self.segment_seconds),
            ("hop_seconds", self.hop_seconds),
            ("max_seconds", self.max_seconds),
        ] {
            let ends = format!("above 0 and at most {most}");
            must_be(name, value, value > 0.0 && value <= most, ends)?;
        }
        let most = Self::LARGEST_SEED;
        let ends = format!("at most {most}");
        must_be("seed", self.seed, self.seed <= most, ends)?;
        let longest = SegmentShape::seconds(&self.preset, SegmentShape::MOST_FRAMES);
        let seconds = self.segment_seconds;
        let ends = format!("at most {longest:.0} with this preset");
        must_be("segment_seconds", seconds, seconds <= longest, ends)?;
        let rate = self.learning_rate;
        let holds = rate.is_finite() && rate >= 0.0;
        must_be("learning_rate", rate, holds, "0 or more")?;
        let above_zero = |share: f64| share > 0.0 && share <= 1.0;
        let share = self.train_share;
        let ends = "above 0 and at most 1";
        must_be("train_share", share, above_zero(share), ends)?;
        for (name, share) in [("warmup", self.warmup), ("mix_share", self.mix_share)] {
            let holds = (0.0..=1.0).contains(&share);
            must_be(name, share, holds, "between 0 and 1")?;
        }
        let augment = &self.augment;
        for (name, value) in [
            ("weight_decay", self.weight_decay),
            ("augment.gain_db", augment.gain_db),
            ("augment.tilt_db", augment.tilt_db),
            ("augment.noise", augment.noise),
        ] {
            let holds = value.is_finite() && value >= 0.0;
            must_be(name, value, holds, "0 or more")?;
        }
        let AdamW {
            beta1,
            beta2,
            epsilon,
            clip,
        } = self.optimizer;
        let betas = [beta1, beta2].iter().all(|beta| (0.0..1.0).contains(beta));
        let others = [epsilon, clip];
        ensure(
            betas && others.iter().all(|value| value.is_finite() && *value > 0.0),
            "optimizer: beta1 and beta2 must be 0 or more and less than 1, epsilon and clip above 0",
        )?;
        let (stretch, below_one) = (augment.stretch, "0 or more and less than 1");
        let holds = (0.0..1.0).contains(&stretch);
        must_be("augment.stretch", stretch, holds, below_one)?;
        let bands = word(self.preset.n_mels);
        let frames = self.segment().frames();
        let bands_fit = augment.band_mask <= bands && augment.shift <= bands;
        ensure(
            bands_fit && augment.frame_mask as usize <= frames,
            "augment: masks and shifts must fit the segment's bands and frames",
        )?;
        ensure(
            augment.band_masks <= 16 && augment.frame_masks <= 16,
            "augment: at most 16 masks of a kind",
        )?;
        if let Some(shifts) = &self.shifts {
            shifts.validate()?;
        }
        self.learner.validate()?;
        if let Some(teacher) = &self.teacher {
            teacher.validate(self.learner.method)?;
        }
        if let Some(sparsity) = &self.sparsity {
            sparsity.validate()?;
        }
        if let Some(Geometry { shrinkage, teacher }) = self.geometry {
            let holds = above_zero(shrinkage);
            must_be("geometry.shrinkage", shrinkage, holds, ends)?;
            let holds = (0.0..1.0).contains(&teacher);
            must_be("geometry.teacher", teacher, holds, below_one)?;
            let keeps = self.teacher.as_ref().is_some_and(|t| t.keep_read_out);
            let linear = matches!(self.network.layers.last(), Some(LayerSpec::Linear(_)));
            ensure(
                !keeps && linear && self.learner.method == Method::Prototype,
                "geometry goes with the learner prototype and a network whose last layer is linear, without a read-out that the model keeps",
            )?;
        }
        self.engine()?;
        Ok(())
    }

    /// The network that is trained, on this preset's bands and these segments.
    ///
    /// # Errors
    /// [`ModelError`] if the spec is not valid or does not fit.
    pub fn network(&self) -> Result<Network, ModelError> {
        let input = [self.preset.n_mels, self.segment().frames()];
        Network::new(self.network.clone(), input)
    }

    /// What is trained: the network, with the read-out behind it if there is a teacher.
    ///
    /// # Errors
    /// [`SettingsError`] if the read-out does not fit the network.
    pub fn with_read_out(&self, network: &Network) -> Result<Network, SettingsError> {
        let Some(teacher) = &self.teacher else {
            return Ok(network.clone());
        };
        if self.imitates() {
            return Ok(network.clone());
        }
        let whole = network.followed_by(&teacher.readout).map_err(|error| {
            SettingsError(format!(
                "teacher.readout does not fit behind the network, which has {} layers: {error}",
                network.spec.layers.len()
            ))
        })?;
        let wanted = teacher.readout.last().and_then(LayerSpec::channels);
        if wanted != Some(whole.width()) {
            return Err(SettingsError(format!(
                "teacher.readout makes {} values of an embedding, and the teacher's vectors have {}: end it in linear or kan_linear",
                whole.width(),
                wanted.unwrap_or(0)
            )));
        }
        Ok(whole)
    }

    /// The task that a validation and a test ask.
    pub fn task(&self) -> Task {
        Task::new(self.way, self.shot, self.query)
    }

    /// The task of training episodes on `classes` classes.
    pub fn train_task(&self, classes: usize) -> Task {
        let way = self.train_way.min(classes);
        let train = Task::new(way, self.train_shot, self.train_query);
        match train.files() <= self.task().files() {
            true => train,
            // The split guarantees as many files as the task needs, and no more.
            false => Task { way, ..self.task() },
        }
    }

    /// Whether a teacher is all that trains: no episodes are drawn.
    pub(crate) fn taught_alone(&self) -> bool {
        let teacher = self.teacher.as_ref();
        teacher.is_some_and(|teacher| teacher.episode_weight == 0.0)
    }

    /// Whether the embeddings themselves are what a teacher's vectors are predicted by: they are those of a model that the
    /// network is to do as, and there is no read-out.
    pub(crate) fn imitates(&self) -> bool {
        let teacher = self.teacher.as_ref();
        teacher.is_some_and(|teacher| teacher.readout.is_empty())
    }

    /// By how much a group lasso shortens the weights of an edge in a step.
    pub fn threshold(&self, step: usize) -> f64 {
        let share = step as f64 / self.episodes as f64;
        let strength = self.sparsity.map_or(0.0, |s| s.strength_at(share));
        strength * self.learning_rate(step)
    }

    /// Whether a step's episode is drawn from the collection mixed in.
    pub(crate) fn takes_mix(&self, step: usize) -> bool {
        Stream::new(self.seed, "mix", step as u64).unit() < self.mix_share
    }

    /// Altered copies of each training file. A teacher's rows are of the files themselves, so where it alone trains there are
    /// none.
    pub(crate) fn copies(&self) -> usize {
        match &self.shifts {
            Some(shifts) if !self.taught_alone() => shifts.copies,
            _ => 0,
        }
    }

    /// For each of the clips of a step's episode the version of its file that it is cut from: 0 is the file itself.
    pub(crate) fn versions(&self, step: usize, clips: usize) -> Vec<usize> {
        match &self.shifts {
            Some(shifts) => shifts.versions(self.seed, step, clips),
            None => vec![0; clips],
        }
    }

    /// Learning rate of a step: a linear rise, then half a cosine down to a hundredth.
    pub fn learning_rate(&self, step: usize) -> f64 {
        let rise = (self.warmup * self.episodes as f64).max(1.0);
        let done = step as f64 + 1.0;
        if done <= rise {
            return self.learning_rate * done / rise;
        }
        let share = (done - rise) / (self.episodes as f64 - rise).max(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * share.min(1.0)).cos());
        self.learning_rate * (0.01 + 0.99 * cosine)
    }
}

#[cfg(test)]
mod tests;
