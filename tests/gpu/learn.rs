//! The training in a bundle.

use gamaka::gpu::{Program, Tensor};
use gamaka::internals::bundle::{Bundle, Options, Training, TrainingOptions};
use gamaka::internals::data::Task;
use gamaka::internals::random::Stream;
use gamaka::internals::settings::{Learner, TrainConfig};
use gamaka::internals::train::{Shaping, StepShape, TrainingPlan};
use gamaka::model::Network;
use gamaka::ops::{OptimizerState, Slot, StepInfo};

use crate::gpu;
use crate::replay::tiny;

const STEPS: u32 = 30;
const CLIPS: usize = 12;

/// Clips of three classes that differ in how fast their bands swell.
fn clips([bands, frames]: [usize; 2]) -> Vec<f32> {
    let mut stream = Stream::new(3, "clips", 0);
    let mut values = Vec::new();
    for clip in 0..CLIPS {
        let period = [5.0, 8.0, 13.0][clip % 3];
        let phase = stream.unit();
        for _ in 0..bands {
            let level = 1.0 + stream.unit();
            values.extend((0..frames).map(|frame| {
                let turn = (frame as f64 / period + phase) * std::f64::consts::TAU;
                (level * (1.5 + turn.sin())) as f32
            }));
        }
    }
    values
}

/// Takes steps of 3 genres with two clips to learn from and two that are asked about.
fn train(program: &Program, [bank, slots, step]: [Tensor; 3], input: [usize; 2]) {
    let [bands, frames] = input;
    program.write_at(bank, 0, &clips(input));
    for number in 0..STEPS {
        let mut stream = Stream::new(1, "episode", number.into());
        let mut files = [0, 3, 6, 9];
        stream.shuffle(&mut files);
        let side = |files: &[usize]| {
            let of = |class: usize| files.iter().map(move |file| file + class);
            (0..3).flat_map(of).collect::<Vec<_>>()
        };
        let places = [side(&files[..2]), side(&files[2..])].concat();
        let slot = |place: usize| Slot::file(0, (place * bands * frames) as u32, frames as u32);
        program.write(slots, &places.into_iter().map(slot).collect::<Vec<_>>());
        let info = StepInfo {
            seed: 1,
            step: number,
            learning_rate: 1e-2,
            threshold: 0.0,
        };
        program.write(step, &[info]);
        program.run().unwrap();
    }
}

#[test]
fn a_bundle_trains_to_the_same_bits_as_training_does_and_it_learns() {
    let model = tiny();
    let input = model.network.input;
    let options = TrainingOptions {
        task: Task::new(3, 2, 2),
        ..TrainingOptions::default()
    };
    let bundle = Bundle::of(
        &model,
        &"0".repeat(64),
        &Options {
            training: Some(options.clone()),
            ..Options::default()
        },
    )
    .unwrap();
    // As it is read again from its files.
    let bundle = Bundle::from_files(bundle.files().unwrap()).unwrap();
    let (plan, initial) = bundle.plan("train-3", gpu().class()).unwrap();
    let port = |name: &str| plan.port(name).unwrap();
    let ends = ["bank", "slots", "step"].map(port);
    let results = ["parameters", "first", "second", "history"].map(port);
    let initial: Vec<(Tensor, Vec<u32>)> = initial
        .into_iter()
        .map(|(name, words)| (port(&name), words))
        .collect();
    let program = Program::new(gpu(), plan.clone()).unwrap();
    for (tensor, words) in initial {
        program.write(tensor, &words);
    }
    train(&program, ends, input);
    let found = results.map(|tensor| program.read::<u32>(tensor).unwrap());

    let network = Network::new(options.spec.clone(), input).unwrap();
    let TrainConfig {
        augment,
        optimizer,
        weight_decay,
        ..
    } = TrainConfig::default();
    let own = TrainingPlan::new(
        plan.class,
        &StepShape {
            network: &network,
            task: options.task,
            augment,
            optimizer,
            learner: Learner::default(),
            banks: &[Training::new(options.clone(), input).unwrap().entry().bank],
            teacher: None,
            shaping: Shaping::default(),
        },
    );
    let program = Program::new(gpu(), own.plan.clone()).unwrap();
    program.write(
        own.optimizer.parameter,
        &network.initial_parameters(options.seed),
    );
    program.write(own.optimizer.decay, &network.decay_table(weight_decay));
    program.write(own.optimizer.state, &[OptimizerState::START]);
    train(&program, [own.banks[0], own.slots, own.step], input);
    let results = [
        own.optimizer.parameter,
        own.optimizer.first,
        own.optimizer.second,
        own.history.unwrap(),
    ];
    let expected = results.map(|tensor| program.read::<u32>(tensor).unwrap());
    assert_eq!(found, expected);

    // Rows of steps 16 to 29, then 14 and 15.
    let loss: Vec<f32> = found[3]
        .chunks(4)
        .map(|row| f32::from_bits(row[0]))
        .collect();
    let late = loss[9..14].iter().sum::<f32>() / 5.0;
    assert!(late < 0.75 * 3f32.ln(), "{late} of {loss:?}");
}
