//! What a bundle says of its model and plans, held against each other.

use std::collections::BTreeSet;

use super::content::MANIFEST;
use super::error::{BundleError, damaged, require};
use super::manifest::{Compared, Hearing, Manifest, PlanEntry};
use super::tensors::Tensors;
use super::training::{Curves, TrainingEntry, TrainingTask};
use crate::data::Task;
use crate::features::SegmentShape;
use crate::fewshot::Calibration;
use crate::gpu::{Plan, Shape, element_count};
use crate::mel::Preset;

/// Most values of an embedding.
const WIDEST: usize = 1 << 16;

/// Ports of a training step beside those whose shapes follow from the manifest.
const LEARNED: [&str; 7] = [
    "step",
    "gradients",
    "first",
    "second",
    "decay",
    "optimiser",
    "history",
];

/// The numbers of a manifest, and the tensors that it names itself.
pub(super) fn words(manifest: &Manifest, tensors: &Tensors) -> Result<(), BundleError> {
    let model = &manifest.model;
    require((1..=WIDEST).contains(&model.width), MANIFEST, || {
        format!("tells of embeddings of {} values", model.width)
    })?;
    let digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let digits = model.hash.chars().all(digit);
    require(digits && model.hash.len() == 64, MANIFEST, || {
        "has no hash of its model".into()
    })?;
    hearing(&manifest.hearing)?;
    comparison(&manifest.comparison, model.width, tensors)?;
    manifest.training.iter().try_for_each(training)
}

fn hearing(hearing: &Hearing) -> Result<(), BundleError> {
    let Hearing {
        sample_rate,
        n_fft,
        hop_length,
        bands,
        frames,
        hop,
        max_seconds,
        ..
    } = *hearing;
    let possible = (1000..=1_000_000).contains(&sample_rate)
        && (2..=Preset::MAX_N_FFT).contains(&n_fft)
        && (1..=n_fft).contains(&hop_length)
        && (1..=Preset::MAX_N_MELS).contains(&bands)
        && SegmentShape::new(frames, hop).is_ok()
        && max_seconds.is_finite()
        && max_seconds > 0.0
        && hearing.band_hz.len() == bands
        && hearing.band_hz.iter().all(|hz| hz.is_finite());
    require(possible, MANIFEST, || {
        "has numbers of hearing that are not possible".into()
    })
}

fn comparison(compared: &Compared, width: usize, tensors: &Tensors) -> Result<(), BundleError> {
    let scale = compared.scale.is_finite() && compared.scale > 0.0;
    require(scale, MANIFEST, || "has a scale that is not above 0".into())?;
    let calibrated = compared.calibration.iter().try_for_each(Calibration::check);
    calibrated.map_err(|reason| damaged(MANIFEST, format!("is not possible ({reason})")))?;
    let Some(whitening) = &compared.whitening else {
        return Ok(());
    };
    let one = whitening.scale.is_none() || whitening.root.is_none();
    require(one, MANIFEST, || "whitens in two ways".into())?;
    for (name, count) in [
        (&whitening.centre, width),
        (&whitening.scale, width),
        (&whitening.root, width.saturating_mul(width)),
    ] {
        name.iter()
            .try_for_each(|name| tensors.finite(MANIFEST, name, count))?;
    }
    Ok(())
}

fn training(training: &TrainingEntry) -> Result<(), BundleError> {
    let in_unit = |x: f64| x > 0.0 && x <= 1.0;
    let possible = in_unit(training.learning_rate)
        && (0.0..=1.0).contains(&training.warmup)
        && training.tasks.iter().all(|task| shape_of(task).is_some())
        && training.bank > 0
        && training.steps > 0;
    require(possible, MANIFEST, || {
        "has a training that is not possible".into()
    })?;
    training.curves.iter().try_for_each(|curves| {
        let Curves {
            low,
            high,
            grid,
            order,
            slots,
            outputs,
            padded,
            ..
        } = *curves;
        let possible = low.is_finite()
            && high.is_finite()
            && low < high
            && grid > 0
            && Some(slots) == grid.checked_add(order).and_then(|n| n.checked_add(1))
            && outputs <= padded
            && end(curves).is_some();
        require(possible, MANIFEST, || {
            format!("has curves of `{}` that are not possible", curves.layer)
        })
    })
}

/// The shape of the slots of a step's episode, if there can be such episodes.
fn shape_of(step: &TrainingTask) -> Option<Shape> {
    let task = Task::new(step.way, step.shot, step.query);
    task.check().ok()?;
    Some([1, 1, task.way * task.files(), 5])
}

/// The element behind a layer's last weight in the flat parameters, if it can be counted.
fn end(curves: &Curves) -> Option<usize> {
    let [rows, columns] = curves.kernel;
    let factors = [rows, columns, curves.slots, curves.padded];
    let weights = factors
        .into_iter()
        .try_fold(curves.inputs, usize::checked_mul)?;
    curves.first.checked_add(weights)
}

/// What a host writes to and reads from a plan, by its task.
pub(super) fn ports(
    manifest: &Manifest,
    entry: &PlanEntry,
    plan: &Plan,
) -> Result<(), BundleError> {
    let file = &entry.file;
    let (hearing, width) = (&manifest.hearing, manifest.model.width);
    let shape = |port: &str| -> Result<Shape, BundleError> {
        let tensor = plan.port(port);
        let missing = || damaged(file, format!("has no port `{port}`"));
        Ok(tensor.ok_or_else(missing)?.shape)
    };
    let is = |port: &str, wanted: Shape| {
        let found = shape(port)?;
        require(found == wanted, file, || {
            format!("has a port `{port}` of shape {found:?} instead of {wanted:?}")
        })
    };
    match entry.task.as_str() {
        "embed" => {
            let [clips, ..] = shape("samples")?;
            let length = (hearing.frames - 1) * hearing.hop_length + hearing.n_fft;
            shape("parameters")?;
            is("samples", [clips, 1, 1, length])?;
            is("absent", [clips, 1, 1, 1])?;
            is("clips", [clips, 1, hearing.bands, hearing.frames])?;
            is("embedding", [clips, width, 1, 1])
        }
        "distances" => {
            let ([rows, ..], [columns, ..]) = (shape("rows")?, shape("columns")?);
            is("rows", [rows, width, 1, 1])?;
            is("columns", [columns, width, 1, 1])?;
            is("distances", [1, 1, rows, columns])
        }
        task => {
            let unknown = || damaged(MANIFEST, format!("has a plan to {task:?}"));
            let training = manifest.training.as_ref().ok_or_else(unknown)?;
            let step = training.tasks.iter().find(|step| step.plan == task);
            if step.is_none() && task != "examine" {
                return Err(unknown());
            }
            let parameters = shape("parameters").map(element_count)?;
            for curves in &training.curves {
                let fits = end(curves).is_some_and(|end| end <= parameters);
                require(fits, file, || {
                    format!("has no room for the curves of `{}`", curves.layer)
                })?;
            }
            let Some(step) = step else {
                shape("clips")?;
                return shape("embedding").map(drop);
            };
            for port in LEARNED {
                shape(port)?;
            }
            is("slots", shape_of(step).unwrap_or_default())?;
            let bank = shape("bank").map(element_count)?;
            require(bank == training.bank, file, || {
                format!("has a bank of {bank} elements instead of {}", training.bank)
            })
        }
    }
}

/// A plan for each task and class at most, and for all that a bundle is for.
pub(super) fn tasks(manifest: &Manifest) -> Result<(), BundleError> {
    let mut found = BTreeSet::new();
    for entry in &manifest.plans {
        let new = found.insert((entry.task.as_str(), entry.class.is_software()));
        require(new, MANIFEST, || {
            format!("has two plans to {} on one class of adapter", entry.task)
        })?;
    }
    let mut wanted = vec!["embed", "distances"];
    if let Some(training) = &manifest.training {
        wanted.push("examine");
        wanted.extend(training.tasks.iter().map(|step| step.plan.as_str()));
    }
    for task in wanted {
        for software in [true, false] {
            require(found.contains(&(task, software)), MANIFEST, || {
                let class = if software { "software" } else { "hardware" };
                format!("has no plan to {task} on {class}")
            })?;
        }
    }
    Ok(())
}
