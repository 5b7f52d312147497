//! The nearest of very many embeddings: a device holds them all, and one submission has the distances of a few queries to
//! every one.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::gpu::{AdapterClass, BufferRole, Gpu, GpuError, Plan, Program, Tensor};
use crate::ops::{self, Distance, product};

/// Values sent to a device at a time.
const SENT_AT_ONCE: usize = 1 << 22;

/// Embeddings of one length on a device. They lie in as many buffers as WebGPU's default limits ask for.
#[derive(Debug)]
pub struct Search {
    program: Program,
    queries: Tensor,
    /// Of each buffer of embeddings, the distances to it: [queries, rows].
    distances: Vec<Tensor>,
}

/// An embedding that was found, ordered by its distance, then by its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Its place among all.
    pub index: usize,
    /// Its distance to the query; infinite where it cannot be told.
    pub distance: f32,
}

impl Eq for Neighbour {}

impl Ord for Neighbour {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_distance = self.distance.total_cmp(&other.distance);
        by_distance.then(self.index.cmp(&other.index))
    }
}

impl PartialOrd for Neighbour {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Search {
    /// Sends embeddings [rows, width] to a device, to be compared with as many as `at_once` queries at a time.
    ///
    /// # Errors
    /// [`GpuError`]: they do not fit the device, or it failed.
    ///
    /// # Panics
    /// If `width` or `at_once` is 0, or a row is not whole: a bug in the caller.
    pub fn new(
        gpu: &Gpu,
        distance: Distance,
        width: usize,
        embeddings: &[f32],
        at_once: usize,
    ) -> Result<Self, GpuError> {
        assert!(width > 0 && at_once > 0 && embeddings.len().is_multiple_of(width));
        let most = usize::try_from(gpu.limits().max_storage_buffer_binding_size / 4);
        let shape = [embeddings.len() / width, width];
        let layout = Layout::new(
            gpu.class(),
            distance,
            shape,
            at_once,
            most.unwrap_or(usize::MAX),
        );
        let Layout {
            plan,
            queries,
            parts,
        } = layout;
        let program = Program::new(gpu, plan)?;
        let mut left = embeddings;
        for (part, _) in &parts {
            let (own, rest) = left.split_at(part.len());
            for (k, values) in own.chunks(SENT_AT_ONCE).enumerate() {
                program.write_at(*part, k * SENT_AT_ONCE, values);
                gpu.send()?;
            }
            left = rest;
        }
        Ok(Self {
            program,
            queries,
            distances: parts.into_iter().map(|(_, distances)| distances).collect(),
        })
    }

    /// Embeddings that it has.
    pub fn rows(&self) -> usize {
        self.distances.iter().map(|part| part.shape[3]).sum()
    }

    /// Distances of some queries [any, width] to all embeddings: a row for each query.
    ///
    /// # Errors
    /// A fault of the device.
    ///
    /// # Panics
    /// If a query is not whole: a bug in the caller.
    pub fn distances(&self, queries: &[f32]) -> Result<Vec<Vec<f32>>, GpuError> {
        let [at_once, width, ..] = self.queries.shape;
        assert!(queries.len().is_multiple_of(width));
        let mut all = Vec::with_capacity(queries.len() / width);
        for some in queries.chunks(at_once * width) {
            self.program.write(self.queries, some);
            self.program.run()?;
            let count = some.len() / width;
            let mut rows = vec![Vec::with_capacity(self.rows()); count];
            for part in &self.distances {
                let found: Vec<f32> = self.program.read(*part)?;
                for (row, found) in rows.iter_mut().zip(found.chunks(part.shape[3])) {
                    row.extend(found);
                }
            }
            all.extend(rows);
        }
        Ok(all)
    }

    /// The `count` embeddings nearest to a query, nearest first, fewer if there are not so many; of equal ones those that come
    /// first.
    ///
    /// # Errors
    /// A fault of the device.
    ///
    /// # Panics
    /// If the query is not of the embeddings' length: a bug in the caller.
    pub fn nearest(&self, query: &[f32], count: usize) -> Result<Vec<Neighbour>, GpuError> {
        assert_eq!(query.len(), self.queries.shape[1]);
        let distances = self.distances(query)?;
        let found = distances.iter().flatten().copied().enumerate();
        Ok(nearest(found, count))
    }
}

/// A search as a plan.
struct Layout {
    plan: Plan,
    queries: Tensor,
    /// Embeddings [rows, width], and the distances to them.
    parts: Vec<(Tensor, Tensor)>,
}

impl Layout {
    /// For embeddings of `shape` = [rows, width], in parts of which no tensor has more than `most` values.
    fn new(
        class: AdapterClass,
        distance: Distance,
        [rows, width]: [usize; 2],
        at_once: usize,
        most: usize,
    ) -> Self {
        // What a row takes: its own values, or the inner products that the kernel leaves behind.
        let rows_each = (most / width.max(product(&[3, at_once]))).max(1);
        let mut plan = Plan::new(class);
        let queries = plan.tensor("queries", [at_once, width, 1, 1], BufferRole::Input);
        let mut parts = Vec::new();
        for first in (0..rows).step_by(rows_each) {
            let rows = rows_each.min(rows - first);
            let part = plan.tensor("embeddings", [rows, width, 1, 1], BufferRole::Input);
            let found = plan.tensor("distances", [1, 1, at_once, rows], BufferRole::Output);
            let products = [1, at_once, rows, 3];
            let products = plan.tensor("inner products", products, BufferRole::Scratch);
            ops::distance_forward(&mut plan, distance, 0, [queries, part], found, products);
            parts.push((part, found));
        }
        plan.share_scratch();
        Self {
            plan,
            queries,
            parts,
        }
    }
}

/// The `count` least of some distances, given with their places: least first, of equal ones those of the first places.
pub fn nearest(found: impl IntoIterator<Item = (usize, f32)>, count: usize) -> Vec<Neighbour> {
    let mut least: BinaryHeap<Neighbour> = BinaryHeap::with_capacity(count.saturating_add(1));
    for (index, distance) in found {
        let distance = if distance.is_nan() {
            f32::INFINITY
        } else {
            distance
        };
        let found = Neighbour { index, distance };
        if least.len() < count {
            least.push(found);
        } else if let Some(mut worst) = least.peek_mut()
            && found < *worst
        {
            *worst = found;
        }
    }
    least.into_sorted_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn the_least_are_those_of_sorting_all() {
        let mut stream = Stream::new(1, "test", 0);
        // Few values, so that many are equal.
        let distances: Vec<f32> = (0..500).map(|_| stream.below(40) as f32 / 8.0).collect();
        let mut sorted: Vec<(f32, usize)> = distances.iter().copied().zip(0..).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for count in [0, 1, 7, 499, 500, 501] {
            let found = nearest(distances.iter().copied().enumerate(), count);
            let found: Vec<_> = found.iter().map(|n| (n.distance, n.index)).collect();
            assert_eq!(found, sorted[..count.min(500)]);
        }
    }

    #[test]
    fn a_million_embeddings_are_one_plan_within_the_limits_of_webgpu() {
        for class in [AdapterClass::Software, AdapterClass::Hardware] {
            for at_once in [1, 64] {
                let shape = [1_000_000, 64];
                let layout = Layout::new(class, Distance::Cosine, shape, at_once, 1 << 25);
                layout.plan.validate().unwrap();
                let rows = layout.parts.iter().map(|(part, _)| part.shape[0]);
                assert_eq!(rows.sum::<usize>(), 1_000_000);
                assert_eq!(layout.plan.steps.len(), layout.parts.len());
                assert_eq!(layout.parts.len(), if at_once == 1 { 2 } else { 6 });
            }
        }
    }

    #[test]
    fn what_has_no_distance_comes_last() {
        let distances = [2.0, f32::NAN, -f32::NAN, 1.0];
        let found = nearest(distances.into_iter().enumerate(), 4);
        let order: Vec<usize> = found.iter().map(|n| n.index).collect();
        assert_eq!(order, [3, 0, 1, 2]);
        assert_eq!(found[3].distance, f32::INFINITY);
    }
}
