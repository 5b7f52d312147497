//! Whether explanations may be believed, asked on many files.

#![allow(
    clippy::cast_possible_truncation,
    reason = "means are summed in f64, and prototypes are f32"
)]

use std::path::PathBuf;

use serde::Serialize;

use super::attribution::{Attribution, Explainer};
use super::base_only::{Base, base_only};
use super::decision::{Classes, Decision};
use super::inputs::inputs;
use super::order::{CELL, Course, SHARES, cells, largest_first, rank_correlation};
use super::parts::smoothed;
use crate::data::Dataset;
use crate::embedder::Embedder;
use crate::features::{FILES_AT_ONCE, FeatureError, FrontEnd};
use crate::gpu::{Gpu, GpuError};
use crate::model::ModelError;
use crate::model_file::Model;
use crate::random::Stream;
use crate::score::OverFiles;

/// Random orders of each file.
const RANDOM: u64 = 2;
/// Clips by which is judged what reaches the layers with splines.
const CLIPS: usize = 192;
const CLIPS_A_FILE: usize = 4;

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BeliefError {
    /// The device.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// A network and its parameters do not fit.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Another model hears other bands or frames.
    #[error(
        "{name} hears other mel frames or segments than the model that is explained: their attributions cannot be compared"
    )]
    OtherHearing {
        /// Which model.
        name: String,
    },
    /// Prototypes take other files of at least two classes.
    #[error(
        "{path}: no file of it can be asked about: that takes two classes or more with two files (or groups) each that can be heard"
    )]
    NoFiles {
        /// The data set.
        path: PathBuf,
    },
}

/// What is asked about.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The model that is explained.
    pub model: &'a Model,
    /// Models to compare its attributions with, by their names.
    pub others: &'a [(String, Model)],
    /// The files.
    pub dataset: &'a Dataset,
    /// Which of them, by their places.
    pub files: &'a [usize],
    /// How many are explained; all of them are classified.
    pub explained: usize,
    /// Of what is drawn: the files explained, and random orders.
    pub seed: u64,
}

/// How an order takes files away and puts them back.
#[derive(Debug, Clone, Serialize)]
pub struct OrderCourse {
    /// The order.
    pub name: &'static str,
    /// How likely the winner is by the share of cells that are gone, for each of the shares.
    pub deletion: Vec<OverFiles>,
    /// By the share that is there.
    pub insertion: Vec<OverFiles>,
    /// Area under the former: the less the better.
    pub deletion_area: OverFiles,
    /// Area under the latter: the more the better.
    pub insertion_area: OverFiles,
    /// How much larger its deletion area is than that of the attribution, file by file.
    pub deletion_more: Option<OverFiles>,
    /// How much smaller its insertion area is than that of the attribution, file by file.
    pub insertion_less: Option<OverFiles>,
}

/// How alike attributions of the same decisions are.
#[derive(Debug, Clone, Serialize)]
pub struct Agreement {
    /// With what.
    pub name: String,
    /// Spearman's correlation of the maps' cells.
    pub correlation: OverFiles,
    /// Share of the files of which it gives the same answer; none for what does not answer.
    pub same: Option<OverFiles>,
}

/// What a network without its splines still does.
#[derive(Debug, Clone, Serialize)]
pub struct WithoutSplines {
    /// What stands in for them.
    pub base: Base,
    /// Its accuracy.
    pub accuracy: OverFiles,
    /// How much more the whole network has, file by file.
    pub less: OverFiles,
    /// Share of the files of which the answer stays.
    pub same: OverFiles,
}

/// Whether to believe a model's explanations.
#[derive(Debug, Serialize)]
pub struct Belief {
    /// Classes that files were told apart by.
    pub classes: Vec<String>,
    /// Accuracy of the model, each file by prototypes of the others.
    pub accuracy: OverFiles,
    /// Shares of the cells at which courses have their values.
    pub shares: Vec<f64>,
    /// Bands and frames of a cell.
    pub cell: [usize; 2],
    /// The attribution's order first, then random ones and the loudest first.
    pub courses: Vec<OrderCourse>,
    /// With other models, then with an untrained one, and with the loudness.
    pub agreement: Vec<Agreement>,
    /// What is left without splines; empty for a network without.
    pub without_splines: Vec<WithoutSplines>,
    /// Largest share of a decision that was missing in the parts.
    pub most_missing: f64,
    /// Files that could not be heard.
    #[serde(skip)]
    pub failed: Vec<(PathBuf, FeatureError)>,
}

/// Embeddings of all files by one network.
struct Heard {
    embeddings: Vec<Vec<f32>>,
    model_metric: crate::fewshot::Metric,
}

/// Files that were heard, with their places.
struct Files<'a> {
    asked: &'a Asked<'a>,
    /// Places in the data set.
    heard: Vec<usize>,
}

impl Files<'_> {
    fn class(&self, file: usize) -> usize {
        self.asked.dataset.items[self.heard[file]].class
    }

    fn group(&self, file: usize) -> usize {
        self.asked.dataset.items[self.heard[file]].group
    }

    /// Prototypes of all files that are not of a file's group; none where fewer than two classes or not its own are left.
    fn classes_without(&self, file: usize, of: &Heard) -> Option<Classes> {
        let names = &self.asked.dataset.classes;
        let width = of.embeddings.first().map_or(0, Vec::len);
        let mut sums = vec![(vec![0.0f64; width], 0usize); names.len()];
        for (other, embedding) in of.embeddings.iter().enumerate() {
            if self.group(other) == self.group(file) {
                continue;
            }
            let (sum, count) = &mut sums[self.class(other)];
            *count += 1;
            for (sum, &value) in sum.iter_mut().zip(embedding) {
                *sum += f64::from(value);
            }
        }
        if sums[self.class(file)].1 == 0 || sums.iter().filter(|s| s.1 > 0).count() < 2 {
            return None;
        }
        let mean = |(sum, count): &(Vec<f64>, usize)| -> Vec<f32> {
            sum.iter().map(|v| (v / *count as f64) as f32).collect()
        };
        // A class that is not known without the file's group keeps its place, infinitely far away.
        let prototypes = sums.iter().map(|sum| match sum.1 {
            0 => Vec::new(),
            _ => vec![mean(sum)],
        });
        Some(Classes {
            names: names.clone(),
            metric: of.model_metric,
            prototypes: prototypes.collect(),
        })
    }

    /// What a network takes each file for; none of files that cannot be asked about.
    fn answers(&self, of: &Heard) -> Vec<Option<Decision>> {
        let answer = |file: usize| {
            let classes = self.classes_without(file, of)?;
            classes.decide(&exact(&of.embeddings[file]))
        };
        (0..self.heard.len()).map(answer).collect()
    }

    /// Values of files with their groups.
    fn grouped(&self, value: impl Fn(usize) -> Option<f64>) -> Vec<(usize, f64)> {
        let value = |file| Some((self.group(file), value(file)?));
        (0..self.heard.len()).filter_map(value).collect()
    }

    fn right(&self, file: usize, answers: &[Option<Decision>]) -> Option<f64> {
        let answer = answers[file]?;
        Some(f64::from(u8::from(answer.winner == self.class(file))))
    }
}

fn exact(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn same(a: &[Option<Decision>], b: &[Option<Decision>], file: usize) -> Option<f64> {
    Some(f64::from(u8::from(a[file]?.winner == b[file]?.winner)))
}

/// What is explained of each file.
struct Explanation {
    file: usize,
    courses: Vec<Course>,
    missing: f64,
    /// With each of the others, the untrained network and the loudness.
    correlations: Vec<Option<f64>>,
}

/// Asks whether a model's explanations may be believed. `on_progress` is told the files done and those in all.
///
/// # Errors
/// [`BeliefError`]. A file that cannot be heard costs only itself.
pub fn believe(
    gpu: &Gpu,
    front_end: &FrontEnd,
    asked: &Asked,
    mut on_progress: impl FnMut(usize, usize),
) -> Result<Belief, BeliefError> {
    let (model, others) = (asked.model, asked.others);
    let (network, segment) = (&model.network, model.info.segment);
    for (name, other) in others {
        if other.info.preset != model.info.preset || other.info.segment != segment {
            return Err(BeliefError::OtherHearing { name: name.clone() });
        }
    }
    // The network, those to compare with, and one that has learned nothing.
    let untrained = network.initial_parameters(model.info.seed);
    let mut explainers = vec![Explainer::new(gpu, network, &model.parameters, segment)?];
    for (_, other) in others {
        let explainer = Explainer::new(gpu, &other.network, &other.parameters, segment)?;
        explainers.push(explainer);
    }
    explainers.push(Explainer::new(gpu, network, &untrained, segment)?);
    let metrics = std::iter::once(model)
        .chain(others.iter().map(|(_, other)| other))
        .chain([model]);
    let mut heard: Vec<Heard> = metrics
        .map(|model| Heard {
            embeddings: Vec::new(),
            model_metric: model.metric(usize::MAX),
        })
        .collect();

    let mut order = asked.files.to_vec();
    Stream::new(asked.seed, "files to explain", 0).shuffle(&mut order);
    let mut clips = Vec::new();
    let listen = |embedder: &Embedder, features: &crate::features::Features| {
        let segments = features.segments(segment);
        let clips: Vec<Vec<f32>> = segments.into_iter().map(|s| s.values).collect();
        let embeddings = embedder.embed(&clips)?;
        Ok::<_, GpuError>((
            crate::fewshot::prototype(embeddings.iter().map(Vec::as_slice)),
            clips,
        ))
    };
    let mut files = Files {
        asked,
        heard: Vec::new(),
    };
    let mut failed = Vec::new();
    let all = order.len() + asked.explained.min(order.len());
    for some in order.chunks(FILES_AT_ONCE) {
        for (&place, features) in some.iter().zip(front_end.features_of(asked.dataset, some)) {
            match features {
                Ok(features) => {
                    let mut of_file = Vec::new();
                    for (heard, explainer) in heard.iter_mut().zip(&explainers) {
                        let (mean, clips) = listen(explainer.embedder(), &features)?;
                        heard.embeddings.push(mean);
                        of_file = clips;
                    }
                    if clips.len() < CLIPS {
                        clips.extend(of_file.into_iter().take(CLIPS_A_FILE));
                    }
                    files.heard.push(place);
                }
                Err(error) => {
                    let path = asked.dataset.file(&asked.dataset.items[place]);
                    failed.push((path, error));
                }
            }
        }
        on_progress(files.heard.len() + failed.len(), all);
    }
    let answers: Vec<_> = heard.iter().map(|heard| files.answers(heard)).collect();
    let rights = |of: &[Option<Decision>]| {
        OverFiles::of_shares(&files.grouped(|file| files.right(file, of)))
    };
    let no_files = || BeliefError::NoFiles {
        path: asked.dataset.root.clone(),
    };
    let accuracy = rights(&answers[0]).ok_or_else(no_files)?;

    let without_splines = {
        let reaching = inputs(gpu, network, &model.parameters, &clips)?;
        let mut found = Vec::new();
        for base in [Base::Learned, Base::Fitted] {
            if reaching.is_empty() {
                break;
            }
            let parameters = base_only(network, &model.parameters, base, &reaching)?;
            let embedder = Embedder::new(gpu, network, &parameters)?;
            let mut embeddings = Vec::new();
            for some in files.heard.chunks(FILES_AT_ONCE) {
                for features in front_end.features_of(asked.dataset, some) {
                    // It was heard a moment ago; a file that has gone since has no answer.
                    let embedding = match features {
                        Ok(features) => listen(&embedder, &features)?.0,
                        Err(_) => vec![0.0; network.width()],
                    };
                    embeddings.push(embedding);
                }
            }
            let of = files.answers(&Heard {
                embeddings,
                model_metric: heard[0].model_metric,
            });
            let less = files
                .grouped(|file| Some(files.right(file, &answers[0])? - files.right(file, &of)?));
            let stays = files.grouped(|file| same(&answers[0], &of, file));
            found.push(WithoutSplines {
                base,
                accuracy: rights(&of).ok_or_else(no_files)?,
                less: OverFiles::of_differences(&less).ok_or_else(no_files)?,
                same: OverFiles::of_shares(&stays).ok_or_else(no_files)?,
            });
        }
        found
    };

    let mut explanations = Vec::new();
    for (file, answer) in answers[0].iter().enumerate() {
        if explanations.len() == asked.explained {
            break;
        }
        let (Some(decision), Some(classes)) = (*answer, files.classes_without(file, &heard[0]))
        else {
            continue;
        };
        let place = [files.heard[file]];
        let Some(Ok(features)) = front_end.features_of(asked.dataset, &place).pop() else {
            continue;
        };
        let sound = explainers[0].hear(features.values)?;
        let own = explainers[0].attribute(&sound, &classes, decision)?;
        let mine = map(&own);
        let loud = cells(&sound.values, sound.frames);
        let mut orders = vec![largest_first(&mine), largest_first(&loud)];
        for number in 0..RANDOM {
            let mut order: Vec<usize> = (0..mine.len()).collect();
            Stream::new(asked.seed, "random order", file as u64 * RANDOM + number)
                .shuffle(&mut order);
            orders.push(order);
        }
        let courses = orders
            .iter()
            .map(|order| explainers[0].course(&sound, &classes, decision, order))
            .collect::<Result<Vec<_>, _>>()?;
        let mut correlations = Vec::new();
        for (explainer, of) in explainers.iter().zip(&heard).skip(1) {
            let other = match files.classes_without(file, of) {
                Some(classes) => {
                    let sound = explainer.hear(sound.values.clone())?;
                    Some(explainer.attribute(&sound, &classes, decision)?)
                }
                None => None,
            };
            correlations.push(other.and_then(|other| rank_correlation(&mine, &map(&other))));
        }
        correlations.push(rank_correlation(&mine, &loud));
        explanations.push(Explanation {
            file,
            courses,
            missing: own.missing(),
            correlations,
        });
        on_progress(order.len() + explanations.len(), all);
    }
    let over = |value: &dyn Fn(&Explanation) -> Option<f64>| {
        let values = explanations
            .iter()
            .filter_map(|e| Some((files.group(e.file), value(e)?)));
        OverFiles::of(&values.collect::<Vec<_>>())
    };
    let mut courses = Vec::new();
    for (name, which) in [
        ("attribution", 0..1),
        ("random", 2..2 + RANDOM as usize),
        ("loudest first", 1..2),
    ] {
        let mean = |e: &Explanation, of: &dyn Fn(&Course) -> f64| {
            let some = &e.courses[which.clone()];
            some.iter().map(of).sum::<f64>() / some.len() as f64
        };
        let at = |of: fn(&Course) -> &[f64]| -> Option<Vec<OverFiles>> {
            (0..SHARES.len())
                .map(|k| over(&|e| Some(mean(e, &|course| of(course)[k]))))
                .collect()
        };
        let area = |of: fn(&Course) -> f64| over(&|e| Some(mean(e, &of)));
        let beyond = |of: fn(&Course) -> f64, sign: f64| {
            over(&|e| Some(sign * (mean(e, &of) - of(&e.courses[0])))).filter(|_| which.start > 0)
        };
        courses.push(OrderCourse {
            name,
            deletion: at(|c| &c.deletion).ok_or_else(no_files)?,
            insertion: at(|c| &c.insertion).ok_or_else(no_files)?,
            deletion_area: area(|c| c.deletion_area).ok_or_else(no_files)?,
            insertion_area: area(|c| c.insertion_area).ok_or_else(no_files)?,
            deletion_more: beyond(|c| c.deletion_area, 1.0),
            insertion_less: beyond(|c| c.insertion_area, -1.0),
        });
    }
    let names = others.iter().map(|(name, _)| name.clone());
    let names = names.chain(["an untrained network".into(), "how loud it is".into()]);
    let agreement = names.enumerate().filter_map(|(k, name)| {
        let same = answers.get(k + 1).and_then(|of| {
            OverFiles::of_shares(&files.grouped(|file| same(&answers[0], of, file)))
        });
        Some(Agreement {
            name,
            correlation: over(&|e| e.correlations[k])?,
            same,
        })
    });
    Ok(Belief {
        classes: asked.dataset.classes.clone(),
        accuracy,
        shares: SHARES.to_vec(),
        cell: CELL,
        courses,
        agreement: agreement.collect(),
        without_splines,
        most_missing: explanations.iter().map(|e| e.missing).fold(0.0, f64::max),
        failed,
    })
}

/// What each cell of a file added, smoothed over its neighbours.
fn map(attribution: &Attribution) -> Vec<f64> {
    let [bands, frames] = CELL;
    cells(
        &smoothed(attribution, bands - 1, frames),
        attribution.frames,
    )
}
