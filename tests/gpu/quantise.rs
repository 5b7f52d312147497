//! Models in fewer bits on a device: the same bits as their floats, and nearly the same answers as the original.

use gamaka::Model;
use gamaka::internals::embed::Embedder;
use gamaka::internals::quantize::{Calibration, Choice, QuantizeError, Scales, check, quantise};
use gamaka::internals::reference::normal;
use gamaka::model::{Network, Packed, Spec};

use crate::gpu;
use crate::replay::tiny;

const LAYERS: &str = "name = \"t\"\n\
    [[layers]]\ntype = \"pool\"\nkind = \"mean\"\nkernel = [8, 2]\n\
    [[layers]]\ntype = \"group_norm\"\n\
    [[layers]]\ntype = \"conv\"\nchannels = 12\nkernel = 3\n\
    [[layers]]\ntype = \"group_norm\"\n\
    [[layers]]\ntype = \"conv\"\nchannels = 10\nkernel = 3\nstride = [1, 2]\npadding = 1\n\
    [[layers]]\ntype = \"group_norm\"\n\
    [[layers]]\ntype = \"kan_conv\"\nchannels = 14\nkernel = [3, 2]\nstride = 2\npadding = [1, 0]\n\
    [[layers]]\ntype = \"group_norm\"\n\
    [[layers]]\ntype = \"shared_spline\"\n\
    [[layers]]\ntype = \"statistics_pool\"\n\
    [[layers]]\ntype = \"kan_linear\"\nchannels = 30\n\
    [[layers]]\ntype = \"linear\"\nchannels = 21\n";

/// A network with layers of every kind that has weights, and clips.
fn model() -> (Model, Vec<Vec<f32>>) {
    let mut model = tiny();
    let input = model.network.input;
    model.network = Network::new(Spec::from_toml(LAYERS).unwrap(), input).unwrap();
    model.info.spec = model.network.spec.clone();
    model.parameters = model.network.initial_parameters(7);
    (model.info.centre, model.info.spread) = (Vec::new(), Vec::new());
    let [bands, frames] = input;
    let clip = |clip: u32| {
        let value = |k: usize| normal([5, 1, clip, k as u32]) as f32 + (k % 9) as f32 / 4.0;
        (0..bands * frames).map(value).collect()
    };
    (model, (0..20).map(clip).collect())
}

fn calibration(model: &Model, clips: &[Vec<f32>]) -> Calibration {
    Calibration::new(gpu(), &model.network, &model.parameters, clips).unwrap()
}

fn embedded(model: &Model, clips: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let embedder = Embedder::new(gpu(), &model.network, &model.parameters).unwrap();
    embedder.embed(clips).unwrap()
}

/// How far embeddings differ from others, as a share of how far these differ from their mean.
fn moved(was: &[Vec<f32>], is: &[Vec<f32>]) -> f64 {
    let count = was.len() as f32;
    let width = was[0].len();
    let mean: Vec<f32> = (0..width)
        .map(|k| was.iter().map(|e| e[k]).sum::<f32>() / count)
        .collect();
    let square = |a: f32, b: f32| f64::from(a - b).powi(2);
    let pairs = was.iter().zip(is);
    let error: f64 = pairs
        .flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| square(*a, *b)))
        .sum();
    let spread: f64 = was
        .iter()
        .flat_map(|e| e.iter().zip(&mean).map(|(a, m)| square(*a, *m)))
        .sum();
    (error / spread).sqrt()
}

#[test]
fn a_device_computes_with_packed_parameters_to_the_bits_of_their_floats() {
    let (model, clips) = model();
    let calibration = calibration(&model, &clips);
    let original = embedded(&model, &clips);
    for (choice, most) in [
        (Choice::integers(8, Scales::Channel), 0.03),
        (Choice::integers(8, Scales::Edge), 0.03),
        (Choice::integers(4, Scales::Group), 0.4),
        (Choice::codebook(64), 0.7),
        (Choice::codebook(300), 0.5),
    ] {
        let small = quantise(&model, &choice, &calibration).unwrap();
        let floats = embedded(&small, &clips);
        let packed = Embedder::for_files(gpu(), &small, 1).unwrap();
        assert_eq!(packed.embed(&clips).unwrap(), floats, "{choice:?}");
        let bytes = packed.parameter_bytes() as usize;
        assert!(bytes < 2 * model.network.flat_len(), "{choice:?}: {bytes}");
        let moved = moved(&original, &floats);
        println!("{}: moved by {moved:.4}", choice.words());
        assert!(moved > 0.0 && moved < most, "{choice:?}: {moved}");
    }
}

/// What the inputs tell is worth it: without it, each weight is rounded for itself, and biases stay.
#[test]
fn roundings_that_know_the_inputs_move_embeddings_less() {
    let (model, clips) = model();
    let (seen, other) = clips.split_at(10);
    let choice = Choice::integers(4, Scales::Group);
    let knowing = quantise(&model, &choice, &calibration(&model, seen)).unwrap();
    let blind = quantise(&model, &choice, &calibration(&model, &[])).unwrap();
    let original = embedded(&model, other);
    let [by_inputs, by_itself] = [knowing, blind].map(|m| moved(&original, &embedded(&m, other)));
    println!("moved by {by_inputs:.4}, and by {by_itself:.4} without the inputs");
    assert!(by_inputs < 0.9 * by_itself, "{by_inputs} {by_itself}");
}

#[test]
fn removed_edges_stay_removed_and_what_cannot_be_is_told() {
    let (mut model, clips) = model();
    let tensors = model.network.edge_tensors();
    for tensor in &tensors {
        for (k, (tap, output)) in tensor.places().enumerate() {
            if k % 3 == 0 {
                tensor.remove(&mut model.parameters, tap, output);
            }
        }
    }
    let calibration = calibration(&model, &clips);
    for choice in [Choice::integers(4, Scales::Group), Choice::codebook(16)] {
        let small = quantise(&model, &choice, &calibration).unwrap();
        for tensor in &tensors {
            for (tap, output) in tensor.places().step_by(3) {
                assert!(
                    tensor
                        .edge(&small.parameters, tap, output)
                        .all(|w| w == 0.0)
                );
            }
        }
        let again = check(&small, &choice);
        assert!(matches!(again, Err(QuantizeError::Quantised)));
    }
    let small = quantise(&model, &Choice::integers(4, Scales::Edge), &calibration).unwrap();
    // The first convolution and the shared spline are too small.
    let packed = (0..30).filter_map(|place| small.packing.get(place));
    let blocks = packed.map(|packed| match packed {
        Packed::Integers(integers) => integers.block,
        Packed::Codebook(_) => 0,
    });
    assert_eq!(Vec::from_iter(blocks), [63, 8, 8, 30]);
    let many = Choice::codebook(60_000);
    let many = quantise(&model, &many, &calibration).unwrap_err();
    assert!(many.to_string().contains("no smaller"), "{many}");
}
