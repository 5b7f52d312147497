//! What the kernels of convolutions want prepared.

use super::append::each;
use super::basis::Basis;
use super::conv_shape::ConvShape;
use super::sizes::product;
use crate::gpu::{BufferRole, Plan, Tensor, VIEW_ALIGNMENT, word};

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

/// Weights, or gradients, of a convolution that are to be written in another basis.
#[derive(Debug, Clone, Copy)]
pub(super) struct BasisChange {
    pub shape: ConvShape,
    /// From gradients by the kernels' weights to those by the coefficients of B-splines, instead of from coefficients to
    /// the kernels' weights.
    pub back: bool,
    /// First element of the tensor that they come from, a multiple of 4.
    pub from: usize,
    /// The same of the tensor that they go to, behind those of the changes before.
    pub to: usize,
}

/// Matrices of changes of basis, one behind another, each once.
#[derive(Debug, Default)]
pub(super) struct Matrices {
    known: Vec<(Basis, bool, usize)>,
    values: Vec<f32>,
}

impl Matrices {
    /// First element of the matrix [slots, slots] of a change.
    pub(super) fn place(&mut self, basis: &Basis, back: bool) -> usize {
        let mut known = self.known.iter();
        if let Some((.., place)) = known.find(|(b, k, _)| (b, *k) == (basis, back)) {
            return *place;
        }
        let (place, slots) = (self.values.len(), basis.slots());
        let matrix = basis.powers_from_splines();
        let columns = || (0..slots).flat_map(|column| matrix.iter().skip(column).step_by(slots));
        let ordered: Vec<f64> = match back {
            true => columns().copied().collect(),
            false => matrix,
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the matrix is computed in f64"
        )]
        self.values.extend(ordered.into_iter().map(|v| v as f32));
        self.known.push((*basis, back, place));
        place
    }

    /// All of them; a zero if there are none, for no tensor is empty.
    pub(super) fn constant(mut self, plan: &mut Plan) -> Tensor {
        if self.values.is_empty() {
            self.values.push(0.0);
        }
        let shape = [1, 1, 1, self.values.len()];
        plan.constant("changes of basis", shape, self.values)
    }
}

/// Writes weights of convolutions in another basis, all at once.
pub(super) fn change_basis(plan: &mut Plan, changes: &[BasisChange], from: Tensor, to: Tensor) {
    const WORDS: usize = 6;
    let mut matrices = Matrices::default();
    let words = changes.iter().flat_map(|change| {
        let BasisChange { shape, back, .. } = change;
        let place = matrices.place(&shape.basis, *back);
        [
            change.to / 4,
            change.from / 4,
            shape.weight_len() / 4,
            shape.basis.slots(),
            shape.co_pad() / 4,
            place,
        ]
        .map(word)
    });
    let words = words.collect();
    let parts = plan.constant_words("parts", [1, 1, changes.len(), WORDS], words);
    let matrices = matrices.constant(plan);
    let overrides = [
        ("PARTS", changes.len() as f64),
        ("MATRICES", matrices.len() as f64),
        ("FROM", from.len() as f64),
        ("TO", to.len() as f64),
    ];
    let bindings = [parts, matrices, from, to];
    each(plan, "change_basis", &overrides, &bindings, to.len() / 4);
}

/// The weights of convolutions of splines as their kernels take them, each [taps, slots, `co_pad`]. `weights` has those of
/// B-splines, of each convolution from an element on that is a multiple of 64.
pub(crate) fn weights_of_powers(
    plan: &mut Plan,
    convolutions: &[(ConvShape, usize)],
    weights: Tensor,
) -> Vec<Tensor> {
    let mut end = 0_usize;
    let changes: Vec<BasisChange> = convolutions
        .iter()
        .map(|&(shape, from)| {
            let to = end;
            let len = shape.weight_len().checked_next_multiple_of(VIEW_ALIGNMENT);
            end = end.saturating_add(len.unwrap_or(usize::MAX));
            BasisChange {
                shape,
                back: false,
                from,
                to,
            }
        })
        .collect();
    if changes.is_empty() {
        return Vec::new();
    }
    let powers = plan.tensor("weights of powers", [1, 1, 1, end], BufferRole::Scratch);
    change_basis(plan, &changes, weights, powers);
    let view = |change: &BasisChange| {
        let shape = [1, 1, 1, change.shape.weight_len()];
        plan.view("weights of powers", powers, change.to, shape)
    };
    changes.iter().map(view).collect()
}
