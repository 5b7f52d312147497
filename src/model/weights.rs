//! Where a network's parameters lie.

use half::f16;

use super::layers::Parameter;
use super::packing::{Integers, Packed, Packing};
use super::placed::Placed;
use crate::gpu::{BufferRole, Plan, Tensor, VIEW_ALIGNMENT};
use crate::ops::{self, CodebookShape, IntegersShape};

/// The parameters of a plan.
#[derive(Debug, Clone, Copy)]
pub enum Weights<'a> {
    /// Floats in a network's flat layout, which can be trained.
    Floats(Tensor),
    /// Halves in that layout, which are unpacked before each layer's kernels: for inference, in half the memory.
    Halves(Tensor),
    /// The same in even fewer bits, with where each parameter tensor lies.
    Packed(Tensor, &'a PackedWords),
}

impl From<Tensor> for Weights<'_> {
    fn from(floats: Tensor) -> Self {
        Self::Floats(floats)
    }
}

impl Weights<'_> {
    /// The tensor that a host writes them to.
    pub fn tensor(self) -> Tensor {
        match self {
            Self::Floats(tensor) | Self::Halves(tensor) | Self::Packed(tensor, _) => tensor,
        }
    }

    /// Parameter tensors that lie one behind another in the flat layout, as floats.
    pub(super) fn views(self, plan: &mut Plan, placed: &[Placed]) -> Vec<Tensor> {
        let (Some(first), Some(last)) = (placed.first(), placed.last()) else {
            return Vec::new();
        };
        let first = first.first;
        let end = last.first.saturating_add(last.parameter.device_len());
        let len = [1, 1, 1, end.saturating_sub(first)];
        let mut unpacked = || plan.tensor("unpacked", len, BufferRole::Scratch);
        let (floats, base) = match self {
            Self::Floats(flat) => (flat, 0),
            Self::Halves(halves) => {
                let floats = unpacked();
                ops::unpack_halves(plan, halves, first, floats);
                (floats, first)
            }
            Self::Packed(..) => (unpacked(), first),
        };
        let mut view = |p: &Placed| {
            let (name, len) = (p.parameter.name, p.parameter.device_len());
            let view = plan.view(name, floats, p.first.saturating_sub(base), [1, 1, 1, len]);
            if let Self::Packed(words, packed) = self {
                packed.unpack(plan, words, p.first, view);
            }
            view
        };
        placed.iter().map(&mut view).collect()
    }
}

/// How parameters are kept on a device.
#[derive(Debug, Clone, PartialEq)]
pub enum Storage {
    /// 32 bits each.
    Floats,
    /// 16 bits each.
    Halves,
    /// In fewer, all of them known.
    Packed(PackedWords),
}

impl Storage {
    /// The smaller one of floats and halves that holds each of the parameters exactly.
    pub fn of(parameters: &[f32]) -> Self {
        match parameters.iter().all(|value| is_half(*value)) {
            true => Self::Halves,
            false => Self::Floats,
        }
    }

    /// Adds the tensor of `len` parameters, an even number, to a plan, as its port `parameters`.
    pub fn weights(&self, plan: &mut Plan, len: usize) -> Weights<'_> {
        let (label, shape, role) = ("parameters", [1, 1, 1, len], BufferRole::State);
        let weights = match self {
            Self::Floats => Weights::Floats(plan.tensor(label, shape, role)),
            Self::Halves => Weights::Halves(plan.halves(label, shape, role)),
            Self::Packed(packed) => {
                let shape = [1, 1, 1, packed.words.len()];
                Weights::Packed(plan.words(label, shape, role), packed)
            }
        };
        plan.name_port(label, weights.tensor());
        weights
    }

    /// The words of parameters, rounded to what they are kept in; halves two in a word, the first in its low 16 bits. What is
    /// packed has its own.
    pub fn words(&self, parameters: &[f32]) -> Vec<u32> {
        match self {
            Self::Floats => parameters.iter().map(|value| value.to_bits()).collect(),
            Self::Halves => words_of_halves(parameters.iter().map(|v| f16::from_f32(*v))),
            Self::Packed(packed) => packed.words.clone(),
        }
    }
}

/// Whether a value is one that half precision has.
pub(crate) fn is_half(value: f32) -> bool {
    f16::from_f32(value).to_f32().to_bits() == value.to_bits()
}

/// Numbers of so many bits in words, the first in the lowest bits.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "bits are 4, 8 or 16, and a word holds a few"
)]
fn words_of(numbers: impl IntoIterator<Item = u32>, bits: usize) -> Vec<u32> {
    let numbers: Vec<u32> = numbers.into_iter().collect();
    let word = |numbers: &[u32]| {
        let placed = numbers.iter().enumerate();
        placed.fold(0, |word, (k, number)| word | number << (k * bits))
    };
    numbers.chunks(32 / bits).map(word).collect()
}

fn words_of_halves(halves: impl IntoIterator<Item = f16>) -> Vec<u32> {
    words_of(halves.into_iter().map(|half| half.to_bits().into()), 16)
}

/// Rows filled up to `padded` columns.
fn padded<T: Copy + Default>(values: &[T], columns: usize, padded: usize) -> Vec<T> {
    let mut filled = Vec::new();
    for row in values.chunks(columns) {
        filled.extend_from_slice(row);
        filled.resize(filled.len().next_multiple_of(padded), T::default());
    }
    filled
}

/// The words of packed parameters, and where each tensor lies in them.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedWords {
    words: Vec<u32>,
    tensors: Vec<PackedTensor>,
}

/// One parameter tensor.
#[derive(Debug, Clone, PartialEq)]
struct PackedTensor {
    /// Its first element in the flat layout.
    first: usize,
    form: Form,
    /// First word and length of each part, in the order of its kernel's bindings.
    parts: Vec<[usize; 2]>,
}

#[derive(Debug, Clone, PartialEq)]
enum Form {
    Halves,
    Integers(IntegersShape),
    Codebook(CodebookShape),
}

impl PackedWords {
    /// Of parameters that `packing` fits.
    pub(super) fn new<'a>(
        placed: impl Iterator<Item = &'a Placed>,
        parameters: &[f32],
        packing: &Packing,
    ) -> Self {
        let (mut words, mut tensors) = (Vec::new(), Vec::new());
        for (place, placed) in placed.enumerate() {
            let (form, parts) = match packing.get(place) {
                None => {
                    let halves = placed.of(parameters).iter().map(|v| f16::from_f32(*v));
                    (Form::Halves, vec![words_of_halves(halves)])
                }
                Some(packed) => packed_parts(&placed.parameter, packed),
            };
            let mut at = Vec::new();
            for part in parts {
                at.push([words.len(), part.len()]);
                words.extend(part);
                words.resize(words.len().next_multiple_of(VIEW_ALIGNMENT), 0);
            }
            tensors.push(PackedTensor {
                first: placed.first,
                form,
                parts: at,
            });
        }
        Self { words, tensors }
    }

    /// Appends what makes floats of the tensor that begins at `first` of the flat layout.
    fn unpack(&self, plan: &mut Plan, words: Tensor, first: usize, y: Tensor) {
        let found = self.tensors.iter().find(|tensor| tensor.first == first);
        let Some(PackedTensor { form, parts, .. }) = found else {
            unreachable!("words are packed for the network that reads them");
        };
        let mut view = |part: usize| {
            let [first, len] = parts[part];
            plan.view("packed", words, first, [1, 1, 1, len])
        };
        match form {
            Form::Halves => {
                let halves = view(0);
                ops::unpack_halves(plan, halves, 0, y);
            }
            Form::Integers(shape) => {
                let parts = [0, 1].map(view);
                ops::unpack_integers(plan, shape, parts, y);
            }
            Form::Codebook(shape) => {
                let parts = [0, 1, 2, 3].map(view);
                ops::unpack_codebook(plan, shape, parts, y);
            }
        }
    }
}

/// A tensor's form and the words of its parts.
fn packed_parts(parameter: &Parameter, packed: &Packed) -> (Form, Vec<Vec<u32>>) {
    let width = parameter.padded;
    let numbers = |integers: &Integers| {
        let mask = u32::MAX >> 32usize.saturating_sub(integers.bits);
        let values = padded(&integers.values, integers.columns, width);
        let values = values
            .into_iter()
            .map(|v| i32::from(v).cast_unsigned() & mask);
        let scales = padded(&integers.scales, integers.columns, width);
        [words_of(values, integers.bits), words_of_halves(scales)]
    };
    match packed {
        Packed::Integers(integers) => {
            let shape = IntegersShape {
                size: [integers.rows(), width],
                bits: integers.bits,
                block: integers.block,
            };
            (Form::Integers(shape), numbers(integers).into())
        }
        Packed::Codebook(codebook) => {
            let shape = CodebookShape {
                size: [codebook.gains.rows(), width],
                slots: codebook.slots,
                index_bits: codebook.index_bits(),
                block: codebook.gains.block,
            };
            let indices = padded(&codebook.indices, codebook.gains.columns, width);
            let indices = words_of(indices.into_iter().map(u32::from), shape.index_bits);
            let [gains, scales] = numbers(&codebook.gains);
            let curves = words_of_halves(codebook.curves.iter().copied());
            (Form::Codebook(shape), vec![indices, gains, scales, curves])
        }
    }
}
