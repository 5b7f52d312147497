//! A network as a program that embeds clips, and as a plan from samples to embeddings.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::gpu::{AdapterClass, BufferRole, Gpu, GpuError, Plan, Program, Tensor, Tuning};
use crate::mel::{self, MelError, Preset};
use crate::model::{Network, Storage, TapLists, Weights};
use crate::model_file::Model;
use crate::ops;

/// Most files for which kernels that compile quickly are worth their slower run.
const FEW_FILES: usize = 30;

/// A network ready to embed clips, a batch at a time. Threads may share it: one embeds after the other.
#[derive(Debug)]
pub struct Embedder {
    // All batches of a call are written, run and read as a whole.
    program: Mutex<Program>,
    parameters: Tensor,
    /// Whether they are floats, which may be changed.
    floats: bool,
    clips: Tensor,
    embedding: Tensor,
    clip_len: usize,
    width: usize,
}

impl Embedder {
    /// Compiles a network for inference with these parameters (flat layout), which may be changed.
    ///
    /// # Errors
    /// [`GpuError`].
    pub fn new(gpu: &Gpu, network: &Network, parameters: &[f32]) -> Result<Self, GpuError> {
        let taps = TapLists::default();
        Self::compiled(gpu, network, &Storage::Floats, parameters, &taps, false)
    }

    /// A model's, for so many files: for a few, a software rasteriser compiles kernels that it has ready sooner. The
    /// parameters stay, and are kept in as few bits as hold each of them exactly. The embeddings are the same.
    ///
    /// # Errors
    /// [`GpuError`].
    pub fn for_files(gpu: &Gpu, model: &Model, files: usize) -> Result<Self, GpuError> {
        let (network, parameters) = (&model.network, &model.parameters);
        Self::compiled(
            gpu,
            network,
            &model.storage(),
            parameters,
            &network.tap_lists(gpu.class(), parameters),
            files <= FEW_FILES,
        )
    }

    /// As [`Self::new`], with parameters kept in this storage, to which they are rounded; `few` as for [`Self::for_files`] of a
    /// few.
    ///
    /// # Errors
    /// [`GpuError`].
    #[cfg(feature = "internals")]
    pub fn stored(
        gpu: &Gpu,
        network: &Network,
        storage: &Storage,
        parameters: &[f32],
        few: bool,
    ) -> Result<Self, GpuError> {
        let taps = TapLists::default();
        Self::compiled(gpu, network, storage, parameters, &taps, few)
    }

    fn compiled(
        gpu: &Gpu,
        network: &Network,
        storage: &Storage,
        parameters: &[f32],
        taps: &TapLists,
        few: bool,
    ) -> Result<Self, GpuError> {
        let mut plan = Plan::new(gpu.tuning());
        plan.quick = few && gpu.class().is_software();
        let (weights, clips, embedding) =
            append_batch(&mut plan, network, storage, taps, batch(gpu.class()));
        let [bands, frames] = network.input;
        let program = Program::new(gpu, plan)?;
        program.write(weights, &storage.words(parameters));
        Ok(Self {
            program: Mutex::new(program),
            parameters: weights,
            floats: *storage == Storage::Floats,
            clips,
            embedding,
            clip_len: bands * frames,
            width: network.width(),
        })
    }

    /// Changes the parameters, for all threads that share it; what another thread is embedding keeps the old ones.
    ///
    /// # Panics
    /// If it does not keep floats: a bug in the caller, who wants [`Self::new`].
    pub fn set_parameters(&self, parameters: &[f32]) {
        assert!(self.floats, "only an embedder of floats is given others");
        self.program().write(self.parameters, parameters);
    }

    fn program(&self) -> MutexGuard<'_, Program> {
        self.program.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Length of an embedding.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Clips that it takes at a time.
    pub fn batch(&self) -> usize {
        self.clips.shape[0]
    }

    /// Whether it runs on the cores of the processor.
    pub fn shares_cores(&self) -> bool {
        self.program().gpu().class().is_software()
    }

    /// Device memory in bytes of its parameters.
    #[cfg(feature = "internals")]
    pub fn parameter_bytes(&self) -> u64 {
        self.program().plan().info(self.parameters).bytes()
    }

    /// Device memory in bytes that a network's embedder takes.
    pub fn bytes(tuning: impl Into<Tuning>, network: &Network) -> u64 {
        let tuning = tuning.into();
        let clips = batch(tuning.class);
        inference(tuning, network, clips).0.bytes()
    }

    /// Embeds clips, band-major `[bands][frames]` each; any number of them.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn embed(&self, clips: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, GpuError> {
        let program = self.program();
        let mut embeddings = Vec::with_capacity(clips.len());
        for batch in clips.chunks(self.batch()) {
            for (k, clip) in batch.iter().enumerate() {
                program.write_at(self.clips, k * self.clip_len, clip);
            }
            program.run()?;
            let all: Vec<f32> = program.read(self.embedding)?;
            embeddings.extend(
                all.chunks(self.width)
                    .take(batch.len())
                    .map(<[f32]>::to_vec),
            );
        }
        Ok(embeddings)
    }
}

/// Clips that an [`Embedder`] takes at a time.
pub(crate) fn batch(class: AdapterClass) -> usize {
    match class.is_software() {
        true => 16,
        false => 128,
    }
}

/// The plan of a batch's embedding: parameters and clips in, embeddings out.
pub fn inference(
    tuning: impl Into<Tuning>,
    network: &Network,
    batch: usize,
) -> (Plan, [Tensor; 3]) {
    inference_by(
        tuning,
        network,
        &Storage::Floats,
        &TapLists::default(),
        batch,
    )
}

/// The same with parameters that are kept so and that these lists were made of.
pub fn inference_by(
    tuning: impl Into<Tuning>,
    network: &Network,
    storage: &Storage,
    taps: &TapLists,
    batch: usize,
) -> (Plan, [Tensor; 3]) {
    let mut plan = Plan::new(tuning);
    let tensors = append_batch(&mut plan, network, storage, taps, batch);
    (plan, tensors.into())
}

/// Completes the plan of a batch's embedding: its parameters, clips and embeddings.
fn append_batch(
    plan: &mut Plan,
    network: &Network,
    storage: &Storage,
    taps: &TapLists,
    batch: usize,
) -> (Tensor, Tensor, Tensor) {
    let [bands, frames] = network.input;
    let weights = storage.weights(plan, network.flat_len());
    let clips = plan.tensor("clips", [batch, 1, bands, frames], BufferRole::Input);
    let embedding = append(plan, network, weights, taps, clips);
    (weights.tensor(), clips, embedding)
}

/// Appends a network's forward, and completes the plan with it: its port `embedding`.
fn append(
    plan: &mut Plan,
    network: &Network,
    weights: Weights,
    taps: &TapLists,
    clips: Tensor,
) -> Tensor {
    let embedding = network
        .forward_by_taps(plan, weights, clips, taps)
        .embedding;
    plan.keep(embedding);
    plan.name_port("embedding", embedding);
    plan.share_scratch();
    embedding
}

impl Model {
    /// One plan from samples to embeddings: mel frames, their compression, the network. Its ports are
    ///
    /// * `samples`, [clips, 1, 1, length], mono at the preset's rate: each clip's, beginning half a window (`n_fft / 2`) before
    ///   the middle of its first frame; `length` is `n_fft` and a hop for each frame but the first;
    /// * `absent`, words [clips, 1, 1, 1]: how many of the last frames of each clip are silence, because its sound ends before
    ///   them; a window that begins behind the end may still reach back into it;
    /// * `parameters`, the words that come with the plan;
    /// * `embedding`, [clips, width, 1, 1];
    /// * `clips`, [clips, 1, bands, frames], what the network heard: log-compressed mel frames.
    ///
    /// Written as JSON and run from that and the WGSL files alone it gives the same embeddings.
    ///
    /// # Errors
    /// [`MelError::TransformLength`] for a preset whose Fourier transform the kernels cannot do.
    pub fn plan(
        &self,
        tuning: impl Into<Tuning>,
        clips: usize,
    ) -> Result<(Plan, Vec<u32>), MelError> {
        let (storage, tuning) = (self.storage(), tuning.into());
        let taps = self.network.tap_lists(tuning.class, &self.parameters);
        let plan = samples_plan(
            tuning,
            &self.info.preset,
            &self.network,
            &storage,
            &taps,
            clips,
        )?;
        Ok((plan, storage.words(&self.parameters)))
    }
}

fn samples_plan(
    tuning: Tuning,
    preset: &Preset,
    network: &Network,
    storage: &Storage,
    taps: &TapLists,
    clips: usize,
) -> Result<Plan, MelError> {
    let [_, frames] = network.input;
    let mut plan = Plan::new(tuning);
    let weights = storage.weights(&mut plan, network.flat_len());
    let samples = [clips, 1, 1, mel::samples_of(preset, frames)];
    let samples = plan.tensor("samples", samples, BufferRole::Input);
    plan.name_port("samples", samples);
    let power = mel::append(&mut plan, preset, samples, frames)?;
    let clips = plan.tensor("clips", power.shape, BufferRole::Output);
    plan.name_port("clips", clips);
    ops::log_compress(&mut plan, preset.compression_gain, power, clips);
    let absent = plan.words("absent", [clips.shape[0], 1, 1, 1], BufferRole::Input);
    plan.name_port("absent", absent);
    ops::silence_absent(&mut plan, absent, clips);
    append(&mut plan, network, weights, taps, clips);
    Ok(plan)
}
