//! Training one cell, or reading what it left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::cell::CellResult;
use super::workbench::{Event, Workbench};
use super::{AblateError, Cell, TEST_SEED, UNTRAINED};
use crate::adapt::{AdaptedAccuracy, TaskAdapter};
use crate::data::{Part, Task};
use crate::embed::Embedder;
use crate::fewshot::EpisodeSampler;
use crate::files;
use crate::gpu::{Gpu, GpuError};
use crate::model::Network;
use crate::settings::{Method, TrainConfig};
use crate::train::{Material, TrainError, TrainOptions, checkpoint_path, train_on};

/// Test episodes that a network's body is adapted to: each takes as long as a training step.
const ADAPTED_EPISODES: usize = 50;

/// How far a comparison is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Cells done.
    pub number: usize,
    /// Cells in all, as far as they are known.
    pub cells: usize,
}

impl Workbench<'_> {
    /// The result of a cell: read if it is there, else trained.
    pub(super) fn cell(
        &mut self,
        cell: &Cell,
        place: &Place,
        on: &mut dyn FnMut(Event),
    ) -> Result<CellResult, AblateError> {
        let Place { number, cells } = *place;
        let config = self.grid.config_of(cell);
        let path = self.path(cell, "json");
        if path.exists() {
            return self.stored(&path, &config);
        }
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(AblateError::Interrupted {
                done: number,
                cells,
            });
        }
        on(Event::Cell { number, cell });
        let mut trained = self.train(cell, &config, on);
        if let Err(TrainError::Gpu(GpuError::DeviceLost { detail })) = &trained {
            on(Event::Note(format!(
                "the GPU was lost ({detail}); going on with cell {} on a new device",
                cell.name()
            )));
            let choices = self.gpu.tuning().choices().clone();
            self.gpu = Gpu::open(&self.options.device)?.tuned(choices);
            trained = self.train(cell, &config, on);
        }
        let result = match trained {
            Ok(result) => result,
            Err(TrainError::Interrupted { .. } | TrainError::Unstarted) => {
                return Err(AblateError::Interrupted {
                    done: number,
                    cells,
                });
            }
            Err(TrainError::Checkpoint { path, .. }) => {
                return Err(AblateError::Stored {
                    path,
                    reason: "is the state of a cell that was stopped under other settings, or damaged: give the same options, delete it, or choose another folder with -o".into(),
                });
            }
            Err(error) => {
                return Err(AblateError::Cell {
                    cell: cell.name(),
                    error,
                });
            }
        };
        let text = serde_json::to_string(&result).map_err(|error| AblateError::Stored {
            path: path.clone(),
            reason: format!("the result cannot be written: {error}"),
        })?;
        files::write(&path, text.as_bytes())?;
        on(Event::Done(&result));
        Ok(result)
    }

    fn stored(&self, path: &Path, config: &TrainConfig) -> Result<CellResult, AblateError> {
        let at = |reason: String| AblateError::Stored {
            path: path.to_path_buf(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|e| at(format!("cannot be read: {e}")))?;
        let result: CellResult = serde_json::from_str(&text).map_err(|_| {
            at("is damaged or of another version: delete it, and its cell will run again".into())
        })?;
        let mut made = result.config();
        if made.learner.method == Method::Prototype {
            // Prototypes have no inner loop, so its settings do not matter.
            made.learner = config.learner;
        }
        if made != *config {
            return Err(at(
                "was made with other settings: give the same options, or another folder with -o"
                    .into(),
            ));
        }
        let split = self.split_hash(result.cell.seed);
        if result.data != self.data || result.split.as_ref().is_some_and(|made| *made != split) {
            return Err(at(
                "was made with other files, groups or another split: give the same data, or another folder with -o".into(),
            ));
        }
        Ok(result)
    }

    fn train(
        &self,
        cell: &Cell,
        config: &TrainConfig,
        on: &mut dyn FnMut(Event),
    ) -> Result<CellResult, TrainError> {
        let split = self.split(cell.seed);
        let network = Network::new(
            config.network.clone(),
            [config.preset.n_mels, config.segment().frames()],
        )?;
        let initial = network.initial_parameters(cell.seed);
        let material = Material::new(&self.units, &[(self.dataset, split)], config)?;
        let network = material.standardised(network)?;
        let Task { way, shot, query } = config.train_task(material.pools.train.classes.len());
        let mut result = CellResult {
            cell: cell.clone(),
            config: config.to_toml(),
            data: self.data.clone(),
            split: Some(self.split_hash(cell.seed)),
            parameters: network.parameter_count(),
            flops: network.flops(),
            clips: match config.learner.method {
                Method::Prototype | Method::Anil => way * (shot + query),
                Method::Maml => way * (config.learner.steps * shot + query),
                Method::Reptile => way * config.learner.steps * (shot + query),
            },
            episodes: 0,
            seconds: 0.0,
            validations: Vec::new(),
            centre: Vec::new(),
            adapted: None,
            trained: BTreeMap::new(),
            untrained: BTreeMap::new(),
        };
        let mut parameters = initial.clone();
        if cell.network != UNTRAINED {
            let model = self.path(cell, "safetensors");
            let options = TrainOptions {
                device: self.options.device.clone(),
                model: &model,
                resume: checkpoint_path(&model).exists(),
                memory: self.options.memory,
                strict: self.options.strict,
                half: false,
                // Read already.
                features: None,
                stop: self.options.stop,
                teacher: None,
                from: None,
            };
            let trained = train_on(
                self.gpu.clone(),
                network.clone(),
                config,
                &material,
                split.clone(),
                &options,
                &mut |event| on(Event::Training(event)),
            )?;
            result.episodes = trained.log.len();
            result.seconds = trained.validations.last().map_or(0.0, |v| v.seconds);
            result.validations = trained.validations;
            result.centre = trained.model.info.centre;
            parameters = trained.model.parameters;
        }
        if config.learner.adapts_body() {
            result.adapted = Some(self.adapt(cell.seed, config, &network, &parameters)?);
        }
        let embedder = Embedder::new(&self.gpu, &network, &parameters)?;
        result.trained = self.embed_test(cell.seed, config, &embedder)?;
        embedder.set_parameters(&initial);
        result.untrained = self.embed_test(cell.seed, config, &embedder)?;
        Ok(result)
    }

    /// Accuracy on a few test episodes with body and head adapted to each.
    fn adapt(
        &self,
        seed: u64,
        config: &TrainConfig,
        network: &Network,
        parameters: &[f32],
    ) -> Result<AdaptedAccuracy, TrainError> {
        let learner = &config.learner;
        let adapter = TaskAdapter::new(&self.gpu, network, learner, config.task(), learner.steps)?;
        let pool = self.dataset.pool(&self.part(seed, Part::Test));
        let sampler = EpisodeSampler::new(pool, config.task())?;
        adapter.accuracy(parameters, &sampler, ADAPTED_EPISODES, TEST_SEED, |index| {
            let segments = self.units.segments(config, index)?;
            Ok(segments.into_iter().map(|s| s.values).collect())
        })
    }

    fn embed_test(
        &self,
        seed: u64,
        config: &TrainConfig,
        embedder: &Embedder,
    ) -> Result<BTreeMap<PathBuf, Vec<f32>>, TrainError> {
        let embed = |index: usize| {
            let mut embedding = self.units.embed(config, embedder, index)?;
            if !embedding.iter().all(|value| value.is_finite()) {
                // The same now as when it is read again.
                embedding.fill(f32::NAN);
            }
            Ok((self.dataset.items[index].path.clone(), embedding))
        };
        self.part(seed, Part::Test).into_iter().map(embed).collect()
    }
}
