//! Group normalisation.

use super::append::{each_sum, limit_turns};
use super::gradient::{Gradient, Wanted};
use super::pending::{PendingSums, Summed};
use super::reduce::unadded;
use super::sizes::{product, quotient, width};
use super::tiles::tiles;
use crate::gpu::{BufferRole, Plan, Shape, Tensor, workgroups};

/// The shape of a group normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormShape {
    /// Images in the batch.
    pub n: usize,
    /// Channels, a multiple of `groups`.
    pub c: usize,
    /// Groups of channels; as many as channels is instance normalisation.
    pub groups: usize,
    /// Height times width.
    pub positions: usize,
}

/// Added to the variance.
pub const NORM_EPSILON: f64 = 1e-5;

impl NormShape {
    fn overrides(&self) -> [(&'static str, f64); 5] {
        [
            ("N", self.n as f64),
            ("C", self.c as f64),
            ("GROUPS", self.groups as f64),
            ("POSITIONS", self.positions as f64),
            ("WIDTH", width(self.positions) as f64),
        ]
    }
}

/// Appends a kernel with one workgroup for each (image, group).
fn each_row(
    plan: &mut Plan,
    kernel: &str,
    shape: &NormShape,
    more: &[(&str, f64)],
    bindings: &[Tensor],
) {
    let workgroup = tiles(plan).norm_workgroup;
    // At most three loops over a row, and the sums of a workgroup.
    let row = product(&[quotient(shape.c, shape.groups), shape.positions]);
    let row = quotient(row, width(shape.positions));
    let turns = row.div_ceil(workgroup).saturating_mul(3).saturating_add(8);
    limit_turns(plan, kernel, turns);
    let mut overrides = shape.overrides().to_vec();
    overrides.extend(more);
    overrides.push(("WORKGROUP", workgroup as f64));
    plan.dispatch(
        kernel,
        &overrides,
        bindings,
        workgroups(product(&[shape.n, shape.groups]), 1),
    );
}

/// y = normalised x; `moments` keeps mean and 1/deviation, [n, groups, 2].
pub fn group_norm_forward(
    plan: &mut Plan,
    shape: &NormShape,
    x: Tensor,
    affine: Tensor,
    y: Tensor,
    moments: Tensor,
) {
    let epsilon = ("EPSILON", NORM_EPSILON);
    match unadded(plan, x) {
        None => {
            let bindings = [x, affine, y, moments];
            each_row(plan, "group_norm_forward", shape, &[epsilon], &bindings);
        }
        Some(parts) => {
            let more = [epsilon, ("SPLITS", quotient(parts.len(), x.len()) as f64)];
            let bindings = [x, affine, y, moments, parts];
            each_row(plan, "group_norm_forward_splits", shape, &more, &bindings);
        }
    }
}

/// grad_x from grad_y.
pub fn group_norm_grad_input(
    plan: &mut Plan,
    shape: &NormShape,
    x: Tensor,
    affine: Tensor,
    moments: Tensor,
    grad_y: Tensor,
    grad_x: Tensor,
) {
    each_row(
        plan,
        "group_norm_grad_input",
        shape,
        &[],
        &[x, affine, moments, grad_y, grad_x],
    );
}

/// Gradient of the affine parameters, [2, c], from grad_y.
pub fn group_norm_grad_weight(
    plan: &mut Plan,
    shape: &NormShape,
    x: Tensor,
    moments: Tensor,
    grad_y: Tensor,
    grad_affine: Tensor,
) {
    let mut sums = PendingSums::default();
    let input = NormInput { x, moments };
    grad_weight_pending(plan, &mut sums, shape, input, grad_y, grad_affine);
    sums.add_up(plan);
}

/// What the forward of a normalisation has left: its input, and [n, groups, 2] means and inverse deviations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NormInput {
    pub x: Tensor,
    pub moments: Tensor,
}

fn grad_weight_pending(
    plan: &mut Plan,
    sums: &mut PendingSums,
    shape: &NormShape,
    NormInput { x, moments }: NormInput,
    grad_y: Tensor,
    grad_affine: Tensor,
) {
    let summed = Summed {
        len: grad_affine.len(),
        total: Some(grad_affine),
        change: None,
    };
    let partial = sums.rows(plan, shape.n, &[summed]);
    let mut overrides = shape.overrides().to_vec();
    overrides.push(("ROW", partial.shape[3] as f64));
    each_sum(
        plan,
        "group_norm_grad_weight",
        &overrides,
        &[x, moments, grad_y, partial],
        product(&[shape.n, shape.c]),
        quotient(shape.positions, width(shape.positions)),
    );
}

/// Gradients from grad_y: of the affine parameters among the pending sums, where they are wanted, and of the input, [n, c, height,
/// width], where that is.
pub(crate) fn group_norm_backward(
    plan: &mut Plan,
    shape: &NormShape,
    (input, of_input): (NormInput, Shape),
    affine: Tensor,
    grad_y: Tensor,
    by_affine: Option<(Option<Tensor>, &mut PendingSums)>,
    wanted: Wanted,
) -> Option<Gradient> {
    let joined = PendingSums::joined(plan) && !matches!(wanted, Wanted::Nothing);
    match by_affine {
        Some((grad_affine, sums)) if joined => {
            let given = [affine, grad_y];
            let grad = grad_joined(
                plan,
                sums,
                shape,
                (input, of_input),
                given,
                grad_affine,
                wanted,
            );
            return Some(grad);
        }
        Some((Some(grad_affine), sums)) => {
            grad_weight_pending(plan, sums, shape, input, grad_y, grad_affine);
        }
        _ => (),
    }
    if matches!(wanted, Wanted::Nothing) {
        return None;
    }
    let grad_x = plan.tensor("norm grad", of_input, BufferRole::Scratch);
    let NormInput { x, moments } = input;
    group_norm_grad_input(plan, shape, x, affine, moments, grad_y, grad_x);
    Some(Gradient::Plain(grad_x))
}

/// All gradients by one kernel.
fn grad_joined(
    plan: &mut Plan,
    sums: &mut PendingSums,
    shape: &NormShape,
    (NormInput { x, moments }, of_input): (NormInput, Shape),
    [affine, grad_y]: [Tensor; 2],
    grad_affine: Option<Tensor>,
    wanted: Wanted,
) -> Gradient {
    let channels = quotient(shape.c, shape.groups);
    let whole = shape.groups == 1 || channels.is_multiple_of(4);
    let bias = match wanted {
        Wanted::ChannelsLast(bias) if whole => Some(bias),
        _ => None,
    };
    let [n, c, h, w] = of_input;
    let c_out = match bias {
        Some(_) => c.checked_next_multiple_of(4).unwrap_or(usize::MAX),
        None => c,
    };
    let out = match bias {
        Some(_) => [n, h, w, c_out],
        None => of_input,
    };
    let grad_x = plan.tensor("norm grad", out, BufferRole::Scratch);
    let summed = |len, total| Summed {
        len,
        total,
        change: None,
    };
    let both = shape.c.saturating_mul(2);
    let mut columns = vec![summed(both, grad_affine)];
    columns.extend(bias.map(|bias| summed(c, Some(bias))));
    let (parts, splits) = match unadded(plan, grad_y) {
        Some(parts) => (parts, quotient(parts.len(), grad_y.len())),
        None => (grad_y, 1),
    };
    let partial = sums.rows(plan, shape.n, &columns);
    let workgroup = tiles(plan).norm_workgroup;
    // Four lanes at least read side by side.
    let lanes = quotient(workgroup, channels).clamp(4, workgroup);
    let items = quotient(shape.positions, width(shape.positions)).max(1);
    let lanes = lanes.min(items.next_power_of_two());
    let lanes = lanes.checked_ilog2().map_or(1, |power| 1_usize << power);
    let more = [
        ("C_OUT", c_out as f64),
        ("SPLITS", splits as f64),
        ("LAST", f64::from(u8::from(bias.is_some()))),
        ("BIAS", PendingSums::row(plan, both) as f64),
        ("ROW", partial.shape[3] as f64),
        ("LANES", lanes as f64),
    ];
    let bindings = [x, affine, moments, parts, grad_x, partial];
    each_row(plan, "group_norm_grad", shape, &more, &bindings);
    match bias {
        Some(_) => Gradient::ChannelsLast(grad_x),
        None => Gradient::Plain(grad_x),
    }
}
