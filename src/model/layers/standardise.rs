//! Standardisation of mel bands.

use serde::{Deserialize, Serialize};

use super::{Build, Forward, Gradients, Layer};
use crate::gpu::{Shape, Tensor};
use crate::ops::{self, Gradient, Wanted};
use crate::reference;

/// Every mel band less its mean, divided by its deviation, both over all training files. Unlike a normalisation of
/// each clip it keeps what tells recordings apart by level and equalisation.
///
/// Mean and deviation are constants. Where a spec leaves them out, in a first layer only, a training measures them and the
/// model keeps them; until then they are 0 and 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Standardise {
    /// One a band.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mean: Vec<f32>,
    /// One a band, above 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deviation: Vec<f32>,
}

impl Standardise {
    /// Scales, then shifts, of so many bands.
    fn affine(&self, bands: usize) -> Vec<f32> {
        if self.mean.is_empty() {
            return [vec![1.0; bands], vec![0.0; bands]].concat();
        }
        let scales = self.deviation.iter().map(|deviation| 1.0 / deviation);
        let shifts = self.mean.iter().zip(&self.deviation).map(|(m, d)| -m / d);
        scales.chain(shifts).collect()
    }
}

impl Layer for Standardise {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        let bands = input[2];
        let Self { mean, deviation } = self;
        if mean.len() != deviation.len() || !(mean.is_empty() || mean.len() == bands) {
            return Err(format!(
                "{} means and {} deviations do not fit {bands} mel bands: leave out both, and a training measures them",
                mean.len(),
                deviation.len()
            ));
        }
        let positive = deviation.iter().all(|&d| d.is_finite() && d > 0.0);
        // A deviation may be too near 0 to divide by.
        if !(positive && self.affine(bands).iter().all(|value| value.is_finite())) {
            return Err("means must be finite, and deviations above 0".into());
        }
        Ok(input)
    }

    fn forward(&self, build: &mut Build, x: Tensor, _: &[Tensor]) -> Forward {
        let bands = x.shape[2];
        let output = build.scratch("standardised", x.shape);
        let affine = [1, 1, 2, bands];
        let affine = build
            .plan
            .constant("band affine", affine, self.affine(bands));
        ops::band_affine(build.plan, x, affine, output);
        Forward {
            input: x,
            output,
            kept: Vec::new(),
        }
    }

    fn backward(
        &self,
        build: &mut Build,
        forward: &Forward,
        _: &[Tensor],
        _: Option<Gradients>,
        grad_y: Gradient,
        wanted: Wanted,
    ) -> Option<Gradient> {
        if matches!(wanted, Wanted::Nothing) {
            return None;
        }
        let grad_y = grad_y.plain();
        let shape = forward.input.shape;
        let mut scales = self.affine(shape[2]);
        scales[shape[2]..].fill(0.0);
        let affine = [1, 1, 2, shape[2]];
        let affine = build.plan.constant("band scales", affine, scales);
        let grad_x = build.scratch("standardised grad", shape);
        ops::band_affine(build.plan, grad_y, affine, grad_x);
        Some(Gradient::Plain(grad_x))
    }

    fn reference(&self, input: Shape, x: &[f64], _: &[&[f64]], _: Option<[u32; 3]>) -> Vec<f64> {
        let affine: Vec<f64> = self.affine(input[2]).into_iter().map(f64::from).collect();
        reference::band_affine(input[2], input[3], x, &affine)
    }
}
