//! The learned functions of a network under the inputs that really reach them.

use rayon::prelude::*;
use serde::Serialize;

use super::clusters::{Cluster, clusters};
use super::forms::{Fit, Fits, Form, Forms};
use super::inputs::LayerInputs;
use crate::model::{EdgeTensor, LearnedEdge, Moments, Network};

/// The functions of a layer with splines.
#[derive(Debug, Clone)]
pub struct LayerCurves {
    /// What reaches them.
    pub inputs: LayerInputs,
    /// The functions, those that matter most first.
    pub curves: Vec<Curve>,
    /// Share of all their variance that the best straight line of each explains.
    pub linear: f64,
    /// The same of the best multiple of silu, which is what a weight behind a silu makes.
    pub silu: f64,
    /// The shapes that they have.
    pub clusters: Vec<Cluster>,
}

/// A learned function.
#[derive(Debug, Clone)]
pub struct Curve {
    /// Where it is, and its importance under the inputs that reach it.
    pub edge: LearnedEdge,
    /// Its part of the sum of all variances of the layer's functions.
    pub share: f64,
    /// Share of its variance that the best straight line explains.
    pub linear: f64,
    /// Share of its variance that the best multiple of silu explains.
    pub silu: f64,
    /// The simplest of the forms that come closest; none where no two inputs differ.
    pub form: Option<Fit>,
    /// Its cluster, an index into [`LayerCurves::clusters`]; none of a function that does not vary.
    pub cluster: Option<usize>,
}

/// How many functions of a layer are closest to a form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FormCount {
    /// Which.
    pub form: Form,
    /// Functions.
    pub edges: usize,
    /// Their part of the sum of all variances.
    pub share: f64,
    /// Mean of how much of their variance the form explains, weighted by that.
    pub r2: f64,
}

impl LayerCurves {
    /// Place of the layer in the network.
    pub fn layer(&self) -> usize {
        self.inputs.layer
    }

    /// Part of the sum of all variances that the first so many functions hold.
    pub fn held_by(&self, first: usize) -> f64 {
        self.curves
            .iter()
            .take(first)
            .map(|curve| curve.share)
            .sum()
    }

    /// How many of the first functions hold this part of the sum of all variances.
    pub fn holding(&self, part: f64) -> usize {
        let mut held = 0.0;
        let enough = self.curves.iter().position(|curve| {
            held += curve.share;
            held >= part
        });
        enough.map_or(self.curves.len(), |last| last + 1)
    }

    /// How many are closest to each form, in the order of [`Form::ALL`].
    pub fn forms(&self) -> Vec<FormCount> {
        let count = |form| {
            let fits = self
                .curves
                .iter()
                .filter_map(|curve| Some((curve, curve.form?)));
            let own: Vec<_> = fits.filter(|(_, fit)| fit.form == form).collect();
            let share: f64 = own.iter().map(|(curve, _)| curve.share).sum();
            let explained: f64 = own.iter().map(|(curve, fit)| curve.share * fit.r2).sum();
            FormCount {
                form,
                edges: own.len(),
                share,
                r2: if share > 0.0 { explained / share } else { 0.0 },
            }
        };
        Form::ALL.map(count).into()
    }

    /// Part of the sum of all variances by a straight line's share of each: equal bins from 0 to 1.
    pub fn by_linear(&self, bins: usize) -> Vec<f64> {
        let mut shares = vec![0.0; bins];
        for curve in &self.curves {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of 0 to 1 of the bins"
            )]
            let bin = (curve.linear.clamp(0.0, 1.0) * bins as f64) as usize;
            shares[bin.min(bins.saturating_sub(1))] += curve.share;
        }
        shares
    }
}

/// The functions of each layer with splines, for what reaches them ([`inputs`](super::inputs())).
pub fn curves(network: &Network, parameters: &[f32], inputs: Vec<LayerInputs>) -> Vec<LayerCurves> {
    let moments = |layer| -> Vec<Moments> {
        let found = inputs.iter().find(|inputs| inputs.layer == layer);
        let channels = found.into_iter().flat_map(|inputs| &inputs.channels);
        channels.map(|channel| channel.moments.clone()).collect()
    };
    let edges = network.edges_under(parameters, |layer, _, _| moments(layer));
    inputs
        .into_iter()
        .map(|inputs| {
            let own = edges.iter().filter(|edge| edge.layer == inputs.layer);
            of_layer(inputs.clone(), own.cloned().collect())
        })
        .collect()
}

fn of_layer(inputs: LayerInputs, edges: Vec<LearnedEdge>) -> LayerCurves {
    let channels = inputs.channels.par_iter();
    let forms: Vec<Forms> = channels
        .map(|c| Forms::new(&inputs.basis, &c.density))
        .collect();
    let moments: Vec<&Moments> = inputs.channels.iter().map(|c| &c.moments).collect();
    let total: f64 = edges.iter().map(|edge| edge.importance.powi(2)).sum();
    let (shapes, of_edges) = clusters(&edges, &inputs.density());
    let curves: Vec<Curve> = edges
        .into_par_iter()
        .zip(of_edges)
        .map(|(edge, cluster)| {
            let fits: Fits = forms[edge.input].fit(&edge.weights);
            Curve {
                share: if total > 0.0 {
                    edge.importance.powi(2) / total
                } else {
                    0.0
                },
                linear: fits.linear(),
                silu: moments[edge.input].explained(&edge.weights, edge.weights.len() - 1),
                form: fits.closest,
                cluster,
                edge,
            }
        })
        .collect();
    LayerCurves {
        silu: curves.iter().map(|curve| curve.share * curve.silu).sum(),
        linear: curves.iter().map(|curve| curve.share * curve.linear).sum(),
        clusters: shapes,
        inputs,
        curves,
    }
}

/// How strong a layer's edges are, by channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerNorms {
    /// Place of the layer in the network.
    pub layer: usize,
    /// Its `type`.
    pub kind: &'static str,
    /// Whether functions are on its edges; otherwise weights.
    pub splines: bool,
    /// Edges.
    pub edges: usize,
    /// For each input channel the root of the sum of squares: of the weights, or of the functions' importances.
    pub inputs: Vec<f64>,
    /// For each output channel the same.
    pub outputs: Vec<f64>,
}

/// How strong the edges of each layer are by channel: plain weights by their squares, functions by what they add under their
/// inputs.
pub fn norms(network: &Network, parameters: &[f32], curves: &[LayerCurves]) -> Vec<LayerNorms> {
    let of_tensor = |tensor: EdgeTensor| {
        let (mut inputs, mut outputs) = (vec![0.0; tensor.inputs], vec![0.0; tensor.outputs]);
        let mut add = |input: usize, output: usize, square: f64| {
            inputs[input] += square;
            outputs[output] += square;
        };
        if tensor.has_splines() {
            let own = curves
                .iter()
                .find(|curves| curves.layer() == tensor.layer)?;
            for Curve { edge, .. } in &own.curves {
                add(edge.input, edge.output, edge.importance.powi(2));
            }
        } else {
            let area = tensor.kernel[0] * tensor.kernel[1];
            for (tap, output) in tensor.places() {
                let weights = tensor.edge(parameters, tap, output);
                add(
                    tap / area,
                    output,
                    weights.map(|w| f64::from(w).powi(2)).sum(),
                );
            }
        }
        Some(LayerNorms {
            layer: tensor.layer,
            kind: network.spec.layers[tensor.layer].kind(),
            splines: tensor.has_splines(),
            edges: tensor.edges(),
            inputs: inputs.iter().map(|sum| sum.sqrt()).collect(),
            outputs: outputs.iter().map(|sum| sum.sqrt()).collect(),
        })
    };
    let tensors = network.edge_tensors().into_iter();
    tensors.filter_map(of_tensor).collect()
}
