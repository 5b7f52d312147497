//! What reaches the edges of a network.

use gamaka::internals::explain::inputs;
use gamaka::internals::reference::normal;
use gamaka::model::{Network, Spec};

use crate::gpu;

const LAYERS: &str = "name = \"t\"\n\
    [[layers]]\ntype = \"kan_conv\"\nchannels = 3\nkernel = 2\nrange = 1.0\n\
    [[layers]]\ntype = \"shared_spline\"\n\
    [[layers]]\ntype = \"kan_linear\"\nchannels = 2\n";

#[test]
fn what_reaches_each_layer_is_what_the_layers_before_it_make() {
    let spec = Spec::from_toml(LAYERS).unwrap();
    let network = Network::new(spec.clone(), [4, 5]).unwrap();
    let parameters = network.initial_parameters(3);
    // More than a batch, and not a multiple of one.
    let clips: Vec<Vec<f32>> = (0..37)
        .map(|clip| (0..20).map(|k| normal([5, 1, clip, k]) as f32).collect())
        .collect();
    let found = inputs(gpu(), &network, &parameters, &clips).unwrap();
    let shapes: Vec<_> = found.iter().map(|l| (l.layer, l.channels.len())).collect();
    assert_eq!(shapes, [(0, 1), (1, 1), (2, 36)]);

    let x: Vec<f64> = clips.iter().flatten().map(|&v| f64::from(v)).collect();
    let flat: Vec<f64> = parameters.iter().map(|&v| f64::from(v)).collect();
    for layer in &found {
        // The network before the layer, whose parameters come first.
        let values = match layer.layer {
            0 => x.clone(),
            layers => {
                let before = Spec {
                    layers: spec.layers[..layers].to_vec(),
                    ..spec.clone()
                };
                let before = Network::new(before, [4, 5]).unwrap();
                before.reference(clips.len(), &x, &flat[..before.flat_len()], None)
            }
        };
        let len = values.len() / clips.len() / layer.channels.len();
        for (channel, got) in layer.channels.iter().enumerate() {
            let own = values
                .chunks(len)
                .skip(channel)
                .step_by(layer.channels.len());
            // In the first layer 2 x 2 taps hear what is within the edge, and fewer what is on it.
            let taps = |k: usize| match layer.layer {
                0 => {
                    let inner = [(1..3).contains(&(k / 5)), (1..4).contains(&(k % 5))];
                    inner
                        .map(|inner| f64::from(1 + u8::from(inner)))
                        .iter()
                        .product()
                }
                _ => 1.0,
            };
            let (mut sum, mut square, mut outside, mut count) = (0.0, 0.0, 0.0, 0.0);
            for (k, &z) in own.flat_map(|values| values.iter().enumerate()) {
                sum += taps(k) * z;
                square += taps(k) * z * z;
                outside += taps(k) * f64::from(u8::from(z.abs() > layer.basis.range.into()));
                count += taps(k);
            }
            let near = |got: f64, want: f64| {
                let place = (layer.layer, channel);
                assert!(
                    (got - want).abs() < 1e-3 * want.abs().max(1.0),
                    "{got} for {want} at {place:?}"
                );
            };
            near(got.density.expectation(|z| z), sum / count);
            near(got.density.expectation(|z| z * z), square / count);
            near(got.outside.iter().sum(), outside / count);
        }
    }
}

#[test]
fn a_network_without_splines_has_no_such_layers() {
    let spec = "name = \"t\"\n[[layers]]\ntype = \"linear\"\nchannels = 2\n";
    let network = Network::new(Spec::from_toml(spec).unwrap(), [2, 2]).unwrap();
    let parameters = network.initial_parameters(1);
    let found = inputs(gpu(), &network, &parameters, &[vec![0.0; 4]]).unwrap();
    assert!(found.is_empty());
}
