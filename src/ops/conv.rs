//! Convolutions with functions on their edges; ordinary ones are those of order 0.

use super::{
    Basis, ENOUGH, SOFTWARE_TURNS, UNROLLED, WORKGROUP, each, each_sum, limit_turns, product,
    quotient, require_window, width,
};
use crate::gpu::{AdapterClass, BufferRole, Plan, Shape, Tensor};

/// The shape of a convolution with functions on its edges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvShape {
    /// Images in the batch.
    pub n: usize,
    /// Input channels.
    pub ci: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Output channels.
    pub co: usize,
    /// Height and width of the kernel; no larger than the padded input.
    pub kernel: [usize; 2],
    /// Strides, at least 1.
    pub stride: [usize; 2],
    /// Padding on each side: taps there are absent edges.
    pub padding: [usize; 2],
    /// The functions on the edges.
    pub basis: Basis,
}

impl ConvShape {
    /// Height and width of the output.
    pub fn output(&self) -> [usize; 2] {
        let padded = self.padded();
        [0, 1]
            .map(|a| quotient(padded[a].saturating_sub(self.kernel[a]), self.stride[a]))
            .map(|steps| steps.saturating_add(1))
    }

    /// Height and width of the padded input.
    fn padded(&self) -> [usize; 2] {
        [0, 1].map(|a| self.input[a].saturating_add(self.padding[a].saturating_mul(2)))
    }

    /// Shape of the input, [n, ci, height, width].
    pub fn input_shape(&self) -> Shape {
        [self.n, self.ci, self.input[0], self.input[1]]
    }

    /// Shape of the output, [n, co, height, width].
    pub fn output_shape(&self) -> Shape {
        [self.n, self.co, self.output()[0], self.output()[1]]
    }

    /// Output channels rounded up to a multiple of 4, as weights are stored.
    pub fn co_pad(&self) -> usize {
        self.co.checked_next_multiple_of(4).unwrap_or(usize::MAX)
    }

    /// Taps: input channels times kernel area.
    pub fn taps(&self) -> usize {
        product(&[self.ci, self.kernel[0], self.kernel[1]])
    }

    /// Elements of the weights as stored, [taps, slots, co_pad].
    pub fn weight_len(&self) -> usize {
        product(&[self.taps(), self.basis.slots(), self.co_pad()])
    }

    /// Floating-point operations of each of its three directions, counted as those of a dense product.
    pub fn flops(&self) -> u64 {
        let [h, w] = self.output();
        let counted = [2, self.n, h, w, self.taps(), self.basis.slots(), self.co];
        product(&counted) as u64
    }

    /// The shape in words, for profiles.
    fn words(&self) -> String {
        let Self {
            n, ci, co, basis, ..
        } = self;
        let ([height, width], [kh, kw]) = (self.input, self.kernel);
        let grid = match basis.order > 0 && basis.grid != 4 {
            true => format!(", grid {}", basis.grid),
            false => String::new(),
        };
        let stride = self.stride[1];
        format!("{ci}->{co} @ {height}x{width}, {kh}x{kw} stride {stride}, batch {n}{grid}")
    }

    /// How many channels the kernels of an ordinary convolution read at a time.
    fn channel_tile(&self) -> usize {
        if self.ci == 1 { 1 } else { 4 }
    }

    /// Taps of an ordinary convolution, a tile of channels at a time.
    fn tiled_taps(&self) -> usize {
        let channel_tiles = self.ci.div_ceil(self.channel_tile());
        product(&[channel_tiles, self.kernel[0], self.kernel[1]])
    }

    fn overrides(&self) -> Vec<(&'static str, f64)> {
        let [out_h, out_w] = self.output();
        [
            ("N", self.n),
            ("CI", self.ci),
            ("IN_H", self.input[0]),
            ("IN_W", self.input[1]),
            ("CO", self.co),
            ("CO_PAD", self.co_pad()),
            ("OUT_H", out_h),
            ("OUT_W", out_w),
            ("KERNEL_H", self.kernel[0]),
            ("KERNEL_W", self.kernel[1]),
            ("STRIDE_H", self.stride[0]),
            ("STRIDE_W", self.stride[1]),
            ("PAD_H", self.padding[0]),
            ("PAD_W", self.padding[1]),
        ]
        .map(|(name, value)| (name, value as f64))
        .to_vec()
    }
}

/// Most positions of an invocation in a plan that is to compile quickly.
const QUICK_POSITIONS: usize = 4;

/// How many positions an invocation makes (`TILE_P`, up to `most`), invocations a workgroup, and
/// workgroups for so many positions.
fn position_tile(class: AdapterClass, positions: usize, most: usize) -> (usize, usize, usize) {
    let workgroup = match class {
        AdapterClass::Software => 32,
        AdapterClass::Hardware => 64,
    };
    let groups = positions.div_ceil(product(&[most, workgroup])).max(1);
    let tile = positions.div_ceil(product(&[groups, workgroup]));
    (tile, workgroup, groups)
}

/// How many vec4 of outputs an invocation makes (`TILE_O`), and tiles that cover all of them. A tile
/// costs its outputs and `overhead` more, for what they share.
fn output_tile(co_pad: usize, most: usize, overhead: usize) -> (usize, usize) {
    let outputs = co_pad / 4;
    let tiles = |size: usize| outputs.div_ceil(size);
    let best = (1..=most)
        .rev()
        .min_by_key(|&size| product(&[tiles(size), size.saturating_add(overhead)]));
    let best = best.unwrap_or(1);
    (best, tiles(best))
}

/// How a convolution's kernel is cut for a GPU: the first of the tiles, the largest first, that leaves enough invocations,
/// and into how many splits its loop of so many `turns` is cut. `invocations` tells how many a tile leaves.
///
/// Two positions share the weights that they load and have most of what a larger tile saves. So a loop is split, as far as
/// each split keeps some turns, before a tile is made smaller than that.
fn hardware_tile(
    tiles: [[usize; 2]; 4],
    turns: usize,
    invocations: impl Fn([usize; 2]) -> usize,
) -> ([usize; 2], usize) {
    const LEAST_TURNS: usize = 16;
    const MOST_SPLITS: usize = 64;
    let affordable = (turns / LEAST_TURNS).clamp(1, MOST_SPLITS);
    let wanted = |tile| ENOUGH.div_ceil(invocations(tile).max(1));
    let [largest, .., smallest] = tiles;
    if wanted(largest) == 1 {
        return (largest, 1);
    }
    let smaller = tiles.into_iter().skip(1);
    let tile = smaller
        .into_iter()
        .find(|&tile| wanted(tile) <= affordable)
        .unwrap_or(smallest);
    (tile, wanted(tile).min(affordable))
}

/// What the splits of a step write: `total` itself if there is one.
fn split_target(plan: &mut Plan, splits: usize, total: Tensor) -> Tensor {
    if splits == 1 {
        return total;
    }
    let shape = [splits, 1, 1, total.len()];
    plan.tensor("split partials", shape, BufferRole::Scratch)
}

/// Adds what the splits of a step have written.
fn add_splits(plan: &mut Plan, written: Tensor, total: Tensor) {
    if written != total {
        reduce_partials(plan, written, total);
    }
}

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
        let turns = shape.tiled_taps();
        let tile = forward_tile(plan, shape, [16, 4], 2, turns);
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
    let tile = forward_tile(plan, shape, [16, 2], 1, turns);
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
    limit_turns(plan, "kan_conv_forward_local", shape.taps());
    let tile = forward_tile(plan, shape, [4, 2], 1, shape.taps());
    let more = shape.basis.overrides();
    let more = more
        .into_iter()
        .filter(|(name, _)| !["POWERS", "TILE_S"].contains(name));
    let (more, bindings) = (Vec::from_iter(more), [x, weight, bias, y]);
    dispatch_forward(plan, "kan_conv_forward_local", shape, tile, &more, bindings);
}

/// The override constants of a forward kernel's tile, and its workgroups; `software` is the largest tile there, in positions
/// and vec4 of outputs. A software rasteriser pays for loads: many positions share one load of the weights. A GPU needs many
/// invocations more.
fn forward_tile(
    plan: &Plan,
    shape: &ConvShape,
    software: [usize; 2],
    overhead: usize,
    turns: usize,
) -> ([(&'static str, f64); 4], [usize; 3]) {
    let class = plan.class;
    // Mesa unrolls the loops over a tile, and compiling takes as long as their code.
    let software = match plan.quick {
        true => [software[0].min(QUICK_POSITIONS), 1],
        false => software,
    };
    const HARDWARE: [[usize; 2]; 4] = [[4, 2], [2, 2], [1, 2], [1, 1]];
    let [out_h, out_w] = shape.output();
    let positions = product(&[shape.n, out_h, out_w]);
    let invocations = |[most_positions, most_outputs]: [usize; 2]| {
        let (_, workgroup, groups) = position_tile(class, positions, most_positions);
        let (_, tiles) = output_tile(shape.co_pad(), most_outputs, overhead);
        product(&[workgroup, groups, tiles])
    };
    let ([most_positions, most_outputs], splits) = match class {
        AdapterClass::Software => (software, 1),
        AdapterClass::Hardware => hardware_tile(HARDWARE, turns, invocations),
    };
    let (tile, workgroup, groups) = position_tile(class, positions, most_positions);
    let (outputs, tiles) = output_tile(shape.co_pad(), most_outputs, overhead);
    let overrides = [
        ("TILE_P", tile as f64),
        ("TILE_O", outputs as f64),
        ("WORKGROUP", workgroup as f64),
        ("SPLITS", splits as f64),
    ];
    (overrides, [groups, tiles, splits])
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

/// Gradients of the weights, the bias and, where it is wanted, the input from grad_y.
pub fn conv_backward(
    plan: &mut Plan,
    shape: &ConvShape,
    kept: &ConvKept,
    grad_y: Tensor,
    [grad_weight, grad_bias]: [Tensor; 2],
    grad_x: Option<Tensor>,
) {
    let outputs_last = channels_last(plan, grad_y.reshaped(shape.output_shape()));
    if shape.basis.has_powers() {
        let of_powers = plan.tensor("power gradients", grad_weight.shape, BufferRole::Scratch);
        conv_grad_weight(plan, shape, kept.kernel_x, outputs_last, of_powers);
        let slots = shape.basis.slots();
        let matrix = shape.basis.powers_from_splines();
        let transposed = (0..slots)
            .flat_map(|column| matrix.iter().skip(column).step_by(slots))
            .copied()
            .collect();
        change_basis(plan, shape, transposed, of_powers, grad_weight);
    } else {
        conv_grad_weight(plan, shape, kept.kernel_x, outputs_last, grad_weight);
    }
    let [out_h, out_w] = shape.output();
    let partial = plan.tensor(
        "bias partials",
        [shape.n, 1, 1, shape.co],
        BufferRole::Scratch,
    );
    channel_sum(plan, product(&[out_h, out_w]), grad_y, partial);
    reduce_partials(plan, partial, grad_bias);
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
    let [rows, columns] = [0, 1].map(|a| shape.input[a].div_ceil(shape.stride[a].max(1)));
    let positions = product(&[shape.n, rows, columns]);
    let (slots, slot_tiles) = shape.basis.slot_tile();
    let [taps_h, taps_w] = [0, 1].map(|a| shape.kernel[a].div_ceil(shape.stride[a].max(1)));
    let turns = product(&[taps_h, taps_w, shape.co_pad() / 4]);
    limit_turns(
        plan,
        "conv_grad_input",
        product(&[slot_tiles, turns]).saturating_add(slot_tiles),
    );
    // Tiles in positions and rows; a row is a slot of a channel.
    const HARDWARE: [[usize; 2]; 4] = [[4, 8], [2, 8], [1, 8], [1, 4]];
    let phases = product(&shape.stride);
    let channel_tiles = |most_rows: usize| {
        let channels = quotient(most_rows, slots).max(1);
        shape.ci.div_ceil(channels).max(1)
    };
    let class = plan.class;
    let invocations = |[most_positions, most_rows]: [usize; 2]| {
        let (_, workgroup, groups) = position_tile(class, positions, most_positions);
        product(&[workgroup, groups, phases, channel_tiles(most_rows)])
    };
    let ([most_positions, most_rows], splits) = match class {
        AdapterClass::Software => ([16, 16], 1),
        AdapterClass::Hardware => hardware_tile(HARDWARE, turns, invocations),
    };
    let (tile, workgroup, groups) = position_tile(class, positions, most_positions);
    let channel_tiles = channel_tiles(most_rows);
    let tile_rows = product(&[shape.ci.div_ceil(channel_tiles), slots]);
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

/// grad_weight in the kernels' basis, by partial sums and a second pass.
fn conv_grad_weight(
    plan: &mut Plan,
    shape: &ConvShape,
    kernel_x: Tensor,
    outputs_last: Tensor,
    grad_weight: Tensor,
) {
    let plain = shape.basis.order == 0;
    let (slots, slot_tiles) = shape.basis.slot_tile();
    // Enough invocations to fill the adapter, by splitting the positions; a GPU keeps fewer sums each.
    let (most, workgroup, wanted) = match plan.class {
        AdapterClass::Software => (
            if plain {
                4
            } else {
                quotient(24, slots).clamp(1, 3)
            },
            32,
            512,
        ),
        AdapterClass::Hardware => (if plain { 2 } else { 1 }, 64, 65_536),
    };
    let rows = if plain {
        shape.tiled_taps()
    } else {
        shape.taps()
    };
    let tile = most.min(rows).max(1);
    let most_outputs = match plan.class {
        AdapterClass::Software => 4,
        AdapterClass::Hardware => 2,
    };
    let overhead = if plain { 4 } else { 1 };
    let (outputs, output_tiles) = output_tile(shape.co_pad(), most_outputs, overhead);
    let places = product(&[rows.div_ceil(tile), output_tiles]);
    let [out_h, out_w] = shape.output();
    let image_rows = product(&[shape.n, out_h]);
    let mut splits = wanted_splits(wanted, places, image_rows, shape.weight_len());
    if plan.class == AdapterClass::Software {
        // An invocation loops over the positions of its split.
        let most_rows = quotient(SOFTWARE_TURNS, out_w).max(1);
        splits = splits.max(image_rows.div_ceil(most_rows));
    }
    let partial = plan.tensor(
        "weight partials",
        [splits, 1, 1, shape.weight_len()],
        BufferRole::Scratch,
    );
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
    let turns = product(&[image_rows.div_ceil(splits), out_w]);
    limit_turns(plan, kernel, turns);
    let groups = product(&[places, splits]).div_ceil(workgroup);
    plan.dispatch(
        kernel,
        &overrides,
        &[kernel_x, outputs_last, partial],
        [groups, 1, slot_tiles],
    );
    plan.count(&shape.words(), shape.flops());
    reduce_partials(plan, partial, grad_weight);
}

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
fn change_basis(plan: &mut Plan, shape: &ConvShape, matrix: Vec<f64>, from: Tensor, to: Tensor) {
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

/// Splits of `rows` so that about `wanted` invocations run, within 64 MiB of partial sums.
fn wanted_splits(wanted: usize, places: usize, rows: usize, weights: usize) -> usize {
    let affordable = quotient(16 << 20, weights);
    wanted
        .div_ceil(places.max(1))
        .min(affordable)
        .min(rows)
        .max(1)
}

/// partial = sums of rows of `positions` values.
pub fn channel_sum(plan: &mut Plan, positions: usize, values: Tensor, partial: Tensor) {
    let overrides = [
        ("ROWS", partial.len() as f64),
        ("POSITIONS", positions as f64),
        ("WIDTH", width(positions) as f64),
    ];
    each_sum(
        plan,
        "channel_sum",
        &overrides,
        &[values, partial],
        partial.len(),
        quotient(positions, width(positions)),
    );
}

/// total = sum of the rows of partial.
pub fn reduce_partials(plan: &mut Plan, partial: Tensor, total: Tensor) {
    let splits = quotient(partial.len(), total.len());
    let overrides = [("SPLITS", splits as f64), ("SIZE", total.len() as f64)];
    each_sum(
        plan,
        "reduce_partials",
        &overrides,
        &[partial, total],
        total.len(),
        splits.div_ceil(UNROLLED),
    );
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

const _: () = assert!(WORKGROUP <= 256);
