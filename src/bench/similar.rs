//! The nearest of very many embeddings.

use std::time::{Duration, Instant};

use super::BenchError;
use crate::gpu::Gpu;
use crate::measure::{Spread, enough, made_up};
use crate::ops::Distance;
use crate::similar::Search;

/// Embeddings, and numbers of each.
pub const EMBEDDINGS: [usize; 2] = [1_000_000, 64];

/// How many are found.
const FOUND: usize = 20;

/// Time that the repeats may take.
const BUDGET: Duration = Duration::from_secs(10);

/// Milliseconds to send them to the device and to make ready, and of each search: from a query on the host to the nearest
/// by cosine, nearest first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimilarFigures {
    /// Once.
    pub ready_ms: f64,
    /// Each search.
    pub search_ms: Spread,
}

/// Searches made-up embeddings.
///
/// # Errors
/// [`BenchError::Gpu`].
pub fn similar(gpu: &Gpu) -> Result<SimilarFigures, BenchError> {
    let [rows, width] = EMBEDDINGS;
    let embeddings: Vec<f32> = made_up(rows * width).iter().map(|v| v - 0.5).collect();
    let start = Instant::now();
    let search = Search::new(gpu, Distance::Cosine, width, &embeddings, 1)?;
    search.nearest(&embeddings[..width], FOUND)?; // the driver compiles
    let ready = start.elapsed();
    let mut times = Vec::new();
    let begin = Instant::now();
    while !enough(times.len(), begin.elapsed(), BUDGET) {
        let query = &embeddings[times.len() * width..][..width];
        let start = Instant::now();
        search.nearest(query, FOUND)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(SimilarFigures {
        ready_ms: ready.as_secs_f64() * 1e3,
        search_ms: Spread::of(&times),
    })
}
