//! What the kernels of convolutions want prepared.

use super::append::each;
use super::conv_shape::ConvShape;
use super::sizes::product;
use crate::gpu::{BufferRole, Plan, Tensor};

/// The values of x, [n, c, height, width], with the channels innermost and filled up to a multiple of 4.
pub(crate) fn channels_last(plan: &mut Plan, x: Tensor) -> Tensor {
    let [n, c, h, w] = x.shape;
    let positions = product(&[h, w]);
    let c_pad = c.checked_next_multiple_of(4).unwrap_or(usize::MAX);
    if positions == 1 && c == c_pad {
        return x;
    }
    let y = plan.tensor("channels last", [n, h, w, c_pad], BufferRole::Scratch);
    let overrides = [
        ("N", n as f64),
        ("C", c as f64),
        ("C_PAD", c_pad as f64),
        ("POSITIONS", positions as f64),
    ];
    each(plan, "channels_last", &overrides, &[x, y], y.len() / 4);
    y
}

/// `to` = the weights `from` of a convolution in another basis, by its matrix [slots, slots].
pub(super) fn change_basis(
    plan: &mut Plan,
    shape: &ConvShape,
    matrix: Vec<f64>,
    from: Tensor,
    to: Tensor,
) {
    let slots = shape.basis.slots();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the matrix is computed in f64"
    )]
    let matrix = plan.constant(
        "change of basis",
        [1, 1, slots, slots],
        matrix.into_iter().map(|v| v as f32).collect(),
    );
    let overrides = [
        ("TAPS", shape.taps() as f64),
        ("SLOTS", slots as f64),
        ("CO_PAD", shape.co_pad() as f64),
    ];
    let count = shape.weight_len() / 4;
    each(plan, "change_basis", &overrides, &[matrix, from, to], count);
}
