//! Where a network's parameters lie.

use half::f16;

use crate::gpu::{BufferRole, Plan, Tensor};

/// The parameters of a plan, in a network's flat layout.
#[derive(Debug, Clone, Copy)]
pub enum Weights {
    /// Floats, which can be trained.
    Floats(Tensor),
    /// Halves, which are unpacked before each layer's kernels: for inference, in half the memory.
    Halves(Tensor),
}

impl From<Tensor> for Weights {
    fn from(floats: Tensor) -> Self {
        Self::Floats(floats)
    }
}

impl Weights {
    /// The tensor that a host writes them to.
    pub fn tensor(self) -> Tensor {
        match self {
            Self::Floats(tensor) | Self::Halves(tensor) => tensor,
        }
    }
}

/// How parameters are kept on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// 32 bits each.
    Floats,
    /// 16 bits each.
    Halves,
}

impl Storage {
    /// The smaller one that holds each of the parameters exactly.
    pub fn of(parameters: &[f32]) -> Self {
        let exact = |&value: &f32| f16::from_f32(value).to_f32().to_bits() == value.to_bits();
        match parameters.iter().all(exact) {
            true => Self::Halves,
            false => Self::Floats,
        }
    }

    /// Adds the tensor of `len` parameters, an even number, to a plan, as its port `parameters`.
    pub fn weights(self, plan: &mut Plan, len: usize) -> Weights {
        let (label, shape, role) = ("parameters", [1, 1, 1, len], BufferRole::State);
        let weights = match self {
            Self::Floats => Weights::Floats(plan.tensor(label, shape, role)),
            Self::Halves => Weights::Halves(plan.halves(label, shape, role)),
        };
        plan.name_port(label, weights.tensor());
        weights
    }

    /// The words of parameters, rounded to what they are kept in; halves two in a word, the first in its low 16 bits.
    pub fn words(self, parameters: &[f32]) -> Vec<u32> {
        let half = |value: &f32| u32::from(f16::from_f32(*value).to_bits());
        match self {
            Self::Floats => parameters.iter().map(|value| value.to_bits()).collect(),
            Self::Halves => parameters
                .chunks(2)
                .map(|pair| half(&pair[0]) | pair.get(1).map_or(0, half) << 16)
                .collect(),
        }
    }
}
