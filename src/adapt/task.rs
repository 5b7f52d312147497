//! Classification by adapting the whole network to the supports of a task.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::inner_loop::InnerLoop;
use crate::data::Task;
use crate::fewshot::{EpisodeError, EpisodeSampler};
use crate::gpu::{BufferRole, Gpu, GpuError, Plan, Program, Tensor};
use crate::model::Network;
use crate::ops;
use crate::score::Interval;
use crate::settings::Learner;

/// What a network reaches that adapts body and head.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdaptedAccuracy {
    /// Episodes.
    pub episodes: usize,
    /// Mean accuracy over them.
    pub accuracy: f64,
    /// Its 95 % interval over episodes of the same files.
    pub over_episodes: Interval,
}

/// At most `count` of a file's segments, evenly spread.
fn evenly(segments: Vec<Vec<f32>>, count: usize) -> Vec<Vec<f32>> {
    let all = segments.len();
    if all <= count {
        return segments;
    }
    (0..count)
        .map(|k| segments[k * all / count].clone())
        .collect()
}

/// A network that adapts body and head to the supports of a task by inner steps, as MAML and Reptile train
/// it to, and then classifies queries. All happens in one run of a plan; noise and dropout do nothing. Threads may share
/// it: one task follows the other.
#[derive(Debug)]
pub struct TaskAdapter {
    // A task is written, run and read as a whole.
    program: Mutex<Program>,
    parameters: Tensor,
    /// For each inner step the supports, class by class, [way * shot, 1, bands, frames].
    support: Vec<Tensor>,
    /// Batches of the queries' segments, [way * query, 1, bands, frames] each.
    query: Vec<Tensor>,
    /// Mean over the batches, [way * query, way, 1, 1].
    distance: Tensor,
    way: usize,
    shot: usize,
}

impl TaskAdapter {
    /// Compiles tasks of files whose first
    /// `segments` segments answer for a query. Of the learner the method is not asked: body and head adapt.
    ///
    /// # Errors
    /// [`GpuError`]: it does not fit, or a fault of the device.
    ///
    /// # Panics
    /// If `segments` or the learner's steps are 0: a bug in the caller.
    pub fn new(
        gpu: &Gpu,
        network: &Network,
        learner: &Learner,
        Task { way, shot, query }: Task,
        segments: usize,
    ) -> Result<Self, GpuError> {
        assert!(learner.steps > 0 && segments > 0);
        let [bands, frames] = network.input;
        let mut plan = Plan::new(gpu.tuning());
        let flat = [1, 1, 1, network.flat_len()];
        let parameters = plan.tensor("parameters", flat, BufferRole::State);
        let grad = plan.tensor("gradients", flat, BufferRole::State);
        let mut inputs = |label: &str, count: usize, clips: usize| -> Vec<Tensor> {
            (0..count)
                .map(|k| {
                    let shape = [clips, 1, bands, frames];
                    plan.tensor(format!("{label} {k}"), shape, BufferRole::Input)
                })
                .collect()
        };
        let support = inputs("supports", learner.steps, way * shot);
        let queries = inputs("queries", segments, way * query);
        let inner = InnerLoop {
            network,
            learner: *learner,
            way,
            grad,
            step: None,
        };
        let mut adapted = InnerLoop::start(parameters);
        for &clips in &support {
            (adapted, _) = inner.adapt(&mut plan, &adapted, clips);
        }
        let mut distance = inner.distances(&mut plan, &adapted, queries[0]);
        for (done, &clips) in (1u16..).zip(&queries[1..]) {
            let next = inner.distances(&mut plan, &adapted, clips);
            let mean = plan.tensor("mean distances", next.shape, BufferRole::Scratch);
            let share = 1.0 / (f32::from(done) + 1.0);
            ops::weighted_sum(&mut plan, [1.0 - share, share], [distance, next], mean);
            distance = mean;
        }
        plan.keep(distance);
        plan.share_scratch();
        Ok(Self {
            program: Mutex::new(Program::new(gpu, plan)?),
            parameters,
            support,
            query: queries,
            distance,
            way,
            shot,
        })
    }

    /// The class of each query, a number below `way`: that of the least mean distance.
    ///
    /// `parameters` are the trained ones (flat layout). `support` has the files of each class, `query` the
    /// files to classify, in any order, as many as the adapter was made for. A file is its segments, at
    /// least one, each a clip band-major `[bands][frames]`. Inner step k learns from segment k of each
    /// support and batch k asks for segment k of each query, modulo the file's segments: the caller chooses
    /// which segments come first.
    ///
    /// # Errors
    /// A fault of the device.
    ///
    /// # Panics
    /// If there are not as many files as the adapter was made for, or a file has no segment: a bug in the
    /// caller.
    pub fn classify(
        &self,
        parameters: &[f32],
        support: &[Vec<&[Vec<f32>]>],
        query: &[&[Vec<f32>]],
    ) -> Result<Vec<usize>, GpuError> {
        let distances = self.distances(parameters, support, query)?;
        Ok(distances
            .chunks(self.way)
            .map(|row| {
                let least = row.iter().copied().fold(f32::INFINITY, f32::min);
                row.iter().position(|&d| d == least).unwrap_or(0)
            })
            .collect())
    }

    /// What [`Self::classify`] decides by: mean distances, minus logits, [queries, way].
    ///
    /// # Errors
    /// A fault of the device.
    ///
    /// # Panics
    /// As [`Self::classify`].
    pub fn distances(
        &self,
        parameters: &[f32],
        support: &[Vec<&[Vec<f32>]>],
        query: &[&[Vec<f32>]],
    ) -> Result<Vec<f32>, GpuError> {
        assert_eq!(support.len(), self.way, "classes");
        assert!(support.iter().all(|files| files.len() == self.shot));
        let support: Vec<&[Vec<f32>]> = support.iter().flatten().copied().collect();
        let program = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        program.write(self.parameters, parameters);
        write(&program, &self.support, &support);
        write(&program, &self.query, query);
        program.run()?;
        program.read(self.distance)
    }

    /// The accuracy of episodes. `segments` gives all segments of a file; as many as the adapter looks at are taken,
    /// evenly over the file.
    ///
    /// # Errors
    /// A fault of the device, no such episodes, or what `segments` fails with.
    pub fn accuracy<E: From<GpuError> + From<EpisodeError>>(
        &self,
        parameters: &[f32],
        sampler: &EpisodeSampler,
        episodes: usize,
        seed: u64,
        segments: impl Fn(usize) -> Result<Vec<Vec<f32>>, E>,
    ) -> Result<AdaptedAccuracy, E> {
        let most = self.support.len().max(self.query.len());
        let spread = |files: &[usize]| -> Result<Vec<Vec<Vec<f32>>>, E> {
            let of = |&file: &usize| Ok(evenly(segments(file)?, most));
            files.iter().map(of).collect()
        };
        let mut accuracies = Vec::new();
        for index in 0..episodes as u64 {
            let episode = sampler.sample(seed, index)?;
            let support = episode
                .support
                .iter()
                .map(|files| spread(files))
                .collect::<Result<Vec<_>, E>>()?;
            let support: Vec<Vec<&[Vec<f32>]>> = support
                .iter()
                .map(|files| files.iter().map(Vec::as_slice).collect())
                .collect();
            let query = spread(&episode.query.concat())?;
            let query: Vec<&[Vec<f32>]> = query.iter().map(Vec::as_slice).collect();
            let found = self.classify(parameters, &support, &query)?;
            let a_class = query.len() / self.way;
            let right = found
                .iter()
                .enumerate()
                .filter(|(k, class)| k / a_class == **class);
            accuracies.push(right.count() as f64 / query.len() as f64);
        }
        Ok(AdaptedAccuracy {
            episodes,
            accuracy: accuracies.iter().sum::<f64>() / accuracies.len().max(1) as f64,
            over_episodes: Interval::over_episodes(&accuracies, 0.95),
        })
    }
}

/// Batch k gets segment k of each file.
fn write(program: &Program, batches: &[Tensor], files: &[&[Vec<f32>]]) {
    for (k, &batch) in batches.iter().enumerate() {
        assert_eq!(files.len(), batch.shape[0], "files");
        let clip_len = batch.len() / files.len();
        for (place, segments) in files.iter().enumerate() {
            let clip = &segments[k % segments.len()];
            program.write_at(batch, place * clip_len, clip);
        }
    }
}
