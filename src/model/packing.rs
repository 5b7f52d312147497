//! Parameters in fewer bits than halves: whole numbers that halves scale, and edges that share curves.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "places within tensors that are there, whose columns, blocks and slots are not 0"
)]

use half::f16;

/// A parameter tensor, [rows, columns], as whole numbers; the columns are the outputs, and an edge's coefficients lie in rows that
/// follow one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Integers {
    /// Of each number: 4 or 8.
    pub bits: usize,
    /// Columns, without padding.
    pub columns: usize,
    /// Rows of a column that share a scale, from the first on; the last block may have fewer.
    pub block: usize,
    /// [rows, columns].
    pub values: Vec<i8>,
    /// [blocks, columns].
    pub scales: Vec<f16>,
}

impl Integers {
    /// The rows of as many values as it has.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// Each number times its scale: exactly, for both have few bits.
    pub fn floats(&self) -> Vec<f32> {
        let rows = self.values.chunks(self.columns).enumerate();
        rows.flat_map(|(row, values)| {
            let scales = &self.scales[row / self.block * self.columns..];
            let pairs = values.iter().zip(scales);
            pairs.map(|(value, scale)| f32::from(*value) * scale.to_f32())
        })
        .collect()
    }
}

/// The coefficients of edges, [rows of edges, slots, columns], out of a table of curves.
#[derive(Debug, Clone, PartialEq)]
pub struct Codebook {
    /// Coefficients of a curve.
    pub slots: usize,
    /// [curves, slots].
    pub curves: Vec<f16>,
    /// The curve of each edge, [rows of edges, columns].
    pub indices: Vec<u16>,
    /// What each edge's curve is multiplied by, [rows of edges, columns], in 8 bits.
    pub gains: Integers,
}

impl Codebook {
    /// How many curves there are.
    pub fn len(&self) -> usize {
        self.curves.len() / self.slots
    }

    /// Whether there is no curve.
    pub fn is_empty(&self) -> bool {
        self.curves.is_empty()
    }

    /// Bits of the number of a curve: 8 or 16.
    pub fn index_bits(&self) -> usize {
        match self.len() {
            0..=256 => 8,
            _ => 16,
        }
    }

    /// Each edge's curve times its gain, rounded once.
    pub fn floats(&self) -> Vec<f32> {
        let (columns, slots) = (self.gains.columns, self.slots);
        let gains = self.gains.floats();
        let rows = self.indices.chunks(columns).zip(gains.chunks(columns));
        rows.flat_map(|(indices, gains)| {
            (0..slots).flat_map(move |slot| {
                let edges = indices.iter().zip(gains);
                edges.map(move |(&index, gain)| {
                    self.curves[usize::from(index) * slots + slot].to_f32() * gain
                })
            })
        })
        .collect()
    }
}

/// A parameter tensor in fewer bits.
#[derive(Debug, Clone, PartialEq)]
pub enum Packed {
    /// Whole numbers with scales.
    Integers(Integers),
    /// Edges that share curves.
    Codebook(Codebook),
}

impl Packed {
    /// Its values, [rows, columns].
    pub fn floats(&self) -> Vec<f32> {
        match self {
            Self::Integers(integers) => integers.floats(),
            Self::Codebook(codebook) => codebook.floats(),
        }
    }
}

/// A network's parameter tensors in fewer bits, in their order; those that are none are halves. Empty for a network that
/// is not packed at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Packing {
    tensors: Vec<Option<Packed>>,
}

impl Packing {
    /// Of these tensors, one for each parameter tensor of a network.
    pub fn new(tensors: Vec<Option<Packed>>) -> Self {
        match tensors.iter().any(Option::is_some) {
            true => Self { tensors },
            false => Self::default(),
        }
    }

    /// Whether no tensor is packed.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// How parameter tensor number `place` is packed.
    pub fn get(&self, place: usize) -> Option<&Packed> {
        self.tensors.get(place)?.as_ref()
    }

    /// What of it is these tensors' values to the bit: a tensor that has been changed since is not packed any more.
    #[must_use]
    pub fn of<'a>(&self, tensors: impl Iterator<Item = &'a [f32]>) -> Self {
        let bits = |values: &[f32]| Vec::from_iter(values.iter().map(|v| v.to_bits()));
        let kept = self.tensors.iter().zip(tensors).map(|(packed, values)| {
            let same = |p: &&Packed| bits(&p.floats()) == bits(values);
            packed.as_ref().filter(same).cloned()
        });
        Self::new(kept.collect())
    }
}
