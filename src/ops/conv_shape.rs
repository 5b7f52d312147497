//! The shape of a convolution.

use super::basis::Basis;
use super::sizes::{product, quotient};
use crate::gpu::Shape;

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
    pub(super) fn padded(&self) -> [usize; 2] {
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

    /// Positions of the input of a phase of the stride, of all images.
    pub(super) fn phase_positions(&self) -> usize {
        let [rows, columns] = [0, 1].map(|a| self.input[a].div_ceil(self.stride[a].max(1)));
        product(&[self.n, rows, columns])
    }

    /// Turns of the loop of an input's gradient: taps of a phase, and vec4 of outputs.
    pub(super) fn grad_input_turns(&self) -> usize {
        let [taps_h, taps_w] = [0, 1].map(|a| self.kernel[a].div_ceil(self.stride[a].max(1)));
        product(&[taps_h, taps_w, self.co_pad() / 4])
    }

    /// The shape in words, for profiles.
    pub(super) fn words(&self) -> String {
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
    pub(super) fn channel_tile(&self) -> usize {
        if self.ci == 1 { 1 } else { 4 }
    }

    /// Taps of an ordinary convolution, a tile of channels at a time.
    pub(super) fn tiled_taps(&self) -> usize {
        let channel_tiles = self.ci.div_ceil(self.channel_tile());
        product(&[channel_tiles, self.kernel[0], self.kernel[1]])
    }

    pub(super) fn overrides(&self) -> Vec<(&'static str, f64)> {
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
