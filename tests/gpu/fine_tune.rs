//! Fine-tunings, small ones: of a model by another's embeddings, with edges that stay removed and weights that are seen otherwise.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use gamaka::gpu::{AdapterClass, Plan, Tensor};
use gamaka::internals::data::Part;
use gamaka::internals::embed::Embedder;
use gamaka::internals::model_file::Model;
use gamaka::internals::settings::{Sparsity, TrainConfig};
use gamaka::internals::train::{
    Event, FineTuneOptions, FineTuner, Lesson, LogRow, Seen, TrainError, TrainOptions, train,
};
use gamaka::model::Network;
use gamaka::ops;

use crate::training::{config, data};

/// A model that knows its data a little.
fn original() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let options = TrainOptions {
            device: std::env::var("GAMAKA_DEVICE")
                .unwrap_or_default()
                .parse()
                .unwrap(),
            model: &folder.path().join("m.safetensors"),
            resume: false,
            memory: None,
            strict: false,
            half: false,
            features: None,
            stop: &AtomicBool::new(false),
            teacher: None,
            from: None,
        };
        let config = TrainConfig {
            episodes: 40,
            ..config()
        };
        train(data(), None, &config, &options, &mut |_| ())
            .unwrap()
            .model
    })
}

fn options(stop: &AtomicBool) -> FineTuneOptions<'_> {
    FineTuneOptions {
        device: std::env::var("GAMAKA_DEVICE")
            .unwrap_or_default()
            .parse()
            .unwrap(),
        memory: None,
        strict: false,
        features: None,
        most_files: None,
        stop,
    }
}

fn tuning(lesson: Lesson, episodes: usize) -> TrainConfig {
    TrainConfig {
        episodes,
        ..TrainConfig::tuning(original(), lesson)
    }
}

fn tuned(
    tuner: &FineTuner,
    model: &Model,
    seen: Option<&dyn Seen>,
) -> (Result<Model, TrainError>, Vec<LogRow>) {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = Vec::new();
    let result = tuner.tune(model, seen, &folder.path().join("m"), &mut |event| {
        if let Event::Episodes(more) = event {
            rows.extend_from_slice(more);
        }
    });
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    (result, rows)
}

/// Mean cosine of two models' embeddings of files.
fn likeness(tuner: &FineTuner, a: &Model, b: &Model) -> f64 {
    let files = tuner.files(Part::Test);
    let [a, b] = [a, b].map(|model| {
        let embedder = Embedder::new(&tuner.gpu, &model.network, &model.parameters).unwrap();
        tuner.embed(&embedder, &files).unwrap()
    });
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum() };
    let cosine = |file: &usize| {
        let (a, b) = (&a[*file], &b[*file]);
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    files.iter().map(cosine).sum::<f64>() / files.len() as f64
}

/// A model without every second edge of its layers with splines.
fn halved(model: &Model) -> Model {
    let mut model = model.clone();
    for tensor in model.network.edge_tensors() {
        for (tap, output) in tensor
            .places()
            .filter(|(tap, output)| (tap + output).is_multiple_of(2))
        {
            if tensor.has_splines() {
                tensor.remove(&mut model.parameters, tap, output);
            }
        }
    }
    model
}

#[test]
fn a_model_learns_to_embed_as_another_does_and_what_was_removed_stays_removed() {
    let stop = AtomicBool::new(false);
    let options = options(&stop);
    let config = tuning(Lesson::Model, 60);
    let tuner = FineTuner::new(
        original(),
        data(),
        config,
        &[Part::Test],
        &options,
        &mut |_| (),
    )
    .unwrap();
    let start = halved(original());
    let (found, rows) = tuned(&tuner, &start, None);
    let found = found.unwrap();
    assert_eq!(rows.len(), 60);
    let (before, after) = (
        likeness(&tuner, original(), &start),
        likeness(&tuner, original(), &found),
    );
    assert!(after > before + 0.3 * (1.0 - before), "{before} {after}");
    let removed = |model: &Model| -> Vec<usize> {
        let tensors = model.network.edge_tensors().into_iter();
        tensors
            .map(|tensor| tensor.removed(&model.parameters))
            .collect()
    };
    assert_eq!(removed(&found), removed(&start));
    assert_eq!(found.info.centre, original().info.centre);
    assert!(found.info.config.teacher.is_none());
    // The same again has the same bits; so has one that was stopped on the way.
    assert_eq!(tuned(&tuner, &start, None).0.unwrap(), found);
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("m");
    let stopped = tuner.tune(&start, None, &state, &mut |event| {
        if matches!(event, Event::Episodes(_)) {
            stop.store(true, Ordering::Relaxed);
        }
    });
    assert!(
        matches!(stopped, Err(TrainError::Interrupted { .. })),
        "{stopped:?}"
    );
    stop.store(false, Ordering::Relaxed);
    assert_eq!(
        tuner.tune(&start, None, &state, &mut |_| ()).unwrap(),
        found
    );
}

/// Half of every weight.
#[derive(Debug)]
struct Half;

impl Seen for Half {
    fn append(&self, plan: &mut Plan, network: &Network, parameters: Tensor) -> Tensor {
        let shape = [1, 1, 1, network.flat_len()];
        let seen = plan.tensor("halves", shape, gamaka::gpu::BufferRole::State);
        ops::weighted_sum(plan, [0.5, 0.0], [parameters; 2], seen);
        seen
    }

    fn apply(&self, _: &Network, parameters: &mut [f32]) {
        parameters.iter_mut().for_each(|value| *value *= 0.5);
    }
}

#[test]
fn a_network_computes_with_what_it_is_made_to_see() {
    let stop = AtomicBool::new(false);
    let options = options(&stop);
    let config = TrainConfig {
        learning_rate: 0.0,
        ..tuning(Lesson::Model, 10)
    };
    let tuner = FineTuner::new(original(), data(), config, &[], &options, &mut |_| ()).unwrap();
    let mut doubled = original().clone();
    doubled
        .parameters
        .iter_mut()
        .for_each(|value| *value *= 2.0);
    let cosine = |rows: &[LogRow]| rows[0].cosine.unwrap();
    let (_, seen) = tuned(&tuner, &doubled, Some(&Half));
    let (_, plain) = tuned(&tuner, &doubled, None);
    assert!(cosine(&seen) > 0.9999, "{}", cosine(&seen));
    assert!(cosine(&plain) < 0.999, "{}", cosine(&plain));
}

#[test]
fn a_lasso_removes_edges_while_the_rest_learns_from_episodes() {
    let stop = AtomicBool::new(false);
    let options = options(&stop);
    let config = TrainConfig {
        sparsity: Some(Sparsity {
            strength: 0.5,
            from: 0.0,
            until: 0.2,
            plain: false,
        }),
        learning_rate: 5e-3,
        ..tuning(Lesson::Episodes, 40)
    };
    let tuner = FineTuner::new(original(), data(), config, &[], &options, &mut |_| ()).unwrap();
    let (found, rows) = tuned(&tuner, original(), None);
    let found = found.unwrap();
    assert!(rows.iter().all(|row| row.accuracy.is_some()));
    for tensor in found.network.edge_tensors() {
        let removed = tensor.removed(&found.parameters);
        match tensor.has_splines() {
            true => assert!((1..tensor.edges()).contains(&removed), "{removed}"),
            false => assert_eq!(removed, 0),
        }
    }
    assert_eq!(found.info.centre.len(), found.network.width());
    assert_ne!(found.info.centre, original().info.centre);
}

#[test]
fn a_network_with_few_edges_left_embeds_by_their_lists_as_by_all() {
    let mut model = original().clone();
    for tensor in model.network.edge_tensors() {
        let few =
            |tap: usize, output: usize| (tap * 5 + output / 4 * 3).is_multiple_of(7) && output != 1;
        for (tap, output) in tensor.places().filter(|&(tap, output)| !few(tap, output)) {
            if tensor.has_splines() {
                tensor.remove(&mut model.parameters, tap, output);
            }
        }
    }
    assert!(
        !model
            .network
            .tap_lists(AdapterClass::Software, &model.parameters)
            .is_empty()
    );
    assert!(
        original()
            .network
            .tap_lists(AdapterClass::Software, &original().parameters)
            .is_empty()
    );
    let clips: Vec<Vec<f32>> = (0..5)
        .map(|clip| {
            let len = model.network.input.iter().product::<usize>();
            (0..len)
                .map(|k| ((k * (clip + 3)) % 97) as f32 / 30.0)
                .collect()
        })
        .collect();
    let by_all = Embedder::new(crate::gpu(), &model.network, &model.parameters).unwrap();
    let by_lists = Embedder::for_files(crate::gpu(), &model, 1000).unwrap();
    let (want, got) = (
        by_all.embed(&clips).unwrap(),
        by_lists.embed(&clips).unwrap(),
    );
    for (want, got) in want.iter().flatten().zip(got.iter().flatten()) {
        assert!(
            (want - got).abs() <= 1e-5 * (1.0 + want.abs()),
            "{got} for {want}"
        );
    }
}
