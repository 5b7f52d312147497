//! What a network computes with while it is fine-tuned for fewer bits.

use half::f16;

use super::integers::{largest, nearest};
use crate::gpu::{BufferRole, Plan, Tensor};
use crate::model::{Integers, Network, Packed, Packing};
use crate::model_file::Model;
use crate::ops;
use crate::train::Seen;

/// Parameters rounded to whole numbers by scales that stay.
#[derive(Debug)]
pub(super) struct Rounded {
    /// In the flat layout; 0 for what is not rounded.
    scales: Vec<f32>,
    /// The largest number.
    most: f32,
}

impl Rounded {
    /// By the scales of a packing; none where it has tables of curves, whose edges have no scales of their own.
    pub(super) fn of(network: &Network, packing: &Packing) -> Option<Self> {
        let mut flat = vec![0.0; network.flat_len()];
        let mut bits = None;
        for (place, named) in network.named_parameters(&flat).iter().enumerate() {
            let numbers = match packing.get(place) {
                None => continue,
                Some(Packed::Codebook(_)) => return None,
                Some(Packed::Integers(numbers)) => numbers,
            };
            bits = Some(numbers.bits);
            let (columns, block) = (numbers.columns, numbers.block);
            let scale = |k: usize| numbers.scales[k / columns / block * columns + k % columns];
            let scales = (0..named.values.len()).map(|k| scale(k).to_f32());
            network.set_parameter(&mut flat, place, &Vec::from_iter(scales));
        }
        Some(Self {
            scales: flat,
            most: largest(bits?),
        })
    }

    /// The weights of `was` as near as may be so that they round to those of `is`: where a fine-tuning begins.
    pub(super) fn latent(&self, was: &[f32], is: &[f32]) -> Vec<f32> {
        // A little less than half, which rounds either way.
        const REACH: f32 = 0.49;
        let each = self.scales.iter().zip(was.iter().zip(is));
        each.map(|(scale, (was, is))| match *scale == 0.0 {
            true => *is,
            false => was.clamp(is - REACH * scale, is + REACH * scale),
        })
        .collect()
    }
}

/// A model in the numbers that are nearest to its parameters, by the scales of a packing.
pub(super) fn packed_by(mut model: Model, packing: &Packing) -> Model {
    let named = model.network.named_parameters(&model.parameters);
    let mut tensors = Vec::new();
    for (place, parameter) in named.iter().enumerate() {
        let packed = packing.get(place).and_then(|packed| match packed {
            Packed::Codebook(_) => None,
            Packed::Integers(numbers) => {
                let (columns, block) = (numbers.columns, numbers.block);
                let number = |(k, weight): (usize, &f32)| {
                    let scale: f16 = numbers.scales[k / columns / block * columns + k % columns];
                    nearest(*weight, scale, largest(numbers.bits))
                };
                let values = parameter.values.iter().enumerate().map(number);
                Some(Packed::Integers(Integers {
                    values: values.collect(),
                    ..numbers.clone()
                }))
            }
        });
        if let Some(packed) = &packed {
            let (network, parameters) = (&model.network, &mut model.parameters);
            network.set_parameter(parameters, place, &packed.floats());
        }
        tensors.push(packed);
    }
    model.packing = Packing::new(tensors);
    model
}

impl Seen for Rounded {
    fn append(&self, plan: &mut Plan, _: &Network, parameters: Tensor) -> Tensor {
        let mut scales = self.scales.clone();
        // What lies behind the network is not rounded.
        scales.resize(parameters.len(), 0.0);
        let scales = plan.constant("scales", parameters.shape, scales);
        let seen = plan.tensor("seen weights", parameters.shape, BufferRole::Scratch);
        ops::round_weights(plan, self.most, [parameters, scales], seen);
        seen
    }

    fn apply(&self, _: &Network, parameters: &mut [f32]) {
        for (value, scale) in parameters.iter_mut().zip(&self.scales) {
            if *scale != 0.0 {
                *value = (*value / scale)
                    .round_ties_even()
                    .clamp(-self.most, self.most)
                    * scale;
            }
        }
    }
}
