//! Trainings, small ones: they learn, they repeat and resume bit for bit, they survive a lost device.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use gamaka::gpu::{Gpu, GpuError, Program};
use gamaka::internals::data::{Dataset, Labels, Part, Task};
use gamaka::internals::embed::{Embedder, embed_files};
use gamaka::internals::evaluate::{EvaluatePart, HeadChoice, Reader, embed_dataset};
use gamaka::internals::features::{FrontEnd, SegmentShape};
use gamaka::internals::model_file::Model;
use gamaka::internals::settings::{Learner, Method, Shifts, TrainConfig, ValidateOn};
use gamaka::internals::shift::Shift;
use gamaka::internals::train::{
    Event, Shaping, StepShape, TrainError, TrainOptions, Trained, TrainingPlan, checkpoint_path,
    train,
};
use gamaka::mel::EngineChoice;
use gamaka::model::{LayerSpec, Network, Spec, Storage};
use gamaka::ops::{AdamW, Augment, OptimizerState, Slot, StepInfo};

use gamaka::internals::vectors::Vectors;

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

pub(crate) fn config() -> TrainConfig {
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
pub(crate) fn write_wav(path: &Path, samples: &[f32]) {
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
    let stream = gamaka::internals::random::Stream::new;
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
pub(crate) fn data() -> &'static Dataset {
    static DATA: std::sync::OnceLock<(tempfile::TempDir, Dataset)> = std::sync::OnceLock::new();
    let (_, dataset) = DATA.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        beats(folder.path(), 14, 6);
        let dataset = Dataset::open(folder.path()).unwrap();
        (folder, dataset)
    });
    dataset
}

pub(crate) struct Run {
    folder: tempfile::TempDir,
    pub(crate) stop: AtomicBool,
    pub(crate) resume: bool,
    pub(crate) memory: Option<u64>,
    pub(crate) teacher: Option<Vectors>,
    pub(crate) from: Option<Model>,
}

impl Run {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            stop: AtomicBool::new(false),
            resume: false,
            memory: None,
            teacher: None,
            from: None,
        }
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.folder.path().join("model.safetensors")
    }

    /// After a run that was stopped: what it left is not to be gone on with.
    pub(crate) fn begin_anew(&self) {
        self.stop.store(false, Ordering::Relaxed);
        std::fs::remove_file(checkpoint_path(&self.model())).unwrap();
    }

    pub(crate) fn go(
        &self,
        config: &TrainConfig,
        on: &mut dyn FnMut(Event),
    ) -> Result<Trained, TrainError> {
        self.go_on(data(), None, config, on)
    }

    pub(crate) fn go_on(
        &self,
        dataset: &Dataset,
        mix: Option<&Dataset>,
        config: &TrainConfig,
        on: &mut dyn FnMut(Event),
    ) -> Result<Trained, TrainError> {
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
            half: false,
            features: None,
            stop: &self.stop,
            teacher: self.teacher.as_ref(),
            from: self.from.as_ref(),
        };
        train(dataset, mix, config, &options, on)
    }
}

/// The network's accuracy on unseen classes less its own at the start, in points, with the interval over files.
fn gain(model: &Model) -> (f64, f64) {
    let front_end = FrontEnd::new(EngineChoice::Cpu, None, model.hearing(true)).unwrap();
    let reader = Reader::new(gpu(), model, &front_end).unwrap();
    let embedded =
        embed_dataset(&reader, data().clone(), EvaluatePart::Test, &mut |_, _| {}).unwrap();
    let report = embedded
        .score(Task::new(3, 2, 2), 1000, 1, HeadChoice::Auto)
        .unwrap();
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

pub(crate) fn short() -> TrainConfig {
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
fn bands_are_standardised_by_the_training_files_and_the_model_keeps_how() {
    let spec = SPEC.replacen("group_norm\"\naffine = false", "standardise\"", 1);
    let config = TrainConfig {
        episodes: 2,
        validate_every: 2,
        network: Spec::from_toml(&spec).unwrap(),
        ..config()
    };
    let run = Run::new();
    let model = run.go(&config, &mut |_| {}).unwrap().model;
    assert_eq!(Model::load(&run.model()).unwrap(), model);
    let LayerSpec::Standardise(found) = &model.info.spec.layers[0] else {
        panic!("{:?}", model.info.spec.layers[0]);
    };
    let split = model.info.split.apply(data());
    let front_end = FrontEnd::new(EngineChoice::Cpu, None, model.hearing(true)).unwrap();
    let mut bands = vec![Vec::new(); model.info.preset.n_mels];
    for features in front_end.features_of(data(), &split.indices(Part::Train)) {
        let features = features.unwrap();
        for (band, values) in bands
            .iter_mut()
            .zip(features.values.chunks(features.frames))
        {
            band.extend(values.iter().copied().map(f64::from));
        }
    }
    for (k, band) in bands.iter().enumerate() {
        let mean = band.iter().sum::<f64>() / band.len() as f64;
        let square = band.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        let deviation = (square / band.len() as f64).sqrt();
        assert!((f64::from(found.mean[k]) - mean).abs() < 1e-3, "band {k}");
        assert!(
            (f64::from(found.deviation[k]) / deviation - 1.0).abs() < 1e-3,
            "band {k}"
        );
    }
}

#[test]
fn a_training_from_a_model_starts_where_the_model_is() {
    let first = Run::new().go(&short(), &mut |_| {}).unwrap().model;
    let still = TrainConfig {
        learning_rate: 0.0,
        weight_decay: 0.0,
        episodes: 2,
        validate_every: 2,
        seed: 6,
        ..short()
    }
    .starting_from(&first, "some hash".into());
    // Without the model, and with files to judge by that the model learned.
    let run = Run::new();
    let error = run.go(&still, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("`from` is set"), "{error}");
    let mut run = Run::new();
    run.from = Some(first.clone());
    let error = run.go(&still, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("trained the model to start from"), "{error}");
    // The same seed draws the same split.
    let still = TrainConfig { seed: 5, ..still };
    let model = run.go(&still, &mut |_| {}).unwrap().model;
    assert!(model.parameters == first.parameters);
    assert_eq!(model.info.config.from.as_deref(), Some("some hash"));
    // A training that learns ends elsewhere, and not where it ends from random parameters.
    let learns = short().starting_from(&first, "some hash".into());
    let mut run = Run::new();
    run.from = Some(first.clone());
    let model = run.go(&learns, &mut |_| {}).unwrap().model;
    assert!(model.parameters != first.parameters);
    // Another network.
    let other = TrainConfig {
        network: Spec::from_toml(&SPEC.replacen("channels = 8", "channels = 4", 1)).unwrap(),
        ..learns
    };
    let error = run.go(&other, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("is not that of the model"), "{error}");
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
    let stored = first.model.info.config.clone();
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
fn a_training_whose_steps_are_skipped_can_be_stopped_and_resumed_and_its_model_read() {
    let config = TrainConfig {
        learning_rate: 1e20,
        ..short()
    };
    let mut run = Run::new();
    let stopped = run.go(&config, &mut |event| {
        if let Event::Episodes(_) = event {
            run.stop.store(true, Ordering::Relaxed);
        }
    });
    let error = stopped.unwrap_err();
    assert!(matches!(error, TrainError::Interrupted { .. }), "{error}");
    run.stop.store(false, Ordering::Relaxed);
    run.resume = true;
    let resumed = run.go(&config, &mut |_| {}).unwrap();
    let whole = Run::new().go(&config, &mut |_| {}).unwrap();
    assert!(resumed.log.iter().any(|row| !row.loss.is_finite()));
    assert!(resumed.log.last().unwrap().skipped > 0);
    // NaN is not equal to itself, but looks the same.
    assert_eq!(format!("{:?}", resumed.log), format!("{:?}", whole.log));
    // The untrained network, the only one that could be scored.
    assert_eq!(resumed.validations.len(), 1);
    assert!(resumed.model.parameters == whole.model.parameters);
    assert!(Model::load(&run.model()).unwrap() == resumed.model);
}

/// Unlabelled tracks of 3.2 s, each with a beat, a pitch and a colour of its own; one is there twice, one is too short.
pub(crate) fn tracks() -> &'static Dataset {
    static DATA: std::sync::OnceLock<(tempfile::TempDir, Dataset)> = std::sync::OnceLock::new();
    let (_, dataset) = DATA.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for track in 0..17u64 {
            let mut random = gamaka::internals::random::Stream::new(3, "tracks", track);
            let (rate, pitch) = (2.0 + 8.0 * random.unit(), 150.0 * 16f64.powf(random.unit()));
            let length = if track == 16 { 40_000 } else { 70_560 };
            let samples: Vec<f32> = (0..length)
                .map(|k| {
                    let t = f64::from(k) / 22_050.0;
                    let tone = (std::f64::consts::TAU * pitch * t).sin();
                    let noise = 0.2 * random.unit() - 0.1;
                    (0.4 * (-8.0 * (t * rate).fract()).exp() * (tone + noise)) as f32
                })
                .collect();
            write_wav(&folder.path().join(format!("{track:02}.wav")), &samples);
        }
        let copy = folder.path().join("copy.wav");
        std::fs::copy(folder.path().join("00.wav"), copy).unwrap();
        let dataset = Dataset::open_with(folder.path(), &Labels::Track).unwrap();
        (folder, dataset)
    });
    dataset
}

/// Four parts of at least two segments of 8 frames, with gaps of one, need 2 s.
pub(crate) fn of_tracks() -> TrainConfig {
    TrainConfig {
        segment_seconds: 0.28,
        hop_seconds: 0.28,
        train_way: 4,
        ..short()
    }
}

#[test]
fn a_training_without_labels_tells_tracks_apart_by_their_parts() {
    let config = TrainConfig {
        episodes: 60,
        validate_every: 30,
        seed: 2,
        ..of_tracks()
    };
    let (mut start, mut notes) = (None, Vec::new());
    let trained = Run::new()
        .go_on(tracks(), None, &config, &mut |event| match event {
            Event::Start(summary, _) => start = Some(summary.clone()),
            Event::Note(text) => notes.push(text),
            _ => {}
        })
        .unwrap();
    let start = start.unwrap();
    assert_eq!(start.parts, [4, 1, 4]);
    assert_eq!(start.validated_on, "parts of the validation tracks");
    let split = &trained.model.info.split;
    // The copy is in its original's part, and gives no class or file of its own.
    let part = |name: &str| {
        let found = split.files.iter().find(|f| f.path == Path::new(name));
        found.unwrap().part
    };
    assert_eq!(part("copy.wav"), part("00.wav"));
    let of = |wanted: Part| split.files.iter().filter(move |f| f.part == wanted);
    let distinct = |wanted| {
        let names = of(wanted).map(|f| f.path.to_str().unwrap());
        names
            .filter(|n| !["copy.wav", "16.wav"].contains(n))
            .count()
    };
    for (part, counted) in [
        (Part::Train, start.train),
        (Part::Validation, start.validation),
    ] {
        assert_eq!(counted, (distinct(part), 4 * distinct(part)));
    }
    let short = of(Part::Test).all(|f| f.path != Path::new("16.wav"));
    assert_eq!(
        notes
            .iter()
            .any(|n| n.contains("1 track is shorter than 2 s")),
        short
    );
    let validations = &trained.validations;
    let best = validations.iter().map(|v| v.accuracy).fold(0.0, f64::max);
    assert!(best > 0.6, "{validations:?}");
}

#[test]
fn a_mixed_training_resumes_to_the_same_bits_and_validates_where_it_was_told() {
    let config = TrainConfig {
        mix_share: 0.4,
        ..of_tracks()
    };
    let whole = Run::new().go_on(tracks(), Some(data()), &config, &mut |_| {});
    let whole = whole.unwrap();
    let mut run = Run::new();
    let mut on = None;
    let stopped = run.go_on(tracks(), Some(data()), &config, &mut |event| match event {
        Event::Start(summary, _) => on = Some(summary.validated_on),
        Event::Episodes(rows) if rows.last().is_some_and(|r| r.episode >= 10) => {
            run.stop.store(true, Ordering::Relaxed);
        }
        _ => {}
    });
    assert!(matches!(stopped, Err(TrainError::Interrupted { .. })));
    assert_eq!(on, Some("the validation files of the collection mixed in"));
    run.stop.store(false, Ordering::Relaxed);
    run.resume = true;
    let resumed = run
        .go_on(tracks(), Some(data()), &config, &mut |_| {})
        .unwrap();
    assert_eq!(resumed.log, whole.log);
    assert!(resumed.model == whole.model);
    // The model knows the files of both.
    let files = tracks().items.len() + data().items.len();
    assert_eq!(whole.model.info.split.files.len(), files);
    // Without a share the first collection's episodes are those of a training on it alone.
    let none = TrainConfig {
        mix_share: 0.0,
        validate_on: ValidateOn::Data,
        ..config.clone()
    };
    let alone = Run::new()
        .go_on(tracks(), None, &none, &mut |_| {})
        .unwrap();
    let unmixed = Run::new().go_on(tracks(), Some(data()), &none, &mut |_| {});
    let unmixed = unmixed.unwrap();
    assert_eq!(unmixed.log, alone.log);
    assert!(unmixed.model.parameters == alone.model.parameters);
    assert_ne!(whole.log, alone.log);
}

/// Half of the clips are cut from copies with hum or another tempo.
pub(crate) fn altered(config: TrainConfig) -> TrainConfig {
    let shifts = Shifts {
        kinds: vec![Shift::Hum, Shift::Tempo],
        ..Shifts::default()
    };
    TrainConfig {
        shifts: Some(shifts),
        ..config
    }
}

#[test]
fn a_training_with_altered_copies_resumes_to_the_same_bits_and_keeps_split_and_floor() {
    let clean = Run::new().go(&short(), &mut |_| {}).unwrap();
    let config = altered(short());
    let mut start = None;
    let whole = Run::new()
        .go(&config, &mut |event| {
            if let Event::Start(summary, _) = event {
                start = Some(summary.clone());
            }
        })
        .unwrap();
    // Copies are no files of their own.
    let start = start.unwrap();
    let (classes, files) = start.train;
    assert_eq!((files, start.altered), (6 * classes, 2 * files));
    assert_ne!(whole.log, clean.log);
    assert!(whole.model.info.split == clean.model.info.split);
    assert!(whole.model.info.mfcc == clean.model.info.mfcc);
    // Validation files stay clean: the untrained network finds as many of them.
    let untrained = |run: &Trained| run.validations[0].accuracy;
    assert_eq!(untrained(&whole), untrained(&clean));

    let mut run = Run::new();
    run.go(&config, &mut |event| {
        if let Event::Episodes(rows) = event
            && rows.last().is_some_and(|r| r.episode >= 10)
        {
            run.stop.store(true, Ordering::Relaxed);
        }
    })
    .unwrap_err();
    run.stop.store(false, Ordering::Relaxed);
    run.resume = true;
    let error = run.go(&short(), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("shifts"), "{error}");
    let resumed = run.go(&config, &mut |_| {}).unwrap();
    assert_eq!(resumed.log, whole.log);
    assert!(resumed.model == whole.model);

    // With no share of the clips, the copies change nothing.
    let mut none = config.clone();
    none.shifts = none.shifts.map(|shifts| Shifts {
        share: 0.0,
        ..shifts
    });
    let none = Run::new().go(&none, &mut |_| {}).unwrap();
    assert_eq!(none.log, clean.log);
    assert!(none.model.parameters == clean.model.parameters);
}

#[test]
fn altered_tracks_are_cut_into_the_same_parts_and_are_streamed_in_turns_with_them() {
    let config = altered(of_tracks());
    let mut run = Run::new();
    let mut start = None;
    run.go_on(tracks(), None, &config, &mut |event| {
        if let Event::Start(summary, _) = event {
            start = Some(summary.clone());
            run.stop.store(true, Ordering::Relaxed);
        }
    })
    .unwrap_err();
    run.begin_anew();
    let start = start.unwrap();
    let (_, parts) = start.train;
    // Tracks of 3.2 s become too short for four parts at a quick tempo, most do not.
    assert!(start.altered % 4 == 0 && start.altered > parts && start.altered <= 2 * parts);
    run.memory = Some(start.memory - 80_000);
    let mut in_turns = false;
    let trained = run.go_on(tracks(), None, &config, &mut |event| {
        if let Event::Start(summary, _) = event {
            in_turns = summary.in_turns;
        }
    });
    assert!(in_turns);
    assert!(trained.unwrap().log.iter().all(|row| row.loss.is_finite()));
}

#[test]
fn tracks_that_do_not_fit_the_device_are_streamed_in_turns_beside_what_is_mixed_in() {
    let config = TrainConfig {
        mix_share: 0.4,
        ..of_tracks()
    };
    let mut run = Run::new();
    let mut needed = 0;
    run.go_on(tracks(), Some(data()), &config, &mut |event| {
        if let Event::Start(summary, _) = event {
            needed = summary.memory;
            run.stop.store(true, Ordering::Relaxed);
        }
    })
    .unwrap_err();
    run.begin_anew();
    // The parts of about 8 tracks are 230 KB, the 7 classes mixed in 559 KB, of which an episode needs 213.
    run.memory = Some(needed - 80_000);
    let mut in_turns = false;
    let trained = run.go_on(tracks(), Some(data()), &config, &mut |event| {
        if let Event::Start(summary, _) = event {
            in_turns = summary.in_turns;
        }
    });
    assert!(in_turns);
    assert!(trained.unwrap().log.iter().all(|row| row.loss.is_finite()));
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
fn an_embedder_that_is_ready_sooner_gives_the_same_bits() {
    // Plain and spline convolutions whose tiles differ.
    let spec = r#"name = "two"
        [[layers]]
        type = "conv"
        channels = 20
        kernel = 3
        stride = 2
        padding = 1
        [[layers]]
        type = "group_norm"
        [[layers]]
        type = "kan_conv"
        channels = 12
        kernel = 3
        [[layers]]
        type = "conv"
        channels = 33
        kernel = 1
        [[layers]]
        type = "statistics_pool"
        [[layers]]
        type = "linear"
        channels = 9"#;
    let network = Network::new(Spec::from_toml(spec).unwrap(), [64, 40]).unwrap();
    let parameters = network.initial_parameters(1);
    let clips: Vec<Vec<f32>> = (0..20)
        .map(|k| {
            (0..64 * 40)
                .map(|at| ((at * 3 + 7 * k) % 31) as f32 / 31.0)
                .collect()
        })
        .collect();
    let [few, many] = [true, false].map(|few| {
        let storage = Storage::of(&parameters);
        let embedder = Embedder::stored(gpu(), &network, &storage, &parameters, few).unwrap();
        embedder.embed(&clips).unwrap()
    });
    assert!(few == many);
    assert!(
        few == Embedder::new(gpu(), &network, &parameters)
            .unwrap()
            .embed(&clips)
            .unwrap()
    );
}

#[test]
fn threads_that_share_an_embedder_get_the_answers_of_one() {
    let network = Network::new(Spec::from_toml(SPEC).unwrap(), [64, 40]).unwrap();
    let embedder = Embedder::new(gpu(), &network, &network.initial_parameters(1)).unwrap();
    let clips = |of: usize| -> Vec<Vec<f32>> {
        let value = |k: usize, at: usize| ((at * (of + 2) + 7 * k) % 31) as f32 / 31.0;
        (0..8)
            .map(|k| (0..64 * 40).map(|at| value(k, at)).collect())
            .collect()
    };
    let alone: Vec<_> = (0..2)
        .map(|of| embedder.embed(&clips(of)).unwrap())
        .collect();
    std::thread::scope(|scope| {
        for (of, alone) in alone.iter().enumerate() {
            let (clips, embedder) = (clips(of), &embedder);
            scope.spawn(move || {
                for _ in 0..20 {
                    assert!(embedder.embed(&clips).unwrap() == *alone);
                }
            });
        }
    });
}

#[test]
fn files_are_embedded_from_within_a_full_pool_of_threads() {
    let config = config();
    let shape = SegmentShape::from_seconds(&config.preset, 1.0, 0.25);
    let network = config.network().unwrap();
    let embedder = Embedder::new(gpu(), &network, &network.initial_parameters(1)).unwrap();
    let front_end = FrontEnd::new(EngineChoice::Cpu, None, config.hearing(true)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    write_wav(&path, &[0.25; 22_050 * 2]);
    let (sender, receiver) = std::sync::mpsc::channel();
    // As many calls as the pool has threads: none is left to decode for them.
    let work = move || {
        rayon::broadcast(|_| {
            let mut files = 0;
            let paths = [path.clone()];
            embed_files(&front_end, &embedder, shape, &paths, |_, file| {
                files += usize::from(file.is_ok());
            })
            .unwrap();
            assert_eq!(files, 1);
        });
        // Keeps the folder until all are done.
        drop(folder);
        sender.send(()).unwrap();
    };
    std::thread::spawn(work);
    let patience = std::time::Duration::from_secs(120);
    receiver
        .recv_timeout(patience)
        .expect("nobody waits forever");
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
    let network = config.network().unwrap();
    let embedder = Embedder::new(&gpu, &network, &network.initial_parameters(1)).unwrap();
    let front_end = FrontEnd::new(EngineChoice::Cpu, None, config.hearing(true)).unwrap();
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
    run.begin_anew();
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
            task: Task::new(2, 1, 2),
            augment: Augment {
                noise: 0.1,
                ..Augment::default()
            },
            optimizer: AdamW::default(),
            learner: Learner::default(),
            banks: &[64 * 90],
            shaping: Shaping::default(),
            teacher: None,
        },
    );
    let program = Program::new(gpu(), plan.plan.clone()).unwrap();
    let bank: Vec<f32> = (0..64 * 90)
        .map(|k| bank_value * ((k % 17) as f32 + (k % 5) as f32))
        .collect();
    program.write(plan.banks[0], &bank);
    program.write(plan.slots, &[Slot::file(0, 0, 90); 6]);
    program.write(
        plan.step,
        &[StepInfo {
            seed: 1,
            step: 0,
            learning_rate: 1e-2,
            threshold: 0.0,
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
