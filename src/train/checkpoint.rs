//! The state of a training: with it a killed run ends with the same bits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use serde::{Deserialize, Serialize};

use super::TrainError;
use super::record::{LogRow, Validation};
use crate::data::Split;
use crate::files;
use crate::ops::{self, OptimizerState};
use crate::tensors::{self, TensorFile, TensorFileError};

/// Key of the metadata.
pub const KEY: &str = "gamaka-checkpoint";

/// Parameters and moments, flat.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Parameters.
    pub parameters: Vec<f32>,
    /// AdamW's first moments.
    pub first: Vec<f32>,
    /// AdamW's second moments.
    pub second: Vec<f32>,
    /// Steps done and skipped.
    pub state: OptimizerState,
}

/// A training between two episodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Episodes done.
    pub episode: usize,
    /// What is trained.
    pub weights: Weights,
    /// Seconds of training, without the validations.
    pub seconds: f64,
    /// The parameters of the best validation.
    pub best: Vec<f32>,
    /// A row for each episode.
    pub log: Vec<LogRow>,
    /// So far.
    pub validations: Vec<Validation>,
}

/// What a checkpoint must share with the run that resumes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The configuration as TOML.
    pub config: String,
    /// The parts of the data.
    pub split: Split,
    /// Files that could not be read.
    pub failed: Vec<PathBuf>,
    /// How the run's kernels are cut where it was measured ([`crate::gpu::Tuning`]). A run that resumes takes these and not what
    /// was measured since, so that it ends with the same bits.
    #[serde(default)]
    pub choices: BTreeMap<String, String>,
    /// The limit of device memory, which decides over the turns of a data set that does not fit.
    pub memory: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    identity: Identity,
    episode: usize,
    seconds: f64,
    validations: Vec<Validation>,
}

/// Words of a log row: loss, accuracy, cosine and gradient norm, which need not be finite, and the skipped steps. JSON has no
/// word for what is not finite. The episode is the row's place.
const LOG_WORDS: usize = 5;

/// Stands for a figure that a row has not: a NaN that no device computes.
const NONE: u32 = u32::MAX;

fn log_words(log: &[LogRow]) -> Vec<u32> {
    let words = |row: &LogRow| {
        let [accuracy, cosine] =
            [row.accuracy, row.cosine].map(|figure| figure.map_or(NONE, f32::to_bits));
        let [loss, norm] = [row.loss, row.gradient_norm].map(f32::to_bits);
        [loss, accuracy, cosine, norm, row.skipped]
    };
    log.iter().flat_map(words).collect()
}

fn log_rows(words: &[u32]) -> Vec<LogRow> {
    let figure = |bits: u32| (bits != NONE).then(|| f32::from_bits(bits));
    let rows = words.chunks_exact(LOG_WORDS).enumerate();
    rows.map(|(place, words)| LogRow {
        episode: place + 1,
        loss: f32::from_bits(words[0]),
        accuracy: figure(words[1]),
        cosine: figure(words[2]),
        gradient_norm: f32::from_bits(words[3]),
        skipped: words[4],
    })
    .collect()
}

/// Where the state of a training lies whose model goes to `model`.
pub fn checkpoint_path(model: &Path) -> PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".checkpoint");
    PathBuf::from(name)
}

/// Writes a checkpoint in place of the one before.
///
/// # Errors
/// [`TrainError`]: it cannot be written.
pub fn save(path: &Path, identity: &Identity, progress: &Progress) -> Result<(), TrainError> {
    let at = |reason: String| TrainError::Checkpoint {
        path: path.to_path_buf(),
        reason,
    };
    let header = Header {
        identity: identity.clone(),
        episode: progress.episode,
        seconds: progress.seconds,
        validations: progress.validations.clone(),
    };
    let header = serde_json::to_string(&header).map_err(|e| at(e.to_string()))?;
    let log = log_words(&progress.log);
    let bytes = views(progress, &log)
        .and_then(|views| tensors::serialize(KEY, &header, views))
        .map_err(|e| at(e.to_string()))?;
    Ok(files::write(path, &bytes)?)
}

/// Names of the flat vectors.
const FLAT: [&str; 4] = ["parameters", "first", "second", "best"];

fn views<'a>(
    progress: &'a Progress,
    log: &'a [u32],
) -> Result<Vec<(&'static str, TensorView<'a>)>, SafeTensorError> {
    let Weights {
        parameters,
        first,
        second,
        state,
    } = &progress.weights;
    let mut views = Vec::new();
    for (name, values) in FLAT
        .into_iter()
        .zip([parameters, first, second, &progress.best])
    {
        let bytes = bytemuck::cast_slice(values);
        views.push((
            name,
            TensorView::new(Dtype::F32, vec![values.len()], bytes)?,
        ));
    }
    let words = |words: &'a [u8], dims| TensorView::new(Dtype::U32, dims, words);
    views.push((
        "state",
        words(bytemuck::bytes_of(state), vec![STATE_WORDS])?,
    ));
    let dims = vec![log.len() / LOG_WORDS, LOG_WORDS];
    views.push(("log", words(bytemuck::cast_slice(log), dims)?));
    Ok(views)
}

/// Words of the optimiser's state.
const STATE_WORDS: usize = size_of::<OptimizerState>() / 4;

/// Reads a checkpoint and checks that it belongs to this training.
///
/// # Errors
/// [`TrainError`]: it is not there, is damaged, or belongs to another training.
pub fn load(path: &Path, identity: &Identity, flat_len: usize) -> Result<Progress, TrainError> {
    let at = |reason: &str| TrainError::Checkpoint {
        path: path.to_path_buf(),
        reason: reason.to_string(),
    };
    let damaged = || at("is damaged or of another version: delete it and start anew");
    let explain = |error: TensorFileError| match error {
        TensorFileError::Missing => at("there is nothing to resume: start anew"),
        TensorFileError::Unreadable(_) | TensorFileError::NotAFile => at(&error.to_string()),
        _ => damaged(),
    };
    let file = TensorFile::open(path, KEY).map_err(explain)?;
    // A damaged state must not be told as one of other files.
    let whole = TensorFile::open(path, KEY).and_then(|file| file.read(|_, _| {}));
    whole.map_err(explain)?;
    let header: Header = serde_json::from_str(&file.text).map_err(|_| damaged())?;
    if header.identity.config != identity.config {
        let [then, now] = [&header.identity.config, &identity.config].map(|c| without_hash(c));
        if then == now {
            return Err(at(
                "was made with another teacher: give the same file of vectors, or start anew",
            ));
        }
        let differs = first_difference(&header.identity.config, &identity.config);
        return Err(at(&format!(
            "was made with another configuration ({differs}): give the same options, or delete it to start anew"
        )));
    }
    if header.identity.memory != identity.memory {
        return Err(at(
            "was made with another memory limit: give the same, or start anew",
        ));
    }
    let Identity {
        split,
        failed,
        choices,
        ..
    } = &header.identity;
    let there = |(operation, id): (&String, &String)| {
        let parsed = ops::parse_operation(operation);
        parsed.is_some_and(|(pass, shape)| ops::variant(pass, &shape, id).is_some())
    };
    if !choices.iter().all(there) {
        return Err(at(
            "was made with kernels that this version does not have: resume with the version that made it, or start anew",
        ));
    }
    if (split, failed) != (&identity.split, &identity.failed) {
        return Err(at(
            "was made with other files: give the same data, or start anew",
        ));
    }
    // What has these sizes is what will be read.
    let tensors = file.tensors.iter();
    let mut found = Vec::from_iter(tensors.map(|t| (t.name.as_str(), t.dtype, &t.dims[..])));
    found.sort_by_key(|(name, ..)| *name);
    let (flat, state, log) = ([flat_len], [STATE_WORDS], [header.episode, LOG_WORDS]);
    let wanted: [(&str, Dtype, &[usize]); 6] = [
        ("best", Dtype::F32, &flat),
        ("first", Dtype::F32, &flat),
        ("log", Dtype::U32, &log),
        ("parameters", Dtype::F32, &flat),
        ("second", Dtype::F32, &flat),
        ("state", Dtype::U32, &state),
    ];
    if found != wanted || file.checksum.is_none() {
        return Err(damaged());
    }
    let names = Vec::from_iter(file.tensors.iter().map(|tensor| tensor.name.clone()));
    let mut floats: [Vec<f32>; 4] = Default::default();
    let (mut state, mut log) = (OptimizerState::START, Vec::new());
    let read = file.read(|place, bytes| match names[place].as_str() {
        "state" => state = bytemuck::pod_read_unaligned(bytes),
        "log" => log = bytemuck::pod_collect_to_vec(bytes),
        name => {
            for (values, known) in floats.iter_mut().zip(FLAT) {
                if known == name {
                    *values = bytemuck::pod_collect_to_vec(bytes);
                }
            }
        }
    });
    read.map_err(explain)?;
    let [parameters, first, second, best] = floats;
    Ok(Progress {
        episode: header.episode,
        weights: Weights {
            parameters,
            first,
            second,
            state,
        },
        best,
        seconds: header.seconds,
        log: log_rows(&log),
        validations: header.validations,
    })
}

/// How the kernels of a training are cut that a checkpoint is of, as far as it can be read; [`load`] tells what is wrong with one.
pub fn choices(path: &Path) -> BTreeMap<String, String> {
    let file = TensorFile::open(path, KEY).ok();
    let header: Option<Header> = file.and_then(|file| serde_json::from_str(&file.text).ok());
    header.map_or_else(BTreeMap::new, |header| header.identity.choices)
}

/// A configuration without the hash of its teacher's vectors.
fn without_hash(config: &str) -> Vec<&str> {
    let lines = config.lines();
    lines.filter(|line| !line.starts_with("blake3 =")).collect()
}

fn first_difference(a: &str, b: &str) -> String {
    let differs = a.lines().zip(b.lines()).find(|(x, y)| x != y);
    differs.map_or("one is longer".to_string(), |(x, y)| {
        format!("`{}` then, `{}` now", x.trim(), y.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Protocol;
    use crate::score::Interval;

    fn identity() -> Identity {
        Identity {
            config: "way = 5\n".into(),
            split: Split {
                protocol: Protocol::NovelClasses,
                seed: Some(1),
                files: Vec::new(),
            },
            failed: Vec::new(),
            choices: BTreeMap::new(),
            memory: None,
        }
    }

    fn row(episode: usize, loss: f32, gradient_norm: f32) -> LogRow {
        LogRow {
            episode,
            loss,
            accuracy: Some(0.5),
            cosine: (episode == 2).then_some(f32::NAN),
            gradient_norm,
            skipped: 2,
        }
    }

    fn progress() -> Progress {
        let over_episodes = Interval {
            low: 0.2,
            high: 0.4,
        };
        Progress {
            episode: 3,
            weights: Weights {
                parameters: vec![1.0, f32::MIN_POSITIVE, -3.5],
                first: vec![0.1, 0.2, 0.3],
                second: vec![1e-30, 0.0, -0.0],
                state: OptimizerState::START,
            },
            seconds: 1.25,
            best: vec![4.0; 3],
            log: vec![
                row(1, 1.6, 0.1),
                row(2, f32::NAN, f32::INFINITY),
                row(3, f32::NEG_INFINITY, f32::NAN),
            ],
            validations: vec![Validation {
                episode: 0,
                accuracy: 0.3,
                over_episodes,
                over_files: None,
                teacher: None,
                seconds: 0.0,
            }],
        }
    }

    /// The log by its bits: NaN is not equal to itself.
    fn bits(progress: &Progress) -> Vec<(usize, [Option<u32>; 4], u32)> {
        let row = |r: &LogRow| {
            let figures = [Some(r.loss), r.accuracy, r.cosine, Some(r.gradient_norm)];
            let figures = figures.map(|figure| figure.map(f32::to_bits));
            (r.episode, figures, r.skipped)
        };
        progress.log.iter().map(row).collect()
    }

    #[test]
    fn a_log_that_is_not_finite_comes_back_bit_by_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.checkpoint");
        let mut saved = progress();
        save(&path, &identity(), &saved).unwrap();
        let mut found = load(&path, &identity(), 3).unwrap();
        assert_eq!(bits(&found), bits(&saved));
        (saved.log, found.log) = (Vec::new(), Vec::new());
        assert_eq!(found, saved);
        // Nothing done yet is a state too.
        saved.episode = 0;
        save(&path, &identity(), &saved).unwrap();
        assert_eq!(load(&path, &identity(), 3).unwrap(), saved);
    }

    #[test]
    fn a_damaged_state_is_not_told_as_one_of_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.checkpoint");
        save(&path, &identity(), &progress()).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(5).position(|w| w == b"novel").unwrap();
        bytes[at..at + 5].copy_from_slice(b"seen-");
        let way = bytes.windows(7).position(|w| w == b"way = 5").unwrap();
        bytes[way + 6] = b'6';
        std::fs::write(&path, &bytes).unwrap();
        let said = load(&path, &identity(), 3).unwrap_err().to_string();
        assert!(said.contains("damaged"), "{said}");
    }

    #[test]
    fn every_flipped_bit_and_every_length_but_the_right_one_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.checkpoint");
        save(&path, &identity(), &progress()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for place in (0..bytes.len()).step_by(3) {
            let mut other = bytes.clone();
            other[place] ^= 1 << (place % 8);
            std::fs::write(&path, &other).unwrap();
            match load(&path, &identity(), 3) {
                Err(TrainError::Checkpoint { path: named, .. }) => assert_eq!(named, path),
                // Blanks behind the header fill it up and say nothing.
                other => {
                    assert!(
                        other.is_err() || bytes[place] == b' ',
                        "byte {place}: {other:?}"
                    );
                }
            }
        }
        for length in (0..bytes.len()).step_by(7) {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(load(&path, &identity(), 3).is_err(), "{length} bytes");
        }
        std::fs::write(&path, [&bytes[..], b"more"].concat()).unwrap();
        let said = load(&path, &identity(), 3).unwrap_err().to_string();
        assert!(said.contains("start anew"), "{said}");
    }
}
