//! Convolutions with functions on their edges; ordinary ones are those of order 0.

use super::append::{limit_turns, require_window};
use super::conv_layout::{channels_last, weights_of_powers};
use super::conv_shape::ConvShape;
use super::reduce::{add_splits, split_target};
use super::sizes::product;
use super::tiles::{Tiles, cut, output_tile, position_tile, tiles};
use crate::gpu::{Plan, Tensor, word};

/// For tiles of which the largest is taken only where its loop need not be split.
const NEVER: usize = usize::MAX;

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
    let kernel_weight = in_kernels_basis(plan, shape, weight);
    conv_forward_prepared(plan, shape, x, kernel_weight, bias, y)
}

/// The same with weights as the kernels take them: of truncated powers where the basis has them ([`weights_of_powers`]).
///
/// [`weights_of_powers`]: super::weights_of_powers
pub(crate) fn conv_forward_prepared(
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
        let tile = forward_tile(tiles, shape, (tiles.conv_forward, NEVER), 2, turns);
        let more = [("TILE_C", shape.channel_tile() as f64)];
        limit_turns(plan, "conv_forward", turns);
        let bindings = [kept.kernel_x, weight, bias, y];
        dispatch_forward(plan, "conv_forward", shape, tile, &more, bindings);
    } else if shape.basis.is_local() {
        kan_conv_forward_local(plan, shape, x, weight, bias, y);
    } else {
        kan_conv_forward_dense(plan, shape, x, weight, bias, y);
    }
    kept
}

/// The same for splines on a small grid, for each four outputs by the taps alone of which `taps` has a list, ascending: edges by
/// others are zero.
pub fn conv_forward_by_taps(
    plan: &mut Plan,
    shape: &ConvShape,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    taps: &[Vec<u32>],
    y: Tensor,
) -> ConvKept {
    require_window(plan, shape.kernel, shape.padded());
    let kernel_weight = in_kernels_basis(plan, shape, weight);
    kan_conv_forward_sparse(plan, shape, x, kernel_weight, bias, taps, y);
    ConvKept {
        x,
        kernel_x: x,
        kernel_weight,
    }
}

/// Weights of splines as the kernels take them.
fn in_kernels_basis(plan: &mut Plan, shape: &ConvShape, weight: Tensor) -> Tensor {
    if !shape.basis.has_powers() {
        return weight;
    }
    weights_of_powers(plan, &[(*shape, 0)], weight)
        .pop()
        .unwrap_or(weight)
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
    let sizes = (tiles.kan_conv_forward, tiles.fill_kan_conv_forward);
    let tile = forward_tile(tiles, shape, sizes, 1, turns);
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
    let sizes = (tiles.kan_conv_forward_local, NEVER);
    let tile = forward_tile(tiles, shape, sizes, 1, turns);
    let more = shape.basis.overrides();
    let more = more
        .into_iter()
        .filter(|(name, _)| !["POWERS", "TILE_S"].contains(name));
    let (more, bindings) = (Vec::from_iter(more), [x, weight, bias, y]);
    dispatch_forward(plan, "kan_conv_forward_local", shape, tile, &more, bindings);
}

/// y = convolution of x, for each vec4 of outputs by the taps alone of which it has a list, ascending; `weight` is in the kernels'
/// basis.
pub fn kan_conv_forward_sparse(
    plan: &mut Plan,
    shape: &ConvShape,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    lists: &[Vec<u32>],
    y: Tensor,
) {
    let (_, slot_tiles) = shape.basis.slot_tile();
    let most = lists.iter().map(Vec::len).max().unwrap_or(0);
    let turns = product(&[most, slot_tiles]);
    limit_turns(plan, "kan_conv_forward_sparse", turns);
    let mut words = vec![0_u32];
    for list in lists {
        words.push(
            words
                .last()
                .copied()
                .unwrap_or(0)
                .saturating_add(word(list.len())),
        );
    }
    words.extend(lists.iter().flatten());
    let (listed, tiles_of_outputs) = (words.len(), lists.len());
    let walked: usize = lists.iter().map(Vec::len).sum();
    let lists = plan.constant_words("lists of taps", [1, 1, 1, listed], words);
    let tiles = tiles(plan);
    let sizes = (tiles.kan_conv_forward_sparse, NEVER);
    // Lists are of single vec4 of outputs, and no loop is split: one that is short has little to part.
    let (tile, [groups, outputs, _]) = forward_tile(tiles, shape, sizes, 1, 1);
    let mut overrides = shape.overrides();
    overrides.extend(tile.into_iter().filter(|(name, _)| *name != "SPLITS"));
    overrides.extend(shape.basis.overrides());
    overrides.push(("LISTED", listed as f64));
    let bindings = [x, weight, bias, lists, y];
    let workgroups = [groups, outputs, 1];
    plan.dispatch("kan_conv_forward_sparse", &overrides, &bindings, workgroups);
    let share = walked as f64 / product(&[tiles_of_outputs, shape.taps()]) as f64;
    let words = format!("{}, {:.0} % of the taps", shape.words(), 100.0 * share);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count is rounded to a count"
    )]
    plan.count(&words, (share * shape.flops() as f64) as u64);
}

/// The override constants of a forward kernel's tile, and its workgroups; `sizes` are its tiles in positions and vec4 of
/// outputs, and from how many invocations on the largest is taken though its loop is split.
fn forward_tile(
    tiles: &Tiles,
    shape: &ConvShape,
    (sizes, split_from): (&[[usize; 2]], usize),
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
    let ([most_positions, most_outputs], splits) =
        cut(tiles, sizes, split_from, turns, invocations);
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
