//! Kernels of a few-shot episode.

use super::append::{alone, each, limit_turns};
use super::optimizer::note_overrides;
use super::sizes::{product, quotient, width};
use super::tiles::{UNROLLED, tiles};
use crate::gpu::{Plan, Tensor, workgroups};

/// What the host sends before each training step; `Step` in `shaders/shared/step.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct StepInfo {
    /// Seed of the run.
    pub seed: u32,
    /// Number of the step, from 0.
    pub step: u32,
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// By how much a group lasso shortens an edge in this step; 0 without one.
    pub threshold: f32,
}

/// How training clips are varied. All zero is no augmentation. The kernel's header tells each.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Reading rate within 1 +- this.
    pub stretch: f32,
    /// Largest shift in bands.
    pub shift: u32,
    /// Largest gain in dB.
    pub gain_db: f32,
    /// Largest tilt across the bands in dB.
    pub tilt_db: f32,
    /// Number of band masks.
    pub band_masks: u32,
    /// Largest width of a band mask.
    pub band_mask: u32,
    /// Number of frame masks.
    pub frame_masks: u32,
    /// Largest width of a frame mask.
    pub frame_mask: u32,
    /// Deviation of the noise.
    pub noise: f32,
}

/// Where frames of which a clip is cut lie in the clip bank: a file's, or a window of it. `Slot` in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Slot {
    /// Which buffer of the bank.
    pub bank: u32,
    /// Element of the first frame in band 0.
    pub first: u32,
    /// Frames from there to the end of the file, at least 1.
    pub frames: u32,
    /// Elements from a band to the next: the frames of the whole file.
    pub stride: u32,
    /// Of these frames those among which the clip lies, 1 to `frames`.
    pub window: u32,
}

impl Slot {
    /// Words of a slot.
    pub const WORDS: usize = size_of::<Self>() / 4;

    /// A whole file of so many frames, from element `first` of buffer `bank` on.
    pub fn file(bank: u32, first: u32, frames: u32) -> Self {
        Self {
            bank,
            first,
            frames,
            stride: frames,
            window: frames,
        }
    }

    /// Frames `from` to `to` of a file. What lies behind them may be read too where a clip is read at a quick rate.
    ///
    /// # Panics
    /// If they are none, or not all of the file: a bug in the caller.
    pub fn window(self, from: u32, to: u32) -> Self {
        assert!(from < to && to <= self.frames, "{from} to {to} of {self:?}");
        Self {
            first: self.first.saturating_add(from),
            frames: self.frames.saturating_sub(from),
            window: to.saturating_sub(from),
            ..self
        }
    }
}

/// clips = augmented crops of the slots whose file lies in buffer `index` of the bank.
/// `clips` is [clips, 1, bands, frames].
pub fn clip_gather(
    plan: &mut Plan,
    augment: &Augment,
    index: usize,
    bank: Tensor,
    slots: Tensor,
    step: Tensor,
    clips: Tensor,
) {
    let [count, _, bands, frames] = clips.shape;
    let overrides = [
        ("CLIPS", count as f64),
        ("BANDS", bands as f64),
        ("FRAMES", frames as f64),
        ("BANK", index as f64),
        ("STRETCH", f64::from(augment.stretch)),
        ("SHIFT", f64::from(augment.shift)),
        ("GAIN_DB", f64::from(augment.gain_db)),
        ("TILT_DB", f64::from(augment.tilt_db)),
        ("BAND_MASKS", f64::from(augment.band_masks)),
        ("BAND_MASK", f64::from(augment.band_mask)),
        ("FRAME_MASKS", f64::from(augment.frame_masks)),
        ("FRAME_MASK", f64::from(augment.frame_mask)),
        ("NOISE", f64::from(augment.noise)),
    ];
    each(
        plan,
        "clip_gather",
        &overrides,
        &[bank, slots, step, clips],
        clips.len(),
    );
}

/// Where rows of elements lie in a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsAt {
    /// First element of the first row.
    pub first: usize,
    /// Elements from the beginning of a row to that of the next.
    pub stride: usize,
}

/// Copies `rows` rows of `size` elements each from their places in x to theirs in y; the rest of y stays.
pub fn copy_rows(
    plan: &mut Plan,
    [rows, size]: [usize; 2],
    (x, from): (Tensor, RowsAt),
    (y, to): (Tensor, RowsAt),
) {
    let overrides = [
        ("ROWS", rows),
        ("SIZE", size),
        ("FROM_FIRST", from.first),
        ("FROM_STRIDE", from.stride),
        ("TO_FIRST", to.first),
        ("TO_STRIDE", to.stride),
    ]
    .map(|(name, value)| (name, value as f64));
    each(
        plan,
        "copy_rows",
        &overrides,
        &[x, y],
        product(&[rows, size]),
    );
}

/// statistics [width + 1] of embeddings [rows, width, 1, 1]: their mean, and one over their mean deviation if
/// `scaled`, else 1.
pub fn row_statistics(plan: &mut Plan, scaled: bool, embedding: Tensor, statistics: Tensor) {
    let [rows, width, ..] = embedding.shape;
    let overrides = [
        ("ROWS", rows as f64),
        ("WIDTH", width as f64),
        ("SCALED", f64::from(u8::from(scaled))),
    ];
    let turns = rows
        .div_ceil(UNROLLED)
        .saturating_mul(2)
        .saturating_add(1)
        .saturating_mul(width);
    let bindings = [embedding, statistics];
    alone(plan, "row_statistics", &overrides, &bindings, turns);
}

/// y = embeddings [rows, width, 1, 1] less the statistics' mean if `centred`, scaled by them.
pub fn standardise_rows(
    plan: &mut Plan,
    centred: bool,
    embedding: Tensor,
    statistics: Tensor,
    y: Tensor,
) {
    let [rows, width, ..] = embedding.shape;
    let overrides = [
        ("ROWS", rows as f64),
        ("WIDTH", width as f64),
        ("CENTRED", f64::from(u8::from(centred))),
    ];
    let bindings = [embedding, statistics, y];
    each(plan, "standardise_rows", &overrides, &bindings, y.len());
}

/// How far a query is from a prototype. The discriminant is the kernel's `METRIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// Squared Euclidean distance.
    #[default]
    Euclidean = 0,
    /// One minus the cosine.
    Cosine = 1,
}

/// The shape of an episode on the GPU. Embeddings are class by class: all supports, then all queries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpisodeShape {
    /// Classes.
    pub way: usize,
    /// Supports a class.
    pub shot: usize,
    /// Queries a class.
    pub query: usize,
    /// Length of an embedding.
    pub width: usize,
    /// The distance.
    pub distance: Distance,
    /// Logits are minus this times the distance.
    pub scale: f32,
}

impl EpisodeShape {
    /// Number of supports.
    pub fn supports(&self) -> usize {
        product(&[self.way, self.shot])
    }

    /// Number of queries.
    pub fn queries(&self) -> usize {
        product(&[self.way, self.query])
    }

    /// Number of clips.
    pub fn clips(&self) -> usize {
        self.supports().saturating_add(self.queries())
    }
}

/// prototype = mean embedding of each class's shots, [way, width].
pub fn prototype_forward(
    plan: &mut Plan,
    shape: &EpisodeShape,
    embedding: Tensor,
    prototype: Tensor,
) {
    let overrides = [
        ("WAY", shape.way as f64),
        ("SHOT", shape.shot as f64),
        ("WIDTH", shape.width as f64),
    ];
    limit_turns(plan, "prototype_forward", shape.shot);
    each(
        plan,
        "prototype_forward",
        &overrides,
        &[embedding, prototype],
        prototype.len(),
    );
}

/// distance [queries, way] of the queries, which come behind `supports` rows of embedding [any, width], to prototype
/// [way, width], and the inner products [queries, way, 3] that its gradients need.
pub fn distance_forward(
    plan: &mut Plan,
    metric: Distance,
    supports: usize,
    [embedding, prototype]: [Tensor; 2],
    distance: Tensor,
    products: Tensor,
) {
    let [way, length, ..] = prototype.shape;
    let queries = quotient(distance.len(), way);
    let (tile, few) = (tiles(plan).distance_prototypes, width(length));
    let overrides = [
        ("SUPPORTS", supports),
        ("QUERIES", queries),
        ("WAY", way),
        ("LENGTH", length),
        ("WIDTH", few),
        ("METRIC", metric as usize),
        ("TILE_C", tile),
    ]
    .map(|(name, value)| (name, value as f64));
    let turns = product(&[quotient(length, few), tile.saturating_add(1)]);
    limit_turns(plan, "distance_forward", turns.saturating_add(8));
    each(
        plan,
        "distance_forward",
        &overrides,
        &[embedding, prototype, distance, products],
        product(&[queries, way.div_ceil(tile)]),
    );
}

/// score [queries, 2] (loss, correct) and the gradient of the mean loss by distance [queries, way].
pub fn episode_loss(
    plan: &mut Plan,
    shape: &EpisodeShape,
    distance: Tensor,
    score: Tensor,
    grad_distance: Tensor,
) {
    let overrides = [
        ("WAY", shape.way as f64),
        ("QUERY", shape.query as f64),
        ("SCALE", f64::from(shape.scale)),
    ];
    limit_turns(plan, "episode_loss", product(&[shape.way, 3]));
    each(
        plan,
        "episode_loss",
        &overrides,
        &[distance, score, grad_distance],
        shape.queries(),
    );
}

/// grad_embedding from grad_distance: queries directly, supports through their prototypes.
pub fn distance_grad(
    plan: &mut Plan,
    shape: &EpisodeShape,
    embedding: Tensor,
    prototype: Tensor,
    products: Tensor,
    grad_distance: Tensor,
    grad_embedding: Tensor,
) {
    let bindings = [
        embedding,
        prototype,
        products,
        grad_distance,
        grad_embedding,
    ];
    let overrides = [
        ("CLIPS", shape.clips() as f64),
        ("QUERIES", shape.queries() as f64),
        ("WAY", shape.way as f64),
        ("SHOT", shape.shot as f64),
        ("WIDTH", shape.width as f64),
        ("METRIC", shape.distance as u32 as f64),
    ];
    let turns = shape.queries().saturating_add(shape.shot);
    limit_turns(plan, "distance_grad", turns.max(shape.way));
    let rows = shape.queries().saturating_add(shape.way);
    let count = product(&[rows, shape.width]);
    each(plan, "distance_grad", &overrides, &bindings, count);
}

/// Where the target of a row lies; `Place` in `target_gather`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Place {
    /// Which buffer of targets.
    pub bank: u32,
    /// Which of its rows.
    pub row: u32,
}

/// target [rows, width] = the rows of `bank` [any, width], buffer `index` of the targets, whose `places` [rows, 2] name it.
pub fn target_gather(plan: &mut Plan, index: usize, bank: Tensor, places: Tensor, target: Tensor) {
    let [rows, width, ..] = target.shape;
    let overrides = [
        ("ROWS", rows as f64),
        ("WIDTH", width as f64),
        ("BANK", index as f64),
    ];
    let bindings = [bank, places, target];
    each(plan, "target_gather", &overrides, &bindings, target.len());
}

/// score [rows, 2]: the squared error of a prediction [rows, width] plus `cosine` times one minus its cosine with the target,
/// and that cosine. grad = gradient of `weight` times the rows' mean loss by the prediction.
pub fn prediction_loss(
    plan: &mut Plan,
    [cosine, weight]: [f32; 2],
    [prediction, target]: [Tensor; 2],
    score: Tensor,
    grad: Tensor,
) {
    let [rows, width, ..] = prediction.shape;
    let workgroup = tiles(plan).loss_workgroup;
    // Two loops over a row, and the sums of a workgroup.
    let turns = width.div_ceil(workgroup).saturating_mul(2);
    limit_turns(plan, "prediction_loss", turns.saturating_add(12));
    let overrides = [
        ("ROWS", rows as f64),
        ("WIDTH", width as f64),
        ("COSINE", f64::from(cosine)),
        ("WEIGHT", f64::from(weight)),
        ("WORKGROUP", workgroup as f64),
    ];
    let bindings = [prediction, target, score, grad];
    plan.dispatch(
        "prediction_loss",
        &overrides,
        &bindings,
        workgroups(rows, 1),
    );
}

/// Notes (mean of the first score, mean of the second, gradient norm, skipped steps) in row step mod rows of `history`
/// [rows, 4]; `score` has two figures a row: of a query loss and whether it is right, of a teacher's row loss and cosine.
pub fn record_step(plan: &mut Plan, score: Tensor, state: Tensor, step: Tensor, history: Tensor) {
    let overrides = note_overrides(score, history);
    let bindings = [score, state, step, history];
    let scores = score.len() / 2;
    alone(plan, "record_step", &overrides, &bindings, scores);
}
