//! Trainings, small ones: they learn, they repeat and resume bit for bit, they survive a lost device.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use gamaka::data::Dataset;
use gamaka::embed::{Embedder, embed_files};
use gamaka::evaluate::{EvaluatePart, HeadChoice, embed_dataset};
use gamaka::features::{FrontEnd, SegmentShape};
use gamaka::gpu::{Gpu, GpuError, Program};
use gamaka::mel::EngineChoice;
use gamaka::model::{Model, Network, Spec};
use gamaka::ops::{AdamW, Augment, OptimizerState, Slot, StepInfo};
use gamaka::train::{
    Event, Learner, Method, StepShape, TrainConfig, TrainError, TrainOptions, Trained,
    TrainingPlan, checkpoint_path, train,
};

use crate::gpu;

/// A small network with splines in a 3x3 convolution.
const SPEC: &str = r#"
name = "small"
scale = 0.2
[[layers]]
type = "group_norm"
affine = false
[[layers]]
type = "conv"
channels = 8
kernel = [8, 1]
stride = [8, 1]
[[layers]]
type = "group_norm"
[[layers]]
type = "kan_conv"
channels = 12
kernel = 3
stride = 2
padding = 1
[[layers]]
type = "group_norm"
[[layers]]
type = "kan_conv"
channels = 16
kernel = 3
stride = 2
padding = 1
[[layers]]
type = "statistics_pool"
over = "all"
[[layers]]
type = "group_norm"
groups = 1
[[layers]]
type = "linear"
channels = 16
"#;

fn config() -> TrainConfig {
    TrainConfig {
        way: 3,
        shot: 2,
        query: 2,
        train_way: 6,
        train_shot: 2,
        train_query: 2,
        episodes: 120,
        seed: 5,
        learning_rate: 5e-3,
        validate_every: 40,
        validation_episodes: 50,
        segment_seconds: 1.0,
        hop_seconds: 0.5,
        augment: Augment::default(),
        network: Spec::from_toml(SPEC).unwrap(),
        ..TrainConfig::default()
    }
}

/// Writes a mono 16-bit WAV at 22,050 Hz.
fn write_wav(path: &Path, samples: &[f32]) {
    let data: Vec<u8> = samples
        .iter()
        .flat_map(|s| ((s * 32767.0) as i16).to_le_bytes())
        .collect();
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((data.len() as u32 + 36).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(22_050u32.to_le_bytes());
    bytes.extend(44_100u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    std::fs::write(path, bytes).unwrap();
}

/// A made-up data set: a class is a beat, from 3 to 14 a second; pitch, colour, level and phase of its
/// bursts are different in every file, so that a mean spectrum tells nothing of the class.
fn beats(folder: &Path, classes: usize, files: usize) {
    let stream = gamaka::random::Stream::new;
    for class in 0..classes {
        let rate = 3.0 * 1.12f64.powi(class as i32);
        let home = folder.join(format!("beat-{class:02}"));
        std::fs::create_dir_all(&home).unwrap();
        for file in 0..files {
            let mut random = stream(9, "beats", (class * 1000 + file) as u64);
            let pitch = 150.0 * 2f64.powf(4.0 * random.unit());
            let colour = random.unit();
            let level = 0.05 + 0.4 * random.unit();
            let phase = random.unit();
            let samples: Vec<f32> = (0..26_460)
                .map(|k| {
                    let t = f64::from(k) / 22_050.0;
                    let beat = (t * rate + phase).fract();
                    let tone = (std::f64::consts::TAU * pitch * t).sin();
                    let noise = 2.0 * random.unit() - 1.0;
                    (level * (-beat * 8.0).exp() * (colour * tone + (1.0 - colour) * noise)) as f32
                })
                .collect();
            write_wav(&home.join(format!("{file}.wav")), &samples);
        }
    }
}

/// The same files for all tests of this module.
fn data() -> &'static Dataset {
    static DATA: std::sync::OnceLock<(tempfile::TempDir, Dataset)> = std::sync::OnceLock::new();
    let (_, dataset) = DATA.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        beats(folder.path(), 14, 6);
        let dataset = Dataset::open(folder.path()).unwrap();
        (folder, dataset)
    });
    dataset
}

struct Run {
    folder: tempfile::TempDir,
    stop: AtomicBool,
    resume: bool,
    memory: Option<u64>,
}

impl Run {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            stop: AtomicBool::new(false),
            resume: false,
            memory: None,
        }
    }

    fn model(&self) -> PathBuf {
        self.folder.path().join("model.safetensors")
    }

    fn go(&self, config: &TrainConfig, on: &mut dyn FnMut(Event)) -> Result<Trained, TrainError> {
        let model = self.model();
        let options = TrainOptions {
            device: std::env::var("GAMAKA_DEVICE")
                .unwrap_or_default()
                .parse()
                .unwrap(),
            model: &model,
            resume: self.resume,
            memory: self.memory,
            strict: false,
            stop: &self.stop,
        };
        train(data(), config, &options, on)
    }
}

/// The network's accuracy on unseen classes less its own at the start, in points, with the interval over files.
fn gain(model: &Model) -> (f64, f64) {
    let front_end = FrontEnd::new(EngineChoice::Cpu, None, &model.info.preset, true).unwrap();
    let embedded = embed_dataset(
        gpu(),
        model,
        &front_end,
        data().clone(),
        EvaluatePart::Test,
        600.0,
        &mut |_, _| {},
    )
    .unwrap();
    let report = embedded.score(3, 2, 2, 1000, 1, HeadChoice::Auto).unwrap();
    let difference = report.differences[0].difference;
    (
        100.0 * difference.mean,
        100.0 * difference.over_files.unwrap().low,
    )
}

#[test]
fn a_training_gains_ten_points_on_unseen_classes_and_none_without_a_learning_rate() {
    let run = Run::new();
    let trained = run.go(&config(), &mut |_| {}).unwrap();
    let (mean, low) = gain(&trained.model);
    assert!(
        mean >= 10.0 && low > 0.0,
        "gained {mean:.1} points, at least {low:.1} over files"
    );
    // What the file says is what was trained, and the state is gone.
    let loaded = Model::load(&run.model()).unwrap();
    assert_eq!(loaded, trained.model);
    assert!(!checkpoint_path(&run.model()).exists());

    let idle = TrainConfig {
        learning_rate: 0.0,
        episodes: 20,
        validate_every: 20,
        ..config()
    };
    let (mean, _) = gain(&Run::new().go(&idle, &mut |_| {}).unwrap().model);
    assert!(
        mean < 10.0,
        "learned {mean:.1} points without a learning rate"
    );
}

fn short() -> TrainConfig {
    TrainConfig {
        episodes: 24,
        validate_every: 8,
        augment: Augment {
            noise: 0.1,
            frame_masks: 1,
            frame_mask: 4,
            gain_db: 3.0,
            ..Augment::default()
        },
        ..config()
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_does_not() {
    let first = Run::new().go(&short(), &mut |_| {}).unwrap();
    let second = Run::new().go(&short(), &mut |_| {}).unwrap();
    assert_eq!(first.log, second.log);
    assert!(first.model.parameters == second.model.parameters);
    let other = Run::new()
        .go(&TrainConfig { seed: 6, ..short() }, &mut |_| {})
        .unwrap();
    assert_ne!(first.log, other.log);
}

#[test]
fn a_training_by_inner_steps_repeats_too_and_its_model_says_how_it_learned() {
    let config = TrainConfig {
        episodes: 6,
        validate_every: 3,
        learner: Learner {
            method: Method::Maml,
            steps: 2,
            ..Learner::default()
        },
        ..short()
    };
    let first = Run::new().go(&config, &mut |_| {}).unwrap();
    let second = Run::new().go(&config, &mut |_| {}).unwrap();
    assert_eq!(first.log, second.log);
    assert!(first.model.parameters == second.model.parameters);
    assert!(first.log.iter().all(|row| row.loss.is_finite()));
    assert_eq!(first.log[5].skipped, 0);
    let stored = TrainConfig::from_toml(&first.model.info.config).unwrap();
    assert_eq!(stored.learner, config.learner);
}

#[test]
fn a_stopped_training_resumes_to_the_same_bits() {
    let whole = Run::new().go(&short(), &mut |_| {}).unwrap();
    let mut run = Run::new();
    let error = run
        .go(&short(), &mut |event| {
            if let Event::Episodes(rows) = event
                && rows.last().is_some_and(|r| r.episode >= 10)
            {
                run.stop.store(true, Ordering::Relaxed);
            }
        })
        .unwrap_err();
    assert!(matches!(error, TrainError::Interrupted { .. }), "{error}");
    assert!(!run.model().exists() && checkpoint_path(&run.model()).exists());
    run.stop.store(false, Ordering::Relaxed);
    run.resume = true;
    let mut started_at = 0;
    let resumed = run
        .go(&short(), &mut |event| {
            if let Event::Start(summary, _) = event {
                started_at = summary.resumed_at;
            }
        })
        .unwrap();
    assert!(started_at >= 10, "resumed at {started_at}");
    assert_eq!(resumed.log, whole.log);
    let accuracies = |run: &Trained| {
        run.validations
            .iter()
            .map(|v| v.accuracy)
            .collect::<Vec<_>>()
    };
    assert_eq!(accuracies(&resumed), accuracies(&whole));
    assert!(resumed.model.parameters == whole.model.parameters);
}

#[test]
fn a_training_stopped_while_it_reads_ends_at_once() {
    let run = Run::new();
    run.stop.store(true, Ordering::Relaxed);
    let error = run.go(&short(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, TrainError::Unstarted), "{error}");
}

#[test]
fn a_state_of_another_training_is_refused_with_what_differs() {
    let mut run = Run::new();
    run.go(&short(), &mut |event| {
        if matches!(event, Event::Episodes(_)) {
            run.stop.store(true, Ordering::Relaxed);
        }
    })
    .unwrap_err();
    run.stop.store(false, Ordering::Relaxed);
    run.resume = true;
    let error = run
        .go(
            &TrainConfig {
                learning_rate: 1e-4,
                ..short()
            },
            &mut |_| {},
        )
        .unwrap_err()
        .to_string();
    assert!(error.contains("learning_rate"), "{error}");
    std::fs::write(checkpoint_path(&run.model()), b"torn").unwrap();
    let error = run.go(&short(), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("damaged"), "{error}");
    std::fs::remove_file(checkpoint_path(&run.model())).unwrap();
    let error = run.go(&short(), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("nothing to resume"), "{error}");
}

#[test]
fn a_lost_device_costs_the_episodes_since_the_last_checkpoint_once() {
    let whole = Run::new().go(&short(), &mut |_| {}).unwrap();
    let destroy_at = |episodes: &[usize]| {
        let mut device: Option<Gpu> = None;
        let mut left: Vec<usize> = episodes.to_vec();
        let mut notes = Vec::new();
        let result = Run::new().go(&short(), &mut |event| match event {
            Event::Start(_, gpu) => device = Some(gpu.clone()),
            Event::Episodes(rows) => {
                if let Some(at) = left
                    .iter()
                    .position(|&e| rows.last().is_some_and(|r| r.episode >= e))
                {
                    left.remove(at);
                    device.as_ref().unwrap().destroy();
                }
            }
            Event::Note(text) => notes.push(text),
            _ => {}
        });
        (result, notes)
    };
    let (once, notes) = destroy_at(&[10]);
    let once = once.unwrap();
    assert!(notes.iter().any(|n| n.contains("lost")), "{notes:?}");
    assert!(once.model.parameters == whole.model.parameters);
    assert_eq!(once.log, whole.log);
    let (twice, _) = destroy_at(&[10, 16]);
    assert!(matches!(
        twice,
        Err(TrainError::Gpu(GpuError::DeviceLost { .. }))
    ));
}

#[test]
fn a_device_lost_while_embedding_is_told_and_does_not_hang() {
    let gpu = Gpu::open(
        &std::env::var("GAMAKA_DEVICE")
            .unwrap_or_default()
            .parse()
            .unwrap(),
    )
    .unwrap();
    let config = config();
    let shape = SegmentShape::from_seconds(&config.preset, 1.0, 0.25);
    let network = Network::new(config.network, [config.preset.n_mels, shape.frames]).unwrap();
    let embedder = Embedder::new(&gpu, &network, &network.initial_parameters(1)).unwrap();
    let front_end = FrontEnd::new(EngineChoice::Cpu, None, &config.preset, true).unwrap();
    // Far more segments than wait for the device at a time.
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..8)
        .map(|k| folder.path().join(format!("{k}.wav")))
        .collect();
    let noise: Vec<f32> = (0..22_050 * 60)
        .map(|k| (k as u64 * 7919 % 65_521) as f32 / 65_521.0 - 0.5)
        .collect();
    write_wav(&paths[0], &noise[..22_050 * 2]);
    paths[1..].iter().for_each(|path| write_wav(path, &noise));
    let mut done = 0;
    let result = embed_files(&front_end, &embedder, shape, &paths, |_, _| {
        done += 1;
        gpu.destroy();
    });
    assert!(
        matches!(result, Err(GpuError::DeviceLost { .. })),
        "{result:?}"
    );
    assert!(done < paths.len());
}

#[test]
fn clips_that_do_not_fit_are_streamed_in_turns_and_too_little_memory_is_refused() {
    let mut run = Run::new();
    let mut needed = 0;
    run.go(&short(), &mut |event| {
        if let Event::Start(summary, _) = event {
            needed = summary.memory;
            run.stop.store(true, Ordering::Relaxed);
        }
    })
    .unwrap_err();
    run.stop.store(false, Ordering::Relaxed);
    // The clips of 6 classes x 6 files x 52 frames x 64 bands are 479 KB; an episode needs 319 KB of them.
    run.memory = Some(needed - 80_000);
    let mut in_turns = false;
    let trained = run
        .go(&short(), &mut |event| {
            if let Event::Start(summary, _) = event {
                in_turns = summary.in_turns;
                assert!(summary.memory <= needed - 80_000);
            }
        })
        .unwrap();
    assert!(in_turns && trained.log.len() == 24);
    run.memory = Some(needed - 300_000);
    assert!(matches!(
        run.go(&short(), &mut |_| {}),
        Err(TrainError::BankTooSmall { .. })
    ));
    run.memory = Some(1 << 20);
    assert!(matches!(
        run.go(&short(), &mut |_| {}),
        Err(TrainError::Gpu(GpuError::OverMemoryLimit { .. }))
    ));
}

/// One step of a small plan; returns parameters and optimiser state.
fn one_step(poisoned: bool, bank_value: f32) -> (Vec<f32>, OptimizerState) {
    let network = Network::new(Spec::from_toml(SPEC).unwrap(), [64, 40]).unwrap();
    let plan = TrainingPlan::new(
        gpu().class(),
        &StepShape {
            network: &network,
            way: 2,
            shot: 1,
            query: 2,
            augment: Augment {
                noise: 0.1,
                ..Augment::default()
            },
            optimizer: AdamW::default(),
            learner: Learner::default(),
            banks: &[64 * 90],
        },
    );
    let program = Program::new(gpu(), plan.plan.clone()).unwrap();
    let bank: Vec<f32> = (0..64 * 90)
        .map(|k| bank_value * ((k % 17) as f32 + (k % 5) as f32))
        .collect();
    program.write(plan.banks[0], &bank);
    program.write(
        plan.slots,
        &[Slot {
            bank: 0,
            first: 0,
            frames: 90,
            unused: 0,
        }; 6],
    );
    program.write(
        plan.step,
        &[StepInfo {
            seed: 1,
            step: 0,
            learning_rate: 1e-2,
            unused: 0,
        }],
    );
    program.write(plan.optimizer.parameter, &network.initial_parameters(1));
    program.write(plan.optimizer.state, &[OptimizerState::START]);
    program.write(plan.optimizer.decay, &network.decay_table(1e-4));
    if poisoned {
        program.poison();
    }
    program.run().unwrap();
    let state: Vec<OptimizerState> = program.read(plan.optimizer.state).unwrap();
    (program.read(plan.optimizer.parameter).unwrap(), state[0])
}

#[test]
fn scratch_full_of_nan_changes_nothing() {
    let (clean, state) = one_step(false, 0.1);
    assert_eq!((state.applied, state.skipped), (1, 0));
    let (poisoned, _) = one_step(true, 0.1);
    assert!(clean == poisoned);
}

#[test]
fn a_gradient_that_is_not_finite_skips_the_step_and_is_counted() {
    let network = Network::new(Spec::from_toml(SPEC).unwrap(), [64, 40]).unwrap();
    let (parameters, state) = one_step(false, f32::NAN);
    assert_eq!((state.applied, state.skipped, state.skip), (0, 1, 1));
    assert!(parameters == network.initial_parameters(1));
}
