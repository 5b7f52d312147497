//! Does the interval over files hold what it says? Simulated data sets, of which the true accuracy is known.
//!
//! `cargo run --release --features internals --example interval_coverage [-- REPLICATES [START OF A SETTING'S NAME, or all]]`
//!
//! Without words it takes the two settings of 6 classes x 12 files, in a few minutes on two cores.
//!
//! Each setting fixes the means of its classes and draws, 2000 times, new files of these classes: a file's embedding
//! is its class's mean plus the file's own effect (and its group's, where files come in groups). Two systems see the
//! same files, with means and effects that they share in part. The truth is the mean accuracy over 20,000 fresh data
//! sets, scored by code of this file where prototypes classify. Printed is how often the 95 % intervals hold it: over files for both systems and
//! for their difference, and over episodes for comparison.

#![allow(
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a setting that cannot be simulated is a fault of this file; embeddings are f32"
)]

use gamaka::internals::{
    data::{Pool, Task},
    fewshot::{EpisodeSampler, Head, Metric},
    random::Stream,
    score::{System, evaluate},
};
use rayon::prelude::*;

/// Dimensions of an embedding.
const DIMENSIONS: usize = 32;
/// Episodes of each evaluation.
const EPISODES: usize = 300;
/// Fresh data sets for the truth.
const FRESH: u64 = 20_000;
/// How much of a file's effect the two systems share.
const SHARED: f64 = 0.7;

#[derive(Clone, Copy)]
struct Setting {
    name: &'static str,
    classes: usize,
    /// Files a class.
    files: usize,
    /// Files a group.
    group: usize,
    way: usize,
    shot: usize,
    query: usize,
    /// Distance between the class means for both systems, in deviations of the file effect.
    apart: [f64; 2],
    /// How the deviation falls from one dimension to the next: 0.97 is nearly even, at 0.5 three dimensions count.
    falling: f64,
    /// What classifies.
    head: Head,
    /// Deviation of the log of a file's own scale: 0 is Gaussian, at 0.7 some files are far out.
    tails: f64,
}

const BASE: Setting = Setting {
    name: "",
    classes: 6,
    files: 12,
    group: 1,
    way: 5,
    shot: 5,
    query: 5,
    apart: [0.45, 0.4],
    falling: 0.97,
    head: Head::Prototype(Metric::EUCLIDEAN),
    tails: 0.0,
};

const SETTINGS: [Setting; 22] = [
    Setting {
        name: "6 x 12, 5-shot",
        ..BASE
    },
    Setting {
        name: "6 x 12, 1-shot",
        shot: 1,
        apart: [0.8, 0.6],
        ..BASE
    },
    Setting {
        name: "5-shot, near chance",
        apart: [0.2, 0.25],
        ..BASE
    },
    Setting {
        name: "5-shot, high",
        apart: [0.8, 0.6],
        ..BASE
    },
    Setting {
        name: "5-shot, near 100 %",
        apart: [1.0, 0.9],
        ..BASE
    },
    Setting {
        name: "1-shot, low",
        shot: 1,
        apart: [0.4, 0.3],
        ..BASE
    },
    Setting {
        name: "1-shot, near 100 %",
        shot: 1,
        apart: [1.4, 1.2],
        ..BASE
    },
    Setting {
        name: "5-shot, three dimensions",
        falling: 0.5,
        apart: [1.0, 0.8],
        ..BASE
    },
    Setting {
        name: "1-shot, three dimensions",
        shot: 1,
        falling: 0.5,
        apart: [1.5, 1.2],
        ..BASE
    },
    Setting {
        name: "5-shot, far-out files",
        tails: 0.7,
        apart: [0.6, 0.5],
        ..BASE
    },
    Setting {
        name: "1-shot, far-out files",
        shot: 1,
        tails: 0.7,
        apart: [1.0, 0.8],
        ..BASE
    },
    Setting {
        name: "6 x 30, 5-shot",
        files: 30,
        ..BASE
    },
    Setting {
        name: "24 x 12, 5-shot",
        classes: 24,
        ..BASE
    },
    Setting {
        name: "2 x 12, 2-way 5-shot",
        classes: 2,
        way: 2,
        apart: [0.4, 0.3],
        ..BASE
    },
    Setting {
        name: "8 groups of 3, 5-shot",
        files: 24,
        group: 3,
        apart: [0.6, 0.45],
        ..BASE
    },
    Setting {
        name: "8 groups of 3, 1-shot",
        files: 24,
        group: 3,
        shot: 1,
        apart: [0.8, 0.6],
        ..BASE
    },
    Setting {
        name: "linear probe: 6 x 12, 5-shot",
        head: Head::LINEAR_PROBE,
        ..BASE
    },
    Setting {
        name: "linear probe: 6 x 12, 2-way 5-shot",
        head: Head::LINEAR_PROBE,
        way: 2,
        ..BASE
    },
    // The size of the corpus's test part.
    Setting {
        name: "fewer shots: 6 x 10, 5-shot",
        files: 10,
        ..BASE
    },
    Setting {
        name: "fewer shots: 6 x 7, 5-shot",
        files: 7,
        query: 2,
        apart: [0.6, 0.4],
        ..BASE
    },
    Setting {
        name: "fewer shots: 6 x 12, 10-shot",
        shot: 10,
        query: 2,
        ..BASE
    },
    Setting {
        name: "fewer shots: 2 x 8, 5-shot",
        classes: 2,
        way: 2,
        files: 8,
        query: 3,
        apart: [0.4, 0.3],
        ..BASE
    },
];

impl Setting {
    /// The class means of both systems, which share 80 % of their directions.
    fn means(&self) -> [Vec<Vec<f64>>; 2] {
        let mut stream = Stream::new(7, "means", 0);
        let mut draw = || -> Vec<Vec<f64>> {
            let vector = |stream: &mut Stream| {
                (0..DIMENSIONS)
                    .map(|j| stream.normal() * self.deviation(j))
                    .collect()
            };
            (0..self.classes).map(|_| vector(&mut stream)).collect()
        };
        let (first, other) = (draw(), draw());
        let scaled = |c: usize, j: usize, system: usize| match system {
            0 => self.apart[0] * first[c][j],
            _ => self.apart[1] * (0.8 * first[c][j] + 0.6 * other[c][j]),
        };
        [0, 1].map(|system| {
            (0..self.classes)
                .map(|c| (0..DIMENSIONS).map(|j| scaled(c, j, system)).collect())
                .collect()
        })
    }

    fn deviation(&self, dimension: usize) -> f64 {
        self.falling.powi(dimension as i32)
    }

    /// New files of the classes: their embeddings in both systems.
    fn draw(&self, means: &[Vec<Vec<f64>>; 2], stream: &mut Stream) -> [Vec<Vec<f32>>; 2] {
        let own = (1.0 - SHARED * SHARED).sqrt();
        // Where files come in groups, half of a file's variance is its group's.
        let (of_group, of_file) = if self.group > 1 {
            (0.5f64.sqrt(), 0.5f64.sqrt())
        } else {
            (0.0, 1.0)
        };
        let mut found = [Vec::new(), Vec::new()];
        for mean in means[0].iter().zip(&means[1]) {
            let mut group = Vec::new();
            for file in 0..self.files {
                if file % self.group == 0 {
                    group = (0..2 * DIMENSIONS).map(|_| stream.normal()).collect();
                }
                let scale = (self.tails * stream.normal()).exp();
                let effect: Vec<f64> = group
                    .iter()
                    .map(|shared| of_group * shared + of_file * stream.normal())
                    .collect();
                let (a, b) = effect.split_at(DIMENSIONS);
                for (system, found) in found.iter_mut().enumerate() {
                    let value = |j: usize| {
                        let (mean, effect) = match system {
                            0 => (mean.0[j], a[j]),
                            _ => (mean.1[j], SHARED * a[j] + own * b[j]),
                        };
                        (mean + scale * self.deviation(j) * effect) as f32
                    };
                    found.push((0..DIMENSIONS).map(value).collect());
                }
            }
        }
        found
    }

    fn sampler(&self) -> EpisodeSampler {
        let of_class = |class: usize| (class * self.files..(class + 1) * self.files).collect();
        let names = (0..self.classes).map(|class| class.to_string()).collect();
        let groups = (0..self.classes * self.files)
            .map(|file| file / self.group)
            .collect();
        let pool = Pool::new(names, (0..self.classes).map(of_class).collect(), groups);
        EpisodeSampler::new(pool, Task::new(self.way, self.shot, self.query))
            .expect("every setting has enough files")
    }

    /// The accuracy of both systems over fresh data sets, one episode each.
    fn truth(&self, means: &[Vec<Vec<f64>>; 2], sampler: &EpisodeSampler) -> [f64; 2] {
        let accuracies: Vec<[f64; 2]> = (0..FRESH)
            .into_par_iter()
            .map(|number| {
                let embeddings = self.draw(means, &mut Stream::new(1, "fresh", number));
                let episode = sampler
                    .sample(1, number)
                    .expect("every setting has enough files");
                embeddings.map(|embeddings| {
                    let prototypes: Vec<Vec<f32>> = episode
                        .support
                        .iter()
                        .map(|files| {
                            (0..DIMENSIONS)
                                .map(|j| {
                                    files.iter().map(|&f| embeddings[f][j]).sum::<f32>()
                                        / files.len() as f32
                                })
                                .collect()
                        })
                        .collect();
                    // A linear head has no second implementation here: only its interval is put to the test.
                    let fitted = (!matches!(self.head, Head::Prototype(_))).then(|| {
                        let supports: Vec<Vec<&[f32]>> = episode
                            .support
                            .iter()
                            .map(|files| files.iter().map(|&f| embeddings[f].as_slice()).collect())
                            .collect();
                        self.head.fit(&supports)
                    });
                    let mut right = 0;
                    for (class, queries) in episode.query.iter().enumerate() {
                        for &query in queries {
                            let far = |other: usize| -> f32 {
                                match &fitted {
                                    Some(fitted) => fitted.distance(&embeddings[query], other),
                                    None => embeddings[query]
                                        .iter()
                                        .zip(&prototypes[other])
                                        .map(|(a, b)| (a - b) * (a - b))
                                        .sum(),
                                }
                            };
                            right += usize::from(
                                (0..self.way)
                                    .all(|other| other == class || far(other) > far(class)),
                            );
                        }
                    }
                    right as f64 / (self.way * self.query) as f64
                })
            })
            .collect();
        [0, 1].map(|system| accuracies.iter().map(|both| both[system]).sum::<f64>() / FRESH as f64)
    }
}

/// One interval's record over the replicates.
#[derive(Default)]
struct Record {
    held: usize,
    width: f64,
    mean: f64,
    square: f64,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let replicates: u64 = arguments
        .next()
        .map_or(2000, |text| text.parse().expect("the number of replicates"));
    let mut words = arguments.collect::<Vec<_>>().join(" ");
    if words.is_empty() {
        words = "6 x 12".into();
    }
    println!(
        "{replicates} replicates; A, B and A - B; true accuracy and its true deviation over files; half-width"
    );
    println!("and coverage of the 95 % intervals over files and over episodes, all in %");
    for setting in SETTINGS
        .iter()
        .filter(|setting| words == "all" || setting.name.starts_with(&words))
    {
        let started = std::time::Instant::now();
        let (means, sampler) = (setting.means(), setting.sampler());
        let [a, b] = setting.truth(&means, &sampler);
        let truths = [a, b, a - b];
        let estimates: Vec<_> = (0..replicates)
            .into_par_iter()
            .map(|number| {
                let embeddings = setting.draw(&means, &mut Stream::new(2, "replicate", number));
                let systems = [("A", 0), ("B", 1)]
                    .map(|(name, system)| System::new(name, &embeddings[system], setting.head));
                let found = evaluate(&sampler, &systems, EPISODES, number)
                    .expect("every setting can be scored");
                let difference = found
                    .difference(0, 1, 0.95)
                    .expect("both were scored")
                    .difference;
                [
                    found.systems[0].accuracy,
                    found.systems[1].accuracy,
                    difference,
                ]
            })
            .collect();
        println!(
            "\n{} ({:.0} s)",
            setting.name,
            started.elapsed().as_secs_f64()
        );
        for (which, truth) in truths.into_iter().enumerate() {
            let [mut files, mut episodes] = [Record::default(), Record::default()];
            for estimate in estimates.iter().map(|estimates| &estimates[which]) {
                let over_files = estimate
                    .over_files
                    .expect("every setting has four files a class");
                for (record, interval) in [
                    (&mut files, over_files),
                    (&mut episodes, estimate.over_episodes),
                ] {
                    record.held += usize::from(interval.low <= truth && truth <= interval.high);
                    record.width += interval.half_width();
                    record.mean += estimate.mean;
                    record.square += estimate.mean * estimate.mean;
                }
            }
            let count = replicates as f64;
            let deviation = (files.square / count - (files.mean / count).powi(2)).sqrt();
            println!(
                "  {:5} true {:6.2} ± {:5.2}   files {:5.2} covers {:5.1}   episodes {:4.2} covers {:5.1}",
                ["A", "B", "A - B"][which],
                100.0 * truth,
                100.0 * deviation,
                100.0 * files.width / count,
                100.0 * files.held as f64 / count,
                100.0 * episodes.width / count,
                100.0 * episodes.held as f64 / count,
            );
        }
    }
}
