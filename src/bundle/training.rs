//! A small network that a page trains from nothing: the step of its training and its embedding as plans, what their ports
//! hold at first, and what the page has to know to drive them and to draw the network's functions.

use serde::{Deserialize, Serialize};

use super::distance;
use crate::data::Task;
use crate::gpu::{AdapterClass, Dtype, Plan};
use crate::model::{ModelError, Network, Spec};
use crate::ops::{Augment, Distance, OptimizerState};
use crate::settings::{Learner, TrainConfig};
use crate::train::{Shaping, StepShape, TrainingPlan};

/// Clips that the bank has room for.
const BANK: usize = 512;

/// Clips that are embedded at a time.
const EXAMINED: usize = 16;

/// The largest way, shot and query: a bundle has a plan for each way, and each runs on whatever device there is.
const LARGEST: usize = 32;

/// The task of a step's plan.
fn train(way: usize) -> String {
    format!("train-{way}")
}

/// What is trained in the page, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingOptions {
    /// The network.
    pub spec: Spec,
    /// What an episode asks where there are so many genres or more; with fewer it asks for all there are.
    pub task: Task,
    /// Steps of a training.
    pub steps: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Seed of the first parameters and of the episodes.
    pub seed: u64,
}

impl Default for TrainingOptions {
    fn default() -> Self {
        let spec = Spec::from_toml(include_str!("learn.toml"));
        Self {
            spec: spec.unwrap_or_else(|e| unreachable!("the page's network is tested: {e}")),
            task: Task::new(6, 2, 2),
            steps: 200,
            learning_rate: 2e-2,
            seed: 1,
        }
    }
}

/// Words that a port holds before the first run; ports without any begin with zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct Initial {
    /// The port.
    pub port: &'static str,
    /// What the words are.
    pub dtype: Dtype,
    /// The words.
    pub words: Vec<u32>,
}

/// What `bundle.json` says of the training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingEntry {
    /// Name of the network.
    pub network: String,
    /// Its parameters, padding not counted.
    pub parameters: usize,
    /// How its embeddings are compared.
    #[serde(with = "distance")]
    pub distance: Distance,
    /// The plans of a step, by how many genres an episode has.
    pub tasks: Vec<TrainingTask>,
    /// Elements of the clip bank.
    pub bank: usize,
    /// Steps of a training.
    pub steps: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Share of the steps in which it rises; then it falls along a cosine to a hundredth.
    pub warmup: f64,
    /// Seed of the episodes.
    pub seed: u64,
    /// The layers with splines.
    pub curves: Vec<Curves>,
}

/// A plan of a training step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingTask {
    /// Its task among the bundle's plans.
    pub plan: String,
    /// Genres of an episode.
    pub way: usize,
    /// Clips of each that it learns from.
    pub shot: usize,
    /// Clips of each that are asked about.
    pub query: usize,
}

/// Where the functions of a layer lie in the flat parameters: weight `slot` of the edge from `tap` (input, row and column of
/// the kernel, the last innermost) to `output` is element `first + (tap * slots + slot) * padded + output`. The last slot is
/// silu, those before it are the B-splines of `order` on `grid` cells from `low` to `high`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curves {
    /// Place and type of the layer.
    pub layer: String,
    /// Input channels.
    pub inputs: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Output channels.
    pub outputs: usize,
    /// Its first element in the flat parameters.
    pub first: usize,
    /// Weights of an edge.
    pub slots: usize,
    /// Output channels as they are stored.
    pub padded: usize,
    /// Lower end of the grid.
    pub low: f32,
    /// Upper end of the grid.
    pub high: f32,
    /// Cells of the grid.
    pub grid: usize,
    /// Order of the splines.
    pub order: usize,
}

/// A network that is trained in the page.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    network: Network,
    options: TrainingOptions,
}

impl Training {
    /// Places the network on clips of [bands, frames].
    ///
    /// # Errors
    /// [`ModelError`] if it does not fit, or if it asks for what only a collection of files can tell.
    pub fn new(options: TrainingOptions, input: [usize; 2]) -> Result<Self, ModelError> {
        let refuse = |reason: String| Err(ModelError::Spec { reason });
        let network = Network::new(options.spec.clone(), input)?;
        if network.lacks_moments() {
            return refuse(
                "its `standardise` has no means and deviations, and in the page there are no training files to measure them on"
                    .into(),
            );
        }
        let Task { way, shot, query } = options.task;
        if way < 2
            || [way, shot, query]
                .iter()
                .any(|n| !(1..=LARGEST).contains(n))
        {
            return refuse(format!(
                "episodes of {way} genres with {shot} and {query} clips are not possible in the page: 2 to {LARGEST} genres and 1 to {LARGEST} clips are"
            ));
        }
        Ok(Self { network, options })
    }

    /// Its plans with what their ports hold at first, but for zeros: `train-2`, `train-3` and so on, a step with so many
    /// genres, and `examine`, which embeds.
    pub fn plans(&self, class: AdapterClass) -> Vec<(String, Plan, Vec<Initial>)> {
        let steps = self.tasks().map(|task| {
            let plan = self.step(class, task);
            (train(task.way), plan, self.initial())
        });
        let examine = ("examine".to_string(), self.examine(class), Vec::new());
        steps.chain([examine]).collect()
    }

    fn tasks(&self) -> impl Iterator<Item = Task> {
        let task = self.options.task;
        (2..=task.way).map(move |way| Task { way, ..task })
    }

    /// The plan of a training step. Its ports are
    ///
    /// * `bank`, clips of compressed mel frames, [bands, frames] each; [`BANK`] of them;
    /// * `slots`, five words for each clip of an episode ([`crate::ops::Slot`]): class by class all supports, then class by
    ///   class all queries;
    /// * `step`, seed, step, and the bits of the learning rate and of 0 ([`crate::ops::StepInfo`]);
    /// * `parameters`, `gradients`, `first`, `second`, `decay` and `optimiser`, which are kept from run to run;
    /// * `history`, [rows, 4]: loss, accuracy, gradient norm and skipped steps of step s in row s modulo rows.
    pub fn step(&self, class: AdapterClass, task: Task) -> Plan {
        let [bands, frames] = self.network.input;
        let TrainConfig {
            augment, optimizer, ..
        } = TrainConfig::default();
        let most = |width: u32, size: usize| width.min(crate::gpu::word(size / 4));
        let augment = Augment {
            shift: most(augment.shift, bands),
            band_mask: most(augment.band_mask, bands),
            frame_mask: most(augment.frame_mask, frames),
            ..augment
        };
        let TrainingPlan {
            mut plan,
            banks,
            slots,
            step,
            optimizer,
            history,
            ..
        } = TrainingPlan::new(
            class,
            &StepShape {
                network: &self.network,
                task,
                augment,
                optimizer,
                learner: Learner::default(),
                banks: &[self.bank()],
                teacher: None,
                shaping: Shaping::default(),
            },
        );
        for (name, tensor) in [
            ("bank", banks[0]),
            ("slots", slots),
            ("step", step),
            ("parameters", optimizer.parameter),
            ("gradients", optimizer.grad),
            ("first", optimizer.first),
            ("second", optimizer.second),
            ("decay", optimizer.decay),
            ("optimiser", optimizer.state),
        ]
        .into_iter()
        .chain(history.map(|history| ("history", history)))
        {
            plan.name_port(name, tensor);
        }
        plan
    }

    /// The plan that embeds clips, [`EXAMINED`] at a time, by ports `parameters`, `clips` and `embedding`.
    pub fn examine(&self, class: AdapterClass) -> Plan {
        let (mut plan, [parameters, clips, _]) =
            crate::embedder::inference(class, &self.network, EXAMINED);
        plan.name_port("parameters", parameters);
        plan.name_port("clips", clips);
        plan
    }

    /// What the ports of a step hold before the first one, but for zeros.
    pub fn initial(&self) -> Vec<Initial> {
        let network = &self.network;
        let floats = |values: Vec<f32>| bytemuck::cast_vec(values);
        let initial = |port, dtype, words| Initial { port, dtype, words };
        let parameters = network.initial_parameters(self.options.seed);
        let decay = network.decay_table(TrainConfig::default().weight_decay);
        let state = bytemuck::cast::<_, [u32; 8]>(OptimizerState::START);
        vec![
            initial("parameters", Dtype::F32, floats(parameters)),
            initial("decay", Dtype::F32, floats(decay)),
            initial("optimiser", Dtype::U32, state.to_vec()),
        ]
    }

    /// What `bundle.json` says of it.
    pub fn entry(&self) -> TrainingEntry {
        let TrainingOptions {
            spec,
            task: _,
            steps,
            learning_rate,
            seed,
        } = &self.options;
        let curves = self.network.edge_tensors().into_iter().filter_map(|edges| {
            let layer = &self.network.spec.layers[edges.layer];
            let basis = layer.basis()?;
            Some(Curves {
                layer: format!("{} {}", edges.layer, layer.kind()),
                inputs: edges.inputs,
                kernel: edges.kernel,
                outputs: edges.outputs,
                first: edges.first,
                slots: edges.slots,
                padded: edges.padded,
                low: basis.centre - basis.range,
                high: basis.centre + basis.range,
                grid: basis.grid,
                order: basis.order,
            })
        });
        TrainingEntry {
            network: spec.name.clone(),
            parameters: self.network.parameter_count(),
            distance: spec.distance,
            tasks: self
                .tasks()
                .map(|task| TrainingTask {
                    plan: train(task.way),
                    way: task.way,
                    shot: task.shot,
                    query: task.query,
                })
                .collect(),
            bank: self.bank(),
            steps: *steps,
            learning_rate: *learning_rate,
            warmup: TrainConfig::default().warmup,
            seed: *seed,
            curves: curves.collect(),
        }
    }

    /// Elements of the clip bank.
    fn bank(&self) -> usize {
        let [bands, frames] = self.network.input;
        bands.saturating_mul(frames).saturating_mul(BANK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIP: [usize; 2] = [64, 128];

    fn of(spec: &str) -> Training {
        let options = TrainingOptions {
            spec: Spec::named(spec, CLIP).unwrap(),
            ..TrainingOptions::default()
        };
        Training::new(options, CLIP).unwrap()
    }

    #[test]
    fn plans_of_every_class_are_valid_and_have_ports_for_all_that_a_page_writes_and_reads() {
        let all = [
            of("ickan"),
            of("cnn"),
            of("kan"),
            Training::new(TrainingOptions::default(), CLIP).unwrap(),
        ];
        for training in all {
            let entry = training.entry();
            for class in AdapterClass::ALL {
                let step = training.step(class, Task::new(3, 2, 2));
                step.validate().unwrap();
                assert_eq!(
                    step.ports.keys().collect::<Vec<_>>(),
                    [
                        "bank",
                        "decay",
                        "first",
                        "gradients",
                        "history",
                        "optimiser",
                        "parameters",
                        "second",
                        "slots",
                        "step",
                    ]
                );
                let port = |name: &str| step.port(name).unwrap();
                assert_eq!(port("bank").len(), entry.bank);
                assert_eq!(port("slots").shape, [1, 1, 3 * (2 + 2), 5]);
                for Initial {
                    port: name,
                    words,
                    dtype,
                } in training.initial()
                {
                    assert_eq!(port(name).len(), words.len(), "{name}");
                    assert_eq!(step.info(port(name)).dtype, dtype, "{name}");
                }
                let plans = training.plans(class);
                let mut names: Vec<&str> = plans.iter().map(|(name, ..)| name.as_str()).collect();
                assert_eq!(names.pop(), Some("examine"));
                let told = entry.tasks.iter().map(|task| task.plan.as_str());
                assert_eq!(names, told.collect::<Vec<_>>());
                assert_eq!((names[0], names.len()), ("train-2", 5));
                let examine = training.examine(class);
                examine.validate().unwrap();
                let port = |name: &str| examine.port(name).unwrap();
                assert_eq!(port("parameters").len(), training.network.flat_len());
                assert_eq!(port("clips").shape, [EXAMINED, 1, 64, 128]);
                assert_eq!(
                    port("embedding").shape[..2],
                    [EXAMINED, training.network.width()]
                );
            }
        }
    }

    /// A page that knows the entry alone finds the weights that the network itself finds.
    #[test]
    fn the_entry_tells_where_every_edge_lies() {
        let training = of("ickan");
        let [flat] = &training.initial()[..1] else {
            unreachable!()
        };
        let flat: Vec<f32> = flat
            .words
            .iter()
            .map(|word| f32::from_bits(*word))
            .collect();
        let entry = training.entry();
        let mut edges = 0;
        for edge in training.network.learned_edges(&flat) {
            let name = format!("{} kan_conv", edge.layer);
            let curves = entry.curves.iter().find(|c| c.layer == name).unwrap();
            let [rows, columns] = curves.kernel;
            let tap = (edge.input * rows + edge.tap[0]) * columns + edge.tap[1];
            let at = |slot| curves.first + (tap * curves.slots + slot) * curves.padded;
            let found = (0..curves.slots).map(|slot| flat[at(slot) + edge.output]);
            assert_eq!(found.collect::<Vec<_>>(), edge.weights);
            assert_eq!(
                (curves.grid, curves.order),
                (edge.basis.grid, edge.basis.order)
            );
            assert_eq!((curves.low, curves.high), (-2.5, 2.5));
            edges += 1;
        }
        let of_layer = |c: &Curves| c.inputs * c.kernel[0] * c.kernel[1] * c.outputs;
        assert_eq!(edges, entry.curves.iter().map(of_layer).sum::<usize>());
        assert!(of("cnn").entry().curves.is_empty());
    }

    #[test]
    fn what_cannot_be_trained_in_a_page_is_refused() {
        let refused = |spec: Spec, task| {
            let options = TrainingOptions {
                spec,
                task,
                ..TrainingOptions::default()
            };
            Training::new(options, CLIP).unwrap_err().to_string()
        };
        let spec = TrainingOptions::default().spec;
        for task in [Task::new(1, 1, 1), Task::new(2, 0, 1), Task::new(2, 2, 33)] {
            let said = refused(spec.clone(), task);
            assert!(said.contains("not possible in the page"), "{said}");
        }
        let unmeasured = "name = \"t\"\n[[layers]]\ntype = \"standardise\"\n[[layers]]\ntype = \"linear\"\nchannels = 2\n";
        let said = refused(Spec::from_toml(unmeasured).unwrap(), Task::new(2, 1, 1));
        assert!(said.contains("no means and deviations"), "{said}");
    }
}
