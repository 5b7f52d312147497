//! Does the interval over files hold what it says where files have several labels? Simulated data sets, as in
//! `interval_coverage.rs`.
//!
//! `cargo run --release --features internals --example multi_label_coverage [-- REPLICATES [START OF A SETTING'S NAME]]`
//!
//! Each replicate draws new files: a file has one label by turns and each other one by chance, and its embedding is the
//! sum of its labels' vectors plus its own effect. Two systems see the same files. The truth is the mean over all
//! replicates, each scored on many episodes; how far it is off by the number of replicates is printed. Counted is how
//! often the 95 % intervals hold it, for macro F1 and mean average precision of both systems and for their difference.

#![allow(
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a setting that cannot be simulated is a fault of this file; embeddings are f32"
)]

use gamaka::internals::{
    data::{Pool, Task},
    fewshot::{EpisodeSampler, Head, Metric},
    random::Stream,
    score::{Estimate, System, evaluate_multi_label},
};
use rayon::prelude::*;

/// Dimensions of an embedding.
const DIMENSIONS: usize = 16;
/// Episodes of each evaluation.
const EPISODES: usize = 300;
/// Labels there are.
const LABELS: usize = 8;
/// Labels of an episode, and queries a label.
const WAY: usize = 5;
const QUERY: usize = 5;
/// How much of a file's effect the two systems share.
const SHARED: f64 = 0.7;

struct Setting {
    name: &'static str,
    files: usize,
    shot: usize,
    /// Chance of a label beside the first.
    more: f64,
    /// Length of the labels' vectors for both systems, in deviations of the file effect.
    apart: [f64; 2],
}

const SETTINGS: [Setting; 4] = [
    Setting {
        name: "96 files, 5-shot",
        files: 96,
        shot: 5,
        more: 0.1,
        apart: [0.8, 0.6],
    },
    Setting {
        name: "96 files, 1-shot",
        files: 96,
        shot: 1,
        more: 0.1,
        apart: [1.2, 0.9],
    },
    Setting {
        name: "96 files with many labels, 5-shot",
        files: 96,
        shot: 5,
        more: 0.25,
        apart: [0.8, 0.6],
    },
    Setting {
        name: "240 files, 5-shot",
        files: 240,
        shot: 5,
        more: 0.1,
        apart: [0.8, 0.6],
    },
];

impl Setting {
    /// The figures of one draw of files: macro F1 of A, of B and of A less B, then the same of average precision.
    fn replicate(&self, number: u64) -> [Estimate; 6] {
        let mut stream = Stream::new(7, "labels", 0);
        let vector = |stream: &mut Stream| -> Vec<f64> {
            (0..DIMENSIONS).map(|_| stream.normal()).collect()
        };
        let [first, other] =
            [0, 1].map(|_| Vec::from_iter((0..LABELS).map(|_| vector(&mut stream))));
        let mut stream = Stream::new(2, "replicate", number);
        let mut files = vec![Vec::new(); LABELS];
        let mut embeddings = [Vec::new(), Vec::new()];
        for file in 0..self.files {
            let has: Vec<usize> = (0..LABELS)
                .filter(|&label| file % LABELS == label || stream.unit() < self.more)
                .collect();
            has.iter().for_each(|&label| files[label].push(file));
            let sum = |of: &[Vec<f64>], j: usize| has.iter().map(|&k| of[k][j]).sum::<f64>();
            let (effect, own) = (vector(&mut stream), vector(&mut stream));
            let of_a = |j: usize| self.apart[0] * sum(&first, j) + effect[j];
            // The systems share 80 % of the labels' directions.
            let of_b = |j: usize| {
                self.apart[1] * (0.8 * sum(&first, j) + 0.6 * sum(&other, j))
                    + SHARED * effect[j]
                    + (1.0 - SHARED * SHARED).sqrt() * own[j]
            };
            embeddings[0].push((0..DIMENSIONS).map(|j| of_a(j) as f32).collect());
            embeddings[1].push((0..DIMENSIONS).map(|j| of_b(j) as f32).collect());
        }
        let names = (0..LABELS).map(|label| label.to_string()).collect();
        let pool = Pool::new(names, files, (0..self.files).collect());
        let sampler = EpisodeSampler::new(pool, Task::new(WAY, self.shot, QUERY))
            .expect("every setting has enough files");
        let systems = [("A", 0), ("B", 1)].map(|(name, system)| {
            System::new(
                name,
                &embeddings[system],
                Head::Prototype(Metric::EUCLIDEAN),
            )
        });
        let found = evaluate_multi_label(&sampler, &systems, EPISODES, number)
            .expect("every setting can be scored");
        let rows = [&found.systems[0], &found.systems[1], &found.differences[0]];
        let [f1, precision] = [
            rows.map(|row| row.macro_f1),
            rows.map(|row| row.mean_average_precision),
        ];
        [
            f1[0],
            f1[1],
            f1[2],
            precision[0],
            precision[1],
            precision[2],
        ]
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let replicates: u64 = arguments
        .next()
        .map_or(500, |text| text.parse().expect("the number of replicates"));
    let words = arguments.collect::<Vec<_>>().join(" ");
    println!(
        "{replicates} replicates; the truth, how far the figure of one replicate deviates from it, and"
    );
    println!(
        "half-width and coverage of the 95 % intervals over files and over episodes, all in %"
    );
    let chosen = SETTINGS.iter().filter(|s| s.name.starts_with(&words));
    for setting in chosen {
        let started = std::time::Instant::now();
        let found: Vec<[Estimate; 6]> = (0..replicates)
            .into_par_iter()
            .map(|number| setting.replicate(number))
            .collect();
        let seconds = started.elapsed().as_secs_f64();
        println!("\n{} ({seconds:.0} s)", setting.name);
        let names = ["A", "B", "A - B"];
        for figure in 0..6 {
            let of: Vec<Estimate> = found.iter().map(|figures| figures[figure]).collect();
            let count = of.len() as f64;
            let mean = |value: &dyn Fn(&Estimate) -> f64| of.iter().map(value).sum::<f64>() / count;
            let truth = mean(&|e| e.mean);
            let deviation = mean(&|e| (e.mean - truth).powi(2)).sqrt();
            let over_files = |e: &Estimate| e.over_files.expect("halves have enough files");
            let intervals: [&dyn Fn(&Estimate) -> _; 2] = [&over_files, &|e| e.over_episodes];
            let [files, episodes] = intervals.map(|interval| {
                let width = mean(&|e| interval(e).half_width());
                let held = mean(&|e| {
                    let i = interval(e);
                    f64::from(u8::from(i.low <= truth && truth <= i.high))
                });
                [100.0 * width, 100.0 * held]
            });
            println!(
                "  {:18} {:5} true {:6.2} ± {:5.2}   files {:5.2} covers {:5.1}   episodes {:4.2} covers {:5.1}",
                ["macro F1", "average precision"][figure / 3],
                names[figure % 3],
                100.0 * truth,
                100.0 * deviation,
                files[0],
                files[1],
                episodes[0],
                episodes[1],
            );
        }
    }
}
