//! Twins of `shaders/episode/`.

use super::random::{normal, uniform4};
use crate::ops::{Augment, Distance, EpisodeShape, Place, RowsAt, Slot, StepInfo};

/// Twin of `clip_gather` for one buffer of the bank that holds all slots.
pub fn clip_gather(
    augment: &Augment,
    bands: usize,
    frames: usize,
    bank: &[f64],
    slots: &[Slot],
    step: &StepInfo,
) -> Vec<f64> {
    let Augment {
        stretch,
        shift,
        gain_db,
        tilt_db,
        band_masks,
        band_mask,
        frame_masks,
        frame_mask,
        noise,
    } = *augment;
    let StepInfo { seed, step, .. } = *step;
    let pick = |u: f64, count: u32| ((u * f64::from(count)) as u32).min(count - 1);
    let mut clips = Vec::with_capacity(slots.len() * bands * frames);
    for (clip, slot) in (0u32..).zip(slots) {
        let r = uniform4([seed, step, clip, 0]);
        let s = uniform4([seed, step, clip, 1]);
        let rate = 1.0 + f64::from(stretch) * (2.0 * s[0] - 1.0);
        let length = slot.frames as usize;
        let room = (f64::from(slot.window) - 1.0 - (frames as f64 - 1.0) * rate).max(0.0);
        let moved = i64::from(pick(r[1], 2 * shift + 1)) - i64::from(shift);
        for band in 0..bands {
            for frame in 0..frames {
                let position = r[0] * room + frame as f64 * rate;
                let before = position as usize;
                let source = (band as i64 + moved).clamp(0, bands as i64 - 1) as usize;
                let row = slot.first as usize + source * slot.stride as usize;
                let mut value = 0.0;
                if before < length {
                    let (left, right) =
                        (bank[row + before], bank[row + (before + 1).min(length - 1)]);
                    value = left + (right - left) * (position - before as f64);
                }
                let across = 2.0 * band as f64 / (bands.max(2) as f64 - 1.0) - 1.0;
                let db = f64::from(gain_db) * (2.0 * r[2] - 1.0)
                    + f64::from(tilt_db) * (2.0 * r[3] - 1.0) * across;
                value = (1.0 + 10f64.powf(db / 10.0) * (10f64.powf(value) - 1.0)).log10();
                for m in 0..band_masks.max(frame_masks) {
                    let u = uniform4([seed, step, clip, 2 + m]);
                    let band_width = pick(u[0], band_mask + 1);
                    let band_first = pick(u[1], bands as u32 - band_width + 1);
                    let frame_width = pick(u[2], frame_mask + 1);
                    let frame_first = pick(u[3], frames as u32 - frame_width + 1);
                    let in_band = (band_first..band_first + band_width).contains(&(band as u32));
                    let in_frame =
                        (frame_first..frame_first + frame_width).contains(&(frame as u32));
                    if m < band_masks && in_band || m < frame_masks && in_frame {
                        value = 0.0;
                    }
                }
                if noise > 0.0 {
                    value += f64::from(noise)
                        * normal([seed, step, 0x8000 + clip, (band * frames + frame) as u32]);
                }
                clips.push(value);
            }
        }
    }
    clips
}

/// Twin of `target_gather` for targets in several buffers: [rows, width].
pub fn target_gather(banks: &[&[f64]], width: usize, places: &[Place]) -> Vec<f64> {
    let row = |place: &Place| &banks[place.bank as usize][place.row as usize * width..][..width];
    places.iter().flat_map(row).copied().collect()
}

/// Twin of `prediction_loss`: score [rows, 2] and grad [rows, width].
pub fn prediction_loss(
    [cosine, weight]: [f64; 2],
    width: usize,
    prediction: &[f64],
    target: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    const SMALLEST_NORM: f64 = 1e-12;
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let rows = (prediction.len() / width) as f64;
    let (mut score, mut grad) = (Vec::new(), Vec::new());
    for (p, t) in prediction.chunks(width).zip(target.chunks(width)) {
        let square = dot(p, p);
        let norms = [square, dot(t, t)].map(|square| square.max(SMALLEST_NORM).sqrt());
        let alike = dot(p, t) / (norms[0] * norms[1]);
        let error: f64 = p.iter().zip(t).map(|(p, t)| (p - t).powi(2)).sum();
        score.push(error / width as f64 + cosine * (1.0 - alike));
        score.push(alike);
        for (p, t) in p.iter().zip(t) {
            let turn = match square > SMALLEST_NORM {
                true => cosine * (t / norms[1] - alike * p / norms[0]) / norms[0],
                false => 0.0,
            };
            grad.push(weight / rows * (2.0 * (p - t) / width as f64 - turn));
        }
    }
    (score, grad)
}

/// The distance of two vectors.
pub fn distance(distance: Distance, a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    match distance {
        Distance::Euclidean => a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum(),
        Distance::Cosine => 1.0 - dot(a, b) / (dot(a, a).max(1e-12) * dot(b, b).max(1e-12)).sqrt(),
    }
}

/// Twin of `copy_rows`.
pub fn copy_rows(
    [rows, size]: [usize; 2],
    (x, from): (&[f64], RowsAt),
    (y, to): (&mut [f64], RowsAt),
) {
    for row in 0..rows {
        let (source, target) = (from.first + row * from.stride, to.first + row * to.stride);
        y[target..target + size].copy_from_slice(&x[source..source + size]);
    }
}

/// Twin of `row_statistics`: [width + 1].
pub fn row_statistics(scaled: bool, width: usize, x: &[f64]) -> Vec<f64> {
    let rows = x.len() / width;
    let mut statistics: Vec<f64> = (0..width)
        .map(|d| x.iter().skip(d).step_by(width).sum::<f64>() / rows as f64)
        .collect();
    let square = |(k, value): (usize, &f64)| (value - statistics[k % width]).powi(2);
    let variance = x.iter().enumerate().map(square).sum::<f64>() / x.len() as f64;
    statistics.push(if scaled && variance > 0.0 {
        variance.sqrt().recip()
    } else {
        1.0
    });
    statistics
}

/// Twin of `standardise_rows`: [rows, width].
pub fn standardise_rows(centred: bool, x: &[f64], statistics: &[f64]) -> Vec<f64> {
    let width = statistics.len() - 1;
    let mean = |k: usize| if centred { statistics[k % width] } else { 0.0 };
    let standardised = |(k, value): (usize, &f64)| (value - mean(k)) * statistics[width];
    x.iter().enumerate().map(standardised).collect()
}

/// Twin of `prototype_forward`: [way, width].
pub fn prototype_forward(shape: &EpisodeShape, embedding: &[f64]) -> Vec<f64> {
    let (shot, width) = (shape.shot, shape.width);
    (0..shape.way * width)
        .map(|k| {
            let (c, d) = (k / width, k % width);
            (0..shot)
                .map(|s| embedding[(c * shot + s) * width + d])
                .sum::<f64>()
                / shot as f64
        })
        .collect()
}

/// Twin of `distance_forward`: [queries, way].
pub fn distance_forward(shape: &EpisodeShape, embedding: &[f64], prototype: &[f64]) -> Vec<f64> {
    embedding[shape.supports() * shape.width..]
        .chunks(shape.width)
        .flat_map(|query| {
            prototype
                .chunks(shape.width)
                .map(|p| distance(shape.distance, query, p))
        })
        .collect()
}

/// Second output of `distance_forward`: inner products query.query, query.prototype, prototype.prototype.
pub fn distance_products(shape: &EpisodeShape, embedding: &[f64], prototype: &[f64]) -> Vec<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    embedding[shape.supports() * shape.width..]
        .chunks(shape.width)
        .flat_map(|q| {
            prototype
                .chunks(shape.width)
                .flat_map(move |p| [dot(q, q), dot(q, p), dot(p, p)])
        })
        .collect()
}

/// Twin of `episode_loss`: (loss and correctness for each query, gradient of the mean loss by distance).
pub fn episode_loss(shape: &EpisodeShape, distances: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let scale = f64::from(shape.scale);
    let mut score = Vec::new();
    let mut grad = Vec::new();
    for (q, row) in distances.chunks(shape.way).enumerate() {
        let label = q / shape.query;
        let least = row.iter().copied().fold(f64::INFINITY, f64::min);
        let sum: f64 = row.iter().map(|d| (scale * (least - d)).exp()).sum();
        let nearest = row.iter().position(|d| *d == least);
        score.extend([
            sum.ln() + scale * (row[label] - least),
            f64::from(u8::from(nearest == Some(label))),
        ]);
        grad.extend(row.iter().enumerate().map(|(c, d)| {
            let p = (scale * (least - d)).exp() / sum;
            scale * (f64::from(u8::from(c == label)) - p) / shape.queries() as f64
        }));
    }
    (score, grad)
}

fn metric_slope(distance: Distance, [qq, qp, pp]: [f64; 3], q: f64, p: f64) -> f64 {
    match distance {
        Distance::Euclidean => 2.0 * (q - p),
        Distance::Cosine => {
            let (qn, pn) = (qq.max(1e-12).sqrt(), pp.max(1e-12).sqrt());
            (qp / (qn * pn) * q / qn - p / pn) / qn
        }
    }
}

/// Twin of `distance_grad_query` and `distance_grad_support` together: the gradient by all embeddings.
pub fn distance_grad(shape: &EpisodeShape, embedding: &[f64], grad_distance: &[f64]) -> Vec<f64> {
    let prototype = prototype_forward(shape, embedding);
    let products = distance_products(shape, embedding, &prototype);
    let (way, shot, width) = (shape.way, shape.shot, shape.width);
    let mut grad = vec![0.0; embedding.len()];
    for q in 0..shape.queries() {
        let row = (shape.supports() + q) * width;
        for c in 0..way {
            let g = grad_distance[q * way + c];
            let k = (q * way + c) * 3;
            let v = [products[k], products[k + 1], products[k + 2]];
            for d in 0..width {
                let (a, b) = (embedding[row + d], prototype[c * width + d]);
                grad[row + d] += g * metric_slope(shape.distance, v, a, b);
                let by_prototype = g * metric_slope(shape.distance, [v[2], v[1], v[0]], b, a);
                for s in 0..shot {
                    grad[(c * shot + s) * width + d] += by_prototype / shot as f64;
                }
            }
        }
    }
    grad
}
