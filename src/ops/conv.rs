//! Convolutions with functions on their edges; ordinary ones are those of order 0.

use super::append::{limit_turns, require_window};
use super::conv_layout::{channels_last, weights_of_powers};
use super::conv_shape::ConvShape;
use super::menu::{Pass, Variant, forward_tile, forward_turns, pick};
use super::reduce::{add_splits, split_target};
use super::sizes::product;
use super::tiled::tiled;
use super::tiles::tiles;
use crate::gpu::{Plan, Tensor, word};

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
    if shape.basis.order == 0 && shape.ci > 1 {
        kept.kernel_x = channels_last(plan, x.reshaped(shape.input_shape()));
    }
    let variant = pick(plan, Pass::Forward, shape);
    let bindings = [kept.kernel_x, kept.kernel_weight, bias, y];
    conv_forward_by(plan, shape, variant, bindings);
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
pub(crate) fn in_kernels_basis(plan: &mut Plan, shape: &ConvShape, weight: Tensor) -> Tensor {
    if !shape.basis.has_powers() {
        return weight;
    }
    weights_of_powers(plan, &[(*shape, 0)], weight)
        .pop()
        .unwrap_or(weight)
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
    let sizes = (tiles.kan_conv_forward_sparse, usize::MAX);
    // Lists are of single vec4 of outputs, and no loop is split: one that is short has little to part.
    let (tile, _) = forward_tile(tiles, shape, sizes, 1);
    let workgroup = tiles.conv_workgroup;
    let mut overrides = shape.overrides();
    overrides.extend(tile_overrides(tile, workgroup));
    overrides.extend(shape.basis.overrides());
    overrides.push(("LISTED", listed as f64));
    let bindings = [x, weight, bias, lists, y];
    let workgroups = forward_workgroups(shape, tile, workgroup, 1);
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

/// The override constants of a forward kernel's tile of positions and vec4 of outputs.
fn tile_overrides([positions, outputs]: [usize; 2], workgroup: usize) -> [(&'static str, f64); 3] {
    [
        ("TILE_P", positions as f64),
        ("TILE_O", outputs as f64),
        ("WORKGROUP", workgroup as f64),
    ]
}

/// Workgroups that cover all positions and outputs.
fn forward_workgroups(
    shape: &ConvShape,
    [positions, outputs]: [usize; 2],
    workgroup: usize,
    splits: usize,
) -> [usize; 3] {
    let [out_h, out_w] = shape.output();
    let all = product(&[shape.n, out_h, out_w]);
    [
        all.div_ceil(product(&[positions, workgroup]).max(1)),
        (shape.co_pad() / 4).div_ceil(outputs.max(1)),
        splits,
    ]
}

/// y = convolution of x in a variant of the menu; x and weight as its kernels read them.
pub fn conv_forward_by(
    plan: &mut Plan,
    shape: &ConvShape,
    variant: Variant,
    [x, weight, bias, y]: [Tensor; 4],
) {
    let plain = shape.basis.order == 0;
    let (kernel, tile, workgroup, splits) = match variant {
        Variant::Registers {
            tile,
            workgroup,
            splits,
        } if plain => ("conv_forward", tile, workgroup, splits),
        Variant::Registers {
            tile,
            workgroup,
            splits,
        } => ("kan_conv_forward", tile, workgroup, splits),
        Variant::Local {
            tile,
            workgroup,
            splits,
        } => ("kan_conv_forward_local", tile, workgroup, splits),
        Variant::Tiled(tile) => return tiled(plan, shape, &tile, &[x, weight, bias], y),
    };
    limit_turns(plan, kernel, forward_turns(shape, variant));
    let mut overrides = shape.overrides();
    overrides.extend(tile_overrides(tile, workgroup));
    overrides.push(("SPLITS", splits as f64));
    if plain {
        overrides.push(("TILE_C", shape.channel_tile() as f64));
    } else {
        // What the kernel of local support has not.
        let local = matches!(variant, Variant::Local { .. });
        let unknown = |name| local && ["POWERS", "TILE_S"].contains(&name);
        let of_basis = shape.basis.overrides().into_iter();
        overrides.extend(of_basis.filter(|(name, _)| !unknown(*name)));
    }
    let written = split_target(plan, splits, y);
    let workgroups = forward_workgroups(shape, tile, workgroup, splits);
    plan.dispatch(kernel, &overrides, &[x, weight, bias, written], workgroups);
    plan.count(&shape.words(), shape.flops());
    add_splits(plan, written, y);
}
