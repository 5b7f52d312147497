//! Gradients: of each layer in the middle of a graph, and of whole training steps.

use gamaka::gpu::{AdapterClass, BufferRole, Plan, Program};
use gamaka::internals::data::Task;
use gamaka::internals::reference;
use gamaka::internals::settings::Learner;
use gamaka::internals::train::{Shaping, StepShape, TeacherShape, TrainingPlan};
use gamaka::model::{Network, Spec};
use gamaka::ops::{AdamW, Augment, EpisodeShape, Place, Slot, StepInfo};

use crate::gpu;

fn normals(count: usize, stream: u32) -> Vec<f32> {
    (0..count)
        .map(|k| reference::normal([1, 2, stream, k as u32]) as f32)
        .collect()
}

fn exact(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// Compares grad . direction with the central difference of `loss` along random directions that only
/// touch one parameter tensor at a time (`ranges` of the flat vector).
fn assert_directional(
    what: &str,
    parameters: &[f64],
    gradient: &[f32],
    ranges: &[(String, std::ops::Range<usize>)],
    loss: impl Fn(&[f64]) -> f64,
) {
    for (stream, (name, range)) in ranges.iter().enumerate() {
        let mut direction = vec![0.0; parameters.len()];
        let values = normals(range.len(), 500 + stream as u32);
        for (d, v) in direction[range.clone()].iter_mut().zip(values) {
            *d = f64::from(v);
        }
        // Padding is not a parameter.
        for (d, p) in direction.iter_mut().zip(parameters) {
            if *p == 0.0 && name.ends_with("weight") {
                *d = 0.0;
            }
        }
        let along = |t: f64| {
            let moved: Vec<f64> = parameters
                .iter()
                .zip(&direction)
                .map(|(p, d)| p + t * d)
                .collect();
            loss(&moved)
        };
        let h = 1e-6;
        let numeric = (along(h) - along(-h)) / (2.0 * h);
        let analytic: f64 = gradient
            .iter()
            .zip(&direction)
            .map(|(&g, d)| f64::from(g) * d)
            .sum();
        // The scale of the sum, so that a derivative near zero is not judged by its rounding; a bias
        // before a normalisation has none at all, so the whole gradient counts for a hundredth too.
        let norm =
            |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let scale = norm(
            &mut gradient
                .iter()
                .zip(&direction)
                .map(|(&g, d)| f64::from(g) * d),
        );
        let whole = norm(&mut gradient.iter().map(|&g| f64::from(g)));
        let error = (analytic - numeric).abs() / numeric.abs().max(scale).max(0.01 * whole);
        assert!(
            error < 1e-3,
            "{what}, {name}: kernel {analytic}, twin {numeric}, relative error {error:.2e}"
        );
    }
}

/// Where each named parameter of a network lies in the flat vector: found by writing marks.
fn ranges(network: &Network) -> Vec<(String, std::ops::Range<usize>)> {
    let marks: Vec<f32> = (0..network.flat_len()).map(|k| k as f32).collect();
    let mut named = network.named_parameters(&marks);
    named
        .drain(..)
        .map(|p| {
            let first = p.values.first().copied().unwrap_or_default() as usize;
            let last = p.values.last().copied().unwrap_or_default() as usize;
            (p.name, first..last + 1)
        })
        .collect()
}

/// Parameters away from their tidy initial values, so that no bias or shift is zero.
fn rough_parameters(network: &Network) -> Vec<f32> {
    let mut flat = network.initial_parameters(3);
    for (name, range) in ranges(network) {
        if !name.ends_with("weight") {
            for (value, noise) in flat[range.clone()].iter_mut().zip(normals(range.len(), 77)) {
                *value += 0.3 * noise;
            }
        }
    }
    flat
}

const CLASSES: [AdapterClass; 2] = [AdapterClass::Software, AdapterClass::Hardware];

/// Puts one layer between two others and checks the gradient of every parameter around it, by the kernels of either class of
/// adapter.
fn check_layer(layer: &str) {
    for class in CLASSES {
        check_layer_for(class, layer);
    }
}

fn check_layer_for(class: AdapterClass, layer: &str) {
    let spec = format!(
        r#"
        name = "test"
        [[layers]]
        type = "conv"
        channels = 4
        kernel = [3, 1]
        [[layers]]
        {layer}
        [[layers]]
        type = "linear"
        channels = 5
        "#
    );
    let network = Network::new(Spec::from_toml(&spec).unwrap(), [7, 6]).unwrap();
    let flat = rough_parameters(&network);
    let (n, seed, step) = (3, 9, 4);
    let x = normals(n * 42, 1);
    let weights = normals(n * network.width(), 2);

    let mut plan = Plan::new(class);
    let x_tensor = plan.tensor("x", [n, 1, 7, 6], BufferRole::Input);
    let step_tensor = plan.words("step", [1, 1, 1, 4], BufferRole::Input);
    let grad_embedding = plan.tensor("grad", [n, network.width(), 1, 1], BufferRole::Input);
    let parameters = plan.tensor("parameters", [1, 1, 1, flat.len()], BufferRole::State);
    let gradients = plan.tensor("gradients", [1, 1, 1, flat.len()], BufferRole::State);
    let forward = network.forward(&mut plan, parameters, x_tensor, Some(step_tensor));
    network.backward(&mut plan, &forward, parameters, gradients, grad_embedding);
    let program = Program::new(gpu(), plan).unwrap();
    program.poison();
    program.write(x_tensor, &x);
    program.write(
        step_tensor,
        &[StepInfo {
            seed,
            step,
            learning_rate: 0.0,
            threshold: 0.0,
        }],
    );
    program.write(grad_embedding, &weights);
    program.write(parameters, &flat);
    program.run().unwrap();

    let x = exact(&x);
    let loss = |flat: &[f64]| -> f64 {
        let embedding = network.reference(n, &x, flat, Some([seed, step]));
        embedding
            .iter()
            .zip(&weights)
            .map(|(e, &w)| e * f64::from(w))
            .sum()
    };
    let gradient: Vec<f32> = program.read(gradients).unwrap();
    assert_directional(layer, &exact(&flat), &gradient, &ranges(&network), loss);
}

#[test]
fn every_layer_passes_gradients_on_in_the_middle_of_a_graph() {
    for layer in [
        "type = \"kan_conv\"\nchannels = 3\nkernel = 3\npadding = 1",
        "type = \"kan_conv\"\nchannels = 3\nkernel = [2, 3]\nstride = 2\ngrid = 5\norder = 2\nrange = 1.0",
        "type = \"kan_conv\"\nchannels = 6\nkernel = 1\norder = 1\ngrid = 3",
        "type = \"kan_conv\"\nchannels = 3\nkernel = 3\ngrid = 5\nrange = 0.7\ncentre = 0.6",
        "type = \"kan_linear\"\nchannels = 9",
        "type = \"kan_linear\"\nchannels = 9\ngrid = 10\nrange = 0.5\ncentre = 0.5",
        "type = \"shared_spline\"",
        "type = \"shared_spline\"\ngrid = 18\norder = 2\nrange = 1.5\ncentre = -0.5",
        "type = \"conv\"\nchannels = 3\nkernel = 3\nstride = [2, 1]\npadding = 1",
        "type = \"linear\"\nchannels = 7",
        "type = \"group_norm\"",
        "type = \"group_norm\"\ngroups = 2",
        "type = \"standardise\"\nmean = [1.0, 0.0, -2.0, 0.5, 0.1]\ndeviation = [0.5, 1.0, 3.0, 0.1, 2.0]",
        "type = \"activation\"\nkind = \"silu\"",
        "type = \"activation\"\nkind = \"relu\"",
        "type = \"activation\"\nkind = \"gelu\"",
        "type = \"pool\"\nkind = \"mean\"\nkernel = 2",
        "type = \"pool\"\nkind = \"max\"\nkernel = [3, 2]\nstride = [1, 2]",
        "type = \"statistics_pool\"",
        "type = \"statistics_pool\"\nover = \"all\"",
        "type = \"noise\"\ndeviation = 0.5",
        "type = \"dropout\"\nrate = 0.4",
    ] {
        check_layer(layer);
    }
}

const WHOLE: &str = r#"
name = "whole"
distance = "DISTANCE"
scale = 0.5
[[layers]]
type = "group_norm"
[[layers]]
type = "noise"
deviation = 0.1
[[layers]]
type = "kan_conv"
channels = 6
kernel = 3
stride = 2
padding = 1
[[layers]]
type = "group_norm"
groups = 2
[[layers]]
type = "conv"
channels = 8
kernel = 3
padding = 1
[[layers]]
type = "shared_spline"
[[layers]]
type = "pool"
kind = "mean"
kernel = [2, 1]
[[layers]]
type = "statistics_pool"
[[layers]]
type = "group_norm"
groups = 1
[[layers]]
type = "kan_linear"
channels = 10
"#;

#[test]
fn a_whole_training_step_has_the_twins_gradient_for_both_distances() {
    for (distance, class) in [
        ("euclidean", AdapterClass::Software),
        ("euclidean", AdapterClass::Hardware),
        ("cosine", AdapterClass::Software),
    ] {
        let spec = Spec::from_toml(&WHOLE.replace("DISTANCE", distance)).unwrap();
        let network = Network::new(spec, [9, 12]).unwrap();
        let shape = EpisodeShape {
            way: 3,
            shot: 2,
            query: 2,
            width: network.width(),
            distance: network.spec.distance,
            scale: network.spec.scale,
        };
        let lengths = [20usize, 12, 31];
        let bank: Vec<f32> = normals(lengths.iter().sum::<usize>() * 9, 8)
            .iter()
            .map(|v| v.abs())
            .collect();
        let training = TrainingPlan::new(
            class,
            &StepShape {
                network: &network,
                task: Task::new(3, 2, 2),
                augment: Augment {
                    gain_db: 3.0,
                    frame_masks: 1,
                    frame_mask: 3,
                    ..Augment::default()
                },
                optimizer: AdamW::default(),
                learner: Learner::default(),
                banks: &[bank.len()],
                shaping: Shaping::default(),
                teacher: None,
            },
        );
        let flat = rough_parameters(&network);
        let program = Program::new(gpu(), training.plan.clone()).unwrap();
        program.poison();
        let slots: Vec<Slot> = (0..shape.clips())
            .map(|k| {
                let file = k % 3;
                let first = lengths[..file].iter().sum::<usize>() * 9;
                Slot::file(0, first as u32, lengths[file] as u32)
            })
            .collect();
        let info = StepInfo {
            seed: 5,
            step: 3,
            learning_rate: 0.0,
            threshold: 0.0,
        };
        program.write(training.banks[0], &bank);
        program.write(training.slots, &slots);
        program.write(training.step, &[info]);
        program.write(training.optimizer.parameter, &flat);
        program.run().unwrap();
        let gradient: Vec<f32> = program.read(training.optimizer.grad).unwrap();
        let clips = exact(&program.read::<f32>(training.clips).unwrap());
        let loss = |flat: &[f64]| -> f64 {
            let embedding =
                network.reference(shape.clips(), &clips, flat, Some([info.seed, info.step]));
            let prototypes = reference::prototype_forward(&shape, &embedding);
            let distances = reference::distance_forward(&shape, &embedding, &prototypes);
            let (score, _) = reference::episode_loss(&shape, &distances);
            score.iter().step_by(2).sum::<f64>() / shape.queries() as f64
        };
        assert_directional(distance, &exact(&flat), &gradient, &ranges(&network), loss);
        let history: Vec<f32> = program.read(training.history.unwrap()).unwrap();
        let loss_here = loss(&exact(&flat));
        assert!(
            (f64::from(history[12]) - loss_here).abs() < 1e-4 * loss_here,
            "{history:?} against {loss_here}"
        );
    }
}

/// The layers of the reference network, fewer channels: every one of the joined kernels is in its step for a GPU.
fn like_the_reference() -> Network {
    let layer = |channels: usize| {
        format!(
            "[[layers]]\ntype = \"group_norm\"\ngroups = 1\n\
             [[layers]]\ntype = \"kan_conv\"\nchannels = {channels}\nkernel = 3\nstride = 2\npadding = 1\n"
        )
    };
    let text = format!(
        "name = \"like the reference\"\n{}{}{}[[layers]]\ntype = \"statistics_pool\"\nover = \"all\"\n",
        layer(6),
        layer(9),
        layer(16)
    );
    Network::new(Spec::from_toml(&text).unwrap(), [16, 22]).unwrap()
}

#[test]
fn a_step_for_a_gpu_has_the_gradient_of_any_other_and_the_same_bits_every_time() {
    let network = like_the_reference();
    let flat = rough_parameters(&network);
    let bank: Vec<f32> = normals(16 * 40, 8).iter().map(|v| v.abs()).collect();
    let [software, hardware] = CLASSES.map(|class| {
        let shape = StepShape {
            network: &network,
            task: Task::new(3, 2, 2),
            augment: Augment::default(),
            optimizer: AdamW::default(),
            learner: Learner::default(),
            banks: &[bank.len()],
            shaping: Shaping::default(),
            teacher: None,
        };
        let training = TrainingPlan::new(class, &shape);
        let joined = training.plan.dispatches().contains_key("group_norm_grad");
        assert_eq!(joined, class == AdapterClass::Hardware);
        let program = Program::new(gpu(), training.plan.clone()).unwrap();
        let slots = vec![Slot::file(0, 0, 40); training.clips.shape[0]];
        let run = || {
            program.poison();
            program.write(training.banks[0], &bank);
            program.write(training.slots, &slots);
            program.write(training.step, &[StepInfo::default()]);
            program.write(training.optimizer.parameter, &flat);
            program.run().unwrap();
            program.read::<f32>(training.optimizer.grad).unwrap()
        };
        let (first, second) = (run(), run());
        let bits = |gradient: &[f32]| gradient.iter().map(|g| g.to_bits()).collect::<Vec<_>>();
        assert!(bits(&first) == bits(&second), "{class:?}");
        first
    });
    let squares: f32 = software.iter().map(|g| g * g).sum();
    let usual = (squares / software.len() as f32).sqrt();
    assert!(usual > 0.0 && usual.is_finite());
    for (k, (a, b)) in software.iter().zip(&hardware).enumerate() {
        let off = (a - b).abs();
        assert!(off <= 1e-3 * (a.abs() + usual), "{k}: {a} and {b}");
    }
}

/// The read-outs that a teacher's step is tried with, behind [`WHOLE`].
const READ_OUTS: [&str; 2] = [
    "[[layers]]\ntype = \"linear\"\nchannels = 7\n",
    "[[layers]]\ntype = \"group_norm\"\ngroups = 1\n[[layers]]\ntype = \"kan_linear\"\nchannels = 7\n",
];

#[test]
fn a_step_with_a_teacher_has_the_twins_gradient_with_an_episode_and_without() {
    for (read_out, episode_weight, class) in [
        (READ_OUTS[0], 0.0, AdapterClass::Software),
        (READ_OUTS[1], 0.0, AdapterClass::Software),
        (READ_OUTS[0], 1.0, AdapterClass::Software),
        (READ_OUTS[1], 0.3, AdapterClass::Software),
        (READ_OUTS[1], 0.3, AdapterClass::Hardware),
    ] {
        let spec = Spec::from_toml(&WHOLE.replace("DISTANCE", "euclidean")).unwrap();
        let network = Network::new(spec, [9, 12]).unwrap();
        let layers = Spec::from_toml(&format!("name = \"r\"\n{read_out}"))
            .unwrap()
            .layers;
        let whole = network.followed_by(&layers).unwrap();
        let (batch, width, weight, cosine) = (5, whole.width(), 0.8, 0.6);
        let shape = EpisodeShape {
            way: 2,
            shot: 2,
            query: 1,
            width: network.width(),
            distance: network.spec.distance,
            scale: network.spec.scale,
        };
        let bank: Vec<f32> = normals(40 * 9, 8).iter().map(|v| v.abs()).collect();
        let training = TrainingPlan::new(
            class,
            &StepShape {
                network: &network,
                task: Task::new(2, 2, 1),
                augment: Augment::default(),
                optimizer: AdamW::default(),
                learner: Learner::default(),
                banks: &[bank.len()],
                shaping: Shaping::default(),
                teacher: Some(TeacherShape {
                    whole: &whole,
                    batch,
                    weight,
                    episode_weight,
                    cosine,
                    targets: &[3, 4],
                }),
            },
        );
        let flat = rough_parameters(&whole);
        let program = Program::new(gpu(), training.plan.clone()).unwrap();
        program.poison();
        let of_episode = if episode_weight > 0.0 {
            shape.clips()
        } else {
            0
        };
        let file = Slot::file(0, 0, 40);
        let slots: Vec<Slot> = (0..(of_episode + batch) as u32)
            .map(|k| file.window(2 * k, 2 * k + 14))
            .collect();
        let info = StepInfo {
            seed: 5,
            step: 3,
            learning_rate: 0.0,
            threshold: 0.0,
        };
        let targets = [normals(3 * width, 20), normals(4 * width, 21)];
        let places =
            [(0, 2), (1, 3), (1, 0), (0, 0), (1, 1)].map(|(bank, row)| Place { bank, row });
        let tensors = training.teacher.as_ref().unwrap();
        for (tensor, values) in tensors.targets.iter().zip(&targets) {
            program.write(*tensor, values);
        }
        program.write(tensors.places, &places);
        program.write(training.banks[0], &bank);
        program.write(training.slots, &slots);
        program.write(training.step, &[info]);
        program.write(training.optimizer.parameter, &flat);
        program.run().unwrap();
        let gradient: Vec<f32> = program.read(training.optimizer.grad).unwrap();
        let clips = exact(&program.read::<f32>(training.clips).unwrap());
        let clip = clips.len() / (of_episode + batch);
        let targets = targets.map(|values| exact(&values));
        let target = reference::target_gather(&[&targets[0], &targets[1]], width, &places);
        // Noise is drawn by the place in the batch, so that all clips go through the network at once.
        let stream = Some([info.seed, info.step]);
        let parts = |flat: &[f64]| -> [f64; 3] {
            let body = network.reference(of_episode + batch, &clips, flat, stream);
            let mut of_queries = 0.0;
            if of_episode > 0 {
                let embedding = &body[..of_episode * network.width()];
                let prototypes = reference::prototype_forward(&shape, embedding);
                let distances = reference::distance_forward(&shape, embedding, &prototypes);
                let (score, _) = reference::episode_loss(&shape, &distances);
                of_queries = score.iter().step_by(2).sum::<f64>() / shape.queries() as f64;
            }
            let all = whole.reference(of_episode + batch, &clips, flat, stream);
            let prediction = &all[of_episode * width..];
            let constants = [f64::from(cosine), f64::from(weight)];
            let (score, _) = reference::prediction_loss(constants, width, prediction, &target);
            let mean = |from: usize| score.iter().skip(from).step_by(2).sum::<f64>() / batch as f64;
            [of_queries, mean(0), mean(1)]
        };
        let loss = |flat: &[f64]| {
            let [of_queries, of_teacher, _] = parts(flat);
            f64::from(episode_weight) * of_queries + f64::from(weight) * of_teacher
        };
        assert_eq!(clip, 9 * 12);
        let what = format!("teacher, episode weight {episode_weight}");
        assert_directional(&what, &exact(&flat), &gradient, &ranges(&whole), loss);
        let [of_queries, of_teacher, alike] = parts(&exact(&flat));
        let near = |got: f32, want: f64| {
            assert!(
                (f64::from(got) - want).abs() < 1e-4 * want.abs().max(0.1),
                "{got} for {want}"
            );
        };
        let history: Vec<f32> = program.read(tensors.history).unwrap();
        near(history[12], of_teacher);
        near(history[13], alike);
        if let Some(history) = training.history {
            let history: Vec<f32> = program.read(history).unwrap();
            near(history[12], of_queries);
        }
    }
}
