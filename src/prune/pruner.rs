//! A model made smaller, and fine-tuned.

use std::path::{Path, PathBuf};

use super::channels::{KeptChannels, RankedChannels, without_channels};
use super::edges::RankedEdges;
use super::error::PruneError;
use super::grid::coarser;
use crate::data::Part;
use crate::explain::{LayerInputs, inputs};
use crate::gpu::Gpu;
use crate::model::{LayerSpec, Network, Packing, Storage};
use crate::model_file::{Model, ModelInfo};
use crate::settings::Sparsity;
use crate::train::{Event, FineTuner};

/// Clips that tell what reaches the edges.
const CLIPS: usize = 512;

/// Clips on which each channel is taken away; there are hundreds of channels.
const CHANNEL_CLIPS: usize = 48;

/// What is removed of a model. What is none stays.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Level {
    /// Share of the edges that is removed, of those with splines.
    pub edges: Option<f64>,
    /// Share of the floating-point operations that is left when channels are removed.
    pub flops: Option<f64>,
    /// Cells of the grid of all layers with splines.
    pub grid: Option<usize>,
}

impl Level {
    /// What is removed, in words.
    pub fn name(&self) -> String {
        let mut parts = Vec::new();
        if let Some(edges) = self.edges {
            parts.push(format!("{:.0} % of the edges", 100.0 * edges));
        }
        if let Some(flops) = self.flops {
            parts.push(format!(
                "channels, {:.0} % of the FLOPs left",
                100.0 * flops
            ));
        }
        if let Some(grid) = self.grid {
            parts.push(format!("grids of {grid}"));
        }
        parts.join("; ")
    }

    /// The same for the name of a file.
    pub fn file_name(&self) -> String {
        let percent = |share: f64| {
            format!("{:.1}", 100.0 * share)
                .replace(".0", "")
                .replace('.', "_")
        };
        let mut parts = Vec::new();
        parts.extend(self.edges.map(|share| format!("edges-{}", percent(share))));
        parts.extend(self.flops.map(|share| format!("flops-{}", percent(share))));
        parts.extend(self.grid.map(|grid| format!("grid-{grid}")));
        parts.join("-")
    }
}

/// How a model is made smaller, whatever the level.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Manner {
    /// Plain weights are edges too.
    pub plain: bool,
    /// Neighbouring outputs of a tap whose edges go together.
    pub together: usize,
    /// Strength of a group lasso in a fine-tuning before edges are removed.
    pub lasso: Option<f64>,
}

/// What makes a model smaller: the data that it is fine-tuned on, what reaches its edges, how much its channels matter.
#[derive(Debug)]
pub struct Pruner<'a> {
    /// The data.
    pub tuner: FineTuner<'a>,
    /// The model.
    pub original: &'a Model,
    /// How.
    pub manner: Manner,
    clips: Vec<Vec<f32>>,
    channels: Option<RankedChannels>,
    /// The model after the lasso.
    sparse: Option<Model>,
}

impl<'a> Pruner<'a> {
    /// A pruner of a model, of which a tuner was made.
    ///
    /// # Errors
    /// [`PruneError`]: the temporary file cannot be read.
    pub fn new(
        original: &'a Model,
        tuner: FineTuner<'a>,
        manner: Manner,
    ) -> Result<Self, PruneError> {
        let clips = tuner.clips(Part::Train, CLIPS)?;
        Ok(Self {
            tuner,
            original,
            manner,
            clips,
            channels: None,
            sparse: None,
        })
    }

    /// Checks that a level can be asked of a model, before hours of work.
    ///
    /// # Errors
    /// [`PruneError::Level`], [`PruneError::NoSplines`] or [`PruneError::Already`].
    pub fn check(model: &Model, manner: &Manner, level: &Level) -> Result<(), PruneError> {
        let refuse = |what: &str| Err(PruneError::Level(what.to_owned()));
        let share = |share: f64| share > 0.0 && share < 1.0;
        if level.edges.is_none() && level.flops.is_none() && level.grid.is_none() {
            return refuse(
                "nothing is to be removed: ask for a share of edges, of operations left, or a grid",
            );
        }
        if !level.edges.is_none_or(share) || !level.flops.is_none_or(share) {
            return refuse("shares of edges and of operations must be above 0 and below 1");
        }
        let tensors = model.network.edge_tensors();
        let splines = tensors.iter().any(|tensor| tensor.has_splines());
        if !splines && (level.grid.is_some() || level.edges.is_some() && !manner.plain) {
            return Err(PruneError::NoSplines);
        }
        if let Some(grid) = level.grid {
            let grids = model
                .network
                .spec
                .layers
                .iter()
                .filter_map(LayerSpec::basis);
            let largest = grids.map(|basis| basis.grid).max().unwrap_or(0);
            if grid == 0 || grid >= largest {
                return Err(PruneError::Level(format!(
                    "a grid of {grid} is not coarser than the network's, which has {largest}: ask for 1 to {}",
                    largest.saturating_sub(1)
                )));
            }
        }
        if let Some(edges) = level.edges {
            let counted = tensors.iter().filter(|t| manner.plain || t.has_splines());
            let (removed, all) = counted.fold((0, 0), |(removed, all), tensor| {
                (
                    removed + tensor.removed(&model.parameters),
                    all + tensor.edges(),
                )
            });
            let already = removed as f64 / all.max(1) as f64;
            if already >= edges {
                return Err(PruneError::Already(already));
            }
        }
        Ok(())
    }

    /// Makes the model smaller and fine-tunes it; `state` is where a fine-tuning's state goes, see [`FineTuner::tune`].
    ///
    /// # Errors
    /// [`PruneError`].
    pub fn prune(
        &mut self,
        level: &Level,
        state: &Path,
        on: &mut dyn FnMut(Event),
    ) -> Result<Model, PruneError> {
        Self::check(self.original, &self.manner, level)?;
        let mut model = Model {
            packing: Packing::default(),
            ..self.original.clone()
        };
        if let (Some(strength), Some(_)) = (self.manner.lasso, level.edges) {
            model = self.made_sparse(strength, state, on)?;
        }
        if let Some(grid) = level.grid {
            let fewer = |inputs: &LayerInputs| inputs.basis.grid > grid;
            let found = self.inputs(&model)?;
            for inputs in found.iter().filter(|inputs| fewer(inputs)) {
                let found = coarser(&model.network, &model.parameters, inputs, grid)?;
                on(Event::Note(format!(
                    "layer {}: grids of {grid} miss {:.2} % of the functions' variance",
                    inputs.layer,
                    100.0 * found.error
                )));
                model = rebuilt(&model, found.network, found.parameters);
            }
        }
        if let Some(share) = level.flops {
            let kept = self.kept_channels(share, on)?;
            let (network, parameters) = without_channels(&model.network, &model.parameters, &kept)?;
            let left = network.flops() as f64 / model.network.flops() as f64;
            if left > share {
                on(Event::Note(format!(
                    "{:.0} % of the operations are left: every layer that may lose channels keeps four of them",
                    100.0 * left
                )));
            }
            model = rebuilt(&model, network, parameters);
        }
        if let Some(share) = level.edges {
            let inputs = self.inputs(&model)?;
            let Manner {
                plain, together, ..
            } = self.manner;
            let ranked =
                RankedEdges::new(&model.network, &model.parameters, &inputs, plain, together);
            ranked.remove(&model.network, &mut model.parameters, &inputs, share);
        }
        let tuned = self.tuner.tune(&model, None, state, on)?;
        match in_halves(self.original) {
            false => Ok(tuned),
            true => tuned
                .in_half_precision()
                .map_err(|reason| PruneError::Level(format!("the smaller model {reason}"))),
        }
    }

    /// The model after a fine-tuning with a group lasso.
    fn made_sparse(
        &mut self,
        strength: f64,
        state: &Path,
        on: &mut dyn FnMut(Event),
    ) -> Result<Model, PruneError> {
        if let Some(known) = &self.sparse {
            return Ok(known.clone());
        }
        self.tuner.config.sparsity = Some(Sparsity {
            strength,
            plain: self.manner.plain,
            ..Sparsity::default()
        });
        let found = self
            .tuner
            .tune(self.original, None, &lasso_state(state), on);
        self.tuner.config.sparsity = None;
        Ok(self.sparse.insert(found?).clone())
    }

    fn kept_channels(
        &mut self,
        share: f64,
        on: &mut dyn FnMut(Event),
    ) -> Result<KeptChannels, PruneError> {
        let Model {
            network,
            parameters,
            ..
        } = self.original;
        let ranked = match &self.channels {
            Some(known) => known,
            None => {
                let clips = &self.clips[..self.clips.len().min(CHANNEL_CLIPS)];
                let mut tell = |done, files| on(Event::Reading { done, files });
                let gpu: &Gpu = &self.tuner.gpu;
                let found = RankedChannels::new(gpu, network, parameters, clips, &mut tell)?;
                self.channels.insert(found)
            }
        };
        if ranked.is_empty() {
            return Err(PruneError::NoChannels);
        }
        Ok(ranked.keep(network, share)?)
    }

    fn inputs(&self, model: &Model) -> Result<Vec<LayerInputs>, PruneError> {
        let Model {
            network,
            parameters,
            ..
        } = model;
        Ok(inputs(&self.tuner.gpu, network, parameters, &self.clips)?)
    }
}

/// Where the state of the fine-tuning with a lasso goes, beside that of the other.
pub fn lasso_state(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".lasso");
    PathBuf::from(name)
}

/// Whether what is made of a model is kept in half precision: where the model is, or is packed in fewer bits still.
pub fn in_halves(model: &Model) -> bool {
    !model.packing.is_empty() || Storage::of(&model.parameters) == Storage::Halves
}

/// The model with another network.
fn rebuilt(model: &Model, network: Network, parameters: Vec<f32>) -> Model {
    Model {
        info: ModelInfo {
            spec: network.spec.clone(),
            ..model.info.clone()
        },
        network,
        parameters,
        packing: Packing::default(),
    }
}
