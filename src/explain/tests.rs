//! Functions that are known, in networks built by hand.

use super::*;
use crate::model::{Density, Network, Spec};
use crate::ops::Basis;
use crate::reference::normal;

/// A grid so fine that straight pieces between its knots are any smooth function.
const FINE: Basis = Basis {
    order: 1,
    grid: 64,
    range: 4.0,
    centre: 0.0,
};

/// Weights of straight pieces through a function at the knots, without silu.
fn pieces(basis: &Basis, f: impl Fn(f64) -> f64) -> Vec<f32> {
    let (range, grid) = (f64::from(basis.range), basis.grid as f64);
    let knots = (0..=basis.grid).map(|m| range * (2.0 * m as f64 / grid - 1.0));
    let mut weights: Vec<f32> = knots.map(|z| f(z) as f32).collect();
    weights.push(0.0);
    weights
}

fn closest(f: impl Fn(f64) -> f64) -> Fit {
    let forms = Forms::new(&FINE, &Density::normal());
    forms.fit(&pieces(&FINE, f)).closest.unwrap()
}

#[test]
fn each_form_is_found_in_a_function_that_has_it() {
    let bump = |z: f64| 2.0 - 3.0 * (-2.0 * (z - 0.5).powi(2)).exp();
    let functions: [(Form, &dyn Fn(f64) -> f64); 9] = [
        (Form::Linear, &|z| 0.3 - 1.7 * z),
        (Form::Quadratic, &|z| 1.0 + 0.2 * z - 0.7 * z * z),
        (Form::Absolute, &|z| 2.0 * (z + 0.5).abs()),
        (Form::Threshold, &|z| -(z - 0.4).max(0.0)),
        (Form::Threshold, &|z| 1.0 + (-0.2 - z).max(0.0)),
        (Form::Saturation, &|z| (4.0 * z - 2.0).tanh()),
        // A steep step.
        (Form::Saturation, &|z| (8.0 * z - 2.0).clamp(0.0, 1.0)),
        (Form::Bump, &bump),
        (Form::Periodic, &|z| (2.9 * z + 1.0).sin()),
    ];
    for (index, (form, f)) in functions.into_iter().enumerate() {
        let fit = closest(f);
        assert_eq!(fit.form, form, "function {index}: {fit:?}");
        assert!(fit.r2 > 0.98, "function {index}: {fit:?}");
        // The fit is drawn as it was found.
        let inputs = Density::normal();
        let mean = inputs.expectation(f);
        let error = inputs.expectation(|z| (f(z) - fit.value(z)).powi(2));
        let variance = inputs.expectation(|z| (f(z) - mean).powi(2));
        let left = 1.0 - fit.r2;
        assert!((error / variance - left).abs() < 0.01, "function {index}");
    }
    let Fit { at, width, .. } = closest(bump);
    assert!((at.unwrap() - 0.5).abs() < 0.15 && (width.unwrap() - 0.5).abs() < 0.15);
    assert_eq!(closest(|_| 3.0).form, Form::Linear);
}

#[test]
fn the_share_of_a_straight_line_is_that_of_the_variance_it_explains() {
    let forms = Forms::new(&FINE, &Density::normal());
    // Of z + c z^2 the line explains 1 in 1 + 2 c^2 under a normal z.
    for (c, share) in [(0.0, 1.0), (0.5, 1.0 / 1.5), (1.0, 1.0 / 3.0)] {
        let found = forms.fit(&pieces(&FINE, |z| z + c * z * z)).linear();
        assert!((found - share).abs() < 0.01, "{found} for {share}");
    }
    let even = forms.fit(&pieces(&FINE, |z| z.abs())).linear();
    assert!(even < 1e-3, "{even}");
}

#[test]
fn a_multiple_of_silu_is_explained_by_it_and_what_is_even_less_so() {
    let moments = Density::normal().moments(&FINE);
    let silu = FINE.slots() - 1;
    let mut weights = vec![0.0; FINE.slots()];
    weights[silu] = -2.5;
    assert!((moments.explained(&weights, silu) - 1.0).abs() < 1e-9);
    let line = moments.explained(&pieces(&FINE, |z| z), silu);
    // The square of the correlation of z and silu(z): cov = E[z silu(z)], by quadrature.
    let inputs = Density::normal();
    let f = |z: f64| z / (1.0 + (-z).exp());
    let mean = inputs.expectation(f);
    let variance = inputs.expectation(|z| (f(z) - mean).powi(2));
    let expected = inputs.expectation(|z| z * f(z)).powi(2) / variance;
    assert!((line - expected).abs() < 1e-3, "{line} for {expected}");
}

#[test]
fn inputs_decide_how_straight_a_function_is() {
    // Where a threshold's inputs all lie above it, it is a plain weight.
    let above = Density::of((0..100).map(|k| (1.0 + k as f64 / 100.0, 1.0)));
    let weights = pieces(&FINE, |z| z.max(0.0));
    assert!(Forms::new(&FINE, &above).fit(&weights).linear() > 1.0 - 1e-6);
    assert!(Forms::new(&FINE, &Density::normal()).fit(&weights).linear() < 0.8);
    // An input that never changes has no form.
    let still = Density::of([(0.7, 1.0)].into_iter());
    assert_eq!(Forms::new(&FINE, &still).fit(&weights).closest, None);
}

/// A dense layer of straight pieces whose inputs are as wide as told: its functions by input and output.
fn layer(deviations: &[f64], functions: &[Vec<&dyn Fn(f64) -> f64>]) -> LayerCurves {
    let outputs = functions[0].len();
    let spec = format!(
        "name = \"t\"\n[[layers]]\ntype = \"kan_linear\"\nchannels = {outputs}\ngrid = 64\norder = 1\nrange = 4.0\n"
    );
    let network = Network::new(Spec::from_toml(&spec).unwrap(), [deviations.len(), 1]).unwrap();
    let mut named = network.named_parameters(&network.initial_parameters(1));
    let slots = FINE.slots();
    for (input, row) in functions.iter().enumerate() {
        for (output, f) in row.iter().enumerate() {
            for (slot, weight) in pieces(&FINE, f).into_iter().enumerate() {
                named[0].values[(input * slots + slot) * outputs + output] = weight;
            }
        }
    }
    let parameters = network.flat_parameters(&named).unwrap();
    let channels = deviations.iter().map(|deviation| {
        let wide = Density::normal();
        let density = Density::of(wide.points().map(|(z, share)| (deviation * z, share)));
        ChannelInputs {
            moments: density.moments(&FINE),
            outside: [0.0; 2],
            density,
        }
    });
    let inputs = LayerInputs {
        layer: 0,
        basis: FINE,
        channels: channels.collect(),
    };
    let mut found = curves(&network, &parameters, vec![inputs]);
    let norms = norms(&network, &parameters, &found);
    let total: f64 = norms[0].outputs.iter().map(|norm| norm * norm).sum();
    let sum: f64 = found[0]
        .curves
        .iter()
        .map(|c| c.edge.importance.powi(2))
        .sum();
    assert!((total - sum).abs() < 1e-9 * sum);
    found.remove(0)
}

#[test]
fn importance_is_what_an_edge_adds_under_the_inputs_that_reach_it() {
    // The same line matters as much as its input varies; a constant does not matter, however large.
    let line = |z: f64| z + 5.0;
    let flat = |_: f64| 100.0;
    let steep = |z: f64| -3.0 * z;
    let found = layer(&[0.5, 1.0], &[vec![&line, &flat], vec![&line, &steep]]);
    let got: Vec<_> = found
        .curves
        .iter()
        .map(|c| (c.edge.input, c.edge.output, c.edge.importance))
        .collect();
    let want = [(1, 1, 3.0), (1, 0, 1.0), (0, 0, 0.5), (0, 1, 0.0)];
    for ((i, o, importance), (wi, wo, expected)) in got.into_iter().zip(want) {
        assert_eq!((i, o), (wi, wo));
        assert!(
            (importance - expected).abs() < 0.01,
            "{importance} for {expected}"
        );
    }
    assert!((found.linear - 1.0).abs() < 1e-3);
    assert!((found.held_by(1) - 9.0 / 10.25).abs() < 1e-2);
    assert_eq!(
        (found.holding(0.5), found.holding(0.95), found.holding(1.1)),
        (1, 2, 4)
    );
    assert!((found.by_linear(10)[9] - 1.0).abs() < 1e-3);
}

#[test]
fn a_layer_is_as_straight_as_its_functions_by_their_variance() {
    // Variances 1 and 2 of a line and a parabola.
    let (line, parabola) = (|z: f64| z, |z: f64| z * z);
    let found = layer(&[1.0], &[vec![&line, &parabola]]);
    assert!((found.linear - 1.0 / 3.0).abs() < 0.01, "{}", found.linear);
    let forms = found.forms();
    let of = |form: Form| forms.iter().find(|count| count.form == form).unwrap();
    assert_eq!((of(Form::Linear).edges, of(Form::Quadratic).edges), (1, 1));
    assert!((of(Form::Quadratic).share - 2.0 / 3.0).abs() < 0.01);
    assert!(of(Form::Quadratic).r2 > 0.99);
}

#[test]
fn functions_of_one_shape_are_in_one_cluster_whatever_their_height_sign_and_constant() {
    let shapes: [&dyn Fn(f64) -> f64; 3] = [&|z| z, &|z| z.abs(), &|z| (3.0 * z).sin()];
    let functions: Vec<Box<dyn Fn(f64) -> f64>> = (0..30)
        .map(|k| {
            let shape = shapes[k % 3];
            let (factor, constant) = (normal([7, 1, 1, k as u32]), normal([7, 1, 2, k as u32]));
            let factor = if factor.abs() < 0.2 { 1.0 } else { factor };
            Box::new(move |z: f64| constant + factor * shape(z)) as _
        })
        .collect();
    let row = functions.iter().map(|f| f.as_ref() as _).collect();
    let found = layer(&[1.0], &[row]);
    assert_eq!(found.clusters.len(), 3);
    for cluster in 0..3 {
        let own = found.curves.iter().filter(|c| c.cluster == Some(cluster));
        let mut kinds: Vec<usize> = own.map(|c| c.edge.output % 3).collect();
        assert_eq!(kinds.len(), found.clusters[cluster].edges);
        kinds.dedup();
        assert_eq!(kinds.len(), 1);
        assert!(found.clusters[cluster].explained > 0.99);
    }
    let shares: f64 = found.clusters.iter().map(|cluster| cluster.share).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    let shares: Vec<f64> = found.clusters.iter().map(|c| c.share).collect();
    assert!(shares.windows(2).all(|pair| pair[0] >= pair[1]));
}

#[test]
fn plain_weights_have_norms_by_channel() {
    let spec = "name = \"t\"\n[[layers]]\ntype = \"conv\"\nchannels = 2\nkernel = 1\n\
        [[layers]]\ntype = \"linear\"\nchannels = 3\n";
    let network = Network::new(Spec::from_toml(spec).unwrap(), [1, 2]).unwrap();
    let mut named = network.named_parameters(&network.initial_parameters(1));
    named[0].values = vec![3.0, -4.0];
    let parameters = network.flat_parameters(&named).unwrap();
    let found = norms(&network, &parameters, &[]);
    assert_eq!(found[0].inputs, [5.0]);
    assert_eq!(found[0].outputs, [3.0, 4.0]);
    assert_eq!((found[0].edges, found[0].splines), (2, false));
    assert_eq!((found[1].inputs.len(), found[1].outputs.len()), (4, 3));
}
