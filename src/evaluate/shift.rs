//! How well what was learned from clean examples holds on other recordings: the queries altered, the supports not.

use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use super::embedded::Compared;
use super::{Embedded, EvaluateError, HeadChoice, Reader};
use crate::data::Task;
use crate::embed::mean_embedding;
use crate::features::{FeatureError, Features};
use crate::score::{Estimate, NETWORK, System, evaluate};
use crate::shift::{Shift, ShiftError};

/// The same files altered, embedded.
#[derive(Debug)]
pub struct Shifted {
    /// What they went through.
    pub shift: Shift,
    /// By how much, in the shift's unit.
    pub amount: f64,
    /// By file index: the network's embeddings.
    network: Vec<Vec<f32>>,
    /// By file index: standardised mean and deviation of 20 MFCC.
    mfcc: Vec<Vec<f32>>,
}

/// One system on altered queries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShiftScore {
    /// Its accuracy.
    pub accuracy: Estimate,
    /// That less its accuracy on clean queries, paired.
    pub less_clean: Estimate,
}

/// Another network on the same queries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OtherScore {
    /// Its accuracy.
    pub accuracy: Estimate,
    /// The network's accuracy less this, paired.
    pub network_less: Estimate,
}

/// One shift and amount.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShiftRow {
    /// The shift.
    pub shift: Shift,
    /// Its amount, in the shift's unit.
    pub amount: f64,
    /// The network.
    pub network: ShiftScore,
    /// MFCC with the nearest centroid.
    pub mfcc: ShiftScore,
    /// The network's accuracy less that of MFCC under the same shift, paired.
    pub network_less_mfcc: Estimate,
    /// The other network, if there is one.
    pub other: Option<OtherScore>,
}

/// Accuracies by shift and amount.
#[derive(Debug, Clone, Serialize)]
pub struct ShiftReport {
    /// What each episode asks: clean supports, altered queries.
    #[serde(flatten)]
    pub task: Task,
    /// Episodes, the same for all rows.
    pub episodes: usize,
    /// The seed of the episodes and of what is random in a shift.
    pub seed: u64,
    /// The network's head.
    pub head: HeadChoice,
    /// Classes that episodes are drawn from.
    pub classes: usize,
    /// Files.
    pub files: usize,
    /// The network's accuracy on clean queries.
    pub network_clean: Estimate,
    /// That of MFCC.
    pub mfcc_clean: Estimate,
    /// The other network on clean queries, if there is one.
    pub other_clean: Option<OtherScore>,
    /// In the order asked for, the amounts of each shift in order.
    pub rows: Vec<ShiftRow>,
    /// What is to be known about the intervals.
    pub note: Option<String>,
}

/// Why one file has no altered version.
enum Trouble {
    Features(FeatureError),
    Shift(ShiftError),
}

impl Embedded {
    /// Reads the embedded files again and embeds them once for each step of each shift. What is random in a shift is
    /// fixed by `seed` and the file's content. A file that cannot be altered goes from [`Embedded::files`] to
    /// [`Embedded::failed`]. `on` is told the files done and the files in all.
    ///
    /// # Errors
    /// [`EvaluateError`]: a fault of the device, or a file under a strict front end.
    pub fn shifted(
        &mut self,
        reader: &Reader,
        shifts: &[Shift],
        seed: u64,
        on: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<Shifted>, EvaluateError> {
        let steps: Vec<(Shift, f64)> = shifts
            .iter()
            .flat_map(|&shift| shift.steps().map(|amount| (shift, amount)))
            .collect();
        let empty = || vec![Vec::new(); self.dataset.items.len()];
        let mut shifted: Vec<Shifted> = steps
            .iter()
            .map(|&(shift, amount)| Shifted {
                shift,
                amount,
                network: empty(),
                mfcc: empty(),
            })
            .collect();
        let Reader {
            model,
            front_end,
            embedder,
            ..
        } = reader;
        embedder.set_parameters(&model.parameters);
        let files = std::mem::take(&mut self.files);
        // Each file has many versions in memory at once.
        for (done, chunk) in files.chunks(rayon::current_num_threads()).enumerate() {
            on(done * rayon::current_num_threads(), files.len());
            let versions: Vec<Result<Vec<Features>, Trouble>> = chunk
                .par_iter()
                .map(|&file| {
                    let item = &self.dataset.items[file];
                    let path = self.dataset.file(item);
                    versions(reader, &path, &steps, |shift| {
                        shift.stream(seed, &item.hash)
                    })
                })
                .collect();
            for (&file, versions) in chunk.iter().zip(versions) {
                let versions = match versions {
                    Ok(versions) => versions,
                    Err(Trouble::Features(error))
                        if error.is_device_fault() || front_end.hearing().strict =>
                    {
                        return Err(EvaluateError::Strict(error));
                    }
                    Err(trouble) => {
                        let path = self.dataset.file(&self.dataset.items[file]);
                        let reason = match trouble {
                            Trouble::Features(error) => error.to_string(),
                            Trouble::Shift(error) => error.to_string(),
                        };
                        self.failed.push((path, reason));
                        continue;
                    }
                };
                self.files.push(file);
                let mut clips = Vec::new();
                let mut counts = Vec::new();
                for (features, shifted) in versions.iter().zip(&mut shifted) {
                    let segments = features.segments(model.info.segment);
                    counts.push(segments.len());
                    clips.extend(segments.into_iter().map(|segment| segment.values));
                    shifted.mfcc[file] = model.info.mfcc.apply(&features.mfcc);
                }
                let mut embeddings = embedder.embed(&clips)?.into_iter();
                for (count, shifted) in counts.into_iter().zip(&mut shifted) {
                    let segments: Vec<_> = embeddings.by_ref().take(count).collect();
                    shifted.network[file] = mean_embedding(&segments);
                }
            }
        }
        on(files.len(), files.len());
        Ok(shifted)
    }

    /// Scores the network and the MFCC floor with clean supports and with clean or altered queries, all on the same
    /// episodes of `task`. `other` is another network on the same data set, with the same shifts.
    ///
    /// # Errors
    /// As [`Embedded::score`]; [`EvaluateError::OtherFiles`].
    pub fn score_shifts(
        &self,
        shifted: &[Shifted],
        other: Option<(&Self, &[Shifted])>,
        task: Task,
        episodes: usize,
        seed: u64,
        head: HeadChoice,
    ) -> Result<ShiftReport, EvaluateError> {
        let sampler = self.sampler(task)?;
        let (network, of_network) = self.under(head, &self.network)?;
        let queries = altered(self, shifted, head)?;
        let others = match other {
            Some((other, _)) if other.files != self.files => return Err(EvaluateError::OtherFiles),
            Some((other, shifted)) => Some((
                other.under(head, &other.network)?,
                altered(other, shifted, head)?,
            )),
            None => None,
        };
        let own = System::new(NETWORK, &network, of_network);
        let [mfcc, _] = System::floors(&self.mfcc);
        let mut systems = vec![own, mfcc];
        for (set, (altered, _)) in shifted.iter().zip(&queries) {
            systems.extend([own.asked_by(altered), mfcc.asked_by(&set.mfcc)]);
        }
        let first_other = systems.len();
        if let Some(((clean, of_other), queries)) = &others {
            let other = System::new("other", clean, *of_other);
            systems.push(other);
            systems.extend(queries.iter().map(|(altered, _)| other.asked_by(altered)));
        }
        let evaluation = evaluate(&sampler, &systems, episodes, seed)?;
        let accuracy = |number: usize| evaluation.systems[number].accuracy;
        let less = |of, against| evaluation.less(of, against);
        let score = |number, clean| ShiftScore {
            accuracy: accuracy(number),
            less_clean: less(number, clean),
        };
        let other = |network, k| {
            let number = first_other + k;
            others.as_ref().map(|_| OtherScore {
                accuracy: accuracy(number),
                network_less: less(network, number),
            })
        };
        let row = |(k, set): (usize, &Shifted)| {
            let (network, mfcc) = (2 * k + 2, 2 * k + 3);
            ShiftRow {
                shift: set.shift,
                amount: set.amount,
                network: score(network, 0),
                mfcc: score(mfcc, 1),
                network_less_mfcc: less(network, mfcc),
                other: other(network, k + 1),
            }
        };
        Ok(ShiftReport {
            task,
            episodes,
            seed,
            head,
            classes: evaluation.classes.len(),
            files: self.files.len(),
            network_clean: accuracy(0),
            mfcc_clean: accuracy(1),
            other_clean: other(0, 0),
            rows: shifted.iter().enumerate().map(row).collect(),
            note: evaluation.note,
        })
    }
}

/// A network's embeddings of altered queries as its head compares them.
fn altered<'a>(
    embedded: &Embedded,
    shifted: &'a [Shifted],
    head: HeadChoice,
) -> Result<Vec<Compared<'a>>, EvaluateError> {
    let under = |set: &'a Shifted| embedded.under(head, &set.network);
    shifted.iter().map(under).collect()
}

/// The features of a file after each step.
fn versions(
    reader: &Reader,
    path: &Path,
    steps: &[(Shift, f64)],
    stream: impl Fn(Shift) -> crate::random::Stream,
) -> Result<Vec<Features>, Trouble> {
    let front_end = reader.front_end;
    let (samples, info) = front_end.samples(path).map_err(Trouble::Features)?;
    let rate = front_end.preset().sample_rate;
    let version = |&(shift, amount): &(Shift, f64)| {
        let altered = shift
            .apply(amount, &samples, rate, &mut stream(shift))
            .map_err(Trouble::Shift)?;
        front_end
            .features_of_samples(path, &altered, info.clone())
            .map_err(Trouble::Features)
    };
    steps.iter().map(version).collect()
}
