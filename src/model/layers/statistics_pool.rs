//! Statistics pooling.

use serde::{Deserialize, Serialize};

use super::{Build, Forward, Gradients, Layer};
use crate::gpu::{Shape, Tensor};
use crate::ops::{self, Gradient, StatisticsShape, Wanted};
use crate::reference;

/// What a mean and a deviation are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// The frames: every channel and band keeps its own.
    #[default]
    Time,
    /// Frames and bands: every channel keeps its own.
    All,
}

/// Mean and standard deviation, first all means, then all deviations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatisticsPool {
    /// What they are taken over.
    #[serde(default)]
    pub over: Over,
}

impl StatisticsPool {
    fn shape(&self, [n, c, h, w]: Shape) -> StatisticsShape {
        match self.over {
            Over::Time => StatisticsShape {
                n,
                rows: ops::product(&[c, h]),
                frames: w,
            },
            Over::All => StatisticsShape {
                n,
                rows: c,
                frames: ops::product(&[h, w]),
            },
        }
    }
}

impl Layer for StatisticsPool {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        let shape = self.shape(input);
        Ok([shape.n, ops::product(&[2, shape.rows]), 1, 1])
    }

    fn forward(&self, build: &mut Build, x: Tensor, _: &[Tensor]) -> Forward {
        let shape = self.shape(x.shape);
        let output = build.scratch(
            "statistics",
            [shape.n, ops::product(&[2, shape.rows]), 1, 1],
        );
        ops::statistics_pool_forward(build.plan, &shape, x, output);
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
        gradients: Option<Gradients>,
        grad_y: Gradient,
        wanted: Wanted,
    ) -> Option<Gradient> {
        if matches!(wanted, Wanted::Nothing) {
            return None;
        }
        let (x, y, grad_y) = (forward.input, forward.output, grad_y.plain());
        let shape = self.shape(x.shape);
        if let (Wanted::ChannelsLast(bias), Some(Gradients { sums, .. })) = (wanted, gradients) {
            let given = [x, y, grad_y];
            let last = ops::statistics_pool_grad_last(build.plan, sums, &shape, given, bias);
            return Some(Gradient::ChannelsLast(last));
        }
        let grad_x = build.scratch("statistics grad", x.shape);
        ops::statistics_pool_grad_input(build.plan, &shape, x, y, grad_y, grad_x);
        Some(Gradient::Plain(grad_x))
    }

    fn reference(&self, input: Shape, x: &[f64], _: &[&[f64]], _: Option<[u32; 3]>) -> Vec<f64> {
        reference::statistics_pool_forward(&self.shape(input), x)
    }
}
