//! Gradients on their way back through layers.

use super::conv_layout::channels_last;
use super::pending::{PendingSums, Summed};
use super::reduce::channel_sum;
use super::sizes::{product, quotient};
use super::tiles::tiles;
use crate::gpu::{BufferRole, Plan, Shape, Tensor, workgroups};

/// The gradient of what a layer made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gradient {
    /// Laid out as that is, [n, channels, height, width].
    Plain(Tensor),
    /// For a convolution: with the channels innermost, [n, height, width, channels rounded up to a multiple of 4], and its sums
    /// by channel, which are the gradient of the bias, among the pending ones.
    ChannelsLast(Tensor),
}

impl Gradient {
    /// Its values, where nobody asked for channels innermost.
    pub(crate) fn plain(self) -> Tensor {
        match self {
            Self::Plain(tensor) => tensor,
            Self::ChannelsLast(_) => unreachable!("only a convolution asks for channels innermost"),
        }
    }
}

/// How the gradient of a layer's input is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    /// By nobody.
    Nothing,
    /// As a [`Gradient::Plain`].
    Plain,
    /// As a [`Gradient::ChannelsLast`] if the layer can give it, with this gradient of the bias.
    ChannelsLast(Tensor),
}

/// Positions of a workgroup of `channels_last_sum`.
const CHUNK: usize = 256;

/// A gradient with the channels innermost, and its sums by channel among the pending ones; of what shape it is with the channels
/// outermost, the kernel that makes it, with override constants and inputs of its own.
pub(super) fn channels_last_sum(
    plan: &mut Plan,
    sums: &mut PendingSums,
    [n, c, h, w]: Shape,
    (kernel, more, inputs): (&str, &[(&str, f64)], &[Tensor]),
    bias: Tensor,
) -> Tensor {
    let positions = product(&[h, w]);
    let chunks = positions.div_ceil(CHUNK).max(1);
    let c_pad = c.checked_next_multiple_of(4).unwrap_or(usize::MAX);
    let last = plan.tensor("channels last", [n, h, w, c_pad], BufferRole::Scratch);
    let summed = Summed {
        len: c,
        total: Some(bias),
        change: None,
    };
    let partial = sums.rows(plan, product(&[n, chunks]), &[summed]);
    let mut overrides = vec![
        ("N", n as f64),
        ("C", c as f64),
        ("C_PAD", c_pad as f64),
        ("POSITIONS", positions as f64),
        ("CHUNKS", chunks as f64),
        ("WORKGROUP", tiles(plan).loss_workgroup as f64),
    ];
    overrides.extend(more);
    let bindings = [&[last, partial], inputs].concat();
    let groups = workgroups(product(&[n, chunks, quotient(c_pad, 4)]), 1);
    plan.dispatch(kernel, &overrides, &bindings, groups);
    last
}

/// The gradient of a convolution's output, [n, channels, height, width], with the channels innermost; that of its bias among the
/// pending sums, where it is wanted.
pub(super) fn for_convolution(
    plan: &mut Plan,
    grad_y: Tensor,
    bias: Option<(Tensor, &mut PendingSums)>,
) -> Tensor {
    let [n, c, h, w] = grad_y.shape;
    match bias {
        None => channels_last(plan, grad_y),
        Some((bias, sums)) if PendingSums::joined(plan) => {
            let kernel: (_, &[_], &[_]) = ("channels_last_sum", &[], &[grad_y]);
            channels_last_sum(plan, sums, grad_y.shape, kernel, bias)
        }
        Some((bias, sums)) => {
            let last = channels_last(plan, grad_y);
            let summed = Summed {
                len: c,
                total: Some(bias),
                change: None,
            };
            let partial = sums.rows(plan, n, &[summed]);
            channel_sum(plan, product(&[h, w]), grad_y, partial);
            last
        }
    }
}
