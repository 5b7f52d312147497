//! Sums of gradients that are added later, those of many parameters at once.

use super::conv_layout::{BasisChange, Matrices, change_basis};
use super::conv_shape::ConvShape;
use super::reduce::reduce_partials;
use super::sizes::{product, quotient};
use super::tiles::tiles;
use crate::gpu::{BufferRole, Plan, Tensor, word, workgroups};

/// Most elements of partial sums that wait together, where one parameter's are not more: 64 MiB.
const MOST_WAITING: usize = 16 << 20;

/// Invocations of a workgroup of `sum_gradients`.
const WORKGROUP: usize = 256;

/// Partial sums that one invocation should add: others of the workgroup add the rest.
const SHARE: usize = 8;

/// What columns of a split's row of partial sums are added up to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Summed {
    /// The columns, elements.
    pub len: usize,
    /// As many gradients, if somebody wants them.
    pub total: Option<Tensor>,
    /// A convolution, if they are by its kernels' weights and the gradients by its coefficients.
    pub change: Option<ConvShape>,
}

/// Partial sums that have been written.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// The whole tensor of them.
    partial: Tensor,
    /// The element of it that split 0 begins at.
    first: usize,
    /// Elements from a split to the next.
    stride: usize,
    splits: usize,
    total: Tensor,
    change: Option<ConvShape>,
}

/// Partial sums of gradients, which kernels of a backward pass write, and which are still to be added up. On a GPU one step
/// does so for all that are written to one buffer; elsewhere each has its own.
#[derive(Debug, Default)]
pub struct PendingSums {
    parts: Vec<Part>,
    waiting: Option<Tensor>,
}

impl PendingSums {
    /// Whether one step adds those of several gradients.
    pub(crate) fn joined(plan: &Plan) -> bool {
        tiles(plan).joined
    }

    /// Elements of a split's row of `len` sums that are added to one gradient.
    pub(super) fn row(plan: &Plan, len: usize) -> usize {
        match Self::joined(plan) {
            true => len.checked_next_multiple_of(4).unwrap_or(usize::MAX),
            false => len,
        }
    }

    /// Rows of partial sums, [splits, 1, 1, elements], of which the columns are added up one after the other, each rounded up
    /// to [`Self::row`]. The next step of the plan must write them: those of steps before may be added now.
    ///
    /// Columns of several gradients are for plans that are [`Self::joined`].
    pub(super) fn rows(&mut self, plan: &mut Plan, splits: usize, columns: &[Summed]) -> Tensor {
        let lens = columns.iter().map(|column| Self::row(plan, column.len));
        let stride = lens.fold(0, usize::saturating_add);
        let len = product(&[splits, stride]);
        let shape = [splits, 1, 1, stride];
        let most = if Self::joined(plan) { MOST_WAITING } else { 0 };
        let waiting = self.waiting.map_or(0, |partial| partial.len());
        if waiting.saturating_add(len) > most {
            self.add_up(plan);
        }
        let whole = self.waiting.get_or_insert_with(|| {
            let none = [1, 1, 1, 0];
            plan.tensor("partial sums", none, BufferRole::Scratch)
        });
        let begin = plan.lengthen(whole, len);
        let whole = *whole;
        let mut first = begin;
        for column in columns {
            let part = |total| Part {
                partial: whole,
                first,
                stride,
                splits,
                total,
                change: column.change,
            };
            self.parts.extend(column.total.map(part));
            first = first.saturating_add(Self::row(plan, column.len));
        }
        plan.view("partial sums", whole, begin, shape)
    }

    /// Appends the steps that add up what is waiting.
    pub fn add_up(&mut self, plan: &mut Plan) {
        let whole = self.waiting.take();
        let mut parts = std::mem::take(&mut self.parts);
        if !Self::joined(plan) {
            for part in parts {
                let shape = [part.splits, 1, 1, part.stride];
                let partial = plan.view("partial sums", part.partial, part.first, shape);
                add_alone(plan, partial, part.total, part.change);
            }
            return;
        }
        let Some(whole) = whole else { return };
        while let Some(part) = parts.first() {
            let (owner, _) = plan.whole(part.total);
            let mut here = Vec::new();
            parts.retain(|part| {
                let (other, first) = plan.whole(part.total);
                let same = other == owner;
                if same {
                    here.push((*part, first));
                }
                !same
            });
            add_together(plan, &here, whole, owner);
        }
    }
}

/// Adds the partial sums of one gradient.
fn add_alone(plan: &mut Plan, partial: Tensor, total: Tensor, change: Option<ConvShape>) {
    let Some(shape) = change else {
        reduce_partials(plan, partial, total);
        return;
    };
    let of_powers = plan.tensor("power gradients", total.shape, BufferRole::Scratch);
    reduce_partials(plan, partial, of_powers);
    let change = BasisChange {
        shape,
        back: true,
        from: 0,
        to: 0,
    };
    change_basis(plan, &[change], of_powers, total);
}

/// Adds those of gradients that lie in one tensor, each from an element of it on.
fn add_together(plan: &mut Plan, parts: &[(Part, usize)], partial: Tensor, totals: Tensor) {
    const WORDS: usize = 11;
    let mut matrices = Matrices::default();
    let mut groups = 0_usize;
    let mut words = Vec::new();
    for (part, first) in parts {
        let vectors = part.total.len().div_ceil(4);
        let (rows, row, matrix) = match &part.change {
            None => (1, vectors, 0),
            Some(shape) => {
                let place = matrices.place(&shape.basis, true);
                (shape.basis.slots(), shape.co_pad() / 4, place)
            }
        };
        let columns = quotient(vectors, rows);
        // Two columns at least lie side by side in memory.
        let most = quotient(WORKGROUP, product(&[rows, 2])).max(1);
        let lanes = part.splits.div_ceil(SHARE).max(1).next_power_of_two();
        let lanes = lanes.min(most.checked_ilog2().map_or(1, |power| 1 << power));
        let together = quotient(WORKGROUP, product(&[rows, lanes]));
        words.extend([
            groups,
            part.first / 4,
            part.stride / 4,
            part.splits,
            columns,
            rows,
            row,
            matrix,
            *first,
            part.total.len(),
            lanes,
        ]);
        groups = groups.saturating_add(columns.div_ceil(together.max(1)));
    }
    let words = words.into_iter().map(word).collect();
    let table = plan.constant_words("parts", [1, 1, parts.len(), WORDS], words);
    let matrices = matrices.constant(plan);
    let overrides = [
        ("PARTS", parts.len() as f64),
        ("MATRICES", matrices.len() as f64),
        ("PARTIALS", partial.len() as f64),
        ("TOTALS", totals.len() as f64),
        ("WORKGROUP", WORKGROUP as f64),
    ];
    let bindings = [table, matrices, partial, totals];
    let groups = workgroups(groups, 1);
    plan.dispatch("sum_gradients", &overrides, &bindings, groups);
}
