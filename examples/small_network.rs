//! What a small network makes of a few songs from nothing, as the page trains it: is a song that it did not train on known?
//!
//! `cargo run --release --features internals --example small_network [-- GENRES SONGS SEEDS RATE NETWORK.toml]`
//!
//! Without words it draws 12 times six styles of the corpus and seven songs of each to train on. The other songs of these styles, but for
//! those whose groove and chords are a training song's, are asked about: which style's mean embedding is nearest? Printed is the share that is right
//! before the training and after a quarter, a half and all of its steps, and the time of a step.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "what cannot be measured is a fault of this file; words are 32 bits"
)]

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use gamaka::Model;
use gamaka::gpu::{DeviceChoice, Gpu, Program};
use gamaka::internals::bundle::{Initial, Training, TrainingOptions};
use gamaka::internals::data::{Dataset, Task};
use gamaka::internals::embed::Embedder;
use gamaka::internals::features::FrontEnd;
use gamaka::internals::random::Stream;
use gamaka::internals::settings::TrainConfig;
use gamaka::mel::EngineChoice;
use gamaka::model::{Network, Spec};
use gamaka::ops::{Distance, Slot, StepInfo};

/// The first clip of each song, and where the songs of a draw stand.
struct Draw {
    /// Of each genre, songs that are trained on, and those that are asked about.
    genres: Vec<[Vec<usize>; 2]>,
    way: usize,
}

impl Draw {
    fn new(dataset: &Dataset, genres: usize, songs: usize, seed: u64) -> Self {
        let mut stream = Stream::new(seed, "small network", 0);
        let mut classes: Vec<usize> = (0..dataset.classes.len()).collect();
        stream.shuffle(&mut classes);
        let part = |class: &usize| {
            let items = dataset.items.iter().enumerate();
            let own = items.filter(|(_, item)| item.class == *class);
            let mut own: Vec<usize> = own.map(|(place, _)| place).collect();
            stream.shuffle(&mut own);
            let mut asked = own.split_off(songs.min(own.len()));
            let group = |song: &usize| dataset.items[*song].group;
            let trained: HashSet<usize> = own.iter().map(group).collect();
            asked.retain(|song| !trained.contains(&group(song)));
            [own, asked]
        };
        Self {
            genres: classes[..genres].iter().map(part).collect(),
            way: genres.min(TrainingOptions::default().task.way),
        }
    }

    /// Clips of an episode as the page draws them (`web/src/learn/material.ts`), by their places in the bank.
    fn episode(&self, task: Task, seed: u64, step: usize) -> Vec<usize> {
        let mut stream = Stream::new(seed, "episode", step as u64);
        let mut first = 0;
        let mut units: Vec<Vec<usize>> = Vec::new();
        for [trained, _] in &self.genres {
            units.push((first..first + trained.len()).collect());
            first += trained.len();
        }
        stream.shuffle(&mut units);
        let [mut learned, mut asked] = [Vec::new(), Vec::new()];
        for songs in &mut units[..self.way] {
            stream.shuffle(songs);
            let share = (2 * songs.len() * task.shot + task.files()) / (2 * task.files());
            let (shots, queries) = songs.split_at(share.clamp(1, songs.len() - 1));
            learned.extend(shots.iter().cycle().take(task.shot));
            asked.extend(queries.iter().cycle().take(task.query));
        }
        [learned, asked].concat()
    }

    /// The share of songs asked about that are right.
    fn right(&self, distance: Distance, embedder: &Embedder, clips: &[Vec<f32>]) -> f64 {
        let embed = |songs: &[usize]| {
            let clips: Vec<Vec<f32>> = songs.iter().map(|&song| clips[song].clone()).collect();
            embedder.embed(&clips).unwrap()
        };
        let mean = |rows: Vec<Vec<f32>>| -> Vec<f32> {
            let at = |k: usize| rows.iter().map(|row| row[k]).sum::<f32>() / rows.len() as f32;
            (0..rows[0].len()).map(at).collect()
        };
        let means: Vec<Vec<f32>> = self
            .genres
            .iter()
            .map(|[own, _]| mean(embed(own)))
            .collect();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let far = |a: &[f32], b: &[f32]| match distance {
            Distance::Cosine => -dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
            Distance::Euclidean => dot(a, a) - 2.0 * dot(a, b) + dot(b, b),
        };
        let (mut right, mut all) = (0, 0);
        for (genre, [_, asked]) in self.genres.iter().enumerate() {
            for song in embed(asked) {
                let far_from = |place: &usize| far(&song, &means[*place]);
                let nearest = (0..means.len()).min_by(|a, b| far_from(a).total_cmp(&far_from(b)));
                right += usize::from(nearest == Some(genre));
                all += 1;
            }
        }
        f64::from(u32::try_from(right).unwrap()) / f64::from(all)
    }
}

/// Trains on a draw. Gives what is right at the four moments, and the milliseconds of a step.
fn learn(gpu: &Gpu, draw: &Draw, options: TrainingOptions, clips: &[Vec<f32>]) -> ([f64; 4], f64) {
    let [bands, frames] = Model::included().unwrap().network.input;
    let TrainingOptions {
        steps, seed, task, ..
    } = options;
    let task = Task {
        way: draw.way,
        ..task
    };
    let network = Network::new(options.spec.clone(), [bands, frames]).unwrap();
    let config = TrainConfig {
        episodes: steps,
        learning_rate: options.learning_rate,
        ..TrainConfig::default()
    };
    let training = Training::new(options, [bands, frames]).unwrap();
    let plan = training.step(gpu.class(), task);
    let [bank, slots, step, parameters] =
        ["bank", "slots", "step", "parameters"].map(|name| plan.port(name).unwrap());
    let program = Program::new(gpu, plan.clone()).unwrap();
    for Initial { port, words, .. } in training.initial() {
        program.write(plan.port(port).unwrap(), &words);
    }
    let trained = draw.genres.iter().flat_map(|[trained, _]| trained);
    for (place, &song) in trained.enumerate() {
        program.write_at(bank, place * bands * frames, &clips[song]);
    }
    let embedder = Embedder::new(gpu, &network, &network.initial_parameters(seed)).unwrap();
    let right = || {
        embedder.set_parameters(&program.read::<f32>(parameters).unwrap());
        draw.right(network.spec.distance, &embedder, clips)
    };
    let (mut found, mut seconds) = ([0.0; 4], 0.0);
    found[0] = right();
    for number in 0..steps {
        let begun = Instant::now();
        let slot = |place| Slot::file(0, (place * bands * frames) as u32, frames as u32);
        let episode = draw.episode(task, seed, number).into_iter().map(slot);
        program.write(slots, &episode.collect::<Vec<_>>());
        let info = StepInfo {
            seed: seed as u32,
            step: number as u32,
            learning_rate: config.learning_rate(number) as f32,
            threshold: 0.0,
        };
        program.write(step, &[info]);
        program.run().unwrap();
        gpu.wait().unwrap();
        seconds += begun.elapsed().as_secs_f64();
        for (moment, at) in [(1, steps / 4), (2, steps / 2), (3, steps)] {
            if number + 1 == at {
                found[moment] = right();
            }
        }
    }
    (found, 1e3 * seconds / steps as f64)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, usual: f64| -> f64 {
        arguments
            .get(place)
            .map_or(usual, |text| text.parse().unwrap())
    };
    let whole = |place: usize, usual: usize| -> usize {
        arguments
            .get(place)
            .map_or(usual, |text| text.parse().unwrap())
    };
    let (genres, songs, seeds) = (whole(0, 6), whole(1, 7), whole(2, 12));
    let usual = TrainingOptions::default();
    let options = TrainingOptions {
        learning_rate: number(3, usual.learning_rate),
        spec: arguments.get(4).map_or(usual.spec.clone(), |path| {
            Spec::from_toml(&std::fs::read_to_string(path).unwrap()).unwrap()
        }),
        ..usual
    };

    let gpu = Gpu::open(&DeviceChoice::Auto).unwrap();
    let model = Model::included().unwrap();
    let dataset = Dataset::open(Path::new("assets/corpus/manifest.csv")).unwrap();
    let front_end = FrontEnd::new(EngineChoice::Auto, Some(&gpu), model.hearing(true)).unwrap();
    let clip = |item| -> Vec<f32> {
        let features = front_end.features(&dataset.file(item)).unwrap();
        features.segments(model.info.segment).swap_remove(0).values
    };
    let clips: Vec<Vec<f32>> = dataset.items.iter().map(clip).collect();

    let mut rows = Vec::new();
    for seed in 1..=seeds as u64 {
        let options = TrainingOptions {
            seed,
            ..options.clone()
        };
        let draw = Draw::new(&dataset, genres, songs, seed);
        let (right, ms) = learn(&gpu, &draw, options, &clips);
        println!("seed {seed}: {right:.3?}, {ms:.1} ms a step");
        rows.push(right);
    }
    for (moment, name) in ["before", "a quarter", "half", "all"].iter().enumerate() {
        let values = || rows.iter().map(|row| row[moment]);
        let mean = values().sum::<f64>() / rows.len() as f64;
        let squares = values().map(|value| (value - mean).powi(2)).sum::<f64>();
        let deviation = (squares / (rows.len() as f64 - 1.0)).sqrt();
        println!(
            "{name:10} {mean:.3}, deviation {deviation:.3} over {} draws",
            rows.len()
        );
    }
    println!("guessing   {:.3}", 1.0 / genres as f64);
}
