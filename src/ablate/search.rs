//! Running the cells of a grid, one after the other: first those that search the learning rates, then those that are compared.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::cell::CellResult;
use super::training::Place;
use super::workbench::{Event, Workbench, network};
use super::{AblateError, Cell, UNTRAINED};
use crate::data::Part;
use crate::settings::Method;
use crate::train::{self, TrainingStep};

/// How many times the search for a learning rate goes beyond those given.
const RATES_BEYOND: usize = 2;

impl Workbench<'_> {
    /// Estimates the time, then runs every cell that has not run yet, and returns the results of those that are
    /// compared.
    ///
    /// # Errors
    /// [`AblateError`]. After [`AblateError::Interrupted`], or if the process is killed, the same call goes on.
    pub fn run(&mut self, on: &mut dyn FnMut(Event)) -> Result<Vec<CellResult>, AblateError> {
        let search = self.grid.search();
        // The rates are not known yet; their number of cells is.
        let compared = self.grid.compared(|_, _| self.grid.rates[0]);
        let found_again = self
            .grid
            .pairs()
            .iter()
            .filter(|(spec, _)| spec.name != UNTRAINED)
            .count();
        let cells = search.len() + compared.len() - found_again;
        self.estimate(&search, &compared, cells, on)?;

        let mut place = Place { number: 0, cells };
        let mut best: BTreeMap<(String, Method), f64> = BTreeMap::new();
        let mut searched = Vec::new();
        for of_pair in search.chunks(self.grid.rates.len()) {
            let cells = self.search(of_pair, &mut place, on)?;
            let found = best_of(&cells);
            best.insert((found.network.clone(), found.method), found.rate);
            searched.extend(cells.into_iter().map(|(cell, _)| cell));
        }
        let rate_of = |name: &str, method: Method| best[&(name.to_string(), method)];
        let mut results = Vec::new();
        for cell in self.grid.compared(rate_of) {
            results.push(self.cell(&cell, &place, on)?);
            place.number += usize::from(!searched.contains(&cell));
        }
        Ok(results)
    }

    /// Runs the cells that search a rate for one network and learner, and gives each with its accuracy on the
    /// validation classes. Where the best rate is at an end of those given, the search goes on beyond it.
    fn search(
        &mut self,
        cells: &[Cell],
        place: &mut Place,
        on: &mut dyn FnMut(Event),
    ) -> Result<Vec<(Cell, f64)>, AblateError> {
        let mut tried = Vec::new();
        for cell in cells {
            let validated = self.cell(cell, place, on)?.validated();
            place.number += 1;
            tried.push((cell.clone(), validated));
        }
        // A single rate is one that the user wants.
        let beyond = if cells.len() > 1 { RATES_BEYOND } else { 0 };
        for _ in 0..beyond {
            let best = best_of(&tried).clone();
            let rates = tried.iter().map(|(cell, _)| cell.rate);
            let rate = if rates.clone().all(|rate| rate <= best.rate) {
                2.0 * best.rate
            } else if rates.clone().all(|rate| rate >= best.rate) {
                best.rate / 2.0
            } else {
                break;
            };
            let next = Cell { rate, ..best };
            place.cells += 1;
            let validated = self.cell(&next, place, on)?.validated();
            place.number += 1;
            tried.push((next, validated));
        }
        Ok(tried)
    }

    /// Times a step of each network and learner that has cells left, and tells how long these will take.
    fn estimate(
        &self,
        search: &[Cell],
        compared: &[Cell],
        cells: usize,
        on: &mut dyn FnMut(Event),
    ) -> Result<(), AblateError> {
        let left = self.left(search, compared);
        let mut pairs = self.grid.pairs();
        pairs.retain(|(spec, method)| {
            let of_pair = |cell: &&Cell| cell.network == spec.name && cell.method == *method;
            spec.name != UNTRAINED && left.iter().any(of_pair)
        });
        let mut seconds = 0.0;
        for (done, (spec, method)) in pairs.iter().enumerate() {
            on(Event::Timed {
                done,
                pairs: pairs.len(),
            });
            if self.options.stop.load(Ordering::Relaxed) {
                let done = cells - left.len();
                return Err(AblateError::Interrupted { done, cells });
            }
            let step = self.time_step(&spec.name, *method)?;
            let of_pair = left
                .iter()
                .filter(|cell| cell.network == spec.name && cell.method == *method);
            seconds += of_pair.map(|cell| step * self.steps(cell)).sum::<f64>();
        }
        on(Event::Estimate {
            cells,
            done: cells - left.len(),
            seconds,
        });
        Ok(())
    }

    /// The cells that have no file yet. Which rate the compared ones will have is not known before the search; any
    /// counts.
    fn left<'c>(&self, search: &'c [Cell], compared: &'c [Cell]) -> Vec<&'c Cell> {
        let files = std::fs::read_dir(self.options.folder);
        let names: Vec<String> = files
            .into_iter()
            .flatten()
            .filter_map(|file| file.ok()?.file_name().into_string().ok())
            .collect();
        let at_any_rate = |cell: &Cell| {
            let name = format!("{}.json", cell.name());
            let rate = format!("rate{:e}", cell.rate);
            let Some((before, after)) = name.split_once(&rate) else {
                return false;
            };
            let fits = |file: &String| file.starts_with(before) && file.ends_with(after);
            names.iter().any(fits)
        };
        // A searched cell comes again among the compared.
        let searched = |cell: &Cell| {
            let same = |s: &Cell| {
                (&s.network, s.method, s.seed) == (&cell.network, cell.method, cell.seed)
            };
            cell.share == 1.0 && search.iter().any(same)
        };
        let unsearched = search
            .iter()
            .filter(|cell| !self.path(cell, "json").exists());
        let fresh = compared
            .iter()
            .filter(|cell| !searched(cell) && !at_any_rate(cell));
        unsearched.chain(fresh).collect()
    }

    /// How many training steps a cell takes as long as, validations included: they embed their files' segments, about
    /// a third of a step for as many clips.
    fn steps(&self, cell: &Cell) -> f64 {
        let config = &self.grid.config;
        let classes = self.split(cell.seed).classes(Part::Train).len();
        let task = config.train_task(classes);
        let files = self.part(cell.seed, Part::Validation);
        let frames = files.iter().filter_map(|&k| self.units.store.frames(k));
        let segments = frames.sum::<usize>() as f64 / config.segment().hop() as f64;
        let validation = segments / (task.way * task.files()) as f64 / 3.0;
        let validations = config.episodes.div_ceil(config.validate_every) + 1;
        config.episodes as f64 + validations as f64 * validation
    }

    /// Seconds of a training step of a network under a learner.
    fn time_step(&self, name: &str, method: Method) -> Result<f64, AblateError> {
        let cell = Cell {
            network: name.to_string(),
            method,
            seed: self.grid.seeds[0],
            rate: self.grid.rates[0],
            share: 1.0,
        };
        let config = self.grid.config_of(&cell);
        let network = network(&config, config.network.clone())?;
        let classes = self.split(cell.seed).classes(Part::Train).len();
        let at = |error| AblateError::Device {
            name: name.to_string(),
            error,
        };
        let student = train::Student {
            network: &network,
            whole: &network,
            config: &config,
            shaping: train::Shaping::default(),
        };
        train::bank_budget(self.gpu.tuning(), &student, classes, 0, self.options.memory)
            .map_err(at)?;
        let step = student.step(classes, &[], &[]);
        let mut step = TrainingStep::new(&self.gpu, &step).map_err(at)?;
        // The first run compiles.
        step.run().map_err(at)?;
        Ok(step.run().map_err(at)?.as_secs_f64())
    }
}

/// The cell with the highest accuracy, the first of several.
fn best_of(cells: &[(Cell, f64)]) -> &Cell {
    let best = cells.iter().reduce(|a, b| if b.1 > a.1 { b } else { a });
    best.map_or_else(|| unreachable!("a grid has rates"), |(cell, _)| cell)
}
