//! Convolutions with functions on their edges; ordinary ones are those of order 0.

use super::{WORKGROUP, each};
use crate::gpu::{AdapterClass, BufferRole, Plan, Shape, Tensor};

/// The functions on the edges of a convolution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Basis {
    /// Order of the B-splines, 1 to 3; 0 is the identity, a plain weight.
    pub order: usize,
    /// Cells of the grid.
    pub grid: usize,
    /// The grid spans [-range, range].
    pub range: f32,
}

impl Basis {
    /// A plain weight.
    pub const IDENTITY: Self = Self {
        order: 0,
        grid: 1,
        range: 1.0,
    };

    /// Functions on one edge: the splines and silu, or the identity alone.
    pub fn slots(&self) -> usize {
        if self.order == 0 {
            1
        } else {
            self.grid + self.order + 1
        }
    }
}

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
        [0, 1].map(|a| (self.input[a] + 2 * self.padding[a] - self.kernel[a]) / self.stride[a] + 1)
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
        self.co.next_multiple_of(4)
    }

    /// Taps: input channels times kernel area.
    pub fn taps(&self) -> usize {
        self.ci * self.kernel[0] * self.kernel[1]
    }

    /// Elements of the weights as stored, [taps, slots, co_pad].
    pub fn weight_len(&self) -> usize {
        self.taps() * self.basis.slots() * self.co_pad()
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
            ("ORDER", self.basis.order),
            ("GRID", self.basis.grid),
        ]
        .map(|(name, value)| (name, value as f64))
        .into_iter()
        .chain([("RANGE", f64::from(self.basis.range))])
        .collect()
    }
}

/// How many positions an invocation makes (`TILE_P`), invocations a workgroup, and workgroups for so
/// many positions. A software rasteriser pays for loads: many positions share one load of the weights.
/// A GPU needs many invocations more.
fn position_tile(class: AdapterClass, positions: usize) -> (usize, usize, u32) {
    let (most, workgroup) = match class {
        AdapterClass::Software => (16, 32),
        AdapterClass::Hardware => (4, 64),
    };
    let tile = positions.div_ceil(workgroup).clamp(1, most);
    (tile, workgroup, positions.div_ceil(tile * workgroup) as u32)
}

/// y = convolution of x; `bias` has one value for each output channel.
pub fn kan_conv_forward(
    plan: &mut Plan,
    shape: &ConvShape,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    y: Tensor,
) {
    let [out_h, out_w] = shape.output();
    let (tile, workgroup, groups) = position_tile(plan.class, shape.n * out_h * out_w);
    let mut overrides = shape.overrides();
    overrides.extend([("TILE_P", tile as f64), ("WORKGROUP", workgroup as f64)]);
    let outputs = shape.co_pad().div_ceil(8) as u32;
    plan.dispatch(
        "kan_conv_forward",
        &overrides,
        &[x, weight, bias, y],
        [groups, outputs, 1],
    );
}

/// grad_x from grad_y.
pub fn kan_conv_grad_input(
    plan: &mut Plan,
    shape: &ConvShape,
    x: Tensor,
    weight: Tensor,
    grad_y: Tensor,
    grad_x: Tensor,
) {
    let rows = shape.input[0].div_ceil(shape.stride[0]);
    let columns = shape.input[1].div_ceil(shape.stride[1]);
    let (tile, workgroup, groups) = position_tile(plan.class, shape.n * rows * columns);
    let mut overrides = shape.overrides();
    overrides.extend([("TILE_P", tile as f64), ("WORKGROUP", workgroup as f64)]);
    // A plain weight has one slot: eight channels share an invocation instead of eight slots.
    let channels = if shape.basis.order == 0 {
        shape.ci.div_ceil(8)
    } else {
        shape.ci
    } as u32;
    let phases = (shape.stride[0] * shape.stride[1]) as u32;
    plan.dispatch(
        "kan_conv_grad_input",
        &overrides,
        &[x, weight, grad_y, grad_x],
        [groups, channels, phases],
    );
}

/// Gradients of the weights and the bias from grad_y, each by partial sums and a second pass.
pub fn kan_conv_grad_weight(
    plan: &mut Plan,
    shape: &ConvShape,
    x: Tensor,
    grad_y: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
) {
    // Enough invocations to fill the adapter, by splitting the positions; a GPU keeps fewer sums each.
    let (tile, workgroup, wanted) = match plan.class {
        AdapterClass::Software => (3, 32, 512),
        AdapterClass::Hardware => (1, 64, 65_536),
    };
    let taps_at_once = if shape.basis.order == 0 {
        8 * tile
    } else {
        tile
    };
    let places = shape.taps().div_ceil(taps_at_once) * shape.co_pad().div_ceil(8);
    let [out_h, out_w] = shape.output();
    let splits = wanted_splits(wanted, places, shape.n * out_h, shape.weight_len());
    let partial = plan.tensor(
        "weight partials",
        [splits, 1, 1, shape.weight_len()],
        BufferRole::Scratch,
    );
    let mut overrides = shape.overrides();
    overrides.extend([
        ("SPLITS", splits as f64),
        ("TILE_T", tile as f64),
        ("WORKGROUP", workgroup as f64),
    ]);
    let groups = (places * splits).div_ceil(workgroup) as u32;
    let slot_tiles = shape.basis.slots().div_ceil(8) as u32;
    plan.dispatch(
        "kan_conv_grad_weight",
        &overrides,
        &[x, grad_y, partial],
        [groups, 1, slot_tiles],
    );
    reduce_partials(plan, partial, grad_weight);

    let partial = plan.tensor(
        "bias partials",
        [shape.n, 1, 1, shape.co],
        BufferRole::Scratch,
    );
    channel_sum(plan, out_h * out_w, grad_y, partial);
    reduce_partials(plan, partial, grad_bias);
}

/// Splits of `rows` so that about `wanted` invocations run, within 64 MiB of partial sums.
fn wanted_splits(wanted: usize, places: usize, rows: usize, weights: usize) -> usize {
    let affordable = (16 << 20) / weights.max(1);
    wanted.div_ceil(places).min(affordable).clamp(1, rows)
}

/// partial = sums of rows of `positions` values.
pub fn channel_sum(plan: &mut Plan, positions: usize, values: Tensor, partial: Tensor) {
    let overrides = [
        ("ROWS", partial.len() as f64),
        ("POSITIONS", positions as f64),
    ];
    each(
        plan,
        "channel_sum",
        &overrides,
        &[values, partial],
        partial.len(),
    );
}

/// total = sum of the rows of partial.
pub fn reduce_partials(plan: &mut Plan, partial: Tensor, total: Tensor) {
    let splits = partial.len() / total.len();
    let overrides = [("SPLITS", splits as f64), ("SIZE", total.len() as f64)];
    each(
        plan,
        "reduce_partials",
        &overrides,
        &[partial, total],
        total.len(),
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
    let coefficients = shape.basis.slots() - 1;
    let overrides = [
        ("TAPS", shape.taps() as f64),
        ("COEFFICIENTS", coefficients as f64),
        ("CO_PAD", shape.co_pad() as f64),
        ("WEIGHT", f64::from(factor)),
    ];
    let count = shape.taps() * coefficients * shape.co_pad();
    each(
        plan,
        "curvature_penalty",
        &overrides,
        &[weight, grad],
        count,
    );
}

const _: () = assert!(WORKGROUP <= 256);
