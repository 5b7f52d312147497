//! Accuracy with both its intervals, confusions, paired differences.

use std::collections::BTreeMap;

use serde::Serialize;

use super::System;
use super::asked::{Figures, ask};
use super::estimate::{Estimate, LEVEL};
use super::nearest::NearestClass;
use crate::data::Task;
use crate::fewshot::{EpisodeSampler, ScoreError};

/// A class's part in an accuracy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassScore {
    /// The class.
    pub class: String,
    /// How many of its queries were right; none where no episode had it.
    pub accuracy: Option<f64>,
    /// Its queries.
    pub queries: u64,
}

/// One system's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemScore {
    /// The system.
    pub name: String,
    /// Its accuracy, with 95 % intervals.
    pub accuracy: Estimate,
    /// By class, in the evaluation's order.
    pub per_class: Vec<ClassScore>,
    /// Queries by true class (row) and predicted class (column), each query of each episode counted.
    pub confusion: Vec<Vec<u64>>,
}

/// The difference between two systems on the same episodes and files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The system whose accuracy ...
    pub of: String,
    /// ... is compared with this one's.
    pub against: String,
    /// The confidence of the intervals.
    pub level: f64,
    /// Accuracy of the first less that of the second.
    pub difference: Estimate,
}

/// What became of a file as a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EvaluationQueries {
    /// Episodes that asked for it.
    pub asked: u64,
    /// How often each system was right.
    pub right: Vec<u64>,
}

/// What [`evaluate`] found.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// What each episode asks.
    #[serde(flatten)]
    pub task: Task,
    /// Episodes.
    pub episodes: usize,
    /// The seed they were drawn by.
    pub seed: u64,
    /// The classes, in the order of all per-class figures.
    pub classes: Vec<String>,
    /// Files of each class.
    pub files: Vec<usize>,
    /// The systems, in the order given.
    pub systems: Vec<SystemScore>,
    /// What is to be known about the intervals over files: why there are none, or that they are a rougher estimate.
    pub note: Option<String>,
    /// By file that was a query, what became of it.
    #[serde(skip)]
    pub queries: BTreeMap<usize, EvaluationQueries>,
    #[serde(skip)]
    figures: Figures,
}

/// Scores systems on the same `episodes` episodes: the head of each is fitted on an episode's supports, and each
/// query goes to the class that it finds nearest, the first class of the pool among equals. The same seed gives the same result.
///
/// # Errors
/// [`ScoreError`]: too few episodes, none that can be drawn, or embeddings that are missing, not finite or of several
/// lengths.
pub fn evaluate(
    sampler: &EpisodeSampler,
    systems: &[System],
    episodes: usize,
    seed: u64,
) -> Result<Evaluation, ScoreError> {
    let question = NearestClass::new(sampler);
    let (answers, figures) = ask(&question, sampler, systems, episodes, seed)?;
    let pool = sampler.pool();
    let mut queries: BTreeMap<usize, EvaluationQueries> = BTreeMap::new();
    let scores = systems.iter().enumerate().map(|(number, system)| {
        let mut confusion = vec![vec![0u64; pool.classes.len()]; pool.classes.len()];
        for answer in answers.iter().flat_map(|by_system| &by_system[number]) {
            confusion[answer.truth][answer.given] += 1;
            let file = queries.entry(answer.file).or_default();
            file.right.resize(systems.len(), 0);
            file.right[number] += u64::from(answer.is_right());
            file.asked += u64::from(number == 0);
        }
        let of_class = |(class, row): (usize, &Vec<u64>)| {
            let queries: u64 = row.iter().sum();
            ClassScore {
                class: pool.classes[class].clone(),
                accuracy: (queries > 0).then(|| row[class] as f64 / queries as f64),
                queries,
            }
        };
        SystemScore {
            name: system.name.into(),
            accuracy: figures.of(number),
            per_class: confusion.iter().enumerate().map(of_class).collect(),
            confusion,
        }
    });
    Ok(Evaluation {
        task: sampler.task(),
        episodes,
        seed,
        classes: pool.classes.clone(),
        files: pool.files.iter().map(Vec::len).collect(),
        systems: scores.collect(),
        note: figures.note.clone(),
        queries,
        figures,
    })
}

impl Evaluation {
    /// The share of its classes that another evaluation has too, from 0 to 1, as [`super::pooled`] wants it.
    pub fn shared_classes(&self, other: &Self) -> f64 {
        let common = self.classes.iter().filter(|c| other.classes.contains(c));
        common.count() as f64 / self.classes.len().max(other.classes.len()).max(1) as f64
    }

    /// Accuracy of one of the systems less that of another, as [`Self::difference`] at 95 %.
    pub(crate) fn less(&self, of: usize, against: usize) -> Estimate {
        self.figures.less(of, against, LEVEL)
    }

    /// Accuracy of system `of` less that of system `against`, episode by episode and on the same files, with
    /// intervals at `level` (0.95; 1 - 0.05 / m where the best of m comparisons will be told).
    ///
    /// # Errors
    /// [`ScoreError::Level`], [`ScoreError::UnknownSystem`].
    pub fn difference(
        &self,
        of: usize,
        against: usize,
        level: f64,
    ) -> Result<Difference, ScoreError> {
        if !(level > 0.0 && level < 1.0) {
            return Err(ScoreError::Level(level));
        }
        let name = |number: usize| {
            let system = self.systems.get(number);
            let system = system.ok_or(ScoreError::UnknownSystem(number))?;
            Ok::<_, ScoreError>(system.name.clone())
        };
        Ok(Difference {
            of: name(of)?,
            against: name(against)?,
            level,
            difference: self.figures.less(of, against, level),
        })
    }
}
