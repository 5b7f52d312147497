//! A network's parameters: their first values, their decay, and how model files name them.

use super::layers::{Init, Parameter};
use super::moments::spline_power;
use super::{ModelError, Network};
use crate::gpu::VIEW_ALIGNMENT;
use crate::ops::Basis;
use crate::reference::normal;

/// A parameter tensor as a model file holds it: without padding.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedParameter {
    /// For example `3.kan_conv.weight`.
    pub name: String,
    /// Its dimensions; edge weights are [input, height, width, slot, output].
    pub dims: Vec<usize>,
    /// Its values, last dimension fastest.
    pub values: Vec<f32>,
}

impl Network {
    /// Initial parameters for a seed, in the device's flat layout.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects,
        reason = "random words are 32 bits of the seed and of places; parameters are f32, and no tensor of them is empty"
    )]
    pub fn initial_parameters(&self, seed: u64) -> Vec<f32> {
        let mut flat = vec![0.0; self.flat_len];
        for (stream, (_, placed)) in self.placed().enumerate() {
            let Parameter { padded, init, .. } = &placed.parameter;
            let row = placed.parameter.row();
            // Of the splines and of silu.
            let deviations = match *init {
                Init::Edges { basis, fan } => edge_deviations(&basis, fan),
                Init::Function { basis } => edge_deviations(&basis, 1),
                _ => [0.0; 2],
            };
            let values = placed.of_mut(&mut flat);
            for (k, value) in values.iter_mut().enumerate() {
                if k % padded >= row {
                    continue;
                }
                let standard =
                    || normal([seed as u32, (seed >> 32) as u32, stream as u32, k as u32]) as f32;
                *value = match *init {
                    Init::Constant(constant) => constant,
                    Init::Affine => f32::from(u8::from(k / padded == 0)),
                    Init::Normal { gain, fan } => (gain / fan as f32).sqrt() * standard(),
                    Init::Edges { basis, .. } => {
                        let slot = k / padded % basis.slots();
                        deviations[usize::from(slot == basis.slots() - 1)] * standard()
                    }
                    Init::Function { basis } if k / padded == basis.slots() - 1 => deviations[1],
                    Init::Function { .. } => deviations[0] * standard(),
                };
            }
        }
        flat
    }

    /// Weight decay for every 64 parameters of the flat layout, for a run's `decay`.
    pub fn decay_table(&self, decay: f32) -> Vec<f32> {
        let mut table = vec![0.0; self.flat_len / VIEW_ALIGNMENT];
        for (_, placed) in self.placed() {
            let first = placed.first / VIEW_ALIGNMENT;
            let blocks = placed.parameter.device_len().div_ceil(VIEW_ALIGNMENT);
            table[first..][..blocks].fill(decay * placed.parameter.decay);
        }
        table
    }

    /// Names and dimensions of its parameter tensors, in the order of [`Self::named_parameters`].
    pub(crate) fn parameter_shapes(&self) -> Vec<(String, &[usize])> {
        self.placed()
            .map(|(index, placed)| {
                let Parameter { name, dims, .. } = &placed.parameter;
                let kind = self.spec.layers[index].kind();
                (format!("{index}.{kind}.{name}"), &dims[..])
            })
            .collect()
    }

    /// Writes the values of parameter tensor number `place` into a flat parameter vector.
    pub(crate) fn set_parameter(&self, flat: &mut [f32], place: usize, values: &[f32]) {
        let Some((_, placed)) = self.placed().nth(place) else {
            return;
        };
        let target = placed.of_mut(flat);
        let row = placed.parameter.row();
        for (to, from) in target
            .chunks_mut(placed.parameter.padded)
            .zip(values.chunks(row))
        {
            to[..row].copy_from_slice(from);
        }
    }

    /// Splits a flat parameter vector into named tensors without padding.
    pub fn named_parameters(&self, flat: &[f32]) -> Vec<NamedParameter> {
        self.parameter_shapes()
            .into_iter()
            .zip(self.placed())
            .map(|((name, dims), (_, placed))| {
                let row = placed.parameter.row();
                let values = placed
                    .of(flat)
                    .chunks(placed.parameter.padded)
                    .flat_map(|r| &r[..row])
                    .copied()
                    .collect();
                NamedParameter {
                    name,
                    dims: dims.to_vec(),
                    values,
                }
            })
            .collect()
    }

    /// The flat parameter vector from named tensors.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] if one is missing or has another shape.
    pub fn flat_parameters(&self, named: &[NamedParameter]) -> Result<Vec<f32>, ModelError> {
        let mut flat = vec![0.0; self.flat_len];
        for (place, (name, dims)) in self.parameter_shapes().into_iter().enumerate() {
            let fits = |n: &&NamedParameter| {
                n.name == name && n.dims == dims && n.values.len() == dims.iter().product::<usize>()
            };
            let Some(found) = named.iter().find(fits) else {
                return Err(ModelError::Parameter {
                    name,
                    dims: dims.to_vec(),
                });
            };
            self.set_parameter(&mut flat, place, &found.values);
        }
        Ok(flat)
    }
}

/// Deviations of an edge's initial weights, of splines and of silu, so that the variance of a layer's
/// output is about that of its normalised input: a tenth of it through the splines, the rest through silu.
/// The constants are E[silu(z)^2] and E[sum of B_m(z)^2] for standard normal z.
#[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
fn edge_deviations(basis: &Basis, fan: usize) -> [f32; 2] {
    const SPLINE_SHARE: f32 = 0.1;
    let fan = fan as f32;
    // Most inputs lie within a grid around 0, where neither cells nor range matter. Elsewhere many meet the
    // tangents, which rise far above the splines.
    let spline_power = if basis.centre == 0.0 {
        match basis.order {
            1 => 0.67,
            2 => 0.55,
            _ => 0.479,
        }
    } else {
        spline_power(basis) as f32
    };
    [
        (SPLINE_SHARE / (spline_power * fan)).sqrt(),
        ((1.0 - SPLINE_SHARE) / (0.356 * fan)).sqrt(),
    ]
}
