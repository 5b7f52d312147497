//! Convolutions with functions on their edges; ordinary ones are those of order 0.

use super::append::{limit_turns, require_window};
use super::conv_layout::{change_basis, channels_last};
use super::conv_shape::ConvShape;
use super::reduce::{add_splits, split_target};
use super::sizes::product;
use super::tiles::{Tiles, cut, output_tile, position_tile, tiles};
use crate::gpu::{BufferRole, Plan, Tensor};

/// What the forward of a convolution leaves for its backward: input and weights as its kernels read them.
#[derive(Debug, Clone, Copy)]
pub struct ConvKept {
    /// The input, [n, ci, height, width].
    pub x: Tensor,
    /// The input with the channels innermost; for splines the input itself.
    pub kernel_x: Tensor,
    /// Weights of truncated powers where the basis has them, else the weights themselves.
    pub kernel_weight: Tensor,
}

/// y = convolution of x; `bias` has one value for each output channel.
pub fn conv_forward(
    plan: &mut Plan,
    shape: &ConvShape,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    y: Tensor,
) -> ConvKept {
    require_window(plan, shape.kernel, shape.padded());
    let mut kept = ConvKept {
        x,
        kernel_x: x,
        kernel_weight: weight,
    };
    if shape.basis.order == 0 {
        if shape.ci > 1 {
            kept.kernel_x = channels_last(plan, x.reshaped(shape.input_shape()));
        }
        let (tiles, turns) = (tiles(plan), shape.tiled_taps());
        let tile = forward_tile(tiles, shape, tiles.conv_forward, 2, turns);
        let more = [("TILE_C", shape.channel_tile() as f64)];
        limit_turns(plan, "conv_forward", turns);
        let bindings = [kept.kernel_x, weight, bias, y];
        dispatch_forward(plan, "conv_forward", shape, tile, &more, bindings);
    } else if shape.basis.is_local() {
        kan_conv_forward_local(plan, shape, x, weight, bias, y);
    } else {
        if shape.basis.has_powers() {
            let matrix = shape.basis.powers_from_splines();
            kept.kernel_weight =
                plan.tensor("weights of powers", weight.shape, BufferRole::Scratch);
            change_basis(plan, shape, matrix, weight, kept.kernel_weight);
        }
        kan_conv_forward_dense(plan, shape, x, kept.kernel_weight, bias, y);
    }
    kept
}

/// y = convolution of x, by all splines of an edge; `weight` is in the kernels' basis.
pub fn kan_conv_forward_dense(
    plan: &mut Plan,
    shape: &ConvShape,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    y: Tensor,
) {
    let (_, slot_tiles) = shape.basis.slot_tile();
    let turns = product(&[shape.taps(), slot_tiles]);
    limit_turns(plan, "kan_conv_forward", turns);
    let tiles = tiles(plan);
    let tile = forward_tile(tiles, shape, tiles.kan_conv_forward, 1, turns);
    let (more, bindings) = (shape.basis.overrides(), [x, weight, bias, y]);
    dispatch_forward(plan, "kan_conv_forward", shape, tile, &more, bindings);
}

/// y = convolution of x, by the few splines of an edge that are not zero at a place; `weight` is that of
/// B-splines.
pub fn kan_conv_forward_local(
    plan: &mut Plan,
    shape: &ConvShape,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    y: Tensor,
) {
    let (tiles, turns) = (tiles(plan), shape.taps());
    limit_turns(plan, "kan_conv_forward_local", turns);
    let tile = forward_tile(tiles, shape, tiles.kan_conv_forward_local, 1, turns);
    let more = shape.basis.overrides();
    let more = more
        .into_iter()
        .filter(|(name, _)| !["POWERS", "TILE_S"].contains(name));
    let (more, bindings) = (Vec::from_iter(more), [x, weight, bias, y]);
    dispatch_forward(plan, "kan_conv_forward_local", shape, tile, &more, bindings);
}

/// The override constants of a forward kernel's tile, and its workgroups; `sizes` are its tiles in positions and vec4 of
/// outputs.
fn forward_tile(
    tiles: &Tiles,
    shape: &ConvShape,
    sizes: &[[usize; 2]],
    overhead: usize,
    turns: usize,
) -> ([(&'static str, f64); 4], [usize; 3]) {
    let workgroup = tiles.conv_workgroup;
    let [out_h, out_w] = shape.output();
    let positions = product(&[shape.n, out_h, out_w]);
    let invocations = |[most_positions, most_outputs]: [usize; 2]| {
        let (_, groups) = position_tile(tiles, positions, most_positions);
        let (_, output_tiles) = output_tile(shape.co_pad(), most_outputs, overhead);
        product(&[workgroup, groups, output_tiles])
    };
    let ([most_positions, most_outputs], splits) = cut(tiles, sizes, turns, invocations);
    let (tile, groups) = position_tile(tiles, positions, most_positions);
    let (outputs, output_tiles) = output_tile(shape.co_pad(), most_outputs, overhead);
    let overrides = [
        ("TILE_P", tile as f64),
        ("TILE_O", outputs as f64),
        ("WORKGROUP", workgroup as f64),
        ("SPLITS", splits as f64),
    ];
    (overrides, [groups, output_tiles, splits])
}

fn dispatch_forward(
    plan: &mut Plan,
    kernel: &str,
    shape: &ConvShape,
    (tile, workgroups): ([(&'static str, f64); 4], [usize; 3]),
    more: &[(&'static str, f64)],
    [x, weight, bias, y]: [Tensor; 4],
) {
    let mut overrides = shape.overrides();
    overrides.extend(tile);
    overrides.extend(more);
    let written = split_target(plan, workgroups[2], y);
    plan.dispatch(kernel, &overrides, &[x, weight, bias, written], workgroups);
    plan.count(&shape.words(), shape.flops());
    add_splits(plan, written, y);
}
