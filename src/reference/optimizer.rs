//! Twins of `shaders/optimizer/`.

use crate::ops::AdamW;

/// Parameters and moments of a twin optimiser.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AdamWState {
    /// The parameters.
    pub parameter: Vec<f64>,
    /// First moments.
    pub first: Vec<f64>,
    /// Second moments.
    pub second: Vec<f64>,
    /// Steps applied.
    pub applied: u32,
    /// Steps skipped because a gradient was not finite.
    pub skipped: u32,
}

/// Twin of `grad_norm`, `step_guard` and `adamw_step` together; `decay` has a value for every 64
/// parameters. Returns the gradient norm before clipping.
pub fn adamw_step(
    constants: &AdamW,
    state: &mut AdamWState,
    grad: &[f64],
    decay: &[f64],
    rate: f64,
) -> f64 {
    let norm = grad.iter().map(|g| g * g).sum::<f64>().sqrt();
    if !norm.is_finite() {
        state.skipped += 1;
        return norm;
    }
    state.applied += 1;
    let (beta1, beta2) = (f64::from(constants.beta1), f64::from(constants.beta2));
    let scale = (f64::from(constants.clip) / norm.max(1e-30)).min(1.0);
    let power = state.applied as i32;
    for (k, g) in grad.iter().map(|g| g * scale).enumerate() {
        state.first[k] = beta1 * state.first[k] + (1.0 - beta1) * g;
        state.second[k] = beta2 * state.second[k] + (1.0 - beta2) * g * g;
        let m = state.first[k] / (1.0 - beta1.powi(power));
        let v = state.second[k] / (1.0 - beta2.powi(power));
        let update = m / (v.sqrt() + f64::from(constants.epsilon));
        state.parameter[k] -= rate * (decay[k / 64] * state.parameter[k] + update);
    }
    norm
}

/// The curvature penalty itself: weight times the squared second differences of the spline
/// coefficients along each edge. `slots` counts silu, which is left out.
#[cfg(feature = "internals")]
pub fn curvature(weight: f64, slots: usize, co_pad: usize, coefficients: &[f64]) -> f64 {
    let mut sum = 0.0;
    for tap in coefficients.chunks(slots * co_pad) {
        for o in 0..co_pad {
            for m in 1..(slots - 1).saturating_sub(1) {
                let c = |m: usize| tap[m * co_pad + o];
                sum += (c(m - 1) - 2.0 * c(m) + c(m + 1)).powi(2);
            }
        }
    }
    weight * sum
}

/// Twin of `curvature_penalty`: its gradient, to be added to the weights' gradient.
pub fn curvature_penalty(
    weight: f64,
    slots: usize,
    co_pad: usize,
    coefficients: &[f64],
) -> Vec<f64> {
    let mut grad = vec![0.0; coefficients.len()];
    for (tap, values) in coefficients.chunks(slots * co_pad).enumerate() {
        for o in 0..co_pad {
            for m in 1..(slots - 1).saturating_sub(1) {
                let c = |m: usize| values[m * co_pad + o];
                let difference = c(m - 1) - 2.0 * c(m) + c(m + 1);
                let at = tap * slots * co_pad + m * co_pad + o;
                grad[at - co_pad] += 2.0 * weight * difference;
                grad[at] -= 4.0 * weight * difference;
                grad[at + co_pad] += 2.0 * weight * difference;
            }
        }
    }
    grad
}

/// Twin of `mask_gradients`.
pub fn mask_gradients(kept: &[u32], grad: &mut [f64]) {
    for (k, value) in grad.iter_mut().enumerate() {
        if kept[k / 32] >> (k % 32) & 1 == 0 {
            *value = 0.0;
        }
    }
}

/// Twin of `shrink_edges`, of weights [taps, slots, co_pad].
pub fn shrink_edges(threshold: f64, [slots, co_pad]: [usize; 2], weight: &mut [f64]) {
    for tap in weight.chunks_mut(slots * co_pad) {
        for o in 0..co_pad {
            let square: f64 = (0..slots).map(|s| tap[s * co_pad + o].powi(2)).sum();
            let factor = 1.0 - (slots as f64).sqrt() * threshold / square.sqrt().max(1e-30);
            for s in 0..slots {
                tap[s * co_pad + o] *= factor.max(0.0);
            }
        }
    }
}

/// Twin of `weighted_sum`.
pub fn weighted_sum([alpha, beta]: [f64; 2], a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| alpha * a + beta * b).collect()
}
