//! What one training works on, of the units that were read.

use super::TrainError;
use super::pools::Pools;
use super::teacher::{Lessons, Matched};
use super::units::Units;
use crate::data::{Dataset, Part, Split};
use crate::fewshot::Standardiser;
use crate::model::Network;
use crate::settings::TrainConfig;

/// What one training works on: the pools of its training and validation files. It does not touch the test files.
pub(crate) struct Material<'a> {
    pub units: &'a Units,
    pub pools: Pools,
    /// Into how many parts the files of data, mix and validation are cut.
    pub parts: [usize; 3],
    /// What is validated on, for people.
    pub validated_on: &'static str,
    /// Of classes left out because too few of their files could be read, a sentence each.
    pub left_out: Vec<String>,
    pub mfcc: Standardiser,
    /// What a teacher teaches, if there is one.
    pub lessons: Option<Lessons>,
}

impl<'a> Material<'a> {
    /// `sources` are the data sets that the units were read of, with their splits: the one to train on, and possibly
    /// one that is mixed in.
    ///
    /// # Errors
    /// [`TrainError::TooLittle`] if the files that could be read are too few for the episodes.
    pub(crate) fn new(
        units: &'a Units,
        sources: &[(&Dataset, &Split)],
        config: &TrainConfig,
    ) -> Result<Self, TrainError> {
        let pool = |set: usize, part| {
            let (dataset, split) = sources[set];
            units.pool(set, dataset, split.apply(dataset).indices(part))
        };
        let datasets: Vec<&Dataset> = sources.iter().map(|(dataset, _)| *dataset).collect();
        let (pools, mut left_out) = Pools::new(&datasets, config, pool);
        // Not before it is known that the rest suffices: else other parts are tried.
        left_out.extend(units.short_note(config));
        pools
            .check(config)
            .map_err(|lacking| TrainError::TooLittle {
                reason: format!(
                    "{}, and what remains is too little: {lacking}",
                    units.losses()
                ),
                heard: units.heard.clone(),
            })?;
        let validated_on = match (datasets[pools.validates].tracks, pools.validates) {
            (true, _) => "parts of the validation tracks",
            (false, 0) => "the validation files",
            (false, _) => "the validation files of the collection mixed in",
        };
        let drawn = pools.train_files();
        let rows: Vec<&[f32]> = drawn.map(|unit| units.mfcc[unit].as_slice()).collect();
        let mfcc = Standardiser::fit(&rows).ok_or_else(|| {
            TrainError::config(
                "the training files have no MFCC to standardise: are they all silent?",
            )
        })?;
        Ok(Self {
            units,
            parts: [0, 1, pools.validates]
                .map(|set| units.of_sets.get(set).map_or(1, |(_, parts)| *parts)),
            pools,
            validated_on,
            left_out,
            mfcc,
            lessons: None,
        })
    }

    /// Adds a teacher's rows: those of the files that train, and those of all validation files. `sources` are those that the
    /// material was made of.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] if too few rows are left of the files that could be read.
    pub(crate) fn teach(
        mut self,
        matched: &Matched,
        sources: &[(&Dataset, &Split)],
        config: &TrainConfig,
    ) -> Result<Self, TrainError> {
        let mut train = Vec::new();
        for (set, pool) in self.pools.training().enumerate() {
            let (first, parts) = self.units.of_sets[set];
            let files = pool.files.iter().flatten();
            train.extend(files.map(|unit| (set, (unit - first) / parts)));
        }
        train.sort_unstable();
        train.dedup();
        let sets = sources.iter().enumerate();
        let validation: Vec<_> = sets
            .flat_map(|(set, (dataset, split))| {
                let files = split.apply(dataset).indices(Part::Validation);
                files.into_iter().map(move |file| (set, file))
            })
            .collect();
        let lessons = Lessons::new(
            matched,
            self.units,
            &train,
            &validation,
            config,
            &mut self.left_out,
        )?;
        self.lessons = Some(lessons);
        Ok(self)
    }

    /// The network with the means and deviations of mel bands over the training files, if its first layer lacks them. A band
    /// that never varies keeps its scale.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub(crate) fn standardised(&self, network: Network) -> Result<Network, TrainError> {
        if !network.lacks_moments() {
            return Ok(network);
        }
        let mut frames = 0;
        let mut sums = vec![[0.0; 2]; network.input[0]];
        for unit in self.pools.train_files() {
            let values = self.units.store.get(unit)?;
            let of_unit = values.len() / sums.len();
            frames += of_unit;
            for (sums, band) in sums.iter_mut().zip(values.chunks(of_unit.max(1))) {
                for value in band.iter().copied().map(f64::from) {
                    sums[0] += value;
                    sums[1] += value * value;
                }
            }
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the moments are summed in f64"
        )]
        let moments = sums.iter().map(|[sum, square]| {
            let mean = sum / frames as f64;
            let deviation = (square / frames as f64 - mean * mean).max(0.0).sqrt();
            let deviation = if deviation > 1e-6 { deviation } else { 1.0 };
            (mean as f32, deviation as f32)
        });
        let (mean, deviation) = moments.unzip();
        Ok(network.with_moments(mean, deviation)?)
    }

    /// Where what training clips are cut from lies in the store, with its frames, for one of [`Pools::train_files`]: the unit
    /// itself and its altered copies.
    pub(crate) fn versions(&self, unit: usize) -> impl Iterator<Item = (usize, usize)> {
        let versions = self.units.versions(unit);
        versions.map(|version| (version, self.units.store.frames(version).unwrap_or(1)))
    }
}
