//! What is compared: networks x learners x seeds, as a list of cells.

use serde::{Deserialize, Serialize};

use super::error::{AblateError, GridList};
use crate::model::Spec;
use crate::settings::{Learner, Method, TrainConfig};

/// Name of the network that is never trained: an `ickan` with its initial parameters.
pub const UNTRAINED: &str = "random";

/// A comparison. Everything but what a [`Cell`] names is the same for all its cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// What all cells share.
    pub config: TrainConfig,
    /// The networks, by their specs' names; one called [`UNTRAINED`] is not trained.
    pub networks: Vec<Spec>,
    /// The networks that also run under the learners after the first, and on fewer training classes.
    pub focus: Vec<String>,
    /// The learners; all networks run under the first.
    pub learners: Vec<Method>,
    /// The seeds. Each draws a class split, initial parameters and episodes of its own.
    pub seeds: Vec<u64>,
    /// How many of the seeds the learners after the first get.
    pub learner_seeds: usize,
    /// The learning rates that each network and learner is searched over, on the first seed's validation classes.
    /// Where the best one is at an end of them, the search goes on beyond it, by twice or half.
    pub rates: Vec<f64>,
    /// Shares of the training classes, less than 1, that the focus networks are trained on as well.
    pub shares: Vec<f64>,
}

/// One training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The network's name.
    pub network: String,
    /// The learner.
    pub method: Method,
    /// Seed of split, initial parameters and episodes.
    pub seed: u64,
    /// Highest learning rate; 0 for [`UNTRAINED`].
    pub rate: f64,
    /// Share of the training classes.
    pub share: f64,
}

impl Cell {
    /// A name for its files.
    pub fn name(&self) -> String {
        let Self {
            network,
            method,
            seed,
            rate,
            share,
        } = self;
        format!("{network}.{method}.seed{seed}.rate{rate:e}.share{share}")
    }
}

impl Grid {
    /// Checks that the grid makes sense.
    ///
    /// # Errors
    /// [`AblateError::Grid`] naming what does not.
    pub fn validate(&self) -> Result<(), AblateError> {
        let refuse = |list, reason: String| {
            Err(AblateError::Grid {
                list: Some(list),
                reason,
            })
        };
        let names: Vec<&str> = self
            .networks
            .iter()
            .map(|spec| spec.name.as_str())
            .collect();
        if !names.iter().any(|&name| name != UNTRAINED) {
            return refuse(
                GridList::Networks,
                "there is no network to train: name at least one".into(),
            );
        }
        if let Some(name) = twice(&names) {
            return refuse(
                GridList::Networks,
                format!("network `{name}` is given twice: leave one out"),
            );
        }
        // The names are parts of file names.
        if let Some(name) = names.iter().find(|name| {
            name.is_empty() || name.contains(['/', '\\', ':']) || name.starts_with('.')
        }) {
            return refuse(
                GridList::Networks,
                format!(
                    "a network cannot be called `{name}` here, because its files are named after it: give its spec another name"
                ),
            );
        }
        if let Some(name) = self
            .focus
            .iter()
            .find(|name| !names.contains(&name.as_str()))
        {
            return refuse(
                GridList::Focus,
                format!("the focus is on `{name}`, which is not among the networks"),
            );
        }
        if self.config.teacher.is_some() {
            return Err(AblateError::grid(
                "networks are compared by episodes, and the configuration has a [teacher]: take it out, or train each by itself",
            ));
        }
        if self.learners.is_empty() {
            return refuse(
                GridList::Learners,
                "there is no learner: name at least one".into(),
            );
        }
        if let Some(method) = twice(&self.learners) {
            return refuse(
                GridList::Learners,
                format!("learner `{method}` is given twice: leave one out"),
            );
        }
        if self.seeds.is_empty() {
            return refuse(
                GridList::Seeds,
                "there is no seed: give at least one".into(),
            );
        }
        if let Some(seed) = twice(&self.seeds) {
            return refuse(
                GridList::Seeds,
                format!("seed {seed} is given twice: each seed counts once"),
            );
        }
        if self.rates.is_empty()
            || self
                .rates
                .iter()
                .any(|rate| !(rate.is_finite() && *rate > 0.0))
        {
            return refuse(
                GridList::Rates,
                "learning rates must be one or more numbers above 0".into(),
            );
        }
        for (list, numbers) in [
            (GridList::Rates, &self.rates),
            (GridList::Shares, &self.shares),
        ] {
            if let Some(number) = twice(numbers) {
                return refuse(list, format!("{number} is given twice: leave one out"));
            }
        }
        if self
            .shares
            .iter()
            .any(|share| !(*share > 0.0 && *share < 1.0))
        {
            return refuse(
                GridList::Shares,
                "shares must be numbers above 0 and below 1; the whole is always part of the grid"
                    .into(),
            );
        }
        let percent = |share: &f64| (100.0 * share).round();
        if twice(&self.shares.iter().map(percent).collect::<Vec<_>>()).is_some() {
            return refuse(GridList::Shares, "shares must differ by 1 % or more".into());
        }
        if self.learners.len() > 1 {
            if self.learner_seeds == 0 {
                return refuse(
                    GridList::LearnerSeeds,
                    "learners after the first need at least 1 seed".into(),
                );
            }
            if !self.focus.iter().any(|name| name != UNTRAINED) {
                return refuse(
                    GridList::Focus,
                    "the learners after the first run for the networks in focus only: name at least one that is trained"
                        .into(),
                );
            }
        }
        let inner = |&method: &Method| {
            let learner = Learner {
                method,
                ..self.config.learner
            };
            learner.validate()
        };
        self.config
            .validate()
            .and_then(|()| self.learners.iter().try_for_each(inner))
            .map_err(|error| AblateError::grid(error.to_string()))
    }

    /// Network and learner of all trainings at full size.
    pub fn pairs(&self) -> Vec<(&Spec, Method)> {
        let mut pairs = Vec::new();
        for (number, &method) in self.learners.iter().enumerate() {
            let of_learner = self.networks.iter().filter(|spec| {
                number == 0 || (self.focus.contains(&spec.name) && spec.name != UNTRAINED)
            });
            pairs.extend(of_learner.map(|spec| (spec, method)));
        }
        pairs
    }

    /// The seeds of a learner.
    pub fn seeds_of(&self, method: Method) -> &[u64] {
        match self.learners.first() {
            Some(&first) if first == method => &self.seeds,
            _ => &self.seeds[..self.learner_seeds.min(self.seeds.len())],
        }
    }

    /// The cells that search a learning rate for each network and learner.
    pub fn search(&self) -> Vec<Cell> {
        let trained = self
            .pairs()
            .into_iter()
            .filter(|(spec, _)| spec.name != UNTRAINED);
        trained
            .flat_map(|(spec, method)| {
                self.rates.iter().map(move |&rate| Cell {
                    network: spec.name.clone(),
                    method,
                    seed: self.seeds[0],
                    rate,
                    share: 1.0,
                })
            })
            .collect()
    }

    /// The cells that are compared, given the learning rate found for each network and learner.
    pub fn compared(&self, rate_of: impl Fn(&str, Method) -> f64) -> Vec<Cell> {
        let mut cells = Vec::new();
        let mut add = |spec: &Spec, method, seed, share| {
            cells.push(Cell {
                network: spec.name.clone(),
                method,
                seed,
                rate: match spec.name.as_str() {
                    UNTRAINED => 0.0,
                    name => rate_of(name, method),
                },
                share,
            });
        };
        for (spec, method) in self.pairs() {
            for &seed in self.seeds_of(method) {
                add(spec, method, seed, 1.0);
            }
        }
        for &share in &self.shares {
            for spec in &self.networks {
                if self.focus.contains(&spec.name) && spec.name != UNTRAINED {
                    for &seed in &self.seeds {
                        add(spec, self.learners[0], seed, share);
                    }
                }
            }
        }
        cells
    }

    /// The configuration of a cell's training.
    pub fn config_of(&self, cell: &Cell) -> TrainConfig {
        let mut config = self.config.clone();
        if let Some(spec) = self.networks.iter().find(|spec| spec.name == cell.network) {
            config.network = spec.clone();
        }
        config.learner = match cell.method {
            // Prototypes have no inner loop: its settings must not tell cells apart.
            Method::Prototype => Learner::default(),
            method => Learner {
                method,
                ..config.learner
            },
        };
        config.seed = cell.seed;
        config.learning_rate = cell.rate;
        config.train_share = cell.share;
        config
    }
}

/// The first value that comes again.
fn twice<T: PartialEq + Copy>(values: &[T]) -> Option<T> {
    let again = |(k, value): (usize, &T)| values[..k].contains(value);
    values
        .iter()
        .enumerate()
        .find(|&(k, value)| again((k, value)))
        .map(|(_, &value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn grid() -> Grid {
        let spec = |name: &str| Spec {
            name: name.into(),
            ..Spec::default()
        };
        Grid {
            config: TrainConfig::default(),
            networks: ["a", "b", UNTRAINED].map(spec).into(),
            focus: vec!["a".into()],
            learners: vec![Method::Prototype, Method::Anil],
            seeds: vec![4, 7, 9],
            learner_seeds: 2,
            rates: vec![1e-3, 2e-3],
            shares: vec![0.5],
        }
    }

    #[test]
    fn every_cell_comes_once() {
        let grid = grid();
        grid.validate().unwrap();
        let search = grid.search();
        // Two networks under the first learner, one under the second; the first seed only.
        assert_eq!(search.len(), 3 * 2);
        assert!(search.iter().all(|cell| cell.seed == 4 && cell.rate > 0.0));
        let rate_of = |name: &str, method| {
            if name == "a" && method == Method::Anil {
                2e-3
            } else {
                1e-3
            }
        };
        let cells = grid.compared(rate_of);
        let names: BTreeSet<String> = cells.iter().map(Cell::name).collect();
        assert_eq!(names.len(), cells.len());
        let count = |network: &str, method, share| {
            let matches =
                |c: &&Cell| c.network == network && c.method == method && c.share == share;
            cells.iter().filter(matches).count()
        };
        assert_eq!(count("a", Method::Prototype, 1.0), 3);
        assert_eq!(count("b", Method::Prototype, 1.0), 3);
        assert_eq!(count(UNTRAINED, Method::Prototype, 1.0), 3);
        assert_eq!(count("a", Method::Anil, 1.0), 2);
        assert_eq!(count("a", Method::Prototype, 0.5), 3);
        assert_eq!(cells.len(), 14);
        assert!(names.contains("a.anil.seed4.rate2e-3.share1"), "{names:?}");
        assert!(
            names.contains("random.prototype.seed9.rate0e0.share1"),
            "{names:?}"
        );
    }

    #[test]
    fn prototypes_do_not_depend_on_the_inner_loop() {
        let mut grid = grid();
        let cells = grid.search();
        let before: Vec<TrainConfig> = cells.iter().map(|cell| grid.config_of(cell)).collect();
        grid.config.learner.steps = 3;
        for (cell, before) in cells.iter().zip(before) {
            let same = grid.config_of(cell) == before;
            assert_eq!(same, cell.method == Method::Prototype);
        }
    }
}
