//! Twins of the kernels that unpack parameters.

use crate::ops::{CodebookShape, IntegersShape};

/// Number `k` of `bits` bits each out of words, the first in the lowest bits.
fn bits_of(words: &[u32], bits: usize, k: usize) -> u32 {
    let at = k * bits;
    (words[at / 32] >> (at % 32)) & ((1 << bits) - 1)
}

/// The same as a number in two's complement.
fn signed_of(words: &[u32], bits: usize, k: usize) -> f64 {
    let value = i64::from(bits_of(words, bits, k));
    let wrap = i64::from(value >= 1 << (bits - 1)) << bits;
    (value - wrap) as f64
}

fn half_of(words: &[u32], k: usize) -> f64 {
    let half = bits_of(words, 16, k);
    let (exponent, fraction) = ((half >> 10) & 31, f64::from(half & 1023) / 1024.0);
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2f64.powi(exponent as i32 - 15),
    };
    if half >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

/// Half number `first` and those behind it out of words, two in each, the first in the low 16 bits: sign, 5 bits of
/// exponent, 10 of fraction.
pub fn unpack_halves(words: &[u32], first: usize, count: usize) -> Vec<f64> {
    (first..first + count).map(|k| half_of(words, k)).collect()
}

/// Whole numbers, [rows, columns], times the scales of their blocks of rows.
pub fn unpack_integers(shape: &IntegersShape, values: &[u32], scales: &[u32]) -> Vec<f64> {
    let [rows, columns] = shape.size;
    let value = |k: usize| {
        let (row, column) = (k / columns, k % columns);
        let scale = half_of(scales, row / shape.block * columns + column);
        signed_of(values, shape.bits, k) * scale
    };
    (0..rows * columns).map(value).collect()
}

/// Coefficients, [edges, slots, columns], of curves times gains, from `[indices, gains, scales, curves]`; rounded to f32.
pub fn unpack_codebook(shape: &CodebookShape, words: [&[u32]; 4]) -> Vec<f64> {
    let [indices, gains, scales, curves] = words;
    let ([edges, columns], slots) = (shape.size, shape.slots);
    let value = |k: usize| {
        let (column, slot, edge) = (k % columns, k / columns % slots, k / columns / slots);
        let at = edge * columns + column;
        let scale = half_of(scales, edge / shape.block * columns + column);
        let curve = bits_of(indices, shape.index_bits, at) as usize;
        let value = half_of(curves, curve * slots + slot) * signed_of(gains, 8, at) * scale;
        f64::from(value as f32)
    };
    (0..edges * slots * columns).map(value).collect()
}

/// Weights rounded to multiples of their scales, by whole numbers up to `most`; those whose scale is 0 as they are.
pub fn round_weights(most: f64, weight: &[f64], scale: &[f64]) -> Vec<f64> {
    let round = |(weight, scale): (&f64, &f64)| match *scale == 0.0 {
        true => *weight,
        false => (weight / scale).round_ties_even().clamp(-most, most) * scale,
    };
    weight.iter().zip(scale).map(round).collect()
}
