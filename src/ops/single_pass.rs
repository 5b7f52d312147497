//! A pass of a convolution by itself, to be measured.

use super::conv::{ConvKept, conv_forward_by};
use super::conv_grad::{conv_grad_input, conv_grad_weight};
use super::conv_shape::ConvShape;
use super::menu::{Pass, pick};
use super::pending::PendingSums;
use crate::gpu::{BufferRole, Plan, Tensor};

/// Appends a pass alone, in the variant that the plan takes; what other kernels prepare for it are inputs. Gives the inputs and
/// the output.
pub(crate) fn single_pass(plan: &mut Plan, pass: Pass, shape: &ConvShape) -> (Vec<Tensor>, Tensor) {
    let last = |[n, c, h, w]: [usize; 4]| {
        let c_pad = c.checked_next_multiple_of(4).unwrap_or(usize::MAX);
        [n, h, w, c_pad]
    };
    let kernel_x = match shape.basis.order == 0 && shape.ci > 1 {
        true => last(shape.input_shape()),
        false => shape.input_shape(),
    };
    let weights = [1, shape.taps(), shape.basis.slots(), shape.co_pad()];
    let input = |plan: &mut Plan, label: &str, shape| plan.tensor(label, shape, BufferRole::Input);
    match pass {
        Pass::Forward => {
            let x = input(plan, "x", kernel_x);
            let weight = input(plan, "weight", weights);
            let bias = input(plan, "bias", [1, 1, 1, shape.co]);
            let y = plan.tensor("y", shape.output_shape(), BufferRole::Output);
            let variant = pick(plan, pass, shape);
            conv_forward_by(plan, shape, variant, [x, weight, bias, y]);
            (vec![x, weight, bias], y)
        }
        Pass::GradInput => {
            let x = input(plan, "x", shape.input_shape());
            let kernel_weight = input(plan, "weight", weights);
            let outputs_last = input(plan, "grad_y", last(shape.output_shape()));
            let grad_x = plan.tensor("grad_x", shape.input_shape(), BufferRole::Output);
            let kept = ConvKept {
                x,
                kernel_x: x,
                kernel_weight,
            };
            conv_grad_input(plan, shape, &kept, outputs_last, grad_x);
            (vec![x, kernel_weight, outputs_last], grad_x)
        }
        Pass::GradWeight => {
            let x = input(plan, "x", kernel_x);
            let outputs_last = input(plan, "grad_y", last(shape.output_shape()));
            let grad_weight = plan.tensor("grad_weight", weights, BufferRole::Output);
            let mut sums = PendingSums::default();
            conv_grad_weight(plan, &mut sums, shape, x, outputs_last, grad_weight);
            sums.add_up(plan);
            (vec![x, outputs_last], grad_weight)
        }
    }
}
