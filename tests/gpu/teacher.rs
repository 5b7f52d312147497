//! Trainings with a teacher: they learn, repeat, resume bit for bit, stream in turns, and refuse what cannot teach.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering;

use gamaka::internals::data::{Dataset, Part};
use gamaka::internals::embed::{Embedder, mean_embedding};
use gamaka::internals::features::{FrontEnd, SegmentShape, cut_window};
use gamaka::internals::fewshot::Geometry;
use gamaka::internals::model_file::Model;
use gamaka::internals::reference;
use gamaka::internals::settings::{Method, Teacher, TrainConfig, ValidateOn};
use gamaka::internals::train::{Event, TrainError, TrainSummary, Trained, Validation};
use gamaka::internals::vectors::{VectorRow, Vectors};
use gamaka::mel::EngineChoice;
use gamaka::model::{LayerSpec, Spec};

use crate::gpu;
use crate::training::{Run, altered, config, data, of_tracks, short, tracks};

/// Frames from one row of a file to the next.
const HOP: usize = 5;

/// Values of a target: how a window's sound is shared among eight groups of bands, and one that never varies.
const WIDTH: usize = 9;

fn target(window: &[f32], bands: usize) -> Vec<f32> {
    let frames = window.len() / bands;
    let of_group = |group: &[f32]| group.iter().sum::<f32>() / group.len() as f32;
    let mut means: Vec<f32> = window.chunks(bands / 8 * frames).map(of_group).collect();
    let mean = means.iter().sum::<f32>() / 8.0;
    means.iter_mut().for_each(|m| *m -= mean);
    means.push(3.25);
    means
}

/// The windows of a data set's files: for each file, start and mel frames.
type Windows = HashMap<usize, Vec<(usize, Vec<f32>)>>;

fn windows(dataset: &Dataset, config: &TrainConfig) -> Windows {
    let front_end = FrontEnd::new(EngineChoice::Cpu, None, config.hearing(true)).unwrap();
    let length = config.segment().frames();
    let bands = config.preset.n_mels;
    let items = dataset.items.iter().enumerate();
    items
        .map(|(index, item)| {
            let features = front_end.features(&dataset.file(item)).unwrap();
            let starts = (0..=features.frames.saturating_sub(length)).step_by(HOP);
            let cut = |start| cut_window(&features.values, bands, start..start + length);
            (index, starts.map(|start| (start, cut(start))).collect())
        })
        .collect()
}

/// Vectors for all files of a data set, named as it names them.
fn vectors(dataset: &Dataset, config: &TrainConfig) -> Vectors {
    let windows = windows(dataset, config);
    let mut found = Vectors {
        file: "vectors.npz".into(),
        hash: "0".repeat(64),
        paths: Vec::new(),
        rows: Vec::new(),
        width: WIDTH,
        values: Vec::new(),
    };
    for (index, item) in dataset.items.iter().enumerate() {
        found.paths.push(item.path.display().to_string());
        for (start, window) in &windows[&index] {
            let seconds = |frame| SegmentShape::seconds(&config.preset, frame);
            found.rows.push(VectorRow {
                path: index,
                start_s: seconds(*start),
                end_s: seconds(start + config.segment().frames()),
            });
            found.values.extend(target(window, config.preset.n_mels));
        }
    }
    found
}

fn taught(teacher: Teacher) -> TrainConfig {
    TrainConfig {
        teacher: Some(Teacher {
            batch: 24,
            ..teacher
        }),
        ..config()
    }
}

/// A short training by a teacher beside episodes, with all that is drawn at random.
fn short_with_episodes() -> TrainConfig {
    TrainConfig {
        teacher: Some(Teacher {
            batch: 11,
            weight: 0.7,
            episode_weight: 0.5,
            jitter_seconds: 0.05,
            readout: Spec::from_toml(SPLINES).unwrap().layers,
            ..Teacher::default()
        }),
        ..short()
    }
}

const SPLINES: &str = "name = \"read-out\"\n[[layers]]\ntype = \"group_norm\"\ngroups = 1\n[[layers]]\ntype = \"kan_linear\"\nchannels = 1\n";

#[test]
fn a_metric_changes_the_last_layer_alone_and_gives_the_training_files_a_variance_of_one_a_dimension()
 {
    let plain = short_with_episodes();
    let run = with(vectors(data(), &plain));
    let before = run.go(&plain, &mut |_| {}).unwrap().model;
    let shaped = TrainConfig {
        geometry: Some(Geometry::default()),
        ..plain.clone()
    };
    let run = with(vectors(data(), &shaped));
    let after = run.go(&shaped, &mut |_| {}).unwrap().model;
    assert_eq!(Model::load(&run.model()).unwrap(), after);
    let named = |model: &Model| model.network.named_parameters(&model.parameters);
    for (before, after) in named(&before).iter().zip(named(&after)) {
        let last = before.name.ends_with("linear.weight") || before.name.ends_with("linear.bias");
        assert_eq!(before.values == after.values, !last, "{}", before.name);
    }
    // What the file says of its embeddings is what its parameters give.
    let embed = |model: &Model| {
        let front_end = FrontEnd::new(EngineChoice::Cpu, None, model.hearing(true)).unwrap();
        let embedder = Embedder::new(gpu(), &model.network, &model.parameters).unwrap();
        let split = model.info.split.apply(data());
        let files = split.indices(Part::Train).into_iter();
        files
            .map(|file| {
                let path = data().file(&data().items[file]);
                let heard = front_end.features(&path).unwrap();
                let segments = heard.segments(model.info.segment);
                let clips: Vec<_> = segments.into_iter().map(|s| s.values).collect();
                mean_embedding(&embedder.embed(&clips).unwrap())
            })
            .collect::<Vec<Vec<f32>>>()
    };
    let rows = embed(&after);
    let values = |d: usize| rows.iter().map(move |row| f64::from(row[d]));
    let (count, width) = (rows.len() as f64, after.network.width());
    let mut total = 0.0;
    for d in 0..width {
        let mean = values(d).sum::<f64>() / count;
        let variance = values(d).map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        assert!(mean.abs() < 1e-3, "{mean}");
        assert!((f64::from(after.info.spread[d]) - variance.sqrt()).abs() < 1e-3);
        total += variance;
    }
    assert!((total - width as f64).abs() < 1e-2, "{total}");
    // Parts of tracks have no vectors of their own, and that is said.
    let parts = TrainConfig {
        geometry: Some(Geometry::default()),
        teacher: plain.teacher.clone(),
        ..of_tracks()
    };
    let mut notes = Vec::new();
    with(vectors(tracks(), &parts))
        .go_on(tracks(), None, &parts, &mut |event| {
            if let Event::Note(note) = event {
                notes.push(note);
            }
        })
        .unwrap();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("without the teacher")),
        "{notes:?}"
    );
    // The teacher has a say in it.
    let alone = TrainConfig {
        geometry: Some(Geometry {
            teacher: 0.0,
            ..Geometry::default()
        }),
        ..plain
    };
    let run = with(vectors(data(), &alone));
    let whitened = run.go(&alone, &mut |_| {}).unwrap().model;
    assert!(whitened.parameters != after.parameters);
}

fn with(vectors: Vectors) -> Run {
    let mut run = Run::new();
    run.teacher = Some(vectors);
    run
}

fn start_of(
    run: &Run,
    dataset: &Dataset,
    mix: Option<&Dataset>,
    config: &TrainConfig,
) -> TrainSummary {
    let mut start = None;
    run.go_on(dataset, mix, config, &mut |event| {
        if let Event::Start(summary, _) = event {
            start = Some(summary.clone());
            run.stop.store(true, Ordering::Relaxed);
        }
    })
    .unwrap_err();
    run.begin_anew();
    start.unwrap()
}

/// Mean cosine of predictions and standardised targets over the rows of a part, from first principles.
fn cosine(model: &Model, part: Part) -> f64 {
    let config = &model.info.config;
    let windows = windows(data(), config);
    let split = model.info.split.apply(data());
    let rows = |part| {
        let mut files = split.indices(part);
        files.sort_unstable();
        let windows = files.into_iter().flat_map(|file| &windows[&file]);
        windows.map(|(_, window)| window).collect::<Vec<_>>()
    };
    let targets = |part| {
        let targets = rows(part).into_iter();
        targets
            .map(|window| target(window, config.preset.n_mels))
            .collect::<Vec<_>>()
    };
    let training = targets(Part::Train);
    let count = training.len() as f64;
    let mean = |d: usize| training.iter().map(|t| f64::from(t[d])).sum::<f64>() / count;
    let means: Vec<f64> = (0..WIDTH).map(mean).collect();
    let deviation = |d: usize| {
        let square = training
            .iter()
            .map(|t| (f64::from(t[d]) - means[d]).powi(2));
        (square.sum::<f64>() / count).sqrt()
    };
    let deviations: Vec<f64> = (0..WIDTH).map(deviation).collect();
    let embedder = Embedder::new(gpu(), &model.network, &model.parameters).unwrap();
    let clips: Vec<Vec<f32>> = rows(part).into_iter().cloned().collect();
    let predictions = embedder.embed(&clips).unwrap();
    let cosines = predictions.iter().zip(targets(part)).map(|(p, t)| {
        let t: Vec<f64> = (0..WIDTH)
            .map(|d| match d {
                8 => 0.0,
                _ => (f64::from(t[d]) - means[d]) / deviations[d],
            })
            .collect();
        let p: Vec<f64> = p.iter().map(|&v| v.into()).collect();
        1.0 - reference::distance(gamaka::ops::Distance::Cosine, &p, &t)
    });
    cosines.sum::<f64>() / clips.len() as f64
}

#[test]
fn a_teacher_alone_teaches_and_the_kept_read_out_predicts_its_vectors() {
    let config = taught(Teacher {
        keep_read_out: true,
        ..Teacher::default()
    });
    let run = with(vectors(data(), &config));
    let mut start = None;
    let trained = run
        .go(&config, &mut |event| {
            if let Event::Start(summary, _) = event {
                start = Some(summary.clone());
            }
        })
        .unwrap();
    let start = start.unwrap();
    assert_eq!(start.task, None);
    let found = start.teacher.unwrap();
    assert_eq!((found.batch, found.width), (24, WIDTH));
    let split = trained.model.info.split.apply(data());
    assert_eq!(
        found.train,
        [1, 3].map(|n| n * split.indices(Part::Train).len())
    );
    assert_eq!(
        found.validation,
        [1, 3].map(|n| n * split.indices(Part::Validation).len())
    );

    // The loss falls, and the predictions of files that do not train turn to their targets.
    let loss = |rows: &[gamaka::internals::train::LogRow]| {
        rows.iter().map(|r| r.loss).sum::<f32>() / rows.len() as f32
    };
    let (first, last) = (loss(&trained.log[..10]), loss(&trained.log[110..]));
    let examined: Vec<_> = trained
        .validations
        .iter()
        .map(|v| v.teacher.unwrap())
        .collect();
    assert!(last < 0.5 * first, "{first} to {last}");
    assert!(examined[3].cosine > examined[0].cosine + 0.4 && examined[3].cosine > 0.6);
    assert!(
        trained
            .log
            .iter()
            .all(|r| r.accuracy.is_none() && r.cosine.is_some())
    );

    // The best is that of the least loss, and the model is what was validated.
    let best = Validation::best(&trained.validations, &config).unwrap();
    let least = examined.iter().map(|e| e.loss).fold(f64::MAX, f64::min);
    assert_eq!(best.teacher.unwrap().loss, least);
    let model = Model::load(&run.model()).unwrap();
    assert!(model == trained.model);
    assert_eq!(model.network.width(), WIDTH);
    let again = cosine(&model, Part::Validation);
    assert!(
        (again - best.teacher.unwrap().cosine).abs() < 1e-4,
        "{again} of {best:?}"
    );

    // Without the read-out the model is the same network, but for its last layer.
    let dropped = taught(Teacher::default());
    let bare = with(vectors(data(), &dropped))
        .go(&dropped, &mut |_| {})
        .unwrap();
    assert_eq!(bare.model.network.width(), 16);
    let layers = bare.model.network.spec.layers.len();
    assert_eq!(
        model.network.spec.layers[..layers],
        bare.model.network.spec.layers
    );
    let LayerSpec::Linear(read_out) = &model.network.spec.layers[layers] else {
        panic!("{:?}", model.network.spec.layers[layers]);
    };
    assert_eq!(read_out.channels, WIDTH);
    let flat = bare.model.parameters.len();
    assert!(bare.model.parameters == model.parameters[..flat]);
    // What the model remembers of its teacher.
    let stored = bare.model.info.config.teacher.unwrap();
    assert_eq!(stored.blake3, "0".repeat(64));
}

fn same(a: &Trained, b: &Trained) {
    assert_eq!(a.log, b.log);
    let figures = |run: &Trained| {
        let figures = run.validations.iter();
        figures.map(|v| (v.accuracy, v.teacher)).collect::<Vec<_>>()
    };
    assert_eq!(figures(a), figures(b));
    assert!(a.model.parameters == b.model.parameters);
}

#[test]
fn a_teacher_beside_episodes_repeats_and_resumes_to_the_same_bits_and_no_other_goes_on() {
    let config = altered(short_with_episodes());
    let vectors = vectors(data(), &config);
    let whole = with(vectors.clone()).go(&config, &mut |_| {}).unwrap();
    same(
        &whole,
        &with(vectors.clone()).go(&config, &mut |_| {}).unwrap(),
    );
    assert!(
        whole
            .log
            .iter()
            .all(|r| r.accuracy.is_some() && r.cosine.is_some())
    );
    let mut run = with(vectors.clone());
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
    run.teacher = Some(Vectors {
        hash: "1".repeat(64),
        ..vectors.clone()
    });
    let said = run.go(&config, &mut |_| {}).unwrap_err().to_string();
    assert!(
        said.contains("another teacher") && said.contains("start anew"),
        "{said}"
    );
    run.teacher = Some(vectors);
    same(&whole, &run.go(&config, &mut |_| {}).unwrap());
    // The seed draws the rows.
    let other = TrainConfig { seed: 6, ..config };
    let other = with(whole_vectors()).go(&other, &mut |_| {}).unwrap();
    assert_ne!(other.log, whole.log);
}

fn whole_vectors() -> Vectors {
    vectors(data(), &config())
}

#[test]
fn a_teachers_clips_that_do_not_fit_are_streamed_in_turns_with_episodes_and_without() {
    for config in [
        TrainConfig {
            episodes: 12,
            validate_every: 6,
            ..taught(Teacher::default())
        },
        TrainConfig {
            episodes: 12,
            ..short_with_episodes()
        },
    ] {
        let mut run = with(whole_vectors());
        let whole = start_of(&run, data(), None, &config);
        assert!(!whole.in_turns);
        // The clips are 479 KB, an episode's 319, and seven eighths of the room are for episodes.
        run.memory = Some(whole.memory - 80_000);
        let mut in_turns = false;
        let trained = run
            .go(&config, &mut |event| {
                if let Event::Start(summary, _) = event {
                    in_turns = summary.in_turns;
                }
            })
            .unwrap();
        assert!(in_turns);
        assert!(trained.log.iter().all(|row| row.loss.is_finite()));
        run.memory = Some(whole.memory - 80_000);
        same(&trained, &run.go(&config, &mut |_| {}).unwrap());
    }
}

#[test]
fn rows_of_whole_tracks_teach_and_of_what_is_mixed_in_too() {
    for episode_weight in [0.0, 1.0] {
        let config = TrainConfig {
            episodes: 8,
            validate_every: 4,
            validate_on: ValidateOn::Mix,
            teacher: Some(Teacher {
                batch: 7,
                episode_weight,
                ..Teacher::default()
            }),
            ..of_tracks()
        };
        let both = |a: Vectors, b: Vectors| {
            let paths = a.paths.len();
            let moved = b.rows.into_iter().map(|row| VectorRow {
                path: row.path + paths,
                ..row
            });
            Vectors {
                paths: [a.paths.clone(), b.paths].concat(),
                rows: a.rows.iter().copied().chain(moved).collect(),
                values: [a.values.clone(), b.values].concat(),
                ..a
            }
        };
        let vectors = both(vectors(tracks(), &config), vectors(data(), &config));
        let mut start = None;
        let trained = with(vectors.clone())
            .go_on(tracks(), Some(data()), &config, &mut |event| {
                if let Event::Start(summary, _) = event {
                    start = Some(summary.clone());
                }
            })
            .unwrap();
        let found = start.unwrap().teacher.unwrap();
        // Every row of every file that trains: of tracks the gaps between their parts too.
        let split = &trained.model.info.split;
        let of_part = |part| {
            let in_part = |path: &str| {
                let files = split.files.iter();
                let mut files = files.filter(|f| f.path == Path::new(path));
                files.any(|f| f.part == part && f.path != Path::new("copy.wav"))
            };
            let used: Vec<bool> = vectors.paths.iter().map(|path| in_part(path)).collect();
            vectors.rows.iter().filter(|row| used[row.path]).count()
        };
        // The short track is left out of the episodes, and so of what trains.
        let short = vectors
            .paths
            .iter()
            .position(|path| path == "16.wav")
            .unwrap();
        let short = vectors.rows.iter().filter(|row| row.path == short).count();
        let rows = of_part(Part::Train);
        assert!(
            [rows, rows - short].contains(&found.train[1]),
            "{found:?} of {rows}"
        );
        assert_eq!(
            found.validation[1],
            trained.validations[0].teacher.unwrap().rows
        );
        assert!(trained.log.iter().all(|row| row.loss.is_finite()));
        assert_eq!(trained.log[0].accuracy.is_some(), episode_weight > 0.0);
    }
}

#[test]
fn without_vectors_of_validation_files_the_last_parameters_are_kept_and_what_is_lacking_is_told() {
    let config = TrainConfig {
        episodes: 6,
        validate_every: 3,
        ..taught(Teacher::default())
    };
    let whole = with(whole_vectors()).go(&config, &mut |_| {}).unwrap();
    let split = whole.model.info.split.apply(data());
    let mut train = split.indices(Part::Train);
    train.pop();
    let mut partial = whole_vectors();
    let keep: Vec<usize> = (0..partial.rows.len())
        .filter(|&row| train.contains(&partial.rows[row].path))
        .collect();
    partial.values = keep
        .iter()
        .flat_map(|&row| partial.vector(row).to_vec())
        .collect();
    partial.rows = keep.iter().map(|&row| partial.rows[row]).collect();
    partial.paths[train[0]] = "elsewhere/0.wav".into();
    let mut notes = Vec::new();
    let trained = with(partial)
        .go(&config, &mut |event| {
            if let Event::Note(text) = event {
                notes.push(text);
            }
        })
        .unwrap();
    let all = split.indices(Part::Train).len();
    let told = |word: &str| assert!(notes.iter().any(|n| n.contains(word)), "{word}: {notes:?}");
    told("1 of 84 paths are not in the data");
    told("elsewhere/0.wav");
    told(&format!("teaches {} of {all} training files", all - 2));
    assert!(trained.validations.iter().all(|v| v.teacher.is_none()));
    assert_eq!(
        Validation::best(&trained.validations, &config)
            .unwrap()
            .episode,
        6
    );
    assert_eq!(trained.model.info.episodes, 6);
}

#[test]
fn what_cannot_teach_is_refused_with_the_file_and_the_way_out() {
    let refused = |config: &TrainConfig, change: &dyn Fn(&mut Vectors)| {
        let mut vectors = whole_vectors();
        change(&mut vectors);
        let error = with(vectors).go(config, &mut |_| {}).unwrap_err();
        assert!(
            matches!(
                error,
                TrainError::Teacher { .. }
                    | TrainError::OtherSegments { .. }
                    | TrainError::Config(_)
            ),
            "{error:?}"
        );
        error.to_string()
    };
    let plain = taught(Teacher::default());
    let longer = |v: &mut Vectors| v.rows.iter_mut().for_each(|r| r.end_s += 0.5);
    let said = refused(&plain, &longer);
    assert!(
        said.contains("vectors.npz: row 0") && said.contains("segments of 1.43 s"),
        "{said}"
    );
    // A whole short file may be shorter than a segment, but not the beginning of a long one.
    let shorter = |v: &mut Vectors| {
        v.rows
            .iter_mut()
            .for_each(|r| (r.start_s, r.end_s) = (0.0, 0.5));
    };
    let said = refused(&plain, &shorter);
    assert!(said.contains("is 0.50 s long"), "{said}");
    let elsewhere = |v: &mut Vectors| v.paths.iter_mut().for_each(|p| p.insert_str(0, "no/"));
    let said = refused(&plain, &elsewhere);
    assert!(
        said.contains("none of its 84 paths is in the data"),
        "{said}"
    );
    let few = |v: &mut Vectors| {
        v.rows.truncate(20);
        v.values.truncate(20 * WIDTH);
    };
    for seed in 1..20 {
        let config = TrainConfig {
            seed,
            ..plain.clone()
        };
        let said = refused(&config, &few);
        let too_few = said.contains("fewer than the 24 of a step") && said.contains("lower batch");
        let none = said.contains("none of its rows is of a training file");
        assert!(too_few || none, "{said}");
    }
    let silent = TrainConfig {
        teacher: None,
        ..plain.clone()
    };
    assert!(refused(&silent, &|_| {}).contains("without [teacher]"));
    let said = Run::new().go(&plain, &mut |_| {}).unwrap_err().to_string();
    assert!(said.contains("no vectors to teach"), "{said}");
    let mut by_steps = plain.clone();
    by_steps.learner.method = Method::Maml;
    assert!(refused(&by_steps, &|_| {}).contains("prototype"));
    let mut flat = plain.clone();
    let silu = "name = \"t\"\n[[layers]]\ntype = \"activation\"\nkind = \"silu\"\n";
    flat.teacher.as_mut().unwrap().readout = Spec::from_toml(silu).unwrap().layers;
    assert!(refused(&flat, &|_| {}).contains("channels"));
}
