//! Parameters out of fewer bits.

use super::append::each;
use super::sizes::product;
use crate::gpu::{Plan, Tensor};

/// A tensor in whole numbers, which halves scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntegersShape {
    /// Rows, and columns, a multiple of 4.
    pub size: [usize; 2],
    /// Of each number: 4 or 8.
    pub bits: usize,
    /// Rows of a column that share a scale.
    pub block: usize,
}

/// Edges that share curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodebookShape {
    /// Rows of edges, and columns, a multiple of 4.
    pub size: [usize; 2],
    /// Coefficients of a curve.
    pub slots: usize,
    /// Of the number of a curve: 8 or 16.
    pub index_bits: usize,
    /// Rows of edges of a column that share a scale.
    pub block: usize,
}

/// y = halves from element `first` on, a multiple of 4, as floats.
pub fn unpack_halves(plan: &mut Plan, halves: Tensor, first: usize, y: Tensor) {
    let overrides = [("FIRST", (first / 4) as f64), ("SIZE", y.len() as f64)];
    let count = y.len().div_ceil(4);
    each(plan, "unpack_halves", &overrides, &[halves, y], count);
}

/// y = whole numbers `values` times their `scales`: [blocks, columns] halves, two in a word.
pub fn unpack_integers(
    plan: &mut Plan,
    shape: &IntegersShape,
    [values, scales]: [Tensor; 2],
    y: Tensor,
) {
    let [rows, columns] = shape.size;
    let overrides = [
        ("ROWS", rows as f64),
        ("COLUMNS_4", (columns / 4) as f64),
        ("BITS", shape.bits as f64),
        ("BLOCK", shape.block as f64),
    ];
    let bindings = [values, scales, y];
    let count = product(&[rows, columns / 4]);
    each(plan, "unpack_integers", &overrides, &bindings, count);
}

/// y = curves of edges times their gains, from `[indices, gains, scales, curves]`, all packed into words.
pub fn unpack_codebook(
    plan: &mut Plan,
    shape: &CodebookShape,
    [indices, gains, scales, curves]: [Tensor; 4],
    y: Tensor,
) {
    let [edges, columns] = shape.size;
    let overrides = [
        ("EDGES", edges as f64),
        ("SLOTS", shape.slots as f64),
        ("COLUMNS_4", (columns / 4) as f64),
        ("INDEX_BITS", shape.index_bits as f64),
        ("BLOCK", shape.block as f64),
    ];
    let bindings = [indices, gains, scales, curves, y];
    let count = product(&[edges, shape.slots, columns / 4]);
    each(plan, "unpack_codebook", &overrides, &bindings, count);
}

/// y = weights rounded to multiples of their scales, by whole numbers up to `most`; those whose scale is 0 as they are.
pub fn round_weights(plan: &mut Plan, most: f32, [weight, scale]: [Tensor; 2], y: Tensor) {
    let overrides = [("SIZE", y.len() as f64), ("MOST", f64::from(most))];
    each(
        plan,
        "round_weights",
        &overrides,
        &[weight, scale, y],
        y.len(),
    );
}
