//! Regularisers that only act while training: noise and dropout.

use serde::{Deserialize, Serialize};

use super::{Build, Forward, Gradients, Layer};
use crate::gpu::{Shape, Tensor};
use crate::ops::{self, Gradient, Wanted};
use crate::reference;

/// Adds normal noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// Its standard deviation.
    pub deviation: f32,
}

impl Layer for Noise {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        if !(0.0..=1e6).contains(&self.deviation) {
            return Err(format!(
                "deviation {} must be from 0 to 1000000",
                self.deviation
            ));
        }
        Ok(input)
    }

    fn forward(&self, build: &mut Build, x: Tensor, _: &[Tensor]) -> Forward {
        let output = match build.step {
            None => x,
            Some(step) => {
                let y = build.scratch("noise", x.shape);
                ops::noise_forward(build.plan, self.deviation, build.layer, x, step, y);
                y
            }
        };
        Forward {
            input: x,
            output,
            kept: Vec::new(),
        }
    }

    fn backward(
        &self,
        _: &mut Build,
        _: &Forward,
        _: &[Tensor],
        _: Option<Gradients>,
        grad_y: Gradient,
        _: Wanted,
    ) -> Option<Gradient> {
        Some(grad_y)
    }

    fn reference(&self, _: Shape, x: &[f64], _: &[&[f64]], stream: Option<[u32; 3]>) -> Vec<f64> {
        match stream {
            None => x.to_vec(),
            Some(stream) => reference::noise_forward(f64::from(self.deviation), stream, x),
        }
    }
}

/// Drops values and scales the rest up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Probability that a value is dropped.
    pub rate: f32,
}

impl Layer for Dropout {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        if !(0.0..1.0).contains(&self.rate) {
            return Err(format!(
                "rate {} must be 0 or more and less than 1",
                self.rate
            ));
        }
        Ok(input)
    }

    fn forward(&self, build: &mut Build, x: Tensor, _: &[Tensor]) -> Forward {
        let output = match build.step {
            None => x,
            Some(step) => {
                let y = build.scratch("dropout", x.shape);
                ops::dropout_forward(build.plan, self.rate, build.layer, x, step, y);
                y
            }
        };
        Forward {
            input: x,
            output,
            kept: Vec::new(),
        }
    }

    fn backward(
        &self,
        build: &mut Build,
        _: &Forward,
        _: &[Tensor],
        _: Option<Gradients>,
        grad_y: Gradient,
        wanted: Wanted,
    ) -> Option<Gradient> {
        let Some(step) = build.step else {
            return Some(grad_y);
        };
        if matches!(wanted, Wanted::Nothing) {
            return None;
        }
        let grad_y = grad_y.plain();
        let grad_x = build.scratch("dropout grad", grad_y.shape);
        ops::dropout_forward(build.plan, self.rate, build.layer, grad_y, step, grad_x);
        Some(Gradient::Plain(grad_x))
    }

    fn reference(&self, _: Shape, x: &[f64], _: &[&[f64]], stream: Option<[u32; 3]>) -> Vec<f64> {
        match stream {
            None => x.to_vec(),
            Some(stream) => reference::dropout_forward(f64::from(self.rate), stream, x),
        }
    }
}
