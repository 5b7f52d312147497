//! Twins of `shaders/layers/`.

use super::random::{normal, uniform4};
use crate::ops::{
    ActivationKind, Basis, ConvShape, NORM_EPSILON, NormShape, PoolKind, PoolShape,
    STATISTICS_EPSILON, StatisticsShape,
};

fn cells(basis: &Basis, z: f64) -> f64 {
    let range = f64::from(basis.range);
    (z - f64::from(basis.centre) + range) * basis.grid as f64 / (2.0 * range)
}

/// Value of slot `m` of an edge at `z`: splines, then silu; or the identity.
pub fn edge_basis(basis: &Basis, m: usize, z: f64) -> f64 {
    if basis.order == 0 {
        return z;
    }
    if m == basis.grid + basis.order {
        return z / (1.0 + (-z).exp());
    }
    let u = cells(basis, z);
    let inside = u.clamp(0.0, basis.grid as f64);
    cardinal(basis.order, distance(basis, m, inside))
        + (u - inside) * slope_in_cells(basis, m, inside)
}

/// Derivative of slot `m` of an edge with respect to `z`.
pub fn edge_basis_slope(basis: &Basis, m: usize, z: f64) -> f64 {
    if basis.order == 0 {
        return 1.0;
    }
    if m == basis.grid + basis.order {
        let sigmoid = 1.0 / (1.0 + (-z).exp());
        return sigmoid * (1.0 + z * (1.0 - sigmoid));
    }
    let grid = basis.grid as f64;
    slope_in_cells(basis, m, cells(basis, z).clamp(0.0, grid)) * grid
        / (2.0 * f64::from(basis.range))
}

/// Truncated power `m` at `z`, the kernels' own basis: 1, v .. v^order with v in cells from the middle of
/// the grid, then for each knot inside the grid the power of the distance beyond it, away from the
/// middle. Outside the grid it goes on along its tangent.
#[cfg(feature = "internals")]
pub fn truncated_power(basis: &Basis, m: usize, z: f64) -> f64 {
    let half = basis.grid as f64 / 2.0;
    let v = (z - f64::from(basis.centre)) * half / f64::from(basis.range);
    let inside = v.clamp(-half, half);
    let power = |v: f64| match m.checked_sub(basis.order + 1) {
        None => (v.powi(m as i32), m as f64 * v.powi((m as i32 - 1).max(0))),
        Some(knot) => {
            let knot = knot as f64 + 1.0 - half;
            let side = if knot < 0.0 { -1.0 } else { 1.0 };
            let t = (side * (v - knot)).max(0.0);
            let order = basis.order as i32;
            let slope = if t > 0.0 {
                side * f64::from(order) * t.powi(order - 1)
            } else {
                0.0
            };
            (t.powi(order), slope)
        }
    };
    let (value, slope) = power(inside);
    value + slope * (v - inside)
}

fn distance(basis: &Basis, m: usize, u: f64) -> f64 {
    u - (m as f64 - (basis.order as f64 - 1.0) / 2.0)
}

fn slope_in_cells(basis: &Basis, m: usize, u: f64) -> f64 {
    if basis.order == 1 {
        // One-sided at the knots, so that it also holds at both ends of the grid.
        let cell = (u as usize).min(basis.grid - 1);
        return if m == cell {
            -1.0
        } else {
            f64::from(u8::from(m == cell + 1))
        };
    }
    // The derivative of a cardinal B-spline is a difference of two of one order less.
    let d = distance(basis, m, u);
    cardinal(basis.order - 1, d + 0.5) - cardinal(basis.order - 1, d - 0.5)
}

/// The cardinal B-spline of this order at distance `d` from its centre, piece by piece.
fn cardinal(order: usize, d: f64) -> f64 {
    let s = d.abs();
    match order {
        1 => (1.0 - s).max(0.0),
        2 if s < 0.5 => 0.75 - s * s,
        2 if s < 1.5 => 0.5 * (1.5 - s).powi(2),
        3 if s < 1.0 => 2.0 / 3.0 - s * s + s * s * s / 2.0,
        3 if s < 2.0 => (2.0 - s).powi(3) / 6.0,
        _ => 0.0,
    }
}

/// Calls `f` with (x index, tap index, y index of channel 0) for every present edge.
fn each_tap(shape: &ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let [h, w] = shape.input;
    let [oh, ow] = shape.output();
    for n in 0..shape.n {
        for y in 0..oh {
            for x in 0..ow {
                for tap in 0..shape.taps() {
                    let [i, kh, kw] = [
                        tap / (shape.kernel[0] * shape.kernel[1]),
                        tap / shape.kernel[1] % shape.kernel[0],
                        tap % shape.kernel[1],
                    ];
                    // A tap in the padding wraps around to a huge index and is absent.
                    let row = (y * shape.stride[0] + kh).wrapping_sub(shape.padding[0]);
                    let column = (x * shape.stride[1] + kw).wrapping_sub(shape.padding[1]);
                    if row < h && column < w {
                        f(
                            ((n * shape.ci + i) * h + row) * w + column,
                            tap,
                            (n * shape.co * oh + y) * ow + x,
                        );
                    }
                }
            }
        }
    }
}

/// Twin of `conv_forward` and `kan_conv_forward`.
pub fn conv_forward(shape: &ConvShape, x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let area = shape.output()[0] * shape.output()[1];
    let slots = shape.basis.slots();
    let mut y: Vec<f64> = (0..shape.n * shape.co * area)
        .map(|k| bias[k / area % shape.co])
        .collect();
    each_tap(shape, |at, tap, out| {
        for m in 0..slots {
            let b = edge_basis(&shape.basis, m, x[at]);
            for o in 0..shape.co {
                y[out + o * area] += weight[(tap * slots + m) * shape.co_pad() + o] * b;
            }
        }
    });
    y
}

/// Twin of `conv_grad_input`.
pub fn conv_grad_input(shape: &ConvShape, x: &[f64], weight: &[f64], grad_y: &[f64]) -> Vec<f64> {
    let area = shape.output()[0] * shape.output()[1];
    let slots = shape.basis.slots();
    let mut grad_x = vec![0.0; x.len()];
    each_tap(shape, |at, tap, out| {
        for m in 0..slots {
            let b = edge_basis_slope(&shape.basis, m, x[at]);
            for o in 0..shape.co {
                grad_x[at] +=
                    weight[(tap * slots + m) * shape.co_pad() + o] * b * grad_y[out + o * area];
            }
        }
    });
    grad_x
}

/// Twin of `conv_grad_weight` and `kan_conv_grad_weight`, with `reduce_partials` after it.
pub fn conv_grad_weight(shape: &ConvShape, x: &[f64], grad_y: &[f64]) -> Vec<f64> {
    let area = shape.output()[0] * shape.output()[1];
    let slots = shape.basis.slots();
    let mut grad = vec![0.0; shape.weight_len()];
    each_tap(shape, |at, tap, out| {
        for m in 0..slots {
            let b = edge_basis(&shape.basis, m, x[at]);
            for o in 0..shape.co {
                grad[(tap * slots + m) * shape.co_pad() + o] += b * grad_y[out + o * area];
            }
        }
    });
    grad
}

/// Twin of `channel_sum`: sums of rows of `positions` values.
pub fn channel_sum(values: &[f64], positions: usize) -> Vec<f64> {
    values
        .chunks(positions)
        .map(|row| row.iter().sum())
        .collect()
}

/// Twin of `reduce_partials`: adds rows of `size` values.
pub fn reduce_partials(partial: &[f64], size: usize) -> Vec<f64> {
    let mut total = vec![0.0; size];
    for row in partial.chunks(size) {
        for (t, v) in total.iter_mut().zip(row) {
            *t += v;
        }
    }
    total
}

/// Mean and 1/deviation of each (image, group): the second output of `group_norm_forward`.
pub fn group_norm_moments(shape: &NormShape, x: &[f64]) -> Vec<f64> {
    let size = shape.c / shape.groups * shape.positions;
    x.chunks(size)
        .flat_map(|row| {
            let mean = row.iter().sum::<f64>() / size as f64;
            let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / size as f64;
            [mean, 1.0 / (variance + NORM_EPSILON).sqrt()]
        })
        .collect()
}

fn normal_values(shape: &NormShape, x: &[f64]) -> Vec<f64> {
    let moments = group_norm_moments(shape, x);
    let size = shape.c / shape.groups * shape.positions;
    x.iter()
        .enumerate()
        .map(|(k, v)| (v - moments[k / size * 2]) * moments[k / size * 2 + 1])
        .collect()
}

/// Twin of `group_norm_forward`; `affine` is [2, c].
pub fn group_norm_forward(shape: &NormShape, x: &[f64], affine: &[f64]) -> Vec<f64> {
    let channel = |k: usize| k / shape.positions % shape.c;
    normal_values(shape, x)
        .iter()
        .enumerate()
        .map(|(k, v)| v * affine[channel(k)] + affine[shape.c + channel(k)])
        .collect()
}

/// Twin of `group_norm_grad_input`.
pub fn group_norm_grad_input(
    shape: &NormShape,
    x: &[f64],
    affine: &[f64],
    grad_y: &[f64],
) -> Vec<f64> {
    let moments = group_norm_moments(shape, x);
    let normal = normal_values(shape, x);
    let size = shape.c / shape.groups * shape.positions;
    let g: Vec<f64> = grad_y
        .iter()
        .enumerate()
        .map(|(k, g)| g * affine[k / shape.positions % shape.c])
        .collect();
    let mut grad_x = vec![0.0; x.len()];
    for row in 0..shape.n * shape.groups {
        let range = row * size..(row + 1) * size;
        let mean = g[range.clone()].iter().sum::<f64>() / size as f64;
        let product = range.clone().map(|k| g[k] * normal[k]).sum::<f64>() / size as f64;
        for k in range {
            grad_x[k] = moments[row * 2 + 1] * (g[k] - mean - normal[k] * product);
        }
    }
    grad_x
}

/// Twin of `group_norm_grad_weight` with `reduce_partials` after it: [2, c].
pub fn group_norm_grad_weight(shape: &NormShape, x: &[f64], grad_y: &[f64]) -> Vec<f64> {
    let mut grad = vec![0.0; 2 * shape.c];
    for (k, (v, g)) in normal_values(shape, x).iter().zip(grad_y).enumerate() {
        let c = k / shape.positions % shape.c;
        grad[c] += v * g;
        grad[shape.c + c] += g;
    }
    grad
}

/// Twin of `band_affine`: x is [rows, bands, frames], affine [2, bands].
pub fn band_affine(bands: usize, frames: usize, x: &[f64], affine: &[f64]) -> Vec<f64> {
    let (scale, shift) = affine.split_at(bands);
    let rows = x.chunks(frames).enumerate();
    rows.flat_map(|(row, values)| {
        let band = row % bands;
        values.iter().map(move |v| scale[band] * v + shift[band])
    })
    .collect()
}

/// sqrt(2/pi) of gelu's tanh form, twice.
const GELU: f64 = 1.595_769_121_605_731;

/// Twin of `activation_forward`.
pub fn activation_forward(kind: ActivationKind, x: &[f64]) -> Vec<f64> {
    x.iter()
        .map(|&z| match kind {
            ActivationKind::Silu => z / (1.0 + (-z).exp()),
            ActivationKind::Relu => z.max(0.0),
            ActivationKind::Gelu => {
                0.5 * z * (1.0 + (0.5 * GELU * (z + 0.044715 * z.powi(3))).tanh())
            }
        })
        .collect()
}

/// Twin of `activation_grad_input`.
pub fn activation_grad_input(kind: ActivationKind, x: &[f64], grad_y: &[f64]) -> Vec<f64> {
    x.iter()
        .zip(grad_y)
        .map(|(&z, g)| {
            let gate = |t: f64| 1.0 / (1.0 + (-t).exp());
            g * match kind {
                ActivationKind::Silu => gate(z) * (1.0 + z * (1.0 - gate(z))),
                ActivationKind::Relu => f64::from(u8::from(z > 0.0)),
                ActivationKind::Gelu => {
                    let s = gate(GELU * (z + 0.044715 * z.powi(3)));
                    s * (1.0 + z * (1.0 - s) * GELU * (1.0 + 3.0 * 0.044715 * z * z))
                }
            }
        })
        .collect()
}

/// Input places of the window of output `k`.
fn window(shape: &PoolShape, k: usize) -> Vec<usize> {
    let [oh, ow] = shape.output();
    let (row, y, x) = (k / (oh * ow), k / ow % oh, k % ow);
    let [h, w] = shape.input;
    (0..shape.kernel[0] * shape.kernel[1])
        .map(|t| (t / shape.kernel[1], t % shape.kernel[1]))
        .map(|(kh, kw)| (row * h + y * shape.stride[0] + kh) * w + x * shape.stride[1] + kw)
        .collect()
}

/// Twin of `pool_forward`.
pub fn pool_forward(shape: &PoolShape, x: &[f64]) -> Vec<f64> {
    let [oh, ow] = shape.output();
    (0..shape.rows * oh * ow)
        .map(|k| {
            let values = window(shape, k).into_iter().map(|at| x[at]);
            match shape.kind {
                PoolKind::Mean => values.sum::<f64>() / (shape.kernel[0] * shape.kernel[1]) as f64,
                PoolKind::Max => values.fold(f64::NEG_INFINITY, f64::max),
            }
        })
        .collect()
}

/// Twin of `pool_grad_input`.
pub fn pool_grad_input(shape: &PoolShape, x: &[f64], grad_y: &[f64]) -> Vec<f64> {
    let mut grad_x = vec![0.0; x.len()];
    for (k, g) in grad_y.iter().enumerate() {
        let window = window(shape, k);
        match shape.kind {
            PoolKind::Mean => window
                .iter()
                .for_each(|&at| grad_x[at] += g / window.len() as f64),
            PoolKind::Max => {
                let first = window
                    .iter()
                    .copied()
                    .reduce(|best, at| if x[at] > x[best] { at } else { best });
                first.into_iter().for_each(|at| grad_x[at] += g);
            }
        }
    }
    grad_x
}

/// Twin of `statistics_pool_forward`: x is [n, rows, frames], the result [n, 2, rows].
pub fn statistics_pool_forward(shape: &StatisticsShape, x: &[f64]) -> Vec<f64> {
    let StatisticsShape { rows, frames, .. } = *shape;
    x.chunks(rows * frames)
        .flat_map(|image| {
            let mean: Vec<f64> = image
                .chunks(frames)
                .map(|r| r.iter().sum::<f64>() / frames as f64)
                .collect();
            let deviation: Vec<f64> = image
                .chunks(frames)
                .zip(&mean)
                .map(|(r, m)| r.iter().map(|v| (v - m).powi(2)).sum::<f64>() / frames as f64)
                .map(|variance| (variance + STATISTICS_EPSILON).sqrt())
                .collect();
            [mean, deviation].concat()
        })
        .collect()
}

/// Twin of `statistics_pool_grad_input`.
pub fn statistics_pool_grad_input(shape: &StatisticsShape, x: &[f64], grad_y: &[f64]) -> Vec<f64> {
    let StatisticsShape { rows, frames, .. } = *shape;
    let y = statistics_pool_forward(shape, x);
    (0..x.len())
        .map(|k| {
            let row = k / frames;
            let at = row / rows * 2 * rows + row % rows;
            (grad_y[at] + grad_y[at + rows] * (x[k] - y[at]) / y[at + rows]) / frames as f64
        })
        .collect()
}

/// The random stream of a noise or dropout layer: (seed, step, layer).
pub type Stream = [u32; 3];

fn stream_words([seed, step, layer]: Stream, k: usize) -> [u32; 4] {
    [seed, step, 0x10000 + layer, k as u32]
}

/// Twin of `noise_forward`.
pub fn noise_forward(deviation: f64, stream: Stream, x: &[f64]) -> Vec<f64> {
    x.iter()
        .enumerate()
        .map(|(k, v)| v + deviation * normal(stream_words(stream, k)))
        .collect()
}

/// Twin of `dropout_forward`, also for gradients.
pub fn dropout_forward(rate: f64, stream: Stream, x: &[f64]) -> Vec<f64> {
    x.iter()
        .enumerate()
        .map(|(k, v)| {
            if uniform4(stream_words(stream, k))[0] >= rate {
                v / (1.0 - rate)
            } else {
                0.0
            }
        })
        .collect()
}

/// Twin of `squared_error`: (error, gradient of its mean by y).
pub fn squared_error(y: &[f64], target: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let differences: Vec<f64> = y.iter().zip(target).map(|(y, t)| y - t).collect();
    let error = differences.iter().map(|d| d * d).collect();
    (
        error,
        differences
            .iter()
            .map(|d| 2.0 * d / y.len() as f64)
            .collect(),
    )
}
