//! Scores against counting by hand, and intervals against simulated truth.

use gamaka::internals::{
    data::{Pool, Task},
    fewshot::{EpisodeSampler, Head, Metric, ScoreError},
    random::Stream,
    score::{Estimate, Evaluation, System, evaluate},
};
use rayon::prelude::*;

/// `classes` x `files` files, of which `together` form a group.
fn sampler(
    classes: usize,
    files: usize,
    together: usize,
    way: usize,
    shot: usize,
    query: usize,
) -> EpisodeSampler {
    let of_class = (0..classes)
        .map(|class| (class * files..(class + 1) * files).collect())
        .collect();
    let names = (0..classes).map(|class| format!("c{class}")).collect();
    let groups = (0..classes * files).map(|file| file / together).collect();
    EpisodeSampler::new(
        Pool::new(names, of_class, groups),
        Task::new(way, shot, query),
    )
    .unwrap()
}

fn system<'a>(name: &'a str, embeddings: &'a [Vec<f32>]) -> System<'a> {
    System::new(name, embeddings, Head::Prototype(Metric::EUCLIDEAN))
}

/// Embeddings of 8 values: a corner for each class, `apart` from the origin, and normal effects of each group and file.
fn embeddings(
    stream: &mut Stream,
    classes: usize,
    files: usize,
    together: usize,
    apart: f64,
) -> Vec<Vec<f32>> {
    let mut group = [0.0; 8];
    (0..classes * files)
        .map(|file| {
            if file % together == 0 {
                group = [(); 8].map(|()| if together > 1 { stream.normal() } else { 0.0 });
            }
            (0..8)
                .map(|j| {
                    (group[j] + stream.normal() + if j == file / files { apart } else { 0.0 })
                        as f32
                })
                .collect()
        })
        .collect()
}

fn files_interval(estimate: &Estimate) -> (f64, f64) {
    let interval = estimate.over_files.expect("there are files enough");
    (interval.low, interval.high)
}

#[test]
fn accuracy_and_confusions_are_those_counted_by_hand_on_the_same_episodes() {
    let sampler = sampler(6, 12, 1, 4, 3, 5);
    let data = embeddings(&mut Stream::new(1, "test", 0), 6, 12, 1, 1.5);
    let found = evaluate(&sampler, &[system("net", &data)], 50, 9).unwrap();

    let mut confusion = vec![vec![0u64; 6]; 6];
    let mut accuracies = Vec::new();
    for index in 0..50 {
        let episode = sampler.sample(9, index).unwrap();
        let mut right = 0;
        for (&truth, queries) in episode.classes.iter().zip(&episode.query) {
            for &query in queries {
                let squared = |support: &Vec<usize>| -> f64 {
                    let mean = |j: usize| {
                        support.iter().map(|&f| f64::from(data[f][j])).sum::<f64>() / 3.0
                    };
                    (0..8)
                        .map(|j| (f64::from(data[query][j]) - mean(j)).powi(2))
                        .sum()
                };
                let answers = episode.classes.iter().zip(&episode.support);
                let (&answer, _) = answers
                    .min_by(|a, b| squared(a.1).total_cmp(&squared(b.1)))
                    .unwrap();
                confusion[truth][answer] += 1;
                right += usize::from(answer == truth);
            }
        }
        accuracies.push(right as f64 / 20.0);
    }
    let score = &found.systems[0];
    assert_eq!(score.confusion, confusion);
    let mean = accuracies.iter().sum::<f64>() / 50.0;
    assert!((score.accuracy.mean - mean).abs() < 1e-12);
    let variance = accuracies.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / 49.0;
    let half = 1.959964 * (variance / 50.0).sqrt();
    let over_episodes = score.accuracy.over_episodes;
    assert!(
        (over_episodes.low - (mean - half)).abs() < 1e-6
            && (over_episodes.high - (mean + half)).abs() < 1e-6
    );
    for (class, row) in score.per_class.iter().zip(&confusion) {
        assert_eq!(class.queries, row.iter().sum::<u64>());
    }
    assert_eq!(
        score.per_class[2].accuracy,
        Some(confusion[2][2] as f64 / score.per_class[2].queries as f64)
    );
}

#[test]
fn the_same_seed_gives_the_same_result_on_any_number_of_threads() {
    let sampler = sampler(5, 10, 2, 3, 2, 2);
    let data = embeddings(&mut Stream::new(2, "test", 0), 5, 10, 2, 1.0);
    let other = embeddings(&mut Stream::new(3, "test", 0), 5, 10, 2, 1.0);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let found =
                evaluate(&sampler, &[system("a", &data), system("b", &other)], 100, 4).unwrap();
            (
                serde_json::to_string(&found).unwrap(),
                found.difference(0, 1, 0.95).unwrap(),
            )
        })
    };
    assert_eq!(on(1), on(4));
    let reseeded = evaluate(&sampler, &[system("a", &data)], 100, 5).unwrap();
    assert!(
        !on(1)
            .0
            .contains(&format!("{}", reseeded.systems[0].accuracy.mean))
    );
}

#[test]
fn a_dead_network_is_at_chance_and_its_intervals_hold_it() {
    let sampler = sampler(6, 12, 1, 5, 5, 5);
    let dead = vec![vec![0.25; 16]; 72];
    for head in [
        Head::Prototype(Metric::EUCLIDEAN),
        Head::Prototype(Metric::COSINE),
        Head::LINEAR_PROBE,
        Head::GRADIENT,
    ] {
        let found = evaluate(&sampler, &[System::new("dead", &dead, head)], 200, 1).unwrap();
        let accuracy = found.systems[0].accuracy;
        assert!((accuracy.mean - 0.2).abs() < 1e-12);
        let (low, high) = files_interval(&accuracy);
        assert!(0.0 < low && low < 0.2 && 0.2 < high && high < 0.4);
        // Ties go to the first class.
        for (truth, row) in found.systems[0].confusion.iter().enumerate() {
            assert!(row[truth + 1..].iter().all(|&count| count == 0));
        }
    }
}

#[test]
fn all_right_and_all_wrong_stay_within_bounds_and_claim_no_certainty() {
    let sampler = sampler(4, 12, 1, 4, 5, 5);
    let right: Vec<Vec<f32>> = (0..48).map(|file| vec![(file / 12) as f32]).collect();
    let found = evaluate(&sampler, &[system("right", &right)], 100, 1).unwrap();
    let accuracy = found.systems[0].accuracy;
    assert_eq!(accuracy.mean, 1.0);
    let (low, high) = files_interval(&accuracy);
    // Of 48 files 48 right: Clopper and Pearson say 92.6 % to 100 %, Wilson the same, and with t for z 92.0 %.
    assert!(
        high > 1.0 - 1e-12 && high <= 1.0 && (low - 0.92).abs() < 0.002,
        "{low} {high}"
    );

    // Each class a simplex around 0, in dimensions of its own: other files of the class are farther than any other.
    let wrong: Vec<Vec<f32>> = (0..48)
        .map(|file| {
            (0..48)
                .map(|j| {
                    if j / 12 == file / 12 {
                        f32::from(j == file) - 1.0 / 12.0
                    } else {
                        0.0
                    }
                })
                .collect()
        })
        .collect();
    let one_shot = super::scores::sampler(4, 12, 1, 4, 1, 5);
    let found = evaluate(&one_shot, &[system("wrong", &wrong)], 100, 1).unwrap();
    let accuracy = found.systems[0].accuracy;
    assert_eq!(accuracy.mean, 0.0);
    let (low, high) = files_interval(&accuracy);
    assert!(
        (0.0..1e-12).contains(&low) && (high - 0.08).abs() < 0.002,
        "{low} {high}"
    );

    let same = evaluate(
        &sampler,
        &[system("a", &right), system("b", &right)],
        100,
        1,
    )
    .unwrap();
    let difference = same.difference(0, 1, 0.95).unwrap().difference;
    assert_eq!(
        (difference.mean, difference.over_episodes.half_width()),
        (0.0, 0.0)
    );
    let (low, high) = files_interval(&difference);
    assert!(
        (-0.1..-0.01).contains(&low) && (0.01..0.1).contains(&high),
        "{low} {high}"
    );
}

#[test]
fn too_few_files_give_no_interval_over_files_and_say_so() {
    let data = embeddings(&mut Stream::new(1, "test", 0), 3, 12, 1, 1.0);
    let of = |files, shot| {
        evaluate(
            &sampler(3, files, 1, 3, shot, 1),
            &[system("net", &data)],
            20,
            1,
        )
        .unwrap()
    };
    let three = of(3, 1);
    assert!(three.systems[0].accuracy.over_files.is_none());
    assert!(three.note.unwrap().contains("at least four files"));
    let four = of(4, 1);
    assert!(four.systems[0].accuracy.over_files.is_some() && four.note.is_none());
    let fewer_shots = of(12, 8);
    assert!(fewer_shots.systems[0].accuracy.over_files.is_some());
    let note = fewer_shots.note.unwrap();
    assert!(
        note.contains("too few for 8 shots") && note.contains("that of 5 shots"),
        "{note}"
    );
}

#[test]
fn a_higher_confidence_gives_a_wider_interval() {
    let sampler = sampler(4, 12, 1, 4, 2, 5);
    let a = embeddings(&mut Stream::new(1, "test", 0), 4, 12, 1, 1.0);
    let b = embeddings(&mut Stream::new(2, "test", 0), 4, 12, 1, 1.0);
    let found = evaluate(&sampler, &[system("a", &a), system("b", &b)], 100, 1).unwrap();
    let widths = [0.5, 0.95, 0.995].map(|level| {
        let difference = found.difference(0, 1, level).unwrap().difference;
        let apart = found.systems[0].accuracy.mean - found.systems[1].accuracy.mean;
        assert!((difference.mean - apart).abs() < 1e-12);
        (
            difference.over_files.unwrap().half_width(),
            difference.over_episodes.half_width(),
        )
    });
    assert!(
        widths.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1),
        "{widths:?}"
    );
    for level in [0.0, 1.0, f64::NAN, 95.0] {
        assert!(matches!(
            found.difference(0, 1, level),
            Err(ScoreError::Level(_))
        ));
    }
    assert_eq!(
        found.difference(0, 2, 0.95),
        Err(ScoreError::UnknownSystem(2))
    );
}

#[test]
fn few_episodes_widen_both_intervals() {
    let sampler = sampler(4, 60, 1, 3, 1, 1);
    let data = embeddings(&mut Stream::new(1, "test", 0), 4, 60, 1, 1.0);
    let [few, many] = [5, 1000].map(|episodes| {
        evaluate(&sampler, &[system("net", &data)], episodes, 1)
            .unwrap()
            .systems[0]
            .accuracy
    });
    assert!(few.over_episodes.half_width() > 3.0 * many.over_episodes.half_width());
    assert!(few.over_files.unwrap().half_width() > 1.5 * many.over_files.unwrap().half_width());
}

#[test]
fn embeddings_that_cannot_be_scored_are_refused_by_name() {
    let sampler = sampler(3, 6, 1, 3, 1, 1);
    let good = vec![vec![1.0, 2.0]; 18];
    let with = |file: usize, embedding: Vec<f32>| {
        let mut data = good.clone();
        data[file] = embedding;
        evaluate(
            &sampler,
            &[system("fine", &good), system("net", &data)],
            10,
            1,
        )
        .unwrap_err()
    };
    for broken in [f32::NAN, f32::INFINITY, 1e30] {
        let error = with(4, vec![0.0, broken]);
        assert!(
            matches!(&error, ScoreError::NotFinite { system, file: 4 } if system == "net"),
            "{error}"
        );
    }
    assert!(matches!(
        with(5, vec![]),
        ScoreError::Missing { file: 5, .. }
    ));
    assert!(matches!(
        with(6, vec![1.0]),
        ScoreError::Lengths {
            found: 1,
            expected: 2
        }
    ));
    let short = evaluate(&sampler, &[system("net", &good[..9])], 10, 1);
    assert!(matches!(short, Err(ScoreError::Missing { file: 9, .. })));
    assert_eq!(
        evaluate(&sampler, &[system("net", &good)], 1, 1).unwrap_err(),
        ScoreError::TooFewEpisodes
    );
}

/// Evaluations of two systems (the second better) on `replicates` sets of new files.
fn replicates(
    sampler: &EpisodeSampler,
    files: usize,
    together: usize,
    count: u64,
) -> Vec<Evaluation> {
    let evaluation = |number| {
        let mut stream = Stream::new(11, "files", number);
        let a = embeddings(&mut stream, 4, files, together, 1.2);
        let b: Vec<Vec<f32>> = embeddings(&mut stream, 4, files, together, 1.0);
        // The second shares the first's file effects.
        let b: Vec<Vec<f32>> = a
            .iter()
            .zip(&b)
            .map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + 0.7 * b).collect())
            .collect();
        evaluate(sampler, &[system("a", &a), system("b", &b)], 100, number).unwrap()
    };
    (0..count).into_par_iter().map(evaluation).collect()
}

/// How many of the intervals hold the mean of all estimates: over files, and over episodes.
fn coverage(estimates: &[Estimate]) -> (f64, f64) {
    let count = estimates.len() as f64;
    let truth = estimates.iter().map(|estimate| estimate.mean).sum::<f64>() / count;
    let share = |holds: &dyn Fn(&Estimate) -> bool| {
        estimates.iter().filter(|e| holds(e)).count() as f64 / count
    };
    (
        share(&|e| files_interval(e).0 <= truth && truth <= files_interval(e).1),
        share(&|e| e.over_episodes.low <= truth && truth <= e.over_episodes.high),
    )
}

#[test]
fn intervals_over_files_hold_the_truth_and_those_over_episodes_do_not() {
    for (files, together, shot) in [(12, 1, 5), (12, 1, 1), (18, 3, 2)] {
        let found = replicates(
            &sampler(4, files, together, 3, shot, 4),
            files,
            together,
            120,
        );
        let single: Vec<Estimate> = found.iter().map(|e| e.systems[0].accuracy).collect();
        let paired: Vec<Estimate> = found
            .iter()
            .map(|e| e.difference(1, 0, 0.95).unwrap().difference)
            .collect();
        for estimates in [single, paired] {
            let (over_files, over_episodes) = coverage(&estimates);
            // 120 replicates at 95 % have a deviation of 2 %.
            assert!(
                over_files > 0.89,
                "{files} files, {shot}-shot: {over_files}"
            );
            assert!(
                over_episodes < 0.75,
                "{files} files, {shot}-shot: {over_episodes}"
            );
        }
    }
}

#[test]
fn files_of_a_group_do_not_count_as_so_many_files() {
    // The same grouped files, once known as groups of three and once taken for single files.
    let aware = replicates(&sampler(4, 18, 3, 3, 2, 4), 18, 3, 40);
    let naive = replicates(&sampler(4, 18, 1, 3, 2, 4), 18, 3, 40);
    let width = |found: &[Evaluation]| {
        found
            .iter()
            .map(|e| e.systems[0].accuracy.over_files.unwrap().half_width())
            .sum::<f64>()
            / 60.0
    };
    assert!(
        width(&aware) > 1.2 * width(&naive),
        "{} {}",
        width(&aware),
        width(&naive)
    );
}

#[test]
fn altered_queries_are_compared_with_unaltered_supports() {
    // Queries that sound like the next class are all taken for it.
    let sampler = sampler(3, 8, 1, 3, 2, 2);
    let clean = embeddings(&mut Stream::new(4, "test", 0), 3, 8, 1, 40.0);
    let altered: Vec<Vec<f32>> = (0..24).map(|file| clean[(file + 8) % 24].clone()).collect();
    let shifted = System {
        queries: Some(&altered),
        ..system("altered", &clean)
    };
    let found = evaluate(&sampler, &[system("clean", &clean), shifted], 50, 1).unwrap();
    let accuracy = |number: usize| found.systems[number].accuracy;
    assert_eq!((accuracy(0).mean, accuracy(1).mean), (1.0, 0.0));
    let difference = found.difference(1, 0, 0.95).unwrap().difference;
    assert_eq!(difference.mean, -1.0);
    assert!(difference.over_files.unwrap().high < 0.0);
    assert_eq!(found.systems[1].confusion[0], [0, 100, 0]);

    let broken = System {
        queries: Some(&altered[..20]),
        ..system("altered", &clean)
    };
    let error = evaluate(&sampler, &[broken], 50, 1).unwrap_err();
    assert!(
        matches!(error, ScoreError::Missing { file: 20, .. }),
        "{error}"
    );
}

/// Four classes of `files` files in each of two collections, the second of which is shifted by 1 in every direction.
fn two_collections(seed: u64, files: usize) -> (EpisodeSampler, Vec<Vec<f32>>) {
    let both = 2 * files;
    let mut found = embeddings(&mut Stream::new(seed, "between", 0), 4, both, 1, 2.0);
    let query_only: Vec<bool> = (0..4 * both).map(|file| file % both >= files).collect();
    for (values, query) in found.iter_mut().zip(&query_only) {
        values
            .iter_mut()
            .for_each(|x| *x += f32::from(u8::from(*query)));
    }
    let of_class = (0..4).map(|c| (c * both..(c + 1) * both).collect());
    let names = (0..4).map(|class| format!("c{class}")).collect();
    let pool = Pool::new(names, of_class.collect(), (0..4 * both).collect());
    let sampler = EpisodeSampler::between(pool, query_only, Task::new(3, 2, 2)).unwrap();
    (sampler, found)
}

#[test]
fn between_two_collections_the_interval_over_files_holds_the_truth_in_95_percent() {
    let (sampler, found) = two_collections(1, 400);
    let truth = evaluate(&sampler, &[system("many", &found)], 4000, 1).unwrap();
    let truth = truth.systems[0].accuracy.mean;
    let holds = |&seed: &u64| {
        let (sampler, found) = two_collections(seed, 10);
        let accuracy = evaluate(&sampler, &[system("few", &found)], 200, 1).unwrap();
        let (low, high) = files_interval(&accuracy.systems[0].accuracy);
        (low..=high).contains(&truth)
    };
    let held = (100..200u64).into_par_iter().filter(holds).count();
    // 95 are expected, with a deviation of 2.2.
    assert!(held >= 89, "{held} of 100");
}
