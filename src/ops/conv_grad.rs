//! Gradients of convolutions.

use super::append::{each, limit_turns};
use super::conv::ConvKept;
use super::conv_shape::ConvShape;
use super::gradient::{Gradient, for_convolution};
use super::menu::{Pass, Variant, grad_weight_rows, pick};
use super::pending::{PendingSums, Summed};
use super::reduce::{add_splits, split_target};
use super::sizes::{product, quotient};
use super::tiled::{tiled, tiled_splits};
use crate::gpu::{Plan, Tensor};

/// Gradients from grad_y: of weights and bias, and of the input, where they are wanted.
pub fn conv_backward(
    plan: &mut Plan,
    shape: &ConvShape,
    kept: &ConvKept,
    grad_y: Tensor,
    by_parameters: Option<[Tensor; 2]>,
    grad_x: Option<Tensor>,
) {
    let mut sums = PendingSums::default();
    let by_parameters = by_parameters.map(|gradients| (gradients, &mut sums));
    let grad_y = Gradient::Plain(grad_y);
    conv_backward_pending(plan, shape, kept, grad_y, by_parameters, grad_x);
    sums.add_up(plan);
}

/// The same, but those of weights and bias are left among the pending sums.
pub(crate) fn conv_backward_pending(
    plan: &mut Plan,
    shape: &ConvShape,
    kept: &ConvKept,
    grad_y: Gradient,
    mut by_parameters: Option<([Tensor; 2], &mut PendingSums)>,
    grad_x: Option<Tensor>,
) {
    let outputs_last = match grad_y {
        Gradient::ChannelsLast(last) => last,
        Gradient::Plain(grad_y) => {
            let grad_y = grad_y.reshaped(shape.output_shape());
            let bias = by_parameters.as_mut();
            let bias = bias.map(|([_, grad_bias], sums)| (*grad_bias, &mut **sums));
            for_convolution(plan, grad_y, bias)
        }
    };
    if let Some(([grad_weight, _], sums)) = by_parameters {
        conv_grad_weight(plan, sums, shape, kept.kernel_x, outputs_last, grad_weight);
    }
    if let Some(grad_x) = grad_x {
        conv_grad_input(plan, shape, kept, outputs_last, grad_x);
    }
}

/// grad_x from grad_y with its channels innermost.
pub(crate) fn conv_grad_input(
    plan: &mut Plan,
    shape: &ConvShape,
    kept: &ConvKept,
    outputs_last: Tensor,
    grad_x: Tensor,
) {
    let (slots, slot_tiles) = shape.basis.slot_tile();
    let ([tile, tile_rows], workgroup, splits) = match pick(plan, Pass::GradInput, shape) {
        Variant::Registers {
            tile,
            workgroup,
            splits,
        }
        | Variant::Local {
            tile,
            workgroup,
            splits,
        } => (tile, workgroup, splits),
        Variant::Tiled(tile) => {
            let bindings = [kept.x, kept.kernel_weight, outputs_last];
            return tiled(plan, shape, &tile, &bindings, grad_x);
        }
    };
    let turns = product(&[slot_tiles, shape.grad_input_turns()]);
    limit_turns(plan, "conv_grad_input", turns.saturating_add(slot_tiles));
    let groups = shape
        .phase_positions()
        .div_ceil(product(&[tile, workgroup]).max(1));
    let channel_tiles = shape.ci.div_ceil(quotient(tile_rows, slots).max(1));
    let phases = product(&shape.stride);
    let mut overrides = shape.overrides();
    overrides.extend(shape.basis.overrides());
    overrides.extend([
        ("TILE_P", tile as f64),
        ("TILE_R", tile_rows as f64),
        ("WORKGROUP", workgroup as f64),
        ("SPLITS", splits as f64),
    ]);
    let written = split_target(plan, splits, grad_x);
    plan.dispatch(
        "conv_grad_input",
        &overrides,
        &[kept.x, kept.kernel_weight, outputs_last, written],
        [product(&[groups, phases]), channel_tiles, splits],
    );
    plan.count(&shape.words(), shape.flops());
    add_splits(plan, written, grad_x);
}

/// The gradient of the weights, by partial sums that are to be added up.
pub(super) fn conv_grad_weight(
    plan: &mut Plan,
    sums: &mut PendingSums,
    shape: &ConvShape,
    kernel_x: Tensor,
    outputs_last: Tensor,
    grad_weight: Tensor,
) {
    let plain = shape.basis.order == 0;
    let (_, slot_tiles) = shape.basis.slot_tile();
    let summed = Summed {
        len: shape.weight_len(),
        total: Some(grad_weight),
        change: shape.basis.has_powers().then_some(*shape),
    };
    let ([tile, outputs], workgroup, splits) = match pick(plan, Pass::GradWeight, shape) {
        Variant::Registers {
            tile,
            workgroup,
            splits,
        }
        | Variant::Local {
            tile,
            workgroup,
            splits,
        } => (tile, workgroup, splits),
        Variant::Tiled(tile) => {
            let partial = sums.rows(plan, tile.splits, &[summed]);
            return tiled_splits(plan, shape, &tile, &[kernel_x, outputs_last], partial);
        }
    };
    let rows = grad_weight_rows(shape).div_ceil(tile.max(1));
    let places = product(&[rows, (shape.co_pad() / 4).div_ceil(outputs.max(1))]);
    let [out_h, out_w] = shape.output();
    let image_rows = product(&[shape.n, out_h]);
    let partial = sums.rows(plan, splits, &[summed]);
    let mut overrides = shape.overrides();
    overrides.extend([
        ("SPLITS", splits as f64),
        ("TILE_T", tile as f64),
        ("TILE_O", outputs as f64),
        ("WORKGROUP", workgroup as f64),
    ]);
    let kernel = if plain {
        overrides.push(("TILE_C", shape.channel_tile() as f64));
        "conv_grad_weight"
    } else {
        overrides.extend(shape.basis.overrides());
        "kan_conv_grad_weight"
    };
    let turns = product(&[image_rows.div_ceil(splits.max(1)), out_w]);
    limit_turns(plan, kernel, turns);
    let groups = product(&[places, splits]).div_ceil(workgroup);
    plan.dispatch(
        kernel,
        &overrides,
        &[kernel_x, outputs_last, partial],
        [groups, 1, slot_tiles],
    );
    plan.count(&shape.words(), shape.flops());
}

/// Adds the gradient of a curvature penalty on the spline coefficients to `grad`.
pub fn curvature_penalty(
    plan: &mut Plan,
    shape: &ConvShape,
    factor: f32,
    weight: Tensor,
    grad: Tensor,
) {
    let coefficients = shape.basis.slots().saturating_sub(1);
    let overrides = [
        ("TAPS", shape.taps() as f64),
        ("COEFFICIENTS", coefficients as f64),
        ("CO_PAD", shape.co_pad() as f64),
        ("WEIGHT", f64::from(factor)),
    ];
    let count = product(&[shape.taps(), coefficients, shape.co_pad()]);
    each(
        plan,
        "curvature_penalty",
        &overrides,
        &[weight, grad],
        count,
    );
}
