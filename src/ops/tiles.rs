//! How kernels are cut: the one table of tiles, workgroups and loops, a row for each class of adapter. A row for a single
//! adapter, of measured numbers, would stand beside these.
//!
//! Tiles of convolutions are lists, the largest first. A kernel takes the first that leaves enough invocations
//! ([`cut`]); a list of one is taken as it is.

use super::sizes::product;
use crate::gpu::{AdapterClass, Plan};

/// Turns that the compiler writes out in kernels with long loops: `UNROLLED` in their WGSL.
pub(super) const UNROLLED: usize = 8;

/// Invocations a workgroup of kernels that work element by element.
pub(super) const WORKGROUP: usize = 128;

/// Most slots of an edge that a kernel works on at a time: `MAX_S` in `shaders/shared/spline.wgsl`.
pub(super) const SLOTS: usize = 16;

/// Sums that an invocation of a spline's weight gradient keeps for each vec4 of outputs: its rows times their slots.
pub(super) const SPLINE_SUMS: usize = 24;

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiles {
    /// Invocations that fill the adapter. Where there are fewer, sums are shared by lanes, tiles made smaller and loops split.
    pub fill: usize,
    /// The same for the gradients of weights, whose sums are split over positions.
    pub fill_grad_weight: usize,
    /// The same for the largest tile of a spline's forward, whose many sums hide latency as well.
    pub fill_kan_conv_forward: usize,
    /// Whether kernels do several operations at once where that saves dispatches, each of which waits for those before.
    pub joined: bool,
    /// Whether tiles in workgroup memory are worth their barriers.
    pub workgroup_memory: bool,
    /// Turns that all loops of an invocation may take.
    pub most_turns: usize,
    /// Invocations a workgroup of convolutions.
    pub conv_workgroup: usize,
    /// Positions, and vec4 of outputs.
    pub conv_forward: &'static [[usize; 2]],
    /// Positions, and vec4 of outputs.
    pub kan_conv_forward: &'static [[usize; 2]],
    /// Positions, and vec4 of outputs.
    pub kan_conv_forward_local: &'static [[usize; 2]],
    /// Positions, and vec4 of outputs.
    pub kan_conv_forward_sparse: &'static [[usize; 2]],
    /// Positions, and input channels.
    pub conv_grad_input: &'static [[usize; 2]],
    /// Positions, and slots of input channels.
    pub kan_conv_grad_input: &'static [[usize; 2]],
    /// Taps of a tile of channels, and vec4 of outputs.
    pub conv_grad_weight: [usize; 2],
    /// Taps, and vec4 of outputs.
    pub kan_conv_grad_weight: [usize; 2],
    /// Prototypes whose distances to a query an invocation makes.
    pub distance_prototypes: usize,
    /// Invocations a workgroup that normalises a group of channels.
    pub norm_workgroup: usize,
    /// Invocations of a workgroup that is alone.
    pub lone_workgroup: usize,
    /// Invocations a workgroup that has a row's loss.
    pub loss_workgroup: usize,
    /// Fewest and most invocations a workgroup of a Fourier transform.
    pub fft_workgroup: [usize; 2],
}

/// A software rasteriser pays for loads: many positions share one load of the weights. Workgroup memory and barriers are
/// dear, so workgroups that share sums are one vector wide.
///
/// All loops of an invocation end after 65,535 turns in lavapipe, without a word.
const SOFTWARE: Tiles = Tiles {
    fill: 1,
    fill_grad_weight: 512,
    fill_kan_conv_forward: 1,
    joined: false,
    workgroup_memory: false,
    most_turns: 65_000,
    conv_workgroup: 32,
    conv_forward: &[[16, 4]],
    kan_conv_forward: &[[16, 2]],
    kan_conv_forward_local: &[[4, 2]],
    kan_conv_forward_sparse: &[[16, 1]],
    conv_grad_input: &[[16, 16]],
    kan_conv_grad_input: &[[16, 16]],
    conv_grad_weight: [4, 4],
    kan_conv_grad_weight: [3, 4],
    distance_prototypes: 4,
    norm_workgroup: 8,
    lone_workgroup: 1,
    loss_workgroup: 8,
    fft_workgroup: [8, 8],
};

/// The same for a plan that is to compile quickly: Mesa unrolls the loops over a tile, and compiling takes as long as their
/// code.
const SOFTWARE_QUICK: Tiles = Tiles {
    conv_forward: &[[4, 1]],
    kan_conv_forward: &[[4, 1]],
    kan_conv_forward_local: &[[4, 1]],
    kan_conv_forward_sparse: &[[4, 1]],
    ..SOFTWARE
};

/// Loads of positions of their own take a branch for each lane and element, which fewer taps leave in the caches.
const SOFTWARE_TURNED: Tiles = Tiles {
    kan_conv_grad_weight: [2, 4],
    ..SOFTWARE
};

/// From Mesa 25.1 on weights are loaded once for all lanes, so fewer positions may share them, and more of an invocation's
/// registers go to sums that share the basis or the gradient of a position.
const SOFTWARE_SCALAR: Tiles = Tiles {
    kan_conv_forward: &[[8, 3]],
    kan_conv_grad_input: &[[8, 32]],
    ..SOFTWARE
};

/// A large GPU holds a quarter of a million invocations, and hides the latency of loads with a quarter of them. Each keeps
/// few sums. The largest tiles of splines, and where they are taken, are what won at every shape that was timed on an H200
/// (docs/performance.md).
const HARDWARE: Tiles = Tiles {
    fill: 65_536,
    fill_grad_weight: 65_536,
    fill_kan_conv_forward: 24_576,
    joined: true,
    workgroup_memory: true,
    most_turns: usize::MAX,
    conv_workgroup: 64,
    conv_forward: &[[4, 2], [2, 2], [1, 2], [1, 1]],
    kan_conv_forward: &[[4, 3], [2, 2], [1, 2], [1, 1]],
    kan_conv_forward_local: &[[4, 2], [2, 2], [1, 2], [1, 1]],
    kan_conv_forward_sparse: &[[4, 1], [2, 1], [1, 1]],
    conv_grad_input: &[[4, 8], [2, 8], [1, 8], [1, 4]],
    kan_conv_grad_input: &[[4, 16], [4, 8], [2, 8], [1, 8], [1, 4]],
    conv_grad_weight: [2, 2],
    kan_conv_grad_weight: [1, 2],
    distance_prototypes: 1,
    norm_workgroup: 256,
    lone_workgroup: 256,
    loss_workgroup: 64,
    fft_workgroup: [32, 256],
};

/// The row for a plan.
pub(super) fn tiles(plan: &Plan) -> &'static Tiles {
    row(plan.class, plan.quick)
}

/// The row of a class, for plans that are to compile quickly or not.
pub(super) fn row(class: AdapterClass, quick: bool) -> &'static Tiles {
    match (class, quick) {
        (AdapterClass::Software, false) => &SOFTWARE,
        (AdapterClass::SoftwareTurned, false) => &SOFTWARE_TURNED,
        (AdapterClass::SoftwareScalar, false) => &SOFTWARE_SCALAR,
        (AdapterClass::Hardware, _) => &HARDWARE,
        (_, true) => &SOFTWARE_QUICK,
    }
}

/// How many positions an invocation makes (`TILE_P`, up to `most`), and workgroups for so many positions.
pub(super) fn position_tile(tiles: &Tiles, positions: usize, most: usize) -> (usize, usize) {
    let workgroup = tiles.conv_workgroup;
    let groups = positions.div_ceil(product(&[most, workgroup])).max(1);
    let tile = positions.div_ceil(product(&[groups, workgroup]));
    (tile, groups)
}

/// How many vec4 of outputs an invocation makes (`TILE_O`), and tiles that cover all of them. A tile
/// costs its outputs and `overhead` more, for what they share.
pub(super) fn output_tile(co_pad: usize, most: usize, overhead: usize) -> (usize, usize) {
    let outputs = co_pad / 4;
    let tiles = |size: usize| outputs.div_ceil(size);
    let best = (1..=most)
        .rev()
        .min_by_key(|&size| product(&[tiles(size), size.saturating_add(overhead)]));
    let best = best.unwrap_or(1);
    (best, tiles(best))
}

/// How a convolution's kernel is cut: the first of the tiles, the largest first, that leaves enough invocations, and into
/// how many splits its loop of so many `turns` is cut. `invocations` tells how many a tile leaves.
///
/// The largest is taken where it fills the adapter, or leaves `split_from` invocations when its loop is split. Two positions
/// share the weights that they load and have most of what a larger tile saves. So a loop is split, as far as each split
/// keeps some turns, before a tile is made smaller than that.
pub(super) fn cut(
    tiles: &Tiles,
    sizes: &[[usize; 2]],
    split_from: usize,
    turns: usize,
    invocations: impl Fn([usize; 2]) -> usize,
) -> ([usize; 2], usize) {
    const LEAST_TURNS: usize = 16;
    const MOST_SPLITS: usize = 64;
    let affordable = (turns / LEAST_TURNS).clamp(1, MOST_SPLITS);
    let wanted = |tile| tiles.fill.div_ceil(invocations(tile).max(1));
    let largest = sizes.first().copied().unwrap_or([1, 1]);
    let splits = |tile| wanted(tile).min(affordable);
    let left = product(&[invocations(largest), splits(largest)]);
    if wanted(largest) == 1 || left >= split_from {
        return (largest, splits(largest));
    }
    let mut smaller = sizes.iter().copied().skip(1);
    let fits = |tile: &[usize; 2]| wanted(*tile) <= affordable;
    let smallest = sizes.last().copied().unwrap_or(largest);
    let tile = smaller.find(fits).unwrap_or(smallest);
    (tile, splits(tile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernel;

    /// A kernel, the letters of its tile, and the sizes of it.
    type Kernel<'a> = (&'a str, [&'a str; 2], &'a [[usize; 2]]);

    /// The longest tiles that a kernel takes.
    fn most(name: &str, tiles: [&str; 2]) -> [usize; 2] {
        let set = tiles.map(|tile| (format!("TILE_{tile}"), f64::MAX));
        let arrays = kernel(name).unwrap().exact_arrays(&set);
        [0, 1].map(|k| arrays[k].1 as usize)
    }

    #[test]
    fn a_tile_fits_its_kernel() {
        for row in [
            &SOFTWARE,
            &SOFTWARE_QUICK,
            &SOFTWARE_TURNED,
            &SOFTWARE_SCALAR,
            &HARDWARE,
        ] {
            let kernels: [Kernel; 8] = [
                ("conv_forward", ["P", "O"], row.conv_forward),
                ("kan_conv_forward", ["P", "O"], row.kan_conv_forward),
                (
                    "kan_conv_forward_local",
                    ["P", "O"],
                    row.kan_conv_forward_local,
                ),
                (
                    "kan_conv_forward_sparse",
                    ["P", "O"],
                    row.kan_conv_forward_sparse,
                ),
                ("conv_grad_input", ["P", "R"], row.conv_grad_input),
                ("conv_grad_input", ["P", "R"], row.kan_conv_grad_input),
                ("conv_grad_weight", ["T", "O"], &[row.conv_grad_weight]),
                (
                    "kan_conv_grad_weight",
                    ["T", "O"],
                    &[row.kan_conv_grad_weight],
                ),
            ];
            for (name, tiles, sizes) in kernels {
                let most = most(name, tiles);
                for size in sizes {
                    assert!(size[0] <= most[0] && size[1] <= most[1], "{name}: {size:?}");
                }
            }
            let most = most("distance_forward", ["C", "C"])[0];
            assert!(row.distance_prototypes <= most);
        }
        assert_eq!(most("kan_conv_forward", ["S", "S"]), [SLOTS; 2]);
        assert_eq!(most("conv_forward", ["C", "C"]), [4; 2]);
    }

    /// Invocations and turns of 1 to 12, 32 to 48 and 12 to 24 channels, 50 clips; then of 12 to 24 channels, a single clip.
    #[test]
    fn the_largest_tile_of_a_spline_is_taken_where_it_was_timed() {
        let cut = |turns, invocations: usize| {
            let (sizes, from) = (HARDWARE.kan_conv_forward, HARDWARE.fill_kan_conv_forward);
            super::cut(&HARDWARE, sizes, from, turns, |[positions, outputs]| {
                invocations * 12 / (positions * outputs)
            })
        };
        assert_eq!(cut(9, 25_600), ([4, 3], 1));
        assert_eq!(cut(288, 1_792), ([4, 3], 18));
        assert_eq!(cut(108, 12_800), ([4, 3], 6));
        assert_eq!(cut(108, 256), ([1, 1], 6));
    }

    #[test]
    fn turns_that_are_written_out_are_as_many_as_the_kernels_say() {
        for kernel in crate::gpu::KERNELS {
            for line in kernel.wgsl().lines() {
                if let Some(turns) = line.strip_prefix("const UNROLLED = ") {
                    assert!(
                        turns.starts_with(&format!("{UNROLLED}u;")),
                        "{}",
                        kernel.name
                    );
                }
            }
        }
    }
}
