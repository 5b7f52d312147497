//! Where each track stands: t-SNE, so that those that sound alike lie together.

use std::borrow::Cow;

use bhtsne::{Neighbor, tSNE};
use ndarray::Array2;

use super::super::ReportError;
use super::super::projection::project;
use super::nearest::nearest;
use crate::ops::Distance;
use crate::random::Stream;

const PICTURE: &str = "map";
/// About how many neighbours t-SNE keeps together, and how many of them it looks at for each.
const PERPLEXITY: usize = 30;
const LOOKED_AT: usize = 3;
/// t-SNE wants a few neighbours at least.
const FEWEST: usize = 16;
/// Neighbours are sought among all pairs, in seconds up to here.
const MOST: usize = 200_000;
/// Tracks from which half as many steps must do.
const MANY: usize = 20_000;
const STEPS: usize = 1000;
/// Tracks up to which a tree has the forces sooner than a grid, and how coarse the tree may be.
const FEW: usize = 3000;
const COARSE: f32 = 0.5;
/// Spread that t-SNE begins with, and what sets apart tracks that are the same.
const START: f32 = 1e-4;
const APART: f32 = 1e-7;

/// How many nearest tracks are kept for each.
pub const NEAREST: usize = 5;

/// How tracks were placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placing {
    /// By t-SNE: neighbours lie together, far distances mean little.
    Neighbours,
    /// On the two widest axes, since they are too few or too many for the other, or all the same.
    Axes,
}

/// Where the tracks stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Places {
    /// One for each track, of any size; NaN for one whose embedding is not finite.
    pub points: Vec<[f32; 2]>,
    /// The nearest tracks of each by their embeddings, nearest first: at most [`NEAREST`], none for libraries of more than
    /// 200,000.
    pub nearest: Vec<Vec<usize>>,
    /// How they were placed.
    pub placing: Placing,
}

/// Places tracks by their embeddings (`[tracks, width]`, row-major) as `distance` compares them: the same places on every
/// run. `step` hears after each step which of how many is done.
///
/// t-SNE as in van der Maaten and Hinton (2008), from the exact neighbours, begun at the principal components; its forces by
/// a tree as in van der Maaten (2014) for up to 3,000 tracks, else by interpolation as in Linderman et al. (2019).
///
/// # Errors
/// [`ReportError::Shape`] where the last embedding is cut short; [`ReportError::Invalid`] where the system has no thread.
pub fn place(
    embeddings: &[f32],
    width: usize,
    distance: Distance,
    mut step: impl FnMut(usize, usize) + Send,
) -> Result<Places, ReportError> {
    let compared = match distance {
        Distance::Euclidean => Cow::Borrowed(embeddings),
        // Between rows of length 1 the nearer is the one at the smaller angle.
        Distance::Cosine => Cow::Owned(of_length_one(embeddings, width)),
    };
    let embeddings = &*compared;
    let tracks = embeddings.len() / width.max(1);
    let finite = |row: &&[f32]| row.iter().all(|v| v.is_finite());
    let whole: Vec<usize> = (embeddings.chunks_exact(width.max(1)).enumerate())
        .filter(|(_, row)| finite(row))
        .map(|(track, _)| track)
        .collect();
    if whole.is_empty() {
        return Ok(Places {
            points: vec![[f32::NAN; 2]; tracks],
            nearest: vec![Vec::new(); tracks],
            placing: Placing::Axes,
        });
    }
    let axes = project(embeddings, width)?.points;
    let spread = (whole.iter())
        .map(|&track| axes[track][0].abs())
        .fold(0.0, f32::max);
    let mut places = Places {
        points: axes,
        nearest: vec![Vec::new(); tracks],
        placing: Placing::Axes,
    };
    if whole.len() < 2 || whole.len() > MOST {
        return Ok(places);
    }

    let perplexity = PERPLEXITY.min((whole.len() - 1) / LOOKED_AT);
    let by_axes = whole.len() < FEWEST || spread == 0.0;
    let looked_at = match by_axes {
        true => NEAREST.min(whole.len() - 1),
        false => LOOKED_AT * perplexity,
    };
    let neighbours = nearest(centred(embeddings, width, &whole).view(), looked_at);
    for (&track, neighbours) in whole.iter().zip(&neighbours) {
        let nearest = neighbours.iter().take(NEAREST);
        places.nearest[track] = nearest.map(|other| whole[other.index]).collect();
    }
    if by_axes {
        return Ok(places);
    }

    let mut apart = Stream::new(0, PICTURE, 0);
    let start = whole.iter().flat_map(|&track| places.points[track]);
    let start: Vec<f32> = start
        .map(|v| v / spread * START + apart.normal() as f32 * APART)
        .collect();
    let steps = if whole.len() > MANY { STEPS / 2 } else { STEPS };
    // Sums by several threads differ in their last bits from run to run, and t-SNE makes another picture of them.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let alone = alone.map_err(|error| ReportError::Invalid {
        picture: PICTURE,
        what: error.to_string(),
    })?;
    let placed = alone.install(|| fit(&neighbours, perplexity as f32, start, steps, &mut step));
    for (&track, place) in whole.iter().zip(placed.chunks_exact(2)) {
        places.points[track] = [place[0], place[1]];
    }
    places.placing = Placing::Neighbours;
    Ok(places)
}

fn of_length_one(embeddings: &[f32], width: usize) -> Vec<f32> {
    let mut scaled = embeddings.to_vec();
    for row in scaled.chunks_exact_mut(width.max(1)) {
        let square: f64 = row.iter().map(|v| f64::from(*v).powi(2)).sum();
        // A row of zeros is at no angle, and stays.
        let length = if square == 0.0 { 1.0 } else { square.sqrt() };
        row.iter_mut()
            .for_each(|v| *v = (f64::from(*v) / length) as f32);
    }
    scaled
}

/// The rows of `whole`, less their mean.
fn centred(embeddings: &[f32], width: usize, whole: &[usize]) -> Array2<f32> {
    let mut rows = Array2::from_shape_fn((whole.len(), width), |(row, at)| {
        embeddings[whole[row] * width + at]
    });
    if let Some(mean) = rows.mapv(f64::from).mean_axis(ndarray::Axis(0)) {
        rows -= &mean.mapv(|v| v as f32);
    }
    rows
}

fn fit(
    neighbours: &[Vec<Neighbor<f32>>],
    perplexity: f32,
    start: Vec<f32>,
    steps: usize,
    step: &mut (impl FnMut(usize, usize) + Send),
) -> Vec<f32> {
    // Where neighbours are given, only the number of the data counts.
    let tracks = vec![(); neighbours.len()];
    let mut tsne = tSNE::<f32, (), 2>::new(&tracks);
    tsne.perplexity(perplexity)
        .epochs(steps)
        .initial_embedding(start)
        .epoch_callback(|done, _| step(done + 1, steps));
    match neighbours.len() <= FEW {
        true => tsne.barnes_hut_with_neighbors(COARSE, neighbours),
        false => tsne.fit_sne_with_neighbors(neighbours),
    };
    tsne.embedding()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_tracks_are_placed_by_a_grid() {
        // Two groups far apart, more tracks than a tree would take.
        let mut stream = Stream::new(4, "grid", 0);
        let tracks = FEW + 100;
        let rows = Array2::from_shape_fn((tracks, 3), |(row, _)| {
            (if row % 2 == 0 { 10.0 } else { -10.0 }) + stream.normal() as f32
        });
        let neighbours = nearest(rows.view(), 30);
        let start: Vec<f32> = (0..tracks)
            .flat_map(|row| [rows[[row, 0]] * 1e-5, stream.normal() as f32 * 1e-5])
            .collect();
        let mut steps = 0;
        let placed = fit(&neighbours, 10.0, start, 50, &mut |_, _| steps += 1);
        assert_eq!((placed.len(), steps), (2 * tracks, 50));
        let group = |which: usize| {
            let points = placed.chunks_exact(2).skip(which).step_by(2);
            let points: Vec<[f32; 2]> = points.map(|p| [p[0], p[1]]).collect();
            let sum = |axis: usize| points.iter().map(|p| p[axis]).sum::<f32>();
            let middle = [sum(0), sum(1)].map(|sum| sum / points.len() as f32);
            let far = |p: &[f32; 2]| (p[0] - middle[0]).hypot(p[1] - middle[1]);
            (middle, points.iter().map(far).fold(0.0, f32::max))
        };
        let ((a, reach_a), (b, reach_b)) = (group(0), group(1));
        let apart = (a[0] - b[0]).hypot(a[1] - b[1]);
        assert!(apart > reach_a + reach_b, "{apart} {reach_a} {reach_b}");
    }
}
