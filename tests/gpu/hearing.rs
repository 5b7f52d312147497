//! Explanations against networks whose answers are known: gradients of the input, and attributions in closed form.

use std::path::Path;

use gamaka::internals::explain::{
    Base, Classes, Decision, Explainer, InputGradient, Sound, base_only, inputs,
};
use gamaka::internals::features::{FrontEnd, SegmentShape};
use gamaka::internals::fewshot::{Metric, prototype};
use gamaka::internals::reference;
use gamaka::mel::EngineChoice;
use gamaka::model::{Network, Spec};
use gamaka::{Model, ops};

use crate::gpu;

fn normals(count: usize, stream: u32) -> Vec<f32> {
    let normal = |k| reference::normal([7, 3, stream, k as u32]) as f32;
    (0..count).map(normal).collect()
}

fn network(layers: &str, input: [usize; 2]) -> Network {
    let spec = format!("name = \"test\"\n{layers}");
    Network::new(Spec::from_toml(&spec).unwrap(), input).unwrap()
}

fn exact(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn dot(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum()
}

#[test]
fn the_gradient_of_the_input_is_the_twins_through_every_layer() {
    let moments = |value: &str| [value; 9].join(", ");
    let layers = format!(
        r#"
        [[layers]]
        type = "standardise"
        mean = [{}]
        deviation = [{}]
        [[layers]]
        type = "noise"
        deviation = 0.5
        [[layers]]
        type = "conv"
        channels = 4
        kernel = 3
        padding = 1
        [[layers]]
        type = "group_norm"
        groups = 1
        [[layers]]
        type = "activation"
        kind = "silu"
        [[layers]]
        type = "shared_spline"
        [[layers]]
        type = "pool"
        kind = "mean"
        kernel = [2, 1]
        [[layers]]
        type = "dropout"
        rate = 0.5
        [[layers]]
        type = "kan_conv"
        channels = 5
        kernel = 3
        stride = 2
        padding = 1
        curvature = 0.1
        [[layers]]
        type = "group_norm"
        [[layers]]
        type = "statistics_pool"
        [[layers]]
        type = "kan_linear"
        channels = 6
        [[layers]]
        type = "linear"
        channels = 3
        "#,
        moments("0.4"),
        moments("0.7")
    );
    let network = network(&layers, [9, 12]);
    let flat = network.initial_parameters(5);
    // More clips than a batch, so that none is taken for another.
    let (count, length) = (130, 9 * 12);
    let clips = normals(count * length, 1);
    let by = normals(count * network.width(), 2);
    let gradient = InputGradient::new(gpu(), &network, &flat).unwrap();
    let clip = |k: usize| {
        let width = network.width();
        (
            clips[k * length..][..length].to_vec(),
            by[k * width..][..width].to_vec(),
        )
    };
    let mut found = Vec::new();
    let take = |k: usize, gradient: &[f32]| {
        assert_eq!(k, found.len());
        found.push(gradient.to_vec());
    };
    gradient.of_clips(count, clip, take).unwrap();
    assert_eq!(found.len(), count);
    let flat = exact(&flat);
    for k in [0, 31, 32, 129] {
        let (values, by) = clip(k);
        let values = exact(&values);
        let direction = normals(length, 50 + k as u32);
        let along = |h: f64| {
            let moved = values.iter().zip(&direction);
            let moved: Vec<f64> = moved.map(|(x, &d)| x + h * f64::from(d)).collect();
            dot(&network.reference(1, &moved, &flat, None), &by)
        };
        let numeric = (along(1e-5) - along(-1e-5)) / 2e-5;
        let analytic = dot(&exact(&found[k]), &direction);
        let scale = found[k].iter().map(|g| g * g).sum::<f32>().sqrt();
        let error = (analytic - numeric).abs() / f64::from(scale);
        assert!(error < 1e-3, "clip {k}: {analytic}, twin {numeric}");
    }
}

/// Two classes with one prototype each.
fn two(metric: Metric, width: usize) -> Classes {
    let prototype = |stream| vec![normals(width, stream)];
    Classes {
        names: vec!["a".into(), "b".into()],
        metric,
        prototypes: vec![prototype(20), prototype(21)],
    }
}

const A_OVER_B: Decision = Decision {
    winner: 0,
    runner_up: Some(1),
};

/// An explainer of a network, and a sound for it of so many frames.
fn explained(network: &Network, flat: &[f32], frames: usize) -> (Explainer, Sound) {
    let [bands, length] = network.input;
    let shape = SegmentShape::new(length, length / 2).unwrap();
    let explainer = Explainer::new(gpu(), network, flat, shape).unwrap();
    let values: Vec<f32> = normals(bands * frames, 9).iter().map(|v| v.abs()).collect();
    let sound = explainer.hear(values).unwrap();
    (explainer, sound)
}

/// By squared distances the score is linear in the embedding, and a single layer adds a function of each input: what an input
/// adds is that function there less that at 0.
#[test]
fn a_layer_of_known_functions_has_its_attribution_in_closed_form() {
    for layer in [
        "type = \"linear\"\nchannels = 4",
        "type = \"kan_linear\"\nchannels = 4\ngrid = 5\nrange = 2.0",
        "type = \"kan_linear\"\nchannels = 4\norder = 2\ngrid = 3\nrange = 1.0\ncentre = 1.0",
    ] {
        let network = network(&format!("[[layers]]\n{layer}"), [3, 4]);
        let flat = network.initial_parameters(2);
        // Three segments that overlap by half: 4 and 2 more frames, and a rest of 2.
        let (explainer, sound) = explained(&network, &flat, 8);
        assert_eq!(sound.segments.len(), 3);
        let classes = two(Metric::EUCLIDEAN, 4);
        let found = explainer.attribute(&sound, &classes, A_OVER_B).unwrap();
        let flat = exact(&flat);
        let towards: Vec<f64> = classes.prototypes[0][0]
            .iter()
            .zip(&classes.prototypes[1][0])
            .map(|(&a, &b)| 2.0 * (f64::from(a) - f64::from(b)))
            .collect();
        let score = |input: &[f64]| {
            let embedding = network.reference(1, input, &flat, None);
            let products = embedding.iter().zip(&towards);
            products.map(|(e, t)| e * t).sum::<f64>() / 3.0
        };
        let silence = score(&[0.0; 12]);
        let mut wanted = vec![0.0; 3 * 8];
        for first in [0, 2, 4] {
            for (band, frame) in (0..12).map(|k| (k / 4, k % 4)) {
                let place = band * 8 + first + frame;
                let mut alone = [0.0; 12];
                alone[band * 4 + frame] = f64::from(sound.values[place]);
                wanted[place] += score(&alone) - silence;
            }
        }
        for (place, (&found, wanted)) in found.values.iter().zip(&wanted).enumerate() {
            let error = (f64::from(found) - wanted).abs();
            assert!(error < 2e-3, "{layer}, {place}: {found} for {wanted}");
        }
        assert!(found.missing() <= 0.01, "{layer}: {found:?}");
    }
}

#[test]
fn a_file_shorter_than_a_segment_has_an_attribution_of_its_own_frames() {
    let layers = "[[layers]]\ntype = \"kan_conv\"\nchannels = 3\nkernel = 3\n[[layers]]\ntype = \"linear\"\nchannels = 4";
    let network = network(layers, [5, 8]);
    let flat = network.initial_parameters(1);
    let (explainer, sound) = explained(&network, &flat, 3);
    let classes = two(Metric::COSINE, 4);
    let found = explainer.attribute(&sound, &classes, A_OVER_B).unwrap();
    assert_eq!((found.frames, found.values.len()), (3, 15));
    assert!(found.missing() <= 0.01, "{found:?}");
}

#[test]
fn attributions_of_the_included_model_are_complete_to_a_hundredth() {
    let model = Model::included().unwrap();
    let front_end = FrontEnd::new(EngineChoice::Cpu, None, model.hearing(true)).unwrap();
    let shape = model.info.segment;
    let network = &model.network;
    let explainer = Explainer::new(gpu(), network, &model.parameters, shape).unwrap();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/corpus");
    let hear = |style: &str, number: usize| {
        let file = corpus.join(format!("{style}/{style}-{number:03}.ogg"));
        let features = front_end.features(&file).unwrap();
        explainer.hear(features.values).unwrap()
    };
    let styles = ["disco", "house", "waltz"];
    let sounds = styles.map(|style| [0, 1].map(|number| hear(style, number)));
    let of_class = |sounds: &[Sound; 2]| {
        let mean: Vec<f32> = sounds[1].mean().iter().map(|&value| value as f32).collect();
        vec![prototype([mean.as_slice()])]
    };
    let classes = Classes {
        names: styles.map(String::from).to_vec(),
        metric: model.metric(1),
        prototypes: sounds.iter().map(of_class).collect(),
    };
    for (style, [sound, _]) in styles.iter().zip(&sounds) {
        let decision = classes.decide(&sound.mean()).unwrap();
        let found = explainer.attribute(sound, &classes, decision).unwrap();
        assert!(
            found.missing() <= 0.01,
            "{style}: missing {}",
            found.missing()
        );
        assert!(found.score >= 0.0 && ops::Distance::Cosine == classes.metric.distance);
    }
}

/// A network that hears nothing but the mean level of two bands: which class is near is a matter of loudness alone.
#[test]
fn a_change_that_turns_the_answer_is_found_and_is_about_the_smallest() {
    let layers = "[[layers]]\ntype = \"linear\"\nchannels = 2";
    let preset = gamaka::mel::Preset::gamaka();
    let (bands, frames) = (preset.n_mels, 4);
    let network = network(layers, [bands, frames]);
    let mut named = network.named_parameters(&vec![0.0; network.flat_len()]);
    // The first output is the mean of the lowest band, the second that of the highest.
    for frame in 0..frames {
        named[0].values[frame * 2] = 1.0 / frames as f32;
        named[0].values[((bands - 1) * frames + frame) * 2 + 1] = 1.0 / frames as f32;
    }
    let flat = network.flat_parameters(&named).unwrap();
    let shape = SegmentShape::new(frames, frames).unwrap();
    let explainer = Explainer::new(gpu(), &network, &flat, shape).unwrap();
    let sound = explainer.hear(vec![2.0; bands * 2 * frames]).unwrap();
    let classes = Classes {
        names: vec!["low".into(), "high".into()],
        metric: Metric::EUCLIDEAN,
        prototypes: vec![vec![vec![2.5, 1.6]], vec![vec![1.6, 2.5]]],
    };
    let decision = A_OVER_B;
    // Both are as near: half a dB more of the lowest band, or of anything else nothing, and `low` wins.
    let mut louder = sound.values.clone();
    louder[..2 * frames].fill(2.3);
    let sound = explainer.hear(louder).unwrap();
    assert_eq!(classes.decide(&sound.mean()).unwrap().winner, 0);
    let changes = explainer
        .change(&sound, &classes, decision, &preset)
        .unwrap()
        .unwrap();
    // The level is the logarithm of the power: 0.3 of it are 3 dB, which either band alone makes up.
    let lowest = changes.alone.first().unwrap();
    let highest = changes.alone.last().unwrap();
    assert!(lowest.turned && highest.turned, "{changes:?}");
    let db = |change: &gamaka::internals::explain::Change, at: usize| change.gains[at].db;
    let last = changes.alone.len() - 1;
    assert!((-3.9..-2.9).contains(&db(lowest, 0)), "{changes:?}");
    assert!((2.9..3.9).contains(&db(highest, last)), "{changes:?}");
    // Bands that the network does not hear change nothing.
    for middle in &changes.alone[1..last] {
        assert!(
            !middle.turned && (middle.score - classes.score(decision, &sound.mean())).abs() < 1e-3
        );
    }
    // Together each does half of it, and the others nothing.
    let together = &changes.together;
    assert!(together.turned, "{changes:?}");
    assert!((-2.1..-1.3).contains(&db(together, 0)), "{changes:?}");
    assert!((1.3..2.1).contains(&db(together, last)), "{changes:?}");
    assert!(
        together.gains[1..last]
            .iter()
            .all(|gain| gain.db.abs() < 1e-6)
    );
    let alone = Decision {
        winner: 0,
        runner_up: None,
    };
    let none = explainer.change(&sound, &classes, alone, &preset).unwrap();
    assert!(none.is_none());
}

/// Edges that are nothing but multiples of silu lose nothing, and a straight line is what silu comes nearest to.
#[test]
fn a_network_of_silus_is_the_same_without_its_splines() {
    let layers = "[[layers]]\ntype = \"kan_conv\"\nchannels = 3\nkernel = 1";
    let network = network(layers, [5, 8]);
    let clips: Vec<Vec<f32>> = (0..6).map(|k| normals(40, 90 + k)).collect();
    let mut named = network.named_parameters(&network.initial_parameters(4));
    let [_, _, _, slots, outputs] = named[0].dims[..] else {
        panic!("{:?}", named[0].dims);
    };
    let silu = |at: usize| at / outputs % slots == slots - 1;
    for (at, value) in named[0].values.iter_mut().enumerate() {
        *value = if silu(at) { *value } else { 0.0 };
    }
    let flat = network.flat_parameters(&named).unwrap();
    let reaching = inputs(gpu(), &network, &flat, &clips).unwrap();
    for base in [Base::Learned, Base::Fitted] {
        let without = base_only(&network, &flat, base, &reaching).unwrap();
        for (a, b) in flat.iter().zip(&without) {
            assert!((a - b).abs() < 1e-5, "{base:?}: {a} {b}");
        }
    }
    // With splines the fitted ones keep the mean of what every output hears.
    let whole = network.initial_parameters(4);
    let reaching = inputs(gpu(), &network, &whole, &clips).unwrap();
    let fitted = base_only(&network, &whole, Base::Fitted, &reaching).unwrap();
    let mean = |flat: &[f32]| -> f64 {
        let flat = exact(flat);
        let all = clips
            .iter()
            .flat_map(|clip| network.reference(1, &exact(clip), &flat, None));
        all.sum::<f64>()
    };
    let (whole_mean, fitted_mean) = (mean(&whole), mean(&fitted));
    assert!(
        (whole_mean - fitted_mean).abs() < 0.01 * whole_mean.abs().max(1.0),
        "{whole_mean} {fitted_mean}"
    );
    let learned = base_only(&network, &whole, Base::Learned, &reaching).unwrap();
    let weight = &network.named_parameters(&learned)[0].values;
    assert!(
        weight
            .iter()
            .enumerate()
            .all(|(at, value)| silu(at) || *value == 0.0)
    );
}
