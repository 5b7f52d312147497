//! Networks whose edges have lost their splines: what is left says what the splines were for.

#![allow(
    clippy::cast_possible_truncation,
    reason = "weights are fitted in f64, and parameters are f32"
)]

use serde::Serialize;

use super::inputs::LayerInputs;
use crate::model::{ModelError, Network};

/// What stands in for the curve of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// Its silu as it was learned, and nothing of its spline.
    Learned,
    /// The multiple of silu, and the constant, that come nearest to the whole curve under the inputs that reach it: the most that
    /// a layer of weights behind silus does without learning anew.
    Fitted,
}

/// The parameters of a network without its splines; `inputs` are what reaches its layers with splines.
///
/// # Errors
/// [`ModelError`]: the parameters are not those of the network.
pub fn base_only(
    network: &Network,
    flat: &[f32],
    base: Base,
    inputs: &[LayerInputs],
) -> Result<Vec<f32>, ModelError> {
    let mut named = network.named_parameters(flat);
    for layer in inputs {
        let kind = network.spec.layers[layer.layer].kind();
        let find = |named: &[crate::model::NamedParameter], part: &str| {
            let name = format!("{}.{kind}.{part}", layer.layer);
            named.iter().position(|parameter| parameter.name == name)
        };
        let (Some(weight), Some(bias)) = (find(&named, "weight"), find(&named, "bias")) else {
            continue;
        };
        let [channels, rows, columns, slots, outputs] = named[weight].dims[..] else {
            continue;
        };
        let silu = slots - 1;
        let mut constants = vec![0.0; outputs];
        for tap in 0..channels * rows * columns {
            let moments = &layer.channels[tap / (rows * columns)].moments;
            let covariance =
                |a: usize, b: usize| moments.second[a][b] - moments.mean[a] * moments.mean[b];
            let values = &mut named[weight].values[tap * slots * outputs..][..slots * outputs];
            for (output, constant) in constants.iter_mut().enumerate() {
                let at = |slot: usize| f64::from(values[slot * outputs + output]);
                let fitted = match base {
                    Base::Learned => at(silu),
                    Base::Fitted => {
                        let with_silu = |slot| at(slot) * covariance(slot, silu);
                        let all: f64 = (0..slots).map(with_silu).sum();
                        let own = covariance(silu, silu);
                        let fitted = if own > 0.0 { all / own } else { 0.0 };
                        let mean: f64 = (0..slots).map(|slot| at(slot) * moments.mean[slot]).sum();
                        *constant += mean - fitted * moments.mean[silu];
                        fitted
                    }
                };
                for slot in 0..silu {
                    values[slot * outputs + output] = 0.0;
                }
                values[silu * outputs + output] = fitted as f32;
            }
        }
        for (bias, constant) in named[bias].values.iter_mut().zip(constants) {
            *bias += constant as f32;
        }
    }
    network.flat_parameters(&named)
}
