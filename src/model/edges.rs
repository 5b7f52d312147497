//! The functions that a network has learned on its edges.

use super::moments::{Density, Moments};
use super::network::Network;
use crate::ops::Basis;
use crate::reference::edge_basis;

/// One edge of a layer with splines; a shared spline is a layer's single edge.
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
    /// Standard deviation of what the edge adds to its output under its inputs: how much it matters, whatever constant it
    /// adds.
    pub importance: f64,
    /// The same of its spline's part alone.
    pub spline_importance: f64,
}

impl LearnedEdge {
    /// The function at `z`.
    pub fn value(&self, z: f64) -> f64 {
        self.spline(z) + self.base(z)
    }

    /// The spline's part of the function at `z`.
    pub fn spline(&self, z: f64) -> f64 {
        let (_, coefficients) = self.weights.split_last().unwrap_or((&0.0, &[]));
        coefficients
            .iter()
            .enumerate()
            .map(|(m, &c)| f64::from(c) * edge_basis(&self.basis, m, z))
            .sum()
    }

    /// The silu part of the function at `z`.
    pub fn base(&self, z: f64) -> f64 {
        let (&silu, coefficients) = self.weights.split_last().unwrap_or((&0.0, &[]));
        f64::from(silu) * edge_basis(&self.basis, coefficients.len(), z)
    }
}

impl Network {
    /// All edges with splines, the most important ones for standard normal inputs first. `flat` are the network's parameters.
    pub fn learned_edges(&self, flat: &[f32]) -> Vec<LearnedEdge> {
        self.edges_under(flat, |_, basis, inputs| {
            vec![Density::normal().moments(basis); inputs]
        })
    }

    /// All edges with splines, the most important ones first, for what reaches them: `moments` gives it of the layer at a
    /// place, for each of so many input channels.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "places within a tensor that is there, whose dimensions are not 0"
    )]
    pub fn edges_under(
        &self,
        flat: &[f32],
        moments: impl Fn(usize, &Basis, usize) -> Vec<Moments>,
    ) -> Vec<LearnedEdge> {
        let named = self.named_parameters(flat);
        let mut edges = Vec::new();
        for (layer, spec) in self.spec.layers.iter().enumerate() {
            let Some(basis) = spec.basis() else {
                continue;
            };
            let name = format!("{layer}.{}.weight", spec.kind());
            let Some(weight) = named.iter().find(|p| p.name == name) else {
                continue;
            };
            let [inputs, rows, columns, slots, outputs] = weight.dims[..] else {
                continue;
            };
            let moments = moments(layer, &basis, inputs);
            for tap in 0..inputs * rows * columns {
                let input = tap / (rows * columns);
                for output in 0..outputs {
                    let weights: Vec<f32> = (0..slots)
                        .map(|m| weight.values[(tap * slots + m) * outputs + output])
                        .collect();
                    edges.push(LearnedEdge {
                        layer,
                        input,
                        tap: [tap / columns % rows, tap % columns],
                        output,
                        basis,
                        importance: moments[input].deviation(&weights),
                        spline_importance: moments[input].deviation(&weights[..slots - 1]),
                        weights,
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
            (edge.importance, deviation(&|z| edge.value(z))),
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

    #[test]
    fn a_shared_spline_is_one_edge_that_keeps_the_variance_of_a_normal_input() {
        for (grid, range, centre) in [(4, 2.5, 0.0), (10, 0.5, 0.5)] {
            let spec = Spec::from_toml(&format!(
                "name = \"t\"\n[[layers]]\ntype = \"shared_spline\"\ngrid = {grid}\nrange = {range:?}\ncentre = {centre:?}\n"
            ))
            .unwrap();
            let network = Network::new(spec, [3, 5]).unwrap();
            let (mut total, mut base) = (0.0, 0.0);
            for seed in 0..200 {
                let edges = network.learned_edges(&network.initial_parameters(seed));
                assert_eq!(edges.len(), 1);
                let second = Density::normal().moments(&edges[0].basis).second;
                let w: Vec<f64> = edges[0].weights.iter().map(|&w| f64::from(w)).collect();
                let last = w.len() - 1;
                base = w[last] * w[last] * second[last][last];
                for (a, row) in second.iter().enumerate() {
                    let sum: f64 = row.iter().zip(&w).map(|(s, w)| s * w).sum();
                    total += w[a] * sum / 200.0;
                }
            }
            // Nine tenths by silu, the same for every seed.
            assert!((base - 0.9).abs() < 0.01, "{base}");
            assert!((total - 1.0).abs() < 0.1, "{total}");
        }
    }
}
