//! What is told of a file: what of it mattered for what it is taken for.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::known::{self, Ears, Known};
use crate::cli::common::Common;
use crate::cli::hints;
use crate::explain::{
    Attribution, BandPart, COMPLETE, Changes, Explainer, Like, PeriodPart, Sound, Span, by_band,
    by_period, by_span, pairs, smoothed,
};
use crate::features::{FrontEnd, SegmentShape};
use crate::fewshot::prototype;
use crate::gpu::Gpu;
use crate::mel::Preset;
use crate::model_file::Model;
use crate::report::decimal;

/// Nearest examples told.
const NEAREST: usize = 3;
/// Frames of a bar under the picture, and of what is smoothed over it; bands of the latter.
pub(super) const SPAN_FRAMES: usize = 11;
const SMOOTH: [usize; 2] = [3, 9];

/// A file with the reasons for what it is taken for.
pub(super) struct Explained {
    pub(super) path: PathBuf,
    pub(super) names: Vec<String>,
    pub(super) source: String,
    /// Classes by their places with their probabilities, likeliest first.
    pub(super) ranked: Vec<(usize, f64)>,
    pub(super) attribution: Attribution,
    pub(super) levels: Vec<f32>,
    pub(super) smooth: Vec<f32>,
    pub(super) spans: Vec<f64>,
    pub(super) bands: Vec<BandPart>,
    pub(super) periods: Vec<PeriodPart>,
    pub(super) changes: Option<Changes>,
    pub(super) likes: Vec<Like>,
    pub(super) preset: Preset,
    /// What a listener should know of it.
    pub(super) notes: Vec<String>,
    /// What can be played: the file's own part and the example's, for each of the nearest.
    pub(super) sounds: Vec<[Vec<u8>; 2]>,
}

/// Explains what a file is taken for among classes.
pub(super) fn explain(
    path: &Path,
    classes: impl FnOnce(Ears) -> anyhow::Result<Option<Known>>,
    model: &Model,
    gpu: &Gpu,
    front_end: &FrontEnd,
    common: &Common,
) -> anyhow::Result<Option<Explained>> {
    let (network, shape, preset) = (&model.network, model.info.segment, &model.info.preset);
    let explainer = common.while_waiting("getting ready", || {
        Explainer::new(gpu, network, &model.parameters, shape)
    })?;
    let ears = |embedder| Ears {
        model,
        front_end,
        embedder,
    };
    let Some(known) = classes(ears(explainer.embedder()))? else {
        return Ok(None);
    };
    let (samples, info) = match front_end.samples(path) {
        Ok(heard) => heard,
        Err(error) => bail!("{}", hints::told(&error)),
    };
    if let Some(silence) = info.silence() {
        bail!("{}: {silence}: there is nothing to explain", path.display());
    }
    let mut notes: Vec<String> = info.warnings.iter().map(ToString::to_string).collect();
    notes.extend(front_end.hearing().cut_note(usize::from(info.stopped)));
    let features = front_end.features_of_samples(path, &samples, info)?;
    let sound = explainer.hear(features.values)?;
    if sound.frames < shape.frames() {
        notes.push(format!(
            "the file is shorter than the {} s that the network hears at a time: silence was put behind it",
            decimal(SegmentShape::seconds(preset, shape.frames()), 2)
        ));
    }
    let mean = sound.mean();
    let Some(decision) = known.classes.decide(&mean) else {
        bail!("there is no class to explain the file by");
    };
    let attribution = common.while_waiting("asking what mattered", || {
        explainer.attribute(&sound, &known.classes, decision)
    })?;
    if attribution.missing() > COMPLETE {
        notes.push(format!(
            "the parts add up to {} nats, and the sound to {}: what is told is less sure than it should be",
            decimal(attribution.sum, 3),
            decimal(attribution.score - attribution.silence, 3)
        ));
    }
    let changes = common.while_waiting("asking what would have to change", || {
        explainer.change(&sound, &known.classes, decision, preset)
    })?;
    let likes = likes(&sound, &known, preset, ears(explainer.embedder()))?;
    let cut = |samples: &[f32], span: Span| wav(samples, span, preset.sample_rate);
    let mut sounds = Vec::new();
    for like in &likes {
        let Some(pair) = like.pairs.first() else {
            sounds.push([Vec::new(), Vec::new()]);
            continue;
        };
        // An example that could be heard a moment ago.
        let (of_example, _) = front_end.samples(&like.path)?;
        sounds.push([cut(&samples, pair.file), cut(&of_example, pair.example)]);
    }
    let probabilities = probabilities(&known.classes.logits(&mean));
    let mut ranked: Vec<(usize, f64)> = probabilities.into_iter().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(Some(Explained {
        path: path.to_path_buf(),
        names: known.classes.names,
        source: known.source,
        ranked,
        smooth: smoothed(&attribution, SMOOTH[0], SMOOTH[1]),
        spans: by_span(&attribution, SPAN_FRAMES),
        bands: by_band(&attribution, preset),
        periods: by_period(&attribution, &sound.values, preset),
        levels: sound.values,
        attribution,
        changes,
        likes,
        preset: preset.clone(),
        notes,
        sounds,
    }))
}

/// Softmax over log-odds.
fn probabilities(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

/// The examples nearest to a file, each with the parts of both that are most alike.
fn likes(sound: &Sound, known: &Known, preset: &Preset, ears: Ears) -> anyhow::Result<Vec<Like>> {
    let metric = known.classes.metric;
    let mean = prototype(sound.embeddings.iter().map(Vec::as_slice));
    let distances = known
        .examples
        .iter()
        .map(|example| (metric.distance(&mean, &example.embedding), example));
    let mut near: Vec<_> = distances.collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    let span = |first: usize, present: usize| Span {
        start_s: SegmentShape::seconds(preset, first),
        end_s: SegmentShape::seconds(preset, first + present),
    };
    let own: Vec<(Span, &[f32])> = sound
        .segments
        .iter()
        .zip(&sound.embeddings)
        .map(|(s, embedding)| (span(s.first, s.present), embedding.as_slice()))
        .collect();
    let mut likes = Vec::new();
    for (distance, example) in near.into_iter().take(NEAREST) {
        let heard = match &example.segments {
            Some(segments) => segments.clone(),
            None => known::hear_segments(&example.path, ears.model.info.segment, ears)?,
        };
        let of_example: Vec<(Span, &[f32])> = heard
            .iter()
            .map(|(span, e)| (*span, e.as_slice()))
            .collect();
        likes.push(Like {
            path: example.path.clone(),
            class: known.classes.names[example.class].clone(),
            distance,
            pairs: pairs(metric, &own, &of_example),
        });
    }
    Ok(likes)
}

/// A part of mono samples as a WAV file of 16 bits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds are rounded down to samples, of which a segment has few; samples are rounded to 16 bits"
)]
fn wav(samples: &[f32], span: Span, rate: u32) -> Vec<u8> {
    let at = |seconds: f64| ((seconds * f64::from(rate)) as usize).min(samples.len());
    let part = &samples[at(span.start_s)..at(span.end_s)];
    let bytes = 2 * part.len() as u32;
    let mut file = [b"RIFF", &(36 + bytes).to_le_bytes()[..], b"WAVEfmt "].concat();
    file.extend(16u32.to_le_bytes());
    for number in [1u16, 1] {
        file.extend(number.to_le_bytes());
    }
    file.extend([rate.to_le_bytes(), (2 * rate).to_le_bytes()].concat());
    file.extend([2, 0, 16, 0]);
    file.extend([b"data", &bytes.to_le_bytes()[..]].concat());
    let whole = |value: &f32| (value.clamp(-1.0, 1.0) * 32767.0) as i16;
    file.extend(part.iter().map(whole).flat_map(i16::to_le_bytes));
    file
}
