//! Convolutions by tiles in workgroup memory: the tiles that are worth trying for a shape, and what their kernels are given.
//! For GPUs alone: on a software rasteriser barriers cost more than they save.
//!
//! The tiles are those that won somewhere among 2,036 kernels timed on an H200 (docs/performance.md), and smaller ones in place of
//! what 16 KiB of workgroup memory do not hold. Splines have at most [`SLOTS`] slots.

use std::fmt::{Display, Formatter};

use super::append::limit_turns;
use super::conv_shape::ConvShape;
use super::reduce::{add_splits, split_target};
use super::sizes::{product, quotient};
use super::tiles::SLOTS;
use crate::gpu::{Plan, Tensor, kernel};

/// A tile of a pass, and into how many parts its sums are split. Where a shape has less room, it is cut smaller in the same way
/// every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    sizes: Sizes,
    pub(super) splits: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sizes {
    /// Of a forward: `tiled 4x16 p4 o2 i1 s3`.
    Forward {
        /// Rows and columns of output positions of a workgroup.
        group: [usize; 2],
        /// Positions of an invocation.
        positions: usize,
        /// vec4 of outputs of an invocation.
        outputs: usize,
        /// Inputs between two barriers: channels, of a plain convolution four of them each.
        inputs: usize,
    },
    /// Of a gradient of the input: `tiled x16 p4 y8 c1 k4 s2`.
    GradInput {
        /// Invocations of a workgroup over positions, and over channels.
        lanes: [usize; 2],
        /// Positions of an invocation, and channels.
        tile: [usize; 2],
        /// vec4 of outputs between two barriers.
        outputs: usize,
    },
    /// Of a gradient of the weights: `tiled i4 y16 4x4 o1 s102`.
    GradWeight {
        /// Invocations of a workgroup over inputs (channels, of a plain convolution eight of them each), and at most over outputs.
        lanes: [usize; 2],
        /// Rows and columns of output positions between two barriers.
        group: [usize; 2],
        /// vec4 of outputs of an invocation.
        outputs: usize,
    },
}

impl Display for Tile {
    fn fmt(&self, f: &mut Formatter) -> std::fmt::Result {
        let splits = self.splits;
        match self.sizes {
            Sizes::Forward {
                group: [h, w],
                positions,
                outputs,
                inputs,
            } => write!(
                f,
                "tiled {h}x{w} p{positions} o{outputs} i{inputs} s{splits}"
            ),
            Sizes::GradInput {
                lanes: [x, y],
                tile: [positions, channels],
                outputs,
            } => write!(
                f,
                "tiled x{x} p{positions} y{y} c{channels} k{outputs} s{splits}"
            ),
            Sizes::GradWeight {
                lanes: [i, y],
                group: [h, w],
                outputs,
            } => write!(f, "tiled i{i} y{y} {h}x{w} o{outputs} s{splits}"),
        }
    }
}

/// What a plan is given for a tile.
#[derive(Debug)]
struct Cut {
    kernel: &'static str,
    overrides: Vec<(&'static str, f64)>,
    workgroups: [usize; 3],
    /// Turns of an invocation's loops.
    turns: usize,
}

/// Invocations of a workgroup at most: WebGPU's default limit.
const MOST_LANES: usize = 256;

/// Invocations that fill a large GPU, for the tiles that split a sum as far as that.
const FILL: usize = 65_536;

/// Tiles of these sizes, with the invocations that each is to leave, that a shape has room for and WebGPU's default limits
/// allow. A sum is split into no more than so many parts.
fn fitting(
    shape: &ConvShape,
    all: &[(Sizes, usize)],
    most_splits: impl Fn(&Sizes) -> usize,
) -> Vec<Tile> {
    let mut tiles = Vec::new();
    // Splines of more slots are the register kernels'.
    for &(sizes, fill) in all.iter().filter(|_| shape.basis.slots() <= SLOTS) {
        let unsplit = Tile { sizes, splits: 1 };
        let splits = fill.div_ceil(unsplit.invocations(shape).max(1));
        let splits = splits.clamp(1, most_splits(&sizes).max(1));
        let tile = Tile { sizes, splits };
        if !tiles.contains(&tile) && tile.cut(shape).fits() {
            tiles.push(tile);
        }
    }
    tiles
}

/// Tiles of a forward, the one that suits most shapes first.
pub(super) fn forward_tiles(shape: &ConvShape) -> Vec<Tile> {
    let tile = |group, [positions, outputs, inputs]: [usize; 3]| Sizes::Forward {
        group,
        positions,
        outputs,
        inputs,
    };
    let plain = [
        (tile([4, 16], [2, 2, 2]), FILL),
        (tile([4, 16], [4, 2, 2]), FILL),
        (tile([4, 8], [2, 2, 4]), FILL),
        (tile([4, 8], [2, 4, 4]), FILL),
        (tile([4, 16], [2, 2, 2]), 2 * FILL),
    ];
    let spline = [
        (tile([4, 16], [4, 2, 1]), 2 * FILL),
        (tile([4, 16], [4, 2, 1]), FILL),
        (tile([4, 16], [4, 3, 1]), FILL),
        (tile([4, 16], [4, 4, 1]), FILL),
        (tile([4, 16], [2, 2, 1]), 2 * FILL),
        (tile([4, 8], [4, 2, 2]), FILL),
        (tile([6, 16], [4, 3, 1]), FILL),
    ];
    let tiles = if shape.is_plain() {
        &plain[..]
    } else {
        &spline
    };
    fitting(shape, tiles, |tile| match tile {
        Sizes::Forward { inputs, .. } => shape.inputs().div_ceil(*inputs).min(16),
        _ => 1,
    })
}

/// Tiles of a gradient of the input, the one that suits most shapes first.
pub(super) fn grad_input_tiles(shape: &ConvShape) -> Vec<Tile> {
    let tile = |lanes, tile| Sizes::GradInput {
        lanes,
        tile,
        outputs: 4,
    };
    let plain = [
        (tile([32, 4], [4, 4]), FILL),
        (tile([16, 8], [4, 8]), FILL),
        (tile([16, 4], [4, 8]), FILL),
        (tile([16, 8], [8, 4]), FILL),
    ];
    let spline = [
        (tile([16, 8], [4, 1]), FILL),
        (tile([16, 8], [4, 1]), 2 * FILL),
        (tile([16, 8], [8, 1]), 2 * FILL),
        (tile([32, 4], [4, 1]), FILL),
        (tile([16, 16], [4, 1]), FILL),
    ];
    let tiles = if shape.is_plain() {
        &plain[..]
    } else {
        &spline
    };
    // A split has at least two times so many vec4 of outputs as lie between two barriers.
    fitting(shape, tiles, |_| {
        shape.grad_input_turns().div_ceil(8).min(8)
    })
}

/// Tiles of a gradient of the weights, the one that suits most shapes first.
pub(super) fn grad_weight_tiles(shape: &ConvShape) -> Vec<Tile> {
    let tile = |lanes, group, outputs| Sizes::GradWeight {
        lanes,
        group,
        outputs,
    };
    let tiles = [
        (tile([2, 16], [4, 8], 1), FILL),
        (tile([4, 16], [4, 4], 1), FILL),
        (tile([4, 16], [4, 4], 2), FILL / 2),
        (tile([2, 6], [4, 8], 2), FILL),
        (tile([2, 16], [4, 4], 1), FILL),
        (tile([2, 16], [4, 4], 2), FILL),
        (tile([1, 16], [4, 8], 2), FILL),
    ];
    let affordable = quotient(16 << 20, shape.weight_len());
    fitting(shape, &tiles, |tile| match tile {
        Sizes::GradWeight { group, .. } => shape.tiles(*group).min(affordable).min(65_535),
        _ => 1,
    })
}

impl Cut {
    fn value(&self, name: &str) -> usize {
        let kernel = kernel(self.kernel);
        let value = kernel.and_then(|kernel| kernel.constant(self.overrides.iter().copied(), name));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size; one that is out of range becomes the least or the largest"
        )]
        value.map_or(usize::MAX, |value| value as usize)
    }

    /// Invocations of a workgroup.
    fn lanes(&self) -> usize {
        self.value("WORKGROUP")
    }

    /// Whether it is within WebGPU's default limits, with which every device is opened.
    fn fits(&self) -> bool {
        let limits = wgpu::Limits::default();
        let bytes = kernel(self.kernel).and_then(|k| k.workgroup_bytes(&self.overrides));
        let groups = limits.max_compute_workgroups_per_dimension as usize;
        bytes.is_some_and(|bytes| bytes <= limits.max_compute_workgroup_storage_size.into())
            && self.lanes() <= MOST_LANES
            && self.workgroups.iter().all(|&count| count <= groups)
    }

    /// With as many elements for an invocation to fill as all of them take.
    fn filled(mut self) -> Self {
        let fills = self.value("FILL").div_ceil(self.lanes().max(1));
        self.overrides.push(("TILE_F", fills as f64));
        self
    }
}

impl Tile {
    /// How many invocations it has for a shape.
    pub(super) fn invocations(&self, shape: &ConvShape) -> usize {
        let cut = self.cut(shape);
        product(&[product(&cut.workgroups), cut.lanes()])
    }

    /// What its kernel is given for a shape.
    fn cut(&self, shape: &ConvShape) -> Cut {
        let splits = self.splits;
        match self.sizes {
            Sizes::Forward {
                group,
                positions,
                outputs,
                inputs,
            } => forward(shape, group, [positions, outputs, inputs], splits),
            Sizes::GradInput {
                lanes,
                tile,
                outputs,
            } => grad_input(shape, lanes, tile, outputs, splits),
            Sizes::GradWeight {
                lanes,
                group,
                outputs,
            } => grad_weight(shape, lanes, group, outputs, splits),
        }
    }
}

impl ConvShape {
    /// What a tile takes for an input: a channel of a spline, four of a plain convolution.
    fn inputs(&self) -> usize {
        match self.basis.order {
            0 => self.ci.div_ceil(self.channel_tile()),
            _ => self.ci,
        }
    }

    /// Images, rows and columns of output positions of a workgroup that has room for so many rows and columns: where a
    /// whole image has fewer, several images.
    fn group(&self, [rows, columns]: [usize; 2]) -> [usize; 3] {
        let [out_h, out_w] = self.output();
        let most = |size: usize| size.checked_next_power_of_two().unwrap_or(usize::MAX);
        let (h, w) = (rows.min(most(out_h)), columns.min(most(out_w)));
        let room = quotient(product(&[rows, columns]), product(&[h, w]));
        let images = if h >= out_h && w >= out_w { room } else { 1 };
        [images.clamp(1, self.n.max(1)), h, w]
    }

    /// How many such groups of positions there are.
    fn tiles(&self, group: [usize; 2]) -> usize {
        let [n, h, w] = self.group(group);
        let [out_h, out_w] = self.output();
        product(&[self.n.div_ceil(n), out_h.div_ceil(h), out_w.div_ceil(w)])
    }

    fn is_plain(&self) -> bool {
        self.basis.order == 0
    }

    /// The constants of its shape, and of the slots of an input.
    fn tile_overrides(&self) -> Vec<(&'static str, f64)> {
        let mut overrides = self.overrides();
        match self.basis.order {
            0 => overrides.push(("TILE_S", self.channel_tile() as f64)),
            _ => overrides.extend(self.basis.overrides()),
        }
        overrides
    }
}

/// How many lanes share `columns` so that no more than `most` do, and how many workgroups there are for all columns.
fn lanes(columns: usize, most: usize) -> (usize, usize) {
    let groups = columns.div_ceil(most.clamp(1, columns.max(1)));
    (columns.div_ceil(groups.max(1)), groups)
}

fn forward(
    shape: &ConvShape,
    group: [usize; 2],
    [positions, outputs, inputs]: [usize; 3],
    splits: usize,
) -> Cut {
    let [n, h, w] = shape.group(group);
    let places = product(&[n, h, w]);
    let mut sizes = (1..=positions).rev();
    let positions = sizes.find(|size| places.is_multiple_of(*size)).unwrap_or(1);
    let lanes_p = quotient(places, positions).max(1);
    let vectors = shape.co_pad() / 4;
    let outputs = outputs.min(vectors);
    let (lanes_o, output_groups) = lanes(
        vectors.div_ceil(outputs.max(1)),
        quotient(MOST_LANES, lanes_p),
    );
    let mut overrides = shape.tile_overrides();
    overrides.extend([
        ("SPLITS", splits as f64),
        ("GROUP_N", n as f64),
        ("GROUP_H", h as f64),
        ("GROUP_W", w as f64),
        ("GROUP_I", inputs.min(shape.inputs()) as f64),
        ("LANES_O", lanes_o as f64),
        ("TILE_P", positions as f64),
        ("TILE_O", outputs as f64),
    ]);
    let cut = Cut {
        kernel: match shape.basis.order {
            0 => "conv_forward_tiled",
            _ => "kan_conv_forward_tiled",
        },
        overrides,
        workgroups: [shape.tiles(group), output_groups, splits],
        turns: product(&[shape.taps(), shape.basis.slots()]).div_ceil(splits.max(1)),
    };
    cut.filled()
}

fn grad_input(
    shape: &ConvShape,
    [most_p, most_i]: [usize; 2],
    [positions, channels]: [usize; 2],
    outputs: usize,
    splits: usize,
) -> Cut {
    let (slots, _) = shape.basis.slot_tile();
    let channels = channels.min(shape.ci);
    let (lanes_i, channel_groups) = lanes(shape.ci.div_ceil(channels.max(1)), most_i);
    // A workgroup keeps its invocations where channels are few.
    let few = product(&[2, most_p, lanes_i]) <= product(&[most_p, most_i]);
    let lanes_p = if few {
        product(&[2, most_p]).min(64)
    } else {
        most_p
    };
    let vectors = shape.co_pad() / 4;
    let most = outputs.min(vectors);
    let mut divisors = (2..=most).rev();
    let outputs = divisors
        .find(|size| vectors.is_multiple_of(*size))
        .unwrap_or(most);
    let groups = shape
        .phase_positions()
        .div_ceil(product(&[lanes_p, positions]).max(1));
    let mut overrides = shape.overrides();
    overrides.extend(shape.basis.overrides());
    overrides.extend([
        ("SPLITS", splits as f64),
        ("LANES_P", lanes_p as f64),
        ("LANES_I", lanes_i as f64),
        ("GROUP_O", outputs as f64),
        ("TILE_P", positions as f64),
        ("TILE_R", product(&[channels, slots]) as f64),
    ]);
    let cut = Cut {
        kernel: "conv_grad_input_tiled",
        overrides,
        workgroups: [
            product(&[&shape.stride[..], &[groups]].concat()),
            channel_groups,
            splits,
        ],
        turns: shape.grad_input_turns().div_ceil(splits.max(1)),
    };
    cut.filled()
}

fn grad_weight(
    shape: &ConvShape,
    [inputs, most]: [usize; 2],
    group: [usize; 2],
    outputs: usize,
    splits: usize,
) -> Cut {
    let [n, h, w] = shape.group(group);
    // A plain weight's invocation has eight channels in place of slots.
    let own_inputs = match shape.basis.order {
        0 => shape.inputs().min(2),
        _ => 1,
    };
    let lanes_i = inputs.min(shape.inputs().div_ceil(own_inputs.max(1)));
    let taps = product(&[lanes_i, shape.kernel[0], shape.kernel[1]]);
    let vectors = shape.co_pad() / 4;
    let outputs = outputs.min(vectors);
    let most = most.min(quotient(MOST_LANES, taps));
    let (lanes_o, output_groups) = lanes(vectors.div_ceil(outputs.max(1)), most);
    let mut overrides = shape.tile_overrides();
    overrides.extend([
        ("SPLITS", splits as f64),
        ("GROUP_N", n as f64),
        ("GROUP_H", h as f64),
        ("GROUP_W", w as f64),
        ("LANES_I", lanes_i as f64),
        ("LANES_O", lanes_o as f64),
        ("TILE_I", own_inputs as f64),
        ("TILE_O", outputs as f64),
    ]);
    let input_groups = shape
        .inputs()
        .div_ceil(product(&[lanes_i, own_inputs]).max(1));
    let cut = Cut {
        kernel: match shape.basis.order {
            0 => "conv_grad_weight_tiled",
            _ => "kan_conv_grad_weight_tiled",
        },
        overrides,
        workgroups: [splits, input_groups, output_groups],
        turns: product(&[shape.tiles(group).div_ceil(splits.max(1)), n, h, w]),
    };
    cut.filled()
}

/// Appends a pass by its tile, and the sum of its splits. The bindings are those of its kernel but the last, which is
/// `total`.
pub(super) fn tiled(
    plan: &mut Plan,
    shape: &ConvShape,
    tile: &Tile,
    bindings: &[Tensor],
    total: Tensor,
) {
    let written = split_target(plan, tile.splits, total);
    tiled_splits(plan, shape, tile, bindings, written);
    add_splits(plan, written, total);
}

/// The same without the sum: `written` has the parts of all splits.
pub(super) fn tiled_splits(
    plan: &mut Plan,
    shape: &ConvShape,
    tile: &Tile,
    bindings: &[Tensor],
    written: Tensor,
) {
    let Cut {
        kernel,
        overrides,
        workgroups,
        turns,
    } = tile.cut(shape);
    limit_turns(plan, kernel, turns);
    let bindings = [bindings, &[written]].concat();
    plan.dispatch(kernel, &overrides, &bindings, workgroups);
    plan.count(&shape.words(), shape.flops());
}
