//! The functions that a network has learned on its edges.

use super::network::Network;
use super::spec::LayerSpec;
use crate::ops::Basis;
use crate::reference::edge_basis;

/// One edge of a layer with splines.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnedEdge {
    /// Place of the layer in the network.
    pub layer: usize,
    /// Input channel.
    pub input: usize,
    /// Row and column of the kernel.
    pub tap: [usize; 2],
    /// Output channel.
    pub output: usize,
    /// Its functions.
    pub basis: Basis,
    /// One weight for each spline, and the last one for silu.
    pub weights: Vec<f32>,
    /// Standard deviation of what the edge adds to its output, for a standard normal input: how much
    /// it matters, whatever constant it adds.
    pub importance: f64,
    /// The same of its spline's part alone.
    pub spline_importance: f64,
}

impl LearnedEdge {
    /// The spline's part of the function at `z`.
    pub fn spline(&self, z: f64) -> f64 {
        let coefficients = &self.weights[..self.weights.len() - 1];
        coefficients
            .iter()
            .enumerate()
            .map(|(m, &c)| f64::from(c) * edge_basis(&self.basis, m, z))
            .sum()
    }

    /// The silu part of the function at `z`.
    pub fn base(&self, z: f64) -> f64 {
        let last = self.weights.len() - 1;
        f64::from(self.weights[last]) * edge_basis(&self.basis, last, z)
    }
}

/// Covariance of an edge's basis functions under a standard normal input, by the trapezoidal rule.
fn covariance(basis: &Basis) -> Vec<Vec<f64>> {
    const POINTS: usize = 1201;
    const REACH: f64 = 6.0;
    let slots = basis.slots();
    let mut mean = vec![0.0; slots];
    let mut second = vec![vec![0.0; slots]; slots];
    let mut mass = 0.0;
    for k in 0..POINTS {
        let z = REACH * (2.0 * k as f64 / (POINTS - 1) as f64 - 1.0);
        let weight = (-0.5 * z * z).exp();
        let values: Vec<f64> = (0..slots).map(|m| edge_basis(basis, m, z)).collect();
        mass += weight;
        for a in 0..slots {
            mean[a] += weight * values[a];
            for b in 0..slots {
                second[a][b] += weight * values[a] * values[b];
            }
        }
    }
    let entry = |a: usize, b: usize| second[a][b] / mass - mean[a] * mean[b] / (mass * mass);
    (0..slots)
        .map(|a| (0..slots).map(|b| entry(a, b)).collect())
        .collect()
}

impl Network {
    /// All edges with splines, the most important ones first. `flat` are the network's parameters.
    pub fn learned_edges(&self, flat: &[f32]) -> Vec<LearnedEdge> {
        let named = self.named_parameters(flat);
        let mut edges = Vec::new();
        for (layer, spec) in self.spec.layers.iter().enumerate() {
            let basis = match spec {
                LayerSpec::KanConv(l) => Basis {
                    order: l.order,
                    grid: l.grid,
                    range: l.range,
                },
                LayerSpec::KanLinear(l) => Basis {
                    order: l.order,
                    grid: l.grid,
                    range: l.range,
                },
                _ => continue,
            };
            let covariance = covariance(&basis);
            let name = format!("{layer}.{}.weight", spec.kind());
            let Some(weight) = named.iter().find(|p| p.name == name) else {
                continue;
            };
            let [inputs, rows, columns, slots, outputs] = weight.dims[..] else {
                continue;
            };
            for tap in 0..inputs * rows * columns {
                for output in 0..outputs {
                    let weights: Vec<f32> = (0..slots)
                        .map(|m| weight.values[(tap * slots + m) * outputs + output])
                        .collect();
                    let deviation = |slots: usize| {
                        let variance: f64 = (0..slots)
                            .flat_map(|a| (0..slots).map(move |b| (a, b)))
                            .map(|(a, b)| {
                                f64::from(weights[a]) * covariance[a][b] * f64::from(weights[b])
                            })
                            .sum();
                        variance.max(0.0).sqrt()
                    };
                    let (importance, spline_importance) = (deviation(slots), deviation(slots - 1));
                    edges.push(LearnedEdge {
                        layer,
                        input: tap / (rows * columns),
                        tap: [tap / columns % rows, tap % columns],
                        output,
                        basis,
                        weights,
                        importance,
                        spline_importance,
                    });
                }
            }
        }
        edges.sort_by(|a, b| b.importance.total_cmp(&a.importance));
        edges
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Spec;
    use crate::reference::normal;

    #[test]
    fn importance_is_the_deviation_of_the_function_under_a_normal_input() {
        let spec = Spec::from_toml(
            "name = \"t\"\n[[layers]]\ntype = \"kan_conv\"\nchannels = 3\nkernel = 2\n",
        )
        .unwrap();
        let network = Network::new(spec, [4, 4]).unwrap();
        let edges = network.learned_edges(&network.initial_parameters(1));
        assert_eq!(edges.len(), 12);
        assert!(edges.windows(2).all(|w| w[0].importance >= w[1].importance));
        let deviation = |f: &dyn Fn(f64) -> f64| {
            let n = 40_000;
            let values: Vec<f64> = (0..n).map(|k| f(normal([1, 1, 1, k]))).collect();
            let mean = values.iter().sum::<f64>() / f64::from(n);
            (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / f64::from(n)).sqrt()
        };
        let edge = &edges[0];
        for (got, want) in [
            (
                edge.importance,
                deviation(&|z| edge.spline(z) + edge.base(z)),
            ),
            (edge.spline_importance, deviation(&|z| edge.spline(z))),
        ] {
            assert!((got - want).abs() < 0.02 * want, "{got} for {want}");
        }
    }

    #[test]
    fn a_constant_function_does_not_matter() {
        let spec =
            Spec::from_toml("name = \"t\"\n[[layers]]\ntype = \"kan_linear\"\nchannels = 1\n")
                .unwrap();
        let network = Network::new(spec, [1, 1]).unwrap();
        // Equal coefficients sum to a constant, because B-splines sum to one.
        let mut named = network.named_parameters(&network.initial_parameters(1));
        named[0].values = vec![3.0; 8];
        named[0].values[7] = 0.0;
        let edges = network.learned_edges(&network.flat_parameters(&named).unwrap());
        assert!(edges[0].importance < 1e-5, "{}", edges[0].importance);
    }
}
